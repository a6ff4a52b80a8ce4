//! What can be asked about: data types, venues, instruments, symbols.

use axum::http::StatusCode;
use futures::future::BoxFuture;
use mtdh_core::DataType;
use mtdh_core::instrument::{AmountUnit, Instrument};
use mtdh_core::key::InstrumentType;
use mtdh_core::table::{Column, Kind};
use serde_json::{Value, json};

use super::status::{document, rfc3339};
use super::{Answered, Ask};
use crate::problem::Problem;
use crate::state::now_us;

fn column(column: &Column) -> Value {
    let (kind, words) = match column.kind {
        Kind::Time => ("timestamp[us, UTC]", None),
        Kind::Number => ("float64", None),
        Kind::Text => ("string", None),
        Kind::Category(words) => ("dictionary<int32, string>", Some(words)),
        Kind::Flag => ("bool", None),
    };
    json!({
        "name": column.name,
        "type": kind,
        "words": words,
        "nullable": column.nullable,
        "unit": column.unit,
        "meaning": column.meaning,
    })
}

fn data_type_document(data_type: DataType) -> Value {
    let key = json!({
        "name": mtdh_core::table::INSTRUMENT_KEY, "type": "dictionary<int32, string>", "words": null, "nullable": false,
        "unit": "", "meaning": "the instrument key",
    });
    let columns = std::iter::once(key).chain(data_type.table().columns.iter().map(column));
    json!({"name": data_type.name(), "only_grouped": data_type.only_grouped(), "columns": columns.collect::<Vec<_>>()})
}

pub(super) fn data_types(_ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async {
        let all: Vec<Value> = DataType::ALL.into_iter().map(data_type_document).collect();
        Ok(document(&json!({"data_types": all})))
    })
}

pub(super) fn data_type(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let data_type =
            ask.given.value("type")?.ok_or_else(|| Problem::parameter("type", "`type` is needed"))?;
        Ok(document(&data_type_document(data_type)))
    })
}

fn time(us: Option<i64>) -> Value {
    us.map(rfc3339).into()
}

fn instrument_document(row: &Instrument) -> Value {
    let names = |types: &[DataType]| types.iter().map(|t| t.name()).collect::<Vec<_>>();
    json!({
        "key": row.key.as_str(),
        "venue": row.key.venue(),
        "instrument_type": row.key.instrument_type().name(),
        "base": row.key.base(),
        "quote": row.key.quote(),
        "expiry": time(row.expiry_us),
        "strike": row.key.strike(),
        "option_side": row.key.option_side().map(|side| side.name()),
        "exchange": row.exchange,
        "exchange_symbol": row.raw_symbol,
        "vendor_symbol": row.dataset_symbol,
        "aliases": row.aliases,
        "data_types": names(&row.data_types),
        "group_data_types": names(&row.group_data_types),
        "withdrawn_data_types": names(&row.withdrawn_data_types),
        "available_from": rfc3339(row.available_from_us),
        "available_to": time(row.available_to_us),
        "is_listed": row.is_listed,
        "is_exported": row.is_exported,
        "settle": row.settle,
        "inverse": row.inverse,
        "quanto": row.quanto,
        "price_currency": row.price_currency,
        "amount_unit": row.amount_unit.map(AmountUnit::name),
        "contract_type": row.contract_type,
        "contract_size": row.contract_size,
        "tick_size": row.tick_size,
        "min_size": row.min_size,
        "terms_as_of": row.terms_as_of.map(|day| day.to_string()),
        "trades_total": row.trades_total,
        "book_changes_total": row.book_changes_total,
        "canonical": row.canonical,
        "native_reason": row.native_reason,
    })
}

pub(super) fn venues(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let (day, rows) = ask.state.instruments(ask.given.day("day")?).await?;
        let mut venues: std::collections::BTreeMap<&str, (&str, u64)> = std::collections::BTreeMap::new();
        for row in rows.iter() {
            venues.entry(row.key.venue()).or_insert((&row.exchange, 0)).1 += 1;
        }
        let venues: Vec<Value> = venues
            .into_iter()
            .map(|(venue, (exchange, count))| json!({"venue": venue, "exchange": exchange, "instruments": count}))
            .collect();
        Ok(document(&json!({"day": day.to_string(), "as_of": rfc3339(now_us()), "venues": venues})))
    })
}

/// Whether a text is in one of an instrument's names; case does not matter.
fn is_named(row: &Instrument, text: &str) -> bool {
    let has = |name: &str| name.to_ascii_lowercase().contains(text);
    has(row.key.as_str()) || has(&row.raw_symbol) || row.dataset_symbol.as_deref().is_some_and(has)
}

