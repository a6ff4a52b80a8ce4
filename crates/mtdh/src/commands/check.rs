//! `mtdh check`: runs the checks of some groups and writes reports.

mod stream;

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use mtdh_core::DayRange;
use mtdh_core::check::{Group, Settings, Severity};
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::Origin;
use mtdh_engine::check::files::FileHints;
use mtdh_engine::check::kept::Keep;
use mtdh_engine::check::lake::RowsOf;
use mtdh_engine::check::reference::{Reference, Source};
use mtdh_engine::check::{CheckPlan, CheckReport};
use mtdh_engine::files::unfinished::write_whole;
use mtdh_engine::names::key_of_symbol;
use mtdh_engine::report::formats::Form;
use mtdh_engine::report::{Document, Head};
use mtdh_engine::{
    CheckOptions, Filter, LakeCheck, check_user_candles, check_user_files, compare_user_files,
};

use super::reports::check_folders;
use crate::about::{Scope, Without, about};
use crate::args::{CheckArgs, CheckCommand, FailOn, Groups};
use crate::exit::Outcome;
use crate::render::check::print_document;
use crate::session::{Session, range};
use crate::table::MOST_ROWS;

pub async fn run(session: &Session<'_>, args: CheckArgs) -> Result<Outcome> {
    if let Some(CheckCommand::Stream(args)) = args.command {
        return stream::run(session, args).await;
    }
    // Before anything is read, so that an unknown report format is found now.
    let forms = args.report.iter().map(|file| form(file)).collect::<Result<Vec<Form>>>()?;
    check_places(&args)?;
    let plan = plan(&args.groups, &args.set)?;
    if args.min_grade.is_some() && !plan.gives_grades() {
        bail!("--min-grade needs the grades that mtdh check all gives");
    }
    let fail_on = if args.fail_on == FailOn::Warning { Severity::Warning } else { Severity::Error };
    let head = |names: Vec<String>| {
        let command = Some(session.command.clone());
        Head { subject: names.join(", "), days: None, fail_on, command, filter: None }
    };
    let mut scope = None;
    let (head, LakeCheck { plan, report }) = match args.start_date {
        first if args.data_file.is_empty() && args.base_file.is_none() => {
            let days = first.map(|first| range(first, args.end_date)).transpose()?;
            of_lake(session, plan, days, fail_on, &args, &mut scope).await?
        }
        None if args.base_file.is_some() => {
            let report = of_candle_files(session, &plan, &args).await?;
            let files = args.base_file.iter().chain(&args.agg_file).chain(&args.data_file);
            let names: Vec<String> = files.map(|f| f.display().to_string()).collect();
            (head(names), LakeCheck { plan, report })
        }
        _ => {
            let report = of_files(session, &plan, &args).await?;
            let names: Vec<String> = args.data_file.iter().map(|f| f.display().to_string()).collect();
            (head(names), LakeCheck { plan, report })
        }
    };
    let mut document = Document::new(&head, &plan, &report);
    document.scope = scope;
    if let Some(least) = args.min_grade {
        document.hold_to(&report, least.grade());
    }
    for (file, form) in args.report.iter().zip(forms) {
        write_whole(file, form.of(&document).as_bytes())
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    // A page shows what a terminal has no room for.
    let has_more = document.findings.len() > MOST_ROWS && args.report.is_empty();
    let next = has_more.then(|| format!("{} --report check.html", session.command));
    print_document(session.format, &document, &report, next.as_deref())?;
    Ok(outcome(&document, &report))
}

/// The checks of the named groups at the current time, with these settings.
pub fn plan(groups: &[Groups], set: &[String]) -> Result<CheckPlan> {
    let mut settings = Settings::default();
    for text in set {
        settings.set(text)?;
    }
    Ok(CheckPlan::new(groups.iter().flat_map(|groups| groups.iter().copied()), settings))
}

/// Checks before the work that the input files and the folders of the reports exist.
fn check_places(args: &CheckArgs) -> Result<()> {
    let inputs =
        args.data_file.iter().chain(&args.base_file).chain(&args.agg_file).chain(&args.reference_file);
    for file in inputs {
        if !file.exists() {
            bail!("there is no file {}", file.display());
        }
    }
    check_folders(&args.report)
}

fn form(file: &Path) -> Result<Form> {
    let form = Form::of_file(file);
    form.with_context(|| format!("{}: a report ends in .json, .csv, .xml, .md or .html", file.display()))
}

async fn of_lake(
    session: &Session<'_>,
    plan: CheckPlan,
    days: Option<DayRange>,
    fail_on: Severity,
    args: &CheckArgs,
    in_words: &mut Option<String>,
) -> Result<(Head, LakeCheck)> {
    let named = named(args)?;
    let mut filters = args.filters.clone();
    if let Some(key) = named.as_ref().filter(|_| args.symbol.is_some()) {
        (filters.instruments, filters.venues) = (vec![key.to_string()], Vec::new());
    }
    let reference = reference(session, args);
    if matches!(reference.source, Source::File(_)) && plan.has(Group::CrossSource) && named.is_none() {
        bail!("a --reference-file is of one instrument; name it with --symbol or --instruments");
    }
    let context = session.context()?.with_origin(args.origin);
    context.check_readable().await?;
    // A recording, and an instrument that is compared by its name, are not what the vendor's files are wanted for.
    let is_apart = args.origin == Origin::Live || args.symbol.is_some();
    let scope = if is_apart { Scope::Everything } else { Scope::of(args.everything) };
    let about = about(&context, &filters, days, scope, Without::Asked, Filter::of_lake).await?;
    in_words.clone_from(&about.plain);
    let is_by_flags = about.sets.is_empty();
    let rows_of = if filters.data_types.is_empty() && is_by_flags { RowsOf::All } else { RowsOf::Selection };
    let mut whole: Option<LakeCheck> = None;
    for selection in &about.selections {
        let (named, reference) = (named.clone(), reference.clone());
        let options =
            CheckOptions { rows_of, named, reference, keep: Keep::InLake, stop: session.stop.clone() };
        let checked = context.check(plan.clone(), selection, options).await?;
        match &mut whole {
            Some(whole) => {
                whole.plan.merge(checked.plan);
                whole.report.merge(checked.report);
            }
            None => whole = Some(checked),
        }
    }
    let mut whole = whole.context("there is nothing to check")?;
    whole.report.about.clone_from(&about.names);
    let (subject, days) = (context.lake_url().to_owned(), about.days());
    let (command, filter) = (Some(session.command.clone()), Some(filters.filter()));
    Ok((Head { subject, days, fail_on, command, filter }, whole))
}

/// The instrument, if the user named exactly one.
fn named(args: &CheckArgs) -> Result<Option<InstrumentKey>> {
    if let Some(symbol) = &args.symbol {
        let venue = match &args.filters.venues[..] {
            [] => "BINANCE",
            [venue] => venue,
            _ => bail!("with --symbol, --venues names one venue"),
        };
        return Ok(Some(key_of_symbol(venue, symbol)?));
    }
    match &args.filters.instruments[..] {
        [key] => Ok(key.parse().ok()),
        _ => Ok(None),
    }
}

fn reference(session: &Session<'_>, args: &CheckArgs) -> Reference {
    let source = match &args.reference_file {
        Some(file) => Source::File(file.clone()),
        None => Source::Service { address: session.config.binance.clone(), retry: session.config.retry },
    };
    Reference { source, timeframe: args.timeframe }
}

async fn of_candle_files(session: &Session<'_>, plan: &CheckPlan, args: &CheckArgs) -> Result<CheckReport> {
    if plan.groups != [Group::Aggregation] {
        bail!("--base-file and --agg-file are for mtdh check aggregation");
    }
    match (&args.base_file, &args.agg_file) {
        (Some(base), Some(agg)) => {
            Ok(check_user_candles(base, agg, &args.data_file, plan, args.time_unit, session.stop).await?)
        }
        _ => bail!("--base-file and --agg-file go together"),
    }
}

async fn of_files(session: &Session<'_>, plan: &CheckPlan, args: &CheckArgs) -> Result<CheckReport> {
    if plan.groups == [Group::Aggregation] {
        bail!("aggregation of files needs --base-file and --agg-file");
    }
    if plan.groups == [Group::CrossSource] {
        let days = args.start_date.map(|first| range(first, args.end_date)).transpose()?;
        let (key, reference) = (named(args)?, reference(session, args));
        let checked = compare_user_files(
            &args.data_file,
            key.as_ref(),
            days,
            &reference,
            plan,
            args.time_unit,
            session.stop,
        );
        return Ok(checked.await?);
    }
    if args.start_date.is_some() {
        bail!("--start-date cannot be used with --data-file, but for mtdh check cross-source alone");
    }
    if plan.has(Group::CrossSource) {
        bail!("check files against a reference by mtdh check cross-source alone");
    }
    let key = match &args.filters.instruments[..] {
        [] => None,
        [key] => Some(key.parse::<InstrumentKey>().context("--instruments names the file's instrument")?),
        _ => bail!("with --data-file, --instruments names one instrument"),
    };
    let data_type = match args.filters.data_types[..] {
        [] => None,
        [data_type] => Some(data_type),
        _ => bail!("with --data-file, --data-types names one data type"),
    };
    let hints = FileHints { key, data_type, time_unit: args.time_unit };
    Ok(check_user_files(&args.data_file, &hints, plan, session.stop).await?)
}

fn outcome(document: &Document, report: &CheckReport) -> Outcome {
    if report.is_interrupted {
        Outcome::Interrupted
    } else if document.is_clean {
        Outcome::Clean
    } else {
        Outcome::NotClean
    }
}
