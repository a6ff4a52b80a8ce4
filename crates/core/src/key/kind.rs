//! Instrument types and option sides.
//!
//! The form of each type's symbol is in [`super::InstrumentKey`].

use crate::nearest::perhaps;
use std::fmt;
use std::str::FromStr;

/// The type of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InstrumentType {
    /// Spot market of two assets.
    SpotPair,
    /// Perpetual: a future without expiry.
    Perp,
    /// Future with an expiry.
    Future,
    /// Option with strike and expiry.
    Option,
    /// Several contracts traded as one, with the venue's own name.
    Combo,
    /// Prediction market, with the venue's own name.
    Prediction,
    /// The vendor's type is none of the others, or nothing tells the type; with the venue's own name.
    Unknown,
    /// A single coin, held and not traded as a pair.
    SpotAsset,
    /// A share.
    Equity,
    /// An index that contracts are settled by; not tradable.
    Index,
    /// A liquid-staking token.
    Lst,
    /// A token that represents a loan given, as on Aave.
    AToken,
    /// A token that represents a debt, as on Aave.
    DebtToken,
}

/// A text that is not an instrument type.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{text}` is not an instrument type{}; the types are {}", perhaps(text, InstrumentType::ALL.map(InstrumentType::name)),
    InstrumentType::ALL.map(InstrumentType::name).join(", "))]
pub struct UnknownInstrumentType {
    text: String,
}

impl InstrumentType {
    /// All types, the traded ones first.
    pub const ALL: [InstrumentType; 13] = [
        InstrumentType::SpotPair,
        InstrumentType::Perp,
        InstrumentType::Future,
        InstrumentType::Option,
        InstrumentType::Combo,
        InstrumentType::Prediction,
        InstrumentType::Unknown,
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
            InstrumentType::Unknown => "UNKNOWN",
            InstrumentType::SpotAsset => "SPOT_ASSET",
            InstrumentType::Equity => "EQUITY",
            InstrumentType::Index => "INDEX",
            InstrumentType::Lst => "LST",
            InstrumentType::AToken => "A_TOKEN",
            InstrumentType::DebtToken => "DEBT_TOKEN",
        }
    }

    /// Parses the vendor's type names `spot`, `perpetual`, `future`, `option`, `combo` and `prediction`; `None` for others.
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

    /// The vendor's grouped symbol: the symbol of the file with all instruments of the type. `None` if there is none.
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

    /// The type of a grouped symbol of the vendor, such as `OPTIONS`; `None` if the symbol is not one. The inverse of
    /// [`InstrumentType::group_id`].
    pub fn of_group(id: &str) -> Option<InstrumentType> {
        InstrumentType::ALL.into_iter().find(|kind| kind.group_id() == Some(id))
    }

    /// Whether instruments of the type are named by the venue's symbol alone, so that this is their canonical name.
    pub fn is_named_by_venue(self) -> bool {
        matches!(self, InstrumentType::Combo | InstrumentType::Prediction)
    }

    /// Whether the type has native keys: those of the types that venues list.
    pub fn has_native_keys(self) -> bool {
        self == InstrumentType::Unknown || self.group_id().is_some()
    }

    /// The form of the type's symbol.
    pub(super) fn form(self) -> &'static str {
        match self {
            InstrumentType::SpotPair | InstrumentType::Perp => "BASE-QUOTE, or the venue's own name",
            InstrumentType::Future => "BASE-QUOTE-YYMMDD or ROOT-YYYYMM, or the venue's own name",
            InstrumentType::Option => {
                "BASE-QUOTE-YYMMDD-STRIKE-CALL or ROOT-YYYYMM-STRIKE-CALL, or the same with PUT, or the venue's own name"
            }
            InstrumentType::Combo | InstrumentType::Prediction | InstrumentType::Unknown => {
                "the venue's own name"
            }
            _ => "ASSET",
        }
    }

    /// A valid key of the type.
    pub(super) fn example(self) -> &'static str {
        match self {
            InstrumentType::SpotPair => "BINANCE:SPOT_PAIR:BTC-USDT",
            InstrumentType::Perp => "DERIBIT:PERP:BTC-USD",
            InstrumentType::Future => "DERIBIT:FUTURE:BTC-USD-241227",
            InstrumentType::Option => "DERIBIT:OPTION:BTC-USD-241227-50000-CALL",
            InstrumentType::Combo => "DERIBIT:COMBO:BTC-FS-28MAR25_PERP",
            InstrumentType::Prediction => "POLYMARKET:PREDICTION:1028726485",
            InstrumentType::Unknown => "BITMEX:UNKNOWN:XBT7D_U105",
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

    /// Parses [`InstrumentType::name`] in any case, and `PERPETUAL` as PERP.
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

/// The side of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OptionSide {
    /// The right to buy.
    Call,
    /// The right to sell.
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

    /// Parses `call`, `put`, `c` or `p` in any case.
    pub fn of_text(text: &str) -> Option<OptionSide> {
        let matches = |name: &str| text.eq_ignore_ascii_case(name) || text.eq_ignore_ascii_case(&name[..1]);
        [OptionSide::Call, OptionSide::Put].into_iter().find(|side| matches(side.name()))
    }
}

impl fmt::Display for OptionSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
