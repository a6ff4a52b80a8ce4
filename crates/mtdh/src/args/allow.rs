//! Flags by which a user accepts a deviation.

use clap::Args;
use mtdh_engine::instruments::Removed;

#[derive(Args, Clone, Copy, Debug, Default)]
pub struct AllowArgs {
    /// Do not count days that Tardis has not exported yet as a failure
    #[arg(long)]
    pub allow_not_exported: bool,

    /// Remove instruments and data types that Tardis no longer lists from the tables
    #[arg(long)]
    pub accept_removed: bool,
}

impl AllowArgs {
    /// What happens to table rows that the vendor no longer lists.
    pub fn removed(self) -> Removed {
        if self.accept_removed { Removed::Accept } else { Removed::Keep }
    }
}
