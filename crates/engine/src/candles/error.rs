//! Errors of making candles.

use mtdh_core::candle::NotANumber;
use mtdh_lake::{LakeError, ParquetError};

/// Why the candles of an instrument could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CandleError {
    /// The lake, or a file, could not be read or written.
    #[error("it could not be read or published")]
    Lake(#[source] LakeError),
    /// An object that is needed cannot be trusted.
    #[error("its {data_type} of {day} cannot be trusted: {reason}; download it again")]
    Untrusted {
        /// The object's data type.
        data_type: mtdh_core::DataType,
        /// The object's day.
        day: mtdh_core::Day,
        /// What is wrong with it.
        reason: String,
    },
    /// None of the day's trades lies in the day by the exchange's clock.
    #[error(
        "none of its {trades} trades lies in {day} by the exchange's clock, which says {from} to {to}: the clock is off; \
         the checks of timestamps say how"
    )]
    NoneInDay {
        /// Trades of the object.
        trades: u64,
        /// The day.
        day: mtdh_core::Day,
        /// The first time by the exchange's clock.
        from: String,
        /// The last time by the exchange's clock.
        to: String,
    },
    /// The source objects were replaced on every attempt to read them.
    #[error("its objects were replaced {0} times while they were read; try again when nobody downloads them")]
    Changing(usize),
    /// A column does not fit its data type.
    #[error("the column `{name}` {reason}")]
    Column {
        /// The column.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Columns of a user's file that are not those of trades.
    #[error("{file}: {reason}")]
    Columns {
        /// The file.
        file: String,
        /// What is wrong with them.
        reason: crate::files::user_columns::ColumnsError,
    },
    /// A price or an amount that is not a number.
    #[error("a row has a value that cannot be added up")]
    NotANumber(#[source] NotANumber),
    /// Neither a column nor the file name identifies the instrument.
    #[error("the file has no column `instrument_key`, and its name is no instrument key")]
    Unnamed,
    /// Rows of more than one instrument.
    #[error("there are rows of {0} and of {1}; candles are made of one instrument at a time")]
    SeveralInstruments(String, String),
    /// The output could not be written as Parquet.
    #[error("the output cannot be written")]
    Write(#[source] ParquetError),
    /// The output's folder or file cannot be written.
    #[error("the output cannot be written")]
    Output(#[source] std::io::Error),
    /// The run was cancelled.
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
