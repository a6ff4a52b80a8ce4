//! Compares a lake with a certificate.
//!
//! The lake may be any copy: nothing but its listing and its objects is believed, neither its reports nor its instrument tables.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use mtdh_core::Day;
use mtdh_core::certificate::{Certificate, Digests, Group, Hash};
use mtdh_core::check::finding::moment;
use mtdh_core::partition::Partition;
use mtdh_lake::inventory::{ObjectState, found_damaged, look};
use mtdh_lake::read::{DigestBy, Digested};
use mtdh_lake::tables::superseded::Superseded;
use mtdh_lake::{Entry, Lake};
use serde::Serialize;

use super::selection_of;
use crate::error::EngineError;
use crate::runs::phase;
use crate::selection::Selection;
use crate::validate::leaves::{Seen, digested};

/// Days compared at the same time.
const CONCURRENT_DAYS: usize = 4;

/// Objects of a day read at the same time.
const CONCURRENT_OBJECTS: usize = 8;

/// The result of comparing a lake with a certificate.
#[derive(Clone, Debug, Serialize)]
pub struct Verification {
    /// The certificate's own digest.
    pub digest: String,
    /// Its root.
    pub root: String,
    /// When it was made, microseconds since the Unix epoch, UTC.
    pub certified_us: i64,
    /// Its verdict.
    pub certified_verdict: String,
    /// The partitions that it names.
    pub partitions: u64,
    /// Those of them that have an object.
    pub objects: u64,
    /// Objects that are the same.
    pub same: u64,
    /// Whether every byte of the objects was read. Otherwise only their footers were.
    pub bytes_read: bool,
    /// What differs, by day, data type and key.
    pub differences: Vec<Difference>,
    /// Objects of the lake that cannot be trusted, of partitions that have none by the certificate. They count as not there.
    pub untrusted: u64,
}

impl Verification {
    /// Whether the lake has the data of the certificate, and that is some.
    pub fn is_same(&self) -> bool {
        self.differences.is_empty() && self.objects > 0
    }

    /// How many differences are of a kind.
    pub fn count(&self, what: What) -> usize {
        self.differences.iter().filter(|difference| difference.what == what).count()
    }
}

/// A partition that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// How.
    pub what: What,
    /// The day.
    pub day: String,
    /// The data type.
    pub data_type: &'static str,
    /// The instrument.
    pub instrument_key: String,
    /// What is known of it; empty: nothing.
    pub detail: String,
}

/// How a partition differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Its data is other data.
    Data,
    /// Its data is the same, and its footer says something else of it.
    Footer,
    /// Its object cannot be trusted.
    Damaged,
    /// It has no object any more.
    Gone,
    /// It has an object now.
    New,
}

impl What {
    /// All, in the order of reports.
    pub const ALL: [What; 5] = [What::Data, What::Footer, What::Damaged, What::Gone, What::New];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            What::Data => "data",
            What::Footer => "footer",
            What::Damaged => "damaged",
            What::Gone => "gone",
            What::New => "new",
        }
    }
}

/// What a day came to.
#[derive(Default)]
struct DayResult {
    same: u64,
    untrusted: u64,
    differences: Vec<(Partition, What, String)>,
    /// Objects whose digest is not known without their bytes.
    unread: Vec<Partition>,
}

/// Compares a lake with a certificate.
///
/// # Errors
/// When the store fails, or an object has no digest and its bytes may not be read.
pub(crate) async fn compare(
    lake: &Lake,
    certificate: &Certificate,
    digest: Hash,
    by: DigestBy,
) -> Result<Verification, EngineError> {
    let selection = &selection_of(&certificate.scope);
    let mut groups: BTreeMap<Day, Vec<&Group>> = BTreeMap::new();
    for group in &certificate.groups {
        groups.entry(group.day).or_default().push(group);
    }
    let mut days: BTreeSet<Day> = groups.keys().copied().collect();
    days.extend(lake.days_with_partitions().await?.into_iter().filter(|day| selection.days.contains(*day)));
    let phase = &phase::begin("comparing", "day", days.len());
    let looks = days.into_iter().map(|day| {
        let named = groups.remove(&day).unwrap_or_default();
        compare_day(lake, selection, day, named, by)
    });
    let looks: Vec<_> = looks.collect();
    let mut compared = futures::stream::iter(looks).buffered(CONCURRENT_DAYS);
    let mut verification = Verification {
        digest: digest.to_string(),
        root: certificate.root.to_string(),
        certified_us: certificate.certified_us,
        certified_verdict: certificate.verdict.clone(),
        partitions: certificate.counts.partitions(),
        objects: certificate.counts.objects(),
        same: 0,
        bytes_read: by == DigestBy::Bytes,
        differences: Vec::new(),
        untrusted: 0,
    };
    while let Some(day) = compared.next().await {
        let mut day = day?;
        phase.done();
        if let Some(first) = day.unread.iter().min() {
            return Err(EngineError::NoDigest { first: first.to_string() });
        }
        verification.same += day.same;
        verification.untrusted += day.untrusted;
        day.differences.sort_by(|a, b| {
            (a.0.data_type.name(), &a.0.key, a.1).cmp(&(b.0.data_type.name(), &b.0.key, b.1))
        });
        let difference = |(partition, what, detail): (Partition, What, String)| Difference {
            what,
            day: partition.day.to_string(),
            data_type: partition.data_type.name(),
            instrument_key: partition.key.to_string(),
            detail,
        };
        verification.differences.extend(day.differences.into_iter().map(difference));
    }
    Ok(verification)
}

