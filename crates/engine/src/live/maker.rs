//! From the lines of a capture to parts of rows: the same while it is recorded and whenever the lines are read again.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use mtdh_core::{DataType, Day};
use mtdh_lake::live::Line;
use mtdh_source::live::out::Gap;
use mtdh_source::live::rows::{StreamId, Taken};
use mtdh_source::live::venue::Venue;

use super::events::{Said, said};
use super::machine::{Counts, Input, Machine, Todo};
use super::plan::{Keys, SessionPlan};
use crate::InstrumentKey;

/// The place of `local_timestamp` among a table's columns.
const LOCAL_TIMESTAMP: usize = 1;

/// The rows of a stretch of lines.
#[derive(Debug)]
pub struct Stretch {
    /// The first and the last line.
    pub lines: (u64, u64),
    /// When the first and the last of them arrived, microseconds since the Unix epoch, UTC.
    pub times: (i64, i64),
    /// By day, data type and key.
    pub rows: BTreeMap<(Day, DataType, InstrumentKey), StretchRows>,
    /// What was lost, or turned out to be.
    pub gaps: Vec<Gap>,
}

/// One partition's rows of a stretch.
#[derive(Debug)]
pub struct StretchRows {
    /// The symbol as rows write it.
    pub symbol: String,
    /// The rows.
    pub batches: Vec<RecordBatch>,
    /// Whether they begin with a book that was carried over midnight.
    pub is_carried: bool,
}

/// Makes rows of lines.
pub struct Maker {
    /// What becomes of each line.
    pub machine: Machine,
    keys: Keys,
    first: Option<(u64, i64)>,
    last: (u64, i64),
    day_end: i64,
    /// What was taken from the machine and not yet by those who follow; empty unless somebody does.
    taken: Vec<Taken>,
    is_followed: bool,
    groups: u64,
    rows: BTreeMap<(Day, DataType, InstrumentKey), StretchRows>,
    bytes: usize,
    gaps: Vec<Gap>,
    todo: Todo,
    name: String,
}

impl Maker {
    /// The maker of a plan, before its first line.
    pub fn new(venue: &'static dyn Venue, plan: &SessionPlan) -> Maker {
        Maker {
            machine: Machine::new(venue, plan.want(), plan.connections()),
            keys: Keys::of(plan),
            first: None,
            last: (0, i64::MIN),
            day_end: i64::MAX,
            taken: Vec::new(),
            is_followed: false,
            groups: 0,
            rows: BTreeMap::new(),
            bytes: 0,
            gaps: Vec::new(),
            todo: Todo::default(),
            name: String::new(),
        }
    }

    /// Takes a line. The stretch that ended with it, or before it.
    pub fn line(&mut self, number: u64, line: &Line<'_>) -> Option<Stretch> {
        let at = line.arrived;
        let mut ended = None;
        if self.first.is_some() && at >= self.day_end {
            self.give(self.day_end - 1, Input::Time);
            self.collect();
            ended = self.cut();
        }
        if self.first.is_none() {
            self.first = Some((number, at));
            self.day_end = Day::containing_us(at).map_or(i64::MAX, Day::end_us);
        }
        self.last = (number, at.max(self.last.1));
        let mut name = std::mem::take(&mut self.name);
        match said(line, &mut name) {
            Said::Input(input) => self.give(at, input),
            Said::Gap(gap) => self.gaps.push(gap),
            Said::Nothing => {}
            Said::Part | Said::End => {
                self.give(at, Input::Time);
                self.collect();
                // A day that ends with such a line has nothing of the next one yet.
                ended = ended.or_else(|| self.cut());
            }
        }
        self.name = name;
        ended
    }

    /// The time has come to this, with no line: deadlines take their turn. Not beyond midnight, which begins with a line.
    pub fn pass(&mut self, now: i64) {
        if now < self.day_end {
            self.give(now, Input::Time);
        }
    }

    /// A line comes that arrived then: deadlines before it take their turn. Rows of them are placed behind the line before, whether or
    /// not time has passed without a line meanwhile.
    pub fn pass_to(&mut self, arrived: i64) {
        if let Some(due) = self.machine.due().filter(|due| *due <= arrived && *due < self.day_end) {
            let at = arrived.min(self.day_end - 1).max(due);
            self.give(at, Input::Time);
        }
    }

