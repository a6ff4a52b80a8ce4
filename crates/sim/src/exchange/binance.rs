//! Binance's REST API: candles from the same trades as Tardis' files.
//!
//! Endpoints: `/api/v3/klines`, `/fapi/v1/klines`, `/dapi/v1/klines`.

mod candles;
mod weight;

use std::sync::Arc;

use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderName, Method, StatusCode};
use futures::future::{BoxFuture, FutureExt};
use mtdh_core::day::DAY_US;
use mtdh_core::{DataType, Day};
use serde_json::json;

use crate::config::{Config, Size};
use crate::generate::files::FileName;
use crate::generate::issues::Issues;
use crate::generate::market::Source;
use crate::generate::times::{HOUR_US, MINUTE_US};
use crate::generate::universe::Universe;
use crate::server::fault::Host;
use crate::server::front::request::HttpRequest;
use crate::server::front::response::{ErrorResponse, HttpResponse, status_of};
use crate::server::handler::Handler;
use crate::server::world::World;
use crate::sync::run_blocking;
use candles::{Candles, Span};
use weight::{LimitReached, Weight};

/// One of Binance's three APIs.
#[derive(Clone, Copy, Debug)]
struct Market {
    path: &'static str,
    exchange: &'static str,
    /// Most candles in one response.
    max_candles: usize,
}

const MARKETS: [Market; 3] = [
    Market { path: "/api/v3/klines", exchange: "binance", max_candles: 1000 },
    Market { path: "/fapi/v1/klines", exchange: "binance-futures", max_candles: 1500 },
    Market { path: "/dapi/v1/klines", exchange: "binance-delivery", max_candles: 1500 },
];

/// Candles in a response to a request without `limit`.
const DEFAULT_LIMIT: usize = 500;

/// Names of intervals and their lengths in microseconds.
const INTERVALS: [(&str, i64); 14] = [
    ("1m", MINUTE_US),
    ("3m", 3 * MINUTE_US),
    ("5m", 5 * MINUTE_US),
    ("15m", 15 * MINUTE_US),
    ("30m", 30 * MINUTE_US),
    ("1h", HOUR_US),
    ("2h", 2 * HOUR_US),
    ("4h", 4 * HOUR_US),
    ("6h", 6 * HOUR_US),
    ("8h", 8 * HOUR_US),
    ("12h", 12 * HOUR_US),
    ("1d", DAY_US),
    ("3d", 3 * DAY_US),
    ("1w", 7 * DAY_US),
];

/// Binance's klines endpoints.
#[derive(Debug)]
pub(crate) struct Binance {
    world: Arc<World>,
    issues: Arc<Issues>,
    weight: Weight,
}

impl Handler for Binance {
    fn host(&self) -> Host {
        Host::Binance
    }

    fn respond(&self, request: Arc<HttpRequest>) -> BoxFuture<'_, HttpResponse> {
        async move { self.respond_to(&request).await }.boxed()
    }
}

impl Binance {
    /// Creates the server. Its candles follow the newest version of each trades file.
    pub(crate) fn new(world: Arc<World>, issues: Arc<Issues>) -> Binance {
        Binance { world, issues, weight: Weight::default() }
    }

    async fn respond_to(&self, request: &HttpRequest) -> HttpResponse {
        let Some(market) =
            MARKETS.into_iter().find(|market| market.path == request.path && request.method == Method::GET)
        else {
            return HttpResponse::web_page(404, "404 Not Found");
        };
        let used = match self.weight.count_request() {
            Ok(used) => used,
            Err(LimitReached { retry_after_seconds }) => {
                return error(429, -1003, "Too many requests.")
                    .with(RETRY_AFTER, &retry_after_seconds.to_string());
            }
        };
        let with_weight = |response: HttpResponse| {
            let used = used.to_string();
            response
                .with(HeaderName::from_static("x-mbx-used-weight"), &used)
                .with(HeaderName::from_static("x-mbx-used-weight-1m"), &used)
        };
        let query = match Query::parse(&self.world.config(), &self.issues, request, market) {
            Ok(query) => query,
            Err(response) => return with_weight(*response),
        };
        let text = run_blocking(move || query.candles_json()).await;
        with_weight(HttpResponse::new(StatusCode::OK, "application/json;charset=UTF-8", text))
    }
}

/// Builds an error in Binance's format.
fn error(status: u16, code: i64, message: &str) -> ErrorResponse {
    HttpResponse::json(status_of(status), &json!({"code": code, "msg": message})).into()
}

/// A parsed request for candles.
struct Query {
    universe: Arc<Universe>,
    symbol: String,
    span: Span,
    seed: u64,
    size: Size,
    /// The days whose trades were reissued, with the newest version of each.
    issues: Vec<(Day, u32)>,
}

impl Query {
    fn parse(
        config: &Config,
        issues: &Issues,
        request: &HttpRequest,
        market: Market,
    ) -> Result<Query, ErrorResponse> {
        let parameter = |name: &str| request.parameter(name).filter(|value| !value.is_empty());
        let mandatory = |name: &str| {
            let message = format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed.");
            parameter(name).ok_or_else(|| error(400, -1102, &message))
        };
        let number = |name: &str| {
            let message = format!("Illegal characters found in parameter '{name}'.");
            parameter(name)
                .map(|text| text.parse::<i64>().map_err(|_| error(400, -1100, &message)))
                .transpose()
        };
        let universe =
            Universe::of(config, market.exchange).ok_or_else(|| error(500, -1000, "no such market"))?;
        let symbol = mandatory("symbol")?.into_owned();
        let listing = universe.by_dataset(&symbol).filter(|l| l.since_us <= config.now.timestamp_micros());
        let listing = listing.ok_or_else(|| error(400, -1121, "Invalid symbol."))?;
        let interval = mandatory("interval")?;
        let length_us = INTERVALS.into_iter().find(|(name, _)| *name == interval).map(|(_, length)| length);
        let span = Span::new(
            listing,
            length_us.ok_or_else(|| error(400, -1120, "Invalid interval."))?,
            number("startTime")?.map(|ms| ms.saturating_mul(1000)),
            number("endTime")?.map(|ms| ms.saturating_mul(1000)),
            number("limit")?.map_or(DEFAULT_LIMIT, |most| most.max(1) as usize).min(market.max_candles),
            config.now.timestamp_micros(),
        );
        let issues = span.days().map(|day| {
            let (exchange, symbol) = (market.exchange.to_owned(), symbol.clone());
            (day, issues.latest(&FileName { exchange, data_type: DataType::Trades, day, symbol }).number)
        });
        let issues = issues.filter(|(_, issue)| *issue > 0).collect();
        Ok(Query { seed: config.seed, size: config.size, universe, symbol, span, issues })
    }

    /// Generates the candles as Binance's JSON.
    fn candles_json(&self) -> String {
        let Some(listing) = self.universe.by_dataset(&self.symbol) else { return "[]".to_owned() };
        let source = |day: Day| Source {
            profile: self.universe.profile,
            listing,
            seed: self.seed,
            size: self.size,
            issue: self.issues.iter().find(|(reissued, _)| *reissued == day).map_or(0, |(_, issue)| *issue),
        };
        Candles::generate(listing, self.span, source).to_json()
    }
}
