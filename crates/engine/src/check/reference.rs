//! The check of candles against the exchange's own klines: the lake's, or those of a user's file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mtdh_core::candle::Timeframe;
use mtdh_core::check::bars::{Bar, Candles, Field, Series, Span};
use mtdh_core::check::finding::moment;
use mtdh_core::check::reference::{Reading, Settling};
use mtdh_core::check::{Severity, find};
use mtdh_core::key::InstrumentKey;
use mtdh_core::{Day, DayRange};
use mtdh_lake::Lake;
use mtdh_lake::parquet_file::ParquetFile;
use mtdh_source::http::pace::Budget;
use mtdh_source::http::retry::RetryPolicy;
use mtdh_source::http::{HttpClient, HttpError};
use mtdh_source::klines::{self, KlineError, Klines, Market, archive};
use tokio_util::sync::CancellationToken;

use super::candle_files::{open, wrong};
use super::candles::{read, stored, units};
use super::lake::now_us;
use super::report::{Comparison, ComparisonPoint};
use super::{CheckPlan, CheckReport};
use crate::candles::{CandleError, ticks};
use crate::error::{EngineError, chain};
use crate::selection::Selection;

/// Where klines come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Binance's services, at its own hosts or another address.
    Service {
        /// The address; null: Binance's own hosts.
        address: Option<String>,
        /// When to ask again.
        retry: RetryPolicy,
    },
    /// A file of its public archive.
    File(PathBuf),
}

/// What is compared with what.
#[derive(Clone, Debug)]
pub struct Reference {
    /// Where klines come from.
    pub source: Source,
    /// Which candles.
    pub timeframe: Timeframe,
}

/// Time between two readings of a kline that has just ended.
const AGAIN_US: i64 = 5_000_000;

/// Plots of a report: so many of series with findings, and so many of others.
const PLOTS: (usize, usize) = (32, 8);

/// The reference of one instrument.
struct Opened {
    symbol: String,
    market: Market,
    interval: String,
    timeframe: Timeframe,
    from: From,
}

enum From {
    Service(Klines),
    File(Vec<Bar>),
}

impl Reference {
    fn open(&self, key: &InstrumentKey, listed: Option<&str>) -> Result<Opened, EngineError> {
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
            Source::File(path) => From::File(archive::read(path, market).map_err(EngineError::Klines)?),
            Source::Service { address, retry } => {
                // A client of its own: the vendor's key does not go there.
                let http = HttpClient::new(None, Budget::default()).map_err(EngineError::Client)?;
                let klines = Klines::new(http, market, address.as_deref(), *retry);
                From::Service(klines.map_err(|error| EngineError::Klines(KlineError::Http(error)))?)
            }
        };
        Ok(Opened { symbol, market, interval, timeframe, from })
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

    /// The klines of a time, those that have just ended read again until they are settled. With them, up to when they are.
    async fn settled(
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
        let settle = find("reference_coverage").map_or(0.0, |c| plan.settings.values(c).get("settle_s"));
        let settle_us = (settle * 1e6) as i64;
        let length = self.timeframe.us();
        let now = plan.now_us;
        let first = self.timeframe.floor(now.saturating_sub(settle_us).saturating_sub(length)).max(from_us);
        let ends = (first.min(to_us)..to_us).step_by(length as usize).map(|start| start + length);
        let mut waiting: BTreeMap<i64, Settling> = ends
            .filter(|end| *end <= now && *end > now.saturating_sub(settle_us))
            .map(|end| (end - length, Settling::new(end, settle_us, AGAIN_US)))
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
            at = now_us();
        }
        // What began to wait and did not settle is not compared.
        Ok((series, waiting.keys().next().copied().unwrap_or(now)))
    }
}

