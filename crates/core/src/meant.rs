//! The instruments that a name may mean: a venue's symbol, the form of another program, or a slip of the hand.

mod unified;

use crate::day::Day;
use crate::instrument::Instrument;
use crate::key::{InstrumentKey, InstrumentType};
use crate::nearest::{nearest, plain};
use crate::universe::{UNIVERSES, named_universe};
use crate::venue::{exchange_of_venue, parse_venue, suggest};
use unified::{Terms, same_asset};

/// Words at the end of a symbol that tell its type. `.P` is TradingView's.
const ENDINGS: &[(&str, InstrumentType)] = &[
    (".P", InstrumentType::Perp),
    ("PERPETUAL", InstrumentType::Perp),
    ("PERP", InstrumentType::Perp),
    ("SWAP", InstrumentType::Perp),
    ("SPOT", InstrumentType::SpotPair),
];

/// The keys of known instruments that a name may mean, the likeliest first, at most `most`: those of which it is an earlier key,
/// those with this symbol at the venue, those with these terms (`BTC/USDT:USDT`, `BTCUSDT.P`, `btc_usdt`), and those with similar
/// spelling. A venue in front (`binance:BTCUSDT`) is respected as long as it leaves something.
pub fn keys(name: &str, known: &[Instrument], most: usize) -> Vec<String> {
    let asked = Asked::of(name);
    let mut found = Found { keys: Vec::new(), most };
    let is_earlier = |i: &&Instrument| i.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name));
    found.add(known.iter().filter(is_earlier));
    for is_anywhere in [false, true] {
        let there = || known.iter().filter(|i| is_anywhere || asked.is_of_venue(i));
        // What is exact leaves no room for what is only near.
        let ways: [&dyn Fn(&&Instrument) -> bool; 3] =
            [&|i| asked.has_symbol(i), &|i| asked.has_terms(i), &|i| asked.has_pair(i)];
        for way in ways {
            if found.keys.is_empty() {
                found.add(there().filter(|i| way(i)));
            }
        }
        if !is_anywhere && found.keys.is_empty() {
            for key in nearest(name, known.iter().map(|i| i.key.as_str()), most) {
                found.push(key);
            }
        }
        if !found.keys.is_empty() {
            break;
        }
    }
    if found.keys.is_empty() {
        // The symbol alone, misspelt, of whatever venue.
        let of_symbol = |i: &&Instrument| symbol_of(i.key.as_str()) != i.key.as_str();
        let symbols = known.iter().filter(of_symbol).map(|i| symbol_of(i.key.as_str()));
        let near = nearest(&asked.symbol, symbols, most);
        found.add(known.iter().filter(|i| near.contains(&symbol_of(i.key.as_str()))));
    }
    found.keys
}

/// The same, for a lake without instrument tables: of the built-in lists.
pub fn keys_without_table(name: &str, most: usize) -> Vec<String> {
    let day = Day::new(2024, 1, 1);
    let built_in = UNIVERSES.iter().filter_map(|name| named_universe(name)).flatten();
    let row = |(key, day): (InstrumentKey, Day)| {
        let symbol = format!("{}{}", key.base().unwrap_or_default(), key.quote().unwrap_or_default());
        let exchange = exchange_of_venue(key.venue());
        Instrument::of_name(key, &exchange, &symbol, day)
    };
    let known: Vec<Instrument> = built_in.filter_map(|key| Some((key, day?))).map(row).collect();
    keys(name, &known, most)
}

struct Found {
    keys: Vec<String>,
    most: usize,
}

impl Found {
    fn add<'a>(&mut self, instruments: impl Iterator<Item = &'a Instrument>) {
        instruments.for_each(|instrument| self.push(instrument.key.as_str()));
    }

    fn push(&mut self, key: &str) {
        if self.keys.len() < self.most && !self.keys.iter().any(|known| known == key) {
            self.keys.push(key.to_owned());
        }
    }
}

/// The part of a key behind its type.
fn symbol_of(key: &str) -> &str {
    key.splitn(3, ':').nth(2).unwrap_or(key)
}

/// A name, taken apart.
struct Asked {
    /// The venue in front; `None`: there is none that is known.
    venue: Option<String>,
    /// What follows venue and type.
    symbol: String,
    /// The symbol's letters and digits, without a word for its type.
    letters: String,
    /// The type that such a word tells.
    kind: Option<InstrumentType>,
    terms: Option<Terms>,
}

impl Asked {
    fn of(name: &str) -> Asked {
        let name = name.trim();
        let (venue, rest) = split_venue(name);
        let typed = rest.split_once(':').and_then(|(kind, symbol)| Some((kind.parse().ok()?, symbol)));
        let (kind, symbol): (Option<InstrumentType>, &str) =
            typed.map_or((None, rest), |(kind, symbol)| (Some(kind), symbol));
        let upper = symbol.to_uppercase();
        let ending =
            ENDINGS.iter().find(|(ending, _)| upper.ends_with(ending) && upper.len() > ending.len() + 2);
        let (letters, by_ending) = match ending {
            Some((ending, kind)) => (plain(&upper[..upper.len() - ending.len()]), Some(*kind)),
            None => (plain(&upper), None),
        };
        let terms = Terms::of_unified(symbol);
        Asked { venue, letters, kind: kind.or(by_ending), terms, symbol: symbol.to_owned() }
    }

    fn is_of_venue(&self, instrument: &Instrument) -> bool {
        self.venue.as_ref().is_none_or(|venue| venue == instrument.key.venue())
    }

    /// Whether the venue, or the vendor's files, call it so.
    fn has_symbol(&self, instrument: &Instrument) -> bool {
        let symbol = plain(&self.symbol);
        let is_it = |other: &str| !symbol.is_empty() && plain(other) == symbol;
        is_it(&instrument.raw_symbol) || instrument.dataset_symbol.as_deref().is_some_and(is_it)
    }

    fn has_terms(&self, instrument: &Instrument) -> bool {
        self.terms.as_ref().is_some_and(|terms| terms.are_of(instrument))
    }

    /// Whether the letters are those of its pair, or of its whole symbol.
    fn has_pair(&self, instrument: &Instrument) -> bool {
        let key = &instrument.key;
        if self.kind.is_some_and(|kind| kind != key.instrument_type()) {
            return false;
        }
        if plain(symbol_of(key.as_str())) == self.letters {
            return true;
        }
        // BitMEX and Kraken call BTC XBT.
        let (Some(base), Some(quote)) = (key.base(), key.quote()) else { return false };
        let is_pair = matches!(key.instrument_type(), InstrumentType::SpotPair | InstrumentType::Perp);
        let split = self.letters.strip_suffix(&plain(quote));
        let settled = split.is_some_and(|typed| same_asset(typed, base));
        let of_terms = self.terms.as_ref();
        is_pair
            && (settled || of_terms.is_some_and(|t| same_asset(base, &t.base) && same_asset(quote, &t.quote)))
    }
}

/// A venue in front of a symbol, separated by a colon, a space or a dot, and the rest.
fn split_venue(name: &str) -> (Option<String>, &str) {
    for separator in [':', ' ', '.'] {
        if let Some((first, rest)) = name.split_once(separator)
            && !first.contains('/')
            && let Some(venue) = parse_venue(first).ok().or_else(|| suggest(first))
            && !rest.is_empty()
        {
            return (Some(venue), rest.trim());
        }
    }
    (None, name)
}
