//! Candles of a user's own Parquet files of trades, without a lake.

use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread::ScopedJoinHandle;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, RecordBatch};
use mtdh_core::DataType;
use mtdh_core::candle::{
    CANDLE_VERSION, CandleBuilder, CandleFooter, Fill, Repeats, Timeframe, Unfinished, Units, Valuation,
};
use mtdh_core::key::InstrumentKey;
use mtdh_core::table::INSTRUMENT_KEY;
use mtdh_core::time_unit::TimeUnit;
use mtdh_lake::LakeError;
use mtdh_lake::candles::CandleWriter;
use mtdh_lake::parquet_file::ParquetFile;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::CandleError;
use super::feed::columns;
use super::resent::TradeRows;
use crate::error::EngineError;
use crate::export::shown;
use crate::files::unfinished::Unfinished as Output;
use crate::files::user_columns::{ColumnsError, UserColumns};

/// A file of candles that was written.
#[derive(Clone, Debug, Serialize)]
pub struct FileReport {
    /// The file.
    #[serde(serialize_with = "shown")]
    pub output: PathBuf,
    /// Its timeframe.
    pub timeframe: String,
    /// Its instrument.
    pub instrument_key: String,
    /// Number of candles.
    pub candles: u64,
    /// Number of trades that they are made of.
    pub trades: u64,
    /// Number of trades that were sent again and count once.
    pub repeated_trades: u64,
    /// How the columns of the inputs were read, where that is not as in the lake.
    pub notes: Vec<String>,
}

/// Makes the candles of trades in Parquet files, in the order of the files: one file `{timeframe}.parquet` in `folder` for
/// each timeframe. The first and the last candle of each are not final.
///
/// # Errors
/// When a file cannot be read or has rows of several instruments, or the output cannot be written; then no output file is
/// left.
pub fn candle_files(
    inputs: &[PathBuf],
    timeframes: &[Timeframe],
    fill: Fill,
    folder: &Path,
    time_unit: Option<TimeUnit>,
    stop: &CancellationToken,
) -> Result<Vec<FileReport>, EngineError> {
    let names: Vec<String> = inputs.iter().map(|path| path.display().to_string()).collect();
    let failed = |source| EngineError::Candles { of: names.join(", "), source };
    make(inputs, (timeframes, fill), folder, time_unit, stop).map_err(failed)
}

fn make(
    inputs: &[PathBuf],
    (timeframes, fill): (&[Timeframe], Fill),
    folder: &Path,
    time_unit: Option<TimeUnit>,
    stop: &CancellationToken,
) -> Result<Vec<FileReport>, CandleError> {
    let files = inputs.iter().map(|path| ParquetFile::open(path)).collect::<Result<Vec<_>, LakeError>>()?;
    let notes = notes(&files, time_unit)?;
    let Part { key, builder, left_out, .. } = read(&files, (timeframes, fill), time_unit, stop)?;
    // Files without a row may have the key in their name.
    let key = key.or_else(|| files.first().and_then(name_of));
    let key: InstrumentKey = key.and_then(|key| key.parse().ok()).ok_or(CandleError::Unnamed)?;
    let units = Units::of(&key, None);
    std::fs::create_dir_all(folder).map_err(CandleError::Output)?;
    let describe = |file: &ParquetFile| {
        let name = file.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        format!("{name} bytes={} rows={}", file.bytes(), file.rows())
    };
    let inputs: Vec<String> = files.iter().map(describe).collect();
    let trades = files.iter().map(ParquetFile::rows).sum::<u64>() - left_out;
    // The time before the first row and after the last is not known.
    let complete = builder.pending().map_or(0..0, |rows| rows.start + 1..rows.end - 1);
    let write = |left: Unfinished| {
        let timeframe = left.timeframe();
        let output = folder.join(format!("{timeframe}.parquet"));
        let out = Output::new(&output).map_err(CandleError::Output)?;
        let mut writer = CandleWriter::new(&key, timeframe, out).map_err(CandleError::Write)?;
        let mut outcome = Ok(());
        left.finish(|candle| {
            if outcome.is_ok() {
                outcome = writer.push(candle);
            }
        });
        outcome.map_err(CandleError::Write)?;
        let facts = CandleFooter {
            key: key.clone(),
            day: None,
            timeframe,
            fill,
            inputs: inputs.clone(),
            units: units.clone(),
            rows: writer.rows(),
            version: CANDLE_VERSION,
        };
        let out = writer.finish(&facts).map_err(CandleError::Write)?.out;
        Ok((output, out, facts))
    };
    // All files are complete before the first gets its name.
    let finished = side_by_side(builder.finish_apart(complete), write)?;
    let mut reports = Vec::new();
    for (output, out, facts) in finished {
        out.publish().map_err(CandleError::Output)?;
        let (timeframe, instrument_key) = (facts.timeframe.to_string(), facts.key.to_string());
        let (candles, repeated_trades, notes) = (facts.rows, left_out, notes.clone());
        reports.push(FileReport {
            output,
            timeframe,
            instrument_key,
            candles,
            trades,
            repeated_trades,
            notes,
        });
    }
    Ok(reports)
}

