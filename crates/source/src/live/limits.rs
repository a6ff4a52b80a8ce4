//! What exchanges allow on their WebSockets and REST, as one table: each number with where it is from, and when that was read.
//!
//! Sources, by tag: `BSP` github binance/binance-spot-api-docs (2026-07-21), `BFD` developers.binance.com derivatives (undated; change
//! notice of March 2026), `BX` github bybit-exchange/docs (2026-07-24), `OKL` okx.com change log and docs-v5 (2026-02-12), `DB`
//! docs.deribit.com (undated), `UP` docs.upbit.com (2026-10-07), `CB` docs.cdp.coinbase.com (undated), `KR` docs.kraken.com (undated),
//! `BM` blog.bitmex.com (2017, 2026-03-30), `HL` hyperliquid.gitbook.io (several ages), `own`: no source; a careful choice. Nothing here
//! was tried against an exchange. Where sources differ the lower number stands.

/// A number, and where it is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cited<T> {
    /// The number.
    pub value: T,
    /// Tag of the source, and what it says where that is not the number itself.
    pub from: &'static str,
}

const fn cited<T>(value: T, from: &'static str) -> Cited<T> {
    Cited { value, from }
}

/// So many within a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: u32,
    /// Within how long, microseconds.
    pub within_us: i64,
}

const fn rate(count: u32, seconds: i64) -> Rate {
    Rate { count, within_us: seconds * SECOND }
}

/// How a quiet connection is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ping {
    /// Pings of the protocol, so often; the server answers each.
    Frame {
        /// Time between two, microseconds.
        every_us: i64,
    },
    /// A text of the exchange's own, so often, which the feed sends.
    Text {
        /// Time between two, microseconds.
        every_us: i64,
        /// The text.
        text: &'static str,
    },
    /// The feed answers what the exchange sends, by its own protocol.
    Answer,
}

/// What one exchange allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The vendor's exchange ids that it holds for.
    pub exchanges: &'static [&'static str],
    /// Attempts to connect, per address of the caller.
    pub connects: Cited<Rate>,
    /// Messages of the client per connection.
    pub messages: Cited<Rate>,
    /// Streams per connection.
    pub streams: Cited<usize>,
    /// Streams in one request.
    pub request_streams: Cited<usize>,
    /// Bytes of the streams' names on one connection.
    pub connection_bytes: Option<Cited<usize>>,
    /// Bytes of one request.
    pub request_bytes: Option<Cited<usize>>,
    /// The exchange ends a connection after this, microseconds.
    pub lifetime_us: Option<Cited<i64>>,
    /// How a quiet connection is kept.
    pub ping: Cited<Ping>,
    /// A connection without any byte, pongs included, for this long is dead, microseconds.
    pub silence_us: Cited<i64>,
    /// What REST allows: weight within a time.
    pub rest: Option<Cited<Rate>>,
    /// What a snapshot of a book costs of it.
    pub snapshot_weight: Option<Cited<u32>>,
}

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
const PINGS: Ping = Ping::Frame { every_us: 5 * SECOND };

/// Binance spot.
pub static BINANCE: Limits = Limits {
    exchanges: &["binance"],
    connects: cited(rate(300, 300), "BSP: 300 per 5 min and IP"),
    messages: cited(rate(5, 1), "BSP: 5 per second, pings and pongs count; more ends the connection"),
    streams: cited(1_000, "BSP: 1,024; some left"),
    request_streams: cited(200, "own"),
    connection_bytes: None,
    request_bytes: None,
    lifetime_us: Some(cited(DAY, "BSP: 24 h")),
    ping: cited(Ping::Frame { every_us: 20 * SECOND }, "BSP: the server pings every 20 s"),
    silence_us: cited(60 * SECOND, "BSP: three pings of the server"),
    rest: Some(cited(rate(6_000, 60), "BSP: REQUEST_WEIGHT per minute and IP")),
    snapshot_weight: Some(cited(50, "BSP: depth of 501 to 1,000 levels")),
};

