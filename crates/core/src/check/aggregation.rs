//! Aggregation: candles alone, compared with finer candles, and compared with the trades.

use std::collections::{BTreeMap, BTreeSet};

use super::bars::{Bar, Candles, Difference, Differences, Field, Fold, Series, Sides, differs, place};
use super::{Check, CheckFn, Detection, Group, Parameter, Parameters, Severity, Tally};
use crate::candle::decimal::{Decimal, Sum};
use crate::candle::{Fill, Timeframe};
use crate::day::DAY_US;

/// Relative tolerance of sums: the rounding of the stored parts and of the stored sum.
const ROUNDING: f64 = f64::EPSILON;

/// The checks of this group.
pub const CHECKS: &[Check] = &[
    Check {
        name: "candle_boundary",
        group: Group::Aggregation,
        severity: Severity::Error,
        parameters: &[],
        text: "A candle does not start on a multiple of its timeframe from UTC midnight, does not come after the \
               candle above it, or starts at the same time as another. `24h` and `1d` are one timeframe. Every length \
               that divides a day is accepted; a file with an unknown timeframe is refused.",
        run: CheckFn::Candles(Sides::Alone, boundaries),
    },
    Check {
        name: "candle_shape",
        group: Group::Aggregation,
        severity: Severity::Error,
        parameters: &[],
        text: "An impossible candle: a price or a sum is missing or is not a finite number, a sum is negative, `high` \
               is below open, close or low, or `low` is above open or close. A quote volume is negative rightly where \
               `low` is: prices of a combo are differences. In an interval without trades: the prices are not the \
               close before it, or the volume is not 0.",
        run: CheckFn::Candles(Sides::Alone, shape),
    },
    Check {
        name: "candle_fill",
        group: Group::Aggregation,
        severity: Severity::Error,
        parameters: &[],
        text: "Candles do not match the fill mode of their object: with `none`, an interval without trades has a \
               candle; with `flat`, an interval between two candles of a day has none. A file that does not state its \
               fill mode may do either.",
        run: CheckFn::Candles(Sides::Alone, fill),
    },
    Check {
        name: "candle_from_finer",
        group: Group::Aggregation,
        severity: Severity::Error,
        parameters: &[
            Parameter {
                name: "price_tolerance_pct",
                default: 0.0,
                unit: "percent",
                meaning: "the largest allowed difference of prices, for candles that were rounded",
            },
            Parameter {
                name: "volume_tolerance_pct",
                default: 0.0,
                unit: "percent",
                meaning: "the largest allowed difference of sums and counts",
            },
        ],
        text: "A value differs from the one computed from the finer candles of the interval: first open, highest \
               high, lowest low, last close, sums of volumes and counts. Finer candles without trades are ignored. \
               Prices and counts must be equal, unless a tolerance is set. Sums are computed in decimals and may differ by the rounding of \
               stored floats (2⁻⁵² of the sum of the parts without their signs). If the candle or a finer one is not final, a difference is a warning. \
               `vwap`, means and medians cannot be computed from finer candles and are not compared.",
        run: CheckFn::Candles(Sides::Finer, from_finer),
    },
    Check {
        name: "candle_from_ticks",
        group: Group::Aggregation,
        severity: Severity::Error,
        parameters: &[],
        text: "A value differs, in any digit of prices, sums and counts, from the candle computed from the trades. \
               Otherwise as `candle_from_finer`. It detects errors that a candle and its finer candles share. The \
               trades go through the same code that builds candles.",
        run: CheckFn::Candles(Sides::Ticks, from_ticks),
    },
    Check {
        name: "finer_coverage",
        group: Group::Aggregation,
        severity: Severity::Error,
        parameters: &[],
        text: "An interval exists on one side only: a candle without finer candles, or finer candles without the \
               coarser one. Only intervals that either side covers are compared. Filled candles without trades count \
               only if both objects are filled. A side without any candle is one finding; it never passes.",
        run: CheckFn::Candles(Sides::Finer, finer_coverage),
    },
    Check {
        name: "tick_coverage",
        group: Group::Aggregation,
        severity: Severity::Error,
        parameters: &[],
        text: "An interval has trades but no candle, or a candle with trades but no trades. Missing candles of whole \
               instrument-days are reported here too: those of a timeframe that the lake has for other instruments or \
               days (a warning), and those of an instrument with trades and without any candle.",
        run: CheckFn::Candles(Sides::Ticks, tick_coverage),
    },
];

