//! Symbol forms of a single exchange.

use super::Reason;
use super::dates;
use super::reading::{Reading, Symbol, Terms};
use crate::day::Day;
use crate::key::{InstrumentType, OptionSide};

/// Deribit: `BTC-PERPETUAL`, `BTC-3NOV23`, `BTC-3NOV23-30000-C`, `XRP_USDC-27DEC24-1D14-P`, `BTC_USDC`.
///
/// A coin alone is quoted in USD and settled in itself; `COIN_QUOTE` is settled in its quote. `D` in a strike is
/// the decimal point.
pub(super) fn deribit(symbol: &Symbol) -> Option<Reading> {
    let parts: Vec<&str> = symbol.text.split('-').collect();
    let (name, rest) = parts.split_first()?;
    let terms = match name.split_once('_') {
        Some((base, quote)) => Terms::new(base, quote).settled_in(quote),
        None => Terms::new(name, "USD").settled_in(name),
    };
    match rest {
        [] if name.contains('_') && symbol.is_pair() => Some(terms.into()),
        ["PERPETUAL"] if symbol.is_perp() => Some(terms.into()),
        [end] if symbol.is_future() => Some(terms.ending(dates::day_month_year(end)?).into()),
        [end, strike, side] if symbol.is_option() => {
            let terms = terms.ending(dates::day_month_year(end)?);
            Some(terms.with_right(&strike.replacen('D', ".", 1), OptionSide::of_text(side)?).into())
        }
        _ => None,
    }
}

/// BitMEX: `XBTUSD`, `ETHUSD_ETH`, `XBTZ19`, `ETHUSDM22_ETH`.
///
/// The part after `_` is the settlement asset, a mark that distinguishes the contract from the one settled in bitcoin. A coin
/// with a month code is quoted in bitcoin, bitcoin itself in USD. `XBTM26-XBTU26` is a spread, whatever its listed type.
pub(super) fn bitmex(symbol: &Symbol) -> Option<Reading> {
    if symbol.text.contains('-') && !symbol.is_first_version() {
        return Some(Reading::OwnName(InstrumentType::Combo));
    }
    let (contract, mark) = match symbol.text.split_once('_') {
        Some((contract, mark)) => (contract, Some(mark)),
        None => (symbol.text, None),
    };
    let (pair, end) = match symbol.kind {
        InstrumentType::Perp => (contract, None),
        InstrumentType::Future => {
            let (pair, year, month) = dates::month_code(contract)?;
            (pair, Some(Day::last_friday(year, month)?))
        }
        _ => return None,
    };
    let terms = match symbol.pair_of(pair) {
        Some((base, quote)) => Terms::new(base, quote).glued(),
        None if symbol.is_perp() => return None,
        // `DEFIMEXTU21`: an index of coins, quoted in tether.
        None if pair.ends_with("MEXT") && !symbol.is_first_version() => return None,
        None if pair == "XBT" => Terms::new(pair, "USD"),
        None => Terms::new(pair, "XBT"),
    };
    let settle = mark.or_else(|| bitmex_settle(&terms.base, &terms.quote)).map(str::to_owned);
    let terms = Terms { settle, mark: mark.map(str::to_owned), ..terms };
    Some(match end {
        Some(day) => terms.ending_by_habit(day).into(),
        None => terms.into(),
    })
}

/// Contracts quoted in fiat are settled in bitcoin, those quoted in a coin in that coin. Some quoted in a stablecoin were once
/// settled in bitcoin, so their symbols do not determine it.
fn bitmex_settle<'a>(base: &str, quote: &'a str) -> Option<&'a str> {
    match quote {
        "XBT" | "ETH" => Some(quote),
        "USDT" | "USDC" => (base == "XBT").then_some(quote),
        _ => Some("XBT"),
    }
}

/// Kraken's futures: `PI_XBTUSD`, `PF_SUIUSD`, `PV_XRPXBT`, `FI_XBTUSD_220325`.
///
/// First letter: perpetual or fixed maturity. Second letter: inverse (settled in the base), vanilla (settled in the quote), or
/// flexible (margined in many assets, settled in USD). The last kind trades next to the first on the same pair and is marked.
pub(super) fn kraken_contract(symbol: &Symbol) -> Option<Reading> {
    let parts: Vec<&str> = symbol.text.split('_').collect();
    let (class, pair, end) = match parts.as_slice() {
        [class, pair] if symbol.is_perp() => (*class, *pair, None),
        [class, pair, end] if symbol.is_future() => (*class, *pair, Some(dates::digits(end)?)),
        _ => return None,
    };
    let (base, quote) = symbol.pair_of(pair)?;
    let terms = Terms::new(base, quote).glued();
    let terms = match class {
        "PI" | "FI" => terms.settled_in(base),
        "PV" | "FV" => terms.settled_in(quote),
        "PF" | "FF" => terms.settled_in(quote).marked(class),
        _ => return None,
    };
    Some(match end {
        Some(day) => terms.ending(day).into(),
        None => terms.into(),
    })
}

