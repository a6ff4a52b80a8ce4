//! One instrument: what is known of it, its coverage, and its data as pictures and rows.

pub mod book;
pub mod candles;
pub mod chain;
pub mod get;
pub mod rows;
pub mod ticker;

use std::collections::BTreeMap;
use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use maud::{Markup, html};
use mtdh_core::instrument::Instrument;
use mtdh_core::key::InstrumentType;
use mtdh_core::{DataType, DayRange};
use mtdh_engine::query::{Chosen, Form, ReadRequest, RowStream, TickTable};
use mtdh_engine::{Day, EngineError, InstrumentKey};

use self::get::Ways;
use super::Pages;
use super::asked::Asked;
use super::coverage::{Show, heat, heat_row};
use super::form::shown;
use super::lines::{Counts, Covered};
use super::range::{Span, moment_text};
use super::shell::{Page, Paged, choices, key_path};
use crate::problem::Problem;

/// The parts of an instrument's page.
const TABS: [(&str, &str); 7] = [
    ("", "Coverage"),
    ("candles", "Candles"),
    ("rows", "Rows"),
    ("book", "Book"),
    ("ticker", "Funding and open interest"),
    ("chain", "Options"),
    ("get", "Get it"),
];

/// An instrument and the range that is looked at.
pub struct View<'a> {
    pub pages: &'a Pages,
    pub asked: &'a Asked,
    pub key: InstrumentKey,
    pub span: Span,
    pub whole: DayRange,
}

impl View<'_> {
    /// The days of a range that begin a part of the page which shows rows: the last day of the range that the lake has.
    async fn of<'a>(
        pages: &'a Pages,
        asked: &'a Asked,
        key: &str,
        is_long: bool,
    ) -> Result<View<'a>, Problem> {
        let context = &pages.state.context;
        let key = context.instrument_key(key).await?;
        let days = context.days().await?;
        let (usual, whole) = super::coverage::usual(&days).ok_or(EngineError::NoInstrumentTable)?;
        let usual = if is_long { usual } else { DayRange::of(whole.last()) };
        Ok(View { pages, asked, key, span: Span::of(asked, usual)?, whole })
    }

    /// A request for rows of this instrument.
    pub fn request(&self, table: TickTable, within_us: Range<i64>, limit: Option<u64>) -> ReadRequest {
        ReadRequest { limit, ..ReadRequest::new(table, vec![self.key.to_string()], within_us) }
    }

    /// The rows of a request, and what it chose.
    pub async fn rows(&self, request: &ReadRequest) -> Result<(RowStream, Chosen), Problem> {
        let context = &self.pages.state.context;
        let chosen = context.choose(request).await?;
        Ok((context.rows(request, chosen.objects.clone(), Form::STREAM)?, chosen))
    }

    /// The address of another part of the page.
    pub fn part(&self, name: &str, changes: &[(&str, &str)]) -> String {
        let path = key_path(self.key.as_str());
        self.asked.to(&if name.is_empty() { path } else { format!("{path}/{name}") }, changes)
    }

    /// The page of a part that shows data, with how else the same is had and its address as JSON.
    pub fn page_of(
        self,
        part: &str,
        scripts: &'static [&'static str],
        body: Markup,
        (ways, json): (Ways, String),
    ) -> Page {
        let body = html! {
            (body)
            details.get-this { summary { "Get this: curl, command line, Python, SQL" } section { (get::blocks(&self, &ways)) } }
        };
        let mut page = self.page(part, scripts, body);
        page.json = Some(json);
        page
    }

    /// The page of a part.
    pub fn page(self, part: &str, scripts: &'static [&'static str], body: Markup) -> Page {
        let kind = self.key.instrument_type();
        let has = |name: &str| match name {
            "ticker" => !matches!(kind, InstrumentType::SpotPair),
            "chain" => self.key.base().is_some(),
            _ => true,
        };
        let body = html! {
            nav.tabs aria-label="Parts of this instrument" {
                @for (name, label) in TABS.into_iter().filter(|(name, _)| has(name)) { a href=(self.part(name, &[])) aria-current=[(name == part).then_some("page")] { (label) } }
            }
            (body)
        };
        let mut page = Page::new(self.key.to_string(), body);
        page.above = vec![
            ("Instruments".to_owned(), self.asked.to("/instruments", &[])),
            (self.key.venue().to_owned(), self.asked.to("/instruments", &[("venue", self.key.venue())])),
        ];
        (page.span, page.whole, page.scripts) = (Some(self.span), Some(self.whole), scripts);
        page
    }
}

/// A part of an instrument's page.
pub async fn page(pages: &Pages, asked: &Asked, key: &str, part: &str) -> Paged {
    let view = View::of(pages, asked, key, part.is_empty()).await?;
    match part {
        "" => coverage(view).await,
        "candles" => candles::page(view).await,
        "rows" => rows::page(view).await,
        "book" => book::page(view).await,
        "ticker" => ticker::page(view).await,
        "chain" => chain::page(view).await,
        "get" => get::page(view).await,
        _ => Err(Problem::new(
            axum::http::StatusCode::NOT_FOUND,
            "unknown-path",
            "an instrument has no such page",
        )
        .into()),
    }
}

