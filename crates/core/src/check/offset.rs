//! Clocks that are off by the same all the time.

use std::collections::BTreeMap;

use super::finding::{Explanation, duration, moment};
use super::{Check, CheckFn, CheckInput, Detection, Group, Parameter, RowCheck, Rows, Severity, Tally};
use crate::day::DAY_US;
use crate::table::DataType;

/// Offsets are counted in classes, 16 for each doubling: offsets of one class, or of neighbouring ones, are one offset.
const CLASSES_PER_DOUBLING: f64 = 16.0;

/// The checks of this module.
pub const CHECKS: &[Check] = &[Check {
    name: "clock_offset",
    group: Group::Timestamp,
    severity: Severity::Error,
    parameters: &[
        Parameter {
            name: "min_offset_s",
            default: 60.0,
            unit: "seconds",
            meaning: "the smallest offset between `timestamp` and `local_timestamp` that is one",
        },
        Parameter {
            name: "min_moments",
            default: 3.0,
            unit: "moments",
            meaning: "with fewer moments of that offset nothing is said; rows of one `timestamp` or one `local_timestamp` are one moment",
        },
        Parameter {
            name: "share",
            default: 0.5,
            unit: "of all moments",
            meaning: "how many of the moments have that offset",
        },
        Parameter {
            name: "run",
            default: 20.0,
            unit: "moments",
            meaning: "so many one after the other are told whatever their share, where they begin with a jump of the exchange's clock",
        },
    ],
    text: "`timestamp` lies a minute or more before or after `local_timestamp`, and by the same all the time: an hour of a time \
           zone, a clock that was not set, or a number read in another unit, which the explanation then says (`seconds`, \
           `milliseconds`, `nanoseconds`). The offset of most moments is told, to 5 %, and so is that of a part of the day that \
           begins with a jump, at the file's start, or where the exchange's clock goes back or ahead of arrival by half of that \
           at least, or that stays the same to 5 % for ten minutes. A message that was held up makes no jump, and its delay grows \
           and shrinks, so that a recorder that is minutes behind in a violent hour is a matter of `clock_skew` alone. A single `timestamp` in another unit is told as well.",
    run: CheckFn::Rows(&DataType::ALL, |scope| Box::new(Offset::of(scope))),
}];

/// In which unit a clock was read that should be in microseconds; null: in that one, or a row is just off.
fn unit(exchange_us: i64, arrival_us: i64) -> Option<&'static str> {
    let near = |us: Option<i64>| us.is_some_and(|us| us.abs_diff(arrival_us) < 2 * DAY_US as u64);
    if near(exchange_us.checked_mul(1_000_000)) {
        return Some("seconds");
    }
    if near(exchange_us.checked_mul(1_000)) {
        return Some("milliseconds");
    }
    near(exchange_us.checked_div(1_000)).then_some("nanoseconds")
}

/// Moments of one after the other whose offset is large and of one sign.
#[derive(Clone, Copy, Default)]
struct Stretch {
    from_us: i64,
    to_us: i64,
    offset_us: i64,
    /// The smallest and the largest offset, without its sign.
    range_us: (i64, i64),
    moments: u64,
    has_jump: bool,
}

impl Stretch {
    /// Whether the offset stayed the same for so long that no queue does.
    fn is_steady(&self) -> bool {
        let (least, most) = self.range_us;
        self.to_us - self.from_us >= 600_000_000 && most - least <= most / 20
    }
}

struct Offset {
    min_us: i64,
    min_moments: u64,
    share: f64,
    run: u64,
    /// The exchange's clock and arrival of the moment before.
    before: Option<(i64, i64)>,
    moments: u64,
    /// Large offsets by sign and class: how many moments, the first of them, and its offset.
    classes: BTreeMap<(bool, i64), (u64, i64, i64)>,
    now: Stretch,
    last_us: i64,
    runs: Tally,
    units: BTreeMap<&'static str, Tally>,
}

impl Offset {
    fn of(scope: &CheckInput<'_>) -> Offset {
        Offset {
            min_us: (scope.values.get("min_offset_s") * 1e6) as i64,
            min_moments: scope.values.get("min_moments") as u64,
            share: scope.values.get("share"),
            run: scope.values.get("run") as u64,
            before: None,
            moments: 0,
            classes: BTreeMap::new(),
            now: Stretch::default(),
            last_us: 0,
            runs: Tally::default(),
            units: BTreeMap::new(),
        }
    }

