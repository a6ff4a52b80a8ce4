//! The output of `candles`.

use std::collections::BTreeMap;

use anyhow::Result;
use mtdh_core::Day;
use mtdh_engine::candles::{CandlePlan, CandleSummary, FileReport, Timeframe};
use serde::Serialize;

use super::SHOWN;
use crate::args::Format;
use crate::output::{Rows, many, note, print};

pub fn cells(report: &FileReport) -> Vec<String> {
    let FileReport { output, timeframe, instrument_key, candles, trades, repeated_trades, notes: _ } = report;
    let names = [output.display().to_string(), timeframe.clone(), instrument_key.clone()];
    names.into_iter().chain([*candles, *trades, *repeated_trades].map(|count| count.to_string())).collect()
}

/// A line of a plan: a day and a venue.
#[derive(Default, Serialize)]
struct PlanLine {
    day: String,
    venue: String,
    instruments: usize,
    objects: usize,
    up_to_date: usize,
    without_trades: usize,
    lacking_inputs: usize,
    other_shard: usize,
}

/// Prints a plan of candles.
pub fn print_plan(format: Format, plan: &CandlePlan, timeframes: &[Timeframe]) -> Result<()> {
    let mut lines: BTreeMap<(Day, String), PlanLine> = BTreeMap::new();
    for unit in &plan.units {
        let line = lines.entry((unit.day, unit.key.venue().to_owned())).or_default();
        line.instruments += 1;
        line.objects += unit.timeframes.len();
    }
    for (place, count) in &plan.up_to_date {
        lines.entry(place.clone()).or_default().up_to_date += count;
    }
    for (place, count) in &plan.other_shard {
        lines.entry(place.clone()).or_default().other_shard += count;
    }
    for (day, key) in &plan.without_trades {
        lines.entry((*day, key.venue().to_owned())).or_default().without_trades += 1;
    }
    for partition in &plan.lacking {
        lines.entry((partition.day, partition.key.venue().to_owned())).or_default().lacking_inputs += 1;
    }
    let named =
        |((day, venue), line): ((Day, String), PlanLine)| PlanLine { day: day.to_string(), venue, ..line };
    let lines: Vec<PlanLine> = lines.into_iter().map(named).collect();
    let counts = ["instruments", "objects", "up_to_date", "without_trades", "lacking_inputs", "other_shard"];
    let mut rows = Rows::new(&[&["day", "venue"][..], &counts].concat());
    for line in &lines {
        let PlanLine {
            instruments, objects, up_to_date, without_trades, lacking_inputs, other_shard, ..
        } = *line;
        let counts = [instruments, objects, up_to_date, without_trades, lacking_inputs, other_shard];
        let names = [line.day.clone(), line.venue.clone()];
        rows.rows.push(names.into_iter().chain(counts.map(|count| count.to_string())).collect());
    }
    print(format, &rows, &lines)?;
    let names: Vec<String> = timeframes.iter().map(ToString::to_string).collect();
    note(&format!("to make: {} ({})", many(plan.objects() as u64, "object"), names.join(", ")));
    Ok(())
}

pub fn summary_rows(summary: &CandleSummary) -> Rows {
    let mut rows = Rows::new(&["what", "count"]);
    let mut add = |what: &str, count: u64| rows.rows.push(vec![what.to_owned(), count.to_string()]);
    add("instrument-days made", summary.instrument_days as u64);
    add("instrument-days failed", summary.failures.len() as u64);
    add("instrument-days without trades in the lake", summary.without_trades.len() as u64);
    add("inputs that the tables list and the lake lacks", summary.lacking.len() as u64);
    add("instrument-days of other shards", summary.other_shard as u64);
    add("objects written", summary.objects as u64);
    add("objects up to date", summary.up_to_date as u64);
    add("candles", summary.candles);
    add("candles not final", summary.not_final);
    add("trades", summary.trades);
    add("trades sent again, counted once", summary.repeated_trades);
    add("trades outside of their day", summary.trades_outside);
    add("trades too far from their day for any candle", summary.trades_in_no_candle);
    rows
}

pub fn note_summary(summary: &CandleSummary) {
    if summary.trades_outside > 0 {
        let trades = many(summary.trades_outside, "trade");
        note(&format!(
            "the `timestamp` of {trades} lies in no interval of the day; those of a neighbouring day are in its candles"
        ));
    }
    if summary.trades_in_no_candle > 0 {
        let trades = many(summary.trades_in_no_candle, "trade");
        note(&format!("{trades} happened more than a day before or after arriving, and are in no candle"));
    }
    for failure in summary.failures.iter().take(SHOWN) {
        note(&format!("failed: {} {}: {}", failure.day, failure.instrument_key, failure.cause));
    }
    for name in summary.without_trades.iter().take(SHOWN) {
        note(&format!("no trades in the lake: {name}; fetch them with mtdh download"));
    }
    for name in summary.lacking.iter().take(SHOWN) {
        note(&format!(
            "not in the lake: {name}; fetch it with mtdh download, or choose the inputs with --data-types"
        ));
    }
    let lists = [summary.failures.len(), summary.without_trades.len(), summary.lacking.len()];
    let hidden: usize = lists.into_iter().map(|list| list.saturating_sub(SHOWN)).sum();
    if hidden > 0 {
        note(&format!("and {hidden} more; --format json has them all"));
    }
    if summary.left > 0 {
        let left = many(summary.left as u64, "instrument-day");
        note(&format!("left to do: {left}; run the same command again to go on"));
    }
}
