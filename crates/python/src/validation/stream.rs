//! Candles that come one by one, for Python.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mtdh_core::candle::Timeframe;
use mtdh_engine::check::reference::KlineReader;
use mtdh_engine::live::validate::{CandleStream, StreamFinding, StreamSettings};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::{CandleIn, Finding, bad_request, bar, parsed_key, parsed_timeframe, settings};

/// The engine's validator. Each call brings the time, µs since the Unix epoch, UTC. It reads no klines: the caller asks for the
/// questions and brings the answers.
#[pyclass(frozen, module = "mtdh._mtdh.validation")]
pub struct StreamValidator {
    inner: Mutex<Inner>,
}

struct Inner {
    validator: mtdh_engine::live::validate::StreamValidator,
    clock: Arc<AtomicI64>,
    told: Arc<Mutex<Vec<StreamFinding>>>,
}

impl Inner {
    fn found(&self) -> Vec<Finding> {
        let told = std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner));
        told.into_iter().map(|f| Finding::new(f.check, f.severity, f.found)).collect()
    }
}

fn stream(py: Python<'_>, key: &str, timeframe: &str) -> PyResult<CandleStream> {
    Ok(CandleStream { key: parsed_key(py, key)?, timeframe: parsed_timeframe(py, timeframe)? })
}

#[pymethods]
impl StreamValidator {
    /// Durations in µs; `checks` are settings as `reference_price.tolerance_pct=0.01`.
    #[new]
    fn new(
        py: Python<'_>,
        watermark_us: i64,
        ahead_us: i64,
        failures: u32,
        cooldown_us: i64,
        is_compared: bool,
        checks: Vec<String>,
    ) -> PyResult<StreamValidator> {
        let checks = settings(py, &checks)?;
        let settings = StreamSettings {
            watermark_us,
            ahead_us,
            failures,
            cooldown_us,
            checks,
            ..StreamSettings::default()
        };
        let (clock, told) = (Arc::new(AtomicI64::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (hand, ears) = (clock.clone(), told.clone());
        let now = Box::new(move || hand.load(Ordering::Relaxed));
        let mut validator = mtdh_engine::live::validate::StreamValidator::new(settings, now, None);
        validator.on_finding(Box::new(move |finding: &StreamFinding| {
            ears.lock().unwrap_or_else(PoisonError::into_inner).push(finding.clone());
        }));
        if is_compared {
            validator.compare_with_answers(|stream| KlineReader::covers(&stream.key, stream.timeframe));
        }
        validator.start();
        Ok(StreamValidator { inner: Mutex::new(Inner { validator, clock, told }) })
    }

    /// Validates a candle, and returns what was found.
    fn check(
        &self,
        py: Python<'_>,
        key: &str,
        timeframe: &str,
        candle: CandleIn,
        now_us: i64,
    ) -> PyResult<Vec<Finding>> {
        let stream = stream(py, key, timeframe)?;
        let mut inner = self.lock(now_us);
        inner.validator.validate_candle(&stream, bar(candle)).map_err(|error| bad_request(py, error))?;
        inner.validator.work();
        Ok(inner.found())
    }

    /// The klines that are due: key, timeframe, start in µs. None while requests pause.
    fn questions(&self, now_us: i64) -> Vec<(String, String, i64)> {
        let questions = self.lock(now_us).validator.questions();
        questions
            .into_iter()
            .map(|(of, start)| (of.key.to_string(), of.timeframe.to_string(), start))
            .collect()
    }

    /// Takes a kline, `None` if the reference has none. Returns whether the candle was compared now, and what was found.
    fn answer(
        &self,
        py: Python<'_>,
        key: &str,
        timeframe: &str,
        start_us: i64,
        kline: Option<CandleIn>,
        now_us: i64,
    ) -> PyResult<(bool, Vec<Finding>)> {
        self.take(now_us, &stream(py, key, timeframe)?, start_us, Ok(kline))
    }

    /// Takes why a kline could not be read.
    fn answer_failed(
        &self,
        py: Python<'_>,
        key: &str,
        timeframe: &str,
        start_us: i64,
        reason: String,
        now_us: i64,
    ) -> PyResult<(bool, Vec<Finding>)> {
        self.take(now_us, &stream(py, key, timeframe)?, start_us, Err(reason))
    }

    /// When the next kline is due, µs since the Unix epoch, UTC; `None`: no candle waits for one.
    fn due_us(&self) -> Option<i64> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).validator.due_us()
    }

    /// Whether the reference has klines of an instrument and timeframe.
    #[staticmethod]
    fn has_klines(py: Python<'_>, key: &str, timeframe: &str) -> PyResult<bool> {
        let timeframe: Timeframe = parsed_timeframe(py, timeframe)?;
        Ok(KlineReader::covers(&parsed_key(py, key)?, timeframe))
    }

    /// The engine's counts.
    fn statistics<'py>(&self, py: Python<'py>, now_us: i64) -> PyResult<Bound<'py, PyDict>> {
        let seen = self.lock(now_us).validator.statistics();
        let counts = PyDict::new(py);
        counts.set_item("validated", seen.validated)?;
        counts.set_item("failed", seen.failed)?;
        counts.set_item("warned", seen.warned)?;
        counts.set_item("late", seen.late)?;
        counts.set_item("compared", seen.compared)?;
        counts.set_item("waiting", seen.waiting)?;
        counts.set_item("reference_failures_in_a_row", seen.failures_in_a_row)?;
        counts.set_item("reference_pauses_until_us", seen.cooling_until_us)?;
        Ok(counts)
    }
}

impl StreamValidator {
    fn lock(&self, now_us: i64) -> std::sync::MutexGuard<'_, Inner> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.clock.store(now_us, Ordering::Relaxed);
        inner
    }

    fn take(
        &self,
        now_us: i64,
        stream: &CandleStream,
        start_us: i64,
        kline: Result<Option<CandleIn>, String>,
    ) -> PyResult<(bool, Vec<Finding>)> {
        let mut inner = self.lock(now_us);
        let before = inner.validator.statistics().compared;
        inner.validator.answer(stream, start_us, kline.map(|kline| kline.map(bar)));
        let is_compared = inner.validator.statistics().compared > before;
        Ok((is_compared, inner.found()))
    }
}
