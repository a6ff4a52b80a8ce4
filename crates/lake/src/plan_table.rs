//! A run's saved plan: a row for each partition that is to be fetched, with the vendor file that answers it.

use std::collections::BTreeMap;

use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::Partition;

use crate::error::LakeError;
use crate::layout;
use crate::read::failure;
use crate::small_table::{Cells, Columns, from_parquet_with, to_parquet_with};
use crate::store::{Existing, Lake};

/// One row of a plan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlanRow {
    /// The vendor's path of the file.
    pub file: String,
    /// Whether the file holds all instruments of a type.
    pub is_group: bool,
    /// What the file is expected to cost, in rows; the same in all rows of a file.
    pub weight: u64,
    /// The partition that it answers.
    pub partition: Partition,
    /// The symbol in the form of file URLs.
    pub symbol: String,
    /// Rows to expect of the partition; null where the vendor has no statistics.
    pub expected_rows: Option<u64>,
    /// Whether an object is there that is to be replaced.
    pub replaces: bool,
}

/// A plan with what its footer says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanTable {
    /// Pairs of the footer, such as the content's hash.
    pub facts: BTreeMap<String, String>,
    /// Its rows, sorted.
    pub rows: Vec<PlanRow>,
}

impl Lake {
    /// Saves a run's plan. A plan is never changed: a second one of the same run is refused.
    ///
    /// # Errors
    /// When the store fails, or the run has another plan.
    pub async fn put_plan(&self, run_id: &str, plan: &PlanTable) -> Result<(), LakeError> {
        let path = layout::plan(run_id);
        let broken = |source| LakeError::Parquet { path: path.to_string(), source };
        let mut columns = Columns::default();
        let rows = || plan.rows.iter();
        let days: Vec<String> = rows().map(|r| r.partition.day.to_string()).collect();
        let keys: Vec<String> = rows().map(|r| r.partition.key.to_string()).collect();
        columns.text("file", rows().map(|r| r.file.as_str()));
        columns.maybe_flag("is_group", rows().map(|r| Some(r.is_group)));
        columns.maybe_count("weight", rows().map(|r| Some(r.weight)));
        columns.text("date", days.iter().map(String::as_str));
        columns.text("data_type", rows().map(|r| r.partition.data_type.name()));
        columns.text("instrument_key", keys.iter().map(String::as_str));
        columns.text("symbol", rows().map(|r| r.symbol.as_str()));
        columns.maybe_count("expected_rows", rows().map(|r| r.expected_rows));
        columns.maybe_flag("replaces", rows().map(|r| Some(r.replaces)));
        let table = columns.finish().map_err(|e| broken(e.into()))?;
        let bytes = to_parquet_with(&table, &plan.facts).map_err(broken)?;
        self.publish_bytes(&path, &bytes, Existing::Keep).await
    }

    /// Whether a run has a plan.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn has_plan(&self, run_id: &str) -> Result<bool, LakeError> {
        Ok(self.read(&layout::plan(run_id)).await?.is_some())
    }

    /// A run's plan, if there is one.
    ///
    /// # Errors
    /// When the store fails, or the object is no plan.
    pub async fn plan(&self, run_id: &str) -> Result<Option<PlanTable>, LakeError> {
        let path = layout::plan(run_id);
        let Some(bytes) = self.read(&path).await? else { return Ok(None) };
        let (table, facts) = from_parquet_with(bytes).map_err(|source| failure(&path, source))?;
        let rows = rows(&Cells::of(&table), table.num_rows());
        let wrong = |reason| LakeError::WrongTable { path: path.to_string(), reason };
        Ok(Some(PlanTable { facts, rows: rows.map_err(wrong)? }))
    }
}

fn rows(cells: &Cells<'_>, count: usize) -> Result<Vec<PlanRow>, String> {
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
