//! The limits that a venue sets its clients. Each number is from the reference of 2026-11-29 (reference/live.md, by section), written
//! down here by itself: what a client believes is not looked at.

/// Limits of a venue. `None`: it sets none, or none is known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Limits {
    /// Messages of a client in a second and connection.
    pub(super) messages_per_s: Option<usize>,
    /// Messages of a client in a minute and connection.
    pub(super) messages_per_min: Option<usize>,
    /// Subscriptions, and the like, in an hour and connection.
    pub(super) requests_per_hour: Option<usize>,
    /// Whether pings and pongs count as messages.
    pub(super) has_counted_pings: bool,
    /// Streams of a connection.
    pub(super) streams: Option<usize>,
    /// New connections in so many seconds.
    pub(super) connects: Option<(usize, i64)>,
    /// Connections at the same time.
    pub(super) connections: Option<usize>,
    /// Arguments of a request.
    pub(super) args: Option<usize>,
    /// Bytes of the arguments of a request.
    pub(super) args_bytes: Option<usize>,
    /// Bytes of the arguments of all requests of a connection.
    pub(super) all_args_bytes: Option<usize>,
    /// Seconds after which every connection ends.
    pub(super) lifetime_s: Option<i64>,
    /// Seconds within which the first subscription must come.
    pub(super) subscribe_within_s: Option<i64>,
    /// Seconds without a message in either direction, or of the kind that counts, after which the connection ends.
    pub(super) silence_s: Option<i64>,
    /// Seconds between the server's ping frames, and within which each must be answered.
    pub(super) pings_s: Option<(i64, i64)>,
    /// Weight of REST requests in a minute.
    pub(super) weight_per_min: Option<u32>,
}

const NONE: Limits = Limits {
    messages_per_s: None,
    messages_per_min: None,
    requests_per_hour: None,
    has_counted_pings: false,
    streams: None,
    connects: None,
    connections: None,
    args: None,
    args_bytes: None,
    all_args_bytes: None,
    lifetime_s: None,
    subscribe_within_s: None,
    silence_s: None,
    pings_s: None,
    weight_per_min: None,
};

/// 2.1: 5 messages a second, pings and pongs included; 1,024 streams; 300 attempts in 5 minutes; 24 hours; a ping every 20 s, a pong
/// within a minute. 2.4: 6,000 of weight a minute.
const BINANCE: Limits = Limits {
    messages_per_s: Some(5),
    has_counted_pings: true,
    streams: Some(1_024),
    connects: Some((300, 300)),
    lifetime_s: Some(86_400),
    pings_s: Some((20, 60)),
    weight_per_min: Some(6_000),
    ..NONE
};

/// 3.1, 4: 10 messages a second; 200 streams, the lower of two statements; a ping every 3 minutes, a pong within 10; 24 hours; 2,400 of
/// weight a minute. Attempts: as spot.
const BINANCE_FUTURES: Limits = Limits {
    messages_per_s: Some(10),
    streams: Some(200),
    pings_s: Some((180, 600)),
    weight_per_min: Some(2_400),
    ..BINANCE
};

/// 5.1: 32 connections of an address; requests are counted in credits, 500 each of 50,000 that refill 10,000 a second, which are 20 a
/// second and bursts of 100; up to 500 channels in a request.
const DERIBIT: Limits = Limits { messages_per_s: Some(100), connections: Some(32), args: Some(500), ..NONE };

/// 7.1: 500 connections in 5 minutes; 21,000 characters of arguments a connection; 10 minutes without ping and data.
const BYBIT: Limits =
    Limits { connects: Some((500, 300)), all_args_bytes: Some(21_000), silence_s: Some(600), ..NONE };
/// 7.1: and 10 arguments a request.
const BYBIT_SPOT: Limits = Limits { args: Some(10), ..BYBIT };
/// 7.1: and 2,000 arguments a connection.
const BYBIT_OPTIONS: Limits = Limits { streams: Some(2_000), ..BYBIT };

/// 6.1: 3 attempts a second; 480 requests an hour and connection; 64 KB of arguments a request; 30 s without a push and without a ping.
const OKX: Limits = Limits {
    connects: Some((3, 1)),
    requests_per_hour: Some(480),
    args_bytes: Some(65_536),
    silence_s: Some(30),
    ..NONE
};

/// 8: 5 connections a second; 5 messages a second and 100 a minute; 120 s without traffic. With an `Origin` one request in 10 s, which
/// is in the venue's own file.
const UPBIT: Limits = Limits {
    messages_per_s: Some(5),
    messages_per_min: Some(100),
    connects: Some((5, 1)),
    silence_s: Some(120),
    ..NONE
};

/// 9: a subscription within 5 s; 100 messages a second; 8 attempts a second, bursts of 20.
const COINBASE: Limits =
    Limits { messages_per_s: Some(100), connects: Some((20, 1)), subscribe_within_s: Some(5), ..NONE };

/// 10: 150 attempts in 10 minutes (uncertain).
const KRAKEN: Limits = Limits { connects: Some((150, 600)), ..NONE };

/// 11: 720 connections an hour (of two statements).
const BITMEX: Limits = Limits { connects: Some((720, 3_600)), ..NONE };

/// 12: 10 connections and 30 new ones a minute, the lower of two statements; 1,000 subscriptions; 2,000 messages a minute; 60 s without
/// a push and without a ping.
const HYPERLIQUID: Limits = Limits {
    messages_per_min: Some(2_000),
    streams: Some(1_000),
    connections: Some(10),
    connects: Some((30, 60)),
    silence_s: Some(60),
    ..NONE
};

/// Returns the limits of a venue.
pub(super) fn of(venue: &str) -> Limits {
    match venue {
        "binance" => BINANCE,
        "binance-futures" | "binance-delivery" => BINANCE_FUTURES,
        "deribit" => DERIBIT,
        "bybit" => BYBIT,
        "bybit-spot" => BYBIT_SPOT,
        "bybit-options" => BYBIT_OPTIONS,
        "okex" | "okex-futures" | "okex-swap" | "okex-options" => OKX,
        "upbit" => UPBIT,
        "coinbase" => COINBASE,
        "kraken" => KRAKEN,
        "bitmex" => BITMEX,
        "hyperliquid" => HYPERLIQUID,
        _ => NONE,
    }
}
