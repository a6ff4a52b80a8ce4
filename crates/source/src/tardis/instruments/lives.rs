//! Lifetimes: when the vendor has data of a symbol, and how the lifetimes of two lists become those of one instrument.

use mtdh_core::Day;

/// Start and exclusive end, microseconds since the Unix epoch, UTC. The end is `None` if it continues.
pub(super) type Life = (i64, Option<i64>);

/// Whether a lifetime overlaps a day.
pub(super) fn is_alive(life: Life, day: Day) -> bool {
    life.0 < day.end_us() && life.1.is_none_or(|to| to > day.start_us())
}

/// Drops an end before the start, which is not plausible. A lifetime that is too long is harmless: the vendor answers that
/// there is no file.
pub(super) fn in_order(life: Life) -> Life {
    match life {
        (from, Some(to)) if to < from => (to, None),
        life => life,
    }
}

/// From the earlier start to the later end.
pub(super) fn wider(a: Life, b: Life) -> Life {
    (a.0.min(b.0), a.1.zip(b.1).map(|(a, b)| a.max(b)))
}

/// The separate lifetimes of a list, in order: those that overlap or touch are one.
pub(super) fn united(mut lives: Vec<Life>) -> Vec<Life> {
    lives.sort_by_key(|life| (life.0, life.1.unwrap_or(i64::MAX)));
    let mut separate: Vec<Life> = Vec::with_capacity(lives.len());
    for life in lives {
        match separate.last_mut() {
            Some(last) if last.1.is_none_or(|to| to >= life.0) => *last = wider(*last, life),
            _ => separate.push(life),
        }
    }
    separate
}

/// The lifetimes of an instrument by the lifetimes in two lists.
///
/// The list with more of them says how many there are. Where the other has more time, the longer one counts: for a day too many
/// the vendor answers that there is no file, but a missing day would go unnoticed. Time between two lifetimes that only the
/// other list has belongs to the earlier one.
pub(super) fn joined(one: Vec<Life>, other: Vec<Life>) -> Vec<Life> {
    let (one, other) = (united(one), united(other));
    let (main, rest) = if one.len() >= other.len() { (one, other) } else { (other, one) };
    let overlaps = |a: Life, b: Life| a.1.is_none_or(|to| to > b.0) && b.1.is_none_or(|to| to > a.0);
    let mut lives = main.clone();
    for life in rest {
        let met: Vec<usize> = (0..main.len()).filter(|i| overlaps(main[*i], life)).collect();
        let (Some(first), Some(last)) = (met.first(), met.last()) else {
            lives.push(life);
            continue;
        };
        lives[*first].0 = lives[*first].0.min(life.0);
        lives[*last].1 = lives[*last].1.zip(life.1).map(|(a, b)| a.max(b));
        for between in *first..*last {
            lives[between].1 = Some(main[between + 1].0);
        }
    }
    lives.sort_by_key(|life| life.0);
    for i in 1..lives.len() {
        let next = lives[i].0;
        lives[i - 1].1 = Some(lives[i - 1].1.map_or(next, |to| to.min(next)));
    }
    lives
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_of_two_lists_counts_and_a_second_life_is_one_of_its_own() {
        type Lives<'a> = &'a [Life];
        let cases: [(&str, Lives<'_>, Lives<'_>, Lives<'_>); 12] = [
            ("one list", &[(1, Some(5))], &[], &[(1, Some(5))]),
            ("the same", &[(1, None)], &[(1, None)], &[(1, None)]),
            ("a later end", &[(1, Some(5))], &[(1, Some(6))], &[(1, Some(6))]),
            ("an open end", &[(1, Some(5))], &[(2, None)], &[(1, None)]),
            (
                "two lives in both",
                &[(1, Some(3)), (7, None)],
                &[(1, Some(4)), (6, None)],
                &[(1, Some(4)), (6, None)],
            ),
            (
                "in another order",
                &[(7, None), (1, Some(3))],
                &[(6, None), (1, Some(4))],
                &[(1, Some(4)), (6, None)],
            ),
            ("two and one", &[(1, Some(3)), (7, None)], &[(0, None)], &[(0, Some(7)), (7, None)]),
            ("one and two", &[(0, Some(9))], &[(1, Some(3)), (7, Some(8))], &[(0, Some(7)), (7, Some(9))]),
            ("the second only", &[(1, Some(3)), (7, None)], &[(6, None)], &[(1, Some(3)), (6, None)]),
            ("apart", &[(1, Some(3))], &[(7, Some(8))], &[(1, Some(3)), (7, Some(8))]),
            ("twice in a list", &[(1, Some(3)), (2, Some(5))], &[], &[(1, Some(5))]),
            ("touching", &[(1, Some(3)), (3, Some(5))], &[], &[(1, Some(5))]),
        ];
        for (name, one, other, expected) in cases {
            assert_eq!(joined(one.to_vec(), other.to_vec()), expected, "{name}");
            assert_eq!(joined(other.to_vec(), one.to_vec()), expected, "{name}, exchanged");
        }
    }
}
