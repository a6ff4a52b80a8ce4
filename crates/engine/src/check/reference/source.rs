//! The source of klines, and when they are reliable.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use mtdh_core::candle::Timeframe;
use mtdh_core::check::bars::{Bar, Series};
use mtdh_core::check::find;
use mtdh_core::check::reference::{Reading, Settling};
use mtdh_core::key::InstrumentKey;
use mtdh_source::exchange::binance::klines::{KlineError, Klines, Market};
use mtdh_source::exchange::binance::{kline_archive, klines};
use mtdh_source::http::retry::RetryPolicy;
use mtdh_source::http::{HttpClient, HttpError};
use tokio_util::sync::CancellationToken;

use crate::check::CheckPlan;
use crate::error::EngineError;

/// The source of klines.
#[derive(Clone, Debug)]
pub enum Source {
    /// Binance's services, at its own hosts or another address.
    Service {
        /// The address; `None`: Binance's own hosts.
        address: Option<String>,
        /// When failed requests are retried.
        retry: RetryPolicy,
    },
    /// A file of Binance's public archive.
    File(PathBuf),
}

/// The reference of a comparison: its source and timeframe.
#[derive(Clone, Debug)]
pub struct Reference {
    /// The source of klines.
    pub source: Source,
    /// The timeframe of the candles.
    pub timeframe: Timeframe,
}

/// The reference of one instrument.
pub(super) struct Opened {
    /// The instrument's name at the source.
    pub symbol: String,
    pub market: Market,
    interval: String,
    pub timeframe: Timeframe,
    pub from: From,
}

pub(super) enum From {
    Service(Klines),
    File(Vec<Bar>),
}

impl Default for Reference {
    /// One-minute candles, from Binance's own hosts.
    fn default() -> Reference {
        let source = Source::Service { address: None, retry: RetryPolicy::default() };
        Reference { source, timeframe: Timeframe::USUAL[1] }
    }
}

impl Reference {
    /// Opens the reference of an instrument; `listed` is its name in the day's table.
    pub(super) fn open(&self, key: &InstrumentKey, listed: Option<&str>) -> Result<Opened, EngineError> {
        let cannot = |reason: String| EngineError::Reference { key: key.to_string(), reason };
        let market = Market::of_venue(key.venue()).ok_or_else(|| {
            cannot(
                "it is of no market of Binance's; these are BINANCE, BINANCE-FUTURES and BINANCE-DELIVERY"
                    .to_owned(),
            )
        })?;
        let timeframe = self.timeframe;
        let interval = klines::interval(timeframe).ok_or_else(|| {
            cannot(format!("Binance has no klines of {timeframe}; take 1m, 5m, 15m, 1h, 4h or 24h"))
        })?;
        let symbol = klines::symbol(market, key, listed).ok_or_else(|| {
            cannot("its symbol at Binance is not known; make the day's instrument table".to_owned())
        })?;
        let from = match &self.source {
            Source::File(path) => From::File(kline_archive::read(path, market).map_err(EngineError::Klines)?),
            Source::Service { address, retry } => {
                // A client of its own: the vendor's key is not sent there.
                let http = HttpClient::binance().map_err(EngineError::Client)?;
                let klines = Klines::new(http, market, address.as_deref(), *retry);
                From::Service(klines.map_err(|error| EngineError::Klines(KlineError::Http(error)))?)
            }
        };
        Ok(Opened { symbol, market, interval, timeframe, from })
    }
}

/// Reads klines of several instruments and timeframes, for candles that come one by one.
pub struct KlineReader {
    source: Source,
    opened: BTreeMap<(InstrumentKey, Timeframe), Opened>,
}

impl KlineReader {
    /// A reader that has not read anything.
    pub fn new(source: Source) -> KlineReader {
        KlineReader { source, opened: BTreeMap::new() }
    }