pub(super) fn list(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let given = &ask.given;
        let (day, rows) = ask.state.instruments(given.day("day")?).await?;
        let venues: Vec<String> =
            given.list("venue").iter().map(|venue| venue.to_ascii_uppercase()).collect();
        let kinds: Vec<InstrumentType> =
            given.list("instrument_type").iter().filter_map(|t| t.parse().ok()).collect();
        let types: Vec<DataType> = given.list("type").iter().filter_map(|t| t.parse().ok()).collect();
        let text = given.text("q").map(str::to_ascii_lowercase);
        let is = |wanted: Option<&str>, found: Option<&str>| {
            wanted.is_none_or(|wanted| found.is_some_and(|found| found.eq_ignore_ascii_case(wanted)))
        };
        let underlying = given.text("underlying").map(str::to_ascii_uppercase);
        let is_meant = |row: &&Instrument| {
            let of_pair =
                || format!("{}-{}", row.key.base().unwrap_or_default(), row.key.quote().unwrap_or_default());
            (venues.is_empty() || venues.iter().any(|venue| venue == row.key.venue()))
                && (kinds.is_empty() || kinds.contains(&row.key.instrument_type()))
                && (types.is_empty() || types.iter().any(|t| row.data_types.contains(t)))
                && is(given.text("base"), row.key.base())
                && is(given.text("quote"), row.key.quote())
                && underlying.as_ref().is_none_or(|underlying| *underlying == of_pair())
                && text.as_ref().is_none_or(|text| is_named(row, text))
        };
        let mut meant: Vec<&Instrument> = rows.iter().filter(is_meant).collect();
        meant.sort_by(|a, b| a.key.cmp(&b.key));
        let total = meant.len();
        let start = match given.text("cursor") {
            None => 0,
            Some(cursor) => meant.partition_point(|row| row.key.as_str() <= cursor),
        };
        let limit = given.value::<usize>("limit")?.unwrap_or(1_000);
        let end = meant.len().min(start + limit);
        let page = &meant[start.min(end)..end];
        let next = (end < meant.len()).then(|| page.last()).flatten().map(|row| ask.next(row.key.as_str()));
        let page: Vec<Value> = page.iter().map(|row| instrument_document(row)).collect();
        Ok(document(&json!({
            "day": day.to_string(), "as_of": rfc3339(now_us()), "total": total, "instruments": page, "next": next,
        })))
    })
}

pub(super) fn one(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let key = ask.state.context.instrument_key(ask.given.text("key").unwrap_or_default()).await?;
        let (day, rows) = ask.state.instruments(ask.given.day("day")?).await?;
        let Some(row) = rows.iter().find(|row| row.key == key) else {
            let suggestions =
                ask.state.context.suggest(&[key.as_str()], Some(day)).await?.pop().unwrap_or_default();
            let detail = format!("the instrument table of {day} has no {key}");
            let problem = Problem::new(StatusCode::NOT_FOUND, "unknown-instrument", detail);
            return Err(problem.with("suggestions", suggestions));
        };
        let mut answer = instrument_document(row);
        answer["day"] = day.to_string().into();
        answer["as_of"] = rfc3339(now_us()).into();
        Ok(document(&answer))
    })
}

pub(super) fn resolve(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let from = ask.given.text("from").unwrap_or("vendor").to_owned();
        let (day, rows) = ask.state.instruments(ask.given.day("day")?).await?;
        let venues: Vec<String> =
            ask.given.list("venue").iter().map(|venue| venue.to_ascii_uppercase()).collect();
        let names = |row: &Instrument, symbol: &str| match from.as_str() {
            "key" => {
                row.key.as_str().eq_ignore_ascii_case(symbol)
                    || row.aliases.iter().any(|alias| alias == symbol)
            }
            "exchange" => row.raw_symbol.eq_ignore_ascii_case(symbol),
            _ => row.dataset_symbol.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(symbol)),
        };
        let (mut resolved, mut unknown) = (Vec::new(), Vec::new());
        for symbol in ask.given.list("symbols") {
            let of_venue =
                |row: &&Instrument| venues.is_empty() || venues.iter().any(|venue| venue == row.key.venue());
            let found: Vec<&Instrument> =
                rows.iter().filter(of_venue).filter(|row| names(row, &symbol)).collect();
            if found.is_empty() {
                unknown.push(symbol.clone());
            }
            resolved.extend(found.into_iter().map(|row| {
                json!({
                    "symbol": symbol,
                    "key": row.key.as_str(),
                    "venue": row.key.venue(),
                    "exchange": row.exchange,
                    "exchange_symbol": row.raw_symbol,
                    "vendor_symbol": row.dataset_symbol,
                })
            }));
        }
        Ok(document(&json!({
            "day": day.to_string(), "from": from, "as_of": rfc3339(now_us()), "resolved": resolved, "unknown": unknown,
        })))
    })
}
