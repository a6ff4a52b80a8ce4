//! The report of a day's comparisons of live rows with the vendor's: what was compared, and each difference with its cause.
//!
//! A line without a difference says what was compared, so that "compared, equal" differs from "not compared". A newer comparison of a
//! partition replaces all lines of an older one.

use std::collections::BTreeSet;

use arrow_array::RecordBatch;
use bytes::Bytes;
use mtdh_core::key::InstrumentKey;
use mtdh_core::{DataType, Day};

use crate::error::LakeError;
use crate::store::Lake;
use crate::tables::columns::{Cell, Described, Kind, TableReader, filled, optional, required, to_table};
use crate::tables::report_file::{bytes_of, readable, table, wrong};

/// A difference between live rows and the vendor's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineDifference {
    /// What kind, one word.
    pub kind: String,
    /// From when to when, the exchange's clock, microseconds since the Unix epoch, UTC.
    pub range_us: (i64, i64),
    /// Rows, moments of a book, or seconds.
    pub count: u64,
    /// The column; `None`: the whole row, or the book.
    pub field: Option<String>,
    /// What the live side has; `None`: nothing.
    pub live: Option<String>,
    /// What the vendor has; `None`: nothing.
    pub vendor: Option<String>,
    /// Why, one word.
    pub cause: String,
    /// The same in words; `None`: nobody knows.
    pub because: Option<String>,
}

/// One line of `comparisons.parquet`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComparisonLine {
    /// The day.
    pub day: Day,
    /// The instrument.
    pub key: InstrumentKey,
    /// The data type.
    pub data_type: DataType,
    /// The difference; `None`: the line says what was compared.
    pub difference: Option<LineDifference>,
    /// Rows that were compared, live and the vendor's; of all lines of the partition.
    pub rows: [u64; 2],
    /// Rows, moments of a book, or seconds that were compared.
    pub compared: u64,
    /// How many of them are equal.
    pub equal: u64,
    /// Differences that nothing explains, also those that have no line of their own.
    pub unexplained: u64,
    /// The objects that were compared, live and the vendor's, each as its digest; `None`: there is none.
    pub objects: [Option<String>; 2],
    /// When, microseconds since the Unix epoch, UTC.
    pub compared_us: i64,
}

const TIME: &str = "microseconds since the Unix epoch, UTC";

/// The columns of `comparisons.parquet`.
#[rustfmt::skip]
pub(crate) static COLUMNS: [Described<ComparisonLine>; 23] = [
    required("date", Kind::Text, "", "the day, `YYYY-MM-DD`", |row| row.day.to_string().into()),
    required("instrument_key", Kind::Text, "", "the key", |row| row.key.as_str().into()),
    required("venue", Kind::Text, "", "the key's venue", |row| row.key.venue().into()),
    required("data_type", Kind::Text, "", "the data type", |row| row.data_type.name().into()),
    optional("kind", Kind::Text, "", "`only_live`, `only_vendor`, `value` (of a row that both have), `book_top`, `book_depth`, `state` (the last value of seconds) or `incomparable`; null: no difference, the line says what was compared", |row| of(row, |d| Some(&d.kind))),
    optional("from_exchange", Kind::Time, TIME, "first moment of it by the exchange's clock; null: as `kind`", |row| row.difference.as_ref().map(|d| d.range_us.0).into()),
    optional("to_exchange", Kind::Time, TIME, "moment from which on the sides are equal again, or that of the row; null: as `kind`", |row| row.difference.as_ref().map(|d| d.range_us.1).into()),
    filled("count", Kind::Count, "", "rows, moments of a book or seconds; 0: no difference", |row| Some(row.difference.as_ref().map_or(0, |d| d.count)).into()),
    optional("field", Kind::Text, "", "the column that differs; null: the whole row or the book, or as `kind`", |row| of(row, |d| d.field.as_ref())),
    optional("live", Kind::Text, "", "what the live side has; null: nothing, or as `kind`", |row| of(row, |d| d.live.as_ref())),
    optional("vendor", Kind::Text, "", "what the vendor has; null: nothing, or as `kind`", |row| of(row, |d| d.vendor.as_ref())),
    optional("cause", Kind::Text, "", "`gap`, `other_channel`, `vendor`, `clock`, `repeated` or `unexplained`; null: as `kind`", |row| of(row, |d| Some(&d.cause))),
    optional("because", Kind::Text, "", "the same in words, with its source; null: nothing explains it, or as `kind`", |row| of(row, |d| d.because.as_ref())),
    filled("live_rows", Kind::Count, "rows", "live rows that arrived while both sides recorded", |row| Some(row.rows[0]).into()),
    filled("vendor_rows", Kind::Count, "rows", "the vendor's rows of that time", |row| Some(row.rows[1]).into()),
    filled("compared", Kind::Count, "", "rows, moments of a book or seconds that were compared", |row| Some(row.compared).into()),
    filled("equal", Kind::Count, "", "how many of them are equal", |row| Some(row.equal).into()),
    filled("unexplained", Kind::Count, "differences", "differences of the partition that nothing explains, listed or not", |row| Some(row.unexplained).into()),
    optional("live_object", Kind::Text, "", "digest of the live object; null: version 0.1.0 wrote it", |row| row.objects[0].as_deref().into()),
    optional("vendor_object", Kind::Text, "", "digest of the vendor's object; null: as `live_object`", |row| row.objects[1].as_deref().into()),
    required("compared_at", Kind::Time, TIME, "when it was compared", |row| Some(row.compared_us).into()),
    filled("explained", Kind::Flag, "", "whether every difference of the partition has a cause", |row| Some(row.unexplained == 0).into()),
    filled("schema_version", Kind::Count, "", "version of the columns of the program that wrote the row", |_| Some(1_u64).into()),
];

