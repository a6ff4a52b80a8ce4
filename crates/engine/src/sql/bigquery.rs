//! The exact statements that bring days of a lake into tables of BigQuery.
//!
//! Sources, read in November 2026: `LOAD DATA`, <https://docs.cloud.google.com/bigquery/docs/reference/standard-sql/load-statements>;
//! transactions, <https://docs.cloud.google.com/bigquery/docs/transactions>; limits of URIs and of a statement's length,
//! <https://docs.cloud.google.com/bigquery/quotas>.

use std::collections::BTreeSet;
use std::fmt::Write;

use mtdh_core::clock::Clock;

use super::ddl::{bigquery_text, bigquery_type};
use crate::query::tables::{TableDay, TableName};

/// Addresses of one statement. BigQuery takes 10,000, and a megabyte of text.
const MOST_ADDRESSES: usize = 4_000;

/// What stands before everything.
pub(crate) const HEAD: &str = "\
-- Each block is one query, for one table and day; run them one after the other. A block may be run again, also after it was broken
-- off: it fills a staging table anew, and then, in one transaction, deletes the rows of that day that it brings, and inserts them.
-- So a day is there once, however often the block ran, and whoever reads meanwhile sees the day before or after, never half of it.
-- Two runs of one block at the same time would share the staging table: do not.
";

/// The column by which a table is cut into days; `None`: a table that is not published.
pub(crate) fn clock(table: TableName) -> Option<&'static str> {
    match table {
        TableName::Ticks(_) => Some(Clock::Arrival.column()),
        TableName::Candles(Some(_)) => Some(Clock::Exchange.column()),
        _ => None,
    }
}

/// The statement that makes a table if it is not there.
pub(crate) fn make(dataset: &str, table: TableName, clock: &str) -> String {
    let columns: Vec<String> =
        table.columns().iter().map(|c| format!("  `{}` {}", c.name, bigquery_type(c.data_type))).collect();
    format!(
        "\nCREATE TABLE IF NOT EXISTS `{dataset}.{table}` (\n{}\n)\nPARTITION BY TIMESTAMP_TRUNC(`{clock}`, DAY)\nCLUSTER BY `instrument_key`;\n",
        columns.join(",\n")
    )
}

/// The block of a day. `is_whole`: all instruments of the day are meant, so that rows of those that are gone go too.
pub(crate) fn day(
    dataset: &str,
    found: &TableDay,
    addresses: &[String],
    is_whole: bool,
    clock: &str,
) -> String {
    let TableDay { table, objects, .. } = found;
    let Some(day) = objects.first().map(|object| object.day) else { return String::new() };
    let stage = format!("{dataset}._mtdh_stage_{table}_{}", day.to_string().replace('-', ""));
    let described = table.columns();
    let columns = described.iter().map(|c| format!("`{}`", c.name)).collect::<Vec<_>>().join(", ");
    let typed = described
        .iter()
        .map(|c| format!("`{}` {}", c.name, bigquery_type(c.data_type)))
        .collect::<Vec<_>>()
        .join(", ");
    let bytes: u64 = objects.iter().map(|object| object.entry.bytes).sum();
    let mut sql = format!("\n-- {table} of {day}: {} objects, {bytes} bytes\n", objects.len());
    for (part, addresses) in addresses.chunks(MOST_ADDRESSES).enumerate() {
        let how = if part == 0 { "OVERWRITE" } else { "INTO" };
        let uris: Vec<String> =
            addresses.iter().map(|address| format!("    {}", bigquery_text(address))).collect();
        let _infallible = writeln!(
            sql,
            "LOAD DATA {how} `{stage}` ({typed})\nFROM FILES (\n  format = 'PARQUET',\n  uris = [\n{}\n  ]\n);",
            uris.join(",\n")
        );
    }
    let mut which = format!(
        "`{clock}` >= TIMESTAMP '{day} 00:00:00+00' AND `{clock}` < TIMESTAMP '{} 00:00:00+00'",
        day.next()
    );
    if !is_whole {
        let keys: BTreeSet<&str> =
            objects.iter().filter_map(|object| object.key.as_ref()).map(|key| key.as_str()).collect();
        let keys: Vec<String> = keys.into_iter().map(bigquery_text).collect();
        let _infallible = write!(which, "\n  AND `instrument_key` IN ({})", keys.join(", "));
    }
    let _infallible = write!(
        sql,
        "BEGIN TRANSACTION;\nDELETE FROM `{dataset}.{table}` WHERE {which};\nINSERT INTO `{dataset}.{table}` ({columns})\nSELECT {columns} FROM `{stage}`;\nCOMMIT TRANSACTION;\nDROP TABLE IF EXISTS `{stage}`;\n"
    );
    sql
}
