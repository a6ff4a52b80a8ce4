//! Flags of `mtdh publish bigquery`.

use clap::Args;

use super::ObjectsArgs;

#[derive(Args, Clone, Debug)]
pub struct BigqueryArgs {
    /// The data set of the tables, SET or PROJECT.SET
    #[arg(long, value_name = "NAME", default_value = "mtdh")]
    pub dataset: String,

    /// Print the statements; nothing is sent, which another program does
    #[arg(long, required = true)]
    pub dry_run: bool,

    #[command(flatten)]
    pub objects: ObjectsArgs,
}
