//! A run's saved plan: a row for each partition to fetch, with the vendor file that provides it.

use std::collections::BTreeMap;

use bytes::Bytes;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::Partition;
use object_store::path::Path;

use crate::error::LakeError;
use crate::object::WriteMode;
use crate::read::failure;
use crate::store::Lake;
use crate::tables::columns::{
    Described, Kind, TableReader, facts_of, filled, optional, pieces_to_parquet, read_pieces, required,
    to_table,
};

/// One row of a plan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlanRow {
    /// The vendor's path of the file.
    pub file: String,
    /// Whether the file holds all instruments of a type.
    pub is_group: bool,
    /// Expected cost of the file, in rows; the same in all rows of a file.
    pub weight: u64,
    /// The partition that the file provides.
    pub partition: Partition,
    /// The symbol in the form of file URLs.
    pub symbol: String,
    /// Expected rows of the partition; `None`: the vendor has no statistics.
    pub expected_rows: Option<u64>,
    /// Whether an existing object must be replaced.
    pub replaces: bool,
}

/// Rows of a plan in memory at a time, for reading and writing.
const PIECE_ROWS: usize = 8192;

/// A plan, as stored in the lake.
#[derive(Debug)]
pub struct PlanFile {
    /// Key-value pairs of the footer, such as the content's hash.
    pub facts: BTreeMap<String, String>,
    path: Path,
    bytes: Bytes,
}

impl PlanFile {
    /// Passes each row to `each`, in order.
    ///
    /// # Errors
    /// When the object is not a plan.
    pub fn for_each(&self, mut each: impl FnMut(PlanRow)) -> Result<(), LakeError> {
        let mut wrong = None;
        let read = read_pieces(self.bytes.clone(), PIECE_ROWS, |batch| {
            match rows(&TableReader::of(&batch, &COLUMNS), batch.num_rows()) {
                Ok(rows) => rows.into_iter().for_each(&mut each),
                Err(reason) => wrong = wrong.take().or(Some(reason)),
            }
            Ok(())
        });
        read.map_err(|source| LakeError::Parquet { path: self.path.to_string(), source })?;
        match wrong {
            Some(reason) => Err(LakeError::WrongTable { path: self.path.to_string(), reason }),
            None => Ok(()),
        }
    }
}

impl Lake {
    /// Saves a run's plan; the rows must be sorted. With [`WriteMode::Create`] a second plan of the same run is refused: only a
    /// change of keys replaces one.
    ///
    /// # Errors
    /// When the store fails, or the run has another plan.
    pub async fn put_plan(
        &self,
        run_id: &str,
        facts: &BTreeMap<String, String>,
        rows: impl Iterator<Item = PlanRow>,
        mode: WriteMode,
    ) -> Result<(), LakeError> {
        let path = self.layout().plan(run_id);
        let (mut rows, mut is_begun) = (rows.peekable(), false);
        let pieces = std::iter::from_fn(|| {
            // A plan without rows still has its columns.
            let is_over = std::mem::replace(&mut is_begun, true) && rows.peek().is_none();
            (!is_over).then(|| Ok(to_table(&COLUMNS, &rows.by_ref().take(PIECE_ROWS).collect::<Vec<_>>())))
        });
        let bytes = pieces_to_parquet(pieces, facts);
        let bytes = bytes.map_err(|source| LakeError::Parquet { path: path.to_string(), source })?;
        self.publish_bytes(&path, &bytes, mode).await
    }

    /// Whether a run has a plan.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn has_plan(&self, run_id: &str) -> Result<bool, LakeError> {
        Ok(self.read(&self.layout().plan(run_id)).await?.is_some())
    }

    /// A run's plan; `None`: it has none.
    ///
    /// # Errors
    /// When the store fails, or the object is not Parquet.
    pub async fn plan(&self, run_id: &str) -> Result<Option<PlanFile>, LakeError> {
        let path = self.layout().plan(run_id);
        let Some(bytes) = self.read(&path).await? else { return Ok(None) };
        match facts_of(&bytes) {
            Ok(facts) => Ok(Some(PlanFile { facts, path, bytes })),
            Err(source) => Err(failure(&path, source)),
        }
    }
}

/// The columns of `plan.parquet`.
#[rustfmt::skip]
pub(crate) static COLUMNS: [Described<PlanRow>; 9] = [
    required("file", Kind::Text, "", "the vendor's path of the file", |row| row.file.as_str().into()),
    filled("is_group", Kind::Flag, "", "whether the file holds all instruments of a type", |row| Some(row.is_group).into()),
    filled("weight", Kind::Count, "rows", "what the file is expected to cost: expected rows, and 2,000 for the file; the same in all rows of a file", |row| Some(row.weight).into()),
    required("date", Kind::Text, "", "the day, `YYYY-MM-DD`", |row| row.partition.day.to_string().into()),
    required("data_type", Kind::Text, "", "the data type", |row| row.partition.data_type.name().into()),
    required("instrument_key", Kind::Text, "", "the key", |row| row.partition.key.as_str().into()),
    required("symbol", Kind::Text, "", "the symbol in the vendor's file URLs", |row| row.symbol.as_str().into()),
    optional("expected_rows", Kind::Count, "rows", "rows to expect of the partition; null: the vendor has no statistics", |row| row.expected_rows.into()),
    filled("replaces", Kind::Flag, "", "whether the download replaces an object", |row| Some(row.replaces).into()),
];

fn rows(cells: &TableReader<'_>, count: usize) -> Result<Vec<PlanRow>, String> {
    let (file, symbol) = (cells.text("file")?, cells.text("symbol")?);
    let (day, data_type, key) =
        (cells.text("date")?, cells.text("data_type")?, cells.text("instrument_key")?);
    let (is_group, replaces) = (cells.flag("is_group")?, cells.flag("replaces")?);
    let (weight, expected_rows) = (cells.count("weight")?, cells.count("expected_rows")?);
    let read = |row| {
        Some(PlanRow {
            file: file(row)?.to_owned(),
            is_group: is_group(row)?,
            weight: weight(row)?,
            partition: Partition {
                day: day(row)?.parse().ok()?,
                data_type: data_type(row)?.parse().ok()?,
                key: key(row)?.parse::<InstrumentKey>().ok()?,
            },
            symbol: symbol(row)?.to_owned(),
            expected_rows: expected_rows(row),
            replaces: replaces(row)?,
        })
    };
    (0..count).map(|row| read(row).ok_or_else(|| format!("row {row} is none of a plan"))).collect()
}
