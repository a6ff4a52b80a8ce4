//! Reading a certificate that anybody may have written.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::write::{LAST, PARTITIONS, last_line};
use super::{
    Certificate, CertificateError, Counts, Digests, Entry, Grades, Group, Hash, MOST_BYTES, MOST_LETTERS,
    MOST_NAMES, MOST_PARTITIONS, Scope, VERSION,
};
use crate::day::{Day, DayRange};
use crate::key::{InstrumentKey, InstrumentType};
use crate::partition::{Origin, Partition, Status};
use crate::table::DataType;

/// The most bytes before the partitions.
const MOST_HEAD_BYTES: usize = 4 << 20;

/// The most letters of a reason that quotes the document.
const MOST_REASON: usize = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    mtdh_certificate: u32,
    certified_us: i64,
    mtdh: String,
    format_version: u32,
    schema_version: u32,
    origin: &'a str,
    selection: Selection,
    verdict: String,
    counts: CountsIn,
    grades: GradesIn,
    bytes_proved: bool,
    root: &'a str,
    #[serde(deserialize_with = "groups")]
    partitions: Vec<Group>,
    #[serde(rename = "digest")]
    _digest: &'a str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Selection {
    first_day: String,
    last_day: String,
    venues: Vec<String>,
    instrument_types: Vec<String>,
    data_types: Vec<String>,
    instruments: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CountsIn {
    stored: u64,
    empty: u64,
    absent: u64,
    missing: u64,
    not_exported_yet: u64,
    unexpected: u64,
    rows: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GradesIn {
    good: u64,
    degraded: u64,
    bad: u64,
    unknown: u64,
    unchecked: u64,
}

impl Certificate {
    /// Parses the bytes of a certificate. Returns also its own digest. `path`: a partition's path in the lake.
    ///
    /// # Errors
    /// When the bytes are not those that [`Certificate::to_bytes`] writes, or what can be recomputed differs.
    pub fn parse(
        bytes: &[u8],
        path: impl Fn(Origin, &Partition) -> String,
    ) -> Result<(Certificate, Hash), CertificateError> {
        if bytes.len() > MOST_BYTES {
            return Err(CertificateError::TooLong);
        }
        let (head, digest) = without_last_line(bytes)?;
        match version(head) {
            Some(VERSION) => {}
            Some(newer) if newer > VERSION => return Err(CertificateError::Newer(newer)),
            _ => return Err(not_one("its second line does not say which version of a certificate it is")),
        }
        let there = holds(&head[..head.len().min(MOST_HEAD_BYTES)], PARTITIONS);
        if !there {
            return Err(not_one("its partitions do not begin where they must"));
        }
        let document: Document<'_> =
            serde_json::from_slice(bytes).map_err(|error| not_one(&error.to_string()))?;
        let certificate = document.certificate()?;
        certificate.check(head)?;
        let origin = certificate.origin;
        let found = certificate.compute_root(|partition| path(origin, partition));
        if found != certificate.root {
            return Err(CertificateError::OtherRoot { said: certificate.root, found });
        }
        Ok((certificate, digest))
    }

    /// Compares the counts with the partitions, and the bytes with those that would be written.
    fn check(&self, head: &[u8]) -> Result<(), CertificateError> {
        let mut counts =
            Counts { unexpected: self.counts.unexpected, rows: self.counts.rows, ..Counts::default() };
        self.partitions().for_each(|(_, entry)| counts.add(entry.status));
        let wrong = |text: &str| Err(CertificateError::Contradicts(text.to_owned()));
        if counts != self.counts {
            return wrong("its counts are not those of its partitions");
        }
        let Grades { good, degraded, bad, unknown, unchecked } = self.grades;
        let graded = [good, degraded, bad, unknown, unchecked].into_iter().try_fold(0_u64, u64::checked_add);
        if graded != Some(counts.objects()) || counts.unexpected > counts.objects() {
            return wrong("its grades are not as many as its objects");
        }
        let days = self.scope.days;
        if !self.groups.iter().all(|group| days.contains(group.day)) {
            return wrong("it names a partition of a day that is not one of its selection");
        }
        let mut rest = Some(head);
        self.write(&mut |piece| rest = rest.and_then(|rest| rest.strip_prefix(piece.as_bytes())));
        if rest == Some(&[]) { Ok(()) } else { Err(CertificateError::NotCanonical) }
    }
}

impl Document<'_> {
    fn certificate(self) -> Result<Certificate, CertificateError> {
        let Selection { first_day, last_day, venues, instrument_types, data_types, instruments } =
            self.selection;
        let days: (Day, Day) = (known(&first_day, "a day")?, known(&last_day, "a day")?);
        let days = DayRange::new(days.0, days.1).map_err(|error| not_one(&error.to_string()))?;
        let kinds: Vec<InstrumentType> = all_known(&instrument_types, "an instrument type")?;
        let data_types: Vec<DataType> = all_known(&data_types, "a data type")?;
        for list in [&venues, &instruments] {
            if list.len() > MOST_NAMES || list.iter().any(|name| name.len() > MOST_LETTERS) {
                return Err(not_one("its selection has more or longer names than any has"));
            }
        }
        let is_sorted = venues.is_sorted_by(|a, b| a < b)
            && instruments.is_sorted_by(|a, b| a < b)
            && instrument_types.is_sorted_by(|a, b| a < b)
            && data_types.is_sorted_by(|a, b| a.name() < b.name());
        if !is_sorted {
            return Err(not_one("a list of its selection is not in order, or names something twice"));
        }
        if [&self.mtdh, &self.verdict].iter().any(|text| text.len() > MOST_LETTERS) {
            return Err(not_one("it has a longer text than any has"));
        }
        let _ = self.mtdh_certificate; // Was read before, from its line.
        let CountsIn { stored, empty, absent, missing, not_exported_yet, unexpected, rows } = self.counts;
        let GradesIn { good, degraded, bad, unknown, unchecked } = self.grades;
        Ok(Certificate {
            certified_us: self.certified_us,
            mtdh: self.mtdh,
            format_version: self.format_version,
            schema_version: self.schema_version,
            origin: known::<Origin>(self.origin, "an origin")?,
            scope: Scope { days, venues, instrument_types: kinds, data_types, instruments },
            verdict: self.verdict,
            counts: Counts { stored, empty, absent, missing, not_exported_yet, unexpected, rows },
            grades: Grades { good, degraded, bad, unknown, unchecked },
            are_bytes_proved: self.bytes_proved,
            root: Hash::from_hex(self.root)
                .ok_or_else(|| not_one("its root is not 64 hexadecimal digits"))?,
            groups: self.partitions,
        })
    }
}

