//! `/instruments/{exchange}` and `/instruments/{exchange}/{symbol}`.

use std::io::{self, Write};
use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::header::CONTENT_ENCODING;
use bytes::Bytes;
use mtdh_core::Day;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::document::{JSON, client_has, not_modified, with_validators};
use super::filter::Filter;
use super::terms::{contract_type, underlying_type};
use crate::config::Config;
use crate::generate::decimal::Decimal;
use crate::generate::files::gzip;
use crate::generate::market::option::underlying_index;
use crate::generate::rng::hash;
use crate::generate::times::iso;
use crate::generate::universe::Universe;
use crate::generate::universe::calendar::{Series, series};
use crate::generate::universe::listing::{Kind, Listing, Margin};
use crate::generate::universe::profile::day;
use crate::server::front::request::HttpRequest;
use crate::server::front::response::{Body, HttpResponse};

/// Streams the instruments that were listed by `now_us` and match the filter.
pub(super) fn all(
    universe: Arc<Universe>,
    now_us: i64,
    filter: Filter,
    filter_text: &str,
    request: &HttpRequest,
) -> HttpResponse {
    let version = hash(now_us as u64, &[universe.profile.id, filter_text]);
    let etag = format!("W/\"{version:016x}\"");
    if client_has(request, &etag) {
        return not_modified(&etag);
    }
    let (pieces, received) = mpsc::channel(4);
    let accepts_gzip = request.accepts_gzip();
    // The task ends when everything is written, or when the receiver is gone.
    tokio::task::spawn_blocking(move || {
        let out = Pieces { pieces, buffer: Vec::with_capacity(CHUNK_BYTES) };
        let written = if accepts_gzip {
            let mut encoder = gzip::encoder(out);
            write_all(&universe, now_us, &filter, &mut encoder)
                .and_then(|()| encoder.finish())
                .and_then(|mut p| p.flush())
        } else {
            let mut out = out;
            write_all(&universe, now_us, &filter, &mut out).and_then(|()| out.flush())
        };
        if let Err(error) = written {
            tracing::debug!(%error, "instruments were not read to the end");
        }
    });
    let mut response = with_validators(HttpResponse::new(StatusCode::OK, JSON, Bytes::new()), &etag);
    response.body = Body::Pieces(received);
    if accepts_gzip { response.with(CONTENT_ENCODING, "gzip") } else { response }
}

/// Returns an instrument by its symbol, matched without case, as JSON text. `None`: no such instrument.
pub(super) fn one(universe: &Universe, now_us: i64, symbol: &str) -> Option<Vec<u8>> {
    let listing = universe.by_id(symbol).filter(|listing| listing.since_us <= now_us)?;
    serde_json::to_vec(&Instrument::new(universe, listing, now_us)).ok()
}

/// Returns all instruments that were listed by [`Config::now`], as JSON text. `None`: no such exchange.
pub(crate) fn listed(config: &Config, exchange: &str) -> Option<Vec<u8>> {
    let universe = Universe::of(config, exchange)?;
    let mut text = Vec::new();
    let written = write_all(&universe, config.now.timestamp_micros(), &Filter::default(), &mut text);
    written.unwrap_or_else(|e| panic!("writing to memory cannot fail: {e}"));
    Some(text)
}

fn write_all(universe: &Universe, now_us: i64, filter: &Filter, out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"[")?;
    let listed = universe
        .listings
        .iter()
        .filter(|listing| listing.since_us <= now_us && filter.matches(listing, now_us));
    for (number, listing) in listed.enumerate() {
        if number > 0 {
            out.write_all(b",\n")?;
        }
        serde_json::to_writer(&mut *out, &Instrument::new(universe, listing, now_us))?;
    }
    out.write_all(b"]")
}

const CHUNK_BYTES: usize = 64 << 10;

