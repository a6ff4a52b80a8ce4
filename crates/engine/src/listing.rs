//! What a lake has, as objects and as groups of them. Nothing is judged here: what lacks is told by a validation.

pub mod table;
pub mod wish;

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use mtdh_core::Day;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::Status;
use mtdh_lake::Lake;

use crate::error::EngineError;
use crate::query::contents;
use crate::runs::phase;
use crate::selection::Selection;

/// What is listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum What {
    /// Partitions: rows of an instrument's data type and day.
    #[default]
    Partitions,
    /// Objects of candles.
    Candles,
    /// Rows of the days' instrument tables.
    Instruments,
    /// Tables and reports of days, and certificates.
    Reports,
}

impl What {
    /// All.
    pub const ALL: [What; 4] = [What::Partitions, What::Candles, What::Instruments, What::Reports];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            What::Partitions => "partitions",
            What::Candles => "candles",
            What::Instruments => "instruments",
            What::Reports => "reports",
        }
    }

    /// What lines are grouped by where nothing is said.
    pub fn usual(self) -> &'static [By] {
        match self {
            What::Reports => &[By::Type],
            _ => &[By::Day, By::Venue, By::Type],
        }
    }
}

/// What lines are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// The day.
    Day,
    /// The month, `YYYY-MM`.
    Month,
    /// The venue.
    Venue,
    /// The instrument type.
    InstrumentType,
    /// The data type; of candles the timeframe, of reports which.
    Type,
    /// The instrument.
    Key,
}

impl By {
    /// All, in the order of columns.
    pub const ALL: [By; 6] = [By::Day, By::Month, By::Venue, By::InstrumentType, By::Type, By::Key];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            By::Day => "day",
            By::Month => "month",
            By::Venue => "venue",
            By::InstrumentType => "instrument_type",
            By::Type => "type",
            By::Key => "key",
        }
    }
}

impl FromStr for What {
    type Err = EngineError;

    fn from_str(text: &str) -> Result<What, EngineError> {
        word(text, "list", What::ALL.map(|what| (what.name(), what)))
    }
}

impl FromStr for By {
    type Err = EngineError;

    fn from_str(text: &str) -> Result<By, EngineError> {
        word(text, "grouping", By::ALL.map(|by| (by.name(), by)))
    }
}

/// One of a few words, in any case.
fn word<T: Copy, const N: usize>(
    text: &str,
    noun: &'static str,
    there: [(&str, T); N],
) -> Result<T, EngineError> {
    let found = there.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    let known = || there.map(|(name, _)| name).join(", ");
    found.map(|(_, found)| *found).ok_or_else(|| EngineError::NoWord {
        noun,
        name: text.to_owned(),
        known: known(),
    })
}

/// Something that a lake has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its day; `None`: it is of no day.
    pub day: Option<Day>,
    /// Its instrument; `None`: it is of no instrument.
    pub key: Option<InstrumentKey>,
    /// The data type, the timeframe, or which report.
    pub kind: String,
    /// Stored, empty or absent, or why it cannot be trusted; `None`: it is no partition.
    pub status: Option<Result<Status, String>>,
    /// Its rows; `None`: its listing does not tell.
    pub rows: Option<u64>,
    /// Its bytes; `None`: it is a row of a table.
    pub bytes: Option<u64>,
}

impl Listed {
    fn name(&self, by: By) -> Option<String> {
        match by {
            By::Day => self.day.map(|day| day.to_string()),
            By::Month => self.day.map(|day| day.to_string()[..7].to_owned()),
            By::Venue => self.key.as_ref().map(|key| key.venue().to_owned()),
            By::InstrumentType => self.key.as_ref().map(|key| key.instrument_type().to_string()),
            By::Type => Some(self.kind.clone()),
            By::Key => self.key.as_ref().map(InstrumentKey::to_string),
        }
    }
}

