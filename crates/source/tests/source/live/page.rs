//! The page of the live feeds is what the venues and the table of limits say.

use std::fmt::Write;

use mtdh_core::DataType;
use mtdh_source::live::limits::{Cited, LIMITS, Limits, Ping, Rate};
use mtdh_source::live::venue::{Proof, Venue, Want};
use mtdh_source::live::venues;

#[test]
fn the_page_of_live_feeds_is_made_from_them() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/live-feeds.md");
    let page = page();
    if std::env::var_os("MTDH_WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(path).unwrap_or_default(),
        page,
        "write it anew: MTDH_WRITE_DOCS=1 cargo test -p mtdh-source --test source page_of_live_feeds"
    );
}

const HEAD: &str = "# Live feeds

What is read from each exchange's own WebSocket, which rows it becomes, and what the messages prove of losses. Made from \
`crates/source/src/live` and `crates/source/src/exchange/*/live`.

**Nothing here has met a real exchange.** The feeds were made from documents and held against recorded traffic; where they were \
developed, no exchange can be reached. Whoever runs them first should record with `--capture-only` for a day, make the rows of the \
capture with `mtdh live replay`, and look at the gaps and the unread messages before trusting a row.

An exchange is *experimental* where no continuous recording of it was ever read: its feed is made of single messages and documents.

## Exchanges

| exchange | experimental | recorded traffic that was read |
|---|---|---|
";

const RULES: &str = "
## What is made of messages

- Rows have the tables' columns and the values that the vendor's own mappers make, bit for bit: numbers are read from their text by the \
decoder of the CSV path.
- `timestamp` is the exchange's time of the message; where it has none it equals `local_timestamp`.
- A book begins with a snapshot, into which the updates that waited for it are merged. After it each update is given out as it is. \
`book_snapshot_5`, `book_snapshot_25` and `quotes` are made from the book: a row whenever one of the levels changed.
- A book in which an update is missing is not given out any more; its loss is a gap, and a snapshot of this symbol alone is asked for, \
after 1 s, and twice as long after each further loss, at most 60 s.
- A whole book without any level makes no row, as in the vendor's files.
- Trades that Binance futures marks `INSURANCE_FUND`, `ADL` or `NA` make no row; their ids are counted.
- `derivative_ticker` gathers several messages: a row when a value changed.
- Ids are never read as floating-point numbers.

Proof: *whole*: each loss shows, in an id, a chain or a checksum. *part*: some show, or the rule is what was seen, not what is \
promised. *none*: no loss shows, and \"no gap found\" is not \"no gap\".

| exchange | data type | proof | channels |
|---|---|---|---|
";

const LIMITS_HEAD: &str = "
## Limits

What the feeds keep to, and where each number is from. The tags are explained in `crates/source/src/live/limits.rs`; *own* is a careful \
choice without a source.

";

/// What was recorded of an exchange, continuously.
const RECORDED: [(&str, &str); 16] = [
    ("binance", "five minutes of 2024-08-08 with its snapshot; half a minute of 2021"),
    (
        "binance-futures",
        "five minutes of 2024-08-08 with its snapshot; half a minute of 2021. None of tickers and liquidations",
    ),
    ("binance-delivery", ""),
    ("deribit", "half a minute of 2021-07 of options, without a trade"),
    ("bybit", "half a minute of 2021-04 in the format before version 5 only"),
    ("bybit-spot", ""),
    ("bybit-options", ""),
    ("okex", "half a minute of 2022-05, with checksums, without `seqId`"),
    ("okex-futures", "half a minute of 2022-05, with checksums, without `seqId`"),
    ("okex-swap", "half a minute of 2022-05, with checksums, without `seqId`"),
    ("okex-options", ""),
    ("upbit", "half a minute of 2021-04, in the short form"),
    ("coinbase", ""),
    ("kraken", ""),
    ("bitmex", ""),
    ("hyperliquid", ""),
];

