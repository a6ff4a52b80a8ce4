//! `mtdh export`: the lake in the layout of Hive, and as Delta tables.

use anyhow::{Result, bail};
use mtdh_core::DayRange;
use mtdh_engine::hive::{HiveForm, HiveReport, HiveRequest, HiveWish, Named, TableReport};

use crate::args::{ExportCommand, Format, HiveArgs, SelectionArgs};
use crate::exit::Outcome;
use crate::output::{Rows, count, many, note, print, size, verdict};
use crate::session::{Session, range};

/// Names of a list that people are told; all are in the JSON document.
const TOLD: usize = 10;

pub async fn run(session: &Session<'_>, command: ExportCommand) -> Result<Outcome> {
    let (args, is_delta) = match command {
        ExportCommand::Hive(args) => (args, false),
        ExportCommand::Delta(args) => (args, true),
    };
    let context = session.context()?;
    context.check_readable().await?;
    let wish = HiveWish {
        filter: args.filters.filter(),
        days: days(&args)?,
        tables: args.tables.clone(),
        everything: args.everything,
    };
    let (request, sets) = context.hive_request(&wish).await?;
    if !sets.is_empty() {
        note(&format!("about what lake.toml wants: {}; --everything exports all", sets.join(", ")));
    }
    if request.selections.is_empty() {
        bail!(
            "nothing that lake.toml wants is left by these flags; --everything exports all that they select"
        );
    }
    let request = HiveRequest {
        place: args.out.clone(),
        form: if args.compact { HiveForm::Compacted } else { HiveForm::Objects },
        delta: args.delta || is_delta,
        verify: args.verify,
        strict: args.strict,
        ..request
    };
    let report = tokio::select! {
        () = session.stop.cancelled() => return Ok(Outcome::Interrupted),
        report = context.export_hive(&request) => report?,
    };
    print(session.format, &rows(&report), &report)?;
    let (start_date, end_date, filters) = (args.start_date, args.end_date, args.filters);
    let is_by_days = start_date.is_some();
    let selection = SelectionArgs { start_date, end_date, filters };
    let next = match () {
        () if report.not_exported.count > 0 => Some(session.command_of("validate --bytes", &selection)),
        () if report.missing.count > 0 && is_by_days => Some(session.command_of("download", &selection)),
        () if report.missing.count > 0 && !sets.is_empty() => Some(session.command_on_lake("sync")),
        () => None,
    };
    tell(&report, session.format, next.as_deref());
    Ok(if report.is_clean() { Outcome::Clean } else { Outcome::NotClean })
}

/// The days that the user named; `None`: none.
fn days(args: &HiveArgs) -> Result<Option<DayRange>> {
    match (args.start_date, args.end_date) {
        (None, None) => Ok(None),
        (Some(first), last) => range(first, last).map(Some),
        (None, last) => range(HiveWish::every_day(), last).map(Some),
    }
}

fn rows(report: &HiveReport) -> Rows {
    let mut rows = Rows::new(&[
        "table",
        "days",
        "files",
        "rows",
        "bytes",
        "linked",
        "copied",
        "compacted",
        "removed",
        "delta_version",
    ]);
    rows.rows = report
        .tables
        .iter()
        .map(|(name, table)| {
            let counts = [
                table.days,
                table.files,
                table.rows,
                table.bytes,
                table.linked,
                table.copied,
                table.compacted,
                table.removed,
            ];
            let version = table.delta_version.map_or_else(|| "-".to_owned(), |version| version.to_string());
            let counts = counts.into_iter().map(|count| count.to_string());
            std::iter::once(name.clone()).chain(counts).chain([version]).collect()
        })
        .collect();
    rows
}

/// What people should know besides the table. The last line is what the export came to.
fn tell(report: &HiveReport, format: Format, next: Option<&str>) {
    let lists: [(&Named, &str, &str); 5] = [
        (&report.missing, "partition", "missing in the lake"),
        (&report.not_exported, "object", "not exported"),
        (
            &report.changed_by_others,
            "file",
            "changed by others and left alone; move it away, and it is exported again",
        ),
        (
            &report.foreign,
            "file",
            "in folders of the export that it did not make; left alone, and readers read it",
        ),
        (&report.without_checksums, "object", "without checksums, which mtdh 0.1.0 wrote: not proved"),
    ];
    for (named, what, why) in lists.into_iter().filter(|(named, ..)| named.count > 0) {
        note(&format!("{} {why}:", many(named.count, what)));
        named.names.iter().take(TOLD).for_each(|name| note(&format!("  {name}")));
        let more = named.count.saturating_sub(TOLD as u64);
        if more > 0 && format != Format::Json {
            note(&format!("  and {more} more: --format json"));
        }
    }
    if report.unfinished > 0 {
        let files = many(report.unfinished, "file");
        note(&format!("{files} of an ended run are not finished: the selection of that run finishes them"));
    }
    if report.without_rows > 0 {
        note(&format!("{} without rows are left out", many(report.without_rows, "object")));
    }
    let sum = |of: fn(&TableReport) -> u64| report.tables.values().map(of).sum::<u64>();
    let new = sum(|table| table.linked + table.copied + table.compacted);
    let text = format!(
        "{}: {} files, {} rows, {}; {} new, {} removed",
        if report.is_clean() { "exported" } else { "not all was exported" },
        count(sum(|table| table.files)),
        count(sum(|table| table.rows)),
        size(sum(|table| table.bytes)),
        count(new),
        count(sum(|table| table.removed))
    );
    verdict(&text, next);
}
