//! What a server hands out beyond rows: stored bytes, the evidence of a partition, candles that nobody stored, runs.

use std::ops::Range;

use arrow_array::RecordBatch;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use mtdh_core::candle::{Fill, Timeframe};
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::Partition;
use mtdh_core::{DataType, Day};
use mtdh_lake::read::StoredBytes;

use super::{Context, Work};
use crate::candles::now::candles_now;
use crate::check::kept::{KeptLine, of_day};
use crate::error::EngineError;
use crate::why::{Evidence, Why, evidence, why};

/// Bytes that are read at once of a stored object.
const PIECE_BYTES: u64 = 1 << 20;

/// An object of data as it is stored. Its bytes are not verified here: those who open the file verify them.
#[derive(Clone)]
pub struct StoredObject {
    /// Its path inside the lake.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Identity of this version at its store; `None`: the store has none.
    pub identity: Option<String>,
    stored: StoredBytes,
}

impl StoredObject {
    /// A range of its bytes, in pieces. Fails once the object was replaced: what came before is of the version that was opened.
    pub fn read(&self, range: Range<u64>) -> BoxStream<'static, Result<Bytes, EngineError>> {
        let (stored, end) = (self.stored.clone(), range.end.min(self.bytes));
        let pieces = futures::stream::try_unfold(range.start, move |start| {
            let stored = stored.clone();
            async move {
                if start >= end {
                    return Ok(None);
                }
                let piece = stored.fetch(start..end.min(start + PIECE_BYTES)).await?;
                let next = start + piece.len() as u64;
                Ok(Some((piece, next)))
            }
        });
        pieces.boxed()
    }

    /// BLAKE3 of the data part of a Parquet object by its verified footer, lower-case hexadecimal. `None`: version 0.1.0 wrote
    /// it, or it is no Parquet file.
    pub fn data_digest(&self) -> Work<'_, Option<String>> {
        Box::pin(async move {
            if !self.path.ends_with(".parquet") {
                return Ok(None);
            }
            Ok(self.stored.data_digest().await?)
        })
    }
}

