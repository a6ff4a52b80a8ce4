//! Where the feeds make other rows of the same messages than the vendor's own mappers, on purpose: each with where the vendor's way was
//! read. Feeds count what they do so by name, and the comparison with the vendor's files knows these differences.

/// A difference from the vendor's mappers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quirk {
    /// Its name in counts.
    pub name: &'static str,
    /// Exchange ids.
    pub exchanges: &'static [&'static str],
    /// What the vendor does, for people.
    pub text: &'static str,
    /// Where it was read: address and date.
    pub source: &'static str,
}

/// Liquidations of the first message of a connection, where they are new.
pub const FIRST_LIQUIDATIONS: Quirk = Quirk {
    name: "first_liquidations",
    exchanges: &["okex-futures", "okex-swap"],
    text: "the vendor drops the first liquidation message after each connection",
    source: "github.com/tardis-dev/tardis-node c1d73fb (2026-08-22), src/mappers/okex.ts",
};

/// Trades of a coin's first message of a connection, where they are new.
pub const FIRST_TRADES: Quirk = Quirk {
    name: "first_trades",
    exchanges: &["hyperliquid"],
    text: "the vendor drops the first `trades` message of a coin after each connection",
    source: "github.com/tardis-dev/tardis-node c1d73fb (2026-08-22), src/mappers/hyperliquid.ts",
};

/// Changes of a book that came with an impossible time before any possible one.
pub const CHANGE_WITHOUT_TIME: Quirk = Quirk {
    name: "change_without_time",
    exchanges: &["coinbase"],
    text: "the vendor drops a change of the book with an impossible time where no earlier one of the product had a possible one",
    source: "github.com/tardis-dev/tardis-node c1d73fb (2026-08-22), src/mappers/coinbase.ts",
};

/// All of them.
pub const QUIRKS: [Quirk; 3] = [FIRST_LIQUIDATIONS, FIRST_TRADES, CHANGE_WITHOUT_TIME];
