//! Checks: what can be wrong with data, each a named, pure function over rows or over facts.
//!
//! Not for reading anything: `mtdh_engine::check` brings rows and facts and says what was found of which partition.
//! To add a check, write a [`Check`] into the `CHECKS` of its group's module; registry, flags, reports and the page
//! `docs/reference/checks.md` follow from that. To add a group, a variant of [`Group`] and its module in [`all`].

pub mod aggregation;
pub mod bars;
pub mod beside;
pub mod book;
pub mod completeness;
pub mod finding;
pub mod gaps;
pub mod grade;
pub mod identity;
pub mod ids;
mod lately;
pub mod market;
pub mod neighbours;
pub mod offset;
pub mod precision;
pub mod reference;
pub mod replay;
pub mod rows;
pub mod silence;
pub mod timestamp;
pub mod values;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

pub use bars::{Candles, Sides};
pub use finding::{Detection, Explanation, Finding, Severity, Tally};
pub use rows::Rows;

use crate::day::Day;
use crate::key::InstrumentKey;
use crate::table::DataType;

/// What a check is about; the word that users type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Is everything there that should be.
    Completeness,
    /// Clocks, order, repeated and lost rows, silences.
    Timestamp,
    /// Why there is a silence.
    Gaps,
    /// Order books, by themselves and against each other.
    Book,
    /// Values that cannot be, or that do not fit their neighbours.
    Values,
    /// Candles by themselves, against finer ones and against the ticks.
    Aggregation,
    /// Candles against those of the exchange itself.
    CrossSource,
}

impl Group {
    /// All of them, in the order of documents and reports.
    pub const ALL: [Group; 7] = [
        Group::Completeness,
        Group::Timestamp,
        Group::Gaps,
        Group::Book,
        Group::Values,
        Group::Aggregation,
        Group::CrossSource,
    ];

    /// Those that users mean by `all`: they need nobody but the vendor. An exchange is asked only by those who say so.
    pub const USUAL: [Group; 6] =
        [Group::Completeness, Group::Timestamp, Group::Gaps, Group::Book, Group::Values, Group::Aggregation];

    /// The word that users type.
    pub fn name(self) -> &'static str {
        match self {
            Group::Completeness => "completeness",
            Group::Timestamp => "timestamp",
            Group::Gaps => "gaps",
            Group::Book => "book",
            Group::Values => "values",
            Group::Aggregation => "aggregation",
            Group::CrossSource => "cross-source",
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no group.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("unknown group of checks `{name}`; there are: all, {}", Group::ALL.map(Group::name).join(", "))]
pub struct UnknownGroup {
    name: String,
}

impl FromStr for Group {
    type Err = UnknownGroup;

