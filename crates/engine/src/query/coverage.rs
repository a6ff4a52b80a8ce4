//! Coverage: what the lake has, partition by partition, beside what is expected of it. Nothing is written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use mtdh_core::DataType;
use mtdh_core::check::grade::Grade;
use mtdh_core::partition::{Partition, Status};
use mtdh_lake::Lake;
use mtdh_lake::briefs::{Brief, briefs};

use crate::error::EngineError;
use crate::expectation;
use crate::selection::Selection;

/// A partition of the answer.
type Line = (Partition, Brief);

/// A row for each partition that is expected or that the lake has. With `has_others` also what the lake has of other data types
/// than the selection's.
///
/// # Errors
/// When the lake cannot be read.
pub(crate) async fn coverage(
    lake: &Lake,
    selection: &Selection,
    has_others: bool,
) -> Result<RecordBatch, EngineError> {
    lake.check_readable().await?;
    let mut lines = Vec::new();
    for day in selection.days.days() {
        let table = lake.day_table(day).await?.unwrap_or_default();
        let mut selection = selection.clone();
        let data_types = if has_others { &DataType::ALL[..] } else { &selection.data_types };
        let found = briefs(lake, day, data_types).await?;
        if selection.venues.is_empty() {
            let of_table = table.instruments.iter().map(|i| i.key.venue());
            let of_objects = found.keys().map(|partition| partition.key.venue());
            let venues: BTreeSet<&str> = of_table.chain(of_objects).collect();
            selection.venues = venues.into_iter().map(str::to_owned).collect();
        }
        let mut of_day: BTreeMap<Partition, Brief> = BTreeMap::new();
        for instrument in selection.instruments(&table.instruments) {
            let lacking = expectation::expected(&selection, instrument, day);
            of_day.extend(lacking.map(|(partition, status)| (partition, lacks(status))));
        }
        of_day.extend(found.into_iter().filter(|(partition, _)| selection.takes_key(&partition.key)));
        lines.extend(of_day);
    }
    Ok(table_of(&lines))
}

/// A partition without an object.
fn lacks(status: Status) -> Brief {
    Brief { status, rows: None, bytes: None, grade: None, reason: None }
}

fn table_of(lines: &[Line]) -> RecordBatch {
    let texts = |text: fn(&Line) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(lines.iter().map(text)))
    };
    let maybe = |text: fn(&Line) -> Option<&str>| -> ArrayRef {
        Arc::new(StringArray::from_iter(lines.iter().map(text)))
    };
    let counts = |count: fn(&Line) -> Option<u64>| -> ArrayRef {
        Arc::new(UInt64Array::from_iter(lines.iter().map(count)))
    };
    let columns: [(&str, ArrayRef, bool); 10] = [
        ("day", texts(|(partition, _)| partition.day.to_string()), false),
        ("venue", texts(|(partition, _)| partition.key.venue().to_owned()), false),
        ("instrument_type", texts(|(partition, _)| partition.key.instrument_type().name().to_owned()), false),
        ("instrument_key", texts(|(partition, _)| partition.key.to_string()), false),
        ("data_type", texts(|(partition, _)| partition.data_type.name().to_owned()), false),
        ("status", texts(|(_, brief)| brief.status.name().to_owned()), false),
        ("rows", counts(|(_, brief)| brief.rows), true),
        ("bytes", counts(|(_, brief)| brief.bytes), true),
        ("grade", maybe(|(_, brief)| brief.grade.map(Grade::name)), true),
        ("reason", maybe(|(_, brief)| brief.reason.as_deref()), true),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).expect("the columns are of one length")
}
