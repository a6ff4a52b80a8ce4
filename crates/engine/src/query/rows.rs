//! The rows of chosen objects, decoded on several threads and handed out in order.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{ArrayRef, RecordBatch, new_null_array};
use arrow_schema::{DataType as ArrowType, Field, Schema, SchemaRef, TimeUnit};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt};
use mtdh_core::Day;
use mtdh_core::candle::value::Valuation;
use mtdh_core::clock::Clock;
use mtdh_core::key::InstrumentKey;
use mtdh_lake::read::{Batches, ReadCost, Texts, Wanted};
use mtdh_lake::{Entry, Lake, LakeError};
use tokio::sync::{Semaphore, mpsc};

use super::choose::ChosenObject;
use super::exchange::{self, rows_of_window};
use super::request::with_views;
use super::{Form, ReadRequest, TickTable, worth};
use crate::error::EngineError;
use crate::runs::phase::{self, Phase};

/// Batches of rows, in order.
pub type RowStream = BoxStream<'static, Result<RecordBatch, EngineError>>;

/// How often an object is looked for anew that was replaced before it was opened.
const LOOKS: u32 = 4;

/// What amounts are worth, or why that is not known; `None`: nobody asks.
type Told = Option<Result<Valuation, &'static str>>;

/// What is read of each object.
#[derive(Clone)]
struct Reading {
    lake: Lake,
    clock: &'static str,
    within_us: Range<i64>,
    /// The columns to read, the clock included; `None`: all.
    columns: Option<Vec<String>>,
    /// The columns of the answer.
    schema: SchemaRef,
    form: Form,
    cost: Arc<ReadCost>,
    phase: Phase,
}

/// The rows of chosen objects. What reading them costs is added to `cost`.
///
/// # Errors
/// When the table has no column of the request. Errors of reading are in the stream, which ends with the first.
pub fn rows(
    lake: &Lake,
    request: &ReadRequest,
    objects: Vec<ChosenObject>,
    form: Form,
    cost: &Arc<ReadCost>,
) -> Result<RowStream, EngineError> {
    ordered(lake, request, objects, form, cost, Order::ByKey)
}

/// As [`rows`], with the rows of all instruments together in the order of the clock; those of one time come by key. About 64 MB of
/// rows are in memory, however many instruments there are. The rows of one instrument come as in [`rows`].
///
/// # Errors
/// As [`rows`].
pub fn rows_by_time(
    lake: &Lake,
    request: &ReadRequest,
    objects: Vec<ChosenObject>,
    form: Form,
    cost: &Arc<ReadCost>,
) -> Result<RowStream, EngineError> {
    let mut keys = objects.iter().map(|object| &object.key);
    let first = keys.next();
    let is_one = keys.all(|key| Some(key) == first);
    let order = if is_one { Order::ByKey } else { Order::ByTime };
    ordered(lake, request, objects, form, cost, order)
}

/// The order of the rows of several instruments.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// One after the other, day by day.
    ByKey,
    /// Together.
    ByTime,
}

fn ordered(
    lake: &Lake,
    request: &ReadRequest,
    objects: Vec<ChosenObject>,
    form: Form,
    cost: &Arc<ReadCost>,
    order: Order,
) -> Result<RowStream, EngineError> {
    let schema = request.schema()?;
    // Sorting makes texts anew.
    let is_stored = order == Order::ByKey && request.clock_of_rows() == Clock::Arrival;
    let form = Form { has_views: form.has_views && is_stored, ..form };
    let schema = if form.has_views { with_views(&schema) } else { schema };
    let clock = request.clock_column();
    let beside = if request.has_worth { &[clock, "timestamp", "price", "amount"][..] } else { &[clock] };
    let columns = request.columns.clone().map(|mut names| {
        for name in beside {
            if !names.iter().any(|other| other == name) {
                names.push((*name).to_owned());
            }
        }
        names
    });
    let within_us = request.within_us.clone();
    let cost = cost.clone();
    let phase = phase::outermost("reading rows", "object", objects.len());
    objects.iter().for_each(|object| phase.weigh(object.entry.bytes));
    let reading = Reading { lake: lake.clone(), clock, within_us, columns, schema, form, cost, phase };
    let batches = match (order, request.clock_of_rows()) {
        (Order::ByKey, Clock::Arrival) => as_stored(reading, objects),
        (Order::ByKey, Clock::Exchange) => by_exchange(reading, objects),
        (Order::ByTime, clock) => together(reading, objects, clock),
    };
    Ok(match request.limit {
        None => batches,
        Some(limit) => first(batches, limit).boxed(),
    })
}

