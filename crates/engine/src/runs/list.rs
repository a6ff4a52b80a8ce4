//! The runs of a lake: what each was about, how far it came, and what it came to.

use futures::StreamExt;
use mtdh_lake::Lake;
use serde::Serialize;
use serde_json::Value;

use crate::error::EngineError;
use crate::fleet::monitor::look;
use crate::judgement::Judgement;
use crate::runs::phase;

/// Runs looked at at the same time.
const READS: usize = 16;

/// A run in one line.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RunLine {
    /// Its name.
    pub run: String,
    /// `download`, `candles`, `sync`, `plan` (saved, for many workers), or `unknown`: it left nothing that can be read.
    pub kind: &'static str,
    /// `not_begun`, `running`, `done`, `not_clean`, `interrupted`, `stopped`, `used_up`, `taken_over` or `unknown`.
    pub state: String,
    /// What it came to: `clean`, `not_clean` and the other words of a judgement; `None`: it has not ended, or does not say.
    pub verdict: Option<String>,
    /// Its start, RFC 3339, UTC; `None`: nobody has begun.
    pub started_at: Option<String>,
    /// Its last change, RFC 3339, UTC; `None`: as `started_at`.
    pub updated_at: Option<String>,
    /// Seconds from start to last change, of the longest shard; `None`: not known.
    pub seconds: Option<f64>,
    /// Files or instrument-days of it.
    pub files: u64,
    /// Those that are done.
    pub files_done: u64,
    /// Those that failed.
    pub files_failed: u64,
    /// Rows that it stored.
    pub rows: u64,
    /// Compressed bytes that it received.
    pub bytes: u64,
    /// What it was about, for people: days, venues, types or sets. Empty: it does not say.
    pub what: String,
}

/// The state of a run by its shards: the one that needs attention most.
fn state_of(summaries: &[Value]) -> String {
    let has = |word: &str| summaries.iter().any(|one| text(one, "state") == word);
    let first =
        ["running", "stopped", "used_up", "interrupted", "taken_over"].into_iter().find(|word| has(word));
    match first {
        Some(word) => word.to_owned(),
        None if summaries.is_empty() => "not_begun".to_owned(),
        None if summaries.iter().any(has_failures) => "not_clean".to_owned(),
        None => "done".to_owned(),
    }
}

/// Every run, the newest first; those that have not begun come first of all.
///
/// # Errors
/// When the lake cannot be read. A run that cannot be read is listed as `unknown`.
pub(crate) async fn list(lake: &Lake) -> Result<Vec<RunLine>, EngineError> {
    let names = lake.runs().await?;
    let phase = phase::begin("reading runs", "run", names.len());
    let mut lines =
        futures::stream::iter(names).map(|name| async move { listed(lake, &name).await }).buffered(READS);
    let mut all = Vec::new();
    while let Some(line) = lines.next().await {
        phase.done();
        all.extend(line?);
    }
    all.sort_by(|a: &RunLine, b| {
        let of = |line: &RunLine| (line.started_at.is_none(), line.started_at.clone(), line.run.clone());
        of(b).cmp(&of(a))
    });
    Ok(all)
}

/// A run of the list. `None`: its folder is empty, as it is until its first record stands.
async fn listed(lake: &Lake, run: &str) -> Result<Option<RunLine>, EngineError> {
    let line = line(lake, run).await?;
    let is_empty = line.kind == "unknown" && lake.run_objects(run).await?.is_empty();
    Ok((!is_empty).then_some(line))
}

/// One run.
///
/// # Errors
/// When the lake cannot be read.
pub(crate) async fn line(lake: &Lake, run: &str) -> Result<RunLine, EngineError> {
    let (mut summaries, mut sync, mut has_plan) = (Vec::new(), None, false);
    for (kind, bytes) in lake.run_records(run).await? {
        // What another program left under such a name is left out.
        let read = || serde_json::from_slice::<Value>(&bytes).ok();
        match kind {
            mtdh_lake::RunRecordKind::Summary => summaries.extend(read()),
            mtdh_lake::RunRecordKind::Sync => sync = read(),
            mtdh_lake::RunRecordKind::Plan => has_plan = true,
        }
    }
    let mut line =
        RunLine { run: run.to_owned(), kind: "unknown", state: "unknown".to_owned(), ..RunLine::default() };
    if !summaries.is_empty() {
        of_summaries(&mut line, &summaries);
    }
    if let Some(report) = &sync {
        of_sync(&mut line, report);
    }
    if has_plan {
        line.kind = "plan";
        match look(lake, run).await {
            Ok(report) => {
                line.state = report.state.to_owned();
                (line.files, line.files_done) = (report.files as u64, report.files_done as u64);
                (line.files_failed, line.rows, line.bytes) =
                    (report.files_failed as u64, report.rows, report.bytes);
                line.verdict = match report.state {
                    "done" => Some(Judgement::Clean.name().to_owned()),
                    "not_clean" => Some(Judgement::NotClean.name().to_owned()),
                    _ => None,
                };
                (line.started_at, line.updated_at) = (report.started_at, report.updated_at);
                if let Some((first, last)) = report.days {
                    line.what = days(&first.to_string(), &last.to_string());
                }
            }
            Err(EngineError::WrongPlan { reason, .. }) => line.what = reason,
            Err(error) => return Err(error),
        }
    }
    Ok(line)
}