/// Sends what is written as pieces of a response's body.
struct Pieces {
    pieces: mpsc::Sender<Bytes>,
    buffer: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK_BYTES));
        self.pieces.blocking_send(piece.into()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Instrument<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset_id: Option<&'a str>,
    exchange: &'a str,
    base_currency: &'a str,
    quote_currency: &'a str,
    r#type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    contract_type: Option<&'a str>,
    active: bool,
    available_since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    available_to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    listing: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiry: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    underlying_index: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    underlying_type: Option<&'a str>,
    price_increment: Decimal,
    amount_increment: Decimal,
    min_trade_amount: Decimal,
    maker_fee: f64,
    taker_fee: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    inverse: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quanto: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contract_multiplier: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settlement_currency: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strike_price: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    option_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<Value>,
}

impl<'a> Instrument<'a> {
    fn new(universe: &'a Universe, listing: &'a Listing, now_us: i64) -> Instrument<'a> {
        let profile = universe.profile;
        let is_contract = listing.kind != Kind::Spot;
        let is_inverse = listing.margin == Margin::Inverse;
        Instrument {
            id: &listing.id,
            dataset_id: has_files(listing, universe, now_us).then_some(&listing.dataset),
            exchange: profile.id,
            base_currency: listing.base,
            quote_currency: listing.quote,
            r#type: listing.kind.name(),
            contract_type: contract_type(listing),
            active: listing.until_us.is_none_or(|until| until > now_us),
            available_since: iso(listing.since_us),
            available_to: listing.until_us.filter(|until| *until <= now_us).map(iso),
            listing: listing.expiry_us.map(|_| iso(listing.since_us)),
            expiry: listing.expiry_us.map(iso),
            expiration_type: expiration_type(listing),
            underlying_index: (listing.kind == Kind::Option).then(|| underlying_index(listing)),
            underlying_type: underlying_type(listing),
            price_increment: listing.price_step,
            amount_increment: listing.amount_step,
            min_trade_amount: listing.amount_step,
            maker_fee: profile.fees[0],
            taker_fee: profile.fees[1],
            inverse: is_contract.then_some(is_inverse),
            quanto: is_contract.then_some(listing.margin == Margin::Quanto),
            contract_multiplier: is_contract.then_some(listing.multiplier),
            settlement_currency: is_contract.then_some(match listing.margin {
                Margin::Inverse => listing.base,
                Margin::Quanto => "BTC",
                Margin::Linear | Margin::None => listing.quote,
            }),
            strike_price: listing.option.map(|terms| terms.strike),
            option_type: listing.option.map(|terms| if terms.is_call { "call" } else { "put" }),
            changes: changes(listing, profile.id),
        }
    }
}

/// Whether an instrument has files. Only then does the metadata contain its dataset symbol.
fn has_files(listing: &Listing, universe: &Universe, now_us: i64) -> bool {
    listing.is_exported
        && listing.since_us < crate::generate::universe::exported_until(universe.profile, now_us)
}

fn expiration_type(listing: &Listing) -> Option<&'static str> {
    let end = Day::containing_us(listing.expiry_us?)?;
    Some(match series(end) {
        Series::Daily => "daily",
        Series::Weekly | Series::Monthly => "weekly",
        Series::Quarterly => "quarter",
    })
}

/// Returns earlier contract terms, in order of `until`: contract sizes on `okex-swap`, lots on BitMEX.
fn changes(listing: &Listing, exchange: &str) -> Vec<Value> {
    let first = day("2022-06-07").start_us();
    let second = day("2023-08-15").start_us();
    let bits = hash(7, &["changes", exchange, &listing.id]);
    match exchange {
        "okex-swap" if bits.is_multiple_of(4) && listing.since_us < first => {
            let larger = listing.multiplier.times(10);
            vec![
                json!({"until": iso(first), "contractMultiplier": larger, "priceIncrement": listing.price_step.times(10)}),
                json!({"until": iso(second), "priceIncrement": listing.price_step.times(10)}),
            ]
        }
        "bitmex" if listing.id == "XBTUSD" => {
            vec![json!({"until": iso(first), "amountIncrement": 1, "minTradeAmount": 1, "takerFee": 0.0005})]
        }
        _ => Vec::new(),
    }
}
