//! The option chain of an underlying at a moment: strikes of an expiry, with the smile.

use std::collections::{BTreeMap, BTreeSet};

use futures::TryStreamExt;
use maud::html;
use mtdh_core::key::{InstrumentType, OptionSide};
use mtdh_core::moment::TimeValue;
use mtdh_core::{DataType, Day};
use mtdh_engine::query::TickTable;
use serde_json::json;

use super::get::Wanted;
use super::{View, number_at, times};
use crate::page::form::number;
use crate::page::range::moment_text;
use crate::page::shell::{Paged, choices, data, key_path, nothing, wide};
use crate::problem::Problem;
use crate::state::now_us;

/// What is shown of an option.
const COLUMNS: [&str; 8] = [
    "bid_price",
    "ask_price",
    "mark_price",
    "mark_iv",
    "delta",
    "open_interest",
    "underlying_price",
    "last_price",
];

/// An option's last row by the moment.
type Row = (i64, [Option<f64>; 8]);

/// The part of the page.
pub async fn page(view: View<'_>) -> Paged {
    let at = match view.asked.get("at") {
        Some(text) => TimeValue::parse(text, now_us())
            .map_err(|error| Problem::parameter("at", error.to_string()))?
            .as_end(),
        None => view.span.us.end,
    };
    let day =
        Day::containing_us(at - 1).ok_or_else(|| Problem::parameter("at", "it lies beyond the calendar"))?;
    let all = match view.pages.state.context.instruments(Some(day)).await {
        Ok((_, all)) => all,
        Err(mtdh_engine::EngineError::NoInstruments(_)) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let is_of = |key: &mtdh_engine::InstrumentKey| {
        key.instrument_type() == InstrumentType::Option
            && key.venue() == view.key.venue()
            && key.base() == view.key.base()
    };
    let options: Vec<_> = all.iter().map(|one| &one.key).filter(|key| is_of(key)).collect();
    let expiries: BTreeSet<Day> = options.iter().filter_map(|key| key.expiry()).collect();
    let wanted = view.asked.get("expiry").and_then(|text| text.parse::<Day>().ok()).or(view.key.expiry());
    // The nearest that is left a week, where none is asked for.
    let expiry = wanted
        .filter(|one| expiries.contains(one))
        .or_else(|| expiries.iter().find(|one| **one >= day.plus(7)).copied())
        .or(expiries.last().copied());
    let keys: Vec<String> = options
        .iter()
        .filter(|key| key.expiry() == expiry && expiry.is_some())
        .map(ToString::to_string)
        .collect();
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    if !keys.is_empty() {
        let mut request = view.request(TickTable::Ticks(DataType::OptionsChain), day.start_us()..at, None);
        request.instruments = keys.clone();
        request.columns = Some(
            COLUMNS
                .iter()
                .chain(&["instrument_key", "local_timestamp"])
                .map(|name| (*name).to_owned())
                .collect(),
        );
        let (mut stream, _) = view.rows(&request).await?;
        while let Some(batch) = stream.try_next().await? {
            // Rows come by key, and in order of arrival: the last of each key counts.
            let Some(names) = batch.column_by_name("instrument_key").and_then(|column| {
                arrow_array::cast::AsArray::as_dictionary_opt::<arrow_array::types::Int32Type>(&**column)
            }) else {
                continue;
            };
            let Some(texts) = arrow_array::cast::AsArray::as_string_opt::<i32>(&**names.values()) else {
                continue;
            };
            let arrivals = times(&batch, "local_timestamp").unwrap_or_default();
            for (row, place) in names.keys().values().iter().enumerate() {
                if names.keys().values().get(row + 1) != Some(place) {
                    rows.insert(
                        texts.value(*place as usize).to_owned(),
                        (arrivals[row], COLUMNS.map(|name| number_at(&batch, name, row))),
                    );
                }
            }
        }
    }
    let mut strikes: BTreeMap<u64, [Option<(&str, Row)>; 2]> = BTreeMap::new();
    for key in options.iter().filter(|key| key.expiry() == expiry) {
        let Some(strike) = key.strike().and_then(|text| text.parse::<f64>().ok()) else { continue };
        let side = usize::from(key.option_side() == Some(OptionSide::Put));
        strikes.entry(strike.to_bits()).or_default()[side] =
            rows.get(key.as_str()).map(|row| (key.as_str(), *row));
    }
    let iv = |side: usize| -> Vec<Option<f64>> {
        strikes.values().map(|both| both[side].and_then(|(_, (_, values))| values[3])).collect()
    };
    let described = json!({"x": "number", "xs": strikes.keys().map(|bits| f64::from_bits(*bits)).collect::<Vec<_>>(), "shade": [], "panels": [{"label": "mark volatility", "high": 1, "series": [
        {"kind": "points", "name": "calls", "tone": "up", "y": iv(0)}, {"kind": "points", "name": "puts", "tone": "down", "dash": true, "y": iv(1)}]}]});
    let underlying = rows.values().max_by_key(|row| row.0).and_then(|row| row.1[6]);
    let names: Vec<String> = expiries.iter().map(ToString::to_string).collect();
    let links: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), name.as_str())).collect();
    let current = expiry.map(|day| day.to_string()).unwrap_or_default();
    let shown_columns = [(0, "bid"), (1, "ask"), (3, "vol."), (4, "delta"), (5, "open int.")];
    let body = html! { section {
        @if expiries.is_empty() { (nothing(&format!("{} lists no options on this base on {day}.", view.key.venue()), &html! { p { "Choose a day above on which it does, or another instrument." } })) }
        @else {
            form.search method="get" action=(view.asked.path) { @for (name, value) in view.asked.others(&["at"]) { input type="hidden" name=(name) value=(value); }
                label { "At " input name="at" value=(moment_text(at)) size="20" autocomplete="off" spellcheck="false"; } button { "Show" } }
            (choices(view.asked, "Expiry", "expiry", &current, &links))
            @if rows.is_empty() { (nothing("The lake has no options_chain of this expiry by that moment.", &html! { p { "It is a data type of its own, in one file of the venue:" } pre { "mtdh download --start-date " (day) " --venues " (view.key.venue()) " --instrument-types OPTION --data-types options_chain" } })) }
            @else {
                p { (rows.len()) " of " (keys.len()) " options have a row by then" @if let Some(price) = underlying { "; the underlying stands at " (number(price)) } "." }
                figure.chart data-chart="smile" { figcaption { span { "Volatility by strike, " (current) } } canvas tabindex="0" role="img" aria-label="The smile: mark volatility by strike; the table has the numbers." {} p.readout aria-live="polite" {} }
                (data("smile", &described))
                (wide("Option chain", &html! { table { thead { tr { @for (_, name) in shown_columns { th.number scope="col" { "Call " (name) } } th.number scope="col" { "Strike" } @for (_, name) in shown_columns { th.number scope="col" { "Put " (name) } } } }
                    tbody { @for (bits, both) in &strikes { tr {
                        @for (column, _) in shown_columns { td.number { (both[0].and_then(|(_, row)| row.1[column]).map_or("–".to_owned(), number)) } }
                        th.number scope="row" { @match both[0].or(both[1]) { Some((key, _)) => a href=(view.asked.to(&key_path(key), &[])) { (number(f64::from_bits(*bits))) }, None => (number(f64::from_bits(*bits))) } }
                        @for (column, _) in shown_columns { td.number { (both[1].and_then(|(_, row)| row.1[column]).map_or("–".to_owned(), number)) } }
                    } } } } }))
            }
        }
    } };
    let (Some(base), Some(expiry), false) = (view.key.base(), expiry, rows.is_empty()) else {
        return Ok(view.page("chain", &["chart.js"], body));
    };
    // Keys have the expiry as 240329.
    let of_key: String = expiry.to_string().chars().filter(char::is_ascii_digit).skip(2).collect();
    let keys = format!("{}:OPTION:{base}-*-{of_key}-*", view.key.venue());
    let wanted = Wanted { data_type: DataType::OptionsChain, keys, within_us: day.start_us()..at };
    let told =
        "All rows of the expiry from the day's start to the moment; the last of each option is in the table.";
    let ways = wanted.ways(&view, told).await?;
    Ok(view.page_of("chain", &["chart.js"], body, (ways, wanted.json(10_000))))
}
