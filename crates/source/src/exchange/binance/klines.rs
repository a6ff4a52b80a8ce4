//! Binance's own candles ("klines") from its REST API.
//!
//! The vendor's API key is never sent to Binance. Binance's times are in milliseconds; here, as everywhere, they are in
//! microseconds. Source: <https://developers.binance.com/docs>, sections "Kline/Candlestick Data" and "Limits".

use std::time::Duration;

use mtdh_core::candle::Timeframe;
use mtdh_core::check::bars::{Bar, Field};
use mtdh_core::error::ErrorKind;
use mtdh_core::key::{InstrumentKey, InstrumentType};
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName};

use crate::http::retry::RetryPolicy;
use crate::http::{HttpClient, HttpError, redacted_url};

/// Header with the request weight that this IP address has used in the current minute.
const USED_WEIGHT: HeaderName = HeaderName::from_static("x-mbx-used-weight-1m");

/// The longest ban (status 418) that is waited for; a longer one fails the request.
const LONGEST_BAN: Duration = Duration::from_secs(300);

/// The largest size of a response, bytes; 1,500 klines have about 0.2 MB.
const LONGEST_PAGE: usize = 8 << 20;

/// One of Binance's three markets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Market {
    /// Spot.
    Spot,
    /// USD-M: futures and perpetuals margined in a stablecoin.
    UsdM,
    /// COIN-M: futures and perpetuals margined in the coin itself.
    CoinM,
}

impl Market {
    /// The market of a venue; `None` if it is not one of Binance's three.
    pub fn of_venue(venue: &str) -> Option<Market> {
        match venue {
            "BINANCE" => Some(Market::Spot),
            "BINANCE-FUTURES" => Some(Market::UsdM),
            "BINANCE-DELIVERY" => Some(Market::CoinM),
            _ => None,
        }
    }

    fn host(self) -> &'static str {
        match self {
            Market::Spot => "https://api.binance.com",
            Market::UsdM => "https://fapi.binance.com",
            Market::CoinM => "https://dapi.binance.com",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Market::Spot => "api/v3/klines",
            Market::UsdM => "fapi/v1/klines",
            Market::CoinM => "dapi/v1/klines",
        }
    }

    /// The largest number of klines in a response.
    pub fn page(self) -> usize {
        if self == Market::Spot { 1000 } else { 1500 }
    }

    /// The weight that an IP address may use per minute, and the weight of a full page.
    fn weights(self) -> (u32, u32) {
        if self == Market::Spot { (6_000, 2) } else { (2_400, 10) }
    }

    /// Whether Binance's quote volume is in the quote asset. On COIN-M it is an amount of the base asset.
    pub fn has_quote_volume(self) -> bool {
        self != Market::CoinM
    }
}

/// Binance's symbol of an instrument; `None` if it cannot be derived from the key, for example from escaped names. `listed` is
/// the exchange's own symbol from an instrument table, if known; it has priority.
pub fn symbol(market: Market, key: &InstrumentKey, listed: Option<&str>) -> Option<String> {
    if let Some(listed) = listed.filter(|name| !name.is_empty()) {
        return Some(listed.to_uppercase());
    }
    let (base, quote) = (key.base()?, key.quote()?);
    let plain = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric());
    if !plain(base) || !plain(quote) || key.twin().is_some() {
        return None;
    }
    match (market, key.instrument_type()) {
        (Market::Spot, InstrumentType::SpotPair) | (Market::UsdM, InstrumentType::Perp) => {
            Some(format!("{base}{quote}"))
        }
        (Market::CoinM, InstrumentType::Perp) => Some(format!("{base}{quote}_PERP")),
        (Market::UsdM | Market::CoinM, InstrumentType::Future) => {
            Some(format!("{base}{quote}_{}", key.expiry()?.short()))
        }
        _ => None,
    }
}

