//! `mtdh live compare`: live rows against the vendor's files of a day.

use anyhow::{Context as _, Result};
use mtdh_core::DayRange;
use mtdh_core::check::finding::moment;
use mtdh_engine::check::kept::Keep;
use mtdh_engine::files::unfinished::write_whole;
use mtdh_engine::live::compare::run::{CompareReport, Compared};
use mtdh_engine::live::compare::{Cause, Difference};
use mtdh_engine::{DataType, Filter};
use serde::Serialize;

use crate::args::LiveCompareArgs;
use crate::exit::Outcome;
use crate::output::{Rows, many, note, print};
use crate::session::Session;

/// Unexplained differences that are told one by one.
const TOLD: usize = 20;

/// The report for programs.
#[derive(Serialize)]
struct Document {
    day: String,
    verdict: &'static str,
    compared: Vec<OfPartition>,
    left: Vec<OfLeft>,
}

#[derive(Serialize)]
struct OfPartition {
    instrument_key: String,
    data_type: &'static str,
    recorded: Vec<[String; 2]>,
    live_rows: u64,
    vendor_rows: u64,
    compared: u64,
    equal: u64,
    moments_of_live_alone: u64,
    moments_of_vendor_alone: u64,
    differences_by_cause: serde_json::Map<String, serde_json::Value>,
    differences: Vec<OfDifference>,
}

#[derive(Serialize)]
struct OfDifference {
    kind: &'static str,
    from: String,
    to: String,
    count: u64,
    field: String,
    live: Option<String>,
    vendor: Option<String>,
    cause: &'static str,
    because: String,
}

#[derive(Serialize)]
struct OfLeft {
    instrument_key: String,
    data_type: &'static str,
    reason: String,
}

pub async fn run(session: &Session<'_>, args: LiveCompareArgs) -> Result<Outcome> {
    let context = session.context()?;
    let data_types =
        if args.data_types.is_empty() { DataType::ALL.to_vec() } else { args.data_types.clone() };
    let filter = Filter {
        venues: args.venues.clone(),
        data_types,
        instruments: args.instruments.clone(),
        ..Filter::default()
    };
    let selection = filter.of_lake(DayRange::new(args.day, args.day)?)?;
    let report = context.compare_live(args.day, &selection, Keep::InLake, session.stop).await?;
    let document = document(&report);
    if let Some(file) = &args.output {
        let text = serde_json::to_vec_pretty(&document)?;
        write_whole(file, &text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    print(session.format, &rows(&report), &document)?;
    tell(&report);
    Ok(match report.is_interrupted {
        true => Outcome::Interrupted,
        false => report.judgement().into(),
    })
}

fn rows(report: &CompareReport) -> Rows {
    let mut rows = Rows::new(&[
        "instrument_key",
        "data_type",
        "live_rows",
        "vendor_rows",
        "compared",
        "equal",
        "gap",
        "other_channel",
        "vendor",
        "clock",
        "repeated",
        "unexplained",
    ]);
    rows.rows.extend(report.compared.iter().map(|of| {
        let mut cells = vec![of.partition.key.to_string(), of.partition.data_type.to_string()];
        let counts = [of.counts.rows[0], of.counts.rows[1], of.counts.compared, of.counts.equal];
        cells.extend(counts.iter().chain(&of.counts.by_cause).map(u64::to_string));
        cells
    }));
    rows
}

/// Says what a table cannot: which differences nothing explains, and what was left out.
fn tell(report: &CompareReport) {
    for left in report.left.iter().take(TOLD) {
        note(&format!("not compared: {} {}: {}", left.partition.key, left.partition.data_type, left.reason));
    }
    if report.left.len() > TOLD {
        note(&format!("and {} more were not compared", report.left.len() - TOLD));
    }
    let unexplained = report.compared.iter().flat_map(|of| {
        let of_none = of.differences.iter().filter(|d| d.cause == Cause::Unexplained);
        of_none.map(move |difference| (of, difference))
    });
    for (of, difference) in unexplained.take(TOLD) {
        let none = || "nothing".to_owned();
        let (live, vendor) =
            (difference.live.clone().unwrap_or_else(none), difference.vendor.clone().unwrap_or_else(none));
        let field =
            if difference.field.is_empty() { String::new() } else { format!(" {}", difference.field) };
        note(&format!(
            "unexplained: {} {} {}{field} at {}: live {live}; vendor {vendor}",
            of.partition.key,
            of.partition.data_type,
            difference.kind.name(),
            moment(difference.from_us),
        ));
    }
    if report.compared.is_empty() {
        note(&format!(
            "nothing was compared: the lake has no day's live rows of {} beside the vendor's",
            report.day
        ));
    } else {
        note(&format!(
            "{}, {} without an explanation",
            many(report.compared.len() as u64, "partition"),
            many(report.unexplained(), "difference"),
        ));
    }
    if let Some(reason) = &report.not_kept {
        note(&format!("the lake does not keep this: {reason}"));
    }
}

fn document(report: &CompareReport) -> Document {
    Document {
        day: report.day.to_string(),
        verdict: report.judgement().name(),
        compared: report.compared.iter().map(of_partition).collect(),
        left: report
            .left
            .iter()
            .map(|left| OfLeft {
                instrument_key: left.partition.key.to_string(),
                data_type: left.partition.data_type.name(),
                reason: left.reason.clone(),
            })
            .collect(),
    }
}

fn of_partition(of: &Compared) -> OfPartition {
    let causes = Cause::ALL.into_iter().zip(of.counts.by_cause);
    OfPartition {
        instrument_key: of.partition.key.to_string(),
        data_type: of.partition.data_type.name(),
        recorded: of.ranges.iter().map(|(from, to)| [moment(*from), moment(*to)]).collect(),
        live_rows: of.counts.rows[0],
        vendor_rows: of.counts.rows[1],
        compared: of.counts.compared,
        equal: of.counts.equal,
        moments_of_live_alone: of.counts.alone[0],
        moments_of_vendor_alone: of.counts.alone[1],
        differences_by_cause: causes.map(|(cause, count)| (cause.name().to_owned(), count.into())).collect(),
        differences: of.differences.iter().map(of_difference).collect(),
    }
}

fn of_difference(of: &Difference) -> OfDifference {
    OfDifference {
        kind: of.kind.name(),
        from: moment(of.from_us),
        to: moment(of.to_us),
        count: of.count,
        field: of.field.clone(),
        live: of.live.clone(),
        vendor: of.vendor.clone(),
        cause: of.cause.name(),
        because: of.because.clone(),
    }
}
