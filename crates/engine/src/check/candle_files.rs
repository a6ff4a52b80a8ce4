//! The check of a user's files of candles: two timeframes of one instrument, and their trades if given.

use std::path::{Path, PathBuf};

use mtdh_core::candle::{Fill, Timeframe};
use mtdh_core::check::Severity;
use mtdh_core::check::bars::{Candles, Series};
use mtdh_core::key::InstrumentKey;
use mtdh_core::time_unit::TimeUnit;
use mtdh_lake::LakeError;
use mtdh_lake::parquet_file::ParquetFile;
use mtdh_lake::read::open_file;
use tokio_util::sync::CancellationToken;

use super::candles::outdated;
use super::series::bars;
use super::{CheckPlan, CheckReport};
use crate::candles::ticks;
use crate::error::{EngineError, FileError};
use crate::runs::phase;

/// A file of candles.
pub(crate) struct CandleFile {
    pub series: Series,
    /// Its instrument; `None`: the file does not name it.
    pub key: Option<InstrumentKey>,
}

/// Compares a file of finer candles with one of coarser candles, and both with trades.
///
/// # Errors
/// When a file cannot be read, its timeframe is not known, or the two cannot be compared.
pub async fn check_candle_files(
    base: &Path,
    aggregated: &Path,
    trades: &[PathBuf],
    plan: &CheckPlan,
    time_unit: Option<TimeUnit>,
    stop: &CancellationToken,
) -> Result<CheckReport, EngineError> {
    let phase = phase::begin("checking candles", "file", 2);
    let fine = open(base, None, time_unit).await?;
    phase.done();
    let coarse = open(aggregated, None, time_unit).await?;
    phase.done();
    let (short, long) = (fine.series.timeframe, coarse.series.timeframe);
    if long.us() <= short.us() || long.us() % short.us() != 0 {
        let reason = format!(
            "its candles of {long} are not made of whole candles of {short}, as those of {} are",
            base.display()
        );
        return Err(wrong(aggregated, reason));
    }
    let key = match (&fine.key, &coarse.key) {
        (Some(a), Some(b)) if a != b => {
            return Err(wrong(aggregated, format!("it is of {b}, and {} of {a}", base.display())));
        }
        (a, b) => a.clone().or(b.clone()),
    };
    let mut report = CheckReport { files: 2 + trades.len(), ..CheckReport::default() };
    for (file, side) in [(base, &fine), (aggregated, &coarse)] {
        report.rows += side.series.bars.len() as u64;
        report.judge(plan, key.as_ref(), None, &Candles::Alone(&side.series));
        if side.series.bars.is_empty() {
            let text = format!("{} has no candle: nothing was compared", file.display());
            report.tell("finer_coverage", Severity::Error, key.as_ref(), None, text);
        }
    }
    report.judge(plan, key.as_ref(), None, &Candles::Finer(&coarse.series, &fine.series));
    if !trades.is_empty() {
        let (of_trades, made) = ticks::of_files(trades, &[short, long], time_unit, stop)?;
        if let (Some(theirs), Some(ours)) = (of_trades, &key)
            && theirs != ours.to_string()
        {
            return Err(wrong(&trades[0], format!("its trades are of {theirs}, the candles of {ours}")));
        }
        for side in [&fine, &coarse] {
            if let Some(ticks) = made.get(&side.series.timeframe) {
                report.judge(plan, key.as_ref(), None, &Candles::Ticks(&side.series, ticks));
            }
        }
    }
    report.sort();
    Ok(report)
}

pub(super) fn wrong(file: &Path, reason: String) -> EngineError {
    FileError::Wrong(reason).of(file)
}

/// Reads a file of candles. The timeframe comes from the footer, else from the name (`1m.parquet`), else from the caller.
pub(crate) async fn open(
    path: &Path,
    told: Option<Timeframe>,
    time_unit: Option<TimeUnit>,
) -> Result<CandleFile, EngineError> {
    let unreadable = |error| FileError::Lake(error).of(path);
    let (lake, entry) = open_file(path).await.map_err(unreadable)?;
    let (pairs, _) = lake.pairs(&entry).await.map_err(unreadable)?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let timeframe = match pairs.get("mtdh.timeframe") {
        Some(text) => text.parse::<Timeframe>().map_err(|error| wrong(path, error.to_string()))?,
        None => stem.parse().ok().or(told).ok_or_else(|| {
            let reason =
                "neither its footer nor its name tells the timeframe; name it as 1m.parquet or 4h.parquet";
            wrong(path, reason.to_owned())
        })?,
    };
    if let Some(told) = told.filter(|told| *told != timeframe) {
        return Err(wrong(path, format!("its candles are of {timeframe}, not {told}")));
    }
    let version = pairs.get("mtdh.candle_version").and_then(|text| text.parse().ok());
    if let Some(reason) = version.and_then(outdated) {
        return Err(wrong(path, reason));
    }
    let fill = pairs
        .get("mtdh.fill")
        .and_then(|text| [Fill::None, Fill::Flat].into_iter().find(|f| f.name() == text));
    let file = ParquetFile::open(path).map_err(unreadable)?;
    let mut series = Series { timeframe, fill, bars: Vec::new() };
    let mut names: Vec<&str> = vec!["timestamp", "is_final"];
    names.extend(mtdh_core::check::bars::Field::ALL.map(|field| field.name()));
    let mut reason = None;
    file.read(0..file.row_groups(), &names, |batch| {
        match bars(&batch, time_unit) {
            Ok(bars) => series.bars.extend(bars),
            Err(why) => reason = Some(why),
        }
        Ok::<(), LakeError>(())
    })
    .map_err(unreadable)?;
    if let Some(reason) = reason {
        return Err(FileError::Columns(reason).of(path));
    }
    if file.schema().column_with_name("is_final").is_none() {
        edges(&mut series);
    }
    let key = pairs.get("mtdh.instrument_key").cloned().or(Some(stem));
    Ok(CandleFile { series, key: key.and_then(|key| key.parse().ok()) })
}

/// In a table that does not mark final candles, the first and the last may be incomplete.
fn edges(series: &mut Series) {
    let (first, last) =
        (series.bars.iter().map(|b| b.start).min(), series.bars.iter().map(|b| b.start).max());
    for bar in &mut series.bars {
        bar.is_final = Some(bar.start) != first && Some(bar.start) != last;
    }
}
