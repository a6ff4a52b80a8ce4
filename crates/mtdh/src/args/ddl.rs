//! Flags of `mtdh ddl`.

use clap::Args;
use mtdh_engine::query::tables::TableName;
use mtdh_engine::sql::ddl::Dialect;

#[derive(Args, Clone, Debug)]
pub struct DdlArgs {
    /// Tables: data types, candles, instruments, available, missing, checks, gaps, comparisons [default: those that the lake has
    /// objects of]
    #[arg(value_name = "TABLE")]
    pub tables: Vec<TableName>,

    /// Whose statements: athena, trino, bigquery, spark, clickhouse or duckdb
    #[arg(long, value_name = "ENGINE")]
    pub dialect: Dialect,

    /// Schema, database or data set of the tables
    #[arg(long, value_name = "NAME", default_value = "mtdh")]
    pub schema: String,

    /// BigQuery: the connection by which it reads the bucket, PROJECT.REGION.NAME [default: none]
    #[arg(long, value_name = "NAME")]
    pub connection: Option<String>,

    /// BigQuery: the address of an export in Hive's layout, whose folders become columns [default: the lake itself]
    #[arg(long, value_name = "URL")]
    pub hive: Option<String>,
}
