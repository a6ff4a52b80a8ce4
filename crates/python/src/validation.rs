//! The checks of the engine, for `mtdh.validation`. Python gives them names, results, callbacks and statistics; it decides
//! nothing about candles.
//!
//! The interface, all of it: a candle is `(start in µs, [open, high, low, close, volume, trade_count], is_final)`, each value
//! `None` where it is unknown; a timeframe and an instrument key are texts.
//!
//! - [`timeframe`], [`instrument_key`]: names → what they mean.
//! - [`check_alone`], [`check_finer`], [`check_reference`]: candles → findings and differences.
//! - [`regularity`]: times → what is wrong with them.
//! - [`stream::StreamValidator`]: candles one by one; klines are asked for and answered, so that a thread can read them.
//! - [`data::Klines`], [`data::lake_candles`], [`data::newest_hour`], [`data::read_candles`], [`data::check_file`]: where candles
//!   come from.

mod data;
mod stream;

use mtdh_core::candle::Timeframe;
use mtdh_core::check::aggregation::{Tolerance, coverage, cut_intervals, differences_from_finer};
use mtdh_core::check::bars::{Bar, Candles, Difference, Field, Series, Span};
use mtdh_core::check::reference::{VOLUMES, compared, reference_differences, traded};
use mtdh_core::check::{self, CheckFn, Detection, Settings, Severity};
use mtdh_core::key::InstrumentKey;
use pyo3::prelude::*;

use crate::error::raise;

/// The values of a candle in Python, in order.
const VALUES: [Field; 6] =
    [Field::Open, Field::High, Field::Low, Field::Close, Field::Volume, Field::TradeCount];

/// A candle as Python gives it.
#[derive(FromPyObject)]
pub struct CandleIn(i64, [Option<f64>; 6], bool);

/// A candle as Python gets it.
type CandleOut = (i64, Vec<Option<f64>>, bool);

/// A difference as Python gets it: start, field, value, expected value, whether both sides are complete.
type DifferenceOut = (i64, &'static str, f64, f64, bool);

/// Adds everything to the module `mtdh._mtdh`.
///
/// # Errors
/// When Python refuses a name.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let ours = PyModule::new(module.py(), "validation")?;
    ours.add_class::<Finding>()?;
    ours.add_class::<stream::StreamValidator>()?;
    ours.add_class::<data::Klines>()?;
    ours.add_function(wrap_pyfunction!(timeframe, &ours)?)?;
    ours.add_function(wrap_pyfunction!(instrument_key, &ours)?)?;
    ours.add_function(wrap_pyfunction!(check_alone, &ours)?)?;
    ours.add_function(wrap_pyfunction!(check_finer, &ours)?)?;
    ours.add_function(wrap_pyfunction!(check_reference, &ours)?)?;
    ours.add_function(wrap_pyfunction!(regularity, &ours)?)?;
    ours.add_function(wrap_pyfunction!(data::lake_candles, &ours)?)?;
    ours.add_function(wrap_pyfunction!(data::newest_hour, &ours)?)?;
    ours.add_function(wrap_pyfunction!(data::read_candles, &ours)?)?;
    ours.add_function(wrap_pyfunction!(data::check_file, &ours)?)?;
    module.add_submodule(&ours)
}

/// What a check found.
#[pyclass(frozen, get_all, module = "mtdh._mtdh.validation")]
pub struct Finding {
    /// The check's name.
    check: &'static str,
    /// `error`, `warning` or `info`.
    severity: &'static str,
    /// Occurrences.
    count: u64,
    /// First and last time of it, µs since the Unix epoch, UTC; `None`: it has no time.
    range_us: Option<(i64, i64)>,
    /// Up to ten of them.
    examples: Vec<String>,
    /// The cause; `None`: unknown.
    explanation: Option<String>,
}

impl Finding {
    fn new(check: &'static str, severity: Severity, found: Detection) -> Finding {
        Finding {
            check,
            severity: severity.name(),
            count: found.count,
            range_us: found.range_us,
            examples: found.examples,
            explanation: found.explanation.map(|explanation| explanation.text),
        }
    }
}

fn bad_request(py: Python<'_>, error: impl std::fmt::Display) -> PyErr {
    raise(py, "BadRequest", &error.to_string(), None)
}

fn parsed_timeframe(py: Python<'_>, text: &str) -> PyResult<Timeframe> {
    text.parse().map_err(|error| bad_request(py, error))
}

fn parsed_key(py: Python<'_>, text: &str) -> PyResult<InstrumentKey> {
    text.parse()
        .map_err(|error: mtdh_core::key::KeyError| raise(py, "UnknownInstrument", &error.to_string(), None))
}

/// A timeframe's own name (`1d` is `24h`) and its length in µs.
#[pyfunction]
fn timeframe(py: Python<'_>, text: &str) -> PyResult<(String, i64)> {
    let timeframe = parsed_timeframe(py, text)?;
    Ok((timeframe.to_string(), timeframe.us()))
}

/// The key of a symbol: a key as it is, `BTC-USDT` as Binance's spot pair, or as a venue's perpetual.
#[pyfunction]
#[pyo3(signature = (symbol, venue="BINANCE"))]
fn instrument_key(py: Python<'_>, symbol: &str, venue: &str) -> PyResult<String> {
    if symbol.contains(':') {
        return Ok(parsed_key(py, symbol)?.to_string());
    }
    let key = mtdh_engine::names::key_of_symbol(venue, symbol);
    Ok(key.map_err(|error| crate::error::raised(py, error))?.to_string())
}

fn bar(CandleIn(start, values, is_final): CandleIn) -> Bar {
    let mut bar = Bar::new(start, is_final);
    VALUES.into_iter().zip(values).for_each(|(field, value)| bar.set(field, value));
    bar
}

