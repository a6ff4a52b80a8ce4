//! A request, read whole.

use std::borrow::Cow;
use std::net::IpAddr;

use axum::http::{HeaderMap, Method, StatusCode};
use bytes::Bytes;
use percent_encoding::percent_decode_str;

use super::answer::Answer;
use crate::server::fault::Host;
use crate::server::request_log::is_kept;

/// Which listener a request came in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Vendor,
    Store,
    Gcs,
    Binance,
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) host: Host,
    pub(crate) method: Method,
    /// As it came, with its percent signs.
    pub(crate) path: String,
    /// As it came, without the question mark.
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) peer: IpAddr,
    pub(crate) body: Bytes,
    /// Which attempt at this URL, the first is 1.
    pub(crate) attempt: u32,
    /// Whether a listing shall be an old one.
    pub(crate) wants_stale_listing: bool,
}

const MOST_BODY_BYTES: usize = 2 << 30;

impl Ask {
    /// Reads a request with its body.
    ///
    /// # Errors
    /// The answer to a body that never came whole.
    pub(crate) async fn read(
        door: Door,
        peer: IpAddr,
        request: axum::extract::Request,
    ) -> Result<Ask, Answer> {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, MOST_BODY_BYTES)
            .await
            .map_err(|error| Answer::text(StatusCode::BAD_REQUEST, &format!("unreadable body: {error}")))?;
        let path = parts.uri.path().to_owned();
        Ok(Ask {
            host: host(door, &path),
            method: parts.method,
            query: parts.uri.query().unwrap_or_default().to_owned(),
            path,
            headers: parts.headers,
            peer,
            body,
            attempt: 1,
            wants_stale_listing: false,
        })
    }

    /// Path and query as they came.
    pub(crate) fn url(&self) -> String {
        if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) }
    }

    /// A header's value by its name in lower case, if it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The key or token of the request. An empty header counts as none.
    pub(crate) fn bearer(&self) -> Option<&str> {
        let value = self.header("authorization")?.trim();
        let key = value.strip_prefix("Bearer").map_or(value, str::trim);
        (!key.is_empty()).then_some(key)
    }

    /// The parts of the path, each decoded by itself.
    pub(crate) fn segments(&self) -> Vec<String> {
        self.path.trim_start_matches('/').split('/').map(|part| decode(part).into_owned()).collect()
    }

    /// The value of a query parameter, decoded.
    pub(crate) fn parameter(&self, name: &str) -> Option<Cow<'_, str>> {
        self.query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .find(|(key, _)| decode(key) == name)
            .map(|(_, value)| {
                if value.contains('+') {
                    decode(&value.replace('+', " ")).into_owned().into()
                } else {
                    decode(value)
                }
            })
    }

    /// The same request as if it had no conditions.
    pub(crate) fn without_conditions(&self) -> Ask {
        let mut ask = self.clone();
        let is_condition = |name: &str| name.starts_with("if-") || name.starts_with("x-goog-if-");
        let names: Vec<_> = ask.headers.keys().filter(|name| is_condition(name.as_str())).cloned().collect();
        names.iter().for_each(|name| drop(ask.headers.remove(name)));
        let pairs = self.query.split('&').filter(|pair| !pair.starts_with("if"));
        ask.query = pairs.collect::<Vec<_>>().join("&");
        ask
    }

    /// Whether the client takes gzip as a content coding.
    pub(crate) fn takes_gzip(&self) -> bool {
        let codings = self.header("accept-encoding").unwrap_or_default();
        codings
            .split(',')
            .any(|coding| matches!(coding.trim(), "gzip" | "*") || coding.trim().starts_with("gzip;q=1"))
    }

    pub(crate) fn kept_headers(&self) -> Vec<(String, String)> {
        self.headers
            .iter()
            .filter(|(name, _)| is_kept(name.as_str()))
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect()
    }
}

/// The vendor's two hosts share a listener: metadata has its own first words, everything else is a file.
fn host(door: Door, path: &str) -> Host {
    match door {
        Door::Store => Host::Store,
        Door::Gcs => Host::Gcs,
        Door::Binance => Host::Binance,
        Door::Vendor => {
            let word =
                path.trim_start_matches("/v1").trim_start_matches('/').split('/').next().unwrap_or_default();
            let is_metadata = matches!(word, "exchanges" | "instruments" | "api-key-info" | "data-feeds");
            if is_metadata { Host::Api } else { Host::Datasets }
        }
    }
}

/// Text without its percent signs.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(url: &str, headers: &[(&'static str, &str)]) -> Ask {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        Ask {
            host: host(Door::Vendor, path),
            method: Method::GET,
            path: path.to_owned(),
            query: query.to_owned(),
            headers: headers.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect(),
            peer: IpAddr::from([127, 0, 0, 1]),
            body: Bytes::new(),
            attempt: 1,
            wants_stale_listing: false,
        }
    }

    #[test]
    fn an_empty_authorization_is_none() {
        for (value, key) in [("", None), ("Bearer ", None), ("Bearer TD.x", Some("TD.x"))] {
            assert_eq!(ask("/v1/exchanges", &[("authorization", value)]).bearer(), key, "{value}");
        }
    }

    #[test]
    fn paths_and_queries_are_decoded() {
        let ask = ask("/v1/hyperliquid/trades/2024/03/01/%40107.csv.gz?filter=%7B%7D&x=a+b", &[]);
        assert_eq!(ask.segments().last().unwrap(), "@107.csv.gz");
        assert_eq!(ask.parameter("filter").unwrap(), "{}");
        assert_eq!(ask.parameter("x").unwrap(), "a b");
        assert_eq!(ask.host, Host::Datasets);
    }

    #[test]
    fn metadata_is_told_from_files() {
        for (url, expected) in [
            ("/v1/exchanges", Host::Api),
            ("/v1/instruments/deribit", Host::Api),
            ("/v1/deribit/trades/2024/03/01/OPTIONS.csv.gz", Host::Datasets),
            ("/", Host::Datasets),
        ] {
            assert_eq!(ask(url, &[]).host, expected, "{url}");
        }
    }
}
