//! `mtdh candles`: candles of the lake's trades, or of a user's own files.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use mtdh_core::DayRange;
use mtdh_engine::candles::{Fill, Remake, candle_files};
use mtdh_engine::runs::progress::Progress;
use mtdh_engine::runs::summary::new_run_id;
use mtdh_engine::{CandlePlanOptions, CandleRunOptions};

use crate::args::{CandlesArgs, FillArg};
use crate::exit::Outcome;
use crate::log;
use crate::output::{Rows, error, note, print};
use crate::progress::Bar;
use crate::render::SHOWN;
use crate::render::candles::{cells, note_summary, print_plan, summary_rows};
use crate::session::{Session, check_venues, range, shard};

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
    let made =
        match candle_files(&args.input, &args.timeframes, fill(args), folder, args.time_unit, session.stop) {
            Ok(made) => made,
            // A file that cannot be opened is a usage error, and an output that cannot be written ends the work; a file that was
            // refused is a result.
            Err(failure) if failure.is_refusal() && args.input.iter().all(|file| file.is_file()) => {
                error(&failure.into());
                return Ok(Outcome::NotClean);
            }
            Err(failure) => return Err(failure.into()),
        };
    let mut rows =
        Rows::new(&["output", "timeframe", "instrument_key", "candles", "trades", "repeated_trades"]);
    rows.rows = made.iter().map(cells).collect();
    print(session.format, &rows, &made)?;
    made.first().iter().flat_map(|made| &made.notes).for_each(|text| note(text));
    Ok(Outcome::Clean)
}

async fn of_lake(session: &Session<'_>, args: &CandlesArgs, first: DayRange) -> Result<Outcome> {
    let days = range(first, args.end_date)?;
    let shard = shard(&args.shard)?;
    let mut selection = args.filters.filter().of_lake(days)?;
    if args.filters.data_types.is_empty() {
        selection.data_types = mtdh_core::DataType::ALL.to_vec();
    }
    let context = session.context()?.with_origin(args.origin);
    check_venues(&context, &selection).await?;
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
        print_plan(session.format, &plan, &args.timeframes)?;
        let has_all = plan.without_trades.is_empty() && plan.lacking.is_empty();
        return Ok(if has_all { Outcome::Clean } else { Outcome::NotClean });
    }
    let (progress, run_id) = (Arc::new(Progress::default()), new_run_id());
    log::set_run(&run_id, shard);
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