    /// Reads the word; case does not matter.
    fn from_str(text: &str) -> Result<Group, UnknownGroup> {
        let named = Group::ALL.into_iter().find(|g| g.name().eq_ignore_ascii_case(text));
        named.ok_or_else(|| UnknownGroup { name: text.to_owned() })
    }
}

/// One check.
pub struct Check {
    /// Its name, unique among all checks: small letters and `_`.
    pub name: &'static str,
    /// The group that it belongs to.
    pub group: Group,
    /// How bad what it finds is, where [`Detection::severity`] does not say otherwise.
    pub severity: Severity,
    /// What can be set, each with its default.
    pub parameters: &'static [Parameter],
    /// What it finds, how, and what it cannot find: a paragraph of the page.
    pub text: &'static str,
    /// The function.
    pub run: CheckFn,
}

/// A number that can be set.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name within its check.
    pub name: &'static str,
    /// Its value when nobody sets it.
    pub default: f64,
    /// Unit of the value.
    pub unit: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

/// What a check is a function of.
pub enum CheckFn {
    /// The rows of one partition, of each of these data types by itself.
    Rows(&'static [DataType], fn(&CheckInput<'_>) -> Box<dyn RowCheck>),
    /// The rows of several data types of one instrument and day, together in the order of arrival; what is found is
    /// said of the last of them. It runs only where all of them are there.
    Together(&'static [DataType], fn(&CheckInput<'_>) -> Box<dyn RowCheck>),
    /// The rows of each of these data types beside those of the first of the others that is there, together in the order
    /// of arrival; what is found is said of the former.
    Beside(&'static [DataType], &'static [DataType], fn(&CheckInput<'_>) -> Box<dyn RowCheck>),
    /// What is known of one instrument and day after the rows of these data types, as far as they are there, were read.
    Day(&'static [DataType], fn(&InstrumentDay<'_>, &Parameters) -> Vec<(DataType, Detection)>),
    /// What is known of a whole day without rows being read.
    Lake(fn(&completeness::DayOfLake<'_>) -> Vec<Finding>),
    /// Candles of one instrument and timeframe, and what they are held against.
    Candles(Sides, fn(&Candles<'_>, &Parameters) -> Vec<Detection>),
}

/// A check over rows: it is given every row once, in the order of the file, and asked what it found, at the end or, of
/// rows that arrive one by one, after each batch. It keeps a bounded part of them.
pub trait RowCheck: Send {
    /// Takes the next rows.
    fn rows(&mut self, rows: &Rows<'_>);

    /// Is told that a data type has no further rows, so that a check of several need not keep those of the others.
    fn ended(&mut self, _: DataType) {}

    /// What was found since it was last asked, as far as further rows cannot make it undone.
    fn found(&mut self) -> Vec<Detection>;

    /// What was found since it was last asked, after the last row.
    fn finish(mut self: Box<Self>) -> Vec<Detection> {
        self.found()
    }
}

/// Of what the rows are that a check is started for.
pub struct CheckInput<'a> {
    /// The instrument; null where a file does not say.
    pub key: Option<&'a InstrumentKey>,
    /// The data type; of several the last.
    pub data_type: DataType,
    /// The day; null where a file does not say.
    pub day: Option<Day>,
    /// What is known beside the rows.
    pub context: &'a Context,
    /// The check's parameters.
    pub values: Parameters,
}

/// What is known of a partition beside its rows; nothing of a file that is checked by itself, or while it is downloaded.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The smallest price step by the day's instrument table, quote asset; null: not known.
    pub tick_size: Option<f64>,
    /// The last rows of the same instrument and data type on the day before, in order; none where the lake has none.
    pub before: Vec<arrow_array::RecordBatch>,
}

impl CheckInput<'_> {
    /// The venue, or an empty text where the instrument is not known.
    pub fn venue(&self) -> &str {
        self.key.map_or("", InstrumentKey::venue)
    }
}

/// The parameters of one check.
#[derive(Clone, Debug)]
pub struct Parameters {
    check: &'static str,
    values: BTreeMap<&'static str, f64>,
}

impl Parameters {
    /// A parameter's value.
    ///
    /// # Panics
    /// When the check has declared no such parameter, which is a bug of the check.
    pub fn get(&self, name: &str) -> f64 {
        *self.values.get(name).unwrap_or_else(|| panic!("{} declares no parameter {name}", self.check))
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, f64)> + '_ {
        self.values.iter().map(|(name, value)| (*name, *value))
    }
}

/// Values that a user gave in place of defaults.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    given: BTreeMap<(&'static str, &'static str), f64>,
}

/// A setting that cannot be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SettingError {
    /// Not `CHECK.PARAMETER=VALUE`.
    #[error("write `{0}` as CHECK.PARAMETER=NUMBER, for example silence.factor=10")]
    Form(String),
    /// No check has such a parameter.
    #[error("no check has the parameter `{0}`; docs/reference/checks.md lists them")]
    Unknown(String),
}

impl Settings {
    /// Takes `CHECK.PARAMETER=NUMBER`; the number is not negative.
    ///
    /// # Errors
    /// When it has another form, or names no parameter.
    pub fn set(&mut self, text: &str) -> Result<(), SettingError> {
        let form = || SettingError::Form(text.to_owned());
        let (name, value) = text.split_once('=').ok_or_else(form)?;
        let (check, parameter) = name.trim().split_once('.').ok_or_else(form)?;
        let value = value.trim().parse::<f64>().ok().filter(|v| v.is_finite() && *v >= 0.0);
        let value = value.ok_or_else(form)?;
        let check = all().find(|c| c.name == check);
        let known =
            check.and_then(|c| Some((c.name, c.parameters.iter().find(|p| p.name == parameter)?.name)));
        let known = known.ok_or_else(|| SettingError::Unknown(name.trim().to_owned()))?;
        self.given.insert(known, value);
        Ok(())
    }