/// Runs tasks on as many threads as there are processors; each thread takes the next task. Returns the results in order, or
/// the first error in that order.
fn side_by_side<T: Send, R: Send>(
    work: Vec<T>,
    run: impl Fn(T) -> Result<R, CandleError> + Sync,
) -> Result<Vec<R>, CandleError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(work.len());
    let waiting = Mutex::new(work.into_iter().enumerate());
    let lock = || waiting.lock().unwrap_or_else(PoisonError::into_inner);
    let next = || lock().next();
    let work_on = || {
        let mut done = Vec::new();
        while let Some((number, work)) = next() {
            let result = run(work);
            if result.is_err() {
                lock().by_ref().for_each(drop);
            }
            done.push((number, result));
        }
        done
    };
    let mut done: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work_on)).collect();
        let join = |thread: ScopedJoinHandle<'_, _>| thread.join().unwrap_or_else(|p| resume_unwind(p));
        threads.into_iter().flat_map(join).collect()
    });
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

/// The trades of some rows: a row group, or all of them.
struct Part {
    /// The instrument, if the rows name it.
    key: Option<String>,
    builder: CandleBuilder,
    repeats: Repeats,
    /// Trades that were sent again.
    left_out: u64,
}

impl Part {
    /// Reads a row group. What `repeats` knows is left out.
    fn read(
        place: (&ParquetFile, usize),
        time_unit: Option<TimeUnit>,
        mut builder: CandleBuilder,
        mut repeats: Repeats,
        stop: &CancellationToken,
    ) -> Result<Part, CandleError> {
        let (mut key, mut left_out) = (None, 0);
        read_rows(place, time_unit, &mut key, stop, |batch| {
            let trades = TradeRows::of(batch, &mut repeats)?;
            left_out += trades.left_out();
            trades.feed(&mut builder)
        })?;
        Ok(Part { key, builder, repeats, left_out })
    }
}

/// Reads all rows, row groups in parallel. A row group with a trade of an earlier one is read again after it: that is rare.
fn read(
    files: &[ParquetFile],
    (timeframes, fill): (&[Timeframe], Fill),
    time_unit: Option<TimeUnit>,
    stop: &CancellationToken,
) -> Result<Part, CandleError> {
    let groups: Vec<(&ParquetFile, usize)> =
        files.iter().flat_map(|file| (0..file.row_groups()).map(move |group| (file, group))).collect();
    let builder = |key: Option<&String>| {
        let mut builder = CandleBuilder::new(timeframes, fill);
        let key = key.and_then(|key| key.parse::<InstrumentKey>().ok());
        if let Some(valuation) = key.and_then(|key| Valuation::of(&key, None).ok()) {
            builder.value(valuation);
        }
        builder
    };
    let mut first_key = None;
    if let Some((file, group)) = groups.first() {
        first_key = file.only_word(*group, INSTRUMENT_KEY).or_else(|| name_of(file));
    }
    let read = |place| Part::read(place, time_unit, builder(first_key.as_ref()), Repeats::default(), stop);
    let parts = side_by_side(groups.clone(), read)?;
    let (key, repeats) = (None, Repeats::default());
    let mut whole = Part { key, builder: builder(first_key.as_ref()), repeats, left_out: 0 };
    for (mut part, place) in parts.into_iter().zip(groups) {
        if whole.repeats.overlaps(&part.repeats) {
            let known = std::mem::take(&mut whole.repeats);
            part = Part::read(place, time_unit, builder(first_key.as_ref()), known, stop)?;
        }
        same(&mut whole.key, part.key)?;
        whole.builder.absorb(part.builder);
        whole.repeats.absorb(part.repeats);
        whole.left_out += part.left_out;
    }
    Ok(whole)
}

