//! The properties of each exchange: names, first day, recorded channels, formats of its messages.
//!
//! Not for instruments: those are in the sibling modules.

use mtdh_core::Day;

/// Format of an exchange's trade ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TradeId {
    /// An increasing integer.
    Rising,
    /// An increasing integer above 2^53, which a 64-bit float cannot represent.
    Huge,
    /// A UUID.
    Uuid,
    /// An increasing integer, with the currency as prefix except for BTC (`ETH-123`).
    Prefixed,
    /// None.
    Empty,
}

/// Format of an exchange's liquidation ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LiquidationId {
    /// None.
    Empty,
    /// The id of the trade.
    Trade,
    /// The id of the order, a UUID.
    Order,
}

/// The cells of `derivative_ticker` that an exchange fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TickerCells {
    pub(crate) funding_time: bool,
    pub(crate) funding_rate: bool,
    pub(crate) predicted: bool,
    pub(crate) open_interest: bool,
    pub(crate) last: bool,
    pub(crate) index: bool,
    pub(crate) mark: bool,
}

/// An exchange.
#[derive(Debug)]
pub(crate) struct Profile {
    /// Tardis' id.
    pub(crate) id: &'static str,
    /// Display name.
    pub(crate) name: &'static str,
    /// First recorded day.
    pub(crate) since: &'static str,
    /// First day after the recording; `None`: it continues.
    pub(crate) until: Option<&'static str>,
    /// Recorded channels.
    pub(crate) channels: &'static [&'static str],
    /// Whether it has a channel for the best bid and offer.
    pub(crate) has_book_ticker: bool,
    /// Format of liquidation ids; `None`: it does not publish liquidations.
    pub(crate) liquidation_id: Option<LiquidationId>,
    /// The filled cells of its derivative ticker.
    pub(crate) ticker: TickerCells,
    /// Format of trade ids.
    pub(crate) trade_id: TradeId,
    /// Whether the taker's side is sometimes missing.
    pub(crate) has_unknown_sides: bool,
    /// Whether its book messages have no timestamp, so that Tardis uses the local one.
    pub(crate) has_untimed_book: bool,
    /// Whether its derivative ticker has no timestamp, so that Tardis uses the local one.
    pub(crate) has_untimed_ticker: bool,
    /// Whether its trades always arrive in order of their exchange timestamps.
    pub(crate) has_ordered_trades: bool,
    /// Resolution of its timestamps in microseconds.
    pub(crate) clock_us: i64,
    /// Least latency to the recorder in microseconds.
    pub(crate) latency_us: i64,
    /// Whether Tardis offers grouped files.
    pub(crate) has_groups: bool,
    /// Maker and taker fee in the metadata, as fractions.
    pub(crate) fees: [f64; 2],
}

impl Profile {
    /// Returns the first recorded day.
    pub(crate) fn first_day(&self) -> Day {
        day(self.since)
    }

    /// Returns the first day after the recording. `None`: it continues.
    pub(crate) fn end_day(&self) -> Option<Day> {
        self.until.map(day)
    }
}

/// Parses a day literal.
///
/// # Panics
/// Panics if the literal is no day.
pub(crate) fn day(text: &str) -> Day {
    text.parse().unwrap_or_else(|e| panic!("a day in the simulated universe: {e}"))
}

/// Returns all exchanges, in the order of `/exchanges`.
pub(crate) fn all() -> &'static [Profile] {
    PROFILES
}

/// Finds an exchange by its id.
pub(crate) fn find(id: &str) -> Option<&'static Profile> {
    PROFILES.iter().find(|p| p.id == id)
}

const ALL_CELLS: TickerCells = TickerCells {
    funding_time: true,
    funding_rate: true,
    predicted: true,
    open_interest: true,
    last: true,
    index: true,
    mark: true,
};

const SPOT: Profile = Profile {
    id: "",
    name: "",
    since: "2019-03-30",
    until: None,
    channels: &["trade", "depth", "ticker"],
    has_book_ticker: true,
    liquidation_id: None,
    ticker: ALL_CELLS,
    trade_id: TradeId::Rising,
    has_unknown_sides: false,
    has_untimed_book: false,
    has_untimed_ticker: false,
    has_ordered_trades: false,
    clock_us: 1_000,
    latency_us: 4_000,
    has_groups: true,
    fees: [0.001, 0.001],
};

const FUTURES: Profile =
    Profile { liquidation_id: Some(LiquidationId::Empty), fees: [0.0002, 0.0005], latency_us: 6_000, ..SPOT };

