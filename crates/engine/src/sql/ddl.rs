//! Statements that let other engines read the lake where it lies.
//!
//! Sources, read in November 2026: partition projection, <https://docs.aws.amazon.com/athena/latest/ug/partition-projection.html>;
//! the Hive connector, <https://trino.io/docs/current/connector/hive.html>; external tables,
//! <https://docs.cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language>; generic file options,
//! <https://spark.apache.org/docs/latest/sql-data-sources-generic-options.html>; table functions,
//! <https://clickhouse.com/docs/sql-reference/table-functions/s3>.

use std::fmt;
use std::fmt::Write;
use std::str::FromStr;

use mtdh_core::Day;
use mtdh_core::candle::Timeframe;
use mtdh_lake::tables::{ColumnDescription, TableDescription};

use super::views::{duckdb_type, head, quoted, text};
use crate::error::EngineError;

/// An engine, by the form of its statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Amazon Athena.
    Athena,
    /// Trino, with its Hive connector.
    Trino,
    /// BigQuery.
    Bigquery,
    /// Spark SQL.
    Spark,
    /// ClickHouse.
    Clickhouse,
    /// DuckDB.
    Duckdb,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Dialect; 6] = [
        Dialect::Athena,
        Dialect::Trino,
        Dialect::Bigquery,
        Dialect::Spark,
        Dialect::Clickhouse,
        Dialect::Duckdb,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Dialect::Athena => "athena",
            Dialect::Trino => "trino",
            Dialect::Bigquery => "bigquery",
            Dialect::Spark => "spark",
            Dialect::Clickhouse => "clickhouse",
            Dialect::Duckdb => "duckdb",
        }
    }

    /// Whether it reads files of the machine that it runs on.
    fn reads_folders(self) -> bool {
        !matches!(self, Dialect::Athena | Dialect::Bigquery)
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Dialect {
    type Err = EngineError;

    fn from_str(given: &str) -> Result<Dialect, EngineError> {
        let found = Dialect::ALL.into_iter().find(|dialect| dialect.name().eq_ignore_ascii_case(given));
        let known = || Dialect::ALL.map(Dialect::name).join(", ");
        found.ok_or_else(|| EngineError::NoDialect { name: given.to_owned(), dialects: known() })
    }
}

/// What statements are made of, beyond the tables.
#[derive(Clone, Debug, Default)]
pub struct DdlOptions {
    /// The schema, database or data set of the tables, made of words and dots; `None`: `mtdh`.
    pub schema: Option<String>,
    /// BigQuery's connection, `PROJECT.REGION.NAME`; `None`: none, with the rights of whoever asks.
    pub connection: Option<String>,
    /// The address of an export in Hive's layout, which has folders `date=`, `venue=` and `instrument_type=` below each table;
    /// `None`: the lake itself.
    pub hive: Option<String>,
    /// Where the engine finds the lake, a folder of its machine or a bucket's address; `None`: where it is.
    pub place: Option<String>,
}

impl DdlOptions {
    /// The schema, once it is a name that needs no quoting anywhere.
    pub(crate) fn schema(&self) -> Result<&str, EngineError> {
        let name = self.schema.as_deref().unwrap_or("mtdh");
        let is_word = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        };
        let is_name = name.split('.').all(is_word);
        if is_name { Ok(name) } else { Err(EngineError::BadSqlName { name: name.to_owned() }) }
    }
}

/// One table of the lake, for statements.
pub(crate) struct Place<'a> {
    pub table: &'a TableDescription,
    /// The lake's address, without a slash at the end.
    pub root: &'a str,
    /// Whether that is a folder.
    pub is_folder: bool,
    /// The first day that the lake has.
    pub first: Day,
    /// The days that have objects of the table.
    pub days: &'a [Day],
}