/// Passes the trades of a row group to the builder; they must be of the known instrument.
pub(super) fn read_rows(
    (file, group): (&ParquetFile, usize),
    time_unit: Option<TimeUnit>,
    key: &mut Option<String>,
    stop: &CancellationToken,
    mut take: impl FnMut(&RecordBatch) -> Result<(), CandleError>,
) -> Result<(), CandleError> {
    let columns = user_columns(file, time_unit)?;
    let mut names = columns.names();
    let only = file.only_word(group, INSTRUMENT_KEY);
    match &only {
        Some(name) => same(key, Some(name.clone()))?,
        None => names.push(INSTRUMENT_KEY),
    }
    file.read(group..group + 1, &names, |batch| {
        if stop.is_cancelled() {
            return Err(CandleError::Interrupted);
        }
        if only.is_none() {
            for name in keys_of(file, &batch)? {
                same(key, Some(name))?;
            }
        }
        take(&columns.rows(batch).map_err(|reason| unreadable(file, reason))?)
    })
}

/// The columns of a file that candles are made of.
fn user_columns(file: &ParquetFile, time_unit: Option<TimeUnit>) -> Result<UserColumns, CandleError> {
    let wanted = columns(DataType::Trades);
    let columns =
        UserColumns::of(file.schema(), DataType::Trades, time_unit, |name| wanted.iter().any(|w| w == name));
    columns.map_err(|reason| unreadable(file, reason))
}

fn unreadable(file: &ParquetFile, reason: ColumnsError) -> CandleError {
    CandleError::Columns { file: file.path().display().to_string(), reason }
}

/// How the columns of the files are read, where that is not as in the lake.
fn notes(files: &[ParquetFile], time_unit: Option<TimeUnit>) -> Result<Vec<String>, CandleError> {
    let mut notes = Vec::new();
    for file in files {
        let of_file = user_columns(file, time_unit)?.notes;
        notes.extend(of_file.into_iter().map(|note| format!("{}: {note}", file.path().display())));
    }
    Ok(notes)
}

pub(super) fn same(known: &mut Option<String>, new: Option<String>) -> Result<(), CandleError> {
    match (&*known, new) {
        (Some(known), Some(new)) if *known != new => Err(CandleError::SeveralInstruments(known.clone(), new)),
        (None, new) => {
            *known = new;
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The instruments of a batch's rows.
fn keys_of(file: &ParquetFile, batch: &RecordBatch) -> Result<Vec<String>, CandleError> {
    let Some(column) = batch.column_by_name(INSTRUMENT_KEY) else {
        return Ok(vec![name_of(file).ok_or(CandleError::Unnamed)?]);
    };
    let mut names: Vec<String> = match column.as_dictionary_opt::<Int32Type>() {
        Some(words) => match words.values().as_string_opt::<i32>() {
            Some(values) if values.len() == 1 => vec![values.value(0).to_owned()],
            Some(values) => {
                words.keys().iter().flatten().map(|key| values.value(key as usize).to_owned()).collect()
            }
            None => Vec::new(),
        },
        None => match column.as_string_opt::<i32>() {
            Some(words) => words.iter().flatten().map(str::to_owned).collect(),
            None => Vec::new(),
        },
    };
    names.sort();
    names.dedup();
    if names.is_empty() && batch.num_rows() > 0 {
        let reason = format!("is {}, not strings", column.data_type());
        return Err(CandleError::Column { name: INSTRUMENT_KEY.to_owned(), reason });
    }
    Ok(names)
}

/// The key in a file's name, in the lake's form.
fn name_of(file: &ParquetFile) -> Option<String> {
    let stem = file.path().file_stem()?.to_str()?;
    stem.parse::<InstrumentKey>().ok().map(|key| key.to_string())
}