/// Some of them together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedGroup {
    /// What they share, in the order in which it was asked for; `None`: they have no such thing.
    pub names: Vec<Option<String>>,
    /// Their days.
    pub days: BTreeSet<Day>,
    /// How many they are.
    pub objects: u64,
    /// Partitions with rows.
    pub stored: u64,
    /// Partitions of which the vendor's file has no rows.
    pub empty: u64,
    /// Partitions of which the vendor says that there is no file.
    pub absent: u64,
    /// Objects that cannot be trusted.
    pub unreadable: u64,
    /// Their rows, as far as the listing tells.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl ListedGroup {
    /// Groups, in the order of their names.
    pub fn all(listed: &[Listed], by: &[By]) -> Vec<ListedGroup> {
        let mut groups: BTreeMap<Vec<Option<String>>, ListedGroup> = BTreeMap::new();
        for one in listed {
            let group = groups.entry(by.iter().map(|by| one.name(*by)).collect()).or_default();
            group.objects += 1;
            group.days.extend(one.day);
            match &one.status {
                Some(Ok(Status::Stored)) => group.stored += 1,
                Some(Ok(Status::Empty)) => group.empty += 1,
                Some(Ok(_)) => group.absent += 1,
                Some(Err(_)) => group.unreadable += 1,
                None => {}
            }
            group.rows += one.rows.unwrap_or_default();
            group.bytes += one.bytes.unwrap_or_default();
        }
        groups.into_iter().map(|(names, group)| ListedGroup { names, ..group }).collect()
    }
}

/// What the lake has of some selections: each thing once, by day, type and key. A selection without venues means every venue.
///
/// # Errors
/// When the lake cannot be read.
pub(crate) async fn list(lake: &Lake, what: What, of: &[Selection]) -> Result<Vec<Listed>, EngineError> {
    if what == What::Reports {
        return reports(lake, of).await;
    }
    let days = match what {
        What::Candles => lake.days_with_candles().await?,
        What::Instruments => lake.days_with_instruments().await?,
        _ => lake.days_with_partitions().await?,
    };
    let days: Vec<Day> =
        days.into_iter().filter(|day| of.iter().any(|selection| selection.days.contains(*day))).collect();
    let phase = phase::begin("listing", "day", days.len());
    let mut listed = Vec::new();
    for day in days {
        let _day_done = phase.item();
        let of_day: Vec<&Selection> = of.iter().filter(|selection| selection.days.contains(day)).collect();
        match what {
            What::Candles => listed.extend(candles(lake, day, &of_day).await?),
            What::Instruments => listed.extend(instruments(lake, day, &of_day).await?),
            _ => listed.extend(partitions(lake, day, &of_day).await?),
        }
    }
    Ok(listed)
}

async fn partitions(lake: &Lake, day: Day, of: &[&Selection]) -> Result<Vec<Listed>, EngineError> {
    let mut found = BTreeMap::new();
    for selection in of {
        let mut selection = (*selection).clone();
        if selection.venues.is_empty() {
            selection.venues = lake.venues(day).await?;
        }
        found.extend(contents(lake, day, &selection).await?);
    }
    let one =
        |(partition, found): (mtdh_core::partition::Partition, Result<crate::query::Available, String>)| {
            let (status, rows, bytes) = match found {
                Ok(line) => (Ok(line.status), line.tally.rows_out, line.bytes),
                Err(reason) => (Err(reason), 0, 0),
            };
            let (key, kind) = (Some(partition.key), partition.data_type.to_string());
            Listed { day: Some(day), key, kind, status: Some(status), rows: Some(rows), bytes: Some(bytes) }
        };
    Ok(found.into_iter().map(one).collect())
}

async fn candles(lake: &Lake, day: Day, of: &[&Selection]) -> Result<Vec<Listed>, EngineError> {
    let all = lake.list_candles(day, None).await?;
    let is_meant = |key: &InstrumentKey| of.iter().any(|selection| takes(selection, key));
    let one = |(timeframe, key, entry): (_, InstrumentKey, mtdh_lake::Entry)| {
        let kind = mtdh_core::candle::Timeframe::to_string(&timeframe);
        Listed { day: Some(day), key: Some(key), kind, status: None, rows: None, bytes: Some(entry.bytes) }
    };
    Ok(all.into_iter().filter(|(_, key, _)| is_meant(key)).map(one).collect())
}

