//! `mtdh candles`: candles of the lake's trades, or of a user's own files.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use mtdh_core::DataType;
use mtdh_core::candle::Timeframe;
use mtdh_core::partition::Origin;
use mtdh_engine::candles::{CandlePlan, Fill, Remake, candle_files};
use mtdh_engine::runs::progress::Progress;
use mtdh_engine::runs::summary::new_run_id;
use mtdh_engine::{CandlePlanOptions, CandleRunOptions, Filter};

use super::publish::note_stale;
use crate::about::{Scope, Without, about};
use crate::args::{CandlesArgs, FillArg};
use crate::exit::Outcome;
use crate::log;
use crate::output::{Rows, error, many, note, print, verdict};
use crate::render::SHOWN;
use crate::render::candles::{cells, note_summary, print_plan, summary_rows};
use crate::session::{Session, range, shard};

pub async fn run(session: &Session<'_>, mut args: CandlesArgs) -> Result<Outcome> {
    args.timeframes.sort_unstable();
    args.timeframes.dedup();
    match (&args.output, args.input.is_empty()) {
        (Some(folder), false) => {
            if args.timeframes.is_empty() {
                args.timeframes = Timeframe::USUAL.to_vec();
            }
            of_files(session, &args, folder)
        }
        (None, true) => of_lake(session, &args).await,
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

async fn of_lake(session: &Session<'_>, args: &CandlesArgs) -> Result<Outcome> {
    let days = args.start_date.map(|first| range(first, args.end_date)).transpose()?;
    let shard = shard(&args.shard)?;
    let context = session.context()?.with_origin(args.origin);
    context.check_readable().await?;
    // What is wanted is the vendor's.
    let scope = if args.origin == Origin::Live { Scope::Everything } else { Scope::of(args.everything) };
    let about = about(&context, &args.filters, days, scope, Without::Flags, Filter::of_lake).await?;
    let remake = if args.force { Remake::All } else { Remake::Outdated };
    // Where no set wants candles, whoever asks for some means the usual ones.
    let has_wanted = about.sets.iter().any(|set| !set.candles.is_empty());
    let (mut plan, mut timeframes) = (CandlePlan::default(), Vec::new());
    for (place, selection) in about.selections.iter().enumerate() {
        let of = match (&args.timeframes[..], about.sets.get(place)) {
            ([], Some(set)) if set.candles.is_empty() && has_wanted => continue,
            ([], Some(set)) if has_wanted => set.candles.clone(),
            ([], _) => Timeframe::USUAL.to_vec(),
            (named, _) => named.to_vec(),
        };
        timeframes.extend(of.iter().copied());
        let options = CandlePlanOptions { timeframes: of, fill: fill(args), shard, remake };
        let mut inputs = selection.clone();
        if args.filters.data_types.is_empty() {
            inputs.data_types = DataType::ALL.to_vec();
        }
        let mut more = context.plan_candles(&inputs, &options).await?;
        if !about.sets.is_empty() {
            // Inputs that nobody wants do not lack.
            more.lacking.retain(|partition| selection.data_types.contains(&partition.data_type));
        }
        plan.merge(more);
    }
    timeframes.sort_unstable();
    timeframes.dedup();
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
        print_plan(session.format, &plan, &timeframes)?;
        let has_all = plan.without_trades.is_empty() && plan.lacking.is_empty();
        return Ok(if has_all { Outcome::Clean } else { Outcome::NotClean });
    }
    let (progress, run_id) = (Arc::new(Progress::default()), new_run_id());
    log::set_run(&run_id, shard);
    let is_of_nothing = plan.units.is_empty();
    let options = CandleRunOptions {
        run_id: Some(run_id.clone()),
        shard,
        workers: args.max_workers,
        progress,
        stop: session.stop.clone(),
    };
    let summary = context.make_candles(plan, options).await?;
    print(session.format, &summary_rows(&summary), &summary)?;
    note_summary(&summary);
    if !is_of_nothing {
        let (index, total) = (shard.index(), shard.total());
        note(&format!("summary: runs/{run_id}/candles-{index}-of-{total}.json in the lake"));
        note_stale(&context).await?;
    }
    let objects = many(summary.objects as u64, "object");
    match () {
        () if summary.is_clean() && is_of_nothing => verdict("nothing was to be made", None),
        () if summary.is_clean() => verdict(&format!("made: {objects}"), None),
        () if summary.left > 0 => verdict(&format!("not all was made: {objects}"), Some(&session.command)),
        () => verdict(&format!("not all was made: {objects}"), None),
    }
    Ok(match (session.stop.is_cancelled(), summary.is_clean()) {
        (true, _) => Outcome::Interrupted,
        (false, true) => Outcome::Clean,
        (false, false) => Outcome::NotClean,
    })
}