/// All lines but the last, and the digest in the last, which must be theirs.
fn without_last_line(bytes: &[u8]) -> Result<(&[u8], Hash), CertificateError> {
    let length = LAST.0.len() + 64 + LAST.1.len();
    let (head, last) = bytes.split_at(bytes.len().saturating_sub(length));
    let digest = || {
        let digits = last.strip_prefix(LAST.0.as_bytes())?.strip_suffix(LAST.1.as_bytes())?;
        Hash::from_hex(std::str::from_utf8(digits).ok()?)
    };
    let said = digest().ok_or(CertificateError::CutOff)?;
    let found = Hash::sha256(head);
    debug_assert_eq!(last, last_line(said).as_bytes());
    if said == found { Ok((head, said)) } else { Err(CertificateError::Edited { said, found }) }
}

/// The version in the second line.
fn version(head: &[u8]) -> Option<u32> {
    let rest = head.strip_prefix(b"{\n\"mtdh_certificate\":")?;
    let digits = rest.iter().take(10).take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn not_one(reason: &str) -> CertificateError {
    CertificateError::NotOne(reason.chars().take(MOST_REASON).collect())
}

/// A value in its canonical spelling.
fn known<T: std::str::FromStr + fmt::Display>(text: &str, what: &str) -> Result<T, CertificateError> {
    let value = text.parse::<T>().ok().filter(|value| value.to_string() == text);
    value.ok_or_else(|| not_one(&format!("`{text}` is not {what}")))
}

fn all_known<T: std::str::FromStr + fmt::Display>(
    texts: &[String],
    what: &str,
) -> Result<Vec<T>, CertificateError> {
    texts.iter().map(|text| known(text, what)).collect()
}

fn groups<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Group>, D::Error> {
    let mut read = Read::default();
    Level { rank: Rank::Days, read: &mut read }.deserialize(deserializer)?;
    Ok(read.groups)
}

/// What was read of the partitions.
#[derive(Default)]
struct Read {
    groups: Vec<Group>,
    day: Option<Day>,
    count: usize,
}

#[derive(Clone, Copy)]
enum Rank {
    Days,
    DataTypes,
    Keys,
}

/// An object of the partitions: days, the data types of a day, or the keys of a data type.
struct Level<'a> {
    rank: Rank,
    read: &'a mut Read,
}

