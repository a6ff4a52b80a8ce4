//! Candles in the form used by checks, whatever their source: the lake, a file, trades, or an exchange.

use std::collections::BTreeMap;
use std::ops::Range;

use super::finding::{Detection, Explanation, Tally, moment};
use crate::candle::{Candle, Fill, Timeframe};

/// A candle value that checks compare. Named after the column in `docs/reference/candles.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// Price of the first trade, price currency.
    Open,
    /// Highest price, price currency.
    High,
    /// Lowest price, price currency.
    Low,
    /// Price of the last trade, price currency.
    Close,
    /// Sum of the amounts, in the exchange's own unit.
    Volume,
    /// What the amounts are in base currency.
    BaseVolume,
    /// What the amounts are worth in the price currency.
    QuoteVolume,
    /// Number of trades.
    TradeCount,
    /// Sum of the amounts of trades whose taker bought, in the exchange's own unit.
    BuyVolume,
    /// `QuoteVolume` of the trades whose taker bought. Not a column in the lake; known from trades and klines.
    BuyQuoteVolume,
    /// Sum of the amounts of trades whose taker sold, in the exchange's own unit.
    SellVolume,
    /// Number of trades whose taker bought.
    BuyCount,
    /// Number of trades whose taker sold.
    SellCount,
}

/// How a field of a coarser candle is computed from those of the finer candles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// The value of the first candle.
    First,
    /// The largest value.
    Max,
    /// The smallest value.
    Min,
    /// The value of the last candle.
    Last,
    /// The sum, computed in decimals.
    Sum,
}

impl Field {
    /// All fields.
    pub const ALL: [Field; 13] = [
        Field::Open,
        Field::High,
        Field::Low,
        Field::Close,
        Field::Volume,
        Field::BaseVolume,
        Field::QuoteVolume,
        Field::TradeCount,
        Field::BuyVolume,
        Field::BuyQuoteVolume,
        Field::SellVolume,
        Field::BuyCount,
        Field::SellCount,
    ];
    /// The four prices.
    pub const PRICES: [Field; 4] = [Field::Open, Field::High, Field::Low, Field::Close];

    /// The column name.
    pub fn name(self) -> &'static str {
        match self {
            Field::Open => "open",
            Field::High => "high",
            Field::Low => "low",
            Field::Close => "close",
            Field::Volume => "volume",
            Field::BaseVolume => "base_volume",
            Field::QuoteVolume => "quote_volume",
            Field::TradeCount => "trade_count",
            Field::BuyVolume => "buy_volume",
            Field::BuyQuoteVolume => "buy_quote_volume",
            Field::SellVolume => "sell_volume",
            Field::BuyCount => "buy_count",
            Field::SellCount => "sell_count",
        }
    }

    /// How it is computed from finer candles.
    pub fn fold(self) -> Fold {
        match self {
            Field::Open => Fold::First,
            Field::High => Fold::Max,
            Field::Low => Fold::Min,
            Field::Close => Fold::Last,
            _ => Fold::Sum,
        }
    }
}

/// A candle: a start time and the values that its source provides.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// Start of the interval, microseconds since the Unix epoch, UTC.
    pub start: i64,
    values: [Option<f64>; Field::ALL.len()],
    /// Whether all of its trades were known when it was built.
    pub is_final: bool,
}

impl Bar {
    /// A candle without values. `start` is in microseconds since the Unix epoch, UTC.
    pub fn new(start: i64, is_final: bool) -> Bar {
        Bar { start, values: [None; Field::ALL.len()], is_final }
    }

    /// A value, in the unit of its [`Field`]; `None` if the source does not provide it.
    pub fn get(&self, field: Field) -> Option<f64> {
        self.values[field as usize]
    }

    /// Sets a value.
    pub fn set(&mut self, field: Field, value: Option<f64>) {
        self.values[field as usize] = value;
    }

    /// Sets a value and returns the candle.
    pub fn with(mut self, field: Field, value: f64) -> Bar {
        self.set(field, Some(value));
        self
    }

    /// Whether there was a trade: by the trade count, else by the volume. True if neither is known.
    pub fn has_trades(&self) -> bool {
        self.get(Field::TradeCount).or(self.get(Field::Volume)).is_none_or(|traded| traded != 0.0)
    }

    /// Converts a built candle. `buys` is the candle of the buyers' trades alone, if it was built.
    pub fn of(candle: &Candle, buys: Option<&Candle>) -> Bar {
        let bought = buys.and_then(|candle| candle.quote_volume);
        let values = [
            Some(candle.open),
            Some(candle.high),
            Some(candle.low),
            Some(candle.close),
            Some(candle.volume),
            candle.base_volume,
            candle.quote_volume,
            Some(candle.trade_count as f64),
            Some(candle.buy_volume),
            bought,
            Some(candle.sell_volume),
            Some(candle.buy_count as f64),
            Some(candle.sell_count as f64),
        ];
        Bar { start: candle.start, values, is_final: candle.is_final }
    }
}

