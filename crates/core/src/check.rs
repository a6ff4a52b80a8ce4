//! Data quality checks. Each is a named, pure function over rows or over metadata.
//!
//! No I/O: `mtdh_engine::check` reads the rows and assigns findings to partitions. To add a check, add a [`Check`] to the
//! `CHECKS` of its group's module. The registry, flags, reports and the page `docs/reference/checks.md` are derived from it. To add a
//! group, add a variant to [`Group`] and its module to [`all`].

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
pub mod regular;
pub mod replay;
pub mod resent;
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
use crate::nearest::{clause, nearest, perhaps};
use crate::table::DataType;

/// The subject of a check. Users select checks by the group's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Whether all expected partitions exist.
    Completeness,
    /// Clocks, order, repeated and lost rows, silences.
    Timestamp,
    /// The causes of silences.
    Gaps,
    /// Order books, alone and compared with each other.
    Book,
    /// Impossible values, and values that differ from their neighbours.
    Values,
    /// Candles alone, compared with finer ones, and compared with the trades.
    Aggregation,
    /// Candles compared with those of the exchange.
    CrossSource,
}

impl Group {
    /// All groups, in the order of documents and reports.
    pub const ALL: [Group; 7] = [
        Group::Completeness,
        Group::Timestamp,
        Group::Gaps,
        Group::Book,
        Group::Values,
        Group::Aggregation,
        Group::CrossSource,
    ];

    /// The groups selected by `all`: those that need no service but the vendor's. [`Group::CrossSource`] contacts an
    /// exchange and must be requested by name.
    pub const USUAL: [Group; 6] =
        [Group::Completeness, Group::Timestamp, Group::Gaps, Group::Book, Group::Values, Group::Aggregation];

    /// The name in flags, reports and documents.
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

/// An unknown group name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("unknown group of checks `{name}`{}; there are: all, {}", perhaps(name, Group::ALL.map(Group::name)),
    Group::ALL.map(Group::name).join(", "))]
pub struct UnknownGroup {
    name: String,
}

impl FromStr for Group {
    type Err = UnknownGroup;

    /// Parses [`Group::name`], ignoring case.
    fn from_str(text: &str) -> Result<Group, UnknownGroup> {
        let named = Group::ALL.into_iter().find(|g| g.name().eq_ignore_ascii_case(text));
        named.ok_or_else(|| UnknownGroup { name: text.to_owned() })
    }
}

/// One check.
pub struct Check {
    /// The name, unique among all checks: lower-case letters, digits and `_`.
    pub name: &'static str,
    /// The group.
    pub group: Group,
    /// The severity of its findings, unless [`Detection::severity`] overrides it.
    pub severity: Severity,
    /// The parameters, with their defaults.
    pub parameters: &'static [Parameter],
    /// What it detects, how, and what it cannot detect: a paragraph of `docs/reference/checks.md`.
    pub text: &'static str,
    /// The function and its input.
    pub run: CheckFn,
}

/// A numeric setting of a check.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// The name, unique within the check.
    pub name: &'static str,
    /// The default value.
    pub default: f64,
    /// The unit of the value.
    pub unit: &'static str,
    /// The effect.
    pub meaning: &'static str,
}

/// The function of a check, and the input that it needs.
pub enum CheckFn {
    /// The rows of one partition. Runs once for each of the data types.
    Rows(&'static [DataType], fn(&CheckInput<'_>) -> Box<dyn RowCheck>),
    /// The rows of several data types of one instrument and day, merged in the order of arrival. Findings are assigned to
    /// the last of the data types. Runs only if all of them exist.
    Together(&'static [DataType], fn(&CheckInput<'_>) -> Box<dyn RowCheck>),
    /// The rows of each data type of the first list, merged in the order of arrival with those of the first data type of
    /// the second list that exists. Findings are assigned to the former.
    Beside(&'static [DataType], &'static [DataType], fn(&CheckInput<'_>) -> Box<dyn RowCheck>),
    /// The summary of one instrument and day, after the existing rows of these data types were read. Returns each
    /// detection with its data type.
    Day(&'static [DataType], fn(&InstrumentDay<'_>, &Parameters) -> Vec<(DataType, Detection)>),
    /// The state of a whole day; no rows are read.
    Lake(fn(&completeness::DayOfLake<'_>) -> Vec<Finding>),
    /// The candles of one instrument and timeframe, and the data that they are compared with.
    Candles(Sides, fn(&Candles<'_>, &Parameters) -> Vec<Detection>),
}

/// A check over rows. It receives every row once, in file order. Findings are collected at the end, or after each batch if
/// rows arrive live. It keeps a bounded number of rows.
pub trait RowCheck: Send {
    /// Processes the next rows.
    fn rows(&mut self, rows: &Rows<'_>);

    /// Marks a data type as finished, so that a check over several data types can stop buffering the others.
    fn ended(&mut self, _: DataType) {}

    /// The new detections since the last call, except those that later rows could refute.
    fn found(&mut self) -> Vec<Detection>;

    /// The new detections since the last call to [`RowCheck::found`], after the last row.
    fn finish(mut self: Box<Self>) -> Vec<Detection> {
        self.found()
    }
}

/// The input of a row check, besides the rows.
pub struct CheckInput<'a> {
    /// The instrument; `None` if a file does not state it.
    pub key: Option<&'a InstrumentKey>,
    /// The data type; the last one for checks over several.
    pub data_type: DataType,
    /// The UTC day; `None` if a file does not state it.
    pub day: Option<Day>,
    /// Further information about the partition.
    pub context: &'a Context,
    /// The check's parameters.
    pub values: Parameters,
}

/// Information about a partition besides its rows. Empty for a single file and during a download.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The smallest price step from the day's instrument table, in the quote asset; `None` if unknown.
    pub tick_size: Option<f64>,
    /// The last rows of the same instrument and data type on the day before, in order; empty if the lake has none.
    pub before: Vec<arrow_array::RecordBatch>,
}

impl CheckInput<'_> {
    /// The venue, or an empty string if the instrument is unknown.
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
    /// The value of a parameter, in its declared unit.
    ///
    /// # Panics
    /// If the check does not declare the parameter, which is a bug in the check.
    pub fn get(&self, name: &str) -> f64 {
        *self.values.get(name).unwrap_or_else(|| panic!("{} declares no parameter {name}", self.check))
    }

    /// All parameters with their values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, f64)> + '_ {
        self.values.iter().map(|(name, value)| (*name, *value))
    }
}

/// Parameter values that override the defaults.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    given: BTreeMap<(&'static str, &'static str), f64>,
}

