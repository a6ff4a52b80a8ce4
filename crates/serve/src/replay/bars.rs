//! Bars that are computed from trades, by tardis-machine's rules.
//!
//! They are not the candles of the lake: a bar begins with its first trade and ends when a later trade shows that it is over, the
//! last one is never sent, and its mean price is carried on from trade to trade.

use super::kind::{BarRule, BarUnit};
use super::text::{Lines, Stamp};

/// The bar of one instrument that is being made.
#[derive(Debug)]
pub(super) struct Bars {
    rule: BarRule,
    bar: Option<Bar>,
}

#[derive(Clone, Debug)]
struct Bar {
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
    buy_volume: f64,
    sell_volume: f64,
    trades: u64,
    vwap: f64,
    opened: Stamp,
    closed: Stamp,
}

/// A trade.
#[derive(Clone, Copy, Debug)]
pub(super) struct BarTrade<'a> {
    pub(super) timestamp: Stamp,
    pub(super) price: f64,
    pub(super) amount: f64,
    pub(super) side: &'a str,
}

impl Bars {
    pub(super) fn new(rule: BarRule) -> Bars {
        Bars { rule, bar: None }
    }

    /// Takes a trade in order of arrival; writes the bars that it ends. `head` writes symbol and exchange.
    pub(super) fn take(
        &mut self,
        trade: &BarTrade<'_>,
        arrival: Stamp,
        head: &dyn Fn(&mut Lines),
        lines: &mut Lines,
    ) {
        let bucket = |at: Stamp| (at.ms() as f64 / self.rule.interval).floor();
        if self.rule.unit == BarUnit::Time
            && let Some(bar) = &self.bar
            && bucket(trade.timestamp) > bucket(bar.opened)
        {
            let end = Stamp::Computed(((bucket(bar.opened) + 1.0) * self.rule.interval) as i64);
            self.rule.write(bar, end, arrival, head, lines);
            self.bar = None;
        }
        match &mut self.bar {
            Some(bar) => bar.add(trade),
            None => self.bar = Some(Bar::of(trade)),
        }
        let is_full = |bar: &Bar| match self.rule.unit {
            BarUnit::Time => false,
            BarUnit::Volume => bar.volume >= self.rule.interval,
            BarUnit::Tick => bar.trades as f64 >= self.rule.interval,
        };
        if let Some(bar) = self.bar.take_if(|bar| is_full(bar)) {
            self.rule.write(&bar, bar.closed, arrival, head, lines);
        }
    }
}

impl Bar {
    fn of(trade: &BarTrade<'_>) -> Bar {
        let price = trade.price;
        let mut bar = Bar {
            open: price,
            high: price,
            low: price,
            close: price,
            volume: 0.0,
            buy_volume: 0.0,
            sell_volume: 0.0,
            trades: 0,
            vwap: 0.0,
            opened: trade.timestamp,
            closed: trade.timestamp,
        };
        bar.add(trade);
        bar
    }

    fn add(&mut self, trade: &BarTrade<'_>) {
        let BarTrade { timestamp, price, amount, side } = *trade;
        self.high = self.high.max(price);
        self.low = self.low.min(price);
        // Some exchanges send older trades after newer ones.
        if timestamp.ms() >= self.closed.ms() {
            (self.close, self.closed) = (price, timestamp);
        }
        match side {
            "buy" => self.buy_volume += amount,
            "sell" => self.sell_volume += amount,
            _ => {}
        }
        self.trades += 1;
        self.vwap = (self.vwap * self.volume + price * amount) / (self.volume + amount);
        self.volume += amount;
    }
}

impl BarRule {
    fn write(&self, bar: &Bar, end: Stamp, arrival: Stamp, head: &dyn Fn(&mut Lines), lines: &mut Lines) {
        lines.begin("trade_bar");
        head(lines);
        lines.name("name");
        lines.text(&self.name);
        lines.name("interval");
        lines.number(self.interval);
        lines.name("kind");
        lines.raw(match self.unit {
            BarUnit::Time => "\"time\"",
            BarUnit::Volume => "\"volume\"",
            BarUnit::Tick => "\"tick\"",
        });
        for (name, number) in [
            ("open", bar.open),
            ("high", bar.high),
            ("low", bar.low),
            ("close", bar.close),
            ("volume", bar.volume),
            ("buyVolume", bar.buy_volume),
            ("sellVolume", bar.sell_volume),
            ("trades", bar.trades as f64),
            ("vwap", bar.vwap),
        ] {
            lines.name(name);
            lines.number(number);
        }
        // The order is tardis-machine's.
        for (name, time) in [
            ("openTimestamp", bar.opened),
            ("closeTimestamp", bar.closed),
            ("localTimestamp", arrival),
            ("timestamp", end),
        ] {
            lines.name(name);
            lines.time(time);
        }
        lines.end();
    }
}
