//! What a slice is made of, as a document for the metadata of its file.

use chrono::{DateTime, SecondsFormat};
use futures::{FutureExt, StreamExt, TryStreamExt};
use mtdh_core::clock::Clock;
use mtdh_lake::{Entry, Lake};
use serde_json::{Value, json};

use super::{Slice, SliceTable};
use crate::error::EngineError;
use crate::query::TickTable;
use crate::runs::phase;

/// The key of the document in a file's metadata.
pub const FACTS: &str = "mtdh.get";

/// Footers that are read at the same time.
const TOGETHER: usize = 16;

/// The document: the program's version, what was asked for, the objects with the digests of their data and their rows, and what
/// the lake lacked. Nothing of it depends on when or where it is made.
pub(super) async fn of(lake: &Lake, slice: &Slice) -> Result<String, EngineError> {
    let request = &slice.request;
    let timeframe = match request.table {
        SliceTable::Stored(TickTable::Candles(timeframe)) | SliceTable::Made(timeframe) => {
            Some(timeframe.to_string())
        }
        _ => None,
    };
    let clock = Clock::ALL.into_iter().find(|clock| Some(clock.column()) == request.clock_column());
    let clock = clock.map(|clock| clock.to_string());
    let entries: Vec<&Entry> = slice
        .chosen
        .objects
        .iter()
        .map(|object| &object.entry)
        .chain(slice.tables.iter().map(|(_, entry)| entry))
        .collect();
    let objects = of_objects(lake, entries).await?;
    let missing: Vec<Value> = slice
        .chosen
        .missing
        .iter()
        .map(|missing| json!({"day": missing.day.to_string(), "instrument": missing.instrument}))
        .collect();
    let document = json!({
        "program": format!("mtdh {}", env!("CARGO_PKG_VERSION")),
        "table": request.table.name(),
        "timeframe": timeframe,
        "is_made_of_trades": matches!(request.table, SliceTable::Made(_)),
        "instruments": request.instruments,
        "start": shown(request.within_us.start),
        "end": shown(request.within_us.end),
        "clock": clock,
        "ordered_by": request.clock_column(),
        "origin": request.origins.to_string(),
        "columns": request.columns,
        "limit": request.limit,
        "notional": request.has_worth,
        "objects": objects,
        "missing": missing,
    });
    Ok(document.to_string())
}

/// A time as every output writes it; `None`: it lies beyond the calendar.
fn shown(us: i64) -> Option<String> {
    Some(DateTime::from_timestamp_micros(us)?.to_rfc3339_opts(SecondsFormat::Micros, true))
}

async fn of_objects(lake: &Lake, entries: Vec<&Entry>) -> Result<Vec<Value>, EngineError> {
    let phase = phase::begin("reading footers", "object", entries.len());
    let of_entry = |entry: &Entry| {
        let (lake, entry) = (lake.clone(), entry.clone());
        async move {
            let (digest, rows) = lake.digest_and_rows(&entry).await?;
            let path = entry.path.to_string();
            Ok::<_, EngineError>(json!({"path": path, "data_digest": digest, "rows": rows}))
        }
        .boxed()
    };
    let reads: Vec<_> = entries.into_iter().map(of_entry).collect();
    let read = futures::stream::iter(reads).buffered(TOGETHER);
    read.inspect(|_| phase.done()).try_collect().await
}
