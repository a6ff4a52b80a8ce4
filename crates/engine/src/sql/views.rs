//! Views for DuckDB over exact paths. Their columns and types are written out, so that DuckDB opens no file before a query does,
//! objects of earlier versions have null in columns that came later, and a table without objects has its columns too.

use std::fmt::Write;
use std::ops::Range;

use mtdh_lake::tables::ColumnDescription;

/// The rows of a view's objects that are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    /// The column of their time.
    pub column: &'static str,
    /// Its range, microseconds since the Unix epoch, UTC; the end is excluded.
    pub within_us: Range<i64>,
}

/// A view.
#[derive(Clone, Debug)]
pub struct View {
    /// Its name.
    pub name: String,
    /// Its columns, in order.
    pub columns: Vec<ColumnDescription>,
    /// Where its objects are; none: it is empty.
    pub addresses: Vec<String>,
    /// Which of their rows; `None`: all.
    pub rows: Option<Rows>,
}

/// What stands before views.
pub(crate) fn head() -> &'static str {
    "SET TimeZone = 'UTC';\n"
}

impl View {
    /// Appends the statement that makes the view.
    pub fn write(&self, sql: &mut String) {
        let View { name, columns, addresses, rows } = self;
        let _infallible = write!(sql, "CREATE OR REPLACE VIEW {} AS SELECT ", quoted(name));
        if addresses.is_empty() {
            let column =
                |c: &ColumnDescription| format!("NULL::{} AS {}", duckdb_type(c.data_type), quoted(c.name));
            let _infallible =
                writeln!(sql, "{} WHERE false;", columns.iter().map(column).collect::<Vec<_>>().join(", "));
            return;
        }
        sql.push_str("* FROM read_parquet([\n");
        for (place, address) in addresses.iter().enumerate() {
            let comma = if place + 1 < addresses.len() { "," } else { "" };
            let _infallible = writeln!(sql, "  {}{comma}", text(&without_wildcards(address)));
        }
        let of_column = |c: &ColumnDescription| {
            let name = text(c.name);
            format!("{name}: {{name: {name}, type: '{}', default_value: NULL}}", duckdb_type(c.data_type))
        };
        let schema = columns.iter().map(of_column).collect::<Vec<_>>().join(", ");
        let _infallible = write!(sql, "], hive_partitioning = false, schema = MAP {{{schema}}})");
        if let Some(Rows { column, within_us }) = rows {
            let column = quoted(column);
            let moment = |us: i64| format!("make_timestamptz({us}::BIGINT)");
            let (first, end) = (moment(within_us.start), moment(within_us.end));
            let _infallible = write!(sql, " WHERE {column} >= {first} AND {column} < {end}");
        }
        sql.push_str(";\n");
    }
}

/// DuckDB's type of a column. Source: the page "Data types" of DuckDB's documentation,
/// <https://duckdb.org/docs/current/sql/data_types/overview>, November 2026.
pub(crate) fn duckdb_type(words: &str) -> &'static str {
    match words {
        "timestamp[us, UTC]" => "TIMESTAMP WITH TIME ZONE",
        "list of timestamp[us, UTC]" => "TIMESTAMP WITH TIME ZONE[]",
        "float64" => "DOUBLE",
        "list of float64" => "DOUBLE[]",
        "uint64" => "UBIGINT",
        "bool" => "BOOLEAN",
        "list of strings" => "VARCHAR[]",
        // Texts and dictionaries of them.
        _ => "VARCHAR",
    }
}

/// A text in a statement.
pub(crate) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// A name in a statement.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// An address that means itself: DuckDB reads the names of files as patterns.
fn without_wildcards(address: &str) -> String {
    let mut plain = String::with_capacity(address.len());
    for c in address.chars() {
        match c {
            '*' | '?' | '[' => {
                plain.push('[');
                plain.push(c);
                plain.push(']');
            }
            _ => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(addresses: &[&str], rows: Option<Rows>) -> String {
        let all = mtdh_lake::tables::all();
        let columns = all.iter().find(|table| table.name == "trades").unwrap().columns[..2].to_vec();
        let addresses = addresses.iter().map(|text| (*text).to_owned()).collect();
        let mut sql = String::new();
        View { name: "trades".to_owned(), columns, addresses, rows }.write(&mut sql);
        sql
    }

    #[test]
    fn names_mean_themselves() {
        let sql = view(&["/it's/a[1]*?/DERIBIT:PERP:BTC-USD.parquet", "/b"], None);
        assert!(sql.contains("  '/it''s/a[[]1][*][?]/DERIBIT:PERP:BTC-USD.parquet',\n  '/b'\n]"), "{sql}");
        assert!(sql.ends_with("default_value: NULL}});\n"), "{sql}");
    }

    #[test]
    fn a_table_without_objects_has_its_columns() {
        assert_eq!(
            view(&[], None),
            "CREATE OR REPLACE VIEW \"trades\" AS SELECT NULL::VARCHAR AS \"instrument_key\", \
             NULL::TIMESTAMP WITH TIME ZONE AS \"timestamp\" WHERE false;\n"
        );
    }

    #[test]
    fn rows_are_cut_where_the_request_ends() {
        let sql = view(&["/a"], Some(Rows { column: "timestamp", within_us: 5..7 }));
        assert!(sql.ends_with(" WHERE \"timestamp\" >= make_timestamptz(5::BIGINT) AND \"timestamp\" < make_timestamptz(7::BIGINT);\n"), "{sql}");
    }
}
