//! `mtdh export`: the lake in the layout of Hive, and as Delta tables.

use anyhow::{Result, bail};
use mtdh_core::DataType;
use mtdh_core::candle::Timeframe;
use mtdh_core::hive::HiveTable;
use mtdh_core::key::InstrumentType;
use mtdh_engine::hive::{CandlesMeant, HiveForm, HiveReport, HiveRequest, HiveTables, Named, every_day};
use mtdh_engine::want::Narrowing;
use mtdh_engine::{Context, Selection};

use crate::args::{ExportCommand, Format, HiveArgs, TableWord};
use crate::exit::Outcome;
use crate::output::{Rows, count, many, note, print, size};
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
    let About { selections, measured } = about(&context, &args).await?;
    let request = HiveRequest {
        place: args.out.clone(),
        selections,
        measured,
        tables: tables(&args),
        form: if args.compact { HiveForm::Compacted } else { HiveForm::Objects },
        delta: args.delta || is_delta,
        verify: args.verify,
        strict: args.strict,
    };
    let report = tokio::select! {
        () = session.stop.cancelled() => return Ok(Outcome::Interrupted),
        report = context.export_hive(&request) => report?,
    };
    print(session.format, &rows(&report), &report)?;
    tell(&report, session.format);
    Ok(if report.is_clean() { Outcome::Clean } else { Outcome::NotClean })
}

/// What is exported, and what the lake should have.
struct About {
    selections: Vec<Selection>,
    measured: Vec<Selection>,
}

async fn about(context: &Context, args: &HiveArgs) -> Result<About> {
    let last = args.end_date.or(args.start_date);
    let days = match (args.start_date, last) {
        (Some(first), last) => range(first, last)?,
        (None, Some(last)) => range(every_day(), Some(last))?,
        (None, None) => every_day(),
    };
    let named = (args.start_date.is_some() || args.end_date.is_some()).then_some(days);
    if !args.everything {
        let by = Narrowing { filter: args.filters.filter(), days: named };
        if let Some(sets) = context.chosen(&by).await? {
            if sets.is_empty() {
                bail!(
                    "nothing that lake.toml wants is left by these flags; --everything exports all that they select"
                );
            }
            let names: Vec<&str> = sets.iter().map(|chosen| chosen.name.as_str()).collect();
            note(&format!("about what lake.toml wants: {}; --everything exports all", names.join(", ")));
            let selections: Vec<Selection> =
                sets.into_iter().map(|chosen| with_types(chosen.selection, args)).collect();
            return Ok(About { measured: selections.clone(), selections });
        }
    }
    let by_flags = args.filters.filter().of_lake(days)?;
    // Without filters the lake is measured against what was ever asked of it, if anybody noted that.
    let by = Narrowing { filter: args.filters.filter(), days: named };
    let asked = if args.filters.is_empty() { context.asked(&by).await? } else { None };
    let measured = asked.map(|found| found.asked.into_iter().map(|one| one.selection).collect());
    let measured: Vec<Selection> = measured.unwrap_or_else(|| vec![by_flags.clone()]);
    let mut selection = by_flags;
    if args.filters.data_types.is_empty() {
        selection.data_types = DataType::ALL.to_vec();
    }
    if args.filters.instrument_types.is_empty() {
        selection.instrument_types = InstrumentType::ALL.to_vec();
    }
    Ok(About { selections: vec![with_types(selection, args)], measured })
}

/// A selection of the tables' data types.
fn with_types(mut selection: Selection, args: &HiveArgs) -> Selection {
    let named = |data_type: &DataType| args.tables.contains(&TableWord::One(HiveTable::Ticks(*data_type)));
    if !args.tables.is_empty() {
        selection.data_types.retain(named);
    }
    selection
}

fn tables(args: &HiveArgs) -> HiveTables {
    if args.tables.is_empty() {
        let all = HiveTables::all();
        return if args.filters.data_types.is_empty() {
            all
        } else {
            HiveTables { ticks: true, ..HiveTables::default() }
        };
    }
    let timeframes = args.tables.iter().filter_map(|word| match word {
        TableWord::One(HiveTable::Candles(timeframe)) => Some(*timeframe),
        _ => None,
    });
    let timeframes: Vec<Timeframe> = timeframes.collect();
    HiveTables {
        ticks: args.tables.iter().any(|word| matches!(word, TableWord::One(HiveTable::Ticks(_)))),
        candles: match (args.tables.contains(&TableWord::Candles), timeframes) {
            (true, _) => CandlesMeant::All,
            (false, some) if some.is_empty() => CandlesMeant::None,
            (false, some) => CandlesMeant::Of(some),
        },
        instruments: args.tables.contains(&TableWord::One(HiveTable::Instruments)),
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

/// What people should know besides the table.
fn tell(report: &HiveReport, format: Format) {
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
    let sum = |of: fn(&mtdh_engine::hive::TableReport) -> u64| report.tables.values().map(of).sum::<u64>();
    let new = sum(|table| table.linked + table.copied + table.compacted);
    note(&format!(
        "{} files, {} rows, {}; {} new, {} removed",
        count(sum(|table| table.files)),
        count(sum(|table| table.rows)),
        size(sum(|table| table.bytes)),
        count(new),
        count(sum(|table| table.removed))
    ));
}
