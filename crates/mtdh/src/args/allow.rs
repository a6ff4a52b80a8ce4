//! What a user accepts without fault.

use clap::Args;

#[derive(Args, Clone, Copy, Debug, Default)]
pub struct AllowArgs {
    /// Days that the vendor has not exported yet are no fault
    #[arg(long)]
    pub allow_not_exported: bool,

    /// Accept that the vendor no longer lists instruments or data types that the tables have: take them out
    #[arg(long)]
    pub accept_removed: bool,
}