/// Object after object, each in its order.
fn as_stored(reading: Reading, objects: Vec<ChosenObject>) -> RowStream {
    let form = reading.form;
    let is_one = objects.len() == 1;
    let opened = futures::stream::iter(objects).map(move |object| {
        let reading = reading.clone();
        async move { reading.row_groups(object).await }
    });
    // The footer of the next object is read while the rows of one are handed out.
    let groups = opened
        .buffered(2)
        .map_ok(move |groups| {
            let is_alone = is_one && groups.len() == 1;
            futures::stream::iter(groups)
                .map(move |group| Ok::<(RowStream, bool), EngineError>((group, is_alone)))
        })
        .try_flatten();
    // Handing the rows of a single row group to another thread takes longer than to decode a few.
    let decoded = groups.map_ok(move |(group, is_alone)| if is_alone { group } else { decode(group, form) });
    let decoded = decoded.map(futures::future::ready);
    decoded.buffered(form.ahead.max(1)).try_flatten().boxed()
}

/// Day after day, instrument after instrument, sorted by the exchange's clock. Objects of the days beside may have rows of a day.
fn by_exchange(reading: Reading, objects: Vec<ChosenObject>) -> RowStream {
    let mut of_key: BTreeMap<InstrumentKey, BTreeMap<Day, Vec<ChosenObject>>> = BTreeMap::new();
    for object in objects {
        of_key.entry(object.key.clone()).or_default().entry(object.day).or_default().push(object);
    }
    let mut parts: Vec<(Range<i64>, Vec<ChosenObject>)> = Vec::new();
    for (day, within) in exchange::parts(&reading.within_us) {
        for entries in of_key.values() {
            let beside = entries.range(day.previous()..=day.next()).flat_map(|(_, objects)| objects.clone());
            parts.push((within.clone(), beside.collect()));
        }
    }
    one_after_the_other(reading, parts)
}

/// Day after day, all instruments together. By arrival an object has the rows of its day; by the exchange's clock objects of the
/// days beside may have some.
fn together(reading: Reading, objects: Vec<ChosenObject>, clock: Clock) -> RowStream {
    let mut of_day: BTreeMap<Day, Vec<ChosenObject>> = BTreeMap::new();
    for object in objects {
        of_day.entry(object.day).or_default().push(object);
    }
    let parts = match clock {
        Clock::Arrival => of_day.into_values().map(|objects| (reading.within_us.clone(), objects)).collect(),
        Clock::Exchange => {
            let beside = |(day, within): (Day, Range<i64>)| {
                let days = of_day.range(day.previous()..=day.next());
                let mut objects: Vec<ChosenObject> = days.flat_map(|(_, objects)| objects.clone()).collect();
                // Stable: the objects of an instrument stay in order of their days.
                objects.sort_by(|a, b| a.key.cmp(&b.key));
                (within, objects)
            };
            exchange::parts(&reading.within_us).map(beside).collect()
        }
    };
    one_after_the_other(reading, parts)
}

/// Ranges of time, each with its objects, sorted one after the other.
fn one_after_the_other(reading: Reading, parts: Vec<(Range<i64>, Vec<ChosenObject>)>) -> RowStream {
    let ahead = reading.form.ahead.max(1);
    let sorted = move |(within, entries): (Range<i64>, Vec<ChosenObject>)| {
        futures::future::ready(Ok::<_, EngineError>(reading.clone().sorted(within, entries)))
    };
    futures::stream::iter(parts).map(sorted).buffered(ahead).try_flatten().boxed()
}

/// Decodes a row group on a thread of the runtime, ahead of its reader.
fn decode(mut group: RowStream, form: Form) -> RowStream {
    let (sender, receiver) = form.channel();
    tokio::spawn(async move {
        while let Some(batch) = group.next().await {
            // The reader is gone.
            if sender.send(batch).await.is_err() {
                return;
            }
        }
    });
    received(receiver).boxed()
}

/// What a channel brings.
fn received<T: Send + 'static>(receiver: mpsc::Receiver<T>) -> impl Stream<Item = T> + Send {
    futures::stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) })
}

impl Form {
    /// A channel for the batches of one task.
    fn channel<T>(self) -> (mpsc::Sender<T>, mpsc::Receiver<T>) {
        mpsc::channel(self.waiting.unwrap_or(Semaphore::MAX_PERMITS))
    }
}

