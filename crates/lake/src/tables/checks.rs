//! The report of a day's checks: what was checked, when and of which object, and what was found.
//!
//! A line without a finding says which groups of checks looked at something. So "checked, nothing found" differs from "not
//! checked". A newer check replaces what an older one said of the same groups and the same thing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::RecordBatch;
use bytes::Bytes;
use mtdh_core::check::Severity;
use mtdh_core::key::InstrumentKey;
use mtdh_core::{DataType, Day};

use crate::error::LakeError;
use crate::store::Lake;
use crate::tables::columns::{Cell, Described, Kind, TableReader, filled, optional, required, to_table};
use crate::tables::report_file::{bytes_of, readable, table, wrong};

/// The check that finds objects which cannot be read. Every check that reads rows looks for it, whatever its group.
const UNREADABLE: &str = "unreadable_partition";

/// The selection of a check of everything: it replaces what checks of a part said of the day as a whole.
pub const EVERYTHING: &str = "everything";

/// What is checked: a partition, an instrument's candles, or the day as a whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// The instrument; `None`: a venue, or the day.
    pub key: Option<InstrumentKey>,
    /// The data type; `None`: candles, or as for `key`.
    pub data_type: Option<DataType>,
}

/// One run of a verb that checks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CheckRun {
    /// The verb: `check`, `validate` or `download`; `live`: a recording.
    pub made_by: String,
    /// When it began, microseconds since the Unix epoch, UTC.
    pub checked_us: i64,
    /// The first day that it was asked for.
    pub first_day: Day,
    /// The last day that it was asked for.
    pub last_day: Day,
    /// What it was asked for, or [`EVERYTHING`].
    pub selection: String,
    /// Parameters of checks that differ from their defaults, as `CHECK.PARAMETER=NUMBER`.
    pub settings: Vec<String>,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// The check's name.
    pub check: String,
    /// How severe it is.
    pub severity: Severity,
    /// First and last time of it by arrival, microseconds since the Unix epoch, UTC; `None`: it has no time.
    pub range_us: Option<(i64, i64)>,
    /// Number of occurrences.
    pub count: u64,
    /// The cause, one of a few words; `None`: it needs no explanation.
    pub cause: Option<String>,
    /// The same as a sentence; `None`: as for `cause`.
    pub explanation: Option<String>,
    /// Up to ten examples.
    pub examples: Vec<String>,
}

/// One line of `checks.parquet`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckLine {
    /// The day.
    pub day: Day,
    /// What was checked.
    pub subject: Subject,
    /// The groups of checks that looked at it and were not run again since; of a finding, its group.
    pub groups: BTreeSet<String>,
    /// The finding; `None`: the line says only what was checked.
    pub found: Option<Found>,
    /// The objects that were looked at, each as its data type (or `candles` and the timeframe) and its digest, or `missing`.
    pub objects: Vec<String>,
    /// Rows of the partition that were read; 0: its footer alone was looked at, or there are none.
    pub rows: u64,
    /// By whom and when.
    pub run: Arc<CheckRun>,
}

const TIME: &str = "microseconds since the Unix epoch, UTC";

