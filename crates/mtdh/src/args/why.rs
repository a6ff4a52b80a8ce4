//! Flags of `mtdh why`.

use super::*;

#[derive(Args, Debug)]
pub struct WhyArgs {
    /// Instrument key, for example DERIBIT:PERP:BTC-USD
    pub key: String,

    /// The UTC day: 2024-03-01, yesterday or today
    #[arg(value_name = "DAY", value_parser = time::day)]
    pub day: Day,

    /// Data type [default: all that are expected or were ever there]
    #[arg(value_name = "TYPE")]
    pub data_type: Option<DataType>,

    /// Whose data: the vendor's, or that of live recordings
    #[arg(long, value_name = "ORIGIN", default_value_t = Origin::Vendor)]
    pub origin: Origin,
}