/// Holds the candles of a lake's days against klines: stored ones, or, where there are none, those of the lake's trades.
/// `named` is an instrument that is meant whether the lake has it or not.
///
/// # Errors
/// When the lake or the reference cannot be read.
pub async fn check_lake_reference(
    lake: &Lake,
    plan: &CheckPlan,
    selection: &Selection,
    named: Option<&InstrumentKey>,
    reference: &Reference,
    stop: &CancellationToken,
    report: &mut CheckReport,
) -> Result<(), EngineError> {
    let timeframe = reference.timeframe;
    let days: Vec<Day> = selection.days.days().collect();
    let mut all = BTreeMap::new();
    let mut keys: BTreeSet<InstrumentKey> = named.cloned().into_iter().collect();
    for day in &days {
        let (stored, units) =
            (stored(lake, selection, *day).await?, units(lake, selection, *day, &[timeframe]).await?);
        keys.extend(stored.keys().chain(units.keys()).cloned());
        all.insert(*day, (stored, units));
    }
    let others = keys.iter().filter(|key| Market::of_venue(key.venue()).is_none()).count();
    if others > 0 && named.is_none() {
        report.notes.push(format!("cross-source: {others} instruments are of venues without a reference"));
        keys.retain(|key| Market::of_venue(key.venue()).is_some());
    }
    for key in &keys {
        for day in &days {
            if stop.is_cancelled() {
                report.is_interrupted = true;
                return Ok(());
            }
            let (stored, units) = &all[day];
            let table = lake.instruments(*day).await?.unwrap_or_default();
            let listed = table.iter().find(|i| i.key == *key).map(|i| i.raw_symbol.as_str());
            let opened = reference.open(key, listed)?;
            let mut ours = Series { timeframe, fill: None, bars: Vec::new() };
            if let Some(unit) = units.get(key) {
                match ticks::of_unit(lake, unit, &[timeframe], stop).await {
                    Ok(mut made) => ours = made.remove(&timeframe).unwrap_or(ours),
                    Err(CandleError::Lake(error)) if error.is_fatal() => return Err(error.into()),
                    Err(CandleError::Interrupted) => continue,
                    Err(error) => {
                        report.tell(
                            "unreadable_partition",
                            Severity::Error,
                            Some(key),
                            Some(*day),
                            chain(&error),
                        );
                    }
                }
            }
            if let Some(entry) = stored.get(key).and_then(|objects| objects.get(&timeframe)) {
                match read(lake, entry, timeframe, key).await? {
                    Ok(series) => ours = with_bought(series, &ours),
                    Err(reason) => {
                        report.tell("unreadable_partition", Severity::Error, Some(key), Some(*day), reason);
                        continue;
                    }
                }
            }
            let span = (day.start_us(), day.end_us());
            compare(plan, &opened, key, Some(*day), &ours, span, stop, report).await?;
        }
    }
    if keys.is_empty() {
        let text =
            "the lake has no candles and no trades of an instrument of Binance's: nothing was compared";
        report.tell("reference_coverage", Severity::Error, None, None, text.to_owned());
    }
    report.sort();
    Ok(())
}

/// Stored candles with what only trades tell.
fn with_bought(mut series: Series, ticks: &Series) -> Series {
    let made = ticks.by_start();
    for bar in &mut series.bars {
        bar.set(Field::BuyQuoteVolume, made.get(&bar.start).and_then(|tick| tick.get(Field::BuyQuoteVolume)));
    }
    series
}

/// Holds a file of candles, or files of trades, against klines. Without days, the time that both sides have is compared.
///
/// # Errors
/// When a file or the reference cannot be read, or nobody says of which instrument it is.
pub async fn check_files_reference(
    files: &[PathBuf],
    key: Option<&InstrumentKey>,
    days: Option<DayRange>,
    reference: &Reference,
    plan: &CheckPlan,
    stop: &CancellationToken,
) -> Result<CheckReport, EngineError> {
    let Some(first) = files.first() else { return Ok(CheckReport::default()) };
    let mut report = CheckReport { files: files.len(), ..CheckReport::default() };
    let timeframe = reference.timeframe;
    let (of, ours) = if has_candles(first)? {
        if files.len() > 1 {
            return Err(wrong(&files[1], "give one file of candles".to_owned()));
        }
        let file = open(first, Some(timeframe)).await?;
        (file.key, file.series)
    } else {
        let (name, mut made) = ticks::of_files(files, &[timeframe], stop)?;
        let none = Series { timeframe, fill: None, bars: Vec::new() };
        (name.and_then(|name| name.parse().ok()), made.remove(&timeframe).unwrap_or(none))
    };
    if let (Some(given), Some(of)) = (key, &of)
        && given != of
    {
        return Err(wrong(first, format!("it is of {of}, not of {given}")));
    }
    let key = key.cloned().or(of).ok_or_else(|| {
        wrong(first, "it does not say of which instrument it is; say so with --symbol".to_owned())
    })?;
    report.rows = ours.bars.len() as u64;
    let opened = reference.open(&key, None)?;
    let reach = |bars: &[Bar]| -> (i64, i64) {
        let starts = || bars.iter().map(|bar| bar.start);
        (starts().min().unwrap_or(i64::MAX), starts().max().map_or(i64::MIN, |last| last + timeframe.us()))
    };
    let span = match (days, &opened.from) {
        (Some(days), _) => (days.first().start_us(), days.last().end_us()),
        (None, From::Service(_)) => reach(&ours.bars),
        (None, From::File(bars)) => {
            let (own, other) = (reach(&ours.bars), reach(bars));
            (own.0.max(other.0), own.1.min(other.1))
        }
    };
    if days.is_none() && span.0 < span.1 {
        report.notes.push(format!("compared from {} to {}", moment(span.0), moment(span.1)));
    }
    compare(plan, &opened, &key, None, &ours, span, stop, &mut report).await?;
    report.sort();
    Ok(report)
}