impl Place<'_> {
    /// The path of the table's objects with its name put in.
    fn path(&self) -> String {
        self.table.path.replace("{type}", self.table.name)
    }

    /// The address of the folder above the days.
    fn base(&self) -> String {
        let path = self.path();
        format!("{}/{}", self.root, path.split("day-").next().unwrap_or_default())
    }

    /// The address of a day's folder, with the variable parts as given.
    fn folder(&self, day: &str, timeframe: &str) -> String {
        let path = self.path().replace("{D}", day).replace("{tf}", timeframe);
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        format!("{}/{folder}/", self.root)
    }

    /// The address of all objects as a pattern.
    fn glob(&self) -> String {
        let path = self.path().replace("{D}", "*").replace("{tf}", "*");
        format!("{}/{}", self.root, path.replace("{instrument_key}", "*").replace("{venue}", "*"))
    }

    /// Whether its days have a folder for each timeframe.
    fn has_timeframes(&self) -> bool {
        self.table.path.contains("{tf}")
    }

    fn columns(&self, of: impl Fn(&ColumnDescription) -> String) -> String {
        self.table.columns.iter().map(|column| format!("  {}", of(column))).collect::<Vec<_>>().join(",\n")
    }
}

/// What stands before the statements of a lake.
pub(crate) fn before(dialect: Dialect, schema: &str, has_folder: bool) -> Result<String, EngineError> {
    if has_folder && !dialect.reads_folders() {
        return Err(EngineError::NeedsBucket { dialect: dialect.name() });
    }
    Ok(match dialect {
        Dialect::Athena => format!("CREATE DATABASE IF NOT EXISTS {schema};\n"),
        Dialect::Trino => format!("CREATE SCHEMA IF NOT EXISTS hive.{schema};\n"),
        Dialect::Spark | Dialect::Clickhouse => format!("CREATE DATABASE IF NOT EXISTS {schema};\n"),
        Dialect::Bigquery => format!("CREATE SCHEMA IF NOT EXISTS `{schema}`;\n"),
        Dialect::Duckdb => format!("{}CREATE SCHEMA IF NOT EXISTS {};\n", head(), quoted(schema)),
    })
}

/// The statement for a table.
pub(crate) fn statement(
    dialect: Dialect,
    place: &Place<'_>,
    options: &DdlOptions,
) -> Result<String, EngineError> {
    let schema = options.schema()?;
    Ok(match dialect {
        Dialect::Athena => athena(place, schema),
        Dialect::Trino => trino(place, schema),
        Dialect::Bigquery => bigquery(place, schema, options),
        Dialect::Spark => spark(place, schema),
        Dialect::Clickhouse => clickhouse(place, schema),
        Dialect::Duckdb => duckdb(place, schema),
    })
}

/// Every usual timeframe.
fn timeframes() -> Vec<String> {
    Timeframe::USUAL.iter().map(ToString::to_string).collect()
}

fn athena(place: &Place<'_>, schema: &str) -> String {
    let name = place.table.name.to_lowercase();
    let columns = place.columns(|c| format!("`{}` {}", c.name.to_lowercase(), hive_type(c.data_type)));
    let parts = if place.has_timeframes() { "`day` string, `tf` string" } else { "`day` string" };
    let mut sql = format!(
        "CREATE EXTERNAL TABLE IF NOT EXISTS {schema}.{name} (\n{columns}\n)\nPARTITIONED BY ({parts})\nSTORED AS PARQUET\n"
    );
    let _infallible = write!(
        sql,
        "LOCATION {}\nTBLPROPERTIES (\n  'projection.enabled' = 'true',\n  'projection.day.type' = 'date',\n  'projection.day.format' = 'yyyy-MM-dd',\n  'projection.day.range' = '{},NOW',\n",
        text(&place.base()),
        place.first
    );
    if place.has_timeframes() {
        let _infallible = write!(
            sql,
            "  'projection.tf.type' = 'enum',\n  'projection.tf.values' = '{}',\n",
            timeframes().join(",")
        );
    }
    let _infallible =
        writeln!(sql, "  'storage.location.template' = {}\n);", text(&place.folder("${day}", "${tf}")));
    sql
}

fn trino(place: &Place<'_>, schema: &str) -> String {
    let name = place.table.name.to_lowercase();
    let columns = place.columns(|c| format!("\"{}\" {}", c.name.to_lowercase(), trino_type(c.data_type)));
    let mut parts = format!(
        "  \"day\" varchar WITH (partition_projection_type = 'date', partition_projection_format = 'yyyy-MM-dd', partition_projection_range = ARRAY['{}', 'NOW'])",
        place.first
    );
    let mut by = "'day'".to_owned();
    if place.has_timeframes() {
        let values = timeframes().iter().map(|tf| format!("'{tf}'")).collect::<Vec<_>>().join(", ");
        let _infallible = write!(
            parts,
            ",\n  \"tf\" varchar WITH (partition_projection_type = 'enum', partition_projection_values = ARRAY[{values}])"
        );
        by.push_str(", 'tf'");
    }
    let scheme = if place.is_folder { "local://" } else { "" };
    let (base, template) =
        (format!("{scheme}{}", place.base()), format!("{scheme}{}", place.folder("${day}", "${tf}")));
    format!(
        "CREATE TABLE IF NOT EXISTS hive.{schema}.{name} (\n{columns},\n{parts}\n)\nWITH (\n  format = 'PARQUET',\n  external_location = {},\n  partitioned_by = ARRAY[{by}],\n  partition_projection_enabled = true,\n  partition_projection_location_template = {}\n);\n",
        text(&base),
        text(&template)
    )
}