/// Compares a day. `named`: the certificate's groups of the day.
async fn compare_day(
    lake: &Lake,
    selection: &Selection,
    day: Day,
    named: Vec<&Group>,
    by: DigestBy,
) -> Result<DayResult, EngineError> {
    let mut result = DayResult::default();
    let mut certified: BTreeMap<Partition, Digests> = BTreeMap::new();
    for group in named {
        certified
            .extend(group.entries.iter().filter_map(|entry| Some((group.partition(entry), entry.digests?))));
    }
    let mut known: Vec<(Partition, Entry, Digests)> = Vec::new();
    let mut others: Vec<(Partition, Entry)> = Vec::new();
    for data_type in selection.data_types.iter().copied() {
        let listed = lake.list_partitions_of(day, data_type, |key| selection.takes_key(key)).await?;
        for (key, entry) in listed {
            let partition = Partition { day, data_type, key };
            match certified.remove(&partition) {
                Some(digests) => known.push((partition, entry, digests)),
                None => others.push((partition, entry)),
            }
        }
    }
    result.differences.extend(certified.into_keys().map(|partition| (partition, What::Gone, String::new())));
    let phase = &phase::current();
    let bytes_of = |entry: &Entry| if by == DigestBy::Bytes { entry.bytes } else { 0 };
    if by == DigestBy::Bytes {
        phase.weigh(known.iter().map(|(_, entry, _)| entry.bytes).sum());
    }
    let looks = known.into_iter().map(|(partition, entry, digests)| async move {
        let seen = digested(lake, &entry, by).await;
        phase.advance(bytes_of(&entry));
        (partition, digests, seen)
    });
    let mut looked = futures::stream::iter(looks).buffer_unordered(CONCURRENT_OBJECTS);
    let mut others_now = BTreeMap::new();
    while let Some((partition, digests, seen)) = looked.next().await {
        let seen = seen?;
        if !matches!(&seen, Seen::Digested(Digested::Whole(now), _) if *now == digests) {
            others_now.insert(partition.clone(), digests);
        }
        match seen {
            Seen::Digested(Digested::Whole(now), _) if now == digests => result.same += 1,
            Seen::Digested(Digested::Whole(now), _) if now.data == digests.data => {
                result.differences.push((partition, What::Footer, String::new()));
            }
            Seen::Digested(Digested::Whole(now), _) => {
                let detail = format!("certified {}, now {}", digests.data, now.data);
                result.differences.push((partition, What::Data, detail));
            }
            Seen::Digested(Digested::FooterOnly(footer), _) if footer == digests.footer => {
                result.unread.push(partition);
            }
            Seen::Digested(Digested::FooterOnly(_), _) => {
                let detail = "its footer is another one, and does not have the digest of its data".to_owned();
                result.differences.push((partition, What::Data, detail));
            }
            Seen::Distrusted(reason) => result.differences.push((partition, What::Damaged, reason)),
            Seen::Gone => result.differences.push((partition, What::Gone, String::new())),
        }
    }
    drop(looked);
    tell_superseded(lake, day, &others_now, &mut result).await?;
    if !others.is_empty() {
        look_at_others(lake, day, others, by, &mut result).await?;
    }
    Ok(result)
}

/// Says of objects with other data whether the vendor issued their files anew.
async fn tell_superseded(
    lake: &Lake,
    day: Day,
    certified: &BTreeMap<Partition, Digests>,
    result: &mut DayResult,
) -> Result<(), EngineError> {
    let is_other = |what: &What| matches!(what, What::Data | What::Footer);
    if !result.differences.iter().any(|(_, what, _)| is_other(what)) {
        return Ok(());
    }
    let superseded = lake.superseded(day).await?;
    for (partition, _, detail) in result.differences.iter_mut().filter(|(_, what, _)| is_other(what)) {
        let Some(digests) = certified.get(partition) else { continue };
        let is_it =
            |row: &&Superseded| row.partition == *partition && row.is_of(&digests.data, &digests.footer);
        let Some(row) = superseded.iter().find(is_it) else { continue };
        let file = |sha256: &Option<String>| {
            sha256.as_ref().map_or("no file".to_owned(), |text| format!("SHA-256 {text}"))
        };
        *detail = format!(
            "superseded by the vendor's re-issue of {} at {}: it was {}, {} rows; now {}",
            row.source,
            moment(row.superseded_us),
            file(&row.source_sha256),
            row.rows,
            file(&row.by_sha256)
        );
    }
    Ok(())
}

/// Looks at objects that the certificate does not have: those that can be trusted are new.
async fn look_at_others(
    lake: &Lake,
    day: Day,
    others: Vec<(Partition, Entry)>,
    by: DigestBy,
    result: &mut DayResult,
) -> Result<(), EngineError> {
    let damaged = match by {
        // A validation that read the bytes of the very objects may have found them damaged.
        DigestBy::Footer => found_damaged(lake, day, &lake.available(day).await?).await?,
        DigestBy::Bytes => BTreeMap::new(),
    };
    let looks = others.into_iter().map(|(partition, entry)| async move {
        let state = match by {
            DigestBy::Footer => look(lake, &partition, &entry).await?,
            DigestBy::Bytes => match digested(lake, &entry, by).await? {
                Seen::Digested(_, entry) => look(lake, &partition, &entry).await?,
                Seen::Distrusted(reason) => Some(ObjectState::Unreadable { reason }),
                Seen::Gone => None,
            },
        };
        Ok::<_, EngineError>((partition, state))
    });
    let mut looked = futures::stream::iter(looks).buffer_unordered(CONCURRENT_OBJECTS);
    while let Some(look) = looked.next().await {
        let (partition, state) = look?;
        match state {
            Some(ObjectState::Answered(available)) if !damaged.contains_key(&partition) => {
                result.differences.push((partition, What::New, available.status.to_string()));
            }
            Some(_) => result.untrusted += 1,
            None => {}
        }
    }
    Ok(())
}
