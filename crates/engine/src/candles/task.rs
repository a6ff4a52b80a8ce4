//! What is to be made of one instrument's day, and of which data types.

use mtdh_core::candle::{Complete, Fill, Timeframe, Units, Valuation};
use mtdh_core::key::InstrumentKey;
use mtdh_core::{DataType, Day};

use crate::query::Available;

/// Sources of candles: of each group, the first data type that the lake has. Options have no ticker of their own.
pub const SOURCES: [&[DataType]; 4] = [
    &[DataType::Trades],
    &[DataType::Liquidations],
    &[DataType::DerivativeTicker, DataType::OptionsChain],
    &[DataType::BookSnapshot5, DataType::BookSnapshot25],
];

/// One instrument's candles of one day.
#[derive(Clone, Debug)]
pub struct CandleTask {
    /// The day.
    pub day: Day,
    /// The instrument.
    pub key: InstrumentKey,
    /// Timeframes whose object is missing or outdated.
    pub timeframes: Vec<Timeframe>,
    /// How intervals without trades are filled.
    pub fill: Fill,
    /// The objects to read, in the order of data types, then days; those of neighbouring days only if they have rows of the
    /// day.
    pub(super) objects: Vec<Available>,
    /// All inputs, as written to the footer.
    pub(super) inputs: Vec<String>,
    /// The time ranges with all rows available, microseconds since the Unix epoch, UTC.
    pub(super) complete: Complete,
    /// What its amounts are worth; `None`: not known.
    pub(super) valuation: Option<Valuation>,
    /// What its footers say of its numbers.
    pub(super) units: Units,
    /// Inputs of the day that its table lists and the lake does not have.
    pub(super) lacking: Vec<DataType>,
    /// The day's own trades; `None`: none are stored.
    pub(super) own_trades: Option<Available>,
    /// An object of the day that cannot be trusted, with the reason; `None`: there is none.
    pub(super) untrusted: Option<(DataType, String)>,
}

impl CandleTask {
    /// Bytes of the objects to read.
    pub(super) fn bytes(&self) -> u64 {
        self.objects.iter().map(|object| object.bytes).sum()
    }

    /// Whether an object of trades, of the day or a neighbour, has rows of the day.
    pub(crate) fn has_rows(&self) -> bool {
        self.objects.iter().any(|object| object.partition.data_type == DataType::Trades)
    }

    /// The task's name, which decides its shard.
    pub(super) fn name(day: Day, key: &InstrumentKey) -> String {
        format!("candles/{day}/{key}")
    }
}