fn bigquery(place: &Place<'_>, schema: &str, options: &DdlOptions) -> String {
    let name = place.table.name;
    let connection =
        options.connection.as_ref().map(|name| format!("WITH CONNECTION `{}`\n", name.replace('`', "")));
    let connection = connection.unwrap_or_default();
    let is_of_instruments = place.table.path.contains("{instrument_key}");
    if let (Some(hive), true) = (&options.hive, is_of_instruments) {
        let hive = hive.trim_end_matches('/');
        return format!(
            "CREATE OR REPLACE EXTERNAL TABLE `{schema}.{name}`\nWITH PARTITION COLUMNS (date DATE, venue STRING, instrument_type STRING)\n{connection}OPTIONS (\n  format = 'PARQUET',\n  uris = [{}],\n  hive_partition_uri_prefix = {},\n  require_hive_partition_filter = true\n);\n",
            bigquery_text(&format!("{hive}/{name}/*")),
            bigquery_text(&format!("{hive}/{name}")),
        );
    }
    // A URI may have one asterisk, and needs a file: the days that are there are written out.
    let uri = |day: &Day| match place.has_timeframes() {
        true => {
            format!("{}*", place.folder(&day.to_string(), "*").split("timeframe-").next().unwrap_or_default())
        }
        false => format!("{}*", place.folder(&day.to_string(), "")),
    };
    let uris = place
        .days
        .iter()
        .map(|day| format!("    {}", bigquery_text(&uri(day))))
        .collect::<Vec<_>>()
        .join(",\n");
    format!(
        "CREATE OR REPLACE EXTERNAL TABLE `{schema}.{name}`\n{connection}OPTIONS (\n  format = 'PARQUET',\n  uris = [\n{uris}\n  ]\n);\n"
    )
}

fn spark(place: &Place<'_>, schema: &str) -> String {
    let name = place.table.name;
    let columns = place.columns(|c| format!("`{}` {}", c.name, spark_type(c.data_type)));
    // One level of folders is a pattern; names of files, which have colons, are none.
    let base = if place.is_folder {
        format!("file://{}", place.root)
    } else {
        place.root.replacen("s3://", "s3a://", 1)
    };
    let place = Place { root: &base, ..*place };
    let folders = place.folder("*", "*");
    format!(
        "CREATE TABLE IF NOT EXISTS {schema}.`{name}` (\n{columns}\n)\nUSING PARQUET\nOPTIONS (path {}, recursiveFileLookup 'true');\n",
        text(folders.trim_end_matches('/'))
    )
}

fn clickhouse(place: &Place<'_>, schema: &str) -> String {
    let name = place.table.name;
    let structure = place.table.columns.iter();
    let structure = structure
        .map(|c| format!("{} {}", c.name, clickhouse_type(c.data_type)))
        .collect::<Vec<_>>()
        .join(", ");
    let function = match place.root.split_once("://") {
        _ if place.is_folder => "file",
        Some(("gs", _)) => "gcs",
        _ => "s3",
    };
    format!(
        "CREATE OR REPLACE VIEW {schema}.`{name}` AS\nSELECT *, toDate(extract(_path, 'day-([0-9-]{{10}})')) AS day\nFROM {function}({}, 'Parquet', {});\n",
        text(&place.glob()),
        text(&structure)
    )
}