fn boundaries(candles: &Candles<'_>, _: &Parameters) -> Vec<Detection> {
    let Candles::Alone(series) = *candles else { return Vec::new() };
    let mut tally = Tally::default();
    let mut before = i64::MIN;
    for bar in &series.bars {
        let at = || place(series.timeframe, bar.start);
        if series.timeframe.floor(bar.start) != bar.start {
            tally.note(bar.start, || format!("{} is not the start of an interval", at()));
        } else if bar.start <= before {
            tally.note(bar.start, || format!("{} does not come after the candle above it", at()));
        }
        before = bar.start;
    }
    tally.found()
}

fn shape(candles: &Candles<'_>, _: &Parameters) -> Vec<Detection> {
    let Candles::Alone(series) = *candles else { return Vec::new() };
    let mut tally = Tally::default();
    let mut before: Option<(i64, f64)> = None;
    for bar in &series.bars {
        if let Some(fault) = fault(bar, before.filter(|(start, _)| same_day(*start, bar.start))) {
            tally.note(bar.start, || format!("{}: {fault}", place(series.timeframe, bar.start)));
        }
        before = bar.get(Field::Close).map(|close| (bar.start, close));
    }
    tally.found()
}

fn same_day(a: i64, b: i64) -> bool {
    a.div_euclid(DAY_US) == b.div_euclid(DAY_US)
}

/// What is wrong with a candle; `None` if it is possible. `before` is the start (microseconds since the Unix epoch, UTC) and
/// the close of the candle before it on the same day, if there is one.
pub fn fault(bar: &Bar, before: Option<(i64, f64)>) -> Option<String> {
    for field in Field::PRICES.into_iter().chain([Field::Volume]) {
        if bar.get(field).is_none() {
            return Some(format!("{} is missing", field.name()));
        }
    }
    let [open, high, low, close] = Field::PRICES.map(|field| bar.get(field).unwrap_or(f64::NAN));
    for field in Field::ALL {
        let Some(value) = bar.get(field) else { continue };
        if !value.is_finite() {
            return Some(format!("{} is {value}", field.name()));
        }
        let is_of_prices = matches!(field, Field::QuoteVolume | Field::BuyQuoteVolume);
        if field.fold() == Fold::Sum && value < 0.0 && !(is_of_prices && low < 0.0) {
            return Some(format!("{} is {value}", field.name()));
        }
    }
    if high < open.max(close).max(low) || low > open.min(close) {
        return Some(format!("impossible prices: open {open}, high {high}, low {low}, close {close}"));
    }
    if bar.has_trades() {
        return None;
    }
    if let Some(field) =
        Field::ALL.into_iter().find(|f| f.fold() == Fold::Sum && bar.get(*f).is_some_and(|v| v != 0.0))
    {
        return Some(format!("no trades, but {} {}", field.name(), bar.get(field).unwrap_or_default()));
    }
    let is_flat = [high, low, close].iter().all(|price| *price == open);
    match before {
        _ if !is_flat => Some(format!("no trades, but open {open}, high {high}, low {low}, close {close}")),
        Some((_, last)) if last != open => {
            Some(format!("no trades, but open {open} after a close of {last}"))
        }
        _ => None,
    }
}

