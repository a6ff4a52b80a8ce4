//! Binance's own candles, made from the same trades as the vendor's files.
//!
//! Only candles: `/api/v3/klines`, `/fapi/v1/klines`, `/dapi/v1/klines`.

mod candles;
mod weight;

use std::sync::Arc;

use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderName, Method, StatusCode};
use mtdh_core::{DataType, Day};
use serde_json::json;

use crate::generate::files::FileName;
use crate::generate::market::Source;
use crate::generate::times::{HOUR_US, MINUTE_US};
use crate::generate::universe::Universe;
use crate::server::front::answer::{Answer, Refused, status_of};
use crate::server::front::ask::Ask;
use crate::server::world::{World, blocking};
use candles::{Candles, Span};
pub(crate) use weight::Weight;

const DAY_US: i64 = 24 * HOUR_US;

/// One of Binance's three APIs.
#[derive(Clone, Copy, Debug)]
struct Market {
    path: &'static str,
    exchange: &'static str,
    most: usize,
}

const MARKETS: [Market; 3] = [
    Market { path: "/api/v3/klines", exchange: "binance", most: 1000 },
    Market { path: "/fapi/v1/klines", exchange: "binance-futures", most: 1500 },
    Market { path: "/dapi/v1/klines", exchange: "binance-delivery", most: 1500 },
];

/// Candles that a client gets when it does not say how many.
const USUAL: usize = 500;

/// Names and lengths of candles, microseconds.
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

/// Answers a request for candles.
pub(crate) async fn answer(world: &Arc<World>, ask: &Ask) -> Answer {
    let Some(market) =
        MARKETS.into_iter().find(|market| market.path == ask.path && ask.method == Method::GET)
    else {
        return Answer::web_page(404, "404 Not Found");
    };
    let used = match world.weight.spend() {
        Ok(used) => used,
        Err(seconds) => {
            return failure(429, -1003, "Too many requests.").with(RETRY_AFTER, &seconds.to_string());
        }
    };
    let weighed = |answer: Answer| {
        let used = used.to_string();
        answer
            .with(HeaderName::from_static("x-mbx-used-weight"), &used)
            .with(HeaderName::from_static("x-mbx-used-weight-1m"), &used)
    };
    let wanted = match Wanted::read(world, ask, market) {
        Ok(wanted) => wanted,
        Err(answer) => return weighed(*answer),
    };
    let text = blocking(move || wanted.text()).await;
    weighed(Answer::new(StatusCode::OK, "application/json;charset=UTF-8", text))
}

fn failure(status: u16, code: i64, message: &str) -> Refused {
    Answer::json(status_of(status), &json!({"code": code, "msg": message})).into()
}

/// Which candles are wanted.
struct Wanted {
    universe: Arc<Universe>,
    symbol: String,
    span: Span,
    seed: u64,
    size: crate::config::Size,
    /// The newest version of the trades of a day.
    issues: Vec<(Day, u32)>,
}

impl Wanted {
    fn read(world: &World, ask: &Ask, market: Market) -> Result<Wanted, Refused> {
        let parameter = |name: &str| ask.parameter(name).filter(|value| !value.is_empty());
        let mandatory = |name: &str| {
            let message = format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed.");
            parameter(name).ok_or_else(|| failure(400, -1102, &message))
        };
        let number = |name: &str| {
            let message = format!("Illegal characters found in parameter '{name}'.");
            parameter(name)
                .map(|text| text.parse::<i64>().map_err(|_| failure(400, -1100, &message)))
                .transpose()
        };
        let config = world.config();
        let universe =
            Universe::of(&config, market.exchange).ok_or_else(|| failure(500, -1000, "no such market"))?;
        let symbol = mandatory("symbol")?.into_owned();
        let listing = universe.by_dataset(&symbol).filter(|l| l.since_us <= config.now.timestamp_micros());
        let listing = listing.ok_or_else(|| failure(400, -1121, "Invalid symbol."))?;
        let interval = mandatory("interval")?;
        let length_us = INTERVALS.into_iter().find(|(name, _)| *name == interval).map(|(_, length)| length);
        let span = Span::new(
            listing,
            length_us.ok_or_else(|| failure(400, -1120, "Invalid interval."))?,
            number("startTime")?.map(|ms| ms.saturating_mul(1000)),
            number("endTime")?.map(|ms| ms.saturating_mul(1000)),
            number("limit")?.map_or(USUAL, |most| most.max(1) as usize).min(market.most),
            config.now.timestamp_micros(),
        );
        let issues = span.days().map(|day| {
            let (exchange, symbol) = (market.exchange.to_owned(), symbol.clone());
            (day, world.issue_number(&FileName { exchange, data_type: DataType::Trades, day, symbol }))
        });
        let issues = issues.filter(|(_, issue)| *issue > 0).collect();
        Ok(Wanted { seed: config.seed, size: config.size, universe, symbol, span, issues })
    }

    fn text(&self) -> String {
        let Some(listing) = self.universe.by_dataset(&self.symbol) else { return "[]".to_owned() };
        let source = |day: Day| Source {
            profile: self.universe.profile,
            listing,
            seed: self.seed,
            size: self.size,
            issue: self.issues.iter().find(|(of, _)| *of == day).map_or(0, |(_, issue)| *issue),
        };
        Candles::make(listing, self.span, source).text()
    }
}
