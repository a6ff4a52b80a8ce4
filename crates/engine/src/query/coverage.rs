//! Coverage: what the lake has, partition by partition, beside what is expected of it. Nothing is written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use mtdh_core::check::grade::Grade;
use mtdh_core::partition::{Partition, Status};
use mtdh_lake::Lake;
use mtdh_lake::inventory::{ObjectState, Verify, inventory};

use crate::error::EngineError;
use crate::expectation;
use crate::selection::Selection;

/// A partition of the answer.
struct Line {
    partition: Partition,
    status: Status,
    rows: Option<u64>,
    bytes: Option<u64>,
    grade: Option<Grade>,
    reason: Option<String>,
}

/// A row for each partition that is expected or that the lake has.
///
/// # Errors
/// When the lake cannot be read.
pub(crate) async fn coverage(lake: &Lake, selection: &Selection) -> Result<RecordBatch, EngineError> {
    lake.check_readable().await?;
    let mut lines = Vec::new();
    for day in selection.days.days() {
        let table = lake.day_table(day).await?.unwrap_or_default();
        let mut selection = selection.clone();
        let there = inventory(lake, day, &selection.data_types, Verify::Index).await?;
        if selection.venues.is_empty() {
            let of_table = table.instruments.iter().map(|i| i.key.venue().to_owned());
            let venues: BTreeSet<String> =
                of_table.chain(there.keys().map(|partition| partition.key.venue().to_owned())).collect();
            selection.venues = venues.into_iter().collect();
        }
        let expected = expectation::of_day(&selection, &table, &there, day);
        let mut of_day: BTreeMap<Partition, Line> = BTreeMap::new();
        for partition in expected.partitions {
            let line = Line {
                status: partition.status,
                rows: None,
                bytes: None,
                grade: None,
                reason: partition.unreadable.clone(),
                partition: partition.partition.clone(),
            };
            of_day.insert(partition.partition, line);
        }
        for (partition, state) in there.into_iter().filter(|(p, _)| selection.takes_partition(p)) {
            of_day.insert(partition.clone(), line(partition, state));
        }
        lines.extend(of_day.into_values());
    }
    Ok(table_of(&lines))
}

fn line(partition: Partition, state: ObjectState) -> Line {
    let status = state.status();
    match state {
        ObjectState::Answered(found) => Line {
            partition,
            status,
            rows: Some(found.tally.rows_out),
            bytes: Some(found.bytes),
            grade: found.grade,
            reason: found.reason,
        },
        ObjectState::Unreadable { reason } => {
            Line { partition, status, rows: None, bytes: None, grade: None, reason: Some(reason) }
        }
    }
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
        ("day", texts(|line| line.partition.day.to_string()), false),
        ("venue", texts(|line| line.partition.key.venue().to_owned()), false),
        ("instrument_type", texts(|line| line.partition.key.instrument_type().name().to_owned()), false),
        ("instrument_key", texts(|line| line.partition.key.to_string()), false),
        ("data_type", texts(|line| line.partition.data_type.name().to_owned()), false),
        ("status", texts(|line| line.status.name().to_owned()), false),
        ("rows", counts(|line| line.rows), true),
        ("bytes", counts(|line| line.bytes), true),
        ("grade", maybe(|line| line.grade.map(Grade::name)), true),
        ("reason", maybe(|line| line.reason.as_deref()), true),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).expect("the columns are of one length")
}