fn fill(candles: &Candles<'_>, _: &Parameters) -> Vec<Detection> {
    let Candles::Alone(series) = *candles else { return Vec::new() };
    let mut tally = Tally::default();
    match series.fill {
        None => {}
        Some(Fill::None) => {
            for bar in series.bars.iter().filter(|bar| !bar.has_trades()) {
                let at = || place(series.timeframe, bar.start);
                tally.note(bar.start, || {
                    format!("{} has no trades, but the object's fill mode is none", at())
                });
            }
        }
        Some(Fill::Flat) => {
            let starts: Vec<i64> = series.by_start().into_keys().collect();
            for pair in starts.windows(2).filter(|pair| same_day(pair[0], pair[1])) {
                let missing = (pair[1] - pair[0]) / series.timeframe.us() - 1;
                if missing > 0 {
                    let after = pair[0] + series.timeframe.us();
                    tally.note(after, || {
                        format!(
                            "{} is missing, but the object's fill mode is flat",
                            place(series.timeframe, after)
                        )
                    });
                    tally.add(missing as u64 - 1);
                    tally.reach(pair[1]);
                }
            }
        }
    }
    tally.found()
}

/// Finer candles by the start of the coarser interval that they lie in.
fn groups<'a>(coarse: &Series, fine: &'a Series) -> BTreeMap<i64, Vec<&'a Bar>> {
    let mut groups: BTreeMap<i64, Vec<&Bar>> = BTreeMap::new();
    for (start, bar) in fine.by_start() {
        groups.entry(coarse.timeframe.floor(start)).or_default().push(bar);
    }
    groups
}

fn from_finer(candles: &Candles<'_>, values: &Parameters) -> Vec<Detection> {
    let Candles::Finer(coarse, fine) = *candles else { return Vec::new() };
    let [price, volume] =
        ["price_tolerance_pct", "volume_tolerance_pct"].map(|name| values.get(name) / 100.0);
    let mut differences = Differences::default();
    for Difference { start, field, value, expected, is_final } in
        differences_from_finer(coarse, fine, &Tolerance { price, volume })
    {
        differences.note(start..start.saturating_add(coarse.timeframe.us()), is_final, || {
            let at = place(coarse.timeframe, start);
            format!("{at} {}: {value}, from {} {expected}", field.name(), fine.timeframe)
        });
    }
    differences.found()
}

/// The largest allowed differences, relative to the expected value.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tolerance {
    /// Of prices.
    pub price: f64,
    /// Of sums and counts.
    pub volume: f64,
}

/// The values of candles that differ from those computed from the finer candles of their intervals. Intervals that only one
/// side has are not compared.
pub fn differences_from_finer(coarse: &Series, fine: &Series, tolerance: &Tolerance) -> Vec<Difference> {
    let groups = groups(coarse, fine);
    let mut differences = Vec::new();
    for bar in &coarse.bars {
        let Some(parts) = groups.get(&bar.start) else { continue };
        let traded: Vec<&Bar> = parts.iter().copied().filter(|part| part.has_trades()).collect();
        let parts = if traded.is_empty() { parts } else { &traded };
        let is_final = bar.is_final && parts.iter().all(|part| part.is_final);
        for field in Field::ALL {
            let (Some(value), Some(expected)) = (bar.get(field), folded(field, parts)) else { continue };
            if !is_near(field, value, expected, parts, tolerance) {
                differences.push(Difference { start: bar.start, field, value, expected, is_final });
            }
        }
    }
    differences
}

/// Starts of the coarser intervals that the finer candles cover in part only: they begin within it, or end within it. Of a
/// quiet market that cannot be told from an interval whose first or last minutes had no trade.
pub fn cut_intervals(coarse: Timeframe, fine: &Series) -> BTreeSet<i64> {
    let starts = || fine.bars.iter().map(|bar| bar.start);
    let (Some(first), Some(last)) = (starts().min(), starts().max()) else { return BTreeSet::new() };
    let ends_at = last.saturating_add(fine.timeframe.us());
    let mut cut = BTreeSet::new();
    if coarse.floor(first) != first {
        cut.insert(coarse.floor(first));
    }
    if coarse.floor(ends_at) != ends_at {
        cut.insert(coarse.floor(last));
    }
    cut
}