impl<'de> DeserializeSeed<'de> for Level<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.rank {
            Rank::Days => "days",
            Rank::DataTypes => "data types",
            Rank::Keys => "instrument keys",
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut before = "";
        while let Some(name) = map.next_key::<&'de str>()? {
            if name == before {
                return Err(A::Error::custom(format!("`{name}` is there twice")));
            }
            if name < before {
                return Err(A::Error::custom(format!("`{name}` is not in order, or there twice")));
            }
            before = name;
            let wrong = |error: CertificateError| match error {
                CertificateError::NotOne(reason) => A::Error::custom(reason),
                other => A::Error::custom(other),
            };
            let rank = match self.rank {
                Rank::Days => {
                    self.read.day = Some(known(name, "a day").map_err(wrong)?);
                    Rank::DataTypes
                }
                Rank::DataTypes => {
                    let data_type = known(name, "a data type").map_err(wrong)?;
                    let day = self.read.day.ok_or_else(|| A::Error::custom("a data type without a day"))?;
                    self.read.groups.push(Group { day, data_type, entries: Vec::new() });
                    Rank::Keys
                }
                Rank::Keys => {
                    let key = key(name).map_err(wrong)?;
                    self.read.count += 1;
                    if self.read.count > MOST_PARTITIONS {
                        return Err(A::Error::custom(format!(
                            "it names more than {MOST_PARTITIONS} partitions"
                        )));
                    }
                    let (status, digests) = map.next_value::<Answer>()?.0;
                    let group = self.read.groups.last_mut();
                    let group = group.ok_or_else(|| A::Error::custom("a key without a data type"))?;
                    group.entries.push(Entry { key, status, digests });
                    continue;
                }
            };
            map.next_value_seed(Level { rank, read: self.read })?;
        }
        Ok(())
    }
}

/// A key in its canonical spelling. Whatever else could name a place outside the lake is none.
fn key(name: &str) -> Result<InstrumentKey, CertificateError> {
    let key = name.parse::<InstrumentKey>().ok().filter(|key| key.as_str() == name);
    let reason =
        || format!("`{name}` is not an instrument key; a certificate names no paths and no addresses");
    key.ok_or_else(|| not_one(&reason()))
}

/// Status and digests.
struct Answer((Status, Option<Digests>));

impl<'de> Deserialize<'de> for Answer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Answer, D::Error> {
        deserializer.deserialize_seq(AnswerVisitor)
    }
}

struct AnswerVisitor;

impl<'de> Visitor<'de> for AnswerVisitor {
    type Value = Answer;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a status, and the digests of data and footer where there is an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Answer, A::Error> {
        let name = seq.next_element::<&'de str>()?.unwrap_or_default();
        let status =
            Status::from_name(name).ok_or_else(|| A::Error::custom(format!("`{name}` is not a status")))?;
        let mut hash = |what: &str| {
            let text = seq.next_element::<&'de str>()?;
            let hash = text.and_then(Hash::from_hex);
            hash.ok_or_else(|| {
                A::Error::custom(format!("the digest of its {what} is not 64 hexadecimal digits"))
            })
        };
        let digests = match status.is_answered() {
            true => Some(Digests { data: hash("data")?, footer: hash("footer")? }),
            false => None,
        };
        if seq.next_element::<&'de str>()?.is_some() {
            return Err(A::Error::custom("a partition has more than a status and two digests"));
        }
        Ok(Answer((status, digests)))
    }
}