    /// Forgets the rows and gaps of the stretch so far, where nobody makes parts of them.
    pub fn forget(&mut self) {
        self.rows.clear();
        self.gaps.clear();
        self.bytes = 0;
    }

    /// What was lost in the stretch so far, where nobody makes parts of it.
    pub fn take_gaps(&mut self) -> Vec<Gap> {
        std::mem::take(&mut self.gaps)
    }

    fn give(&mut self, at: i64, input: Input<'_>) {
        self.machine.take(at, input);
        let mut todo = self.machine.take_todo();
        self.gaps.extend_from_slice(&todo.gaps);
        self.todo.append(&mut todo);
    }

    /// What is to be done since this was last asked.
    pub fn take_todo(&mut self) -> Todo {
        std::mem::take(&mut self.todo)
    }

    /// Whether midnight is to be marked by a line.
    pub fn is_past_day(&self, now: i64) -> bool {
        self.first.is_some() && now >= self.day_end
    }

    /// Moves rows from the feed to the stretch.
    pub fn collect(&mut self) {
        self.groups += self.machine.groups() as u64;
        let taken = self.machine.take_rows();
        for (stream, batch) in &taken.batches {
            self.add(*stream, batch);
        }
        if self.is_followed && !taken.batches.is_empty() {
            self.taken.push(taken);
        }
    }

    /// Counts since the start, with the rows that wait to be collected.
    pub fn counts(&self) -> Counts {
        let counts = self.machine.counts();
        Counts { rows: counts.rows + self.machine.rows() as u64, ..counts }
    }

    /// From now on rows are kept for [`Maker::taken`] too.
    pub fn follow(&mut self) {
        self.is_followed = true;
    }

    /// The rows that were collected since this was last asked.
    pub fn taken(&mut self) -> Vec<Taken> {
        std::mem::take(&mut self.taken)
    }

    /// Groups of rows since the start: one per message and stream.
    pub fn groups(&self) -> u64 {
        self.groups + self.machine.groups() as u64
    }

    /// The key of a symbol, as rows write it.
    pub fn key(&mut self, symbol: &str) -> InstrumentKey {
        self.keys.key(symbol)
    }

    /// Bytes of the rows that wait for their part, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Ends the stretch with the last line; `None`: it has no lines.
    pub fn cut(&mut self) -> Option<Stretch> {
        let first = self.first.take()?;
        self.bytes = 0;
        Some(Stretch {
            lines: (first.0, self.last.0),
            times: (first.1, self.last.1),
            rows: std::mem::take(&mut self.rows),
            gaps: std::mem::take(&mut self.gaps),
        })
    }

    fn add(&mut self, stream: StreamId, batch: &RecordBatch) {
        let name = self.machine.name(stream).clone();
        let key = self.keys.key(&name.symbol);
        self.bytes += batch.get_array_memory_size();
        for (day, rows) in days(batch) {
            let partition = (day, name.data_type, key.clone());
            let is_carried = name.data_type.is_book() && first_arrival(&rows) == Some(day.start_us());
            let of = self.rows.entry(partition).or_insert_with(|| StretchRows {
                symbol: name.symbol.to_string(),
                batches: Vec::new(),
                is_carried,
            });
            of.batches.push(rows);
        }
    }
}

fn first_arrival(rows: &RecordBatch) -> Option<i64> {
    rows.column(LOCAL_TIMESTAMP).as_primitive::<TimestampMicrosecondType>().values().first().copied()
}

/// A batch by the days on which its rows arrived. Times do not fall within it.
fn days(batch: &RecordBatch) -> Vec<(Day, RecordBatch)> {
    let times = batch.column(LOCAL_TIMESTAMP).as_primitive::<TimestampMicrosecondType>().values();
    let mut parts = Vec::with_capacity(1);
    let mut start = 0;
    while start < times.len() {
        let Some(day) = Day::containing_us(times[start]) else { return parts };
        let rows = times[start..].partition_point(|time| *time < day.end_us()).max(1);
        parts.push((day, batch.slice(start, rows)));
        start += rows;
    }
    parts
}