    /// Whether the reference has klines of such an instrument and timeframe.
    pub fn covers(key: &InstrumentKey, timeframe: Timeframe) -> bool {
        Market::of_venue(key.venue()).is_some_and(|market| {
            klines::symbol(market, key, None).is_some() && klines::interval(timeframe).is_some()
        })
    }

    /// The klines that start in `[from_us, to_us)`, microseconds since the Unix epoch, UTC, as they are now: the newest may
    /// still change. None, if the reference does not know the instrument.
    ///
    /// # Errors
    /// When the reference has no such market or timeframe, or cannot be read.
    pub async fn get(
        &mut self,
        key: &InstrumentKey,
        timeframe: Timeframe,
        from_us: i64,
        to_us: i64,
    ) -> Result<Vec<Bar>, EngineError> {
        let of = (key.clone(), timeframe);
        let opened = match self.opened.entry(of) {
            Entry::Occupied(opened) => opened.into_mut(),
            Entry::Vacant(place) => {
                let reference = Reference { source: self.source.clone(), timeframe };
                place.insert(reference.open(key, None)?)
            }
        };
        match opened.bars(from_us, to_us).await {
            Err(KlineError::Http(HttpError::Status { status: 400 | 404, .. })) => Ok(Vec::new()),
            read => read.map_err(EngineError::Klines),
        }
    }
}

impl Opened {
    async fn bars(&self, from_us: i64, to_us: i64) -> Result<Vec<Bar>, KlineError> {
        match &self.from {
            From::File(bars) => {
                Ok(bars.iter().filter(|bar| (from_us..to_us).contains(&bar.start)).cloned().collect())
            }
            From::Service(klines) => {
                klines.get(&self.symbol, (&self.interval, self.timeframe), from_us, to_us).await
            }
        }
    }

    /// The klines of a time range. Those that had just ended when the check ran are read again until they are settled. Also
    /// returns the time up to which they are settled.
    pub(super) async fn settled(
        &self,
        plan: &CheckPlan,
        from_us: i64,
        to_us: i64,
        stop: &CancellationToken,
    ) -> Result<(Series, i64), KlineError> {
        let mut series =
            Series { timeframe: self.timeframe, fill: None, bars: self.bars(from_us, to_us).await? };
        if matches!(self.from, From::File(_)) {
            return Ok((series, i64::MAX));
        }
        let Some(check) = find("reference_coverage") else { return Ok((series, plan.now_us)) };
        let values = plan.settings.values(check);
        let [settle_us, again_us] = ["settle_s", "again_s"].map(|name| (values.get(name) * 1e6) as i64);
        let started = Instant::now();
        let length = self.timeframe.us();
        let now = plan.now_us;
        let first = self.timeframe.floor(now.saturating_sub(settle_us).saturating_sub(length)).max(from_us);
        let ends = (first.min(to_us)..to_us).step_by(length as usize).map(|start| start + length);
        let mut waiting: BTreeMap<i64, Settling> = ends
            .filter(|end| *end <= now && *end > now.saturating_sub(settle_us))
            .map(|end| (end - length, Settling::new(end, settle_us, again_us)))
            .collect();
        let mut at = now;
        while !waiting.is_empty() && !stop.is_cancelled() {
            let mut again = i64::MAX;
            waiting.retain(|start, settling| {
                let kline = series.bars.iter().find(|bar| bar.start == *start).cloned();
                match settling.read(at, kline) {
                    Reading::Settled(_) => false,
                    Reading::Again(when) => {
                        again = again.min(when);
                        true
                    }
                }
            });
            let Some(from) = waiting.keys().next().copied() else { break };
            let wait = Duration::from_micros(u64::try_from(again.saturating_sub(at)).unwrap_or_default());
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => break,
            }
            let fresh = self.bars(from, to_us).await?;
            series.bars.retain(|bar| bar.start < from);
            series.bars.extend(fresh);
            at = now.saturating_add(started.elapsed().as_micros() as i64);
        }
        // A kline that did not settle is not compared.
        Ok((series, waiting.keys().next().copied().unwrap_or(now)))
    }
}
