//! What is known to make live rows differ from the vendor's, as data: each with where it was read.

use mtdh_core::DataType::{self, *};
use mtdh_source::live::quirks::{CHANGE_WITHOUT_TIME, FIRST_LIQUIDATIONS, FIRST_TRADES};

use super::{Cause, Kind};

/// A reason for differences of some venues.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Venues of keys; a star at the end stands for anything.
    pub venues: &'static [&'static str],
    /// Data types.
    pub data_types: &'static [DataType],
    /// Kinds of differences.
    pub kinds: &'static [Kind],
    /// The column; `None`: any.
    pub field: Option<&'static str>,
    /// How long a difference of state may last, microseconds; `None`: any time.
    pub at_most_us: Option<i64>,
    /// [`Cause::OtherChannel`] or [`Cause::Vendor`].
    pub cause: Cause,
    /// The reason, for people.
    pub text: &'static str,
    /// Where it was read: address and date.
    pub source: &'static str,
}

const BOOKS: &[DataType] = &[IncrementalBookL2, BookSnapshot5, BookSnapshot25, Quotes];
const BOOK_STATES: &[Kind] = &[Kind::BookTop, Kind::BookDepth, Kind::State];
/// A channel that gathers changes catches up within its interval; more than this is no matter of channels.
const CAUGHT_UP: Option<i64> = Some(2_000_000);

/// All of them. The first that fits counts.
pub const KNOWN: &[Known] = &[
    Known {
        venues: &["DERIBIT"],
        data_types: BOOKS,
        kinds: BOOK_STATES,
        field: None,
        at_most_us: CAUGHT_UP,
        cause: Cause::OtherChannel,
        text: "the vendor records `book.…raw`, which needs a key; the public `book.…100ms` gathers changes of 100 ms",
        source: "docs.deribit.com/subscriptions/orderbook/bookinstrument_nameinterval, read 2026-11-29",
    },
    Known {
        venues: &["OKX", "OKX-*"],
        data_types: BOOKS,
        kinds: BOOK_STATES,
        field: None,
        at_most_us: CAUGHT_UP,
        cause: Cause::OtherChannel,
        text: "the vendor records `books-l2-tbt`, which needs a login; the public `books` gathers changes of 100 ms",
        source: "github.com/tardis-dev/tardis-node c1d73fb (2026-08-22), src/mappers/okex.ts",
    },
    Known {
        venues: &["COINBASE"],
        data_types: BOOKS,
        kinds: BOOK_STATES,
        field: None,
        at_most_us: CAUGHT_UP,
        cause: Cause::OtherChannel,
        text: "the vendor records `level2`, which needs a key; the public `level2_batch` gathers changes of 50 ms",
        source: "docs.cdp.coinbase.com/exchange/websocket-feed/channels, read 2026-11-29",
    },
    Known {
        venues: &["HYPERLIQUID"],
        data_types: BOOKS,
        kinds: BOOK_STATES,
        field: None,
        at_most_us: CAUGHT_UP,
        cause: Cause::OtherChannel,
        text: "the vendor records the fast book since 2026-06-17",
        source: "github.com/tardis-dev/tardis-node c1d73fb (2026-08-22), src/mappers/hyperliquid.ts",
    },
    Known {
        venues: &["BINANCE*"],
        data_types: &[DerivativeTicker],
        kinds: &[Kind::State],
        field: Some("open_interest"),
        at_most_us: None,
        cause: Cause::OtherChannel,
        text: "open interest is asked for by REST, at other moments than the vendor's",
        source: "github.com/tardis-dev/tardis-node c1d73fb (2026-08-22), src/realtimefeeds/binance.ts",
    },
    Known {
        venues: &["OKX-*"],
        data_types: &[Liquidations],
        kinds: &[Kind::OnlyLive],
        field: None,
        at_most_us: None,
        cause: Cause::Vendor,
        text: FIRST_LIQUIDATIONS.text,
        source: FIRST_LIQUIDATIONS.source,
    },
    Known {
        venues: &["HYPERLIQUID"],
        data_types: &[Trades],
        kinds: &[Kind::OnlyLive],
        field: None,
        at_most_us: None,
        cause: Cause::Vendor,
        text: FIRST_TRADES.text,
        source: FIRST_TRADES.source,
    },
    Known {
        venues: &["COINBASE"],
        data_types: BOOKS,
        kinds: &[Kind::OnlyLive],
        field: None,
        at_most_us: None,
        cause: Cause::Vendor,
        text: CHANGE_WITHOUT_TIME.text,
        source: CHANGE_WITHOUT_TIME.source,
    },
    Known {
        venues: &["BINANCE*"],
        data_types: &[IncrementalBookL2],
        kinds: &[Kind::BookDepth],
        field: Some("beyond the snapshot"),
        at_most_us: None,
        cause: Cause::Vendor,
        text: "a level beyond the snapshot's depth is not known until it changes, and the vendor's snapshot has 1,000 levels a side",
        source: "github.com/tardis-dev/tardis-node c1d73fb (2026-08-22), src/mappers/binance.ts; github.com/binance/binance-spot-api-docs a5e0bc3 (2026-07-21), web-socket-streams.md",
    },
];

#[cfg(test)]
mod tests {
    use mtdh_core::venue::exchange_of_venue;
    use mtdh_source::live::quirks::QUIRKS;

    use super::*;

    #[test]
    fn each_quirk_of_the_feeds_is_known_for_its_exchanges() {
        for quirk in QUIRKS {
            let known = KNOWN.iter().find(|known| known.text == quirk.text).map(|known| known.venues);
            let venues = known.unwrap_or_default();
            for exchange in quirk.exchanges {
                let is_of = |venue: &&&str| match venue.strip_suffix("-*") {
                    Some(start) => exchange.starts_with(&exchange_of_venue(start)),
                    None => exchange_of_venue(venue) == *exchange,
                };
                assert!(venues.iter().any(|venue| is_of(&venue)), "{} {exchange}", quirk.name);
            }
        }
    }
}