    fn moment(&mut self, exchange: i64, arrival: i64) {
        self.moments += 1;
        self.last_us = arrival;
        let offset = exchange.saturating_sub(arrival);
        if offset.saturating_abs() < self.min_us {
            self.end();
            self.before = Some((exchange, arrival));
            return;
        }
        let class = ((offset.unsigned_abs() as f64).log2() * CLASSES_PER_DOUBLING) as i64;
        let entry = self.classes.entry((offset > 0, class)).or_insert((0, arrival, offset));
        entry.0 += 1;
        let is_on = self.now.moments > 0 && (self.now.offset_us > 0) == (offset > 0);
        if !is_on {
            self.end();
            // Messages that are held up keep their order: behind by much without a step back is a queue. Nobody is ahead of
            // arrival by waiting.
            let steps_back = |(before, _): (i64, i64)| before.saturating_sub(exchange) >= self.min_us / 2;
            let has_jump = offset > 0 || self.before.is_none_or(steps_back);
            let range_us = (i64::MAX, 0);
            let (from_us, to_us, offset_us) = (arrival, arrival, offset);
            self.now = Stretch { from_us, to_us, offset_us, range_us, moments: 0, has_jump };
        }
        let (least, most) = self.now.range_us;
        self.now.range_us = (least.min(offset.saturating_abs()), most.max(offset.saturating_abs()));
        self.now.moments += 1;
        self.now.to_us = arrival;
        self.before = Some((exchange, arrival));
    }

    /// Ends a stretch of large offsets, and tells it if it is long enough.
    fn end(&mut self) {
        let now = std::mem::take(&mut self.now);
        let Stretch { from_us, to_us, offset_us, moments, has_jump, .. } = now;
        if moments >= self.run && (has_jump || now.is_steady()) {
            self.runs.note(from_us, || of(offset_us, moments, from_us));
            self.runs.reach(to_us);
            self.runs.add(moments - 1);
        }
    }

    /// The offset that most moments share.
    fn constant(&self) -> Option<Detection> {
        let near = |(sign, class): (bool, i64)| -> u64 {
            let of = |class| self.classes.get(&(sign, class)).map_or(0, |(count, ..)| *count);
            of(class - 1) + of(class) + of(class + 1)
        };
        let (place, (_, first, offset)) = self.classes.iter().max_by_key(|(place, _)| near(**place))?;
        let count = near(*place);
        let is_usual = count >= self.min_moments && count as f64 >= self.share * self.moments as f64;
        let mut tally = Tally::default();
        tally.note(*first, || of(*offset, count, *first));
        tally.reach(self.last_us);
        tally.add(count - 1);
        is_usual.then(|| tally.found()).into_iter().flatten().next()
    }
}

fn of(offset_us: i64, moments: u64, from_us: i64) -> String {
    let word = if offset_us > 0 { "after" } else { "before" };
    let length = duration(offset_us.saturating_abs());
    format!(
        "`timestamp` lies {length} {word} `local_timestamp`, {moments} moments from {} on",
        moment(from_us)
    )
}

fn explained(mut found: Detection, class: &'static str, text: String) -> Detection {
    found.explanation = Some(Explanation { class, text });
    found
}

impl RowCheck for Offset {
    fn rows(&mut self, rows: &Rows<'_>) {
        for (row, (exchange, arrival)) in rows.exchange_time().iter().zip(rows.arrival()).enumerate() {
            // What is sent again with its old `timestamp`, and the rows of one message, are one moment.
            if self.before.is_some_and(|(e, a)| e == *exchange || a == *arrival) {
                continue;
            }
            if let Some(unit) = unit(*exchange, *arrival) {
                self.units.entry(unit).or_default().note(*arrival, || {
                    format!("row {}: `timestamp` is {exchange}, as {unit} it would fit", rows.place(row))
                });
                self.before = Some((*exchange, *arrival));
                continue;
            }
            self.moment(*exchange, *arrival);
        }
    }

    fn found(&mut self) -> Vec<Detection> {
        let unit = |(unit, tally): (&&'static str, &mut Tally)| {
            let text = format!("`timestamp` is in {unit}, and was read as microseconds");
            tally.take().into_iter().map(|found| explained(found, unit, text.clone())).collect::<Vec<_>>()
        };
        self.units.iter_mut().flat_map(unit).collect()
    }

    fn finish(mut self: Box<Self>) -> Vec<Detection> {
        self.end();
        let mut all = self.found();
        let found = self.constant().or_else(|| self.runs.take().pop());
        let text = || "the two clocks differ by this all the time".to_owned();
        all.extend(found.map(|found| explained(found, "constant", text())));
        all
    }
}