/// The candles of one instrument and timeframe.
#[derive(Clone, Debug)]
pub struct Series {
    /// The timeframe.
    pub timeframe: Timeframe,
    /// The fill mode stated by the object; `None` if it states none.
    pub fill: Option<Fill>,
    /// The candles, in table order.
    pub bars: Vec<Bar>,
}

impl Series {
    /// The candles by start, microseconds since the Unix epoch, UTC. Of several candles with one start, the first.
    pub fn by_start(&self) -> BTreeMap<i64, &Bar> {
        let mut bars = BTreeMap::new();
        for bar in &self.bars {
            bars.entry(bar.start).or_insert(bar);
        }
        bars
    }

    /// The half-open interval of a candle, microseconds since the Unix epoch, UTC.
    pub fn interval(&self, bar: &Bar) -> Range<i64> {
        bar.start..bar.start.saturating_add(self.timeframe.us())
    }
}

/// The input of a candle check.
#[derive(Clone, Copy, Debug)]
pub enum Candles<'a> {
    /// Candles alone.
    Alone(&'a Series),
    /// Candles, and finer ones of the same instrument and time.
    Finer(&'a Series, &'a Series),
    /// Candles, and candles of the same timeframe built from the trades, without filling.
    Ticks(&'a Series, &'a Series),
    /// Candles, candles of the same timeframe from another source, and the time range to compare.
    Reference(&'a Series, &'a Series, Span),
}

/// The time range in which candles and reference are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Intervals that start earlier are not compared. Microseconds since the Unix epoch, UTC.
    pub from_us: i64,
    /// Intervals that end later are not compared. Microseconds since the Unix epoch, UTC.
    pub to_us: i64,
    /// Intervals that end later are not compared, because the reference may still change them. Microseconds since the Unix
    /// epoch, UTC.
    pub settled_us: i64,
}

/// The kind of input that a candle check needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sides {
    /// [`Candles::Alone`].
    Alone,
    /// [`Candles::Finer`].
    Finer,
    /// [`Candles::Ticks`].
    Ticks,
    /// [`Candles::Reference`].
    Reference,
}

impl Candles<'_> {
    /// The kind of input.
    pub fn sides(&self) -> Sides {
        match self {
            Candles::Alone(_) => Sides::Alone,
            Candles::Finer(..) => Sides::Finer,
            Candles::Ticks(..) => Sides::Ticks,
            Candles::Reference(..) => Sides::Reference,
        }
    }

    /// Whether no side has a candle.
    pub fn is_empty(&self) -> bool {
        match self {
            Candles::Alone(series) => series.bars.is_empty(),
            Candles::Finer(one, other) | Candles::Ticks(one, other) | Candles::Reference(one, other, _) => {
                one.bars.is_empty() && other.bars.is_empty()
            }
        }
    }
}

/// Whether two numbers differ by more than `tolerance` times the second. NaN and infinities differ from everything.
pub fn differs(a: f64, b: f64, tolerance: f64) -> bool {
    !a.is_finite() || !b.is_finite() || (a - b).abs() > tolerance * b.abs()
}

/// A value of a candle that differs from the expected one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Start of the candle, microseconds since the Unix epoch, UTC.
    pub start: i64,
    /// Which value.
    pub field: Field,
    /// The candle's value, in the unit of its [`Field`].
    pub value: f64,
    /// The value that it is compared with, in the same unit.
    pub expected: f64,
    /// Whether both sides are complete. A difference of candles that are not is expected.
    pub is_final: bool,
}

/// The differences found by a comparison. Those of candles that are not final are separate, because they are expected.
#[derive(Debug, Default)]
pub(super) struct Differences {
    of_final: Tally,
    not_final: Tally,
}

impl Differences {
    /// Counts a difference in an interval.
    pub fn note(&mut self, interval: Range<i64>, is_final: bool, example: impl FnOnce() -> String) {
        let tally = if is_final { &mut self.of_final } else { &mut self.not_final };
        tally.note(interval.start, example);
        tally.reach(interval.end);
    }

    /// One detection for final candles, and one for the others, which is a warning.
    pub fn found(self) -> Vec<Detection> {
        let mut found = self.of_final.found();
        let edge = self.not_final.with_severity(super::Severity::Warning).found().into_iter();
        found.extend(edge.map(|found| Detection {
            explanation: Some(Explanation {
                class: "not_final",
                text: "a candle is not final, or its trades start or end within its interval".to_owned(),
            }),
            ..found
        }));
        found
    }
}

/// Formats an interval for an example: `5m 2024-03-01T00:05:00.000000Z`.
pub(super) fn place(timeframe: Timeframe, start: i64) -> String {
    format!("{timeframe} {}", moment(start))
}