fn has_candles(file: &Path) -> Result<bool, EngineError> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let is_csv = name.ends_with(".csv") || name.ends_with(".gz");
    Ok(!is_csv && ParquetFile::open(file)?.schema().column_with_name("open").is_some())
}

#[allow(clippy::too_many_arguments, reason = "whose candles, of which time, against what, to where")]
async fn compare(
    plan: &CheckPlan,
    opened: &Opened,
    key: &InstrumentKey,
    day: Option<Day>,
    ours: &Series,
    (from_us, to_us): (i64, i64),
    stop: &CancellationToken,
    report: &mut CheckReport,
) -> Result<(), EngineError> {
    let (theirs, settled_us) = if from_us < to_us {
        match opened.settled(plan, from_us, to_us, stop).await {
            Ok(read) => read,
            // It answers, and knows nothing of the instrument: a renamed pair, or none of its own.
            Err(KlineError::Http(error @ HttpError::Status { status: 400 | 404, .. })) => {
                let text = format!("the reference has no klines of {}: {}", opened.symbol, chain(&error));
                report.tell("reference_coverage", Severity::Error, Some(key), day, text);
                return Ok(());
            }
            Err(error) => return Err(EngineError::Klines(error)),
        }
    } else {
        (Series { timeframe: opened.timeframe, fill: None, bars: Vec::new() }, i64::MAX)
    };
    if stop.is_cancelled() {
        report.is_interrupted = true;
        return Ok(());
    }
    let mut own = ours.clone();
    if !opened.market.tells_quote_volume() {
        let note = "cross-source: of COIN-M, volumes in contracts are compared, quote volumes are not: the reference's are in coins";
        if !report.notes.iter().any(|known| known == note) {
            report.notes.push(note.to_owned());
        }
    }
    own.bars.retain(|bar| bar.start >= from_us && bar.start < to_us);
    let before = report.findings.len();
    report.rows += if day.is_some() { own.bars.len() as u64 } else { 0 };
    report.judge(
        plan,
        Some(key),
        day,
        &Candles::Reference(&own, &theirs, Span { from_us, to_us, settled_us }),
    );
    let is_found = report.findings.len() > before;
    let limit = if is_found { PLOTS.0 } else { PLOTS.1 };
    if report.comparisons.len() < limit {
        report.comparisons.push(plot(key, day, &own, &theirs));
    }
    Ok(())
}

/// Close against close.
fn plot(key: &InstrumentKey, day: Option<Day>, ours: &Series, theirs: &Series) -> Comparison {
    let (own, other) = (ours.by_start(), theirs.by_start());
    let starts: BTreeSet<i64> = own.keys().chain(other.keys()).copied().collect();
    let close =
        |bars: &BTreeMap<i64, &Bar>, start: &i64| bars.get(start).and_then(|bar| bar.get(Field::Close));
    let point = |start: i64| ComparisonPoint {
        at_us: start,
        ours: close(&own, &start),
        theirs: close(&other, &start),
    };
    let on = day.map(|day| format!(" {day}")).unwrap_or_default();
    Comparison {
        title: format!("{key}{on} close {}, ours against Binance's", ours.timeframe),
        points: starts.into_iter().map(point).collect(),
    }
}
