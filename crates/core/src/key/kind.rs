//! The types of instruments, and the two sides of an option.
//!
//! Not for how a type's symbol is written: that is [`super::InstrumentKey`].

use std::fmt;
use std::str::FromStr;

/// What kind of thing an instrument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InstrumentType {
    /// Two assets exchanged at once.
    SpotPair,
    /// A future without an end.
    Perp,
    /// A future that ends on a day.
    Future,
    /// The right to buy or to sell at a strike.
    Option,
    /// Several contracts traded as one, under the venue's own name.
    Combo,
    /// A bet on an event, under the venue's own name.
    Prediction,
    /// A coin that is held.
    SpotAsset,
    /// A share.
    Equity,
    /// A number that others are settled by; it is not traded.
    Index,
    /// A liquid-staking token.
    Lst,
    /// A receipt for what was lent.
    AToken,
    /// A receipt for what was borrowed.
    DebtToken,
}

/// A text that is not an instrument type.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{text}` is not an instrument type; the types are {}", InstrumentType::ALL.map(InstrumentType::name).join(", "))]
pub struct UnknownInstrumentType {
    text: String,
}

impl InstrumentType {
    /// All of them, the traded ones first.
    pub const ALL: [InstrumentType; 12] = [
        InstrumentType::SpotPair,
        InstrumentType::Perp,
        InstrumentType::Future,
        InstrumentType::Option,
        InstrumentType::Combo,
        InstrumentType::Prediction,
        InstrumentType::SpotAsset,
        InstrumentType::Equity,
        InstrumentType::Index,
        InstrumentType::Lst,
        InstrumentType::AToken,
        InstrumentType::DebtToken,
    ];

    /// The name in keys, reports and flags.
    pub fn name(self) -> &'static str {
        match self {
            InstrumentType::SpotPair => "SPOT_PAIR",
            InstrumentType::Perp => "PERP",
            InstrumentType::Future => "FUTURE",
            InstrumentType::Option => "OPTION",
            InstrumentType::Combo => "COMBO",
            InstrumentType::Prediction => "PREDICTION",
            InstrumentType::SpotAsset => "SPOT_ASSET",
            InstrumentType::Equity => "EQUITY",
            InstrumentType::Index => "INDEX",
            InstrumentType::Lst => "LST",
            InstrumentType::AToken => "A_TOKEN",
            InstrumentType::DebtToken => "DEBT_TOKEN",
        }
    }

    /// The type that the vendor's metadata calls `spot`, `perpetual`, `future`, `option`, `combo` or
    /// `prediction`, if it is one of them.
    pub fn of_vendor(text: &str) -> Option<InstrumentType> {
        Some(match text {
            "spot" => InstrumentType::SpotPair,
            "perpetual" => InstrumentType::Perp,
            "future" => InstrumentType::Future,
            "option" => InstrumentType::Option,
            "combo" => InstrumentType::Combo,
            "prediction" => InstrumentType::Prediction,
            _ => return None,
        })
    }

    /// The vendor's symbol for all instruments of the type in one file; none for types that it does not have.
    pub fn group_id(self) -> Option<&'static str> {
        Some(match self {
            InstrumentType::SpotPair => "SPOT",
            InstrumentType::Perp => "PERPETUALS",
            InstrumentType::Future => "FUTURES",
            InstrumentType::Option => "OPTIONS",
            InstrumentType::Combo => "COMBOS",
            InstrumentType::Prediction => "PREDICTIONS",
            _ => return None,
        })
    }

    /// How the symbol of the type is written.
    pub(super) fn form(self) -> &'static str {
        match self {
            InstrumentType::SpotPair | InstrumentType::Perp => "BASE-QUOTE",
            InstrumentType::Future => "BASE-QUOTE-YYMMDD or ROOT-YYYYMM",
            InstrumentType::Option => {
                "BASE-QUOTE-YYMMDD-STRIKE-CALL or ROOT-YYYYMM-STRIKE-CALL, or the same with PUT"
            }
            InstrumentType::Combo | InstrumentType::Prediction => "the venue's own name",
            _ => "ASSET",
        }
    }

    /// A key of the type that is written rightly.
    pub(super) fn example(self) -> &'static str {
        match self {
            InstrumentType::SpotPair => "BINANCE:SPOT_PAIR:BTC-USDT",
            InstrumentType::Perp => "DERIBIT:PERP:BTC-USD",
            InstrumentType::Future => "DERIBIT:FUTURE:BTC-USD-241227",
            InstrumentType::Option => "DERIBIT:OPTION:BTC-USD-241227-50000-CALL",
            InstrumentType::Combo => "DERIBIT:COMBO:BTC-FS-28MAR25_PERP",
            InstrumentType::Prediction => "POLYMARKET:PREDICTION:1028726485",
            InstrumentType::SpotAsset => "WALLET:SPOT_ASSET:USDT",
            InstrumentType::Equity => "NASDAQ:EQUITY:AAPL",
            InstrumentType::Index => "DERIBIT:INDEX:BTC",
            InstrumentType::Lst => "ETHERFI:LST:WEETH",
            InstrumentType::AToken => "AAVE_V3:A_TOKEN:AUSDT",
            InstrumentType::DebtToken => "AAVE_V3:DEBT_TOKEN:DEBTWETH",
        }
    }
}

impl fmt::Display for InstrumentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for InstrumentType {
    type Err = UnknownInstrumentType;

    /// Reads [`InstrumentType::name`] in any case, and `PERPETUAL` as PERP.
    fn from_str(text: &str) -> Result<InstrumentType, UnknownInstrumentType> {
        if text.eq_ignore_ascii_case("PERPETUAL") {
            return Ok(InstrumentType::Perp);
        }
        InstrumentType::ALL
            .into_iter()
            .find(|kind| text.eq_ignore_ascii_case(kind.name()))
            .ok_or_else(|| UnknownInstrumentType { text: text.to_owned() })
    }
}

/// Which right an option gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OptionSide {
    /// To buy.
    Call,
    /// To sell.
    Put,
}

impl OptionSide {
    /// The name in keys: `CALL` or `PUT`.
    pub fn name(self) -> &'static str {
        match self {
            OptionSide::Call => "CALL",
            OptionSide::Put => "PUT",
        }
    }

    /// Reads `call`, `put`, `c` or `p` in any case.
    pub fn of_text(text: &str) -> Option<OptionSide> {
        let is = |name: &str| text.eq_ignore_ascii_case(name) || text.eq_ignore_ascii_case(&name[..1]);
        [OptionSide::Call, OptionSide::Put].into_iter().find(|side| is(side.name()))
    }
}

impl fmt::Display for OptionSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
