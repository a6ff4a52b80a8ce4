//! What a column means on a venue where that differs from its general meaning, or is narrower.
//!
//! The documents, `mtdh schema` and the candles' columns show these notes. Sources: the vendor's documentation of its CSV files,
//! and the code of its open-source client.

use super::DataType;
use DataType::{
    BookSnapshot5, BookSnapshot25, DerivativeTicker, IncrementalBookL2, Liquidations, OptionsChain, Quotes,
    Trades,
};

/// A note on columns of data types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// The data types.
    pub data_types: &'static [DataType],
    /// The columns, by their names in the lake.
    pub columns: &'static [&'static str],
    /// The venues.
    pub venues: &'static [&'static str],
    /// What the values mean there.
    pub meaning: &'static str,
}

/// All notes.
pub const NOTES: [Note; 13] = [
    Note {
        data_types: &[Trades],
        columns: &["id"],
        venues: &["ASCENDEX", "DELTA", "DYDX", "KRAKEN", "PHEMEX", "WOO-X"],
        meaning: "there are no ids (on KRAKEN before 2026-07-10): a trade that is sent again cannot be told from another",
    },
    Note {
        data_types: &[Trades, Liquidations],
        columns: &["side"],
        venues: &["BITMEX", "BYBIT", "BYBIT-SPOT", "BITFLYER", "GEMINI", "HUOBI", "COINBASE-INTERNATIONAL"],
        meaning: "`unknown` where the exchange does not say it; also on the venues HUOBI-DM…",
    },
    Note {
        data_types: &[Liquidations],
        columns: &["id"],
        venues: &[
            "BINANCE-FUTURES",
            "BINANCE-DELIVERY",
            "ASTER-FUTURES",
            "BITGET-FUTURES",
            "BYBIT",
            "OKX-SWAP",
            "OKX-FUTURES",
        ],
        meaning: "always null; also on the venues HUOBI-DM…",
    },
    Note { data_types: &[Liquidations], columns: &["id"], venues: &["BITMEX"], meaning: "id of the order" },
    Note { data_types: &[Liquidations], columns: &["id"], venues: &["DERIBIT"], meaning: "id of the trade" },
    Note {
        data_types: &[Liquidations],
        columns: &["price"],
        venues: &["BYBIT"],
        meaning: "may be the price at which the position is bankrupt",
    },
    Note {
        data_types: &[Liquidations],
        columns: &["amount"],
        venues: &["BINANCE-FUTURES", "BINANCE-DELIVERY"],
        meaning: "from 2021-04-27 on the exchange sends at most one liquidation a symbol and second: sums and counts are lower bounds",
    },
    Note {
        data_types: &[DerivativeTicker],
        columns: &["funding_rate"],
        venues: &["CRYPTOFACILITIES"],
        meaning: "before 2022-09-29 an absolute amount, not a fraction",
    },
    Note {
        data_types: &[DerivativeTicker],
        columns: &["open_interest"],
        venues: &["BYBIT"],
        meaning: "counts both sides: twice what others count",
    },
    Note {
        data_types: &[IncrementalBookL2, BookSnapshot5, BookSnapshot25, Quotes],
        columns: &["timestamp"],
        venues: &["BITMEX", "BINANCE-DEX", "BITFLYER", "DYDX", "DYDX-V4"],
        meaning: "equals local_timestamp; also on GEMINI, in snapshots of KUCOIN and KUCOIN-FUTURES, and on POLONIEX before 2022-08-02",
    },
    Note {
        data_types: &[OptionsChain],
        columns: &["bid_price", "ask_price", "mark_price", "last_price"],
        venues: &["DERIBIT", "OKX-OPTIONS"],
        meaning: "in the coin, for options that are settled in it; `price_currency` of the instrument table says which",
    },
    Note {
        data_types: &[OptionsChain],
        columns: &["bid_iv", "ask_iv", "mark_iv"],
        venues: &["DERIBIT"],
        meaning: "percent",
    },
    Note {
        data_types: &[Trades],
        columns: &["price"],
        venues: &["DERIBIT", "OKX-OPTIONS", "OKX-SPREADS"],
        meaning: "of options settled in a coin in that coin; of combos and spreads a difference, which may be 0 or negative",
    },
];

/// The notes on a column.
pub fn of(data_type: DataType, column: &str) -> impl Iterator<Item = &'static Note> {
    NOTES.iter().filter(move |note| note.data_types.contains(&data_type) && note.columns.contains(&column))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::venue::parse_venue;

    #[test]
    fn notes_are_on_columns_and_venues_that_exist() {
        for note in NOTES {
            for data_type in note.data_types {
                for column in note.columns {
                    let has = data_type.table().columns.iter().any(|c| c.name == *column);
                    assert!(has, "{data_type} has no {column}");
                    assert!(of(*data_type, column).any(|found| *found == note));
                }
            }
            for venue in note.venues {
                assert_eq!(parse_venue(venue).as_deref(), Ok(*venue));
            }
        }
        assert_eq!(of(Trades, "open_interest").count(), 0);
    }
}