/// Binance's futures, of both kinds of margin.
pub static BINANCE_FUTURES: Limits = Limits {
    exchanges: &["binance-futures", "binance-delivery"],
    connects: cited(rate(300, 300), "own: that of spot"),
    messages: cited(rate(10, 1), "BFD: 10 per second"),
    streams: cited(200, "BFD: 200 in one copy, 1,024 in another"),
    request_streams: cited(200, "own"),
    connection_bytes: None,
    request_bytes: None,
    lifetime_us: Some(cited(DAY, "BFD: 24 h")),
    ping: cited(
        Ping::Frame { every_us: 20 * SECOND },
        "BFD: the server pings every 3 min; pongs may come unasked",
    ),
    silence_us: cited(60 * SECOND, "own: three own pings without an answer"),
    rest: Some(cited(rate(2_400, 60), "BFD: weight per minute and IP")),
    snapshot_weight: Some(cited(20, "BFD: depth of 1,000 levels")),
};

/// Deribit.
pub static DERIBIT: Limits = Limits {
    exchanges: &["deribit"],
    connects: cited(rate(10, 10), "own; DB: 32 connections per IP, requests of HTTP included"),
    messages: cited(
        rate(3, 1),
        "DB: subscriptions 3,000 credits of 30,000, refilled 10,000 per s; uncertain",
    ),
    streams: cited(500, "own"),
    request_streams: cited(100, "DB: up to 500 channels per call, uncertain"),
    connection_bytes: None,
    request_bytes: None,
    lifetime_us: None,
    ping: cited(
        Ping::Answer,
        "DB: set_heartbeat of 10 s, each test_request is answered or the server closes",
    ),
    silence_us: cited(30 * SECOND, "DB: a heartbeat every 10 s"),
    rest: None,
    snapshot_weight: None,
};

/// Bybit's derivatives and spot.
pub static BYBIT: Limits = Limits {
    exchanges: &["bybit", "bybit-spot"],
    connects: cited(rate(500, 300), "BX: 500 per 5 min and domain"),
    messages: cited(rate(10, 1), "own"),
    streams: cited(500, "own"),
    request_streams: cited(10, "BX: 10 per request on spot"),
    connection_bytes: Some(cited(21_000, "BX: characters of all args of a connection")),
    request_bytes: None,
    lifetime_us: None,
    ping: cited(Ping::Text { every_us: 20 * SECOND, text: "{\"op\":\"ping\"}" }, "BX: every 20 s"),
    silence_us: cited(60 * SECOND, "own: three pings without an answer"),
    rest: None,
    snapshot_weight: None,
};

/// Bybit's options.
pub static BYBIT_OPTIONS: Limits = Limits {
    exchanges: &["bybit-options"],
    connects: cited(rate(500, 300), "BX: 500 per 5 min and domain"),
    messages: cited(rate(10, 1), "own"),
    streams: cited(2_000, "BX: 2,000 args per connection"),
    request_streams: cited(100, "own"),
    connection_bytes: Some(cited(21_000, "BX: characters of all args of a connection")),
    request_bytes: None,
    lifetime_us: None,
    ping: cited(Ping::Text { every_us: 20 * SECOND, text: "{\"op\":\"ping\"}" }, "BX: every 20 s"),
    silence_us: cited(60 * SECOND, "own: three pings without an answer"),
    rest: None,
    snapshot_weight: None,
};

/// All markets of OKX.
pub static OKEX: Limits = Limits {
    exchanges: &["okex", "okex-futures", "okex-swap", "okex-options"],
    connects: cited(rate(3, 1), "OKL: 3 per second and IP"),
    messages: cited(
        rate(480, 3_600),
        "OKL: 480 subscriptions, their ends and logins per hour and connection",
    ),
    streams: cited(1_000, "own"),
    request_streams: cited(400, "own: within the bytes of a request"),
    connection_bytes: None,
    request_bytes: Some(cited(60_000, "OKL: 64 KB of args; some left")),
    lifetime_us: None,
    ping: cited(Ping::Text { every_us: 20 * SECOND, text: "ping" }, "OKL: before 30 s without a message"),
    silence_us: cited(30 * SECOND, "OKL: a ping is answered, or connect again"),
    rest: Some(cited(rate(40, 2), "OKL: market/books 40 per 2 s and IP, uncertain")),
    snapshot_weight: Some(cited(1, "OKL: one request")),
};

/// Upbit.
pub static UPBIT: Limits = Limits {
    exchanges: &["upbit"],
    connects: cited(rate(5, 1), "UP: 5 per second and IP"),
    messages: cited(rate(5, 1), "UP: 5 per second; older copies also 100 per minute"),
    streams: cited(500, "own"),
    request_streams: cited(500, "own: a later request replaces the earlier one, so all go in one"),
    connection_bytes: None,
    request_bytes: None,
    lifetime_us: None,
    ping: cited(Ping::Frame { every_us: 20 * SECOND }, "UP: closed after 120 s without traffic"),
    silence_us: cited(60 * SECOND, "own: three pings without an answer"),
    rest: None,
    snapshot_weight: None,
};

