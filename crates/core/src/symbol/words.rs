//! Splits words without a separator into base and quote.

use std::collections::{BTreeMap, BTreeSet};

use super::assets::{Fame, fame};
use super::quotes::{OTHER_DOLLARS, Quote};
use super::version1_quotes;
use crate::day::Day;

/// The bases of a venue's list, each with its quotes.
pub(super) type Bases = BTreeMap<String, BTreeSet<String>>;

/// How words are split.
#[derive(Clone, Copy)]
pub(super) enum Words<'a> {
    /// As version 1 of the naming did: at the longest of these quotes.
    First(&'static [&'static str]),
    /// At the one quote that leaves no doubt.
    Present {
        quotes: &'static [Quote],
        /// What else the venue lists.
        bases: &'a Bases,
        /// A day on which the pair exists.
        day: Option<Day>,
    },
}

/// What a word may mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut<'t> {
    /// Base and quote.
    Pair(&'t str, &'t str),
    /// Several pairs.
    Several,
    /// It ends in no known quote.
    None,
}

impl Words<'_> {
    /// Splits a word.
    ///
    /// The candidates are the quotes of the exchange that the word ends in. Of several, that with the best known base wins. Of
    /// equally known ones, the quote that nearly every asset of the exchange has; if no base is known, the one base that the
    /// venue lists with another quote.
    pub fn split<'t>(&self, word: &'t str) -> Cut<'t> {
        match self {
            Words::First(quotes) => {
                version1_quotes::split(word, quotes).map_or(Cut::None, |(base, quote)| Cut::Pair(base, quote))
            }
            Words::Present { quotes, bases, day } => {
                let ends = quotes.iter().filter_map(|quote| Some((word.strip_suffix(quote.name)?, quote)));
                let fits = |(base, quote): &(&str, &Quote)| !base.is_empty() && quote.can_have(base, *day);
                let candidates: Vec<(&str, &Quote)> = ends.filter(fits).collect();
                decide(word, &candidates, bases)
            }
        }
    }
}

fn decide<'t>(word: &'t str, candidates: &[(&'t str, &Quote)], bases: &Bases) -> Cut<'t> {
    let pair = |(base, quote): &(&'t str, &Quote)| Cut::Pair(base, &word[word.len() - quote.name.len()..]);
    let best = candidates.iter().map(|(base, _)| fame(base)).max();
    let best_known: Vec<_> = candidates.iter().filter(|(base, _)| Some(fame(base)) == best).collect();
    match (best, best_known.as_slice()) {
        (None, _) => elsewhere(word).unwrap_or(Cut::None),
        (Some(Fame::Unknown), [(base, quote)]) if quote.name == "USD" => {
            elsewhere(word).unwrap_or(pair(&(*base, *quote)))
        }
        (_, [only]) => pair(only),
        (Some(Fame::Unknown), several) => {
            let is_listed = |base: &str, quote: &Quote| {
                bases.get(base).is_some_and(|quotes| quotes.iter().any(|other| other != quote.name))
            };
            let listed: Vec<_> = several.iter().filter(|(base, quote)| is_listed(base, quote)).collect();
            if let [only] = listed.as_slice() { pair(only) } else { Cut::Several }
        }
        (_, several) => {
            several.iter().find(|(_, quote)| quote.is_main).map_or(Cut::Several, |main| pair(main))
        }
    }
}

/// A pair of a well-known coin in a dollar that is no quote of the exchange: `BTCGUSD` is no coin `BTCG` in USD.
fn elsewhere(word: &str) -> Option<Cut<'_>> {
    let ends = OTHER_DOLLARS.iter().filter_map(|quote| word.strip_suffix(quote));
    let mut famous = ends.filter(|base| fame(base) == Fame::Major);
    famous.next().map(|base| Cut::Pair(base, &word[base.len()..]))
}