/// The value computed from finer candles; `None` if one of them does not have the field.
fn folded(field: Field, parts: &[&Bar]) -> Option<f64> {
    let values: Vec<f64> = parts.iter().map(|part| part.get(field)).collect::<Option<_>>()?;
    match field.fold() {
        Fold::First => values.first().copied(),
        Fold::Last => values.last().copied(),
        Fold::Max => values.into_iter().reduce(f64::max),
        Fold::Min => values.into_iter().reduce(f64::min),
        // Values that are not numbers are reported by `candle_shape`; here they differ.
        Fold::Sum => {
            let numbers: Result<Vec<Decimal>, _> = values.into_iter().map(Decimal::of).collect();
            Some(numbers.map_or(f64::NAN, |numbers| numbers.into_iter().collect::<Sum>().value()))
        }
    }
}

fn is_near(field: Field, value: f64, expected: f64, parts: &[&Bar], tolerance: &Tolerance) -> bool {
    if field.fold() != Fold::Sum {
        return !differs(value, expected, tolerance.price);
    }
    // Quote volumes of a combo may cancel out; what was rounded are the parts.
    let size: f64 = parts.iter().filter_map(|part| part.get(field)).map(f64::abs).sum();
    !differs(value, expected, tolerance.volume) || (value - expected).abs() <= ROUNDING * size
}

fn from_ticks(candles: &Candles<'_>, _: &Parameters) -> Vec<Detection> {
    let Candles::Ticks(series, ticks) = *candles else { return Vec::new() };
    let built = ticks.by_start();
    let mut differences = Differences::default();
    for bar in series.bars.iter().filter(|bar| bar.has_trades()) {
        let Some(tick) = built.get(&bar.start) else { continue };
        for field in Field::ALL {
            let (Some(value), Some(expected)) = (bar.get(field), tick.get(field)) else { continue };
            if differs(value, expected, 0.0) {
                differences.note(series.interval(bar), bar.is_final && tick.is_final, || {
                    let at = place(series.timeframe, bar.start);
                    format!("{at} {}: {value}, from the trades {expected}", field.name())
                });
            }
        }
    }
    differences.found()
}

fn finer_coverage(candles: &Candles<'_>, _: &Parameters) -> Vec<Detection> {
    let Candles::Finer(coarse, fine) = *candles else { return Vec::new() };
    let (have, covered) = coverage(coarse, fine);
    one_sided(coarse, &have, &covered, &format!("candles of {}", fine.timeframe))
}

/// The starts of the intervals that candles cover, and of those that the finer candles cover. Filled candles without trades
/// count only if both sides are filled.
pub fn coverage(coarse: &Series, fine: &Series) -> (BTreeSet<i64>, BTreeSet<i64>) {
    let both_fill = coarse.fill != Some(Fill::None) && fine.fill != Some(Fill::None);
    let counts = |bar: &&Bar| both_fill || bar.has_trades();
    let have: BTreeSet<i64> = coarse.bars.iter().filter(counts).map(|bar| bar.start).collect();
    let groups = groups(coarse, fine);
    let covered = groups.iter().filter(|(_, parts)| parts.iter().any(counts));
    (have, covered.map(|(start, _)| *start).collect())
}

fn tick_coverage(candles: &Candles<'_>, _: &Parameters) -> Vec<Detection> {
    let Candles::Ticks(series, ticks) = *candles else { return Vec::new() };
    let starts = |series: &Series| -> BTreeSet<i64> {
        series.bars.iter().filter(|bar| bar.has_trades()).map(|bar| bar.start).collect()
    };
    one_sided(series, &starts(series), &starts(ticks), "trades")
}

/// Intervals that exist on one side only. `source` names what the other side consists of.
fn one_sided(series: &Series, ours: &BTreeSet<i64>, others: &BTreeSet<i64>, source: &str) -> Vec<Detection> {
    let mut tally = Tally::default();
    if ours.is_empty() && others.is_empty() {
        return Vec::new();
    }
    for start in ours.symmetric_difference(others) {
        tally.note(*start, || {
            let at = place(series.timeframe, *start);
            if ours.contains(start) {
                format!("{at} has no {source}")
            } else {
                format!("{at} is missing, but there are {source}")
            }
        });
        tally.reach(start + series.timeframe.us());
    }
    tally.found()
}
