//! Checks of a user's files, without a lake: Parquet, or CSV as the vendor writes it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, TimestampMicrosecondType};
use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::Schema;
use arrow_select::filter::filter_record_batch;
use futures::{StreamExt, TryStreamExt};
use mtdh_core::check::{Detection, Finding, Group, find};
use mtdh_core::error::chain;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::Status;
use mtdh_core::table::INSTRUMENT_KEY;
use mtdh_core::time_unit::TimeUnit;
use mtdh_core::{DataType, Day};
use mtdh_lake::LakeError;
use mtdh_lake::parquet_file::ParquetFile;
use mtdh_lake::read::{Batches, open_file};
use mtdh_source::tardis::vendor_file::VendorFile;
use tokio_util::sync::CancellationToken;

use super::{CheckPlan, CheckReport};
use crate::check::instrument_day::{DayInput, Part, check_instrument_day};
use crate::download::error::ConvertError;
use crate::error::{EngineError, FileError};
use crate::files::convert::{VendorRows, data_type_of, of_name, read_vendor_file};
use crate::files::user_columns::{ColumnsError, UserColumns};
use crate::runs::phase::{self, Phase};

/// Batches of a CSV file that are decoded ahead of the checks.
const BATCHES_AHEAD: usize = 4;

/// What the caller knows about files that do not say it themselves.
#[derive(Clone, Debug, Default)]
pub struct FileHints {
    /// The instrument, if a file does not name it, or the chosen one of several.
    pub key: Option<InstrumentKey>,
    /// The data type, if footer, columns and name do not determine it.
    pub data_type: Option<DataType>,
    /// The unit of times that are bare numbers.
    pub time_unit: Option<TimeUnit>,
}

/// An open file.
struct Opened {
    path: PathBuf,
    rows: Batches,
    data_type: DataType,
    /// The day of the footer or the name.
    day: Option<Day>,
    /// The day of the first row.
    first_day: Option<Day>,
    key: Option<InstrumentKey>,
}

/// Checks files. Those of one instrument and day are checked together, so that books can be rebuilt from changes.
/// Completeness cannot be checked for files.
///
/// # Errors
/// When a file cannot be read, has no known data type, or holds several instruments and none was chosen.
pub async fn check_files(
    files: &[PathBuf],
    hints: &FileHints,
    plan: &CheckPlan,
    stop: &CancellationToken,
) -> Result<CheckReport, EngineError> {
    let mut report = CheckReport { files: files.len(), ..CheckReport::default() };
    let mut subjects: BTreeMap<(Option<InstrumentKey>, Option<Day>), Vec<Opened>> = BTreeMap::new();
    let phase = phase::begin("checking", "file", files.len());
    for file in files {
        // One that is not there is refused where it is opened.
        let bytes = file.metadata().map_or(0, |metadata| metadata.len());
        // A CSV file is read twice.
        phase.weigh(if is_csv(file) { 2 * bytes } else { bytes });
    }
    for file in files {
        let opened = open(file, hints, plan, stop, &phase, &mut report).await?;
        // A file without a day is grouped with those of the day of its first row.
        let day = opened.day.or(opened.first_day);
        subjects.entry((opened.key.clone(), day)).or_default().push(opened);
    }
    for ((key, _), mut files) in subjects {
        let day = files.iter().find_map(|file| file.day);
        if stop.is_cancelled() {
            report.is_interrupted = true;
            break;
        }
        let mut partitions: Vec<Part> = Vec::new();
        for file in &mut files {
            if partitions.iter().any(|part| part.data_type == file.data_type) {
                return Err(FileError::SecondOfType(file.data_type).of(&file.path));
            }
            let rows = std::mem::replace(&mut file.rows, futures::stream::empty().boxed());
            partitions.push(Part { data_type: file.data_type, status: Status::Stored, rows: Some(rows) });
        }
        let life_us = i64::MIN..i64::MAX;
        let (expiry_us, tick_size, before, recorded) = (None, None, None, Vec::new());
        let subject = DayInput { key, day, life_us, expiry_us, tick_size, before, recorded, partitions };
        report.gather(check_instrument_day(plan, subject).await?);
    }
    report.sort();
    Ok(report)
}

