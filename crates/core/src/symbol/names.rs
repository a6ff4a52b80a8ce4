//! The names of a venue's symbols, which are read together.

use super::grammar::{Grammar, grammar};
use super::named::{key_of_terms, named};
use super::read::read;
use super::reading::{Reading, Split, Terms};
use super::words::{Bases, Words};
use super::{Listed, Named, Reason, dataset_form, version1};
use crate::day::{DAY_US, Day};
use crate::key::{InstrumentKey, InstrumentType};
use crate::venue::venue_of_exchange;

/// The most names of a symbol over its life.
const MOST_STRETCHES: usize = 40;

/// Names the symbols of one exchange.
///
/// Nearly all symbols tell their names alone. Where one could be read in several ways, the other symbols of the venue's list
/// decide, so add them all before asking.
///
/// ```
/// use mtdh_core::key::InstrumentType;
/// use mtdh_core::symbol::{Listed, Names};
///
/// let mut names = Names::new("binance");
/// names.add("btcusdt", InstrumentType::SpotPair);
/// let named = names.name(&Listed::new("btcusdt", InstrumentType::SpotPair));
/// assert_eq!(named.key.as_str(), "BINANCE:SPOT_PAIR:BTC-USDT");
/// ```
#[derive(Clone, Debug)]
pub struct Names {
    exchange: String,
    venue: String,
    bases: Bases,
}

/// A part of a symbol's life in which it has one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Start, microseconds since the Unix epoch, UTC.
    pub from_us: i64,
    /// Exclusive end, microseconds since the Unix epoch, UTC; `None` if it still trades.
    pub to_us: Option<i64>,
    /// The name.
    pub named: Named,
}

impl Names {
    /// The names of an exchange, by the vendor's id, of which no symbol is known yet.
    pub fn new(exchange: &str) -> Names {
        Names { exchange: exchange.to_owned(), venue: venue_of_exchange(exchange), bases: Bases::new() }
    }

    /// The vendor's id of the exchange.
    pub fn exchange(&self) -> &str {
        &self.exchange
    }

    /// The venue's name.
    pub(super) fn venue(&self) -> &str {
        &self.venue
    }

    pub(super) fn words(&self, grammar: &Grammar, day: Option<Day>) -> Words<'_> {
        Words::Present { quotes: grammar.quotes, bases: &self.bases, day }
    }

    /// Adds a symbol that the venue lists, in API form or dataset form.
    pub fn add(&mut self, id: &str, kind: InstrumentType) {
        let grammar = grammar(&self.exchange);
        if grammar.quotes.is_empty() {
            return;
        }
        let text = dataset_form(id);
        // Only what is certain without the list is evidence, so that the order of the symbols does not matter.
        let alone = Bases::new();
        let words = Words::Present { quotes: grammar.quotes, bases: &alone, day: None };
        let symbol = Listed::new(id, kind).symbol(&text, words);
        if let Reading::Terms(Terms { base, quote, split: Split::Glued(_), .. }) = read(&symbol, &grammar) {
            self.bases.entry(base).or_default().insert(quote);
        }
    }

    /// The name of a symbol. It never fails: what has no canonical key has a native one.
    pub fn name(&self, listed: &Listed) -> Named {
        let grammar = grammar(&self.exchange);
        let text = dataset_form(listed.id);
        let symbol = listed.symbol(&text, self.words(&grammar, listed.since.or(listed.day)));
        named(&self.venue, &symbol, &grammar, read(&symbol, &grammar), listed.contract)
    }

    /// The names of a symbol over its life, in order, without gaps. Usually there is one. A dated contract whose symbol has no
    /// year, listed year after year, has one a year, and a symbol whose exchange changed the order of base and quote has two.
    ///
    /// `from_us` and `to_us` are the life, `known_until_us` is when the list was made, microseconds since the Unix epoch, UTC.
    /// `dated_expiry` gives the expiry that the vendor's metadata has for a day, see [`Listed::dated_expiry`].
    pub fn over(
        &self,
        listed: &Listed,
        (from_us, to_us): (i64, Option<i64>),
        known_until_us: Option<i64>,
        dated_expiry: impl Fn(Day) -> Option<Day>,
    ) -> Vec<Stretch> {
        let Some(first) = Day::containing_us(from_us) else {
            return vec![Stretch { from_us, to_us, named: self.name(listed) }];
        };
        let named_from = |since: Day, day: Option<Day>| {
            let dated_expiry = day.and_then(&dated_expiry);
            self.name(&Listed { since: Some(since), day, dated_expiry, ..*listed })
        };
        if let Some(change) = self.change_within(first, to_us) {
            let (early, late) = (named_from(first, None), named_from(change, None));
            let middle = change.start_us();
            return vec![
                Stretch { from_us, to_us: Some(middle), named: early },
                Stretch { from_us: middle, to_us, named: late },
            ];
        }
        if !self.lacks_year(listed) {
            return vec![Stretch { from_us, to_us, named: named_from(first, None) }];
        }
        let mut stretches = Vec::new();
        let (mut start_us, mut day) = (from_us, first);
        loop {
            let named = named_from(first, Some(day));
            let end = named.key.last_day().filter(|end| *end >= day);
            // What is left of a life for a few days after the end is of the same contract.
            let is_over = |end: &Day| match to_us.or(known_until_us) {
                Some(to) => to > end.end_us() + 31 * DAY_US,
                None => false,
            };
            let Some(end) = end.filter(is_over).filter(|_| stretches.len() < MOST_STRETCHES) else {
                stretches.push(Stretch { from_us: start_us, to_us, named });
                return stretches;
            };
            stretches.push(Stretch { from_us: start_us, to_us: Some(end.end_us()), named });
            (start_us, day) = (end.end_us(), end.next());
        }
    }

    /// Whether the name depends on the day for want of a year.
    fn lacks_year(&self, listed: &Listed) -> bool {
        let undated = Listed { since: None, day: None, dated_expiry: None, ..*listed };
        self.name(&undated).native == Some(Reason::NoYear)
    }

    fn change_within(&self, first: Day, to_us: Option<i64>) -> Option<Day> {
        if self.exchange != "poloniex" {
            return None;
        }
        let last = to_us.and_then(|to| Day::containing_us(to - 1));
        super::poloniex::change_within(first, last)
    }

    /// The keys that version 1 of the naming had for a symbol: by the symbol alone, and by its contract if it is known. Neither
    /// where it had none.
    pub fn first_version(&self, listed: &Listed) -> Vec<InstrumentKey> {
        let by_symbol = version1::key_of_symbol(&self.exchange, listed);
        let by_contract =
            listed.contract.and_then(|contract| version1::key_of_contract(&self.exchange, listed, contract));
        let mut keys: Vec<InstrumentKey> = by_contract.into_iter().chain(by_symbol).collect();
        keys.dedup();
        keys
    }
}

/// Whether terms make a key, for tests of forms.
pub(super) fn has_key(venue: &str, kind: InstrumentType, reading: &Reading) -> bool {
    match reading {
        Reading::Terms(terms) => key_of_terms(venue, kind, terms).is_ok(),
        Reading::OwnName(_) | Reading::Month { .. } => true,
        Reading::Open(_) => false,
    }
}
