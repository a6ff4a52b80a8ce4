//! Candles as checks see them, wherever they come from: the lake, a file, ticks, an exchange.

use std::collections::BTreeMap;
use std::ops::Range;

use super::finding::{Detection, Explanation, Tally, moment};
use crate::candle::{Candle, Fill, Timeframe};

/// What a candle tells that checks compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "they are the columns of the same name in docs/reference/candles.md")]
pub enum Field {
    Open,
    High,
    Low,
    Close,
    Volume,
    QuoteVolume,
    TradeCount,
    BuyVolume,
    /// Sum of price × amount of the trades whose taker bought. No column of the lake's; ticks and klines tell it.
    BuyQuoteVolume,
    SellVolume,
    BuyCount,
    SellCount,
}

/// How a field of a coarser candle follows from those of the finer ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// That of the first.
    First,
    /// The largest.
    Max,
    /// The smallest.
    Min,
    /// That of the last.
    Last,
    /// Their sum, of the decimals.
    Sum,
}

impl Field {
    /// All of them.
    pub const ALL: [Field; 12] = [
        Field::Open,
        Field::High,
        Field::Low,
        Field::Close,
        Field::Volume,
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

    /// The column's name.
    pub fn name(self) -> &'static str {
        match self {
            Field::Open => "open",
            Field::High => "high",
            Field::Low => "low",
            Field::Close => "close",
            Field::Volume => "volume",
            Field::QuoteVolume => "quote_volume",
            Field::TradeCount => "trade_count",
            Field::BuyVolume => "buy_volume",
            Field::BuyQuoteVolume => "buy_quote_volume",
            Field::SellVolume => "sell_volume",
            Field::BuyCount => "buy_count",
            Field::SellCount => "sell_count",
        }
    }

    /// How it follows from finer candles.
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

/// A candle.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// Start of its interval, microseconds since the Unix epoch, UTC.
    pub start: i64,
    values: [Option<f64>; Field::ALL.len()],
    /// Whether everything that belongs to it was known when it was made.
    pub is_final: bool,
}

impl Bar {
    /// One without values.
    pub fn new(start: i64, is_final: bool) -> Bar {
        Bar { start, values: [None; Field::ALL.len()], is_final }
    }

    /// A value; null: it is not told.
    pub fn get(&self, field: Field) -> Option<f64> {
        self.values[field as usize]
    }

    /// Sets a value.
    pub fn set(&mut self, field: Field, value: Option<f64>) {
        self.values[field as usize] = value;
    }

    /// The same with a value.
    pub fn with(mut self, field: Field, value: f64) -> Bar {
        self.set(field, Some(value));
        self
    }

    /// Whether anything was traded: by the count, and where that is not told by the volume.
    pub fn has_trades(&self) -> bool {
        self.get(Field::TradeCount).or(self.get(Field::Volume)).is_none_or(|traded| traded != 0.0)
    }

    /// Of the candle that the builder makes; `buys` is that of the buyers' trades alone, where it was made too.
    pub fn of(candle: &Candle, buys: Option<&Candle>) -> Bar {
        let bought = buys.map(|candle| candle.quote_volume);
        let values = [
            Some(candle.open),
            Some(candle.high),
            Some(candle.low),
            Some(candle.close),
            Some(candle.volume),
            Some(candle.quote_volume),
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
    /// Their timeframe.
    pub timeframe: Timeframe,
    /// What their object says of intervals without trades; null: it does not say.
    pub fill: Option<Fill>,
    /// In the order of the table.
    pub bars: Vec<Bar>,
}

impl Series {
    /// The candles by start; of several with one start the first.
    pub fn by_start(&self) -> BTreeMap<i64, &Bar> {
        let mut bars = BTreeMap::new();
        self.bars.iter().for_each(|bar| {
            bars.entry(bar.start).or_insert(bar);
        });
        bars
    }

    /// The interval of a candle.
    pub fn interval(&self, bar: &Bar) -> Range<i64> {
        bar.start..bar.start.saturating_add(self.timeframe.us())
    }
}

/// What checks over candles are given.
#[derive(Clone, Copy, Debug)]
pub enum Candles<'a> {
    /// Candles by themselves.
    Alone(&'a Series),
    /// Candles, and finer ones of the same instrument and time.
    Finer(&'a Series, &'a Series),
    /// Candles, and those made now of the ticks, of the same timeframe and without filling.
    Ticks(&'a Series, &'a Series),
    /// Candles, and those of somebody else, of the same timeframe, over a span of time.
    Reference(&'a Series, &'a Series, Span),
}

/// Of which time two sides are compared, microseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Intervals that begin before are not compared.
    pub from_us: i64,
    /// Intervals that end later are not compared.
    pub to_us: i64,
    /// Intervals that end later may still change on the reference's side, and are not compared.
    pub settled_us: i64,
}

/// Which of the four a check is about.
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
    /// Which of the four it is.
    pub fn sides(&self) -> Sides {
        match self {
            Candles::Alone(_) => Sides::Alone,
            Candles::Finer(..) => Sides::Finer,
            Candles::Ticks(..) => Sides::Ticks,
            Candles::Reference(..) => Sides::Reference,
        }
    }

    /// Whether neither side has a candle.
    pub fn is_empty(&self) -> bool {
        match self {
            Candles::Alone(series) => series.bars.is_empty(),
            Candles::Finer(one, other) | Candles::Ticks(one, other) | Candles::Reference(one, other, _) => {
                one.bars.is_empty() && other.bars.is_empty()
            }
        }
    }
}

/// Whether two numbers lie further apart than a part of the second. What is no number is never near.
pub fn differs(a: f64, b: f64, part: f64) -> bool {
    !a.is_finite() || !b.is_finite() || (a - b).abs() > part * b.abs()
}

/// Findings of a comparison, those of candles that are not final apart: there a difference is to be expected.
#[derive(Debug, Default)]
pub(super) struct Differences {
    sure: Tally,
    not_final: Tally,
}

impl Differences {
    /// Notes a difference in an interval.
    pub fn note(&mut self, interval: Range<i64>, is_final: bool, example: impl FnOnce() -> String) {
        let tally = if is_final { &mut self.sure } else { &mut self.not_final };
        tally.note(interval.start, example);
        tally.reach(interval.end);
    }

    /// The findings: one of candles that are final, one of others, which is a warning.
    pub fn found(self) -> Vec<Detection> {
        let mut found = self.sure.found();
        let edge = self.not_final.with_severity(super::Severity::Warning).found().into_iter();
        found.extend(edge.map(|found| Detection {
            explanation: Some(Explanation {
                class: "not_final",
                text: "a candle is not final, or its trades begin or end within its interval".to_owned(),
            }),
            ..found
        }));
        found
    }
}

/// An interval for an example: `5m 2024-03-01T00:05:00.000000Z`.
pub(super) fn place(timeframe: Timeframe, start: i64) -> String {
    format!("{timeframe} {}", moment(start))
}