fn candle(bar: &Bar) -> CandleOut {
    (bar.start, VALUES.map(|field| bar.get(field)).to_vec(), bar.is_final)
}

fn series(timeframe: Timeframe, candles: Vec<CandleIn>) -> Series {
    Series { timeframe, fill: None, bars: candles.into_iter().map(bar).collect() }
}

fn settings(py: Python<'_>, texts: &[String]) -> PyResult<Settings> {
    let mut settings = Settings::default();
    for text in texts {
        settings.set(text).map_err(|error| bad_request(py, error))?;
    }
    Ok(settings)
}

/// Every check of candles alone, in the order of the list.
#[pyfunction]
fn check_alone(py: Python<'_>, timeframe: &str, candles: Vec<CandleIn>) -> PyResult<Vec<Finding>> {
    let series = series(parsed_timeframe(py, timeframe)?, candles);
    let candles = Candles::Alone(&series);
    let mut findings = Vec::new();
    for check in check::all() {
        let CheckFn::Candles(sides, run) = check.run else { continue };
        if sides == candles.sides() {
            let found = run(&candles, &Settings::default().values(check));
            let severity = |found: &Detection| found.severity.unwrap_or(check.severity);
            findings.extend(found.into_iter().map(|found| Finding::new(check.name, severity(&found), found)));
        }
    }
    Ok(findings)
}

fn shown(differences: Vec<Difference>) -> Vec<DifferenceOut> {
    let shown = |d: Difference| (d.start, d.field.name(), d.value, d.expected, d.is_final);
    differences.into_iter().map(shown).collect()
}

/// Candles compared with finer ones. Returns the starts of the intervals that were compared, those that the finer candles cover
/// in part only, the differences, the intervals without a candle, and those without finer candles. Tolerances are relative.
#[pyfunction]
#[allow(clippy::type_complexity, reason = "a tuple is what Python unpacks")]
fn check_finer(
    py: Python<'_>,
    timeframe: &str,
    candles: Vec<CandleIn>,
    finer_timeframe: &str,
    finer: Vec<CandleIn>,
    price_tolerance: f64,
    volume_tolerance: f64,
) -> PyResult<(Vec<i64>, Vec<i64>, Vec<DifferenceOut>, Vec<i64>, Vec<i64>)> {
    let (long, short) = (parsed_timeframe(py, timeframe)?, parsed_timeframe(py, finer_timeframe)?);
    if long.us() <= short.us() || long.us() % short.us() != 0 {
        return Err(bad_request(py, format!("candles of {long} are not made of whole candles of {short}")));
    }
    let (mut coarse, fine) = (series(long, candles), series(short, finer));
    let cut = cut_intervals(long, &fine);
    coarse.bars.retain(|bar| !cut.contains(&bar.start));
    let (have, mut covered) = coverage(&coarse, &fine);
    covered.retain(|start| !cut.contains(start));
    let tolerance = Tolerance { price: price_tolerance, volume: volume_tolerance };
    let differences = shown(differences_from_finer(&coarse, &fine, &tolerance));
    let only = |one: &std::collections::BTreeSet<i64>, other| one.difference(other).copied().collect();
    let compared = have.intersection(&covered).copied().collect();
    Ok((compared, cut.into_iter().collect(), differences, only(&covered, &have), only(&have, &covered)))
}

/// Candles compared with a reference's. Returns the starts of the intervals that were compared, the differences of prices, those
/// of volumes and counts, the intervals in which only the candles have trades, and those in which only the reference has.
/// `times_us`: start and end of the compared range, and the time after which a reference's candle may still change; µs since the
/// Unix epoch, UTC. Tolerances are relative.
#[pyfunction]
#[allow(clippy::type_complexity, reason = "a tuple is what Python unpacks")]
fn check_reference(
    py: Python<'_>,
    timeframe: &str,
    candles: Vec<CandleIn>,
    reference: Vec<CandleIn>,
    times_us: (i64, i64, i64),
    price_tolerance: f64,
    volume_tolerance: f64,
) -> PyResult<(Vec<i64>, Vec<DifferenceOut>, Vec<DifferenceOut>, Vec<i64>, Vec<i64>)> {
    let timeframe = parsed_timeframe(py, timeframe)?;
    let (ours, theirs) = (series(timeframe, candles), series(timeframe, reference));
    let (from_us, to_us, settled_us) = times_us;
    let span = Span { from_us, to_us, settled_us };
    let prices = reference_differences(&ours, &theirs, span, &Field::PRICES, price_tolerance);
    let volumes = reference_differences(&ours, &theirs, span, &VOLUMES, volume_tolerance);
    let (own, other) = traded(&ours, &theirs, span);
    let only = |one: &std::collections::BTreeSet<i64>, other| one.difference(other).copied().collect();
    Ok((
        compared(&ours, &theirs, span),
        shown(prices),
        shown(volumes),
        only(&own, &other),
        only(&other, &own),
    ))
}

/// Times that should come every `interval_us`. Returns repeated times, times out of order (index, time, the one before), intervals
/// that differ by more than the tolerance (time at the end, length), those longer than 1.5 times the expected, and all intervals.
#[pyfunction]
#[allow(clippy::type_complexity, reason = "a tuple is what Python unpacks")]
fn regularity(
    times: Vec<i64>,
    interval_us: i64,
    tolerance_us: i64,
) -> (Vec<i64>, Vec<(usize, i64, i64)>, Vec<(i64, i64)>, Vec<(i64, i64)>, Vec<i64>) {
    let found = check::regular::regularity(&times, interval_us, tolerance_us);
    (found.duplicates, found.out_of_order, found.uneven, found.gaps, found.intervals)
}
