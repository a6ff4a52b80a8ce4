//! The options of `certify` and `verify`.

use std::path::PathBuf;

use clap::Args;
use mtdh_core::partition::Origin;

use super::SelectionArgs;

#[derive(Args, Clone, Debug)]
pub struct CertifyArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,

    /// All that the flags select, whatever the lake's lake.toml wants
    #[arg(long)]
    pub everything: bool,

    /// Whose data: the vendor's; of recordings no certificate is made
    #[arg(long, value_name = "ORIGIN", default_value_t = Origin::Vendor, hide = true)]
    pub origin: Origin,

    /// The file to write; it is replaced if it exists
    #[arg(long, short, value_name = "FILE", required = true)]
    pub out: PathBuf,

    /// Read every byte and prove it before it is certified; needed for objects that mtdh 0.1.0 wrote
    #[arg(long)]
    pub bytes: bool,
}

#[derive(Args, Clone, Debug)]
pub struct VerifyArgs {
    /// The certificate
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Read every byte; without it only the footers are compared, and data that rotted is not found
    #[arg(long)]
    pub bytes: bool,
}
