//! The order book at a moment, from snapshots or by replay of the changes: ladder and depth, and a slider over an hour.

mod hour;

use maud::{Markup, html};
use mtdh_core::DataType;
use mtdh_core::moment::TimeValue;
use serde_json::json;

use super::View;
use super::get::Wanted;
use crate::page::asked::encoded;
use crate::page::form::{grouped, number};
use crate::page::range::moment_text;
use crate::page::shell::{Paged, choices, data, nothing};
use crate::problem::Problem;
use crate::state::now_us;
use hour::{HOUR_US, LEVELS, Level, STEPS, Snapshot};

/// What a book is made of, in the order in which it is looked for.
const SOURCES: [DataType; 3] =
    [DataType::BookSnapshot25, DataType::BookSnapshot5, DataType::IncrementalBookL2];

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
    let source = view.asked.get("source").unwrap_or_default();
    let sources: Vec<DataType> =
        SOURCES.into_iter().filter(|one| source.is_empty() || one.name() == source).collect();
    if sources.is_empty() {
        let names = SOURCES.map(DataType::name).to_vec();
        let detail = format!("a book is not made of `{source}`");
        return Err(Problem::parameter("source", detail).with("allowed", names).into());
    }
    // The end of an hour belongs to it.
    let first = (at - 1) - (at - 1).rem_euclid(HOUR_US);
    let mut found: Option<(DataType, Vec<Snapshot>)> = None;
    for data_type in sources {
        let snapshots = hour::of_hour(&view, data_type, first..first + HOUR_US, at).await?;
        if !snapshots.is_empty() {
            found = Some((data_type, snapshots));
            break;
        }
    }
    let link = |us: i64| view.asked.with(&[("at", &moment_text(us))]);
    let made_of = [
        ("", "what there is"),
        ("book_snapshot_25", "25 levels"),
        ("book_snapshot_5", "5 levels"),
        ("incremental_book_L2", "replay of the changes"),
    ];
    let controls = html! {
        form.search method="get" action=(view.asked.path) {
            @for (name, value) in view.asked.others(&["at"]) { input type="hidden" name=(name) value=(value); }
            label { "At " input name="at" value=(moment_text(at)) size="20" autocomplete="off" spellcheck="false"; } button { "Show" }
            a href=(link(at - HOUR_US)) { "‹ an hour" } a href=(link(at + HOUR_US)) { "an hour ›" }
        }
        (choices(view.asked, "Made of", "source", source, &made_of))
    };
    let Some((data_type, snapshots)) = found else {
        let body = html! { section { (controls)
            (nothing("There is no book in this hour.", &html! {
                p { "A book is made of " code { "book_snapshot_25" } ", " code { "book_snapshot_5" } " or the changes, " code { "incremental_book_L2" } ". The calendar shows what the lake has of this instrument: "
                    a href=(view.part("", &[("start", ""), ("end", "")])) { "coverage" } "." } }))
        } };
        return Ok(view.page("book", &[], body));
    };
    // The last by the moment.
    let place = snapshots.iter().rposition(|one| one.time <= at).unwrap_or(0);
    let one = &snapshots[place];
    let is_replayed = data_type == DataType::IncrementalBookL2;
    let body = html! { section {
        (controls)
        @if one.time > at { p { "The first book of this hour came later." } }
        div.slider { label for="moment" { "Moment" } input #moment type="range" min="0" max=(snapshots.len() - 1) value=(place) aria-valuetext=(moment_text(one.time)) data-book="book"; output for="moment" #moment-text { (moment_text(one.time)) } }
        div.twice {
            div { h2 { "Ladder" } (ladder(one)) }
            div { h2 { "Depth" } figure.chart data-chart="depth" { canvas tabindex="0" role="img" aria-label="Cumulative amounts by price; the ladder has the numbers." {} p.readout aria-live="polite" {} } (data("depth", &depth(one))) }
        }
        p.quiet.under { @if is_replayed { "The changes of " code { (data_type) } " replayed from the day's start, the best " (LEVELS) " levels" } @else { "From " code { (data_type) } }
            ": " (grouped(snapshots.len() as u64)) " moments of the hour, the last of each " ((HOUR_US / STEPS) / 1_000_000) " seconds." }
        (data("book", &json!(snapshots.iter().map(|one| json!({"t": moment_text(one.time), "a": one.asks, "b": one.bids})).collect::<Vec<_>>())))
    } };
    let day_start = mtdh_engine::Day::containing_us(one.time).map_or(one.time, |day| day.start_us());
    let within_us = if is_replayed { day_start..one.time + 1 } else { one.time..one.time + 1 };
    let wanted = Wanted { data_type, keys: view.key.to_string(), within_us };
    let told = if is_replayed {
        "The changes that make this book, from the day's start to its moment. /v1/book gives the book itself."
    } else {
        "The row of this book, by its arrival; where several arrived at once, the last of them. /v1/book gives the book itself."
    };
    let ways = wanted.ways(&view, told).await?;
    let json = json_address(view.key.as_str(), at.max(one.time), data_type);
    Ok(view.page_of("book", &["chart.js", "book.js"], body, (ways, json)))
}

/// The address of the same book in the API.
fn json_address(key: &str, at: i64, made_of: DataType) -> String {
    let how = match made_of {
        DataType::IncrementalBookL2 => format!("depth={LEVELS}&source=changes"),
        // Of few levels the API takes the snapshots that have no more.
        DataType::BookSnapshot5 => "depth=5".to_owned(),
        _ => format!("depth={LEVELS}&source=snapshot"),
    };
    format!("/v1/book/{}?at={}&{how}", encoded(key), moment_text(at))
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
