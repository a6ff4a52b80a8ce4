//! `mtdh validate`.

use std::sync::Arc;

use anyhow::{Result, bail};
use mtdh_core::DataType;
use mtdh_core::partition::Origin;
use mtdh_engine::judgement::Judgement;
use mtdh_engine::runs::progress::Progress;
use mtdh_engine::validate::{Depth, ValidationReport};
use mtdh_engine::{Context, Selection, ValidateOptions, Validation};

use crate::args::{DepthArgs, ValidateArgs};
use crate::exit::Outcome;
use crate::output::note;
use crate::progress::Bar;
use crate::render::validate::print_report;
use crate::session::{Session, check_venues, days};

pub async fn run(mut session: Session<'_>, args: ValidateArgs) -> Result<Outcome> {
    let mut selection = args.selection.filters.filter().of_lake(days(&args.selection)?)?;
    if args.origin == Origin::Live && args.selection.filters.data_types.is_empty() {
        // What was subscribed to is expected, whatever the vendor's usual types are.
        selection.data_types = DataType::ALL.to_vec();
    }
    session.config.source_folder.clone_from(&args.source.source);
    if args.origin == Origin::Live && (args.recheck || args.source.source.is_some()) {
        bail!("the vendor has no files of recordings: --recheck and --source go with --origin vendor");
    }
    let context = session.context()?.with_origin(args.origin);
    context.check_readable().await?;
    check_venues(&context, &selection).await?;
    let (progress, stop) = (Arc::new(Progress::default()), session.stop.clone());
    let _bar = args.recheck.then(|| Bar::start(progress.clone()));
    let (removed, recheck) = (args.allow.removed(), args.recheck);
    let options = ValidateOptions { removed, recheck, progress, stop, ..options(&args.depth) };
    let report = validate(&context, &selection, options).await?;
    print_report(session.format, &report)?;
    Ok(if session.stop.is_cancelled() {
        Outcome::Interrupted
    } else {
        Judgement::of_validation(&report, &session.waits(args.allow)).into()
    })
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

/// Validates, and prints notes on the way.
pub async fn validate(
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
