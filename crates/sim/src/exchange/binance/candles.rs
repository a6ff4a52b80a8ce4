//! Candles from trades: by exchange timestamp, without repeated trades, with exact sums.

use std::collections::HashSet;

use mtdh_core::Day;
use mtdh_core::day::DAY_US;

use crate::generate::decimal::{Decimal, power};
use crate::generate::market::{MarketDay, Source, Taker, Trade};
use crate::generate::times::SECOND_US;
use crate::generate::universe::listing::{Listing, Margin};

/// Longest time from a trade to its arrival at the recorder.
const LATEST_ARRIVAL_US: i64 = 10 * SECOND_US;

/// Days searched for the last price before the first candle.
const SEARCHED_DAYS: i64 = 3;

/// First Monday after the Unix epoch, which was a Thursday: weekly candles open on Mondays.
const FIRST_MONDAY_US: i64 = 4 * DAY_US;

/// A range of candles, from the first opening time to the last, both included. Times are microseconds since the Unix
/// epoch, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    length_us: i64,
    first_us: i64,
    last_us: i64,
}

impl Span {
    /// Selects up to `limit` candles that open within the given times and the instrument's lifetime: the first ones
    /// when there is a start, else the last ones.
    pub(super) fn new(
        listing: &Listing,
        length_us: i64,
        start_us: Option<i64>,
        end_us: Option<i64>,
        limit: usize,
        now_us: i64,
    ) -> Span {
        let opening = |us: i64| us - (us - week_offset(length_us)).rem_euclid(length_us);
        let ended_us = listing.until_us.map_or(i64::MAX, |until| until - 1);
        let last_us = opening(end_us.unwrap_or(now_us).min(now_us).min(ended_us));
        let reach_us = (limit as i64 - 1) * length_us;
        let listed_us = opening(listing.since_us);
        match start_us {
            Some(start_us) => {
                let rounded_up = opening(start_us.max(0) + length_us - 1);
                let first_us = rounded_up.max(listed_us);
                Span { length_us, first_us, last_us: last_us.min(first_us + reach_us) }
            }
            None => Span { length_us, first_us: (last_us - reach_us).max(listed_us), last_us },
        }
    }

    /// The days whose files can contain trades of the candles.
    pub(super) fn days(self) -> impl Iterator<Item = Day> {
        let first = Day::containing_us(self.first_us);
        let last_us = self.last_us + self.length_us - 1 + LATEST_ARRIVAL_US;
        let is_empty = self.first_us > self.last_us;
        std::iter::successors(first.filter(|_| !is_empty), |day| Some(day.next()))
            .take_while(move |day| day.start_us() <= last_us)
    }
}

/// One candle. Prices are in price steps, volumes in amount steps.
#[derive(Clone, Copy, Debug)]
struct Candle {
    open: i64,
    high: i64,
    low: i64,
    close: i64,
    count: u64,
    all: Volume,
    bought: Volume,
}

#[derive(Clone, Copy, Debug, Default)]
struct Volume {
    lots: i128,
    /// Price times amount, in price steps times amount steps.
    worth: i128,
    /// Amount divided by price, for contracts of a fixed value.
    coins: f64,
}

impl Volume {
    fn add(&mut self, trade: &Trade) {
        self.lots += i128::from(trade.lots);
        self.worth += i128::from(trade.lots) * i128::from(trade.tick);
        self.coins += trade.lots as f64 / trade.tick as f64;
    }
}

impl Candle {
    /// A candle without trades at a price.
    fn flat(price: i64) -> Candle {
        let (all, bought) = (Volume::default(), Volume::default());
        Candle { open: price, high: price, low: price, close: price, count: 0, all, bought }
    }

    fn add(&mut self, trade: &Trade) {
        if self.count == 0 {
            *self = Candle::flat(trade.tick);
        }
        self.high = self.high.max(trade.tick);
        self.low = self.low.min(trade.tick);
        self.close = trade.tick;
        self.count += 1;
        self.all.add(trade);
        if trade.taker == Taker::Buy {
            self.bought.add(trade);
        }
    }
}

/// The candles of a span.
pub(super) struct Candles<'a> {
    listing: &'a Listing,
    span: Span,
    candles: Vec<Candle>,
}

