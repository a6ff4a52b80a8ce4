//! Constant offsets between the two clocks.

use std::collections::BTreeMap;

use super::finding::{Explanation, duration, moment};
use super::{Check, CheckFn, CheckInput, Detection, Group, Parameter, RowCheck, Rows, Severity, Tally};
use crate::day::DAY_US;
use crate::table::DataType;

/// Classes of the histogram of offsets, per doubling. Offsets of one class or of neighbouring classes count as equal.
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
            meaning: "the smallest reported offset between `timestamp` and `local_timestamp`",
        },
        Parameter {
            name: "min_moments",
            default: 3.0,
            unit: "moments",
            meaning: "an offset with fewer moments is not reported; rows with one `timestamp` or one `local_timestamp` are one moment",
        },
        Parameter {
            name: "share",
            default: 0.5,
            unit: "of all moments",
            meaning: "the smallest share of moments with that offset",
        },
        Parameter {
            name: "run",
            default: 20.0,
            unit: "moments",
            meaning: "this many consecutive moments are reported whatever their share, if they begin with a jump of the exchange's clock or are constant",
        },
    ],
    text: "`timestamp` differs from `local_timestamp` by a minute or more, and by a constant amount: an hour of a \
           time zone, a clock that was not set, or a value in another unit, which the explanation then names \
           (`seconds`, `milliseconds`, `nanoseconds`). Reported is an offset that most moments share, to within 5 %. \
           Also reported is an offset of a part of the day, if the part begins at the start of the file or with a \
           jump of the exchange's clock (back by at least half of `min_offset_s`, or ahead of arrival), or if the \
           offset stays constant to within 5 % for ten minutes. A delayed message causes no jump and delays vary, so \
           a recorder that is minutes behind in a busy hour is reported by `clock_skew` only. A single `timestamp` in \
           another unit is reported too.",
    run: CheckFn::Rows(&DataType::ALL, |input| Box::new(Offset::of(input))),
}];

/// The unit of a `timestamp` that was wrongly read as microseconds; `None` if no unit fits.
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

/// Consecutive moments whose offset is large and has one sign.
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
    /// Whether the offset stayed constant for longer than a queue of delayed messages does.
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
    /// Histogram of large offsets by sign (true: positive) and class.
    classes: BTreeMap<(bool, i64), OffsetClass>,
    now: Stretch,
    last_us: i64,
    runs: Tally,
    units: BTreeMap<&'static str, Tally>,
}

/// The moments of one class of offsets.
struct OffsetClass {
    moments: u64,
    /// Arrival of the first of them, microseconds.
    first_us: i64,
    /// Offset of the first of them, microseconds.
    offset_us: i64,
}

impl Offset {
    fn of(input: &CheckInput<'_>) -> Offset {
        Offset {
            min_us: (input.values.get("min_offset_s") * 1e6) as i64,
            min_moments: input.values.get("min_moments") as u64,
            share: input.values.get("share"),
            run: input.values.get("run") as u64,
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
            self.end_stretch();
            self.before = Some((exchange, arrival));
            return;
        }
        let class = ((offset.unsigned_abs() as f64).log2() * CLASSES_PER_DOUBLING) as i64;
        let counted = OffsetClass { moments: 0, first_us: arrival, offset_us: offset };
        self.classes.entry((offset > 0, class)).or_insert(counted).moments += 1;
        let continues = self.now.moments > 0 && (self.now.offset_us > 0) == (offset > 0);
        if !continues {
            self.end_stretch();
            // Delayed messages keep their order: a large delay without a step back is a queue. A queue never puts
            // `timestamp` ahead of arrival.
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

    /// Ends a stretch of large offsets, and counts it if it is long enough.
    fn end_stretch(&mut self) {
        let now = std::mem::take(&mut self.now);
        let Stretch { from_us, to_us, offset_us, moments, has_jump, .. } = now;
        if moments >= self.run && (has_jump || now.is_steady()) {
            self.runs.note(from_us, || example(offset_us, moments, from_us));
            self.runs.reach(to_us);
            self.runs.add(moments - 1);
        }
    }

    /// The offset that most moments share.
    fn constant(&self) -> Option<Detection> {
        let moments_near = |(sign, class): (bool, i64)| -> u64 {
            let moments = |class| self.classes.get(&(sign, class)).map_or(0, |counted| counted.moments);
            moments(class - 1) + moments(class) + moments(class + 1)
        };
        let (class, largest) = self.classes.iter().max_by_key(|(class, _)| moments_near(**class))?;
        let count = moments_near(*class);
        let is_usual = count >= self.min_moments && count as f64 >= self.share * self.moments as f64;
        let mut tally = Tally::default();
        tally.note(largest.first_us, || example(largest.offset_us, count, largest.first_us));
        tally.reach(self.last_us);
        tally.add(count - 1);
        is_usual.then(|| tally.found()).into_iter().flatten().next()
    }
}

fn example(offset_us: i64, moments: u64, from_us: i64) -> String {
    let word = if offset_us > 0 { "after" } else { "before" };
    let length = duration(offset_us.saturating_abs());
    format!("`timestamp` is {length} {word} `local_timestamp`, {moments} moments from {} on", moment(from_us))
}

fn explained(mut found: Detection, class: &'static str, text: String) -> Detection {
    found.explanation = Some(Explanation { class, text });
    found
}

impl RowCheck for Offset {
    fn rows(&mut self, rows: &Rows<'_>) {
        for (row, (exchange, arrival)) in rows.exchange_time().iter().zip(rows.arrival()).enumerate() {
            // Data resent with its old `timestamp`, and the rows of one message, are one moment.
            if self.before.is_some_and(|(e, a)| e == *exchange || a == *arrival) {
                continue;
            }
            if let Some(unit) = unit(*exchange, *arrival) {
                self.units.entry(unit).or_default().note(*arrival, || {
                    format!("row {}: `timestamp` {exchange} is plausible only in {unit}", rows.place(row))
                });
                self.before = Some((*exchange, *arrival));
                continue;
            }
            self.moment(*exchange, *arrival);
        }
    }

    fn found(&mut self) -> Vec<Detection> {
        let unit = |(unit, tally): (&&'static str, &mut Tally)| {
            let text = format!("`timestamp` is in {unit} and was read as microseconds");
            tally.take().into_iter().map(|found| explained(found, unit, text.clone())).collect::<Vec<_>>()
        };
        self.units.iter_mut().flat_map(unit).collect()
    }

    fn finish(mut self: Box<Self>) -> Vec<Detection> {
        self.end_stretch();
        let mut all = self.found();
        let found = self.constant().or_else(|| self.runs.take().pop());
        let text = || "the two clocks differ by a constant".to_owned();
        all.extend(found.map(|found| explained(found, "constant", text())));
        all
    }
}
