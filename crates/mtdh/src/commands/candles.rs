//! `mtdh candles`: candles of the lake's trades, or of a user's own files.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use mtdh_core::Day;
use mtdh_engine::candles::{CandlePlan, CandleSummary, FileReport, Fill, Remake, Timeframe, candle_files};
use mtdh_engine::runs::progress::Progress;
use mtdh_engine::runs::summary::new_run_id;
use mtdh_engine::{CandlePlanOptions, CandleRunOptions};
use serde::Serialize;

use super::download::about;
use super::{Session, range};
use crate::Outcome;
use crate::args::{CandlesArgs, FillArg};
use crate::output::{Rows, error, many, note, print};
use crate::progress::Bar;

/// Lines of one kind that are said at most.
const SHOWN: usize = 20;

pub async fn run(session: &Session<'_>, mut args: CandlesArgs) -> Result<Outcome> {
    args.timeframes.sort_unstable();
    args.timeframes.dedup();
    match (&args.output, args.start_date) {
        (Some(folder), None) => of_files(session, &args, folder),
        (None, Some(first)) => of_lake(session, &args, first).await,
        _ => anyhow::bail!(
            "give --start-date for candles of the lake, or --input and --output for those of files"
        ),
    }
}

fn fill(args: &CandlesArgs) -> Fill {
    match args.fill {
        FillArg::None => Fill::None,
        FillArg::Flat => Fill::Flat,
    }
}

fn of_files(session: &Session<'_>, args: &CandlesArgs, folder: &Path) -> Result<Outcome> {
    let made = match candle_files(&args.input, &args.timeframes, fill(args), folder, session.stop) {
        Ok(made) => made,
        // A file that cannot be opened is a wrong call, an output that cannot be written ends the work; a file that was
        // refused is a result.
        Err(failure) if failure.is_refusal() && args.input.iter().all(|file| file.is_file()) => {
            error(&failure.into());
            return Ok(Outcome::NotClean);
        }
        Err(failure) => return Err(failure.into()),
    };
    let mut rows = Rows::new(&["output", "timeframe", "instrument_key", "candles", "trades"]);
    rows.rows = made.iter().map(cells).collect();
    print(session.format, &rows, &made)?;
    Ok(Outcome::Clean)
}

fn cells(report: &FileReport) -> Vec<String> {
    let FileReport { output, timeframe, instrument_key, candles, trades } = report;
    let (timeframe, key) = (timeframe.clone(), instrument_key.clone());
    vec![output.display().to_string(), timeframe, key, candles.to_string(), trades.to_string()]
}

async fn of_lake(session: &Session<'_>, args: &CandlesArgs, first: Day) -> Result<Outcome> {
    let days = range(first, args.end_date)?;
    let shard = super::download::shard(&args.shard)?;
    let mut selection = args.filters.filter().of_lake(days)?;
    if args.filters.data_types.is_empty() {
        selection.data_types = mtdh_core::DataType::ALL.to_vec();
    }
    let context = session.context()?;
    let remake = if args.force { Remake::All } else { Remake::Outdated };
    let options = CandlePlanOptions { timeframes: args.timeframes.clone(), fill: fill(args), shard, remake };
    let plan = context.plan_candles(&selection, &options).await?;
    let count = plan.unknown.len();
    for (day, key) in plan.unknown.iter().take(SHOWN) {
        note(&format!("not in the instrument table: {day} {key}"));
    }
    if count > SHOWN {
        note(&format!("and {} more that are not in the instrument table", count - SHOWN));
    }
    if plan.is_about_nothing() {
        note("nothing in the lake is what was asked for; see mtdh ls");
        return Ok(Outcome::NotClean);
    }
    if args.dry_run {
        return print_plan(session, &plan, &args.timeframes);
    }
    let (progress, run_id) = (Arc::new(Progress::default()), new_run_id());
    about(&run_id, shard);
    let bar = Bar::start(progress.clone());
    let is_of_nothing = plan.units.is_empty();
    let options = CandleRunOptions {
        run_id: Some(run_id.clone()),
        shard,
        workers: args.max_workers,
        progress,
        stop: session.stop.clone(),
    };
    let summary = context.make_candles(plan, options).await?;
    drop(bar);
    print(session.format, &summary_rows(&summary), &summary)?;
    note_summary(&summary);
    if !is_of_nothing {
        let (index, total) = (shard.index(), shard.total());
        note(&format!("summary: runs/{run_id}/candles-{index}-of-{total}.json in the lake"));
    }
    Ok(match (session.stop.is_cancelled(), summary.is_clean()) {
        (true, _) => Outcome::Interrupted,
        (false, true) => Outcome::Clean,
        (false, false) => Outcome::NotClean,
    })
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
    other_shard: usize,
}

fn print_plan(session: &Session<'_>, plan: &CandlePlan, timeframes: &[Timeframe]) -> Result<Outcome> {
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
    let named =
        |((day, venue), line): ((Day, String), PlanLine)| PlanLine { day: day.to_string(), venue, ..line };
    let lines: Vec<PlanLine> = lines.into_iter().map(named).collect();
    let mut rows =
        Rows::new(&["day", "venue", "instruments", "objects", "up_to_date", "without_trades", "other_shard"]);
    for line in &lines {
        let counts = [line.instruments, line.objects, line.up_to_date, line.without_trades, line.other_shard];
        let names = [line.day.clone(), line.venue.clone()];
        rows.rows.push(names.into_iter().chain(counts.map(|count| count.to_string())).collect());
    }
    print(session.format, &rows, &lines)?;
    let names: Vec<String> = timeframes.iter().map(ToString::to_string).collect();
    note(&format!("to make: {} ({})", many(plan.objects() as u64, "object"), names.join(", ")));
    Ok(if plan.without_trades.is_empty() { Outcome::Clean } else { Outcome::NotClean })
}

fn summary_rows(summary: &CandleSummary) -> Rows {
    let mut rows = Rows::new(&["what", "count"]);
    let mut add = |what: &str, count: u64| rows.rows.push(vec![what.to_owned(), count.to_string()]);
    add("instrument-days made", summary.instrument_days as u64);
    add("instrument-days failed", summary.failures.len() as u64);
    add("instrument-days without trades in the lake", summary.without_trades.len() as u64);
    add("instrument-days of other shards", summary.other_shard as u64);
    add("objects written", summary.objects as u64);
    add("objects up to date", summary.up_to_date as u64);
    add("candles", summary.candles);
    add("candles not final", summary.not_final);
    add("trades", summary.trades);
    add("trades outside of their day", summary.trades_outside);
    rows
}

fn note_summary(summary: &CandleSummary) {
    if summary.trades_outside > 0 {
        let trades = many(summary.trades_outside, "trade");
        note(&format!(
            "the `timestamp` of {trades} lies in no interval of the day; those of a neighbouring day are in its candles"
        ));
    }
    for failure in summary.failures.iter().take(SHOWN) {
        note(&format!("failed: {} {}: {}", failure.day, failure.instrument_key, failure.cause));
    }
    for name in summary.without_trades.iter().take(SHOWN) {
        note(&format!("no trades in the lake: {name}; fetch them with mtdh download"));
    }
    let hidden =
        summary.failures.len().saturating_sub(SHOWN) + summary.without_trades.len().saturating_sub(SHOWN);
    if hidden > 0 {
        note(&format!("and {hidden} more; --format json has them all"));
    }
    if summary.left > 0 {
        let left = many(summary.left as u64, "instrument-day");
        note(&format!("left to do: {left}; run the same command again to go on"));
    }
}
