//! Why there are no candles of an instrument.

use mtdh_core::candle::NotANumber;
use mtdh_lake::{LakeError, ParquetError};

/// Why there are no candles of an instrument.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CandleError {
    /// The lake, or a file, could not be read or written.
    #[error("it could not be read or published")]
    Lake(#[source] LakeError),
    /// An object that is needed cannot be trusted.
    #[error("its {data_type} of {day} cannot be trusted: {reason}; download it again")]
    Untrusted {
        /// Of which data type.
        data_type: mtdh_core::DataType,
        /// Of which day.
        day: mtdh_core::Day,
        /// What is wrong with it.
        reason: String,
    },
    /// No trade of the day's object lies in the day.
    #[error(
        "none of its {trades} trades lies in {day} by the exchange's clock, which says {from} to {to}: the clock is off; \
         the checks of timestamps say how"
    )]
    NoneInDay {
        /// Trades of the object.
        trades: u64,
        /// The day.
        day: mtdh_core::Day,
        /// The first moment that the exchange's clock tells.
        from: String,
        /// The last one.
        to: String,
    },
    /// The objects that they are made of were replaced each time while they were read.
    #[error("its objects were replaced {0} times while they were read; try again when nobody downloads them")]
    Changing(usize),
    /// Rows that are not of the columns of their data type.
    #[error("the column `{name}` {reason}")]
    Column {
        /// The column.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A price or an amount that is no number.
    #[error("a row has a value that cannot be added up")]
    NotANumber(#[source] NotANumber),
    /// A file says neither by a column nor by its name whose rows it has.
    #[error("the file has no column `instrument_key`, and its name is no instrument key")]
    Unnamed,
    /// Files, or a file, of more than one instrument.
    #[error("there are rows of {0} and of {1}; candles are made of one instrument at a time")]
    SeveralInstruments(String, String),
    /// The output refused Parquet.
    #[error("the output cannot be written")]
    Write(#[source] ParquetError),
    /// The output's folder or file refused bytes.
    #[error("the output cannot be written")]
    Output(#[source] std::io::Error),
    /// The run was asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl From<LakeError> for CandleError {
    fn from(error: LakeError) -> CandleError {
        CandleError::Lake(error)
    }
}

impl From<NotANumber> for CandleError {
    fn from(error: NotANumber) -> CandleError {
        CandleError::NotANumber(error)
    }
}