static PROFILES: &[Profile] = &[
    Profile {
        id: "bitmex",
        name: "BitMEX",
        channels: &["trade", "orderBookL2", "liquidation", "instrument", "funding", "quote"],
        liquidation_id: Some(LiquidationId::Order),
        trade_id: TradeId::Uuid,
        has_unknown_sides: true,
        has_untimed_book: true,
        latency_us: 40_000,
        fees: [0.0002, 0.00075],
        ..FUTURES
    },
    Profile {
        id: "deribit",
        name: "Deribit",
        channels: &["book", "trades", "ticker", "quote", "perpetual", "markprice.options", "platform_state"],
        liquidation_id: Some(LiquidationId::Trade),
        ticker: TickerCells { funding_time: false, predicted: false, ..ALL_CELLS },
        trade_id: TradeId::Prefixed,
        latency_us: 3_000,
        fees: [0.0, 0.0005],
        ..FUTURES
    },
    Profile {
        id: "binance-futures",
        has_ordered_trades: true,
        name: "Binance USDT Futures",
        since: "2019-11-17",
        channels: &[
            "trade",
            "depth",
            "depthSnapshot",
            "bookTicker",
            "markPrice",
            "forceOrder",
            "openInterest",
            "ticker",
        ],
        ticker: TickerCells { predicted: false, ..ALL_CELLS },
        ..FUTURES
    },
    Profile {
        id: "binance-delivery",
        has_ordered_trades: true,
        name: "Binance COIN Futures",
        since: "2020-06-16",
        channels: &[
            "trade",
            "depth",
            "depthSnapshot",
            "bookTicker",
            "markPrice",
            "indexPrice",
            "forceOrder",
            "ticker",
        ],
        ticker: TickerCells { predicted: false, ..ALL_CELLS },
        ..FUTURES
    },
    Profile {
        id: "binance",
        has_ordered_trades: true,
        name: "Binance Spot",
        channels: &["trade", "depth", "depthSnapshot", "bookTicker", "ticker"],
        ..SPOT
    },
    Profile {
        id: "okex-futures",
        name: "OKX Futures",
        channels: &[
            "trades",
            "books-l2-tbt",
            "bbo-tbt",
            "tickers",
            "mark-price",
            "liquidation-orders",
            "open-interest",
        ],
        ticker: TickerCells { funding_time: false, funding_rate: false, predicted: false, ..ALL_CELLS },
        ..FUTURES
    },
    Profile {
        id: "okex-swap",
        name: "OKX Swap",
        channels: &[
            "trades",
            "books-l2-tbt",
            "bbo-tbt",
            "tickers",
            "mark-price",
            "funding-rate",
            "liquidation-orders",
        ],
        ..FUTURES
    },
    Profile {
        id: "okex",
        name: "OKX Spot",
        channels: &["trades", "books-l2-tbt", "bbo-tbt", "tickers"],
        fees: [0.0008, 0.001],
        ..SPOT
    },
    Profile {
        id: "bybit",
        name: "Bybit Derivatives",
        since: "2019-11-07",
        channels: &["publicTrade", "orderbook.50", "orderbook.500", "tickers", "liquidation", "insurance"],
        ticker: TickerCells { predicted: false, ..ALL_CELLS },
        trade_id: TradeId::Uuid,
        has_unknown_sides: true,
        latency_us: 9_000,
        ..FUTURES
    },
    Profile {
        id: "bybit-spot",
        name: "Bybit Spot",
        since: "2021-12-04",
        channels: &["publicTrade", "orderbook.50", "tickers", "bookTicker"],
        trade_id: TradeId::Huge,
        has_unknown_sides: true,
        ..SPOT
    },
    Profile {
        id: "upbit",
        name: "Upbit",
        since: "2021-03-03",
        channels: &["trade", "orderbook", "ticker"],
        has_book_ticker: false,
        trade_id: TradeId::Huge,
        latency_us: 30_000,
        has_groups: false,
        fees: [0.0005, 0.0005],
        ..SPOT
    },
    Profile {
        id: "kraken",
        name: "Kraken",
        since: "2019-06-04",
        channels: &["trade", "ticker", "book", "spread"],
        trade_id: TradeId::Empty,
        clock_us: 1,
        latency_us: 15_000,
        has_groups: false,
        fees: [0.0016, 0.0026],
        ..SPOT
    },
    Profile {
        id: "coinbase",
        name: "Coinbase",
        since: "2019-03-30",
        channels: &["match", "l2update", "snapshot", "ticker"],
        clock_us: 1,
        latency_us: 12_000,
        fees: [0.004, 0.006],
        ..SPOT
    },
    Profile {
        id: "hyperliquid",
        has_untimed_ticker: true,
        name: "Hyperliquid",
        since: "2023-10-29",
        channels: &["l2Book", "trades", "activeAssetCtx", "bbo"],
        liquidation_id: None,
        ticker: TickerCells { funding_time: false, predicted: false, last: false, ..ALL_CELLS },
        trade_id: TradeId::Huge,
        latency_us: 250_000,
        has_groups: false,
        fees: [0.0001, 0.00035],
        ..FUTURES
    },
    Profile {
        id: "ftx",
        name: "FTX",
        since: "2019-08-01",
        until: Some("2022-11-13"),
        channels: &["orderbook", "trades", "instrument", "ticker"],
        clock_us: 1,
        liquidation_id: Some(LiquidationId::Trade),
        ticker: TickerCells { predicted: false, ..ALL_CELLS },
        has_groups: false,
        ..FUTURES
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_in_the_table_is_a_day() {
        for profile in all() {
            assert!(profile.end_day().is_none_or(|end| end > profile.first_day()), "{}", profile.id);
        }
    }
}