impl<'a> Candles<'a> {
    /// Generates the candles; `source` returns the inputs of a day's market.
    pub(super) fn generate(
        listing: &'a Listing,
        span: Span,
        source: impl Fn(Day) -> Source<'a>,
    ) -> Candles<'a> {
        let mut trades: Vec<Trade> = Vec::new();
        for day in span.days() {
            trades.extend(MarketDay::generate(source(day), day).trades);
        }
        let mut seen = HashSet::new();
        trades.retain(|trade| seen.insert(trade.id));
        trades.sort_by_key(|trade| trade.at.exchange_us);
        let before = price_before(span, &trades, &source);
        let mut trades = trades.iter().skip_while(|trade| trade.at.exchange_us < span.first_us).peekable();
        let mut candles = Vec::new();
        let mut last_price = before;
        let mut open_us = span.first_us;
        while open_us <= span.last_us {
            let mut candle = last_price.map(Candle::flat);
            while let Some(trade) = trades.next_if(|trade| trade.at.exchange_us < open_us + span.length_us) {
                candle.get_or_insert(Candle::flat(trade.tick)).add(trade);
            }
            candles.extend(candle);
            last_price = candle.map(|candle| candle.close);
            open_us += span.length_us;
        }
        Candles { listing, span, candles }
    }

    /// Formats the candles as Binance's JSON.
    pub(super) fn to_json(&self) -> String {
        let all = (self.span.last_us - self.span.first_us) / self.span.length_us + 1;
        let skipped = all.max(0) as usize - self.candles.len();
        let lines: Vec<String> = self
            .candles
            .iter()
            .enumerate()
            .map(|(place, candle)| {
                self.candle_json(self.span.first_us + (skipped + place) as i64 * self.span.length_us, candle)
            })
            .collect();
        format!("[{}]", lines.join(","))
    }

    fn candle_json(&self, open_us: i64, candle: &Candle) -> String {
        let price = |tick: i64| {
            format_fixed(i128::from(self.listing.price(tick).mantissa), self.listing.price_step.scale)
        };
        let Candle { open, high, low, close, count, all, bought } = *candle;
        format!(
            "[{},\"{}\",\"{}\",\"{}\",\"{}\",\"{}\",{},\"{}\",{count},\"{}\",\"{}\",\"0\"]",
            open_us / 1000,
            price(open),
            price(high),
            price(low),
            price(close),
            self.amount(all),
            (open_us + self.span.length_us) / 1000 - 1,
            self.quote_volume(all),
            self.amount(bought),
            self.quote_volume(bought),
        )
    }

    fn amount(&self, volume: Volume) -> String {
        let step = self.listing.amount_step;
        format_fixed(volume.lots * i128::from(step.mantissa), step.scale)
    }

    /// Volume in the quote currency; in the base currency for contracts of a fixed value.
    fn quote_volume(&self, volume: Volume) -> String {
        let Listing { price_step, amount_step, multiplier, margin, .. } = self.listing;
        if *margin == Margin::Inverse {
            let contracts = volume.coins / price_step.to_f64() * amount_step.to_f64();
            let coins = Decimal::round(contracts * multiplier.to_f64(), 8);
            return format_fixed(i128::from(coins.mantissa), 8);
        }
        let mantissa = volume.worth * i128::from(price_step.mantissa) * i128::from(amount_step.mantissa);
        format_fixed(mantissa, price_step.scale + amount_step.scale)
    }
}

/// Finds the last price before the span, on its first day or the days before. `None`: no trades there.
fn price_before<'a>(span: Span, trades: &[Trade], source: &impl Fn(Day) -> Source<'a>) -> Option<i64> {
    let earlier = trades.iter().rev().find(|trade| trade.at.exchange_us < span.first_us);
    if let Some(trade) = earlier {
        return Some(trade.tick);
    }
    let first = Day::containing_us(span.first_us)?;
    (1..=SEARCHED_DAYS)
        .map(|back| first.plus(-back))
        .find_map(|day| MarketDay::generate(source(day), day).trades.last().map(|trade| trade.tick))
}

/// Offset of opening times from multiples of the interval, microseconds.
fn week_offset(length_us: i64) -> i64 {
    if length_us == 7 * DAY_US { FIRST_MONDAY_US } else { 0 }
}

/// Formats `mantissa × 10^-scale` with at least eight decimal places.
fn format_fixed(mantissa: i128, scale: u8) -> String {
    let digits = scale.max(8);
    let scaled = mantissa * i128::from(power(digits - scale));
    let unit = i128::from(power(digits));
    let width = usize::from(digits);
    format!("{}.{:0width$}", scaled / unit, scaled % unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_eight_digits_or_more() {
        for (mantissa, scale, text) in [
            (0, 0, "0.00000000"),
            (6_312_345, 2, "63123.45000000"),
            (1, 8, "0.00000001"),
            (15, 10, "0.0000000015"),
        ] {
            assert_eq!(format_fixed(mantissa, scale), text);
        }
    }
}
