//! `mtdh validate`.

use anyhow::{Result, bail};
use mtdh_core::DataType;
use mtdh_core::partition::Origin;
use mtdh_core::text::without_credentials;
use mtdh_engine::judgement::Judgement;
use mtdh_engine::report::coverage::PageHead;
use mtdh_engine::validate::{Depth, ValidationReport};
use mtdh_engine::{Context, Filter, Selection, ValidateOptions, Validation};

use super::reports;
use crate::about::{About, Scope, Without, about};
use crate::args::{DepthArgs, SelectionArgs, ValidateArgs};
use crate::exit::Outcome;
use crate::output::note;
use crate::render::validate::{last_line, print_report};
use crate::session::{Session, named_days};

pub async fn run(mut session: Session<'_>, args: ValidateArgs) -> Result<Outcome> {
    let days = named_days(&args.selection)?;
    reports::check(&args.report)?;
    session.config.source_folder.clone_from(&args.source.source);
    if args.origin == Origin::Live && (args.recheck || args.source.source.is_some()) {
        bail!("the vendor has no files of recordings: --recheck and --source go with --origin vendor");
    }
    let context = session.context()?.with_origin(args.origin);
    context.check_readable().await?;
    // What is wanted, and what was asked for, are the vendor's files.
    let is_live = args.origin == Origin::Live;
    let scope = if is_live { Scope::Everything } else { Scope::of(args.everything) };
    let filters = &args.selection.filters;
    let mut about = about(&context, filters, days, scope, Without::Asked, Filter::of_lake).await?;
    if is_live && filters.data_types.is_empty() {
        // What was subscribed to is expected, whatever the vendor's usual types are.
        about.selections.iter_mut().for_each(|selection| selection.data_types = DataType::ALL.to_vec());
    }
    let stop = session.stop.clone();
    let (removed, recheck) = (args.allow.removed(), args.recheck);
    let options = ValidateOptions { removed, recheck, stop, ..options(&args.depth) };
    let report = of_all(&context, &about, &options).await?;
    let is_of_vendor = args.origin == Origin::Vendor && !session.stop.is_cancelled();
    let next = if is_of_vendor { what_fetches(&session, &about, &args.selection, &report) } else { None };
    let outcome = match session.stop.is_cancelled() {
        true => Outcome::Interrupted,
        false => {
            Judgement::of_validation(&report, &session.waits(args.allow, about.export_grace_hours())).into()
        }
    };
    let head = PageHead {
        subject: without_credentials(context.lake_url()),
        command: Some(session.command.clone()),
        scope: about.plain.clone(),
        filter: args.selection.filters.filter(),
        verdict: last_line(&report),
        is_clean: outcome == Outcome::Clean,
    };
    reports::write(&args.report, &report, || head.validation(&report))?;
    print_report(session.format, &report, next.as_deref())?;
    Ok(outcome)
}

/// The command that fetches what lacks: by the same flags; without any, as it is wanted. `None`: nothing lacks, or there is none.
pub fn what_fetches(
    session: &Session<'_>,
    about: &About,
    args: &SelectionArgs,
    report: &ValidationReport,
) -> Option<String> {
    match () {
        () if report.totals.missing == 0 => None,
        () if args.start_date.is_some() => Some(session.command_of("download", args)),
        () if !about.sets.is_empty() => Some(session.command_on_lake("sync")),
        () => None,
    }
}

/// How closely to look.
pub fn options(depth: &DepthArgs) -> ValidateOptions {
    let today = crate::time::today();
    let depth = match depth {
        DepthArgs { bytes: true, .. } => Depth::Bytes { today },
        DepthArgs { deep: true, sample, .. } => Depth::Deep { sample: *sample, today },
        _ => Depth::Listing,
    };
    ValidateOptions { depth, ..ValidateOptions::default() }
}

/// One report on all that a verb is about.
pub async fn of_all(context: &Context, about: &About, options: &ValidateOptions) -> Result<ValidationReport> {
    let mut whole: Option<ValidationReport> = None;
    for selection in &about.selections {
        let mut report = validate(context, selection, options.clone()).await?;
        report.about.clone_from(&about.names);
        match &mut whole {
            Some(whole) => whole.merge(report),
            None => whole = Some(report),
        }
    }
    Ok(whole.unwrap_or_default())
}

/// Validates, and prints notes on the way.
async fn validate(
    context: &Context,
    selection: &Selection,
    options: ValidateOptions,
) -> Result<ValidationReport> {
    let Validation { report, notes } = context.validate(selection, options).await?;
    for text in &notes {
        note(text);
    }
    Ok(report)
}
