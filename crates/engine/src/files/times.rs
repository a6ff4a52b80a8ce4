//! Columns of times in other people's Parquet: typed ones by their type, text by RFC 3339, bare numbers by the unit that the user
//! names.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float64Type, Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt64Type,
};
use arrow_array::{Array, TimestampMicrosecondArray};
use arrow_schema::{DataType as ArrowType, TimeUnit as ArrowUnit};
use chrono::DateTime;
use mtdh_core::time_unit::{Plausible, TimeUnit};

/// Why a column of a user's file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ColumnsError {
    /// Its times are bare numbers, and the caller named no unit. The text names the unit that would fit.
    #[error("{0}")]
    BareTimes(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl ColumnsError {
    /// With the name of the column before the text.
    pub(crate) fn of_column(self, name: &str) -> ColumnsError {
        match self {
            ColumnsError::BareTimes(text) => ColumnsError::BareTimes(format!("its column `{name}` {text}")),
            ColumnsError::Other(text) => ColumnsError::Other(format!("its column `{name}` {text}")),
        }
    }
}

impl From<String> for ColumnsError {
    fn from(text: String) -> ColumnsError {
        ColumnsError::Other(text)
    }
}

/// How a column of times is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// A timestamp type, which has its unit.
    Typed(TimeUnit),
    /// Text by RFC 3339.
    Text,
    /// Numbers of a unit that only the user knows.
    Bare,
}

impl Clock {
    /// How a column of this type is read; `None` if it cannot hold times.
    pub(crate) fn of(arrow: &ArrowType) -> Option<Clock> {
        match arrow {
            ArrowType::Timestamp(unit, _) => Some(Clock::Typed(match unit {
                ArrowUnit::Second => TimeUnit::Seconds,
                ArrowUnit::Millisecond => TimeUnit::Milliseconds,
                ArrowUnit::Microsecond => TimeUnit::Microseconds,
                ArrowUnit::Nanosecond => TimeUnit::Nanoseconds,
            })),
            ArrowType::Utf8 | ArrowType::LargeUtf8 | ArrowType::Utf8View => Some(Clock::Text),
            ArrowType::Int32 | ArrowType::Int64 | ArrowType::UInt64 | ArrowType::Float64 => Some(Clock::Bare),
            _ => None,
        }
    }

    /// How it is read, in words; `unit` is what the user named.
    pub(crate) fn words(self, unit: Option<TimeUnit>) -> String {
        match (self, unit) {
            (Clock::Typed(unit), _) => format!("{unit}, by its type"),
            (Clock::Text, _) => "text by RFC 3339".to_owned(),
            (Clock::Bare, Some(unit)) => format!("{unit}, as given"),
            (Clock::Bare, None) => "numbers without a unit".to_owned(),
        }
    }
}