/// Coinbase Exchange.
pub static COINBASE: Limits = Limits {
    exchanges: &["coinbase"],
    connects: cited(rate(8, 1), "CB: 8 per second and IP"),
    messages: cited(rate(8, 1), "CB: 100 per second and IP; some left for other connections"),
    streams: cited(300, "own"),
    request_streams: cited(100, "own"),
    connection_bytes: None,
    request_bytes: None,
    lifetime_us: None,
    ping: cited(PINGS, "own: the vendor's client of 2026-08-22"),
    silence_us: cited(30 * SECOND, "own: six pings without an answer"),
    rest: None,
    snapshot_weight: None,
};

/// Kraken spot.
pub static KRAKEN: Limits = Limits {
    exchanges: &["kraken"],
    connects: cited(rate(150, 600), "KR: about 150 per 10 min and IP, uncertain"),
    messages: cited(rate(5, 1), "own"),
    streams: cited(200, "own"),
    request_streams: cited(50, "own"),
    connection_bytes: None,
    request_bytes: None,
    lifetime_us: None,
    ping: cited(
        Ping::Text { every_us: 20 * SECOND, text: "{\"method\":\"ping\"}" },
        "KR: answered; heartbeats come about once a second",
    ),
    silence_us: cited(30 * SECOND, "own"),
    rest: None,
    snapshot_weight: None,
};

/// BitMEX.
pub static BITMEX: Limits = Limits {
    exchanges: &["bitmex"],
    connects: cited(rate(20, 3_600), "BM 2017: 20 per hour at once; other copies say 720"),
    messages: cited(rate(1, 1), "own"),
    streams: cited(200, "own"),
    request_streams: cited(10, "own: the vendor's client of 2026-08-22"),
    connection_bytes: None,
    request_bytes: None,
    lifetime_us: None,
    ping: cited(Ping::Text { every_us: 5 * SECOND, text: "ping" }, "BM: after 5 s without a message"),
    silence_us: cited(20 * SECOND, "own: three pings without an answer"),
    rest: None,
    snapshot_weight: None,
};

/// Hyperliquid.
pub static HYPERLIQUID: Limits = Limits {
    exchanges: &["hyperliquid"],
    connects: cited(rate(30, 60), "HL: 30 new ones per minute in one copy"),
    messages: cited(rate(20, 1), "HL: 2,000 per minute and IP; some left for other connections"),
    streams: cited(1_000, "HL: 1,000 subscriptions per IP"),
    request_streams: cited(1, "HL: one subscription per message"),
    connection_bytes: None,
    request_bytes: None,
    lifetime_us: None,
    ping: cited(
        Ping::Text { every_us: 20 * SECOND, text: "{\"method\":\"ping\"}" },
        "HL: closed after 60 s of silence",
    ),
    silence_us: cited(60 * SECOND, "own: three pings without an answer"),
    rest: None,
    snapshot_weight: None,
};

/// All of them: each holds for one exchange, or for several that share it.
pub static LIMITS: [&Limits; 11] = [
    &BINANCE,
    &BINANCE_FUTURES,
    &DERIBIT,
    &BYBIT,
    &BYBIT_OPTIONS,
    &OKEX,
    &UPBIT,
    &COINBASE,
    &KRAKEN,
    &BITMEX,
    &HYPERLIQUID,
];

/// What an exchange allows; `None`: it is not in the table.
pub fn limits(exchange: &str) -> Option<&'static Limits> {
    LIMITS.into_iter().find(|limits| limits.exchanges.contains(&exchange))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_exchange_stands_in_one_row_and_each_number_has_a_source() {
        assert!(limits("nowhere").is_none());
        let mut names: Vec<_> = LIMITS.iter().flat_map(|row| row.exchanges).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!((names.len(), count), (16, 16));
        for row in LIMITS {
            let sources =
                [row.connects.from, row.messages.from, row.streams.from, row.ping.from, row.silence_us.from];
            assert!(sources.iter().all(|from| !from.is_empty()), "{:?}", row.exchanges);
            assert!(row.streams.value > 0 && row.request_streams.value > 0 && row.messages.value.count > 0);
        }
    }
}