fn duckdb(place: &Place<'_>, schema: &str) -> String {
    let of_column = |c: &ColumnDescription| {
        format!(
            "{0}: {{name: {0}, type: '{1}', default_value: NULL}}",
            text(c.name),
            duckdb_type(c.data_type)
        )
    };
    let columns = place.table.columns.iter().map(of_column).collect::<Vec<_>>().join(", ");
    format!(
        "CREATE OR REPLACE VIEW {}.{} AS\nSELECT *, regexp_extract(filename, 'day-([0-9-]{{10}})', 1)::DATE AS \"day\"\nFROM read_parquet({}, hive_partitioning = false, filename = true, schema = MAP {{{columns}}});\n",
        quoted(schema),
        quoted(place.table.name),
        text(&place.glob())
    )
}

/// Athena's and Hive's type of a column: unsigned numbers have none of their own, and the lake's lie far below the limit.
fn hive_type(words: &str) -> &'static str {
    match words {
        "timestamp[us, UTC]" => "timestamp",
        "list of timestamp[us, UTC]" => "array<timestamp>",
        "float64" => "double",
        "list of float64" => "array<double>",
        "uint64" => "bigint",
        "bool" => "boolean",
        "list of strings" => "array<string>",
        _ => "string",
    }
}

fn spark_type(words: &str) -> &'static str {
    match words {
        // Spark reads unsigned numbers of 64 bits as decimals.
        "uint64" => "decimal(20,0)",
        words => hive_type(words),
    }
}

fn trino_type(words: &str) -> &'static str {
    match words {
        "timestamp[us, UTC]" => "timestamp(6)",
        "list of timestamp[us, UTC]" => "array(timestamp(6))",
        "float64" => "double",
        "list of float64" => "array(double)",
        "uint64" => "bigint",
        "bool" => "boolean",
        "list of strings" => "array(varchar)",
        _ => "varchar",
    }
}

fn clickhouse_type(words: &str) -> &'static str {
    match words {
        "timestamp[us, UTC]" => "Nullable(DateTime64(6, 'UTC'))",
        "list of timestamp[us, UTC]" => "Array(Nullable(DateTime64(6, 'UTC')))",
        "float64" => "Nullable(Float64)",
        "list of float64" => "Array(Nullable(Float64))",
        "uint64" => "Nullable(UInt64)",
        "bool" => "Nullable(Bool)",
        "list of strings" => "Array(Nullable(String))",
        _ => "Nullable(String)",
    }
}

/// A text in BigQuery, whose quotes are escaped by a backslash.
pub(crate) fn bigquery_text(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// BigQuery's type of a column.
pub(crate) fn bigquery_type(words: &str) -> &'static str {
    match words {
        "timestamp[us, UTC]" => "TIMESTAMP",
        "list of timestamp[us, UTC]" => "ARRAY<TIMESTAMP>",
        "float64" => "FLOAT64",
        "list of float64" => "ARRAY<FLOAT64>",
        "uint64" => "INT64",
        "bool" => "BOOL",
        "list of strings" => "ARRAY<STRING>",
        _ => "STRING",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dialect_has_a_statement_for_every_table() {
        let days = ["2024-03-01".parse().unwrap()];
        for table in mtdh_lake::tables::all().iter().filter(|table| table.is_by_day()) {
            assert!(
                table.columns.iter().all(|column| !["day", "tf"].contains(&column.name)),
                "{}",
                table.name
            );
            for dialect in Dialect::ALL {
                let place = Place { table, root: "s3://b/p", is_folder: false, first: days[0], days: &days };
                let sql = statement(dialect, &place, &DdlOptions::default()).unwrap();
                assert!(
                    ["{D}", "{type}", "{instrument_key}"].iter().all(|part| !sql.contains(part)),
                    "{sql}"
                );
                assert!(sql.to_lowercase().contains(&table.name.to_lowercase()), "{sql}");
                assert!(sql.ends_with(";\n"), "{sql}");
            }
        }
    }

    #[test]
    fn a_folder_is_for_engines_of_its_machine() {
        for dialect in Dialect::ALL {
            let is_refused = matches!(dialect, Dialect::Athena | Dialect::Bigquery);
            assert_eq!(before(dialect, "mtdh", true).is_err(), is_refused, "{dialect}");
        }
    }

    #[test]
    fn a_schema_is_a_plain_name() {
        for (name, is_fine) in [
            ("a", true),
            ("project-1.set_2", true),
            ("a b", false),
            ("a;drop", false),
            ("", false),
            ("a..b", false),
        ] {
            let options = DdlOptions { schema: Some(name.to_owned()), ..DdlOptions::default() };
            assert_eq!(options.schema().is_ok(), is_fine, "{name}");
        }
    }
}
