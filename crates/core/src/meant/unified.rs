//! The terms that a name tells, in the forms of other programs.

use crate::instrument::Instrument;
use crate::key::{InstrumentType, OptionSide};

/// What a name says of an instrument.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Terms {
    /// The base asset.
    pub base: String,
    /// The quote asset.
    pub quote: String,
    /// The asset in which it is settled; `None`: the name does not say, as that of a spot pair.
    settle: Option<String>,
    /// `YYMMDD`, a strike, and the side.
    expiry: Option<String>,
    strike: Option<String>,
    side: Option<OptionSide>,
}

impl Terms {
    /// Reads `BASE/QUOTE`, `BASE/QUOTE:SETTLE`, `BASE/QUOTE:SETTLE-YYMMDD` and `BASE/QUOTE:SETTLE-YYMMDD-STRIKE-C`, the unified
    /// symbols of ccxt (<https://docs.ccxt.com/#/README?id=contract-naming-conventions>). `None`: it is none.
    pub fn of_unified(text: &str) -> Option<Terms> {
        let text = text.to_uppercase();
        let (base, rest) = text.split_once('/')?;
        let (quote, contract) =
            rest.split_once(':').map_or((rest, None), |(quote, rest)| (quote, Some(rest)));
        let mut parts = contract.into_iter().flat_map(|contract| contract.split('-')).map(str::to_owned);
        let (settle, expiry, strike) = (parts.next(), parts.next(), parts.next());
        let side = parts.next().and_then(|text| OptionSide::of_text(&text));
        let is_asset = |text: &str| !text.is_empty() && text.chars().all(char::is_alphanumeric);
        let (base, quote) = (base.to_owned(), quote.to_owned());
        (is_asset(&base) && is_asset(&quote)).then_some(Terms { base, quote, settle, expiry, strike, side })
    }

    /// Whether an instrument has these terms.
    pub fn are_of(&self, instrument: &Instrument) -> bool {
        let key = &instrument.key;
        let is_pair = key.base().is_some_and(|base| same_asset(base, &self.base))
            && key.quote().is_some_and(|quote| same_asset(quote, &self.quote));
        let kind = match (&self.settle, &self.expiry, &self.strike) {
            (None, ..) => InstrumentType::SpotPair,
            (_, None, _) => InstrumentType::Perp,
            (_, _, None) => InstrumentType::Future,
            _ => InstrumentType::Option,
        };
        let symbol = key.as_str();
        let has = |text: &Option<String>| text.as_ref().is_none_or(|text| symbol.contains(text.as_str()));
        is_pair
            && key.instrument_type() == kind
            && has(&self.expiry)
            && has(&self.strike)
            && (self.side.is_none() || key.option_side() == self.side)
            && self.settle.as_ref().is_none_or(|settle| is_settled_in(instrument, settle))
    }
}

/// Whether a contract is settled in an asset, as far as its table says.
fn is_settled_in(instrument: &Instrument, settle: &str) -> bool {
    match (&instrument.settle, instrument.inverse) {
        (Some(asset), _) => same_asset(asset, settle),
        (None, Some(inverse)) => {
            let margin = if inverse { instrument.key.base() } else { instrument.key.quote() };
            margin.is_none_or(|margin| same_asset(margin, settle))
        }
        (None, None) => true,
    }
}

/// Whether two names are of one asset: BitMEX and Kraken call BTC XBT.
pub(super) fn same_asset(one: &str, other: &str) -> bool {
    let usual =
        |name: &str| if name.eq_ignore_ascii_case("XBT") { "BTC".to_owned() } else { name.to_uppercase() };
    usual(one) == usual(other)
}
