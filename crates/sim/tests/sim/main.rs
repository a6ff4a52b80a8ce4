//! Tests of the simulator over HTTP, as its clients use it.

#![allow(clippy::unwrap_used, reason = "clippy.toml allows it in test functions, not in what they share")]

mod access;
mod books;
mod bucket;
mod candles;
mod faults;
mod files;
mod metadata;
mod options;
mod sockets;

use std::time::Duration;

use mtdh_core::{DataType, Day};
use mtdh_sim::{Config, FULL_KEY, Sim, Size};
use reqwest::{Client, Response};

/// A configuration with [`Size::Small`].
fn small() -> Config {
    Config { size: Size::Small, ..Config::default() }
}

async fn start(config: Config) -> Sim {
    Sim::start(config).await.unwrap()
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// A client that does not follow redirects.
fn client() -> Client {
    let quiet = reqwest::redirect::Policy::none();
    let builder = Client::builder().no_proxy().user_agent("mtdh-test/1").redirect(quiet);
    builder.timeout(Duration::from_secs(20)).build().unwrap()
}

/// The path of a file below the base URL.
fn path(exchange: &str, data_type: DataType, day: &str, symbol: &str) -> String {
    format!("/{exchange}/{data_type}/{}/{symbol}.csv.gz", day.replace('-', "/"))
}

/// Sends a GET request to Tardis with [`FULL_KEY`].
async fn get(sim: &Sim, path: &str) -> Response {
    get_as(sim, path, FULL_KEY).await
}

async fn get_as(sim: &Sim, path: &str, key: &str) -> Response {
    let request = client().get(format!("{}{path}", sim.api_url()));
    let request = if key.is_empty() { request } else { request.bearer_auth(key) };
    request.send().await.unwrap()
}

/// The status, code and body of a JSON error.
async fn error(response: Response) -> (u16, i64, serde_json::Value) {
    let status = response.status().as_u16();
    let body: serde_json::Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert!(body["message"].is_string(), "{body}");
    (status, body["code"].as_i64().unwrap(), body)
}

fn gunzip(bytes: &[u8]) -> String {
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(bytes), &mut text).unwrap();
    text
}

/// The rows of a CSV text as cells, without the header row.
fn rows(text: &str) -> Vec<Vec<&str>> {
    text.lines().skip(1).map(|line| line.split(',').collect()).collect()
}

/// The CSV text of a file.
fn csv(config: &Config, exchange: &str, data_type: DataType, day_text: &str, symbol: &str) -> String {
    let text = mtdh_sim::csv(config, exchange, data_type, day(day_text), symbol);
    String::from_utf8(text.unwrap_or_else(|| panic!("{exchange} {data_type} {day_text} {symbol}"))).unwrap()
}