/// Binance's name of a timeframe; `None` if it has no klines of that timeframe.
pub fn interval(timeframe: Timeframe) -> Option<String> {
    let text = timeframe.to_string();
    match text.as_str() {
        "24h" => Some("1d".to_owned()),
        "1m" | "3m" | "5m" | "15m" | "30m" | "1h" | "2h" | "4h" | "6h" | "8h" | "12h" => Some(text),
        _ => None,
    }
}

/// Why klines could not be read.
#[derive(Debug, thiserror::Error)]
pub enum KlineError {
    /// The request failed.
    #[error("cannot fetch the exchange's klines")]
    Http(#[source] HttpError),
    /// The response or the file is not a list of klines.
    #[error("{place} is not a list of klines: {reason}")]
    Unreadable {
        /// URL or file.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// The file cannot be read.
    #[error("cannot read {file}")]
    File {
        /// The file.
        file: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

impl KlineError {
    /// What a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            KlineError::Http(error) => error.kind(),
            KlineError::Unreadable { .. } => ErrorKind::Damaged,
            KlineError::File { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                ErrorKind::NotFound
            }
            KlineError::File { .. } => ErrorKind::Failed,
        }
    }
}

/// Why a row is not a kline.
#[derive(Debug, thiserror::Error)]
pub(super) enum RowError {
    /// Too few cells.
    #[error("a row has {cells} cells, not 12: {row}")]
    Cells { cells: usize, row: String },
    /// A cell that is not a finite number.
    #[error("`{cell}` is not a number, in {row}")]
    Number { cell: String, row: String },
    /// A time that is not a whole number.
    #[error("`{0}` is not a time")]
    Time(String),
    /// A time with another number of digits than 13 or 16.
    #[error("`{0}` is a time neither in milliseconds nor in microseconds")]
    TimeUnit(String),
}

/// A client for Binance's klines.
#[derive(Clone, Debug)]
pub struct Klines {
    http: HttpClient,
    market: Market,
    base: Url,
    policy: RetryPolicy,
}

impl Klines {
    /// A client for a market. `address` replaces Binance's own host, for example in tests. `http` must not send a key.
    ///
    /// # Errors
    /// If the address is not an HTTP URL.
    pub fn new(
        http: HttpClient,
        market: Market,
        address: Option<&str>,
        policy: RetryPolicy,
    ) -> Result<Klines, HttpError> {
        let text = address.unwrap_or(market.host());
        let base = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let base = base.ok_or_else(|| HttpError::BadUrl(text.to_owned()))?;
        Ok(Klines { http, market, base, policy })
    }

    /// Fetches the klines that start in `[from_us, to_us)`, microseconds since the Unix epoch, UTC, page by page. The interval
    /// is that of [`interval`], with its timeframe.
    ///
    /// # Errors
    /// If a page cannot be fetched after all attempts, or is not a list of klines.
    pub async fn get(
        &self,
        symbol: &str,
        (interval, timeframe): (&str, Timeframe),
        from_us: i64,
        to_us: i64,
    ) -> Result<Vec<Bar>, KlineError> {
        let mut all: Vec<Bar> = Vec::new();
        let mut from = from_us;
        while from < to_us {
            let page = self.page(symbol, interval, from, to_us).await?;
            // A page without new klines would be requested forever.
            let fresh: Vec<Bar> =
                page.iter().filter(|b| b.start >= from && b.start < to_us).cloned().collect();
            let Some(last) = fresh.iter().map(|bar| bar.start).max() else { break };
            from = last.saturating_add(timeframe.us());
            let is_last = page.len() < self.market.page();
            all.extend(fresh);
            if is_last {
                break;
            }
        }
        Ok(all)
    }

    async fn page(
        &self,
        symbol: &str,
        interval: &str,
        from_us: i64,
        to_us: i64,
    ) -> Result<Vec<Bar>, KlineError> {
        let mut url =
            crate::tardis::datasets::join(&self.base, self.market.path()).map_err(KlineError::Http)?;
        url.query_pairs_mut()
            .append_pair("symbol", symbol)
            .append_pair("interval", interval)
            .append_pair("startTime", &(from_us / 1000).to_string())
            .append_pair("endTime", &((to_us - 1) / 1000).to_string())
            .append_pair("limit", &self.market.page().to_string());
        let body = self.policy.run(|_| self.ask(&url)).await.map_err(KlineError::Http)?;
        let unreadable = |reason: String| KlineError::Unreadable { place: redacted_url(&url), reason };
        let rows: Vec<Vec<serde_json::Value>> =
            serde_json::from_slice(&body).map_err(|error| unreadable(error.to_string()))?;
        let text = |cell: &serde_json::Value| match cell {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let bars = rows.iter().map(|row| bar(&row.iter().map(text).collect::<Vec<_>>(), self.market));
        bars.collect::<Result<_, RowError>>().map_err(|error| unreadable(error.to_string()))
    }

    async fn ask(&self, url: &Url) -> Result<Vec<u8>, HttpError> {
        let mut response = self.http.get(url, HeaderMap::new()).await.map_err(ban)?;
        let used = response.header(USED_WEIGHT).and_then(|text| text.parse::<u32>().ok());
        let body = response.read_to_end(LONGEST_PAGE).await?;
        if let Some(wait) = used.and_then(|used| rest(self.market, used, now_ms())) {
            tracing::info!(used, wait_ms = wait.as_millis() as u64, "waiting for the exchange's next minute");
            tokio::time::sleep(wait).await;
        }
        Ok(body)
    }
}

fn now_ms() -> u64 {
    u64::try_from(chrono::Utc::now().timestamp_millis()).unwrap_or_default()
}

/// How long to wait before the next request: until the next minute, if another page could exceed nine tenths of the allowed
/// weight.
fn rest(market: Market, used: u32, now_ms: u64) -> Option<Duration> {
    let (limit, cost) = market.weights();
    (used.saturating_add(cost) > limit / 10 * 9).then(|| Duration::from_millis(60_000 - now_ms % 60_000))
}

/// Status 418 means that the IP address is banned because it continued after a 429. It is transient if the ban is short.
fn ban(error: HttpError) -> HttpError {
    match &error {
        HttpError::Status { status: 418, retry_after: Some(wait), .. } if *wait <= LONGEST_BAN => {
            error.into_transient()
        }
        _ => error,
    }
}

/// Parses a kline from its cells. Order in REST responses and archive files: open time, open, high, low, close, volume, close
/// time, quote volume, count, taker buy volume, taker buy quote volume, and an unused one.
pub(super) fn bar(cells: &[String], market: Market) -> Result<Bar, RowError> {
    if cells.len() < 11 {
        return Err(RowError::Cells { cells: cells.len(), row: cells.join(",") });
    }
    let start = start_us(&cells[0])?;
    let mut bar = Bar::new(start, true);
    for (field, place) in [
        (Field::Open, 1),
        (Field::High, 2),
        (Field::Low, 3),
        (Field::Close, 4),
        (Field::Volume, 5),
        (Field::QuoteVolume, 7),
        (Field::TradeCount, 8),
        (Field::BuyVolume, 9),
        (Field::BuyQuoteVolume, 10),
    ] {
        let value = cells[place].trim().parse::<f64>().ok().filter(|value| value.is_finite());
        let value =
            value.ok_or_else(|| RowError::Number { cell: cells[place].clone(), row: cells.join(",") })?;
        // On COIN-M what stands there is an amount of the base asset.
        match field {
            Field::QuoteVolume if !market.has_quote_volume() => bar.set(Field::BaseVolume, Some(value)),
            Field::BuyQuoteVolume if !market.has_quote_volume() => {}
            _ => bar.set(field, Some(value)),
        }
    }
    Ok(bar)
}

/// Parses a time in milliseconds, or in microseconds as in the spot archive since 2025. From 2001 to 2286 a time in
/// milliseconds has 13 digits, one in microseconds 16.
fn start_us(text: &str) -> Result<i64, RowError> {
    let number = text.trim().parse::<i64>().map_err(|_| RowError::Time(text.to_owned()))?;
    match text.trim().len() {
        13 => Ok(number * 1000),
        16 => Ok(number),
        _ => Err(RowError::TimeUnit(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Peer;

    #[test]
    fn symbols_are_the_exchanges() {
        for (venue, key, listed, expected) in [
            ("BINANCE", "SPOT_PAIR:BTC-USDT", None, Some("BTCUSDT")),
            ("BINANCE", "SPOT_PAIR:BTC-USDT", Some("btcusdt"), Some("BTCUSDT")),
            ("BINANCE-FUTURES", "PERP:BTC-USDT", None, Some("BTCUSDT")),
            ("BINANCE-FUTURES", "FUTURE:BTC-USDT-240329", None, Some("BTCUSDT_240329")),
            ("BINANCE-DELIVERY", "PERP:BTC-USD", None, Some("BTCUSD_PERP")),
            ("BINANCE", "PERP:BTC-USDT", None, None),
            ("BINANCE", "SPOT_PAIR:A@005FB-USDT", None, None),
            ("BINANCE", "SPOT_PAIR:A@005FB-USDT", Some("A_BUSDT"), Some("A_BUSDT")),
        ] {
            let market = Market::of_venue(venue).unwrap();
            let key = format!("{venue}:{key}").parse().unwrap();
            assert_eq!(symbol(market, &key, listed).as_deref(), expected, "{key}");
        }
        assert_eq!(Market::of_venue("DERIBIT"), None);
    }

    #[test]
    fn a_day_has_two_names_and_fifteen_seconds_none() {
        for (text, expected) in
            [("24h", Some("1d")), ("1d", Some("1d")), ("1m", Some("1m")), ("15s", None), ("90s", None)]
        {
            assert_eq!(interval(text.parse().unwrap()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_page_that_would_go_beyond_the_limit_waits_for_the_next_minute() {
        for (market, used, waits) in [
            (Market::Spot, 2, false),
            (Market::Spot, 5_398, false),
            (Market::Spot, 5_399, true),
            (Market::UsdM, 2_150, false),
            (Market::CoinM, 2_151, true),
            (Market::Spot, u32::MAX, true),
        ] {
            assert_eq!(rest(market, used, 59_000).is_some(), waits, "{market:?} {used}");
        }
        assert_eq!(rest(Market::Spot, 6_000, 119_000), Some(Duration::from_secs(1)));
    }

    #[test]
    fn bans_that_end_soon_are_waited_for() {
        for (status, seconds, is_transient) in
            [(418, Some(60), true), (418, Some(3600), false), (418, None, false)]
        {
            let error = HttpError::Status {
                peer: Peer::Binance,
                url: "u".into(),
                status,
                code: Some(-1003),
                message: "banned".into(),
                retry_after: seconds.map(Duration::from_secs),
                is_transient: false,
            };
            assert_eq!(ban(error).is_transient(), is_transient, "{seconds:?}");
        }
    }

    #[test]
    fn quote_volumes_of_contracts_in_coins_are_not_told() {
        let cells = "1582329780000,1,2,0.5,1.5,10,1582329839999,12,3,4,5,0".split(',').map(str::to_owned);
        let cells: Vec<String> = cells.collect();
        let told = |market| bar(&cells, market).unwrap();
        assert_eq!(told(Market::UsdM).get(Field::QuoteVolume), Some(12.0));
        assert_eq!(told(Market::UsdM).get(Field::BaseVolume), None);
        assert_eq!(told(Market::CoinM).get(Field::QuoteVolume), None);
        assert_eq!(told(Market::CoinM).get(Field::BuyQuoteVolume), None);
        assert_eq!(told(Market::CoinM).get(Field::BaseVolume), Some(12.0));
        assert_eq!(
            (told(Market::CoinM).get(Field::Volume), told(Market::CoinM).get(Field::BuyVolume)),
            (Some(10.0), Some(4.0))
        );
    }
}