/// Bitfinex' perpetuals: `BTCF0:USTF0`.
pub(super) fn bitfinex_perp(symbol: &Symbol) -> Option<Reading> {
    let (base, quote) = symbol.text.split_once('-')?;
    let (base, quote) = (base.strip_suffix("F0")?, quote.strip_suffix("F0")?);
    symbol.is_perp().then(|| Terms::new(base, quote).into())
}

/// KuCoin's contracts: `XBTUSDTM`, `XBTUSDM`, and `XBTMZ24`, which is quoted in USD.
pub(super) fn kucoin_contract(symbol: &Symbol) -> Option<Reading> {
    if symbol.is_future() {
        let (name, year, month) = dates::month_code(symbol.text)?;
        let terms = Terms::new(name.strip_suffix('M')?, "USD");
        return Some(terms.ending_by_habit(Day::last_friday(year, month)?).into());
    }
    let (base, quote) = symbol.pair_of(symbol.text.strip_suffix('M')?)?;
    symbol.is_perp().then(|| Terms::new(base, quote).glued().into())
}

/// Phemex: spot `sBTCUSDT`; `BTCUSD` settled in bitcoin next to `uBTCUSD`, `ETHUSD` settled in USD next to `cETHUSD`. CSV files
/// have the prefix in upper case, so it is recognised only before coins that have such a contract.
pub(super) fn phemex(symbol: &Symbol) -> Option<Reading> {
    let text = symbol.text;
    if !symbol.is_perp() {
        let (base, quote) = symbol.pair_of(text.strip_prefix('S')?)?;
        return symbol.is_pair().then(|| Terms::new(base, quote).glued().into());
    }
    let twice_listed = ["BTCUSD", "ETHUSD", "XRPUSD", "LTCUSD", "ADAUSD", "LINKUSD"];
    let mark = ["U", "C"].into_iter().find(|mark| {
        // No coin is called `U1000SHIB`.
        let is_count =
            |pair: &str| !symbol.is_first_version() && pair.starts_with(|c: char| c.is_ascii_digit());
        text.strip_prefix(mark).is_some_and(|pair| twice_listed.contains(&pair) || is_count(pair))
    });
    let (base, quote) = symbol.pair_of(&text[mark.map_or(0, str::len)..])?;
    let in_coin = mark == Some("C") || (mark.is_none() && text == "BTCUSD");
    let terms = Terms::new(base, quote).glued().settled_in(if in_coin { base } else { quote });
    Some(match mark {
        Some(mark) => terms.marked(mark).into(),
        None => terms.into(),
    })
}

/// The quotes of Hyperliquid's perpetuals by deployer, where they are known for certain. A deployer chooses one asset for all.
/// Source: <https://hyperliquid.gitbook.io/hyperliquid-docs/hyperliquid-improvement-proposals-hips/hip-3-builder-deployed-perpetuals>.
const DEPLOYERS: [(&str, &str); 2] = [("XYZ", "USDC"), ("HYNA", "USDE")];

/// Hyperliquid: `BTC`, `kPEPE`, margined in USDC, and `xyz:TSLA` of other deployers, margined in what the deployer chose. Most
/// spot pairs are numbers, `@107`.
pub(super) fn hyperliquid(symbol: &Symbol) -> Option<Reading> {
    if symbol.text.starts_with(['@', '#']) {
        return (!symbol.is_perp() && symbol.is_pair()).then_some(Reading::Open(Reason::Number));
    }
    if !symbol.is_perp() {
        return None;
    }
    match symbol.text.split_once('-') {
        Some((deployer, _)) if !symbol.is_first_version() => {
            let quote = DEPLOYERS.iter().find(|(name, _)| *name == deployer).map(|(_, quote)| *quote);
            Some(quote.map_or(Reading::Open(Reason::Deployer), |quote| Terms::new(symbol.text, quote).into()))
        }
        _ => Some(Terms::new(symbol.text, "USDC").settled_in("USDC").into()),
    }
}

/// Lighter: markets are numbers.
pub(super) fn lighter(symbol: &Symbol) -> Option<Reading> {
    let is_number = symbol.text.bytes().all(|b| b.is_ascii_digit());
    (symbol.is_pair() && is_number).then_some(Reading::Open(Reason::Number))
}

/// bitFlyer: `FX_BTC_JPY`, a perpetual next to the spot pair, and `BTCJPY30AUG2019`.
pub(super) fn bitflyer(symbol: &Symbol) -> Option<Reading> {
    if symbol.is_future() {
        let digits = symbol.text.find(|c: char| c.is_ascii_digit())?;
        let (pair, end) = symbol.text.split_at(digits);
        let (base, quote) = symbol.pair_of(pair)?;
        return Some(Terms::new(base, quote).glued().ending(dates::day_month_year(end)?).into());
    }
    let (base, quote) = symbol.text.strip_prefix("FX_")?.split_once('_')?;
    let terms = Terms::new(base, quote);
    if symbol.is_perp() { Some(terms.into()) } else { Some(terms.marked("FX").into()) }
}