fn of<'a>(row: &'a ComparisonLine, text: fn(&'a LineDifference) -> Option<&'a String>) -> Cell<'a> {
    row.difference.as_ref().and_then(text).map(String::as_str).into()
}

fn rows(table: &RecordBatch) -> Result<Vec<ComparisonLine>, String> {
    let cells = TableReader::of(table, &COLUMNS);
    let (date, key, data_type) =
        (cells.text("date")?, cells.text("instrument_key")?, cells.text("data_type")?);
    let (kind, cause) = (cells.text("kind")?, cells.text("cause")?);
    let (from, to, at) =
        (cells.time("from_exchange")?, cells.time("to_exchange")?, cells.time("compared_at")?);
    let (field, live, vendor) = (cells.text("field")?, cells.text("live")?, cells.text("vendor")?);
    let because = cells.text("because")?;
    let (count, compared, equal) = (cells.count("count")?, cells.count("compared")?, cells.count("equal")?);
    let (live_rows, vendor_rows) = (cells.count("live_rows")?, cells.count("vendor_rows")?);
    let unexplained = cells.count("unexplained")?;
    let (live_object, vendor_object) = (cells.text("live_object")?, cells.text("vendor_object")?);
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let line = |row| {
        let difference = match kind(row) {
            None => None,
            Some(kind) => Some(LineDifference {
                kind: kind.to_owned(),
                range_us: (from(row)?, to(row)?),
                count: count(row)?,
                field: owned(field(row)),
                live: owned(live(row)),
                vendor: owned(vendor(row)),
                cause: cause(row)?.to_owned(),
                because: owned(because(row)),
            }),
        };
        Some(ComparisonLine {
            day: date(row)?.parse().ok()?,
            key: key(row)?.parse().ok()?,
            data_type: data_type(row)?.parse().ok()?,
            difference,
            rows: [live_rows(row)?, vendor_rows(row)?],
            compared: compared(row)?,
            equal: equal(row)?,
            unexplained: unexplained(row)?,
            objects: [owned(live_object(row)), owned(vendor_object(row))],
            compared_us: at(row)?,
        })
    };
    (0..table.num_rows())
        .map(|row| line(row).ok_or_else(|| format!("row {row} is no line of a comparison")))
        .collect()
}

impl Lake {
    /// The report of a day's comparisons. `None`: none was kept, or the report cannot be read.
    ///
    /// # Errors
    /// When the store fails, or a newer version of the program made the report.
    pub async fn comparisons(&self, day: Day) -> Result<Option<Vec<ComparisonLine>>, LakeError> {
        let path = self.layout().comparisons(day);
        let Some(bytes) = self.read(&path).await? else { return Ok(None) };
        readable(&path, || rows(&table(bytes, &path)?).map_err(wrong(&path)))
    }

    /// Puts the lines of partitions into a day's report, in place of those that it has of them.
    ///
    /// # Errors
    /// As [`Lake::comparisons`].
    pub async fn update_comparisons(&self, day: Day, lines: &[ComparisonLine]) -> Result<(), LakeError> {
        let path = self.layout().comparisons(day);
        let new: BTreeSet<_> = lines.iter().map(|line| (&line.key, line.data_type)).collect();
        self.update(&path, |old| {
            let read =
                |bytes: &Bytes| readable(&path, || rows(&table(bytes.clone(), &path)?).map_err(wrong(&path)));
            let old = old.map(read).transpose()?.flatten().unwrap_or_default();
            let kept = old.into_iter().filter(|line| !new.contains(&(&line.key, line.data_type)));
            let mut all: Vec<ComparisonLine> = kept.chain(lines.iter().cloned()).collect();
            // Within a partition the order is that of the comparison.
            all.sort_by(|a, b| (&a.key, a.data_type).cmp(&(&b.key, b.data_type)));
            bytes_of(&to_table(&COLUMNS, &all), &path)
        })
        .await
    }
}