/// The columns of `checks.parquet`.
#[rustfmt::skip]
pub(crate) static COLUMNS: [Described<CheckLine>; 23] = [
    filled("date", Kind::Text, "", "the day, `YYYY-MM-DD`", |row| Some(row.day.to_string()).into()),
    optional("instrument_key", Kind::Text, "", "the key; null: the line is about the day as a whole", |row| key(row, InstrumentKey::as_str)),
    optional("venue", Kind::Text, "", "the key's venue; null: as `instrument_key`", |row| key(row, InstrumentKey::venue)),
    optional("instrument_type", Kind::Text, "", "the key's type; null: as `instrument_key`", |row| key(row, |key| key.instrument_type().name())),
    optional("data_type", Kind::Text, "", "the data type; null: the instrument's candles, or as `instrument_key`", |row| row.subject.data_type.map(DataType::name).into()),
    filled("groups", Kind::Texts, "", "the groups of checks that looked at it and were not run again since; of a finding, its group", |row| Cell::texts(row.groups.iter().map(String::as_str))),
    optional("check", Kind::Text, "", "the check that found something; null: no finding, the line says what was checked", |row| found(row, |found| Some(&found.check))),
    optional("severity", Kind::Text, "", "`error`, `warning` or `info`; null: as `check`", |row| row.found.as_ref().map(|found| found.severity.name()).into()),
    optional("found_from", Kind::Time, TIME, "first moment of the finding by arrival; null: it has no place in time, or as `check`", |row| range(row).map(|range| range.0).into()),
    optional("found_to", Kind::Time, TIME, "last moment of it; null: as `found_from`", |row| range(row).map(|range| range.1).into()),
    filled("count", Kind::Count, "times", "how often it was found; 0: no finding", |row| Some(row.found.as_ref().map_or(0, |found| found.count)).into()),
    optional("cause", Kind::Text, "", "what explains the finding, in one word; null: nothing does, or as `check`", |row| found(row, |found| found.cause.as_ref())),
    optional("explanation", Kind::Text, "", "the same as a sentence; null: as `cause`", |row| found(row, |found| found.explanation.as_ref())),
    filled("examples", Kind::Texts, "", "up to ten examples of the finding", |row| Cell::texts(row.found.iter().flat_map(|found| found.examples.iter().map(String::as_str)))),
    required("made_by", Kind::Text, "", "the verb that checked: `check`, `validate` or `download`; `live`: a recording, as rows arrived", |row| row.run.made_by.as_str().into()),
    required("checked_at", Kind::Time, TIME, "when that check began", |row| Some(row.run.checked_us).into()),
    required("first_day", Kind::Text, "", "first day that it was asked for, `YYYY-MM-DD`", |row| row.run.first_day.to_string().into()),
    required("last_day", Kind::Text, "", "last day that it was asked for", |row| row.run.last_day.to_string().into()),
    required("selection", Kind::Text, "", "what it was asked for, or `everything`", |row| row.run.selection.as_str().into()),
    filled("settings", Kind::Texts, "", "parameters of checks that differed from their defaults, as `CHECK.PARAMETER=NUMBER`", |row| Cell::texts(row.run.settings.iter().map(String::as_str))),
    filled("objects", Kind::Texts, "", "the objects that were looked at: the data type, or `candles` and the timeframe, and the digest, or `missing`. An object with another digest is not the one that was checked", |row| Cell::texts(row.objects.iter().map(String::as_str))),
    filled("rows", Kind::Count, "rows", "rows of the partition that were read; 0: none, or its footer alone was looked at", |row| Some(row.rows).into()),
    filled("schema_version", Kind::Count, "", "version of the columns of the program that wrote the row", |_| Some(u64::from(mtdh_core::table::SCHEMA_VERSION)).into()),
];

fn key<'a>(row: &'a CheckLine, text: fn(&'a InstrumentKey) -> &'a str) -> Cell<'a> {
    row.subject.key.as_ref().map(text).into()
}

fn found<'a>(row: &'a CheckLine, text: fn(&'a Found) -> Option<&'a String>) -> Cell<'a> {
    row.found.as_ref().and_then(text).map(String::as_str).into()
}

fn range(row: &CheckLine) -> Option<(i64, i64)> {
    row.found.as_ref().and_then(|found| found.range_us)
}

