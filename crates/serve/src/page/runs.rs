//! Runs: what they did, what failed and why, what is left.

use maud::{Markup, html};
use mtdh_engine::runs::list::RunLine;
use serde_json::Value;

use super::Pages;
use super::asked::{Asked, encoded};
use super::form::{badge, duration, grouped, plural, shown, size};
use super::range::moment_text;
use super::shell::{Page, Paged, nothing, pages as parts_of, wide};
use crate::problem::Problem;

/// Runs on one page, the newest first.
const LINES: usize = 50;

/// Failures and files left that are listed.
const LISTED: usize = 50;

/// Shards of the table.
const SHARDS: usize = 500;

/// Shards whose records are shown.
const RECORDS: usize = 20;

fn count(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_default()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// The list of runs.
pub async fn list(pages: &Pages, asked: &Asked) -> Paged {
    let context = &pages.state.context;
    let runs = context.run_lines().await?;
    let parts = runs.len().div_ceil(LINES).max(1);
    let part = asked.page().min(parts);
    let lines: &[RunLine] = runs.chunks(LINES).nth(part - 1).unwrap_or_default();
    let wanted = wanted(pages).await?;
    let body = html! { (wanted) section { h2 { "Runs" }
        @if runs.is_empty() { (nothing("No run has left a record in this lake.", &html! { p { "Each download leaves one:" } pre { "mtdh download --start-date 2024-03-01 --venues DERIBIT" } })) }
        @else {
            p.quiet { span data-number="runs" { (grouped(runs.len() as u64)) } " " @if runs.len() == 1 { "run" } @else { "runs" } }
            (wide("Runs", &html! { table {
                thead { tr { th scope="col" { "Run" } th scope="col" { "What" } th scope="col" { "State" } th scope="col" { "Started" } th.number scope="col" { "Took" } th.number scope="col" { "Files done" } th.number scope="col" { "Failed" } th.number scope="col" { "Received" } th.number scope="col" { "Rows" } } }
                tbody { @for line in lines {
                    tr { th scope="row" { a href=(format!("/runs/{}", encoded(&line.run))) { (shown(&line.run)) } }
                        td { (line.kind) } td { (badge(&line.state)) }
                        td { (shown(line.started_at.as_deref().unwrap_or_default().get(..19).unwrap_or_default())) }
                        td.number { @match line.seconds { Some(seconds) => (duration(seconds)), None => "–" } }
                        td.number { @if line.files > 0 { (grouped(line.files_done)) " of " (grouped(line.files)) } @else { "–" } }
                        td.number { (grouped(line.files_failed)) } td.number { (size(line.bytes)) } td.number { (grouped(line.rows)) } }
                } }
            } }))
            (parts_of(asked, part, parts))
        }
    } };
    let mut page = Page::new("Runs", body);
    page.json = Some("/v1/runs".to_owned());
    Ok(page)
}

/// What the lake is for, and whether the last sync reached it.
async fn wanted(pages: &Pages) -> Result<Markup, Problem> {
    let context = &pages.state.context;
    let (sets, last) = (context.wanted().await?.map(|wanted| wanted.sets), context.last_sync().await?);
    let reached = match (&last.verdict, last.ended_us, last.success_us) {
        (Some(verdict), Some(ended), _) if verdict == "clean" => {
            html! { (badge("good")) " The last sync, which ended on " (moment_text(ended)) ", left the lake as is wanted." }
        }
        (Some(verdict), Some(ended), success) => html! {
            (badge("warning")) " The last sync ended on " (moment_text(ended)) ": " (shown(&verdict.replace('_', " "))) ". "
            @match success { Some(success) => { "The lake was last as is wanted on " (moment_text(success)) "." }, None => { "It was never as is wanted." } }
        },
        _ => html! { "No sync of this lake has ended yet." },
    };
    Ok(html! { section { h2 { "What is wanted" }
        @match &sets {
            None => { p { "The lake has no lake.toml that says what it is for." } },
            Some(sets) => {
                p data-fact="reached" { (reached) }
                (wide("Sets of lake.toml", &html! { table {
                    thead { tr { th scope="col" { "Set" } th scope="col" { "Venues" } th scope="col" { "Data types" } th scope="col" { "From" } th scope="col" { "Until" } th scope="col" { "Candles" } } }
                    tbody { @for (name, set) in sets {
                        tr { th scope="row" { (shown(name)) } td { (shown(&set.venues.join(" "))) } td { (words(&set.data_types)) } td { (set.from) } td { (set.until) } td { (words(&set.candles)) } }
                    } }
                } }))
            }
        }
    } })
}

fn words<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// A share as a bar, with its number as text beside it.
fn share(part: u64, whole: u64) -> Markup {
    let width = if whole == 0 { 0.0 } else { part as f64 / whole as f64 * 120.0 };
    html! { svg.share viewBox="0 0 120 10" aria-hidden="true" { rect.whole width="120" height="10" {} rect.part width=(format!("{width:.1}")) height="10" {} } }
}

/// One run.
pub async fn one(pages: &Pages, _asked: &Asked, run: &str) -> Paged {
    let context = &pages.state.context;
    let line = context.run_line(run).await?;
    let summaries = context.run_summaries(run).await?;
    let plan = match context.monitor(run).await {
        Ok(report) => Some(report),
        Err(mtdh_engine::EngineError::NoRun { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let word = plan.as_ref().map_or_else(|| line.state.clone(), |plan| plan.state.to_owned());
    let is_live = matches!(word.as_str(), "running" | "not_begun");
    let body = html! {
        section data-live=[is_live.then(|| format!("/v1/runs/{}/events", encoded(run)))] {
            p.lead { (badge(&word)) " " (line.kind) @if is_live { span.quiet { " · followed as it goes" } } }
            // The script changes the parts of a page in place, by their order: each is there from the beginning.
            p.readout #live aria-live="polite" {}
            p data-fact="what" { (shown(&line.what)) }
            p data-fact="verdict" { @match &line.verdict { Some(verdict) => { "Verdict: " (shown(&verdict.replace('_', " "))) "." }, None => "No verdict yet." } }
            @if let Some(plan) = &plan {
                (totals(plan.files as u64, plan.files_done as u64, plan.files_failed as u64, plan.bytes, plan.rows, &html! {
                    @if let Some(rate) = plan.bytes_per_second { div { dt { "a second" } dd #rate { (size(rate as u64)) } } }
                    @if let Some(left) = plan.seconds_left { div { dt { "left, by expected rows" } dd #seconds_left { (duration(left)) } } }
                }))
                (wide("Shards", &html! { table {
                    thead { tr { th.number scope="col" { "Shard" } th scope="col" { "State" } th scope="col" { "Done" } th.number scope="col" { "Files" } th.number scope="col" { "Failed" } th.number scope="col" { "Rows" } th.number scope="col" { "Taken over" } th scope="col" { "Holders" } } }
                    tbody { @for shard in plan.shards.iter().take(SHARDS) { tr { td.number { (shard.index) } td { (badge(shard.state)) } td { (share(shard.files_done as u64, shard.files as u64)) } td.number { (grouped(shard.files_done as u64)) " of " (grouped(shard.files as u64)) }
                        td.number { (grouped(shard.files_failed as u64)) } td.number { (grouped(shard.rows)) } td.number { (shard.takeovers) } td.text { (shown(&shard.holders.join(", "))) } } } }
                } }))
                @if plan.shards.len() > SHARDS { p.quiet { "The first " (SHARDS) " of " (plural(plan.shards.len() as u64, "shard", "shards")) "; the JSON below has all." } }
                @if !plan.failures.is_empty() { h2 { "Failures by cause" } ul { @for (cause, number) in &plan.failures { li { (grouped(*number as u64)) " × " (shown(&super::scrub(cause))) } } } }
            } @else if summaries.iter().any(|one| one.get("files").is_some()) {
                @let sum = |name: &str| summaries.iter().map(|one| count(one, name)).sum::<u64>();
                (totals(sum("files"), sum("files_done"), sum("files_failed"), sum("bytes"), sum("rows"), &html! {
                    @if let Some(rate) = rate(&summaries) { div { dt { "a second" } dd #rate { (size(rate as u64)) } } }
                }))
            }
        }
        @for summary in summaries.iter().take(RECORDS) { (record(summary)) }
        @if summaries.len() > RECORDS { p.quiet { "The records of the first " (RECORDS) " of " (plural(summaries.len() as u64, "shard", "shards")) "; the JSON below has all." } }
    };
    let mut page = Page::new(format!("Run {run}"), body);
    page.above = vec![("Runs".to_owned(), "/runs".to_owned())];
    page.json = Some(format!("/v1/runs/{}", encoded(run)));
    page.scripts = &["live.js"];
    Ok(page)
}

/// The numbers of a run, which change as it goes on.
fn totals(files: u64, done: u64, failed: u64, bytes: u64, rows: u64, more: &Markup) -> Markup {
    html! {
        dl.tiles {
            div.headline { dt { "of " (plural(files, "file", "files")) " done" (share(done, files)) } dd #files_done data-number="files_done" { (grouped(done)) } }
            div { dt { "failed" } dd #files_failed data-number="files_failed" { (grouped(failed)) } }
            div { dt { "left" } dd #files_left data-number="files_left" { (grouped(files.saturating_sub(done + failed))) } }
            div { dt { "received" } dd { (size(bytes)) } }
            div { dt { "rows" } dd #rows data-number="rows" { (grouped(rows)) } }
            (more)
        }
    }
}

/// Bytes a second of all shards together, each over its own time.
fn rate(summaries: &[Value]) -> Option<f64> {
    let of_one =
        |one: &Value| Some(count(one, "bytes") as f64 / one["seconds"].as_f64().filter(|s| *s > 0.0)?);
    summaries.iter().map(of_one).sum()
}

/// What a shard recorded.
fn record(summary: &Value) -> Markup {
    let failures = summary["failures"].as_array().map(Vec::as_slice).unwrap_or_default();
    let left = summary["left"].as_array().map(Vec::as_slice).unwrap_or_default();
    let numbers = summary.as_object().map(|all| {
        all.iter().filter(|(name, value)| {
            value.is_u64() && !["summary_version", "shard_index", "total_shards"].contains(&name.as_str())
        })
    });
    html! {
        section {
            h2 { "Shard " (count(summary, "shard_index")) " of " (count(summary, "total_shards")) }
            dl.facts {
                dt { "State" } dd { (badge(text(summary, "state"))) @if let Some(cause) = summary["ended_by"].as_str() { " " (shown(&super::scrub(cause))) } }
                dt { "Started" } dd { (shown(text(summary, "started_at"))) } dt { "Last changed" } dd { (shown(text(summary, "updated_at"))) }
                @for (name, value) in numbers.into_iter().flatten() { dt { (shown(&name.replace('_', " "))) } dd data-number=(name) { (grouped(value.as_u64().unwrap_or_default())) } }
                @for name in ["published", "skipped"] { @if let Some(all) = summary[name].as_object().filter(|all| !all.is_empty()) { dt { (name) } dd { @for (word, number) in all { (shown(word)) " " (grouped(number.as_u64().unwrap_or_default())) " " } } } }
            }
            @if !failures.is_empty() {
                h3 { (plural(failures.len() as u64, "failure", "failures")) }
                (wide("Failures", &html! { table { thead { tr { th scope="col" { "File" } th.number scope="col" { "Partitions" } th scope="col" { "Cause" } } }
                    tbody { @for one in failures.iter().take(LISTED) { tr { td { (shown(text(one, "file"))) } td.number { (count(one, "partitions")) } td.text { (shown(&super::scrub(text(one, "cause")))) } } } } } }))
                @if failures.len() > LISTED { p.quiet { "and " (failures.len() - LISTED) " more" } }
            }
            @if !left.is_empty() {
                h3 { (plural(left.len() as u64, "file left", "files left")) }
                ul { @for one in left.iter().take(LISTED) { li { code { (shown(one.as_str().unwrap_or_default())) } } } }
                @if left.len() > LISTED { p.quiet { "and " (left.len() - LISTED) " more" } }
            }
        }
    }
}