async fn instruments(lake: &Lake, day: Day, of: &[&Selection]) -> Result<Vec<Listed>, EngineError> {
    let table = lake.instruments(day).await?.unwrap_or_default();
    let mut keys: Vec<InstrumentKey> = table.into_iter().map(|instrument| instrument.key).collect();
    keys.retain(|key| of.iter().any(|selection| takes(selection, key)));
    keys.sort();
    let one = |key: InstrumentKey| {
        let kind = key.instrument_type().to_string();
        Listed { day: Some(day), key: Some(key), kind, status: None, rows: None, bytes: None }
    };
    Ok(keys.into_iter().map(one).collect())
}

/// Whether a selection means an instrument, of whatever venue if it names none.
fn takes(selection: &Selection, key: &InstrumentKey) -> bool {
    if !selection.venues.is_empty() {
        return selection.takes_key(key);
    }
    let of_all = Selection { venues: vec![key.venue().to_owned()], ..selection.clone() };
    of_all.takes_key(key)
}

async fn reports(lake: &Lake, of: &[Selection]) -> Result<Vec<Listed>, EngineError> {
    let _phase = phase::begin("listing reports", "day", 0);
    let mut listed: Vec<Listed> = Vec::new();
    for (kind, day, entry) in lake.reports().await? {
        let is_meant = day.is_none_or(|day| of.iter().any(|selection| selection.days.contains(day)));
        if is_meant {
            let (kind, bytes) = (kind.to_owned(), Some(entry.bytes));
            listed.push(Listed { day, key: None, kind, status: None, rows: None, bytes });
        }
    }
    listed.sort_by(|a, b| (a.day, &a.kind).cmp(&(b.day, &b.kind)));
    Ok(listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_grouped_by_what_they_share() {
        let one = |day: &str, key: &str, status: Result<Status, String>, rows: u64| Listed {
            day: Some(day.parse().unwrap()),
            key: Some(key.parse().unwrap()),
            kind: "trades".to_owned(),
            status: Some(status),
            rows: Some(rows),
            bytes: Some(10),
        };
        let report = Listed {
            day: None,
            key: None,
            kind: "certificates".to_owned(),
            status: None,
            rows: None,
            bytes: Some(1),
        };
        let listed = [
            one("2024-03-31", "DERIBIT:PERP:BTC-USD", Ok(Status::Stored), 5),
            one("2024-04-01", "DERIBIT:PERP:BTC-USD", Ok(Status::Empty), 0),
            one("2024-04-01", "DERIBIT:OPTION:BTC-USD-241227-50000-CALL", Err("torn".to_owned()), 0),
            one("2024-04-01", "BINANCE:SPOT_PAIR:BTC-USDT", Ok(Status::Absent), 0),
            report,
        ];
        for (by, expected) in [
            (&[By::Venue][..], "-:1/0/1 BINANCE:1/1/10 DERIBIT:3/2/30"),
            (&[By::Month], "-:1/0/1 2024-03:1/1/10 2024-04:3/1/30"),
            (&[By::Type], "certificates:1/0/1 trades:4/2/40"),
            (&[By::InstrumentType], "-:1/0/1 OPTION:1/1/10 PERP:2/2/20 SPOT_PAIR:1/1/10"),
            (
                &[By::Venue, By::Day],
                "-,-:1/0/1 BINANCE,2024-04-01:1/1/10 DERIBIT,2024-03-31:1/1/10 DERIBIT,2024-04-01:2/1/20",
            ),
            (&[], ":5/2/41"),
        ] {
            let text = |group: &ListedGroup| {
                let names: Vec<&str> =
                    group.names.iter().map(|name| name.as_deref().unwrap_or("-")).collect();
                format!("{}:{}/{}/{}", names.join(","), group.objects, group.days.len(), group.bytes)
            };
            let groups = ListedGroup::all(&listed, by);
            assert_eq!(groups.iter().map(text).collect::<Vec<_>>().join(" "), expected, "{by:?}");
        }
        let whole = &ListedGroup::all(&listed, &[])[0];
        assert_eq!((whole.stored, whole.empty, whole.absent, whole.unreadable, whole.rows), (1, 1, 1, 1, 5));
    }
}