async fn open(
    file: &Path,
    hints: &FileHints,
    plan: &CheckPlan,
    stop: &CancellationToken,
    phase: &Phase,
    report: &mut CheckReport,
) -> Result<Opened, EngineError> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let named =
        VendorFile::from_official_name(&name).or_else(|| VendorFile::from_path(&file.to_string_lossy()));
    let unreadable = |error| FileError::Lake(error).of(file);
    let mut part = None;
    let (pairs, data_type, mut rows) = if is_csv(file) {
        let (data_type, read, rows) = open_csv(file, hints.data_type, stop, phase).await?;
        if plan.has(Group::Completeness) {
            report.findings.extend(rejected(&read.rejected));
            *report.looked_at.entry("rejected_rows").or_default() += u64::from(read.rows_in > 0);
        }
        (BTreeMap::new(), data_type, rows)
    } else {
        let (lake, entry) = open_file(file).await.map_err(unreadable)?;
        let (pairs, schema) = lake.pairs(&entry).await.map_err(unreadable)?;
        part = Some((phase.part(0, entry.bytes), lake.rows_by_footer(&entry).await.map_err(unreadable)?));
        let told = pairs.get("mtdh.data_type").and_then(|name| name.parse().ok());
        let is_ours = told.is_some() && hints.data_type.is_none_or(|given| Some(given) == told);
        let data_type = match hints.data_type.or(told) {
            Some(data_type) => data_type,
            None => by_columns(&schema, &name).map_err(|error| error.of(file))?,
        };
        let columns = UserColumns::of(&schema, data_type, hints.time_unit, |_| true);
        let rows = match columns {
            Ok(columns) if !columns.is_plain() && !is_ours => {
                report.notes.extend(columns.notes.iter().map(|note| format!("{}: {note}", file.display())));
                open_foreign(file, columns).await.map_err(|error| error.of(file))?
            }
            // What is wrong with the columns of one of our own files is a finding.
            Err(error) if !is_ours => return Err(FileError::Columns(error).of(file)),
            _ => lake.batches(&entry, i64::MIN..i64::MAX, &Default::default()).await.map_err(unreadable)?,
        };
        (pairs, data_type, rows)
    };
    let of_footer = pairs.get("mtdh.day").and_then(|day| day.parse().ok());
    let first = rows.try_next().await.map_err(unreadable)?;
    let first_day = first.as_ref().and_then(first_arrival).and_then(Day::containing_us);
    let told = told_key(&pairs, file);
    let choice = match (&hints.key, &told) {
        (Some(_), _) => Choice::Named,
        (None, Some(_)) => Choice::All,
        (None, None) => Choice::One,
    };
    let key = hints.key.clone().or(told).or_else(|| first.as_ref().and_then(first_key));
    let only = (key.clone(), choice, file.display().to_string());
    let all = futures::stream::iter(first.map(Ok)).chain(rows);
    let (file_done, mut seen) = (phase.item(), 0);
    let of_batch = move |batch: Result<RecordBatch, LakeError>| {
        let (_file_done, batch) = (&file_done, batch?);
        seen += batch.num_rows() as u64;
        if let Some((part, rows)) = &mut part {
            part.reached(seen as f64 / (*rows).max(1) as f64);
        }
        of_one(batch, &only)
    };
    let rows = all.map(of_batch).boxed();
    Ok(Opened {
        path: file.to_owned(),
        rows,
        data_type,
        first_day,
        day: of_footer.or(named.map(|f| f.day)),
        key,
    })
}

/// Whether a file is a CSV file as the vendor writes it, by its name.
fn is_csv(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "csv" || ending == "gz")
}

/// A user's CSV file as the vendor writes it, and its rows as a stream. It is read twice: whether it is refused is known only at its
/// end, and nothing may be said of a file that is.
async fn open_csv(
    file: &Path,
    data_type: Option<DataType>,
    stop: &CancellationToken,
    phase: &Phase,
) -> Result<(DataType, VendorRows, Batches), EngineError> {
    let (path, ending, heard) = (file.to_owned(), stop.clone(), phase.clone());
    let scan = tokio::task::spawn_blocking(move || {
        let data_type = data_type.map_or_else(|| data_type_of(&path), Ok)?;
        let read = read_vendor_file(&path, data_type, &ending, &heard, |_| Ok(()))?;
        Ok::<_, ConvertError>((data_type, read))
    });
    let scan = scan.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
    let failed = |source| EngineError::Convert { file: file.display().to_string(), source };
    let (data_type, read) = scan.map_err(failed)?;
    let (sender, receiver) = tokio::sync::mpsc::channel(BATCHES_AHEAD);
    let (path, ending, heard) = (file.to_owned(), stop.clone(), phase.clone());
    tokio::task::spawn_blocking(move || {
        let send = |batch| sender.blocking_send(Ok(batch)).map_err(|_| ConvertError::Interrupted);
        if let Err(error) = read_vendor_file(&path, data_type, &ending, &heard, send) {
            let reason = format!("it was changed while it was read: {}", chain(&error));
            // Nobody reads any more: then the error is of no interest either.
            let _unread =
                sender.blocking_send(Err(LakeError::WrongTable { path: path.display().to_string(), reason }));
        }
    });
    Ok((data_type, read, received(receiver)))
}

/// The instrument in a partition's footer, or in a name of the lake's form.
fn told_key(pairs: &BTreeMap<String, String>, file: &Path) -> Option<InstrumentKey> {
    let of_footer = pairs.get("mtdh.instrument_key").and_then(|key| key.parse().ok());
    of_footer.or_else(|| file.file_stem()?.to_str()?.parse().ok())
}

/// Which rows of a file to check.
#[derive(Clone, Copy, PartialEq)]
enum Choice {
    /// Those of the instrument that the user named.
    Named,
    /// All: footer or name claim one instrument, and a check finds rows that contradict it.
    All,
    /// All, which must be of one instrument.
    One,
}