/// A symbol in the form of the exchange, of which the channels are shown.
fn example(exchange: &str) -> &'static str {
    match exchange {
        "binance-delivery" => "BTCUSD_PERP",
        "deribit" => "BTC-PERPETUAL",
        "bybit-options" => "BTC-26DEC25-100000-C-USDT",
        "okex" => "BTC-USDT",
        "okex-futures" => "BTC-USD-260327",
        "okex-swap" => "BTC-USDT-SWAP",
        "okex-options" => "BTC-USD-260327-100000-C",
        "upbit" => "KRW-BTC",
        "coinbase" => "BTC-USD",
        "kraken" => "BTC/USD",
        "bitmex" => "XBTUSD",
        "hyperliquid" => "BTC",
        _ => "BTCUSDT",
    }
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    for venue in venues::all() {
        let recorded = RECORDED.iter().find(|(exchange, _)| *exchange == venue.exchange()).unwrap().1;
        let experimental = if venue.is_experimental() { "yes" } else { "no" };
        let recorded = if recorded.is_empty() { "none" } else { recorded };
        writeln!(page, "| {} | {experimental} | {recorded} |", venue.exchange()).unwrap();
    }
    page.push_str(RULES);
    for venue in venues::all() {
        for offer in venue.offers() {
            let proof = match offer.proof {
                Proof::Whole => "whole",
                Proof::Part => "part",
                Proof::None => "none",
            };
            let channels = channels(*venue, offer.data_type);
            writeln!(page, "| {} | {} | {proof} | {channels} |", venue.exchange(), offer.data_type).unwrap();
        }
    }
    page.push_str(LIMITS_HEAD);
    LIMITS.iter().for_each(|limits| page.push_str(&section(limits)));
    page
}

/// What is subscribed to for a data type of one symbol.
fn channels(venue: &dyn Venue, data_type: DataType) -> String {
    let symbols = vec![example(venue.exchange()).to_owned()];
    let want = Want { symbols, data_types: vec![data_type], ..Want::default() };
    let mut streams: Vec<String> = venue
        .plan(&want)
        .into_iter()
        .flat_map(|connection| connection.streams)
        .map(|s| format!("`{s}`"))
        .collect();
    streams.sort();
    streams.join(", ")
}

fn section(limits: &Limits) -> String {
    let mut text = format!("### {}\n\n| what | limit | from |\n|---|---|---|\n", limits.exchanges.join(", "));
    let mut row =
        |what: &str, limit: String, from: &str| writeln!(text, "| {what} | {limit} | {from} |").unwrap();
    row("connection attempts", rate(limits.connects.value), limits.connects.from);
    row("messages of the client per connection", rate(limits.messages.value), limits.messages.from);
    row("streams per connection", limits.streams.value.to_string(), limits.streams.from);
    row("streams per request", limits.request_streams.value.to_string(), limits.request_streams.from);
    if let Some(Cited { value, from }) = limits.connection_bytes {
        row("bytes of streams' names per connection", value.to_string(), from);
    }
    if let Some(Cited { value, from }) = limits.request_bytes {
        row("bytes per request", value.to_string(), from);
    }
    if let Some(Cited { value, from }) = limits.lifetime_us {
        row("life of a connection", seconds(value), from);
    }
    let ping = match limits.ping.value {
        Ping::Frame { every_us } => format!("a ping every {}", seconds(every_us)),
        Ping::Text { every_us, text } => format!("`{text}` every {}", seconds(every_us)),
        Ping::Answer => "heartbeats are answered".to_owned(),
    };
    row("keeping a quiet connection", ping, limits.ping.from);
    row(
        "a connection without a byte is dead after",
        seconds(limits.silence_us.value),
        limits.silence_us.from,
    );
    if let Some(Cited { value, from }) = limits.rest {
        row("weight of REST", rate(value), from);
    }
    if let Some(Cited { value, from }) = limits.snapshot_weight {
        row("weight of a snapshot", value.to_string(), from);
    }
    text.push('\n');
    text
}

fn seconds(us: i64) -> String {
    if us == 86_400_000_000 { "24 h".to_owned() } else { format!("{} s", us / 1_000_000) }
}

fn rate(rate: Rate) -> String {
    format!("{} in {}", rate.count, seconds(rate.within_us))
}
