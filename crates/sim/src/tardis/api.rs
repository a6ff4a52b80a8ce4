//! The vendor's host for metadata: exchanges, instruments, and what a key may see.

mod document;
pub(crate) mod exchanges;
mod filter;
pub(crate) mod instruments;
mod terms;

use std::sync::Arc;

use axum::http::{Method, StatusCode};

use crate::config::Config;
use crate::generate::universe::{Universe, profile};
use crate::server::front::answer::{Answer, Refused};
use crate::server::front::ask::Ask;
use crate::server::world::{World, blocking};
use crate::tardis::datasets::{check_use, is_blocked};
use crate::tardis::keys::{Unauthorized, access, describe, may_read_instruments};
pub(crate) use document::Documents;

/// Code of a parameter that is wrong.
const INVALID: i64 = 300;

/// Answers a request for metadata.
pub(crate) async fn answer(world: &Arc<World>, ask: &Ask) -> Answer {
    if is_blocked(ask.header("user-agent")) {
        return Answer::edge_blocked();
    }
    let segments = ask.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let config = world.config();
    match (&ask.method, segments.as_slice()) {
        (&Method::GET, ["v1", "exchanges"]) => {
            documented(world, ask, |config| Some(exchanges::list(config))).await
        }
        (&Method::GET, ["v1", "exchanges", exchange]) => {
            let exchange = exchange.to_string();
            documented(world, ask, move |config| exchanges::details(config, &exchange)).await
        }
        (&Method::GET, ["v1", "instruments", exchange]) => all_instruments(world, &config, ask, exchange),
        (&Method::GET, ["v1", "instruments", exchange, symbol @ ..]) => {
            one_instrument(world, &config, ask, exchange, &symbol.join("/"))
        }
        (&Method::GET, ["v1", "api-key-info"]) => {
            match describe(access(ask.bearer()), config.now.timestamp_micros()) {
                Ok(list) => Answer::json(StatusCode::OK, &list),
                Err(refusal) => refuse(refusal),
            }
        }
        _ => Answer::vendor_error(404, 404, "not found"),
    }
}

/// A document that is made once for every state of the world's clock.
async fn documented<Make>(world: &Arc<World>, ask: &Ask, make: Make) -> Answer
where
    Make: FnOnce(&Config) -> Option<Vec<u8>> + Send + 'static,
{
    let config = world.config();
    let key = (ask.path.clone(), config.now.timestamp_micros());
    let kept = world.documents.get(&key);
    let document = match kept {
        Some(document) => Some(document),
        None => blocking(move || make(&config)).await.map(|json| world.documents.keep(key, json)),
    };
    match document {
        Some(document) => document.answer(ask),
        None => Answer::vendor_error(
            400,
            INVALID,
            "invalid `exchange` parameter; exchanges are listed at /v1/exchanges",
        ),
    }
}

fn all_instruments(world: &World, config: &Arc<Config>, ask: &Ask, exchange: &str) -> Answer {
    let universe = match readable(world, config, ask, exchange) {
        Ok(universe) => universe,
        Err(answer) => return *answer,
    };
    let text = ask.parameter("filter").unwrap_or_default();
    match filter::read(&text) {
        Ok(filter) => instruments::all(universe, config.now.timestamp_micros(), filter, &text, ask),
        Err(message) => Answer::vendor_error(400, INVALID, &message),
    }
}

fn one_instrument(world: &World, config: &Config, ask: &Ask, exchange: &str, symbol: &str) -> Answer {
    let universe = match readable(world, config, ask, exchange) {
        Ok(universe) => universe,
        Err(answer) => return *answer,
    };
    let now_us = config.now.timestamp_micros();
    match instruments::one(&universe, now_us, symbol) {
        Some(json) => Answer::new(StatusCode::OK, document::JSON, json),
        None => {
            let message = format!("invalid `symbol` parameter: `{symbol}`; see /v1/instruments/{exchange}");
            Answer::vendor_error(400, INVALID, &message)
        }
    }
}

/// The instruments of an exchange, if the key may read them.
fn readable(world: &World, config: &Config, ask: &Ask, exchange: &str) -> Result<Arc<Universe>, Refused> {
    if profile::find(exchange).is_none() {
        let message =
            format!("invalid `exchange` parameter: `{exchange}`; exchanges are listed at /v1/exchanges");
        return Err(Answer::vendor_error(400, INVALID, &message).into());
    }
    check_use(world, config, ask.bearer(), ask.peer)?;
    may_read_instruments(access(ask.bearer()), exchange).map_err(refuse)?;
    Universe::of(config, exchange).ok_or_else(|| Answer::vendor_error(404, 404, "not found").into())
}

fn refuse(refusal: Unauthorized) -> Answer {
    Answer::vendor_error(401, refusal.code, refusal.message)
}
