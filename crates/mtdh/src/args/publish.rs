//! Flags of `mtdh publish`.

use super::*;

#[derive(Debug, Subcommand)]
pub enum PublishCommand {
    /// The statements that load days into BigQuery; each may run again
    Bigquery(BigqueryArgs),
}
