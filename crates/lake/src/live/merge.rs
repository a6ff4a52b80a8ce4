//! The rows of several sessions of one partition as one day: what a session lacks is filled by another, and nothing doubles.
//!
//! Rows that happened once (trades, liquidations) are told apart by their ids, or by all that they say where there are none. Of rows
//! that tell a state, those of one session are taken for each stretch. No I/O; all follows from the sessions' spans and rows.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use mtdh_core::DataType;
use mtdh_core::footer::RecordingGap;

/// What one session has of a partition: the arrival of its first and last row, microseconds since the Unix epoch, UTC, and what it lost
/// between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Arrival of the first row.
    pub first: i64,
    /// Arrival of the last row.
    pub last: i64,
    /// From the last good row before each loss to the first one after it.
    pub gaps: Vec<(i64, i64)>,
}

impl Span {
    fn is_active(&self, at: i64) -> bool {
        self.first <= at && at <= self.last
    }

    fn is_good(&self, at: i64) -> bool {
        self.is_active(at) && !self.gaps.iter().any(|(from, to)| *from < at && at < *to)
    }

    /// The stretches within a loss of another in which this one lost nothing: arrivals of rows on both sides.
    fn good_within(&self, lost: (i64, i64)) -> Vec<(i64, i64)> {
        let (mut at, end) = (lost.0.max(self.first), lost.1.min(self.last));
        let mut good = Vec::new();
        let mut gaps = self.gaps.clone();
        gaps.sort_unstable();
        for (from, to) in gaps.into_iter().filter(|(from, _)| *from < end) {
            if from > at {
                good.push((at, from));
            }
            at = at.max(to);
        }
        if at < end {
            good.push((at, end));
        }
        good
    }
}

/// Whether rows of a data type happened once each, so that those of several sessions can be told apart.
pub(super) fn are_events(data_type: DataType) -> bool {
    matches!(data_type, DataType::Trades | DataType::Liquidations)
}

/// Which session's rows are taken when: one without a loss, as long as it goes on so, the earlier session first.
pub(super) fn choose(spans: &[Span]) -> Vec<(usize, Range<i64>)> {
    let mut borders: Vec<i64> = Vec::new();
    for span in spans {
        borders.extend([span.first, span.last.saturating_add(1)]);
        borders.extend(span.gaps.iter().flat_map(|(from, to)| [from.saturating_add(1), *to]));
    }
    borders.sort_unstable();
    borders.dedup();
    let mut chosen: Vec<(usize, Range<i64>)> = Vec::new();
    let mut current: Option<usize> = None;
    for two in borders.windows(2) {
        let at = two[0];
        let is_good = |place: &usize| spans[*place].is_good(at);
        let is_active = |place: &usize| spans[*place].is_active(at);
        current = current
            .filter(is_good)
            .or_else(|| (0..spans.len()).find(is_good))
            .or(current.filter(is_active))
            .or_else(|| (0..spans.len()).find(is_active));
        let Some(place) = current else { continue };
        match chosen.last_mut() {
            Some((last, range)) if *last == place && range.end == at => range.end = two[1],
            _ => chosen.push((place, at..two[1])),
        }
    }
    chosen
}

/// What of a session's loss none of the others has.
pub fn lacking(lost: (i64, i64), others: &[&Span]) -> Vec<(i64, i64)> {
    let mut rest = vec![lost];
    for span in others {
        for (from, to) in span.good_within(lost) {
            let without = |(a, b): (i64, i64)| {
                let before = (a, b.min(from));
                let behind = (a.max(to), b);
                let is_one = |piece: &(i64, i64)| piece.0 < piece.1;
                [before, behind].into_iter().filter(is_one).collect::<Vec<_>>()
            };
            rest = rest.into_iter().flat_map(without).collect();
        }
    }
    rest
}

/// Adds gaps to others: one that is told again when it ends stands there once.
pub(super) fn add_gaps(known: &mut Vec<RecordingGap>, more: &[RecordingGap]) {
    for gap in more {
        let is_same = |of: &&mut RecordingGap| of.range.0 == gap.range.0 && of.reason == gap.reason;
        match known.iter_mut().find(is_same) {
            Some(same) => same.range.1 = same.range.1.max(gap.range.1),
            None => known.push(gap.clone()),
        }
    }
}

/// For so long another session may bring what one has brought, microseconds.
pub(super) const APART_US: i64 = 600_000_000;

/// Which rows of several sessions were taken already.
#[derive(Default)]
pub(super) struct Taken {
    /// Of each row: how often each session brought it, and how often it was taken.
    known: HashMap<String, (Vec<u32>, u32)>,
    /// In order of arrival.
    order: VecDeque<(i64, String)>,
}

impl Taken {
    /// Whether a session's row is to be taken: it is, unless another session brought it before. Rows come in order of arrival.
    pub fn takes(&mut self, session: usize, row: String, arrived: i64) -> bool {
        while let Some((_, old)) = self.order.pop_front_if(|(at, _)| at.saturating_add(APART_US) < arrived) {
            self.known.remove(&old);
        }
        if !self.known.contains_key(&row) {
            self.order.push_back((arrived, row.clone()));
        }
        let (brought, taken) = self.known.entry(row).or_default();
        if brought.len() <= session {
            brought.resize(session + 1, 0);
        }
        brought[session] += 1;
        let is_new = brought[session] > *taken;
        *taken = (*taken).max(brought[session]);
        is_new
    }
}