/// An invalid setting.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SettingError {
    /// Not `CHECK.PARAMETER=VALUE`.
    #[error("write `{0}` as CHECK.PARAMETER=NUMBER, for example silence.factor=10")]
    Form(String),
    /// No check has such a parameter.
    #[error("no check has the parameter `{name}`{}; docs/reference/checks.md lists them", clause(meant))]
    Unknown {
        /// What was written.
        name: String,
        /// Parameters that may be meant, as `CHECK.PARAMETER`.
        meant: Vec<String>,
    },
}

fn unknown_setting(name: &str) -> SettingError {
    let there: Vec<String> =
        all().flat_map(|c| c.parameters.iter().map(|p| format!("{}.{}", c.name, p.name))).collect();
    let meant = nearest(name, there.iter().map(String::as_str), 2);
    SettingError::Unknown { name: name.to_owned(), meant: meant.into_iter().map(str::to_owned).collect() }
}

impl Settings {
    /// Parses and stores a setting `CHECK.PARAMETER=NUMBER`. The number must be finite and not negative.
    ///
    /// # Errors
    /// If the text has another form, or the parameter does not exist.
    pub fn set(&mut self, text: &str) -> Result<(), SettingError> {
        let form = || SettingError::Form(text.to_owned());
        let (name, value) = text.split_once('=').ok_or_else(form)?;
        let (check, parameter) = name.trim().split_once('.').ok_or_else(form)?;
        let value = value.trim().parse::<f64>().ok().filter(|v| v.is_finite() && *v >= 0.0);
        let value = value.ok_or_else(form)?;
        let check = all().find(|c| c.name == check);
        let known =
            check.and_then(|c| Some((c.name, c.parameters.iter().find(|p| p.name == parameter)?.name)));
        let known = known.ok_or_else(|| unknown_setting(name.trim()))?;
        self.given.insert(known, value);
        Ok(())
    }

    /// The values that override defaults, each in the form `CHECK.PARAMETER=NUMBER`.
    pub fn given(&self) -> impl Iterator<Item = String> + '_ {
        self.given.iter().map(|((check, parameter), value)| format!("{check}.{parameter}={value}"))
    }

    /// The parameters of a check: the stored settings, else the defaults.
    pub fn values(&self, check: &Check) -> Parameters {
        let value = |p: &Parameter| (p.name, *self.given.get(&(check.name, p.name)).unwrap_or(&p.default));
        Parameters { check: check.name, values: check.parameters.iter().map(value).collect() }
    }
}

/// Every check, in the order of documents and reports.
pub fn all() -> impl Iterator<Item = &'static Check> {
    let groups: [&'static [Check]; 16] = [
        completeness::CHECKS,
        timestamp::CHECKS,
        offset::CHECKS,
        ids::CHECKS,
        resent::CHECKS,
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

/// The check with this name, if it exists.
pub fn find(name: &str) -> Option<&'static Check> {
    all().find(|check| check.name == name)
}

/// The summary of one instrument and day, after its rows were read.
pub struct InstrumentDay<'a> {
    /// The instrument; `None` if a file does not state it.
    pub key: Option<&'a InstrumentKey>,
    /// The UTC day; `None` if a file does not state it.
    pub day: Option<Day>,
    /// The half-open time range for which the vendor has data of the instrument, microseconds since the Unix epoch, UTC.
    /// An open end is `i64::MAX`.
    pub life_us: std::ops::Range<i64>,
    /// The end of the contract by the vendor's terms, never a guess, microseconds since the Unix epoch, UTC; `None` if it has none
    /// or it is unknown.
    pub expiry_us: Option<i64>,
    /// The vendor's recording outages of the venue; `None` if they could not be fetched.
    pub incidents: Option<&'a [Incident]>,
    /// What the recording of the instrument tells to have lost; empty: it is the vendor's data, or nothing was lost.
    pub recorded: &'a [RecordedGap],
    /// The partitions that exist or are expected.
    pub partitions: &'a [PartitionFacts],
    /// The time of the check, microseconds since the Unix epoch, UTC.
    pub now_us: i64,
}

/// An outage of the vendor's recorder, from the vendor's incident reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// Start, microseconds since the Unix epoch, UTC.
    pub from_us: i64,
    /// End, microseconds since the Unix epoch, UTC.
    pub to_us: i64,
    /// The vendor's description.
    pub details: String,
}

/// A stretch in which a live recording lost its feed, by its table of gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedGap {
    /// Of what; `None`: all data types.
    pub data_type: Option<DataType>,
    /// When, by arrival, and what happened.
    pub outage: Incident,
}

/// The summary of one partition, after its rows were read.
#[derive(Debug)]
pub struct PartitionFacts {
    /// The data type.
    pub data_type: DataType,
    /// The status in the lake.
    pub status: crate::partition::Status,
    /// The arrival times of the rows, summarised; `None` if the rows were not read.
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
