//! Where the candles come from that `mtdh.validation` compares: the exchange, the lake, a file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mtdh::settings::{FlagLayer, Settings};
use mtdh_core::check::{self, Group};
use mtdh_core::time_unit::TimeUnit;
use mtdh_engine::check::files::FileHints;
use mtdh_engine::check::reference::{KlineReader, Source};
use mtdh_engine::check::{CheckPlan, CheckReport};
use mtdh_engine::{DataType, check_user_files, read_user_candles};
use pyo3::prelude::*;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::{CandleOut, Finding, bad_request, candle, parsed_key, parsed_timeframe};
use crate::error::raised;
use crate::lake::Lake;
use crate::runtime::{wait, wait_briefly};

/// One hour, µs.
const HOUR_US: i64 = 3_600_000_000;

/// The exchange's own candles.
#[pyclass(frozen, module = "mtdh._mtdh.validation")]
pub struct Klines {
    reader: Arc<Mutex<KlineReader>>,
}

#[pymethods]
impl Klines {
    /// `address` replaces Binance's own hosts; without it the setting `binance_url` of the lake, or of this folder, holds.
    #[new]
    #[pyo3(signature = (address=None, lake=None))]
    fn new(py: Python<'_>, address: Option<String>, lake: Option<&Lake>) -> PyResult<Klines> {
        let config = match lake {
            Some(lake) => lake.shared.config.clone(),
            None => Settings::load(Path::new("."), FlagLayer::default())
                .map_err(|error| bad_request(py, format!("{error:#}")))?
                .config(),
        };
        let source = Source::Service { address: address.or(config.binance), retry: config.retry };
        Ok(Klines { reader: Arc::new(Mutex::new(KlineReader::new(source))) })
    }

    /// The klines that start in `[from_us, to_us)`, µs since the Unix epoch, UTC. None, if the exchange does not know the
    /// instrument.
    fn get(
        &self,
        py: Python<'_>,
        key: &str,
        timeframe: &str,
        from_us: i64,
        to_us: i64,
    ) -> PyResult<Vec<CandleOut>> {
        let (key, timeframe) = (parsed_key(py, key)?, parsed_timeframe(py, timeframe)?);
        let read =
            wait_briefly(py, async { self.reader.lock().await.get(&key, timeframe, from_us, to_us).await })?;
        Ok(read.map_err(|error| raised(py, error))?.iter().map(candle).collect())
    }
}

/// A day without candles, and why, where that is known.
type DayWithout = (String, Option<String>);

/// A file's instrument, if it tells it, its timeframe and its candles.
type CandlesOfFile = (Option<String>, String, Vec<CandleOut>);

/// The lake's candles that start in `[from_us, to_us)`, µs since the Unix epoch, UTC: stored ones, else made of its trades. Also
/// the days for which it has neither, and why.
#[pyfunction]
pub fn lake_candles(
    py: Python<'_>,
    lake: &Lake,
    key: &str,
    timeframe: &str,
    from_us: i64,
    to_us: i64,
) -> PyResult<(Vec<CandleOut>, Vec<DayWithout>)> {
    let (key, timeframe, stop) =
        (parsed_key(py, key)?, parsed_timeframe(py, timeframe)?, CancellationToken::new());
    let context = lake.shared.context()?;
    let work = context.candles_between(&key, timeframe, from_us..to_us, &stop);
    let read = wait(py, work, &stop, |_| Ok(()))?.map_err(|error| raised(py, error))?;
    let missing = read.missing.into_iter().map(|(day, reason)| (day.to_string(), reason)).collect();
    Ok((read.series.bars.iter().map(candle).collect(), missing))
}

/// The last hour of the newest candles that the lake has of an instrument, µs since the Unix epoch, UTC; `None`: it has none.
#[pyfunction]
pub fn newest_hour(py: Python<'_>, lake: &Lake, key: &str, timeframe: &str) -> PyResult<Option<(i64, i64)>> {
    let (key, length) = (parsed_key(py, key)?, parsed_timeframe(py, timeframe)?);
    let (context, stop) = (lake.shared.context()?, CancellationToken::new());
    let work = async {
        let Some(day) = context.newest_day_of(&key, length).await? else { return Ok(None) };
        let range = day.start_us()..day.end_us();
        let read = context.candles_between(&key, length, range, &stop).await?;
        let last = read.series.bars.iter().map(|bar| bar.start.saturating_add(length.us())).max();
        Ok(last.map(|end| (end.saturating_sub(HOUR_US.max(length.us())).max(day.start_us()), end)))
    };
    wait(py, work, &stop, |_| Ok(()))?.map_err(|error| raised(py, error))
}

/// A file of candles: its instrument, timeframe and candles; `None`: it has rows of another kind. `timeframe` is for a file whose footer and name do not tell it;
/// `time_unit` for times that are bare numbers: s, ms, us or ns.
#[pyfunction]
#[pyo3(signature = (path, timeframe=None, time_unit=None))]
pub fn read_candles(
    py: Python<'_>,
    path: PathBuf,
    timeframe: Option<&str>,
    time_unit: Option<&str>,
) -> PyResult<Option<CandlesOfFile>> {
    let timeframe = timeframe.map(|text| parsed_timeframe(py, text)).transpose()?;
    let unit = unit(py, time_unit)?;
    let read = wait_briefly(py, read_user_candles(&path, timeframe, unit))?;
    let read = read.map_err(|error| raised(py, error))?;
    Ok(read.map(|(key, series)| {
        let candles = series.bars.iter().map(candle).collect();
        (key.map(|key| key.to_string()), series.timeframe.to_string(), candles)
    }))
}

fn unit(py: Python<'_>, text: Option<&str>) -> PyResult<Option<TimeUnit>> {
    text.map(|text| text.parse::<TimeUnit>().map_err(|error| bad_request(py, error))).transpose()
}

/// Checks a file of rows for the groups `timestamp` and `gaps`. Returns how often each check looked at something, what was found,
/// the rows that were read, and notes.
#[pyfunction]
#[pyo3(signature = (path, key=None, data_type=None, time_unit=None))]
#[allow(clippy::type_complexity, reason = "a tuple is what Python unpacks")]
pub fn check_file(
    py: Python<'_>,
    path: PathBuf,
    key: Option<&str>,
    data_type: Option<&str>,
    time_unit: Option<&str>,
) -> PyResult<(BTreeMap<&'static str, u64>, Vec<Finding>, u64, Vec<String>)> {
    let key = key.map(|text| parsed_key(py, text)).transpose()?;
    let data_type =
        data_type.map(|text| text.parse::<DataType>().map_err(|error| bad_request(py, error))).transpose()?;
    let hints = FileHints { key, data_type, time_unit: unit(py, time_unit)? };
    let (plan, stop) =
        (CheckPlan::new([Group::Timestamp], check::Settings::default()), CancellationToken::new());
    let files = [path];
    let work = check_user_files(&files, &hints, &plan, &stop);
    let report = wait(py, work, &stop, |_| Ok(()))?.map_err(|error| raised(py, error))?;
    let CheckReport { findings, looked_at, rows, notes, .. } = report;
    let findings = findings.into_iter().map(|f| Finding::new(f.check, f.severity, f.found)).collect();
    Ok((looked_at, findings, rows, notes))
}
