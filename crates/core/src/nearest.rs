//! Suggestions for names that nothing has: the one place that says what a wrong word may mean.
//!
//! [`nearest`] is for words of a list (venues, types, runs, checks, fields), and [`perhaps`] makes the end of an error of it.
//! Instruments are also named by a venue's symbol or in the form of other programs: [`crate::meant`] builds on this.

mod known_as;

pub use known_as::KNOWN_AS;
use known_as::known_as;

/// The candidates that a text may mean, the likeliest first, at most `most`. First those that differ in case and separators only or
/// are known by this name elsewhere, then those with the fewest slips of the hand, of at most a third of the letters, then those
/// whose words contain all words of the text.
///
/// ```
/// use mtdh_core::nearest::nearest;
///
/// let keys = ["DERIBIT:PERP:BTC-USD", "DERIBIT:PERP:ETH-USD", "BINANCE:SPOT_PAIR:BTC-USDT"];
/// assert_eq!(nearest("DERIBIT:PERP:BTC-UDS", keys, 1), ["DERIBIT:PERP:BTC-USD"]);
/// assert_eq!(nearest("perp eth", keys, 3), ["DERIBIT:PERP:ETH-USD"]);
/// assert!(nearest("KRAKEN", keys, 3).is_empty());
/// ```
pub fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>, most: usize) -> Vec<&'a str> {
    let typed = Typed::of(text);
    if typed.plain.is_empty() {
        return Vec::new();
    }
    let far = |candidate: &'a str| typed.distance(candidate).map(|distance| (distance, candidate));
    let mut near: Vec<(usize, &str)> = candidates.into_iter().filter_map(far).collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(most).map(|(_, candidate)| candidate).collect()
}

/// The end of an error about a name: `; perhaps A or B`. Empty: nothing is near.
///
/// ```
/// use mtdh_core::nearest::perhaps;
///
/// assert_eq!(perhaps("majros", ["majors", "options"]), "; perhaps majors");
/// assert_eq!(perhaps("x", ["majors", "options"]), "");
/// ```
pub fn perhaps<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    clause(&nearest(text, candidates, 2))
}

/// The same, of suggestions that are known.
pub fn clause(suggestions: &[impl AsRef<str>]) -> String {
    let names: Vec<&str> = suggestions.iter().map(AsRef::as_ref).collect();
    if names.is_empty() { String::new() } else { format!("; perhaps {}", names.join(" or ")) }
}

/// Letters and digits in upper case.
pub(crate) fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect()
}

/// Distances from here on are of candidates that contain the words of a text.
const BY_WORDS: usize = 1_000;

/// What somebody typed, taken apart once for all candidates.
struct Typed {
    plain: String,
    words: Vec<String>,
    known_as: Vec<&'static str>,
}

impl Typed {
    fn of(text: &str) -> Typed {
        let plain = plain(text);
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        let words = words.map(str::to_uppercase).collect();
        Typed { known_as: known_as(&plain).collect(), words, plain }
    }

    /// How far a candidate is from it; `None`: too far.
    fn distance(&self, candidate: &str) -> Option<usize> {
        if self.known_as.iter().any(|name| name.eq_ignore_ascii_case(candidate)) {
            return Some(0);
        }
        let other = plain(candidate);
        let letters = self.plain.chars().count();
        if other.len().abs_diff(self.plain.len()) * 3 <= self.plain.len() {
            let distance = edit_distance(&self.plain, &other);
            if distance * 3 <= letters {
                return Some(distance);
            }
        }
        self.by_words(candidate)
    }

    /// Whether each word of the text is one of the candidate, or its beginning.
    fn by_words(&self, candidate: &str) -> Option<usize> {
        let candidate = candidate.to_uppercase();
        let words: Vec<&str> =
            candidate.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let is_in = |typed: &String| {
            words.iter().any(|word| word == typed || (typed.len() >= 3 && word.starts_with(typed.as_str())))
        };
        let is_one = self.plain.len() >= 2 && self.words.iter().all(is_in);
        is_one.then(|| BY_WORDS + words.len().saturating_sub(self.words.len()))
    }
}

/// The number of slips, in letters: one that lacks, one too many, another one, or two in the wrong order.
pub(crate) fn edit_distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=to.len()).collect();
    for (i, letter) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, other) in to.iter().enumerate() {
            let changed = above[j] + usize::from(letter != other);
            let mut least = changed.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *letter == to[j - 1] && from[i - 1] == *other {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted() {
        for (from, to, slips) in [
            ("", "", 0),
            ("", "ab", 2),
            ("trades", "trads", 1),
            ("perp", "prep", 1),
            ("abc", "cab", 2),
            ("a", "b", 1),
        ] {
            assert_eq!((edit_distance(from, to), edit_distance(to, from)), (slips, slips), "{from} {to}");
        }
    }

    #[test]
    fn nothing_is_suggested_for_what_is_nothing() {
        for text in ["", "-", "::", "q", "1"] {
            assert!(nearest(text, ["DERIBIT", "OKX"], 3).is_empty(), "{text}");
        }
    }
}
