//! Deribit's live feed: futures, perpetuals, options and combos.
//!
//! Messages are those of docs.deribit.com (undated; read 2026-11-29). Without a key books and trades come every 100 ms; the vendor's
//! files are of the interval `raw`, which needs one.

mod feed;
mod message;

use mtdh_core::DataType;
use mtdh_core::live::book::{Origin, Terms};
use mtdh_core::live::ids::IdRule;
use mtdh_core::live::rule::{Chain, Rule};

use self::feed::DeribitFeed;
use crate::live::feed::Feed;
use crate::live::limits::{self, Limits};
use crate::live::market::{Market, Setup};
use crate::live::symbols::Spelling;
use crate::live::venue::{Addresses, Connection, Offer, Proof, Venue, Want};

/// The venue.
pub static DERIBIT: Deribit = Deribit;

/// Deribit.
pub struct Deribit;

const OFFERS: [Offer; 9] = [
    offer(DataType::Trades, Proof::Whole),
    offer(DataType::IncrementalBookL2, Proof::Whole),
    offer(DataType::BookSnapshot5, Proof::Whole),
    offer(DataType::BookSnapshot25, Proof::Whole),
    offer(DataType::Quotes, Proof::Whole),
    offer(DataType::BookTicker, Proof::None),
    offer(DataType::DerivativeTicker, Proof::None),
    // A liquidation is a trade.
    offer(DataType::Liquidations, Proof::Whole),
    offer(DataType::OptionsChain, Proof::None),
];

const fn offer(data_type: DataType, proof: Proof) -> Offer {
    Offer { data_type, proof }
}

/// The channel of a data type, without the instrument and the interval.
fn channel(data_type: DataType) -> &'static str {
    match data_type {
        DataType::Trades | DataType::Liquidations => "trades",
        DataType::IncrementalBookL2
        | DataType::BookSnapshot5
        | DataType::BookSnapshot25
        | DataType::Quotes => "book",
        DataType::BookTicker | DataType::DerivativeTicker | DataType::OptionsChain => "ticker",
    }
}

/// The interval of those without a key.
const INTERVAL: &str = "100ms";

/// The strike `1d02` is `1D02` in all rows but those of derivatives, which have no strike, and in names of the vendor's files.
static SPELLING: Spelling = Spelling {
    socket: |listed| {
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let parts = listed.split('-').map(|part| match part.split_once('D') {
            Some((whole, rest)) if is_number(whole) && is_number(rest) => format!("{whole}d{rest}"),
            _ => part.to_owned(),
        });
        parts.collect::<Vec<_>>().join("-")
    },
    row: |symbol, data_type| match data_type {
        DataType::DerivativeTicker => symbol.to_owned(),
        _ => symbol.to_uppercase(),
    },
};

impl Venue for Deribit {
    fn exchange(&self) -> &'static str {
        "deribit"
    }

    fn offers(&self) -> &'static [Offer] {
        &OFFERS
    }

    fn addresses(&self) -> Addresses {
        Addresses { websockets: &["wss://streams.deribit.com/ws/api/v2"], rest: None }
    }

    fn limits(&self) -> &'static Limits {
        &limits::DERIBIT
    }

    fn is_experimental(&self) -> bool {
        false
    }

    fn spelling(&self) -> &'static Spelling {
        &SPELLING
    }

    fn plan(&self, want: &Want) -> Vec<Connection> {
        let mut channels: Vec<&str> = want.data_types.iter().map(|data_type| channel(*data_type)).collect();
        channels.sort_unstable();
        channels.dedup();
        if channels.is_empty() {
            return Vec::new();
        }
        let symbols = self.limits().streams.value / channels.len();
        let connection = |symbols: &[String]| Connection {
            endpoint: 0,
            path: String::new(),
            streams: symbols
                .iter()
                .flat_map(|symbol| {
                    channels.iter().map(move |channel| format!("{channel}.{symbol}.{INTERVAL}"))
                })
                .collect(),
        };
        want.symbols.chunks(symbols.max(1)).map(connection).collect()
    }

    fn feed(&'static self, want: &Want, connections: &[Connection]) -> Box<dyn Feed> {
        let rule = Rule::PreviousId(Chain::Deribit);
        let setup = Setup {
            terms: Terms { rule, origin: Origin::Stream, depth: 20_000, is_recorded: false },
            ids: IdRule::Contiguous,
            spelling: &SPELLING,
            asks: (10, 1),
        };
        Box::new(DeribitFeed::new(Market::new(setup, want, connections), want, connections, self.limits()))
    }
}