    /// The parameters of a check.
    pub fn values(&self, check: &Check) -> Parameters {
        let value = |p: &Parameter| (p.name, *self.given.get(&(check.name, p.name)).unwrap_or(&p.default));
        Parameters { check: check.name, values: check.parameters.iter().map(value).collect() }
    }
}

/// Every check, in the order of documents and reports.
pub fn all() -> impl Iterator<Item = &'static Check> {
    let groups: [&'static [Check]; 15] = [
        completeness::CHECKS,
        timestamp::CHECKS,
        offset::CHECKS,
        ids::CHECKS,
        silence::CHECKS,
        gaps::CHECKS,
        book::CHECKS,
        replay::CHECKS,
        values::CHECKS,
        identity::CHECKS,
        neighbours::CHECKS,
        market::CHECKS,
        precision::CHECKS,
        aggregation::CHECKS,
        reference::CHECKS,
    ];
    groups.into_iter().flatten()
}

/// The check of a name.
pub fn find(name: &str) -> Option<&'static Check> {
    all().find(|check| check.name == name)
}

/// What is known of one instrument and day after its rows were read.
pub struct InstrumentDay<'a> {
    /// The instrument; null where a file does not say.
    pub key: Option<&'a InstrumentKey>,
    /// The day; null where a file does not say.
    pub day: Option<Day>,
    /// When the vendor has data of it, microseconds since the Unix epoch, UTC; an open end is the largest number.
    pub life_us: std::ops::Range<i64>,
    /// When the contract ends, microseconds since the Unix epoch, UTC; null: it does not, or not known.
    pub expiry_us: Option<i64>,
    /// Times when the vendor's recorder did not record the venue; null: nobody could say.
    pub incidents: Option<&'a [Incident]>,
    /// The partitions that should be there or are.
    pub partitions: &'a [PartitionFacts],
    /// The moment of the check, microseconds since the Unix epoch, UTC.
    pub now_us: i64,
}

/// A time when the vendor's recorder did not record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// Start, microseconds since the Unix epoch, UTC.
    pub from_us: i64,
    /// End, microseconds since the Unix epoch, UTC.
    pub to_us: i64,
    /// The vendor's words.
    pub details: String,
}

/// What is known of one partition after its rows were read.
#[derive(Debug)]
pub struct PartitionFacts {
    /// Its data type.
    pub data_type: DataType,
    /// What the lake says of it.
    pub status: crate::partition::Status,
    /// When rows came and when not; null: its rows were not read.
    pub pace: Option<silence::Pace>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_has_a_name_of_its_own_and_says_what_it_does() {
        let mut names: Vec<&str> = all().map(|c| c.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all().count());
        for check in all() {
            assert!(
                check.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
                "{}",
                check.name
            );
            assert!(check.text.len() > 80 && check.text.ends_with('.'), "{}", check.name);
        }
    }

    #[test]
    fn settings_name_a_check_and_a_parameter() {
        let mut settings = Settings::default();
        settings.set("silence.factor = 7").unwrap();
        assert_eq!(settings.values(find("silence").unwrap()).get("factor"), 7.0);
        for (text, is_form) in [
            ("silence", true),
            ("silence.factor=x", true),
            ("silence.factor=-1", true),
            ("silence.fact=1", false),
            ("x.factor=1", false),
        ] {
            let error = settings.set(text).unwrap_err();
            assert_eq!(matches!(error, SettingError::Form(_)), is_form, "{text}");
        }
    }

    #[test]
    fn groups_read_back() {
        for group in Group::ALL {
            assert_eq!(group.name().to_uppercase().parse(), Ok(group));
        }
        assert!("candles".parse::<Group>().unwrap_err().to_string().contains("completeness"));
    }
}
