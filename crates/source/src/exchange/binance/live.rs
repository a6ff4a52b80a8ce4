//! Binance's live feeds: spot, USD-M futures (`binance-futures`) and COIN-M futures (`binance-delivery`).
//!
//! Messages are those of Binance's documents: spot github binance/binance-spot-api-docs `web-socket-streams.md` (2026-07-21), futures
//! developers.binance.com (change notice of March 2026). `@trade` of futures is in no document; the vendor uses it.

mod feed;
mod message;

use mtdh_core::DataType;
use mtdh_core::live::book::{Origin, Terms};
use mtdh_core::live::ids::IdRule;
use mtdh_core::live::rule::{Chain, Rule};

use self::feed::BinanceFeed;
use crate::live::feed::Feed;
use crate::live::limits::{self, Limits};
use crate::live::market::{Market, Setup};
use crate::live::symbols::Spelling;
use crate::live::venue::{Addresses, Connection, Offer, Proof, Venue, Want};

/// Spot.
pub static SPOT: Binance = Binance {
    exchange: "binance",
    limits: &limits::BINANCE,
    addresses: Addresses {
        websockets: &["wss://stream.binance.com:9443"],
        rest: Some("https://api.binance.com"),
    },
    path: "/stream?timeUnit=microsecond",
    rest_root: "/api/v3",
    is_spot: true,
    has_pairs: false,
    is_experimental: false,
    offers: &[
        offer(DataType::Trades, Proof::Whole),
        offer(DataType::IncrementalBookL2, Proof::Whole),
        offer(DataType::BookSnapshot5, Proof::Whole),
        offer(DataType::BookSnapshot25, Proof::Whole),
        offer(DataType::Quotes, Proof::Whole),
        offer(DataType::BookTicker, Proof::None),
    ],
};

/// USD-M futures.
pub static FUTURES: Binance = Binance {
    exchange: "binance-futures",
    limits: &limits::BINANCE_FUTURES,
    addresses: Addresses {
        websockets: &["wss://fstream.binance.com/public", "wss://fstream.binance.com/market"],
        rest: Some("https://fapi.binance.com"),
    },
    path: "/stream",
    rest_root: "/fapi/v1",
    is_spot: false,
    has_pairs: false,
    is_experimental: false,
    offers: FUTURES_OFFERS,
};

/// COIN-M futures.
pub static DELIVERY: Binance = Binance {
    exchange: "binance-delivery",
    limits: &limits::BINANCE_FUTURES,
    addresses: Addresses {
        websockets: &["wss://dstream.binance.com"],
        rest: Some("https://dapi.binance.com"),
    },
    path: "/stream",
    rest_root: "/dapi/v1",
    is_spot: false,
    has_pairs: true,
    is_experimental: true,
    offers: FUTURES_OFFERS,
};

const FUTURES_OFFERS: &[Offer] = &[
    // That trades outside the book use up ids as well is likely, not written anywhere.
    offer(DataType::Trades, Proof::Part),
    offer(DataType::IncrementalBookL2, Proof::Whole),
    offer(DataType::BookSnapshot5, Proof::Whole),
    offer(DataType::BookSnapshot25, Proof::Whole),
    offer(DataType::Quotes, Proof::Whole),
    offer(DataType::BookTicker, Proof::None),
    offer(DataType::DerivativeTicker, Proof::None),
    // At most one per symbol and second is sent, so that sums are incomplete by design.
    offer(DataType::Liquidations, Proof::None),
];

const fn offer(data_type: DataType, proof: Proof) -> Offer {
    Offer { data_type, proof }
}

/// One of Binance's markets.
pub struct Binance {
    exchange: &'static str,
    limits: &'static Limits,
    addresses: Addresses,
    path: &'static str,
    rest_root: &'static str,
    is_spot: bool,
    /// Whether an index price belongs to a pair of several symbols, and has a stream of its own.
    has_pairs: bool,
    is_experimental: bool,
    offers: &'static [Offer],
}