impl Context {
    /// Opens an object of data by its path inside the lake, as it is now. `None`: there is none, or the lake has no such place:
    /// only objects of data can be named, no unfinished ones and nothing of a run.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// let path = "instrument_availability/by_date/day-2024-03-01/instruments.parquet";
    /// if let Some(object) = context.open_object(path).await? {
    ///     println!("{} bytes", object.bytes);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn open_object<'a>(&'a self, path: &'a str) -> Work<'a, Option<StoredObject>> {
        Box::pin(async move {
            let Some(place) = self.lake.data_path(path) else { return Ok(None) };
            self.lake.check_readable().await?;
            let Some(entry) = self.lake.entry(&place).await? else { return Ok(None) };
            let stored = self.lake.stored(&entry).await?;
            let (bytes, identity) = (stored.bytes(), stored.identity().map(str::to_owned));
            Ok(Some(StoredObject { path: path.to_owned(), bytes, identity, stored }))
        })
    }

    /// The evidence of a partition; `None`: there is no object.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, partition: mtdh_engine::Partition) -> Result<(), mtdh_engine::EngineError> {
    /// if let Some(evidence) = context.evidence(&partition).await? {
    ///     println!("{}: {:?}", evidence.path, evidence.footer);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn evidence<'a>(&'a self, partition: &'a Partition) -> Work<'a, Option<Evidence>> {
        Box::pin(async move {
            self.lake.check_readable().await?;
            let known = self.lake.available(partition.day).await?;
            Ok(evidence(&self.lake, partition, &known).await?)
        })
    }

    /// Why the lake has what it has of an instrument's day, or has not: the evidence for the partition of a data type; `None`: for
    /// each that is expected or was ever there. A text that is not a key may be a vendor's symbol: the error then suggests keys, as
    /// it does when nothing in the lake has the key.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, day: mtdh_engine::Day) -> Result<(), mtdh_engine::EngineError> {
    /// for why in context.why("DERIBIT:PERP:BTC-USD", day, None).await? {
    ///     for (name, text) in why.lines() {
    ///         println!("{name}: {text}");
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn why<'a>(&'a self, key: &'a str, day: Day, data_type: Option<DataType>) -> Work<'a, Vec<Why>> {
        Box::pin(async move {
            let key = self.instrument_key(key).await?;
            why(&self.lake, &key, day, data_type).await
        })
    }

    /// What the last validation of a day found missing, with the reason; `None`: the day was not validated.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, day: mtdh_engine::Day) -> Result<(), mtdh_engine::EngineError> {
    /// for (partition, reason) in context.missing(day).await?.unwrap_or_default() {
    ///     println!("{partition}: {reason}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn missing(&self, day: Day) -> Work<'_, Option<Vec<(Partition, String)>>> {
        Box::pin(async move {
            let lines = self.lake.missing(day).await?;
            Ok(lines.map(|lines| lines.into_iter().map(|line| (line.partition, line.reason)).collect()))
        })
    }

    /// What the lake keeps of the checks of a day: what was looked at, and what was found; `None`: no check of the day was kept.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, day: mtdh_engine::Day) -> Result<(), mtdh_engine::EngineError> {
    /// for kept in context.checks(day).await?.unwrap_or_default() {
    ///     println!("{:?}, still so: {}", kept.line.found, kept.is_current);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn checks(&self, day: Day) -> Work<'_, Option<Vec<KeptLine>>> {
        Box::pin(async move { Ok(of_day(&self.lake, day).await?) })
    }

    /// The days of which the lake keeps checks, in order.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// println!("{} days were checked", context.checked_days().await?.len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn checked_days(&self) -> Work<'_, Vec<Day>> {
        Box::pin(async move { Ok(self.lake.checked_days().await?) })
    }

    /// Candles of one instrument and day, made of the lake's trades now and not stored: of the table that a lake would store those
    /// whose interval starts in a range, microseconds since the Unix epoch, UTC, the end excluded. `None`: the lake has no trades
    /// of the day.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, day: mtdh_engine::Day) -> Result<(), mtdh_engine::EngineError> {
    /// use mtdh_engine::candles::{Fill, Timeframe};
    /// let key = "DERIBIT:PERP:BTC-USD".parse()?;
    /// let minute: Timeframe = "1m".parse().unwrap();
    /// let candles = context.candles_now(&key, day, minute, Fill::None, &(day.start_us()..day.end_us())).await?;
    /// println!("{:?} candles", candles.map(|candles| candles.num_rows()));
    /// # Ok(())
    /// # }
    /// ```
    pub fn candles_now<'a>(
        &'a self,
        key: &'a InstrumentKey,
        day: Day,
        timeframe: Timeframe,
        fill: Fill,
        within_us: &'a Range<i64>,
    ) -> Work<'a, Option<RecordBatch>> {
        Box::pin(async move {
            self.lake.check_readable().await?;
            candles_now(&self.lake, key, day, timeframe, fill, within_us).await
        })
    }

    /// The names of the lake's runs, sorted: downloads, candles and saved plans.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// println!("{}", context.runs().await?.join(", "));
    /// # Ok(())
    /// # }
    /// ```
    pub fn runs(&self) -> Work<'_, Vec<String>> {
        Box::pin(async {
            self.lake.check_readable().await?;
            Ok(self.lake.runs().await?)
        })
    }

    /// The summaries of the shards of a run: JSON documents. Empty: it has none, or there is no such run. Fails for a text that
    /// cannot be a run's name.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// for summary in context.run_summaries("march").await? {
    ///     println!("{summary}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn run_summaries<'a>(&'a self, run_id: &'a str) -> Work<'a, Vec<serde_json::Value>> {
        Box::pin(async move {
            crate::fleet::saved_plan::check_name(run_id)?;
            let documents = self.lake.run_summaries(run_id).await?;
            // Another program's object with such a name is left out.
            Ok(documents.iter().filter_map(|bytes| serde_json::from_slice(bytes).ok()).collect())
        })
    }
}