/// Other people's Parquet, as a stream of rows with the lake's columns. What is wrong with the first rows is told at once.
async fn open_foreign(file: &Path, columns: UserColumns) -> Result<Batches, FileError> {
    let parquet = ParquetFile::open(file).map_err(FileError::Lake)?;
    let (sender, mut receiver) = tokio::sync::mpsc::channel(BATCHES_AHEAD);
    tokio::task::spawn_blocking(move || {
        let mut names = columns.names();
        names.push(INSTRUMENT_KEY);
        let mut is_read = true;
        let read = parquet.read(0..parquet.row_groups(), &names, |batch| {
            if is_read {
                // Nobody reads any more: the rest is of no interest.
                is_read = sender.blocking_send(Ok(columns.rows(batch).map_err(Unread::Columns)?)).is_ok();
            }
            Ok::<(), Unread>(())
        });
        if let Err(error) = read {
            let _unread = sender.blocking_send(Err(error));
        }
    });
    let first = match receiver.recv().await {
        None => None,
        Some(Ok(batch)) => Some(Ok(batch)),
        Some(Err(Unread::Columns(error))) => return Err(FileError::Columns(error)),
        Some(Err(Unread::Lake(error))) => return Err(FileError::Lake(error)),
    };
    let path = file.display().to_string();
    let rest = received(receiver).map_err(move |error| match error {
        Unread::Columns(error) => LakeError::WrongTable { path: path.clone(), reason: error.to_string() },
        Unread::Lake(error) => error,
    });
    Ok(futures::stream::iter(first).chain(rest).boxed())
}

/// Why the rows of other people's Parquet end early.
enum Unread {
    Columns(ColumnsError),
    Lake(LakeError),
}

impl From<LakeError> for Unread {
    fn from(error: LakeError) -> Unread {
        Unread::Lake(error)
    }
}

fn received<E: Send + 'static>(
    receiver: tokio::sync::mpsc::Receiver<Result<RecordBatch, E>>,
) -> futures::stream::BoxStream<'static, Result<RecordBatch, E>> {
    let next = |mut receiver: tokio::sync::mpsc::Receiver<_>| async move {
        Some((receiver.recv().await?, receiver))
    };
    futures::stream::unfold(receiver, next).boxed()
}

/// The data type that a file's columns match. Trades and liquidations have the same columns, as do quotes and book_ticker:
/// there the file's name decides.
fn by_columns(schema: &Schema, name: &str) -> Result<DataType, FileError> {
    let fitting = UserColumns::fitting(schema);
    match of_name(&fitting, name) {
        Some(data_type) => Ok(data_type),
        None if fitting.is_empty() => Err(FileError::Columns(UserColumns::unfitting(schema))),
        None => Err(FileError::SeveralTypes(fitting)),
    }
}

/// The key of each row; `None`: the column is missing or of another type.
fn key_of<'a>(batch: &'a RecordBatch) -> Option<impl Fn(usize) -> Option<&'a str>> {
    let column = batch.column_by_name(INSTRUMENT_KEY)?.as_dictionary_opt::<Int32Type>()?;
    let words = column.values().as_string_opt::<i32>()?;
    Some(move |row| column.key(row).map(|key| words.value(key)))
}

fn first_arrival(batch: &RecordBatch) -> Option<i64> {
    let arrival = batch.column_by_name("local_timestamp")?.as_primitive_opt::<TimestampMicrosecondType>()?;
    arrival.values().first().copied()
}

fn first_key(batch: &RecordBatch) -> Option<InstrumentKey> {
    key_of(batch)?(0)?.parse().ok()
}

/// The rows of the chosen instrument; without a choice all rows must be of one instrument.
fn of_one(
    batch: RecordBatch,
    (key, choice, file): &(Option<InstrumentKey>, Choice, String),
) -> Result<RecordBatch, LakeError> {
    if *choice == Choice::All {
        return Ok(batch);
    }
    let (Some(key), Some(of_row)) = (key, key_of(&batch)) else { return Ok(batch.clone()) };
    let wanted = key.to_string();
    let is_wanted: BooleanArray =
        (0..batch.num_rows()).map(|row| Some(of_row(row) == Some(&wanted))).collect();
    if is_wanted.true_count() == batch.num_rows() {
        return Ok(batch.clone());
    }
    let table = |reason: String| LakeError::WrongTable { path: file.clone(), reason };
    if *choice == Choice::One {
        return Err(table("it holds several instruments, and none was chosen".to_owned()));
    }
    filter_record_batch(&batch, &is_wanted).map_err(|error| table(error.to_string()))
}

fn rejected(rejects: &[String]) -> Option<Finding> {
    let check = find("rejected_rows").filter(|_| !rejects.is_empty())?;
    let examples = rejects.iter().take(mtdh_core::check::finding::EXAMPLES).cloned().collect();
    let found = Detection { count: rejects.len() as u64, examples, ..Detection::default() };
    Some(Finding::of(check, None, None, None, found))
}
