//! `mtdh runs`: what was done to a lake.

use anyhow::Result;
use mtdh_engine::runs::list::RunLine;

use crate::args::{RunsArgs, ShownArgs};
use crate::exit::Outcome;
use crate::output::{Rows, many, note, print};
use crate::render::ls::{shown, with_sizes};
use crate::session::Session;

const COLUMNS: [&str; 12] = [
    "run",
    "kind",
    "state",
    "verdict",
    "started_at",
    "seconds",
    "files",
    "done",
    "failed",
    "rows",
    "bytes",
    "what",
];

pub async fn run(session: &Session<'_>, args: &RunsArgs) -> Result<Outcome> {
    match &args.run {
        Some(run) => one(session, run).await,
        None => list(session, &args.shown).await,
    }
}

/// Every run in a line.
pub async fn list(session: &Session<'_>, by: &ShownArgs) -> Result<Outcome> {
    let lines = session.context()?.run_lines().await?;
    let mut rows = Rows::new(&COLUMNS);
    rows.rows = lines.iter().map(cells).collect();
    let (rows, left) = shown(rows, by)?;
    let of = |row: &Vec<String>| lines.iter().find(|line| line.run == row[0]);
    let document: Vec<&RunLine> = rows.rows.iter().filter_map(of).collect();
    print(session.format, &with_sizes(session.format, &rows), &document)?;
    if left > 0 {
        note(&format!("and {} more", many(left as u64, "line")));
    }
    note(&many(lines.len() as u64, "run"));
    Ok(Outcome::Clean)
}

fn cells(line: &RunLine) -> Vec<String> {
    let or_dash = |text: Option<&str>| text.filter(|text| !text.is_empty()).unwrap_or("-").to_owned();
    vec![
        line.run.clone(),
        line.kind.to_owned(),
        line.state.clone(),
        or_dash(line.verdict.as_deref()),
        or_dash(line.started_at.as_deref()),
        line.seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.0}")),
        line.files.to_string(),
        line.files_done.to_string(),
        line.files_failed.to_string(),
        line.rows.to_string(),
        line.bytes.to_string(),
        or_dash(Some(&line.what)),
    ]
}

/// One run: its line as fields, and as a document also what each shard recorded.
async fn one(session: &Session<'_>, run: &str) -> Result<Outcome> {
    let context = session.context()?;
    let line = context.run_line(run).await?;
    let summaries = context.run_summaries(run).await?;
    let mut rows = Rows::new(&["field", "value"]);
    rows.rows = COLUMNS.iter().zip(cells(&line)).map(|(name, cell)| vec![(*name).to_owned(), cell]).collect();
    let mut whole = serde_json::to_value(&line)?;
    whole["summaries"] = summaries.clone().into();
    print(session.format, &rows, &whole)?;
    let failures = summaries.iter().filter_map(|one| one["failures"].as_array()).flatten();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    for failure in failures.take(SHOWN) {
        let of = if failure["file"].is_string() { &failure["file"] } else { &failure["instrument_key"] };
        note(&format!("failed: {}: {}", text(of), text(&failure["cause"])));
    }
    if line.kind == "plan" {
        note(&format!("its shards: {} monitor {run}", session.program));
    }
    Ok(Outcome::Clean)
}

/// Failures that are told; as JSON all are.
const SHOWN: usize = 20;
