//! Suggestions for misspelt names.

/// The candidates nearest to a text by edit distance, nearest first, at most `most`. Candidates of which more than a third of
/// the letters differ are left out. Case-insensitive.
///
/// ```
/// use mtdh_core::nearest::nearest;
///
/// let keys = ["DERIBIT:PERP:BTC-USD", "DERIBIT:PERP:ETH-USD", "BINANCE:SPOT_PAIR:BTC-USDT"];
/// assert_eq!(nearest("DERIBIT:PERP:BTC-UDS", keys, 1), ["DERIBIT:PERP:BTC-USD"]);
/// assert!(nearest("KRAKEN", keys, 3).is_empty());
/// ```
pub fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>, most: usize) -> Vec<&'a str> {
    let typed = text.to_uppercase();
    let letters = typed.chars().count();
    let distance = |candidate: &'a str| {
        let is_near = candidate.len().abs_diff(typed.len()) * 3 <= typed.len();
        is_near.then(|| (edit_distance(&typed, &candidate.to_uppercase()), candidate))
    };
    let near = candidates.into_iter().filter_map(distance).filter(|(distance, _)| distance * 3 <= letters);
    let mut near: Vec<(usize, &str)> = near.collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(most).map(|(_, candidate)| candidate).collect()
}

/// The Levenshtein distance, in letters.
pub(crate) fn edit_distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in to.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}