impl Binance {
    /// The streams of a symbol, by endpoint.
    fn streams(&self, symbol: &str, data_type: DataType) -> Vec<(usize, String)> {
        let symbol = symbol.to_lowercase();
        let pair = symbol.split('_').next().unwrap_or_default();
        let market = self.addresses.websockets.len() - 1;
        match data_type {
            DataType::Trades => vec![(0, format!("{symbol}@trade"))],
            DataType::IncrementalBookL2
            | DataType::BookSnapshot5
            | DataType::BookSnapshot25
            | DataType::Quotes => {
                vec![(0, format!("{symbol}@depth@{}", if self.is_spot { "100ms" } else { "0ms" }))]
            }
            DataType::BookTicker => vec![(0, format!("{symbol}@bookTicker"))],
            DataType::DerivativeTicker if !self.is_spot => {
                let mut streams =
                    vec![(market, format!("{symbol}@markPrice@1s")), (market, format!("{symbol}@ticker"))];
                if self.has_pairs {
                    streams.push((market, format!("{pair}@indexPrice@1s")));
                }
                streams
            }
            DataType::Liquidations if !self.is_spot => vec![(market, format!("{symbol}@forceOrder"))],
            _ => Vec::new(),
        }
    }
}

/// The vendor lists symbols in lower case, as streams have them; messages and rows have upper case.
static SPELLING: Spelling =
    Spelling { socket: |listed| listed.to_uppercase(), row: |symbol, _| symbol.to_uppercase() };

impl Venue for Binance {
    fn exchange(&self) -> &'static str {
        self.exchange
    }

    fn offers(&self) -> &'static [Offer] {
        self.offers
    }

    fn addresses(&self) -> Addresses {
        self.addresses
    }

    fn limits(&self) -> &'static Limits {
        self.limits
    }

    fn is_experimental(&self) -> bool {
        self.is_experimental
    }

    /// No market has a dash or a slash in its symbols; an unknown one is acknowledged and stays silent.
    fn not_its_form(&self, symbol: &str) -> Option<&'static str> {
        let form =
            if self.has_pairs { "PAIR_PERP or PAIR_YYMMDD, such as BTCUSD_PERP" } else { "such as BTCUSDT" };
        let is_one = !symbol.contains(['-', '/']) && (!self.has_pairs || symbol.contains('_'));
        (!is_one).then_some(form)
    }

    fn spelling(&self) -> &'static Spelling {
        &SPELLING
    }

    fn plan(&self, want: &Want) -> Vec<Connection> {
        let mut connections: Vec<Connection> = Vec::new();
        for endpoint in 0..self.addresses.websockets.len() {
            let mut streams: Vec<String> = Vec::new();
            let mut close = |streams: &mut Vec<String>| {
                if !streams.is_empty() {
                    let streams = std::mem::take(streams);
                    connections.push(Connection { endpoint, path: self.path.to_owned(), streams });
                }
            };
            for symbol in &want.symbols {
                let all = want.data_types.iter().flat_map(|data_type| self.streams(symbol, *data_type));
                let mut of_symbol: Vec<String> =
                    all.filter(|(of, _)| *of == endpoint).map(|(_, stream)| stream).collect();
                of_symbol.sort_unstable();
                of_symbol.dedup();
                of_symbol.retain(|stream| !streams.contains(stream));
                if streams.len() + of_symbol.len() > self.limits.streams.value {
                    close(&mut streams);
                }
                streams.append(&mut of_symbol);
            }
            close(&mut streams);
        }
        connections
    }

    fn feed(&'static self, want: &Want, connections: &[Connection]) -> Box<dyn Feed> {
        let rule = if self.is_spot { Rule::UpdateRange } else { Rule::PreviousId(Chain::Binance) };
        let setup = Setup {
            terms: Terms { rule, origin: Origin::Rest, depth: 20_000, is_recorded: false },
            ids: if self.is_spot { IdRule::Contiguous } else { IdRule::Likely },
            spelling: &SPELLING,
            asks: (10, 2),
        };
        let market = Market::new(setup, want, connections);
        Box::new(BinanceFeed::new(self, market, want, connections))
    }
}