/// FTX' dated contracts: `BTC-0325`, `BTC-20210326`, `BTC-MOVE-WK-0320`, `BTC-MOVE-2020Q1`. The part between coin and day names
/// another product and becomes the mark.
pub(super) fn ftx_dated(symbol: &Symbol) -> Option<Reading> {
    let (name, end) = symbol.text.rsplit_once('-')?;
    let (base, product) = name.split_once('-').map_or((name, None), |(base, product)| (base, Some(product)));
    if !symbol.is_future() {
        return None;
    }
    let terms = Terms::new(base, "USD").settled_in("USD");
    if let Some(day) = dates::quarter(end) {
        let mark = product.map_or_else(|| end.to_owned(), |product| format!("{product}-{end}"));
        return Some(terms.ending_by_habit(day).marked(&mark).into());
    }
    let terms = match product {
        Some(product) => terms.marked(product),
        None => terms,
    };
    if end.len() == 4 && end.bytes().all(|b| b.is_ascii_digit()) {
        return Some(
            match symbol.expiry_by_day(|from| dates::month_day_from(end, from), |found, day| *found == day) {
                Ok(day) => terms.ending(day?).into(),
                Err(reason) => Reading::Open(reason),
            },
        );
    }
    Some(terms.ending(dates::digits(end)?).into())
}

/// Delta: options `C-ETH-1900-280423`, whose margin has been USDT and USD in turn, futures `BTCUSD_27DEC`.
pub(super) fn delta(symbol: &Symbol) -> Option<Reading> {
    if symbol.is_option() {
        let parts: Vec<&str> = symbol.text.split('-').collect();
        let [side @ ("C" | "P"), base, strike, end] = parts.as_slice() else { return None };
        let terms = Terms::new(base, "USD").ending(dates::digits_day_first(end)?);
        return Some(terms.with_right(strike, OptionSide::of_text(side)?).into());
    }
    let (pair, end) = symbol.text.split_once('_')?;
    let (base, quote) = symbol.pair_of(pair)?;
    if !symbol.is_future() {
        return None;
    }
    let terms = Terms::new(base, quote).glued();
    if let Some(day) = dates::digits_day_first(end).or_else(|| dates::day_month_year(end)) {
        return Some(terms.ending(day).into());
    }
    Some(match symbol.expiry_by_day(|from| dates::day_month_from(end, from), |found, day| *found == day) {
        Ok(day) => terms.ending(day?).into(),
        Err(reason) => Reading::Open(reason),
    })
}

/// Bitnomial, which names contracts like traditional futures exchanges: `BUSH23`, `BUSZ2`.
pub(super) fn bitnomial(symbol: &Symbol) -> Option<Reading> {
    if !symbol.is_future() {
        return None;
    }
    let by_month =
        |(root, year, month): (&str, i32, u32)| Reading::Month { root: root.to_owned(), year, month };
    if let Some(parsed) = dates::month_code(symbol.text) {
        return Some(by_month(parsed));
    }
    // Any day will do to check the form.
    dates::month_code_from(symbol.text, Day::new(2020, 1, 1)?)?;
    let is_month = |found: &(&str, i32, u32), day: Day| (found.1, found.2) == (day.year(), day.month());
    match symbol.expiry_by_day(|from| dates::month_code_from(symbol.text, from), is_month) {
        Ok(found) => found.map(by_month),
        Err(reason) => Some(Reading::Open(reason)),
    }
}

/// OKX' spreads: two legs, whatever their listed type.
pub(super) fn okx_spread(_: &Symbol) -> Option<Reading> {
    Some(Reading::OwnName(InstrumentType::Combo))
}

/// Coinflex: `BTC-USD-REPO-LIN`, a loan traded next to the perpetual on the same pair.
pub(super) fn coinflex_repo(symbol: &Symbol) -> Option<Reading> {
    let parts: Vec<&str> = symbol.text.split('-').collect();
    let [base, quote, "REPO", "LIN"] = parts.as_slice() else { return None };
    symbol.is_perp().then(|| Terms::new(base, quote).marked("REPO").into())
}

/// Huobi's coin-margined futures: `BTC210326`, quoted in USD.
pub(super) fn huobi_future(symbol: &Symbol) -> Option<Reading> {
    let (base, end) = symbol.text.split_at_checked(symbol.text.len().checked_sub(6)?)?;
    let terms = Terms::new(base, "USD").ending(dates::digits(end)?);
    (symbol.is_future() && !base.is_empty()).then(|| terms.into())
}