/// The times of a column, microseconds since the Unix epoch, UTC; nanoseconds are rounded down. `plausible` is what bare numbers
/// must be in their unit.
///
/// # Errors
/// When they cannot be read, in words that follow the column's name: bare numbers without a unit, or in another one.
pub(crate) fn times(
    column: &dyn Array,
    unit: Option<TimeUnit>,
    plausible: &Plausible,
) -> Result<TimestampMicrosecondArray, ColumnsError> {
    let Some(clock) = Clock::of(column.data_type()) else {
        return Err(format!("is {}, not a time", column.data_type()).into());
    };
    let times = match clock {
        Clock::Typed(unit) => typed(column, unit)?,
        Clock::Text => texts(column)?,
        Clock::Bare => bare(column, unit, plausible)?,
    };
    Ok(times.into_iter().collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
}

type Times = Vec<Option<i64>>;

fn typed(column: &dyn Array, unit: TimeUnit) -> Result<Times, String> {
    let numbers: Times = match unit {
        TimeUnit::Seconds => column.as_primitive::<TimestampSecondType>().iter().collect(),
        TimeUnit::Milliseconds => column.as_primitive::<TimestampMillisecondType>().iter().collect(),
        TimeUnit::Microseconds => column.as_primitive::<TimestampMicrosecondType>().iter().collect(),
        TimeUnit::Nanoseconds => column.as_primitive::<TimestampNanosecondType>().iter().collect(),
    };
    let us =
        |number: i64| unit.to_us(number).ok_or_else(|| format!("has {number} {unit}, which no clock shows"));
    numbers.into_iter().map(|number| number.map(us).transpose()).collect()
}

fn texts(column: &dyn Array) -> Result<Times, String> {
    let us = |text: &str| {
        let time = DateTime::parse_from_rfc3339(text.trim());
        time.map(|time| time.timestamp_micros()).map_err(|_| {
            format!("has `{text}`, which is no time by RFC 3339, such as 2024-03-01T12:30:15.25Z")
        })
    };
    texts_of(column).unwrap_or_default().into_iter().map(|text| text.map(us).transpose()).collect()
}

/// The texts of a column, whatever its layout; `None` if it holds none.
pub(crate) fn texts_of(column: &dyn Array) -> Option<Vec<Option<&str>>> {
    match column.data_type() {
        ArrowType::Utf8 => Some(column.as_string::<i32>().iter().collect()),
        ArrowType::LargeUtf8 => Some(column.as_string::<i64>().iter().collect()),
        ArrowType::Utf8View => Some(column.as_string_view().iter().collect()),
        _ => None,
    }
}

fn bare(column: &dyn Array, unit: Option<TimeUnit>, plausible: &Plausible) -> Result<Times, ColumnsError> {
    let arrow = column.data_type();
    let numbers: Vec<Option<Number>> = match arrow {
        ArrowType::Int32 => each(column.as_primitive::<Int32Type>().iter(), |n| Number::Whole(n.into())),
        ArrowType::Int64 => each(column.as_primitive::<Int64Type>().iter(), Number::Whole),
        ArrowType::UInt64 => each(column.as_primitive::<UInt64Type>().iter(), |n| {
            Number::Whole(i64::try_from(n).unwrap_or(i64::MAX))
        }),
        _ => each(column.as_primitive::<Float64Type>().iter(), Number::Float),
    };
    let us = |number: Number| {
        let fitting = plausible.unit_of(number.whole());
        let Some(unit) = unit else {
            let guess = match fitting {
                Some(fitting) => format!("a sensible time in {fitting} ({})", fitting.short()),
                None => "a sensible time in no unit".to_owned(),
            };
            let text = format!("is {arrow} without a unit; the first number is {number}, {guess}");
            return Err(ColumnsError::BareTimes(text));
        };
        number.to_us(unit).filter(|us| plausible.contains(*us)).ok_or_else(|| {
            let guess = fitting.map(|unit| format!(": {unit}?")).unwrap_or_default();
            ColumnsError::Other(format!("has {number}, which is no sensible time in {unit}{guess}"))
        })
    };
    numbers.into_iter().map(|number| number.map(us).transpose()).collect()
}

fn each<T>(numbers: impl Iterator<Item = Option<T>>, of: impl Fn(T) -> Number) -> Vec<Option<Number>> {
    numbers.map(|number| number.map(&of)).collect()
}

/// A bare number.
#[derive(Clone, Copy, Debug)]
enum Number {
    Whole(i64),
    Float(f64),
}

impl Number {
    fn whole(self) -> i64 {
        match self {
            Number::Whole(number) => number,
            // Too large ones become the largest, NaN becomes 0: neither is a time.
            Number::Float(number) => number as i64,
        }
    }

    /// A float of seconds or milliseconds has microseconds behind the point, which it does not hold exactly.
    fn to_us(self, unit: TimeUnit) -> Option<i64> {
        match self {
            Number::Whole(number) => unit.to_us(number),
            Number::Float(number) => {
                let us = number * unit.to_us(1_000)? as f64 / 1_000.0;
                us.is_finite().then(|| us.round() as i64)
            }
        }
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Number::Whole(number) => write!(f, "{number}"),
            Number::Float(number) => write!(f, "{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{
        ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, TimestampMillisecondArray,
        TimestampNanosecondArray, TimestampSecondArray, UInt64Array,
    };

    use super::*;

    const S: i64 = 1_709_251_200;

    fn read(column: ArrayRef, unit: Option<TimeUnit>) -> Result<Vec<Option<i64>>, String> {
        let plausible = Plausible::clocks(S * 1_000_000);
        let read = times(column.as_ref(), unit, &plausible);
        read.map(|times| times.iter().collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_typed_time_is_read_by_its_type_and_text_by_rfc_3339() {
        let texts = ["2024-03-01T00:00:00Z", "2024-03-01T01:00:00+01:00", "2024-03-01T00:00:00.000000999Z"];
        let columns: Vec<ArrayRef> = vec![
            Arc::new(TimestampSecondArray::from(vec![S])),
            Arc::new(TimestampMillisecondArray::from(vec![S * 1_000])),
            Arc::new(TimestampMicrosecondArray::from(vec![S * 1_000_000])),
            Arc::new(TimestampNanosecondArray::from(vec![S * 1_000_000_000 + 999])),
            Arc::new(TimestampNanosecondArray::from(vec![S * 1_000_000_000]).with_timezone("Europe/Berlin")),
        ];
        let texts = texts.map(|text| Arc::new(StringArray::from(vec![text])) as ArrayRef);
        for column in columns.into_iter().chain(texts) {
            for unit in [None, Some(TimeUnit::Seconds)] {
                let of = column.data_type().clone();
                assert_eq!(read(column.clone(), unit), Ok(vec![Some(S * 1_000_000)]), "{of}");
            }
        }
        let with_null = TimestampSecondArray::from(vec![None, Some(S)]);
        assert_eq!(read(Arc::new(with_null), None), Ok(vec![None, Some(S * 1_000_000)]));
        let without_offset = read(Arc::new(StringArray::from(vec!["2024-03-01T00:00:00"])), None);
        assert!(without_offset.unwrap_err().contains("no time by RFC 3339"));
        assert!(read(Arc::new(BooleanArray::from(vec![true])), None).unwrap_err().contains("not a time"));
    }

    #[test]
    fn a_bare_number_is_read_in_the_unit_that_the_user_names() {
        use TimeUnit::{Microseconds, Milliseconds, Nanoseconds, Seconds};
        for (unit, number) in [
            (Seconds, S),
            (Milliseconds, S * 1_000),
            (Microseconds, S * 1_000_000),
            (Nanoseconds, S * 1_000_000_000),
        ] {
            let columns: [ArrayRef; 3] = [
                Arc::new(Int64Array::from(vec![number])),
                Arc::new(UInt64Array::from(vec![number as u64])),
                Arc::new(Float64Array::from(vec![number as f64])),
            ];
            for column in columns {
                assert_eq!(read(column.clone(), Some(unit)), Ok(vec![Some(S * 1_000_000)]), "{unit}");
                let refused = read(column.clone(), None).unwrap_err();
                assert!(
                    refused.contains(&format!("a sensible time in {unit} ({})", unit.short())),
                    "{refused}"
                );
                for other in TimeUnit::ALL.into_iter().filter(|other| *other != unit) {
                    let refused = read(column.clone(), Some(other)).unwrap_err();
                    assert!(refused.contains(&format!("no sensible time in {other}: {unit}?")), "{refused}");
                }
            }
        }
        let fraction = Arc::new(Float64Array::from(vec![1_709_251_200.123_457]));
        assert_eq!(read(fraction, Some(Seconds)), Ok(vec![Some(1_709_251_200_123_457)]));
        for number in [0, -1, 20_240_301, i64::MAX] {
            let refused = read(Arc::new(Int64Array::from(vec![number])), None).unwrap_err();
            assert!(refused.contains("in no unit"), "{refused}");
        }
    }
}
