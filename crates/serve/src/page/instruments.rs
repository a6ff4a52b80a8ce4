//! Instruments: search, facets, and a small line of their rows a day.

use std::collections::{BTreeMap, HashMap};

use maud::{Markup, html};
use mtdh_core::instrument::Instrument;
use mtdh_engine::Day;

use super::Pages;
use super::asked::Asked;
use super::coverage::usual;
use super::form::{grouped, plural, shown};
use super::lines::Covered;
use super::range::{Span, moment_text};
use super::shell::{Page, Paged, key_path, nothing, pages as parts_of, wide};

/// Instruments on one page.
const LINES: usize = 100;

/// Values of a facet that are shown.
const VALUES: usize = 12;

/// The page.
pub async fn page(pages: &Pages, asked: &Asked) -> Paged {
    let context = &pages.state.context;
    let days = context.days().await?;
    let (usual, whole) = usual(&days).ok_or(mtdh_engine::EngineError::NoInstrumentTable)?;
    let span = Span::of(asked, usual)?;
    let last = days.iter().rev().find(|day| span.days.contains(**day)).copied();
    // Without a table of the range's last day the newest one is shown, and named.
    let (day, all) = match last {
        Some(day) => match context.instruments(Some(day)).await {
            Err(mtdh_engine::EngineError::NoInstruments(_)) => context.instruments(None).await?,
            other => other?,
        },
        None => context.instruments(None).await?,
    };
    let covered = Covered::of(&pages.state, &days, span.days).await?;
    let mut rows: HashMap<&str, BTreeMap<Day, u64>> = HashMap::new();
    for (day, line) in covered.lines() {
        *rows.entry(&line.key).or_default().entry(day).or_default() += line.rows.unwrap_or_default();
    }
    let matching: Vec<&Instrument> = all.iter().filter(|one| is_meant(asked, one, None)).collect();
    let total = |one: &Instrument| rows.get(one.key.as_str()).map_or(0, |days| days.values().sum::<u64>());
    let mut listed = matching.clone();
    match asked.get("sort") {
        Some("key") => listed.sort_by(|a, b| a.key.cmp(&b.key)),
        _ => listed.sort_by_cached_key(|one| (std::cmp::Reverse(total(one)), one.key.clone())),
    }
    let parts = listed.len().div_ceil(LINES).max(1);
    let part = asked.page().min(parts);
    let shown_ones = &listed[(part - 1) * LINES..(part * LINES).min(listed.len())];
    let empty = BTreeMap::new();
    let body = html! {
        section {
            form.search method="get" action="/instruments" role="search" aria-label="Instruments" {
                @for (name, value) in asked.others(&["q", "page"]) { input type="hidden" name=(name) value=(value); }
                input type="search" name="q" value=(asked.get("q").unwrap_or_default()) aria-label="Key, symbol of the exchange or base" placeholder="key, symbol or base, as BTC-PERPETUAL";
                button { "Find" }
            }
            div.facets {
                (facet(asked, &all, "venue", "Venue")) (facet(asked, &all, "type", "Type")) (facet(asked, &all, "quote", "Quote"))
            }
        }
        section {
            p.quiet { span data-number="instruments" { (grouped(matching.len() as u64)) } " of " (plural(all.len() as u64, "instrument", "instruments"))
                " in the table of " a href=(asked.to(&format!("/days/{day}"), &[])) { (day) } ". Sorted by "
                @if asked.get("sort") == Some("key") { a href=(asked.with(&[("sort", "")])) { "rows" } " or " b { "key" } } @else { b { "rows" } " or " a href=(asked.with(&[("sort", "key")])) { "key" } } "." }
            @if listed.is_empty() {
                (nothing("No instrument fits.", &html! { p { "A part of its key, the exchange's own symbol and the base are looked for. " a href=(asked.to("/instruments", &[])) { "Show all" } } }))
            } @else {
                (wide("Instruments", &html! { table {
                    thead { tr { th scope="col" { "Instrument" } th scope="col" { "Exchange's symbol" } th scope="col" { "Vendor has it from" } th scope="col" { "to" }
                        th.number scope="col" { "Data types" } th.number scope="col" { "Rows in the range" } th scope="col" { "Rows a day" } } }
                    tbody { @for one in shown_ones {
                        @let by_day = rows.get(one.key.as_str()).unwrap_or(&empty);
                        tr {
                            th scope="row" { a.key.long href=(asked.to(&key_path(one.key.as_str()), &[])) { (shown(one.key.as_str())) } }
                            td { (shown(&one.raw_symbol)) }
                            td { (date(one.available_from_us)) } td { @match one.available_to_us { Some(us) => (date(us)), None => span.quiet { "still" } } }
                            td.number { (one.data_types.len()) }
                            td.number { (grouped(total(one))) } td { (spark(&span, by_day)) }
                        }
                    } }
                } }))
                (parts_of(asked, part, parts))
            }
        }
    };
    let mut page = Page::new("Instruments", body);
    page.json = Some(json(asked, day));
    (page.span, page.whole, page.as_of_us) = (Some(span), Some(whole), covered.as_of_us);
    Ok(page)
}