async fn coverage(view: View<'_>) -> Paged {
    let context = &view.pages.state.context;
    let days = context.days().await?;
    let covered = Covered::of(&view.pages.state, &days, view.span.days).await?;
    let mut rows: BTreeMap<&str, BTreeMap<Day, Counts>> = BTreeMap::new();
    for (day, line) in covered.lines().filter(|(_, line)| *line.key == *view.key.as_str()) {
        rows.entry(line.data_type.name()).or_default().entry(day).or_default().add(line);
    }
    let (show, show_name) = Show::of(view.asked.get("show"));
    let missing: Vec<String> = rows
        .iter()
        .flat_map(|(name, days)| {
            days.iter().filter(|(_, c)| c.missing > 0).map(move |(day, _)| format!("{name} of {day}"))
        })
        .collect();
    let listed: Vec<_> = rows
        .into_iter()
        .map(|(name, days)| heat_row(name, &view.part("rows", &[("data_type", name)]), days))
        .collect();
    let instrument = known(&view, &days).await?;
    if instrument.is_none() && listed.is_empty() {
        let key = view.key.as_str();
        let suggestions = context.suggest(&[key], None).await?.into_iter().next().unwrap_or_default();
        // A key that the newest table has is known, only not of these days.
        if !suggestions.is_empty() && !suggestions.iter().any(|one| one == key) {
            let detail = format!("no table of these days has an instrument `{key}`");
            let problem = Problem::new(axum::http::StatusCode::NOT_FOUND, "unknown-instrument", detail);
            return Err(problem.with("suggestions", suggestions).into());
        }
    }
    let body = html! {
        div.split {
            section { h2 { "Coverage" }
                (choices(view.asked, "Show", "show", show_name, &Show::ALL))
                @if listed.is_empty() { (super::shell::nothing("The lake neither has nor expects anything of it in this range.", &html! { p { a href=(view.part("", &[("start", ""), ("end", "")])) { "Look at all days" } } })) }
                @else { (heat(&view.span, &listed, show, "told")) }
                p #told { @if missing.is_empty() { "Nothing that is expected is missing." } @else { "Missing: " (missing.iter().take(10).cloned().collect::<Vec<_>>().join(", ")) @if missing.len() > 10 { " and " (missing.len() - 10) " more" } "." } }
            }
            section { h2 { "Facts" } @match &instrument { Some((day, one)) => (facts(*day, one)), None => p { "No instrument table of these days has it." } } }
        }
    };
    let as_of = covered.as_of_us;
    let key = super::asked::encoded(view.key.as_str());
    let json = format!(
        "/v1/coverage?start={}&end={}&key={key}&by=day,type",
        view.span.days.first(),
        view.span.days.last()
    );
    let mut page = view.page("", &["heat.js"], body);
    (page.as_of_us, page.json) = (as_of, Some(json));
    Ok(page)
}

/// The instrument's row of the last day of the range that has a table with it.
async fn known(view: &View<'_>, days: &[Day]) -> Result<Option<(Day, Instrument)>, Problem> {
    for day in days.iter().rev().filter(|day| view.span.days.contains(**day)).take(3) {
        if let Ok((day, all)) = view.pages.state.context.instruments(Some(*day)).await
            && let Some(one) = all.into_iter().find(|one| one.key == view.key)
        {
            return Ok(Some((day, one)));
        }
    }
    Ok(None)
}

fn facts(day: Day, one: &Instrument) -> Markup {
    let or = |value: Option<String>| value.unwrap_or_else(|| "not known".to_owned());
    html! {
        dl.facts {
            dt { "Exchange's symbol" } dd { code { (shown(&one.raw_symbol)) } }
            dt { "Vendor's symbol" } dd { @match &one.dataset_symbol { Some(text) => code { (shown(text)) }, None => "no files of it" } }
            dt { "Vendor has it" } dd { "from " (moment_text(one.available_from_us)) @match one.available_to_us { Some(us) => { " to " (moment_text(us)) }, None => ", still" } }
            dt { "Base, quote" } dd { (or(one.key.base().map(str::to_owned))) ", " (or(one.key.quote().map(str::to_owned))) }
            dt { "Settles in" } dd { (shown(&or(one.settle.clone()))) }
            @if let Some(us) = one.expiry_us { dt { "Expires" } dd { (moment_text(us)) } }
            dt { "Contract" } dd { (or(one.contract_size.map(super::form::number))) }
            dt { "Tick" } dd { (or(one.tick_size.map(super::form::number))) }
            dt { "Amounts count" } dd { (one.amount_unit.map_or("not known", |unit| unit.name())) }
            dt { "Data types" } dd { @for data_type in &one.data_types { (data_type.name()) " " } }
            @if !one.aliases.is_empty() { dt { "Also" } dd { (shown(&one.aliases.join(", "))) } }
            dt { "By the table of" } dd { (day) }
        }
    }
}

/// A column of times, microseconds since the Unix epoch, UTC.
pub fn times<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a [i64]> {
    Some(batch.column_by_name(name)?.as_primitive_opt::<TimestampMicrosecondType>()?.values())
}

/// A number of a row; `None`: null, or no such column.
pub fn number_at(batch: &RecordBatch, name: &str, row: usize) -> Option<f64> {
    let column = batch.column_by_name(name)?.as_primitive_opt::<Float64Type>()?;
    column.is_valid(row).then(|| column.value(row))
}

/// The data types that a part of the page offers.
pub fn types_of(key: &InstrumentKey) -> Vec<DataType> {
    let is_option = key.instrument_type() == InstrumentType::Option;
    DataType::ALL.into_iter().filter(|data_type| *data_type != DataType::OptionsChain || is_option).collect()
}