/// What a row is known by: its id, or all that it says but its arrival. Columns are those of the table, behind the key's.
pub(super) fn named(rows: &RecordBatch, row: usize) -> String {
    let id = rows.column_by_name("id").and_then(|ids| ids.as_string_opt::<i32>());
    if let Some(ids) = id.filter(|ids| ids.is_valid(row) && !ids.value(row).is_empty()) {
        return ids.value(row).to_owned();
    }
    let mut name = String::from("\n");
    for (field, column) in rows.schema().fields().iter().zip(rows.columns()) {
        if field.name() != "local_timestamp" && column.is_valid(row) {
            name.push_str(&cell(column, row));
        }
        name.push('\n');
    }
    name
}

fn cell(column: &dyn Array, row: usize) -> String {
    if let Some(times) = column.as_primitive_opt::<TimestampMicrosecondType>() {
        return times.value(row).to_string();
    }
    if let Some(numbers) = column.as_primitive_opt::<Float64Type>() {
        return numbers.value(row).to_bits().to_string();
    }
    if let Some(texts) = column.as_string_opt::<i32>() {
        return texts.value(row).to_owned();
    }
    if let Some(words) = column.as_dictionary_opt::<Int32Type>() {
        let place = words.keys().value(row);
        return usize::try_from(place).map(|place| cell(words.values(), place)).unwrap_or_default();
    }
    column.as_boolean_opt().map(|flags| flags.value(row).to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(first: i64, last: i64, gaps: &[(i64, i64)]) -> Span {
        Span { first, last, gaps: gaps.to_vec() }
    }

    #[test]
    fn of_each_stretch_a_session_without_a_loss_is_taken() {
        let alone = span(10, 90, &[(30, 40)]);
        for (name, spans, expected) in [
            ("one", vec![alone.clone()], vec![(0, 10..91)]),
            ("after one another", vec![alone.clone(), span(95, 99, &[])], vec![(0, 10..91), (1, 95..100)]),
            (
                "a loss is filled, and who goes on stays",
                vec![alone.clone(), span(20, 100, &[])],
                vec![(0, 10..31), (1, 31..101)],
            ),
            (
                "back when the other loses",
                vec![alone.clone(), span(20, 100, &[(50, 60)])],
                vec![(0, 10..31), (1, 31..51), (0, 51..91), (1, 91..101)],
            ),
            ("both lose", vec![alone.clone(), span(20, 100, &[(25, 35)])], vec![(0, 10..35), (1, 35..101)]),
            (
                "a loss has an end, and what has none is a moment",
                vec![span(10, 90, &[(30, 30)]), span(20, 100, &[])],
                vec![(0, 10..91), (1, 91..101)],
            ),
        ] {
            assert_eq!(choose(&spans), expected, "{name}");
        }
    }

    #[test]
    fn what_a_day_lacks_is_what_no_session_has() {
        let lost = (30, 60);
        for (others, expected) in [
            (vec![], vec![lost]),
            (vec![span(0, 100, &[])], vec![]),
            (vec![span(40, 100, &[])], vec![(30, 40)]),
            (vec![span(0, 50, &[])], vec![(50, 60)]),
            (vec![span(0, 100, &[(35, 45)])], vec![(35, 45)]),
            (vec![span(0, 100, &[(20, 70)])], vec![lost]),
            (vec![span(0, 100, &[(10, 20), (80, 90)])], vec![]),
            (vec![span(0, 100, &[(32, 34), (40, 40), (50, 52)])], vec![(32, 34), (50, 52)]),
            (vec![span(0, 45, &[]), span(40, 100, &[])], vec![]),
            (vec![span(0, 40, &[]), span(50, 100, &[])], vec![(40, 50)]),
            (vec![span(70, 100, &[])], vec![lost]),
        ] {
            assert_eq!(lacking(lost, &others.iter().collect::<Vec<_>>()), expected, "{others:?}");
        }
    }

    #[test]
    fn a_gap_that_is_told_again_when_it_ends_counts_once() {
        let gap = |from, to, reason: &str| RecordingGap { range: (from, to), reason: reason.to_owned() };
        let mut known = vec![gap(3, 3, "disconnect")];
        add_gaps(&mut known, &[gap(3, 9, "disconnect"), gap(3, 3, "sequence"), gap(3, 3, "disconnect")]);
        assert_eq!(known, [gap(3, 9, "disconnect"), gap(3, 3, "sequence")]);
    }

    #[test]
    fn what_another_session_brought_is_left_out_and_what_one_brings_twice_stays() {
        let mut taken = Taken::default();
        for (session, row, arrived, expected) in [
            (0, "a", 1, true),
            (1, "a", 2, false),
            (1, "b", 3, true),
            (0, "b", 4, false),
            (0, "b", 5, true),
            (1, "b", 6, false),
            (2, "a", 7, false),
            (1, "a", 8 + APART_US, true),
        ] {
            assert_eq!(taken.takes(session, row.to_owned(), arrived), expected, "{session} {row} {arrived}");
        }
    }
}
