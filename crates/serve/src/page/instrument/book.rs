//! The order book at a moment, from snapshots: ladder and depth, and a slider over an hour.

use futures::TryStreamExt;
use maud::{Markup, html};
use mtdh_core::moment::TimeValue;
use mtdh_core::{DataType, Day};
use mtdh_engine::query::TickTable;
use serde_json::json;

use super::{View, number_at, times};
use crate::page::form::number;
use crate::page::range::moment_text;
use crate::page::shell::{Paged, data, nothing};
use crate::problem::Problem;
use crate::state::now_us;

const HOUR_US: i64 = 3_600_000_000;

/// Snapshots of the slider: the last of each of as many equal parts of the hour.
const STEPS: i64 = 180;

type Level = (f64, f64);

/// A snapshot.
struct Snapshot {
    time: i64,
    asks: Vec<Level>,
    bids: Vec<Level>,
}

/// The part of the page.
pub async fn page(view: View<'_>) -> Paged {
    let at = match view.asked.get("at") {
        Some(text) => TimeValue::parse(text, now_us())
            .map_err(|error| Problem::parameter("at", error.to_string()))?
            .as_start(),
        // The end of an hour in the middle of the range.
        None => {
            let middle = view.span.us.start / 2 + view.span.us.end / 2;
            middle - middle.rem_euclid(HOUR_US)
        }
    };
    // The end of an hour belongs to it.
    let first = (at - 1) - (at - 1).rem_euclid(HOUR_US);
    let hour = first..first + HOUR_US;
    let mut found: Option<(DataType, Vec<Snapshot>)> = None;
    for data_type in [DataType::BookSnapshot25, DataType::BookSnapshot5] {
        let snapshots = of_hour(&view, data_type, hour.clone(), at).await?;
        if !snapshots.is_empty() {
            found = Some((data_type, snapshots));
            break;
        }
    }
    let link = |us: i64| view.asked.with(&[("at", &moment_text(us))]);
    let body = html! { section {
        form.search method="get" action=(view.asked.path) {
            @for (name, value) in view.asked.others(&["at"]) { input type="hidden" name=(name) value=(value); }
            label { "At " input name="at" value=(moment_text(at)) size="20" autocomplete="off" spellcheck="false"; } button { "Show" }
            a href=(link(at - HOUR_US)) { "‹ an hour" } a href=(link(at + HOUR_US)) { "an hour ›" }
        }
        @match &found {
            None => (nothing("There is no snapshot of the book in this hour.", &html! {
                p { "The page shows " code { "book_snapshot_25" } " or " code { "book_snapshot_5" } ". From " code { "incremental_book_L2" } " the API makes the book at a moment: "
                    a href=(json_address(&view, at)) { "as JSON" } "." } })),
            Some((data_type, snapshots)) => {
                // The last that arrived by the moment.
                @let place = snapshots.iter().rposition(|one| one.time <= at).unwrap_or(0);
                @let one = &snapshots[place];
                @if one.time > at { p { "The first snapshot of this hour came later." } }
                div.slider { label for="moment" { "Snapshot" } input #moment type="range" min="0" max=(snapshots.len() - 1) value=(place) data-book="book"; output for="moment" #moment-text { (moment_text(one.time)) } }
                div.twice {
                    div { h2 { "Ladder" } (ladder(one)) }
                    div { h2 { "Depth" } figure.chart data-chart="depth" { canvas tabindex="0" role="img" aria-label="Cumulative amounts by price; the ladder has the numbers." {} p.readout aria-live="polite" {} } (data("depth", &depth(one))) }
                }
                p.quiet { "From " code { (data_type) } ", " (snapshots.len()) " snapshots of the hour, the last of each " ((HOUR_US / STEPS) / 1_000_000) " seconds. " a href=(json_address(&view, at)) { "This book as JSON" } }
                (data("book", &json!(snapshots.iter().map(|one| json!({"t": moment_text(one.time), "a": one.asks, "b": one.bids})).collect::<Vec<_>>())))
            }
        }
    } };
    Ok(view.page("book", &["chart.js", "book.js"], body))
}

fn json_address(view: &View<'_>, at: i64) -> String {
    format!("/v1/book/{}?at={}", crate::page::asked::encoded(view.key.as_str()), moment_text(at))
}

async fn of_hour(
    view: &View<'_>,
    data_type: DataType,
    hour: std::ops::Range<i64>,
    at: i64,
) -> Result<Vec<Snapshot>, Problem> {
    // A moment beyond the calendar has no rows.
    if Day::containing_us(hour.start).is_none() || Day::containing_us(hour.end).is_none() {
        return Ok(Vec::new());
    }
    let (mut stream, _) = view.rows(&view.request(TickTable::Ticks(data_type), hour.clone(), None)).await?;
    let levels = if data_type == DataType::BookSnapshot5 { 5 } else { 25 };
    let part = |time: i64| ((time - hour.start) / (HOUR_US / STEPS), time <= at);
    let mut kept: Vec<Snapshot> = Vec::new();
    while let Some(batch) = stream.try_next().await? {
        let arrivals = times(&batch, "local_timestamp").unwrap_or_default();
        for (row, time) in arrivals.iter().enumerate() {
            // Only the last of a part is read.
            let is_last = arrivals.get(row + 1).is_none_or(|next| part(*next) != part(*time));
            if !is_last {
                continue;
            }
            let side = |side: &str| -> Vec<Level> {
                let level = |level: usize| {
                    number_at(&batch, &format!("{side}_price_{level}"), row).zip(number_at(
                        &batch,
                        &format!("{side}_amount_{level}"),
                        row,
                    ))
                };
                (1..=levels).filter_map(level).collect()
            };
            let one = Snapshot { time: *time, asks: side("ask"), bids: side("bid") };
            match kept.last_mut() {
                Some(last) if part(last.time) == part(*time) => *last = one,
                _ => kept.push(one),
            }
        }
    }
    Ok(kept)
}

fn ladder(one: &Snapshot) -> Markup {
    let most = one.asks.iter().chain(&one.bids).map(|level| level.1).fold(0.0, f64::max);
    let row = |level: &Level, class: &'static str| {
        html! {
            tr.(class) { th scope="row" { (if class == "ask" { "▼ ask" } else { "▲ bid" }) } td.number { (number(level.0)) } td.number { (number(level.1)) }
                td.bar-cell { svg viewBox="0 0 100 14" preserveAspectRatio="none" aria-hidden="true" { rect width=(format!("{:.1}", if most > 0.0 { level.1 / most * 100.0 } else { 0.0 })) height="14" {} } } }
        }
    };
    html! { table.ladder #ladder { thead { tr { th scope="col" { "Side" } th.number scope="col" { "Price" } th.number scope="col" { "Amount" } th scope="col" { span.unseen { "Share of the largest" } } } }
    tbody { @for level in one.asks.iter().rev() { (row(level, "ask")) } @for level in &one.bids { (row(level, "bid")) } } } }
}

/// Cumulative amounts on both sides, for the chart.
fn depth(one: &Snapshot) -> serde_json::Value {
    let cumulative = |levels: &[Level]| {
        let mut sum = 0.0;
        levels
            .iter()
            .map(|(price, amount)| {
                sum += amount;
                (*price, sum)
            })
            .collect::<Vec<_>>()
    };
    let (asks, mut bids) = (cumulative(&one.asks), cumulative(&one.bids));
    bids.reverse();
    let xs: Vec<f64> = bids.iter().chain(&asks).map(|level| level.0).collect();
    let y = |of_bids: bool| -> Vec<Option<f64>> {
        bids.iter()
            .map(|l| of_bids.then_some(l.1))
            .chain(asks.iter().map(|l| (!of_bids).then_some(l.1)))
            .collect()
    };
    json!({"x": "number", "xs": xs, "shade": [], "panels": [{"label": "cumulative amount", "high": 1, "zero": true, "series": [
        {"kind": "step", "name": "bids", "tone": "up", "y": y(true)}, {"kind": "step", "name": "asks", "tone": "down", "dash": true, "y": y(false)}]}]})
}
