//! The check of candles against the exchange's own klines: the lake's candles, or those of a user's file.

mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use mtdh_core::check::bars::{Bar, Candles, Field, Series, Span};
use mtdh_core::check::finding::moment;
use mtdh_core::check::{Group, Severity};
use mtdh_core::error::chain;
use mtdh_core::key::InstrumentKey;
use mtdh_core::time_unit::TimeUnit;
use mtdh_core::{DataType, Day, DayRange};
use mtdh_lake::Lake;
use mtdh_lake::inventory::{Verify, inventory};
use mtdh_lake::parquet_file::ParquetFile;
use mtdh_source::exchange::binance::klines::{KlineError, Market};
use mtdh_source::http::HttpError;
use tokio_util::sync::CancellationToken;

use super::candle_files::{open, wrong};
use super::candles::{look, read, stored, units};
use super::{CheckPlan, CheckReport};
use crate::candles::{CandleError, ticks};
use crate::check::comparison::{Comparison, ComparisonPoint};
use crate::error::{EngineError, FileError};
use crate::runs::phase;
use crate::selection::Selection;

use source::{From, Opened};
pub use source::{KlineReader, Reference, Source};

/// Plots of a report: the maximum of series with findings, and of others.
const PLOTS: (usize, usize) = (32, 8);

/// Compares the candles of a lake's days with klines: stored candles, or, if there are none, candles made from the lake's
/// trades. `named` is an instrument that is compared even if the lake does not have it.
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
    let mut days = BTreeMap::new();
    let mut keys: BTreeSet<InstrumentKey> = named.cloned().into_iter().collect();
    let phase = phase::days("listing", selection.days);
    for day in selection.days.days() {
        let _day_done = phase.item();
        let (stored, units) =
            (stored(lake, selection, day).await?, units(lake, selection, day, &[timeframe]).await?);
        let own = || stored.keys().chain(units.keys()).chain(named);
        let own: BTreeSet<InstrumentKey> = own().cloned().collect();
        let mut table = lake.instruments(day).await?.unwrap_or_default();
        table.retain(|instrument| own.contains(&instrument.key));
        let names: BTreeMap<_, _> = table.into_iter().map(|i| (i.key, i.raw_symbol)).collect();
        let trades = inventory(lake, day, &[DataType::Trades], Verify::Index).await?;
        days.insert(day, (stored, units, names, trades));
        keys.extend(own);
    }
    let others = keys.iter().filter(|key| Market::of_venue(key.venue()).is_none()).count();
    if others > 0 && named.is_none() {
        report.notes.push(format!("cross-source: {others} instruments are of venues without a reference"));
        keys.retain(|key| Market::of_venue(key.venue()).is_some());
    }
    drop(phase);
    let phase = phase::begin("comparing with the exchange", "instrument", keys.len());
    for key in &keys {
        let _key_done = phase.item();
        let mut opened: Option<(Option<&String>, Opened)> = None;
        for (day, (stored, units, names, trades)) in &days {
            if stop.is_cancelled() {
                report.is_interrupted = true;
                return Ok(());
            }
            let listed = names.get(key);
            let opened = match &opened {
                Some((name, opened)) if *name == listed => opened,
                _ => &opened.insert((listed, reference.open(key, listed.map(String::as_str))?)).1,
            };
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
            compare(plan, opened, key, Some(*day), &ours, span, stop, report).await?;
            if !report.is_interrupted {
                let of_timeframe = stored.get(key).and_then(|objects| objects.get(&timeframe)).cloned();
                let objects = of_timeframe.map(|entry| (timeframe, entry)).into_iter().collect();
                look(lake, report, *day, Group::CrossSource, key, &objects, trades).await?;
            }
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

/// Stored candles, completed with the values that only trades contain.
fn with_bought(mut series: Series, ticks: &Series) -> Series {
    let made = ticks.by_start();
    for bar in &mut series.bars {
        bar.set(Field::BuyQuoteVolume, made.get(&bar.start).and_then(|tick| tick.get(Field::BuyQuoteVolume)));
    }
    series
}

/// Compares a file of candles, or files of trades, with klines. Without days, the time that both sides have is compared.
///
/// # Errors
/// When a file or the reference cannot be read, or the instrument is not known.
pub async fn check_files_reference(
    files: &[PathBuf],
    key: Option<&InstrumentKey>,
    days: Option<DayRange>,
    reference: &Reference,
    plan: &CheckPlan,
    time_unit: Option<TimeUnit>,
    stop: &CancellationToken,
) -> Result<CheckReport, EngineError> {
    let Some(first) = files.first() else { return Ok(CheckReport::default()) };
    let mut report = CheckReport { files: files.len(), ..CheckReport::default() };
    let timeframe = reference.timeframe;
    let _phase = phase::begin("comparing with the exchange", "file", files.len());
    let (of, ours) = if has_candles(first)? {
        if files.len() > 1 {
            return Err(wrong(&files[1], "give one file of candles".to_owned()));
        }
        let file = open(first, Some(timeframe), time_unit).await?;
        (file.key, file.series)
    } else {
        let (name, mut made) = ticks::of_files(files, &[timeframe], time_unit, stop)?;
        let none = Series { timeframe, fill: None, bars: Vec::new() };
        (name.and_then(|name| name.parse().ok()), made.remove(&timeframe).unwrap_or(none))
    };
    if let (Some(given), Some(of)) = (key, &of)
        && given != of
    {
        return Err(wrong(first, format!("it is of {of}, not of {given}")));
    }
    let key = key.cloned().or(of).ok_or_else(|| FileError::UnknownInstrument.of(first))?;
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

/// Whether a user's file has candles, and not rows.
pub(crate) fn has_candles(file: &Path) -> Result<bool, EngineError> {
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
            // The service answers, but does not know the instrument: a renamed pair, or one that it never had.
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
    if !opened.market.has_quote_volume() {
        let note = "cross-source: of COIN-M, volumes in contracts and base volumes are compared, quote volumes are not: the reference has none";
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

/// Our closes and theirs.
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