fn of_summaries(line: &mut RunLine, summaries: &[Value]) {
    let sum = |name: &str| summaries.iter().map(|one| one[name].as_u64().unwrap_or_default()).sum::<u64>();
    let is_download = summaries.iter().any(|one| one.get("files").is_some());
    line.kind = if is_download { "download" } else { "candles" };
    line.state = state_of(summaries);
    if is_download {
        (line.files, line.files_done, line.files_failed) =
            (sum("files"), sum("files_done"), sum("files_failed"));
    } else {
        let failed =
            summaries.iter().filter_map(|one| one["failures"].as_array()).map(Vec::len).sum::<usize>();
        (line.files_done, line.files_failed) = (sum("instrument_days"), failed as u64);
        line.files = line.files_done + line.files_failed + sum("left");
    }
    (line.rows, line.bytes) = (sum("rows").max(sum("candles")), sum("bytes"));
    let has_errors = summaries.iter().any(|one| one["row_checks"]["findings"]["error"].as_u64() > Some(0));
    let judgement = match &*line.state {
        "done" if has_errors => Some(Judgement::Unsound),
        "done" => Some(Judgement::Clean),
        "used_up" => Some(Judgement::UsedUp),
        "running" | "not_begun" | "interrupted" | "taken_over" => None,
        _ => Some(Judgement::NotClean),
    };
    line.verdict = judgement.map(|judgement| judgement.name().to_owned());
    let texts = |name| summaries.iter().filter_map(move |one| one[name].as_str());
    line.started_at = texts("started_at").min().map(str::to_owned);
    line.updated_at = texts("updated_at").max().map(str::to_owned);
    line.seconds = summaries.iter().filter_map(|one| one["seconds"].as_f64()).reduce(f64::max);
    if let (Some(first), Some(last)) = (texts("first_day").min(), texts("last_day").max()) {
        let mut parts = vec![days(first, last)];
        for name in ["venues", "data_types", "timeframes"] {
            let mut words: Vec<&str> = summaries
                .iter()
                .filter_map(|one| one[name].as_array())
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            words.sort_unstable();
            words.dedup();
            parts.extend((!words.is_empty()).then(|| words.join(" ")));
        }
        line.what = parts.join("; ");
    }
}

fn of_sync(line: &mut RunLine, report: &Value) {
    let has_own = line.kind == "download" || line.kind == "candles";
    line.kind = "sync";
    let verdict = text(report, "verdict");
    line.verdict = Some(verdict.to_owned()).filter(|verdict| !verdict.is_empty());
    line.state = if verdict == "interrupted" { verdict } else { "done" }.to_owned();
    line.started_at = report["started_at"].as_str().map(str::to_owned);
    line.updated_at = report["ended_at"].as_str().map(str::to_owned);
    let sets = report["sets"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !has_own {
        let sum = |name: &str| sets.iter().map(|one| one[name].as_u64().unwrap_or_default()).sum::<u64>();
        (line.files, line.files_done, line.files_failed) =
            (sum("files"), sum("files_done"), sum("files_failed"));
        (line.rows, line.bytes) = (sum("rows"), sum("bytes"));
    }
    let of_set = |set: &Value| {
        format!("{}: {}", text(set, "name"), days(text(set, "first_day"), text(set, "last_day")))
    };
    line.what = sets.iter().map(of_set).collect::<Vec<_>>().join("; ");
}

fn days(first: &str, last: &str) -> String {
    if first == last { first.to_owned() } else { format!("{first} to {last}") }
}

fn has_failures(summary: &Value) -> bool {
    summary["files_failed"].as_u64() > Some(0)
        || summary["failures"].as_array().is_some_and(|all| !all.is_empty())
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_run_is_what_its_shards_say() {
        let shard = |state: &str, failed: u64| {
            json!({"files": 3, "files_done": 3 - failed, "files_failed": failed, "rows": 7, "bytes": 9, "state": state,
                "started_at": "2024-03-02T00:00:00.000Z", "updated_at": "2024-03-02T00:01:00.000Z", "seconds": 60.0,
                "first_day": "2024-03-01", "last_day": "2024-03-01", "venues": ["DERIBIT"], "data_types": ["trades"]})
        };
        let unsound =
            json!({"files": 1, "files_done": 1, "state": "done", "row_checks": {"findings": {"error": 2}}});
        let candles =
            json!({"instrument_days": 4, "state": "done", "failures": [{}], "left": 0, "candles": 5});
        for (summaries, kind, state, verdict, files) in [
            (vec![shard("done", 0)], "download", "done", Some("clean"), (3, 3, 0)),
            (vec![shard("done", 0), shard("done", 1)], "download", "not_clean", Some("not_clean"), (6, 5, 1)),
            (vec![shard("done", 0), shard("running", 0)], "download", "running", None, (6, 6, 0)),
            (vec![shard("used_up", 0)], "download", "used_up", Some("used_up"), (3, 3, 0)),
            (vec![shard("stopped", 0)], "download", "stopped", Some("not_clean"), (3, 3, 0)),
            (vec![shard("interrupted", 0)], "download", "interrupted", None, (3, 3, 0)),
            (vec![unsound], "download", "done", Some("unsound"), (1, 1, 0)),
            (vec![candles], "candles", "not_clean", Some("not_clean"), (5, 4, 1)),
            (vec![json!({})], "candles", "done", Some("clean"), (0, 0, 0)),
        ] {
            let mut line = RunLine::default();
            of_summaries(&mut line, &summaries);
            let found = (line.kind, &*line.state, line.verdict.as_deref());
            assert_eq!(found, (kind, state, verdict), "{summaries:?}");
            assert_eq!((line.files, line.files_done, line.files_failed), files, "{summaries:?}");
        }
        let mut line = RunLine::default();
        of_summaries(&mut line, &[shard("done", 0)]);
        assert_eq!(line.what, "2024-03-01; DERIBIT; trades");
    }
}