impl Reading {
    async fn row_groups(&self, object: ChosenObject) -> Result<Vec<RowStream>, EngineError> {
        let ChosenObject { mut entry, valuation, .. } = object;
        let columns = self.columns.as_ref().map(|names| names.iter().map(String::as_str).collect::<Vec<_>>());
        let wanted = Wanted {
            columns: columns.as_deref(),
            batch_rows: self.form.batch_rows,
            texts: if self.form.has_views { Texts::Views } else { Texts::OfTable },
            ..Wanted::of(self.clock, self.within_us.clone())
        };
        for look in 1.. {
            match self.lake.row_groups(&entry, &wanted, &self.cost).await {
                Ok(groups) => {
                    // Its row groups are of about one size. Without any it is done at once.
                    let whole = Arc::new(self.phase.part(1, entry.bytes % groups.len().max(1) as u64));
                    let of_each = entry.bytes / groups.len().max(1) as u64;
                    let group = |group| {
                        let done = (whole.clone(), self.phase.part(0, of_each));
                        self.group(&entry, group, valuation.clone(), done)
                    };
                    return Ok(groups.into_iter().map(group).collect());
                }
                Err(error) if error.is_changed() && look < LOOKS && !self.form.is_pinned => {
                    // Replaced since it was chosen: what is there now is read.
                    entry = self.lake.entry(&entry.path).await?.ok_or(error)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Vec::new())
    }

    /// The rows of objects in a range, sorted on a thread of the runtime.
    fn sorted(self, within_us: Range<i64>, objects: Vec<ChosenObject>) -> RowStream {
        let (sender, receiver) = self.form.channel();
        let Reading { schema, lake, columns, cost, clock, phase, .. } = self;
        // The table of the rows' own day says what they are worth, else one beside it.
        let is_own = |object: &ChosenObject| {
            object.day.start_us() <= within_us.start && within_us.start < object.day.end_us()
        };
        let mut worth_of_key: BTreeMap<InstrumentKey, Told> = BTreeMap::new();
        for object in &objects {
            let worth = worth_of_key.entry(object.key.clone()).or_insert_with(|| object.valuation.clone());
            if is_own(object) {
                worth.clone_from(&object.valuation);
            }
        }
        let worths: Vec<Told> =
            objects.iter().map(|object| worth_of_key.get(&object.key).cloned().flatten()).collect();
        let span = span_of(&within_us, &objects);
        let entries: Vec<Entry> = objects.into_iter().map(|object| object.entry).collect();
        let mut part = phase.part(entries.len(), entries.iter().map(|entry| entry.bytes).sum());
        let most_rows = rows_of_window(schema.fields().len());
        let sorted_schema = with_clock(&schema, clock);
        tokio::spawn(async move {
            let names = columns.as_ref().map(|names| names.iter().map(String::as_str).collect::<Vec<_>>());
            let paths: Vec<String> = entries.iter().map(|entry| entry.path.to_string()).collect();
            let prepared = |place: usize, batch: RecordBatch| {
                let wrong = |reason| LakeError::WrongTable { path: paths[place].clone(), reason };
                fit(&worth::added(batch, worths[place].as_ref()), &sorted_schema).map_err(wrong)
            };
            let sorting = exchange::Sorting {
                lake: &lake,
                clock,
                entries: &entries,
                within_us,
                columns: names.as_deref(),
                most_rows,
                cost: &cost,
            };
            if let Err(error) = exchange::sorted(sorting, &prepared, &sender).await {
                // The reader may be gone.
                let _gone = sender.send(Err(error)).await;
            }
        });
        let fitted = move |batch: Result<RecordBatch, LakeError>| {
            let wrong = |reason| LakeError::WrongTable { path: "the objects of a day".to_owned(), reason };
            let batch = batch?;
            // Sorted by time: how far the time has come is how far the work has.
            if let Some((within, last)) = span.as_ref().zip(last_time(&batch, clock)) {
                part.reached((last - within.start) as f64 / (within.end - within.start) as f64);
            }
            Ok(fit(&batch, &schema).map_err(wrong)?)
        };
        received(receiver).map(fitted).boxed()
    }

    /// The rows of a row group; `done` is dropped with its last.
    fn group(
        &self,
        entry: &Entry,
        batches: Batches,
        valuation: Told,
        done: impl Send + 'static,
    ) -> RowStream {
        let (schema, path) = (self.schema.clone(), entry.path.clone());
        let fitted = move |batch: Result<RecordBatch, LakeError>| {
            let _done = &done;
            let wrong = |reason| LakeError::WrongTable { path: path.to_string(), reason };
            Ok(fit(&worth::added(batch?, valuation.as_ref()), &schema).map_err(wrong)?)
        };
        batches.map(fitted).boxed()
    }
}

/// A schema with the clock, which rows are sorted by.
fn with_clock(schema: &SchemaRef, clock: &str) -> SchemaRef {
    if schema.field_with_name(clock).is_ok() {
        return schema.clone();
    }
    let time = ArrowType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let clock = Arc::new(Field::new(clock, time, false));
    Arc::new(Schema::new(schema.fields().iter().cloned().chain([clock]).collect::<Vec<_>>()))
}

/// The part of a range that objects are of; `None`: none.
fn span_of(within_us: &Range<i64>, objects: &[ChosenObject]) -> Option<Range<i64>> {
    let days = objects.iter().map(|object| object.day);
    let (first, last) = days.clone().min().zip(days.max())?;
    let span = within_us.start.max(first.start_us())..within_us.end.min(last.end_us());
    (span.start < span.end).then_some(span)
}

/// The time of a batch's last row, microseconds since the Unix epoch, UTC.
fn last_time(batch: &RecordBatch, clock: &str) -> Option<i64> {
    let times = batch.column_by_name(clock)?.as_primitive_opt::<TimestampMicrosecondType>()?;
    times.values().last().copied()
}

/// A batch with the columns of a schema. A column that an older version did not write is null.
fn fit(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, String> {
    let column = |field: &arrow_schema::FieldRef| -> Result<ArrayRef, String> {
        match batch.column_by_name(field.name()) {
            Some(column) if column.data_type() == field.data_type() => Ok(column.clone()),
            Some(column) => Err(format!(
                "its column `{}` is {}, not {}",
                field.name(),
                column.data_type(),
                field.data_type()
            )),
            None if field.is_nullable() => Ok(new_null_array(field.data_type(), batch.num_rows())),
            None => Err(format!("it has no column `{}`", field.name())),
        }
    };
    let columns = schema.fields().iter().map(column).collect::<Result<Vec<_>, String>>()?;
    RecordBatch::try_new(schema.clone(), columns).map_err(|error| error.to_string())
}

/// The first rows of a stream.
pub(crate) fn first(
    batches: RowStream,
    limit: u64,
) -> impl futures::Stream<Item = Result<RecordBatch, EngineError>> {
    futures::stream::unfold((batches, limit), |(mut batches, left)| async move {
        if left == 0 {
            return None;
        }
        let batch = match batches.next().await? {
            Ok(batch) => batch,
            Err(error) => return Some((Err(error), (batches, 0))),
        };
        let kept = batch.num_rows().min(usize::try_from(left).unwrap_or(usize::MAX));
        Some((Ok(batch.slice(0, kept)), (batches, left - kept as u64)))
    })
}

/// The number of rows of chosen objects in a request's range, without its limit.
///
/// # Errors
/// When the lake cannot be read.
pub async fn count(lake: &Lake, request: &ReadRequest, objects: &[ChosenObject]) -> Result<u64, EngineError> {
    let mut rows_in_range = 0;
    let mut cut = Vec::new();
    for object in objects {
        let day = object.day.start_us()..object.day.end_us();
        let is_whole = request.within_us.start <= day.start && day.end <= request.within_us.end;
        // Files are cut by arrival; the exchange's times of a file may lie outside of its day.
        let is_by_day = match request.table {
            TickTable::Ticks(_) => request.clock == Clock::Arrival,
            TickTable::Candles(_) => true,
        };
        if is_whole && is_by_day {
            rows_in_range += lake.rows_by_footer(&object.entry).await?;
        } else {
            cut.push(object.clone());
        }
    }
    let clock = request.clock_column().to_owned();
    let request = ReadRequest { columns: Some(vec![clock]), limit: None, ..request.clone() };
    let mut batches = rows(lake, &request, cut, Form::STREAM, &Arc::default())?;
    while let Some(batch) = batches.try_next().await? {
        rows_in_range += batch.num_rows() as u64;
    }
    Ok(rows_in_range)
}

#[cfg(test)]
mod tests {
    use arrow_array::{Float64Array, Int64Array};
    use arrow_schema::{DataType, Field, Schema};

    use super::*;

    #[test]
    fn a_batch_gets_the_columns_of_the_answer() {
        let read = Schema::new(vec![
            Field::new("a", DataType::Float64, true),
            Field::new("clock", DataType::Int64, false),
        ]);
        let columns: Vec<ArrayRef> =
            vec![Arc::new(Float64Array::from(vec![1.0, 2.0])), Arc::new(Int64Array::from(vec![1, 2]))];
        let batch = RecordBatch::try_new(Arc::new(read), columns).unwrap();
        for (fields, expected) in [
            (vec![Field::new("a", DataType::Float64, true)], Ok(0)),
            (
                vec![Field::new("new", DataType::Float64, true), Field::new("a", DataType::Float64, true)],
                Ok(2),
            ),
            (vec![Field::new("new", DataType::Float64, false)], Err("it has no column `new`")),
            (vec![Field::new("a", DataType::Int64, true)], Err("its column `a` is Float64, not Int64")),
        ] {
            let fitted = fit(&batch, &Arc::new(Schema::new(fields)));
            let nulls =
                fitted.map(|batch| batch.columns().iter().map(|column| column.null_count()).sum::<usize>());
            assert_eq!(nulls, expected.map_err(str::to_owned));
        }
    }
}
