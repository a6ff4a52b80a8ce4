//! Rows that state how things are: tickers, options, quotes, book tickers, snapshots. The last values of each second are compared,
//! column by column; where a row has levels, as a whole.

use std::collections::VecDeque;

use arrow_array::RecordBatch;
use mtdh_core::DataType;

use super::cause::{Causes, Facts};
use super::cells::{Cell, Columns, names, times};
use super::{Counts, Difference, Kind, Side};

const SECOND: i64 = 1_000_000;

/// The last row of a second.
struct Last {
    second: i64,
    arrived: i64,
    values: Vec<Cell>,
}

#[derive(Default)]
struct OneSide {
    rows: VecDeque<Last>,
    /// The arrival and the values of the last row.
    now: Option<(i64, Vec<Cell>)>,
}

/// A stretch of seconds at whose ends a column differs.
struct Open {
    from: i64,
    arrived: i64,
    last_arrived: i64,
    live: Option<String>,
    vendor: Option<String>,
    /// When the live side's row at its begin arrived.
    live_arrived: Option<i64>,
}

pub(super) struct Seconds {
    columns: Vec<&'static str>,
    /// The compared fields: a name, and their columns.
    fields: Vec<(&'static str, Vec<usize>)>,
    sides: [OneSide; 2],
    open: Vec<Option<Open>>,
    /// Up to which second all was compared, and whether both sides had a value then.
    compared: Option<i64>,
}

impl Seconds {
    pub fn new(data_type: DataType) -> Seconds {
        let columns = names(data_type, &["timestamp", "local_timestamp"]);
        let has_levels = matches!(
            data_type,
            DataType::BookSnapshot5 | DataType::BookSnapshot25 | DataType::Quotes | DataType::BookTicker
        );
        let fields: Vec<(&'static str, Vec<usize>)> = if has_levels {
            vec![("", (0..columns.len()).collect())]
        } else {
            columns.iter().enumerate().map(|(at, name)| (*name, vec![at])).collect()
        };
        let open = fields.iter().map(|_| None).collect();
        Seconds { columns, fields, sides: Default::default(), open, compared: None }
    }

    pub fn take(&mut self, side: Side, batch: &RecordBatch) -> Result<(), String> {
        let (arrived, happened) = (times(batch, "local_timestamp")?, times(batch, "timestamp")?);
        let values = Columns::of(batch, &self.columns)?;
        let rows = &mut self.sides[side as usize].rows;
        let second = |row: usize| happened[row].div_euclid(SECOND);
        for (row, came) in arrived.iter().copied().enumerate() {
            // A row that is late is the state from its arrival on.
            let at = rows.back().map_or(second(row), |last| last.second.max(second(row)));
            let is_last = row + 1 == arrived.len() || second(row + 1) > at;
            match rows.back_mut().filter(|last| last.second == at) {
                Some(last) if is_last => *last = Last { second: at, arrived: came, values: values.row(row) },
                // Of rows in the middle of a second only the last one counts.
                None if !is_last => rows.push_back(Last { second: at, arrived: came, values: Vec::new() }),
                None => rows.push_back(Last { second: at, arrived: came, values: values.row(row) }),
                Some(_) => {}
            }
        }
        Ok(())
    }

    pub fn compare(
        &mut self,
        ended: [bool; 2],
        causes: &mut Causes,
        counts: &mut Counts,
        give: &mut impl FnMut(Difference),
    ) {
        while let Some(second) = self.next(ended) {
            self.seconds_until(second, causes, counts);
            let mut arrived = None;
            for side in Side::BOTH {
                let side = &mut self.sides[side as usize];
                if let Some(last) = side.rows.pop_front_if(|last| last.second == second) {
                    arrived = Some(last.arrived);
                    side.now = Some((last.arrived, last.values));
                }
            }
            let Some(arrived) = arrived else { break };
            self.at(second, arrived, causes, counts, give);
        }
        if ended == [true; 2] {
            let end = self.compared.map_or(0, |second| second + 1);
            self.seconds_until(end, causes, counts);
            for field in 0..self.fields.len() {
                self.close(field, end, causes, counts, give);
            }
        }
    }

    /// The next second with a row of which both sides are known.
    fn next(&self, ended: [bool; 2]) -> Option<i64> {
        let first = |side: usize| self.sides[side].rows.front().map(|last| last.second);
        // The last row of a side may get a successor within its second.
        let whole = |side: usize| match self.sides[side].rows.back() {
            _ if ended[side] => i64::MAX,
            Some(last) => last.second,
            None => i64::MIN,
        };
        let next = [first(0), first(1)].into_iter().flatten().min()?;
        (next < whole(0).min(whole(1))).then_some(next)
    }

    /// Counts the seconds since the last row, whose ends are as that one's.
    fn seconds_until(&mut self, second: i64, causes: &Causes, counts: &mut Counts) {
        let Some(from) = self.compared.filter(|from| *from < second) else { return };
        let middle = (from * SECOND).saturating_add(SECOND / 2);
        if self.sides.iter().all(|side| side.now.is_some()) && causes.window.has(middle) {
            let seconds = (second - from) as u64;
            counts.compared += seconds;
            counts.equal += if self.open.iter().all(Option::is_none) { seconds } else { 0 };
        }
        self.compared = Some(second);
    }

    fn at(
        &mut self,
        second: i64,
        arrived: i64,
        causes: &mut Causes,
        counts: &mut Counts,
        give: &mut impl FnMut(Difference),
    ) {
        self.compared = Some(second);
        if !causes.window.has(arrived) {
            return;
        }
        let [Some((_, live)), Some((_, vendor))] = [&self.sides[0].now, &self.sides[1].now] else { return };
        let (live, vendor) = (live.clone(), vendor.clone());
        for field in 0..self.fields.len() {
            let columns = &self.fields[field].1;
            let differing = columns.iter().copied().find(|at| live[*at] != vendor[*at]);
            match (differing, self.open[field].is_some()) {
                (None, true) => self.close(field, second, causes, counts, give),
                (Some(at), false) => {
                    let text = |values: &[Cell]| {
                        let value = values[at].text()?;
                        Some(if columns.len() > 1 { format!("{} {value}", self.columns[at]) } else { value })
                    };
                    self.open[field] = Some(Open {
                        from: second,
                        arrived,
                        last_arrived: arrived,
                        live: text(&live),
                        vendor: text(&vendor),
                        live_arrived: self.sides[0].now.as_ref().map(|(at, _)| *at),
                    });
                }
                (Some(_), true) => {
                    if let Some(open) = &mut self.open[field] {
                        open.last_arrived = arrived;
                    }
                }
                (None, false) => {}
            }
        }
    }

    fn close(
        &mut self,
        field: usize,
        second: i64,
        causes: &mut Causes,
        counts: &mut Counts,
        give: &mut impl FnMut(Difference),
    ) {
        let Some(open) = self.open[field].take() else { return };
        let until = second.max(open.from + 1);
        let facts = Facts {
            kind: Kind::State,
            field: self.fields[field].0,
            arrived: open.arrived..open.last_arrived,
            happened: open.from * SECOND..until * SECOND,
            count: (until - open.from) as u64,
            was_reset: open.live_arrived,
        };
        give(causes.difference(facts, open.live, open.vendor, counts));
    }
}
