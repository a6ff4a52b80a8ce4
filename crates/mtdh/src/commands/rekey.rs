//! `mtdh rekey`: a lake moves to the instrument keys of this version.

use anyhow::Result;
use mtdh_engine::rekey::{RekeyOptions, RekeyReport};

use crate::args::RekeyArgs;
use crate::exit::Outcome;
use crate::output::{Rows, many, note, print, size};
use crate::render::SHOWN;
use crate::session::{Session, range};

pub async fn run(session: &Session<'_>, args: &RekeyArgs) -> Result<Outcome> {
    let days = args.start_date.map(|first| range(first, args.end_date)).transpose()?;
    let options = RekeyOptions { days, dry_run: args.dry_run, stop: session.stop.clone() };
    let report = session.context()?.rekey(&options).await?;
    print(session.format, &rows(&report), &report)?;
    notes(&report);
    Ok(if report.stopped {
        Outcome::Interrupted
    } else if report.refused.is_empty() && report.days_without_table.is_empty() {
        Outcome::Clean
    } else {
        Outcome::NotClean
    })
}

/// A line per object that moved, or stays under its former key.
fn rows(report: &RekeyReport) -> Rows {
    let mut rows = Rows::new(&["day", "object", "former_key", "instrument_key"]);
    let moved = report.moved.iter().map(|m| [&m.day, &m.what, &m.from, &m.to].map(String::clone).to_vec());
    let refused =
        report.refused.iter().map(|r| vec![r.day.clone(), r.what.clone(), r.key.clone(), "-".to_owned()]);
    rows.rows = moved.chain(refused).collect();
    rows
}

fn notes(report: &RekeyReport) {
    let RekeyReport { moved, refused, rows, plans, days, dry_run, .. } = report;
    for refusal in refused.iter().take(SHOWN) {
        note(&format!("{} {} of {} stays: {}", refusal.day, refusal.what, refusal.key, refusal.reason));
    }
    if refused.len() > SHOWN {
        note(&format!("and {} more that stay; --format json has them all", refused.len() - SHOWN));
    }
    for day in report.days_without_table.iter().take(SHOWN) {
        note(&format!(
            "{day} has no instrument table, so that its objects stay: mtdh instruments --start-date {day}"
        ));
    }
    for run_id in plans {
        note(&format!("the plan of the run {run_id} has the new keys"));
    }
    let bytes = moved.iter().map(|m| m.bytes).sum();
    let verb = if *dry_run { "would move" } else { "moved" };
    note(&format!(
        "{} {verb} ({}), {} of day tables got another key, in {}",
        many(moved.len() as u64, "object"),
        size(bytes),
        many(rows.len() as u64, "row"),
        many(*days as u64, "day")
    ));
    if report.stopped {
        note("interrupted: run it again to go on");
    }
}