/// The address of the same in the API.
fn json(asked: &Asked, day: Day) -> String {
    let names = [("venue", "venue"), ("instrument_type", "type"), ("quote", "quote"), ("q", "q")];
    let day = day.to_string();
    let mut wanted = vec![("start", ""), ("end", ""), ("day", day.as_str())];
    wanted.extend(names.map(|(name, own)| (name, asked.get(own).unwrap_or_default())));
    asked.to("/v1/instruments", &wanted)
}

fn date(us: i64) -> String {
    moment_text(us).chars().take(10).collect()
}

/// Whether an instrument is meant by the address; `but` is a facet that does not count, so that its other values stay in view.
fn is_meant(asked: &Asked, one: &Instrument, but: Option<&str>) -> bool {
    let is =
        |name: &str| but == Some(name) || asked.get(name).is_none_or(|wanted| value_of(one, name) == wanted);
    let query = asked.get("q").map(str::to_lowercase).unwrap_or_default();
    let has = |text: &str| text.to_lowercase().contains(&query);
    is("venue")
        && is("type")
        && is("quote")
        && (query.is_empty()
            || has(one.key.as_str())
            || has(&one.raw_symbol)
            || one.dataset_symbol.as_deref().is_some_and(has)
            || one.aliases.iter().any(|alias| has(alias)))
}

fn value_of<'a>(one: &'a Instrument, facet: &str) -> &'a str {
    match facet {
        "venue" => one.key.venue(),
        "type" => one.key.instrument_type().name(),
        _ => one.key.quote().unwrap_or_default(),
    }
}

/// The values of a facet with how many instruments each would leave.
fn facet(asked: &Asked, all: &[Instrument], name: &str, label: &str) -> Markup {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for one in all.iter().filter(|one| is_meant(asked, one, Some(name))) {
        *counts.entry(value_of(one, name)).or_default() += 1;
    }
    let mut values: Vec<(&str, u64)> = counts.into_iter().filter(|(value, _)| !value.is_empty()).collect();
    values.sort_by_key(|(value, count)| (std::cmp::Reverse(*count), *value));
    let more = values.len().saturating_sub(VALUES);
    html! {
        div.choices role="group" aria-label=(label) { span.quiet { (label) }
            a href=(asked.with(&[(name, ""), ("page", "")])) aria-current=[asked.get(name).is_none().then_some("true")] { "all" }
            @for (value, count) in values.iter().take(VALUES) {
                a href=(asked.with(&[(name, value), ("page", "")])) aria-current=[(asked.get(name) == Some(value)).then_some("true")] { (shown(value)) " " (grouped(*count)) }
            }
            @if more > 0 { span.quiet { "and " (more) " more" } }
        }
    }
}

/// A small line of the rows a day, with the days that have none as marks at the foot; the same as text for those who cannot see it.
pub fn spark(span: &Span, days: &BTreeMap<Day, u64>) -> Markup {
    const WIDTH: f64 = 120.0;
    const HEIGHT: f64 = 22.0;
    let most = days.values().copied().max().unwrap_or_default();
    let length = span.length() as f64;
    let place = |day: Day| {
        let column = ((day.start_us() - span.days.first().start_us()) / mtdh_core::day::DAY_US) as f64;
        if length > 1.0 { 2.0 + column / (length - 1.0) * (WIDTH - 4.0) } else { WIDTH / 2.0 }
    };
    let height = |rows: u64| HEIGHT - 2.0 - rows as f64 / most.max(1) as f64 * (HEIGHT - 4.0);
    let mut path = String::new();
    let mut before: Option<Day> = None;
    for (day, rows) in days {
        let letter = if before.map(|before| before.next()) == Some(*day) { 'L' } else { 'M' };
        path.push_str(&format!("{letter}{:.1} {:.1}", place(*day), height(*rows)));
        before = Some(*day);
    }
    let least = days.values().copied().min().unwrap_or_default();
    let text = match days.len() {
        0 => "no rows".to_owned(),
        1 => format!("{} rows on one day", grouped(most)),
        count => format!("{count} days, {} to {} rows a day", grouped(least), grouped(most)),
    };
    html! {
        svg.spark viewBox="0 0 120 22" role="img" aria-label=(text) {
            title { (text) }
            path d=(path) {}
            @if days.len() <= 40 { @for (day, rows) in days { circle cx=(format!("{:.1}", place(*day))) cy=(format!("{:.1}", height(*rows))) r="1.8" {} } }
        }
    }
}
