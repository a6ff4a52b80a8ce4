//! The dataset server: gzipped CSV files by exchange, data type, day and symbol.

pub(crate) mod archive;
mod file_cache;
pub(crate) mod links;
mod serve;
pub(crate) mod store;

use std::sync::Arc;

use axum::http::Method;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use futures::future::{BoxFuture, FutureExt};
use mtdh_core::{DataType, Day};
use serde_json::json;

use crate::config::{Config, Redirect, Unexported};
use crate::generate::files;
use crate::generate::files::{File, FileName, Refusal};
use crate::generate::times::iso;
use crate::generate::universe::profile;
use crate::server::fault::Host;
use crate::server::front::request::HttpRequest;
use crate::server::front::response::{ErrorResponse, HttpResponse};
use crate::server::handler::Handler;
use crate::server::world::World;
use crate::tardis::client_checks::{count_key_use, is_blocked};
use crate::tardis::key_use::KeyUse;
use crate::tardis::keys::{access, may_read_file};
use archive::Archive;
use links::Links;

/// Tardis' error code for an invalid parameter.
const INVALID: i64 = 300;
/// Tardis' error code for a day without files of the symbol.
const UNAVAILABLE: i64 = 140;

/// The dataset server.
#[derive(Debug)]
pub(crate) struct Datasets {
    world: Arc<World>,
    key_use: Arc<KeyUse>,
    archive: Arc<Archive>,
    links: Links,
}

impl Handler for Datasets {
    fn host(&self) -> Host {
        Host::Datasets
    }

    fn respond(&self, request: Arc<HttpRequest>) -> BoxFuture<'_, HttpResponse> {
        async move { self.respond_to(&request).await }.boxed()
    }
}

impl Datasets {
    /// Creates the server; it shares the usage of API keys with the metadata API and the archive with the object
    /// store that `links` lead to.
    pub(crate) fn new(
        world: Arc<World>,
        key_use: Arc<KeyUse>,
        archive: Arc<Archive>,
        links: Links,
    ) -> Datasets {
        Datasets { world, key_use, archive, links }
    }

    async fn respond_to(&self, request: &HttpRequest) -> HttpResponse {
        let config = self.world.config();
        match self.find_readable(&config, request) {
            Err(response) => *response,
            Ok((name, _)) if is_redirected(&config, request) => {
                let location = self.links.signed_url(&name, config.options.further_redirects);
                HttpResponse::empty(StatusCode::FOUND).with(LOCATION, &location)
            }
            Ok((name, file)) => {
                let stored = self.archive.stored_file(name, file).await;
                let response = serve::file(&stored, request, &config.options);
                self.key_use.count_bytes(request.bearer(), response.bytes_to_send().unwrap_or_default());
                response
            }
        }
    }

    /// Finds the requested file, or returns the response to a client that may not read it.
    fn find_readable(
        &self,
        config: &Config,
        request: &HttpRequest,
    ) -> Result<(FileName, File), ErrorResponse> {
        if is_blocked(request.header("user-agent")) {
            return Err(HttpResponse::edge_blocked().into());
        }
        if request.method != Method::GET {
            return Err(not_found().into());
        }
        count_key_use(&self.key_use, config, request)?;
        let name = parse_file_name(&request.segments(), config)?;
        let unexported = config.options.unexported;
        let found = files::find(config, name.clone());
        // An invalid parameter is reported before a missing permission.
        if let Err(
            refusal @ (Refusal::UnknownExchange
            | Refusal::UnknownSymbol { .. }
            | Refusal::NoSuchDataType { .. }),
        ) = found
        {
            return Err(no_file(refusal, &name, unexported).into());
        }
        may_read_file(access(request.bearer()), &name.exchange, name.day)
            .map_err(|no| HttpResponse::vendor_error(401, no.code, no.message))?;
        let file = found.map_err(|refusal| no_file(refusal, &name, unexported))?;
        Ok((name, file))
    }
}

fn is_redirected(config: &Config, request: &HttpRequest) -> bool {
    match config.options.redirect {
        Redirect::Never => false,
        Redirect::Keyed => request.bearer().is_some(),
        Redirect::Always => true,
    }
}

/// Parses `v1/{exchange}/{type}/{YYYY}/{MM}/{DD}/{SYMBOL}.csv.gz`.
fn parse_file_name(segments: &[String], config: &Config) -> Result<FileName, ErrorResponse> {
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
        HttpResponse::vendor_error(400, INVALID, &format!("the date `{date}` is not in ISO 8601 format"))
    })?;
    let symbol = if config.options.any_case_symbols { symbol.to_uppercase() } else { symbol.to_owned() };
    Ok(FileName { exchange: exchange.clone(), data_type, day, symbol })
}

/// Builds the response for a file that does not exist.
fn no_file(refusal: Refusal, name: &FileName, unexported: Unexported) -> HttpResponse {
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
            HttpResponse::vendor_error_with(400, UNAVAILABLE, &message, "datasetInfo", info)
        }
    }
}

fn invalid(parameter: &str, value: &str, hint: &str) -> HttpResponse {
    HttpResponse::vendor_error(400, INVALID, &format!("invalid `{parameter}` parameter: `{value}`; {hint}"))
}

fn not_found() -> HttpResponse {
    HttpResponse::vendor_error(404, 404, "not found")
}
