//! Binance's own candles ("klines"): from its REST services, and from files of its public archive.
//!
//! Not the vendor's: nothing here sends the vendor's key. Times are in milliseconds there; here, as everywhere,
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

/// Header with the weight that this address has used in the running minute.
const USED_WEIGHT: HeaderName = HeaderName::from_static("x-mbx-used-weight-1m");

/// A ban (418) that is waited for; a longer one ends the run.
const LONGEST_BAN: Duration = Duration::from_secs(300);

/// Bytes of one answer at most; 1,500 klines have a fifth of a megabyte.
const LONGEST_PAGE: usize = 8 << 20;

/// One of Binance's three markets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Market {
    /// Spot.
    Spot,
    /// Futures and perpetuals that are margined in a stablecoin.
    UsdM,
    /// Those that are margined in the coin itself.
    CoinM,
}

impl Market {
    /// The market of a venue of ours; null: it is none of Binance's three.
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

    /// Klines of one answer, at most.
    pub fn page(self) -> usize {
        if self == Market::Spot { 1000 } else { 1500 }
    }

    /// Weight that an address may use in a minute, and what a whole page costs.
    fn weights(self) -> (u32, u32) {
        if self == Market::Spot { (6_000, 2) } else { (2_400, 10) }
    }

    /// Whether what Binance calls quote volume is one: of COIN-M it is the amount of the base asset.
    pub fn tells_quote_volume(self) -> bool {
        self != Market::CoinM
    }
}

/// What Binance calls an instrument; null: its key does not tell it, as with names that are escaped. `listed` is the
/// exchange's own symbol where an instrument table tells it, which is better than any rule.
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

/// What Binance calls a timeframe; null: it has no klines of it.
pub fn interval(timeframe: Timeframe) -> Option<String> {
    let text = timeframe.to_string();
    match text.as_str() {
        "24h" => Some("1d".to_owned()),
        "1m" | "3m" | "5m" | "15m" | "30m" | "1h" | "2h" | "4h" | "6h" | "8h" | "12h" => Some(text),
        _ => None,
    }
}

/// Why there are no klines.
#[derive(Debug, thiserror::Error)]
pub enum KlineError {
    /// The exchange did not give them.
    #[error("the exchange's klines cannot be had")]
    Http(#[source] HttpError),
    /// The answer, or the file, is no list of klines.
    #[error("{place} is no list of klines: {reason}")]
    Unreadable {
        /// Address or file.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// The file cannot be read.
    #[error("{file} cannot be read")]
    File {
        /// The file.
        file: String,
        /// What the system said.
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

/// Asks Binance for klines.
#[derive(Clone, Debug)]
pub struct Klines {
    http: HttpClient,
    market: Market,
    base: Url,
    policy: RetryPolicy,
}

impl Klines {
    /// Of a market; `address` takes the place of Binance's own hosts, for all three markets. `http` sends no key.
    ///
    /// # Errors
    /// When the address is none.
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

    /// The klines that start in `[from_us, to_us)`, microseconds since the Unix epoch, UTC, page by page. `interval` is
    /// [`interval`]'s.
    ///
    /// # Errors
    /// When a page cannot be had after all attempts, or is no list of klines.
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
            // A page that does not go on would be asked for again and again.
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
        bars.collect::<Result<_, String>>().map_err(unreadable)
    }

    async fn ask(&self, url: &Url) -> Result<Vec<u8>, HttpError> {
        let mut reply = self.http.get(url, HeaderMap::new()).await.map_err(ban)?;
        let used = reply.header(USED_WEIGHT).and_then(|text| text.parse::<u32>().ok());
        let body = reply.whole(LONGEST_PAGE).await?;
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

/// How long to rest before the next request: until the next minute, when another page could go beyond nine tenths of
/// what an address may use.
fn rest(market: Market, used: u32, now_ms: u64) -> Option<Duration> {
    let (limit, cost) = market.weights();
    (used.saturating_add(cost) > limit / 10 * 9).then(|| Duration::from_millis(60_000 - now_ms % 60_000))
}

/// 418 is Binance's word for an address that went on after 429: it passes when the time that it names has.
fn ban(error: HttpError) -> HttpError {
    match &error {
        HttpError::Status { status: 418, retry_after: Some(wait), .. } if *wait <= LONGEST_BAN => {
            error.into_transient()
        }
        _ => error,
    }
}

/// A kline from its cells, as REST and the archive have them: open time, open, high, low, close, volume, close time,
/// quote volume, count, taker buy volume, taker buy quote volume, and one that means nothing.
pub(super) fn bar(cells: &[String], market: Market) -> Result<Bar, String> {
    if cells.len() < 11 {
        return Err(format!("a row has {} cells, not 12: {}", cells.len(), cells.join(",")));
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
            value.ok_or_else(|| format!("`{}` is no number, in {}", cells[place], cells.join(",")))?;
        let is_told =
            market.tells_quote_volume() || !matches!(field, Field::QuoteVolume | Field::BuyQuoteVolume);
        bar.set(field, is_told.then_some(value));
    }
    Ok(bar)
}

/// Microseconds from a time in milliseconds, or, as the spot archive has since 2025, in microseconds. A time in milliseconds
/// has thirteen digits from 2001 to 2286, one in microseconds sixteen.
fn start_us(text: &str) -> Result<i64, String> {
    let number = text.trim().parse::<i64>().map_err(|_| format!("`{text}` is no time"))?;
    match text.trim().len() {
        13 => Ok(number * 1000),
        16 => Ok(number),
        _ => Err(format!("`{text}` is a time neither in milliseconds nor in microseconds")),
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
        assert_eq!(told(Market::CoinM).get(Field::QuoteVolume), None);
        assert_eq!(
            (told(Market::CoinM).get(Field::Volume), told(Market::CoinM).get(Field::BuyVolume)),
            (Some(10.0), Some(4.0))
        );
    }
}