fn rows(table: &RecordBatch) -> Result<Vec<CheckLine>, String> {
    let cells = TableReader::of(table, &COLUMNS);
    let (date, key, data_type) =
        (cells.text("date")?, cells.text("instrument_key")?, cells.text("data_type")?);
    let (check, severity) = (cells.text("check")?, cells.text("severity")?);
    let (cause, explanation) = (cells.text("cause")?, cells.text("explanation")?);
    let (from, to, checked) = (cells.time("found_from")?, cells.time("found_to")?, cells.time("checked_at")?);
    let (made_by, selection) = (cells.text("made_by")?, cells.text("selection")?);
    let (first, last) = (cells.text("first_day")?, cells.text("last_day")?);
    let (count, read) = (cells.count("count")?, cells.count("rows")?);
    let (groups, examples) = (cells.texts("groups")?, cells.texts("examples")?);
    let (settings, objects) = (cells.texts("settings")?, cells.texts("objects")?);
    // Few runs, many lines.
    let mut runs: BTreeSet<Arc<CheckRun>> = BTreeSet::new();
    let mut line = |row| {
        let run = CheckRun {
            made_by: made_by(row)?.to_owned(),
            checked_us: checked(row)?,
            first_day: first(row)?.parse().ok()?,
            last_day: last(row)?.parse().ok()?,
            selection: selection(row)?.to_owned(),
            settings: settings(row),
        };
        let run = runs.get(&run).cloned().unwrap_or_else(|| {
            let new = Arc::new(run);
            runs.insert(new.clone());
            new
        });
        let found = match check(row) {
            None => None,
            Some(check) => Some(Found {
                check: check.to_owned(),
                severity: Severity::from_name(severity(row)?)?,
                range_us: from(row).zip(to(row)),
                count: count(row)?,
                cause: cause(row).map(str::to_owned),
                explanation: explanation(row).map(str::to_owned),
                examples: examples(row),
            }),
        };
        Some(CheckLine {
            day: date(row)?.parse().ok()?,
            subject: Subject {
                key: key(row).map(str::parse).transpose().ok()?,
                data_type: data_type(row).map(str::parse).transpose().ok()?,
            },
            groups: groups(row).into_iter().collect(),
            found,
            objects: objects(row),
            rows: read(row)?,
            run,
        })
    };
    (0..table.num_rows())
        .map(|row| line(row).ok_or_else(|| format!("row {row} is no line of a check")))
        .collect()
}

/// What a new check says of a subject, for the decision what of an older one still holds.
#[derive(Default)]
struct Said {
    groups: BTreeSet<String>,
    checks: BTreeSet<String>,
    has_read: bool,
}

/// The lines of a day after a check: the new ones, and those that they do not replace.
fn merged(old: Vec<CheckLine>, new: &[CheckLine]) -> Vec<CheckLine> {
    let mut said: BTreeMap<&Subject, Said> = BTreeMap::new();
    for line in new {
        let said = said.entry(&line.subject).or_default();
        match &line.found {
            Some(found) => _ = said.checks.insert(found.check.clone()),
            None => said.groups.extend(line.groups.iter().cloned()),
        }
        said.has_read |= line.rows > 0;
    }
    let run = new.first().map(|line| &line.run.selection);
    let keep = |mut line: CheckLine| {
        let Some(said) = said.get(&line.subject) else { return Some(line) };
        let is_of_part = line.subject.key.is_none()
            && run.is_some_and(|new| *new != EVERYTHING && *new != line.run.selection);
        if is_of_part {
            return Some(line);
        }
        match &line.found {
            Some(found) => {
                let is_replaced = line.groups.iter().all(|group| said.groups.contains(group))
                    || said.checks.contains(&found.check)
                    || (found.check == UNREADABLE && said.has_read);
                (!is_replaced).then_some(line)
            }
            None => {
                line.groups.retain(|group| !said.groups.contains(group));
                (!line.groups.is_empty()).then_some(line)
            }
        }
    };
    let mut all: Vec<CheckLine> = old.into_iter().filter_map(keep).collect();
    all.extend(new.iter().cloned());
    all.sort_by(|a, b| {
        (&a.subject, a.found.is_some(), &a.found, &a.groups, &a.run).cmp(&(
            &b.subject,
            b.found.is_some(),
            &b.found,
            &b.groups,
            &b.run,
        ))
    });
    all
}

