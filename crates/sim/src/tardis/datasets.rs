//! The vendor's host for files.

mod serve;
pub(crate) mod store;

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::Method;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use mtdh_core::{DataType, Day};
use serde_json::json;

use crate::config::{Config, Redirect, Unexported};
use crate::generate::files;
use crate::generate::files::{File, FileName, Refusal};
use crate::generate::times::iso;
use crate::generate::universe::profile;
use crate::server::front::answer::{Answer, Refused};
use crate::server::front::ask::Ask;
use crate::server::world::World;
use crate::tardis::key_use::Wait;
use crate::tardis::keys::{access, may_read_file};

/// Code of a parameter that is wrong.
const INVALID: i64 = 300;
/// Code of a day on which the symbol has no files.
const UNAVAILABLE: i64 = 140;

/// Answers a request for a file.
pub(crate) async fn answer(world: &Arc<World>, ask: &Ask) -> Answer {
    let config = world.config();
    match granted(world, &config, ask) {
        Err(answer) => *answer,
        Ok((name, _)) if is_redirected(&config, ask) => {
            let location = store::signed_url(world, &name, config.options.further_redirects);
            Answer::empty(StatusCode::FOUND).with(LOCATION, &location)
        }
        Ok((name, file)) => {
            let stored = world.stored_file(name, file).await;
            let answer = serve::file(&stored, ask, &config.options);
            world.key_use.spend(ask.bearer(), answer.bytes_to_send().unwrap_or_default());
            answer
        }
    }
}

/// The file that is asked for, if it exists and may be read.
fn granted(world: &World, config: &Config, ask: &Ask) -> Result<(FileName, File), Refused> {
    if is_blocked(ask.header("user-agent")) {
        return Err(Answer::edge_blocked().into());
    }
    if ask.method != Method::GET {
        return Err(not_found().into());
    }
    check_use(world, config, ask.bearer(), ask.peer)?;
    let name = file_name(&ask.segments(), config)?;
    let found = files::find(config, name.clone());
    if let Err(
        refusal @ (Refusal::UnknownExchange | Refusal::UnknownSymbol { .. } | Refusal::NoSuchDataType { .. }),
    ) = found
    {
        return Err(refuse(refusal, &name, config.options.unexported).into());
    }
    may_read_file(access(ask.bearer()), &name.exchange, name.day)
        .map_err(|no| Answer::vendor_error(401, no.code, no.message))?;
    let file = found.map_err(|refusal| refuse(refusal, &name, config.options.unexported))?;
    Ok((name, file))
}

/// Counts the request against the limits of its key.
pub(crate) fn check_use(
    world: &World,
    config: &Config,
    key: Option<&str>,
    peer: IpAddr,
) -> Result<(), Refused> {
    let now_us = config.now.timestamp_micros();
    world.key_use.request(key, peer, &config.options.budget, now_us).map_err(|wait| match wait {
        Wait::OtherAddress { seconds } => Answer::key_locked(seconds).into(),
        Wait::Budget { seconds } => Answer::too_many_requests(Some(&seconds.to_string())).into(),
    })
}

/// Whether the edge network blocks a client by what it calls itself.
pub(crate) fn is_blocked(user_agent: Option<&str>) -> bool {
    user_agent.is_none_or(|name| name.is_empty() || name.starts_with("Python-urllib"))
}

fn is_redirected(config: &Config, ask: &Ask) -> bool {
    match config.options.redirect {
        Redirect::Never => false,
        Redirect::Keyed => ask.bearer().is_some(),
        Redirect::Always => true,
    }
}

/// Reads `v1/{exchange}/{type}/{YYYY}/{MM}/{DD}/{SYMBOL}.csv.gz`.
fn file_name(segments: &[String], config: &Config) -> Result<FileName, Refused> {
    let [version, exchange, data_type, year, month, day, file] = segments else {
        return Err(not_found().into());
    };
    let symbol = file.strip_suffix(".csv.gz").filter(|_| version == "v1").ok_or_else(not_found)?;
    if profile::find(exchange).is_none() {
        return Err(invalid("exchange", exchange, "exchanges are listed at /v1/exchanges").into());
    }
    let known = DataType::ALL.into_iter().find(|known| known.name() == data_type);
    let data_type = known.ok_or_else(|| invalid("dataType", data_type, "see /v1/exchanges/{exchange}"))?;
    let date = format!("{year}-{month}-{day}");
    let day: Day = date.parse().map_err(|_| {
        Answer::vendor_error(400, INVALID, &format!("the date `{date}` is not in ISO 8601 format"))
    })?;
    let symbol = if config.options.any_case_symbols { symbol.to_uppercase() } else { symbol.to_owned() };
    Ok(FileName { exchange: exchange.clone(), data_type, day, symbol })
}

fn refuse(refusal: Refusal, name: &FileName, unexported: Unexported) -> Answer {
    let details = format!("see /v1/exchanges/{}", name.exchange);
    match refusal {
        Refusal::UnknownExchange => {
            invalid("exchange", &name.exchange, "exchanges are listed at /v1/exchanges")
        }
        Refusal::UnknownSymbol { hint: Some(hint) } => {
            invalid("symbol", &name.symbol, &format!("did you mean `{hint}`? {details}"))
        }
        Refusal::UnknownSymbol { hint: None } => invalid("symbol", &name.symbol, &details),
        Refusal::NoSuchDataType { offered } => {
            let offered: Vec<&str> = offered.into_iter().map(DataType::name).collect();
            let hint = format!("`{}` has {}; {details}", name.symbol, offered.join(", "));
            invalid("dataType", name.data_type.name(), &hint)
        }
        Refusal::NotExported { .. } if unexported == Unexported::NotFound => not_found(),
        Refusal::Outside { since_us, to_us } | Refusal::NotExported { since_us, to_us } => {
            let message = format!("there is no data of `{}` on {}", name.symbol, name.day);
            let info = json!({"availableSince": iso(since_us), "availableTo": iso(to_us)});
            Answer::vendor_error_with(400, UNAVAILABLE, &message, "datasetInfo", info)
        }
    }
}

fn invalid(parameter: &str, value: &str, hint: &str) -> Answer {
    Answer::vendor_error(400, INVALID, &format!("invalid `{parameter}` parameter: `{value}`; {hint}"))
}

fn not_found() -> Answer {
    Answer::vendor_error(404, 404, "not found")
}