impl Lake {
    /// The report of a day's checks. `None`: no check of the day was kept, or the report cannot be read.
    ///
    /// # Errors
    /// When the store fails, or a newer version of the program made the report.
    pub async fn checks(&self, day: Day) -> Result<Option<Vec<CheckLine>>, LakeError> {
        let path = self.layout().check_report(day);
        let Some(bytes) = self.read(&path).await? else { return Ok(None) };
        readable(&path, || rows(&table(bytes, &path)?).map_err(wrong(&path)))
    }

    /// The days that have a report of checks, in order.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn checked_days(&self) -> Result<Vec<Day>, LakeError> {
        let folders = self.folders(&self.layout().check_reports()).await?;
        let mut days: Vec<Day> =
            folders.iter().filter_map(|folder| self.layout().parse_day_folder(folder)).collect();
        days.sort_unstable();
        Ok(days)
    }

    /// Adds the lines of one check to a day's report, in place of those that they replace.
    ///
    /// # Errors
    /// When the store fails, or a newer version of the program made the report.
    pub async fn update_checks(&self, day: Day, lines: &[CheckLine]) -> Result<(), LakeError> {
        self.change_checks(day, |old| merged(old, lines)).await
    }

    /// Changes the lines of a day's report of checks.
    ///
    /// # Errors
    /// As [`Lake::update_checks`].
    pub async fn change_checks(
        &self,
        day: Day,
        change: impl Fn(Vec<CheckLine>) -> Vec<CheckLine>,
    ) -> Result<(), LakeError> {
        let path = self.layout().check_report(day);
        self.update(&path, |old| {
            let read =
                |bytes: &Bytes| readable(&path, || rows(&table(bytes.clone(), &path)?).map_err(wrong(&path)));
            let old = old.map(read).transpose()?.flatten().unwrap_or_default();
            bytes_of(&to_table(&COLUMNS, &change(old)), &path)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "DERIBIT:PERP:BTC-USD";

    fn run(at: i64, selection: &str) -> Arc<CheckRun> {
        let day: Day = "2024-03-01".parse().unwrap();
        Arc::new(CheckRun {
            made_by: "check".into(),
            checked_us: at,
            first_day: day,
            last_day: day,
            selection: selection.into(),
            settings: vec!["silence.factor=10".into()],
        })
    }

    /// `KEY?/TYPE? GROUPS [CHECK]`: a line as a test writes it.
    fn line(text: &str, run: &Arc<CheckRun>) -> CheckLine {
        let words: Vec<&str> = text.split(' ').collect();
        let (key, data_type) = words[0].split_once('/').unwrap();
        let found = words.get(2).map(|check| Found {
            check: (*check).into(),
            severity: Severity::Warning,
            range_us: Some((1, 2)),
            count: 3,
            cause: None,
            explanation: Some("why".into()),
            examples: vec!["one".into(), "two".into()],
        });
        CheckLine {
            day: run.first_day,
            subject: Subject { key: key.parse().ok(), data_type: data_type.parse().ok() },
            groups: words[1].split(',').map(str::to_owned).collect(),
            found,
            objects: vec![format!("{data_type} ab")],
            rows: if words[1] == "completeness" { 0 } else { 7 },
            run: run.clone(),
        }
    }

    fn told(line: &CheckLine) -> String {
        let CheckLine { subject, groups, found, run, .. } = line;
        let key = subject.key.as_ref().map_or("", InstrumentKey::as_str);
        let data_type = subject.data_type.map_or("", DataType::name);
        let groups = groups.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        let check = found.as_ref().map_or(String::new(), |found| format!(" {}", found.check));
        format!("{}: {key}/{data_type} {groups}{check}", run.checked_us)
    }

    #[test]
    fn a_newer_check_replaces_what_it_looked_at_and_nothing_else() {
        let trades = |rest: &str| format!("{KEY}/trades {rest}");
        let quotes = |rest: &str| format!("{KEY}/quotes {rest}");
        let day = |rest: &str| format!("/ {rest}");
        // The selections of the old and the new check, their lines, and what is left of the old ones.
        type Lines = Vec<String>;
        let cases: [(&str, &str, Lines, Lines, Lines); 9] = [
            ("a", "a", vec![trades("book,values")], vec![trades("book,values")], vec![]),
            ("a", "b", vec![trades("book,values")], vec![trades("values")], vec![trades("book")]),
            ("a", "a", vec![trades("book")], vec![quotes("book")], vec![trades("book")]),
            (
                "a",
                "a",
                vec![trades("book,values"), trades("book crossed"), trades("values zero")],
                vec![trades("values"), trades("values zero")],
                vec![trades("book"), trades("book crossed")],
            ),
            // A group that was not asked for: only this finding is replaced.
            (
                "a",
                "a",
                vec![trades("completeness unreadable_partition"), trades("completeness few_rows")],
                vec![trades("completeness unreadable_partition")],
                vec![trades("completeness few_rows")],
            ),
            // What could be read is no longer unreadable, whoever read it.
            ("a", "a", vec![trades("completeness unreadable_partition")], vec![trades("values")], vec![]),
            // Of the day as a whole, each selection says its own, unless everything was checked.
            ("a", "a", vec![day("completeness no_instruments")], vec![day("completeness")], vec![]),
            (
                "a",
                "b",
                vec![day("completeness no_instruments")],
                vec![day("completeness")],
                vec![day("completeness no_instruments")],
            ),
            ("a", EVERYTHING, vec![day("completeness no_instruments")], vec![day("completeness")], vec![]),
        ];
        for (of_old, of_new, old, new, left) in cases {
            let (first, second) = (run(1, of_old), run(2, of_new));
            let old_lines: Vec<CheckLine> = old.iter().map(|text| line(text, &first)).collect();
            let new_lines: Vec<CheckLine> = new.iter().map(|text| line(text, &second)).collect();
            let mut expected: Vec<String> = left.iter().map(|text| format!("1: {text}")).collect();
            expected.extend(new.iter().map(|text| format!("2: {text}")));
            expected.sort();
            let mut after: Vec<String> = merged(old_lines, &new_lines).iter().map(told).collect();
            after.sort();
            assert_eq!(after, expected, "{old:?} then {new:?}");
        }
    }

    #[tokio::test]
    async fn lines_read_back_and_days_that_were_not_checked_have_none() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(folder.path().to_str().unwrap(), &Default::default()).unwrap();
        let run = run(5, EVERYTHING);
        let lines: Vec<CheckLine> = ["/ completeness", "/ completeness withdrawn"]
            .into_iter()
            .map(str::to_owned)
            .chain([format!("{KEY}/ aggregation"), format!("{KEY}/trades book,values")])
            .chain([format!("{KEY}/trades book crossed")])
            .map(|text| line(&text, &run))
            .collect();
        assert_eq!(lake.checked_days().await.unwrap(), []);
        assert_eq!(lake.checks(run.first_day).await.unwrap(), None);
        lake.update_checks(run.first_day, &lines).await.unwrap();
        assert_eq!(lake.checks(run.first_day).await.unwrap(), Some(lines.clone()));
        assert_eq!(lake.checked_days().await.unwrap(), [run.first_day]);
        let path = folder.path().join(lake.layout().check_report(run.first_day).as_ref());
        let before = std::fs::read(&path).unwrap();
        lake.update_checks(run.first_day, &lines).await.unwrap();
        assert!(std::fs::read(&path).unwrap() == before, "the same check gives the same bytes");
        std::fs::write(&path, &before[..before.len() / 2]).unwrap();
        assert_eq!(lake.checks(run.first_day).await.unwrap(), None, "half a report counts as none");
    }
}
