//! Rows of several tables in one order of time.

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use mtdh_lake::LakeError;

use crate::error::EngineError;
use crate::query::RowStream;

/// Batches, each with the place of the stream it comes from.
pub type TogetherStream = BoxStream<'static, Result<(usize, RecordBatch), EngineError>>;

/// A stream and the batch that comes next of it.
struct Head {
    rows: RowStream,
    clock: &'static str,
    batch: RecordBatch,
    at: usize,
}

impl Head {
    fn times(&self) -> Result<&[i64], EngineError> {
        let column = self.batch.column_by_name(self.clock);
        let times = column.and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
        let lacks = || LakeError::WrongTable {
            path: "rows of several tables".to_owned(),
            reason: format!("they have no column `{}`", self.clock),
        };
        Ok(times.ok_or_else(lacks)?.values())
    }

    /// Puts the next batch with rows in the place of one that is used up; `false`: there is none.
    async fn fill(&mut self) -> Result<bool, EngineError> {
        while self.at == self.batch.num_rows() {
            match self.rows.try_next().await? {
                Some(batch) => (self.batch, self.at) = (batch, 0),
                None => return Ok(false),
            }
        }
        Ok(true)
    }
}

/// The rows of streams, each with the column that orders it, together by time; no more than `limit`. Rows of one time come in the
/// order of the streams.
pub fn together(streams: Vec<(RowStream, &'static str)>, limit: Option<u64>) -> TogetherStream {
    let empty = || RecordBatch::new_empty(std::sync::Arc::new(arrow_schema::Schema::empty()));
    let head = |(place, (rows, clock))| (place, Head { rows, clock, batch: empty(), at: 0 });
    let heads: Vec<(usize, Head)> = streams.into_iter().enumerate().map(head).collect();
    let limit = limit.unwrap_or(u64::MAX);
    futures::stream::try_unfold((heads, limit), |(mut heads, limit)| async move {
        if limit == 0 {
            return Ok(None);
        }
        let mut left = Vec::with_capacity(heads.len());
        for (place, mut head) in heads.drain(..) {
            if head.fill().await? {
                left.push((place, head));
            }
        }
        let mut times = Vec::with_capacity(left.len());
        for (_, head) in &left {
            times.push(head.times()?[head.at]);
        }
        let Some(first) = (0..left.len()).min_by_key(|at| times[*at]) else { return Ok(None) };
        // Up to the first row that is behind another stream's next one.
        let before = |other: &usize| times[*other].saturating_add(i64::from(*other > first));
        let end = (0..left.len()).filter(|other| *other != first).map(|other| before(&other)).min();
        let (place, head) = &mut left[first];
        let rows = &head.times()?[head.at..];
        let count = end.map_or(rows.len(), |end| rows.iter().take_while(|time| **time < end).count()).max(1);
        let count = count.min(usize::try_from(limit).unwrap_or(usize::MAX));
        let batch = head.batch.slice(head.at, count);
        head.at += count;
        let place = *place;
        Ok(Some(((place, batch), (left, limit - count as u64))))
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, TimestampMicrosecondArray};

    use super::*;

    fn stream(batches: &[&[i64]]) -> RowStream {
        let batch = |times: &&[i64]| {
            let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(times.to_vec()));
            Ok(RecordBatch::try_from_iter([("time", times)]).unwrap())
        };
        futures::stream::iter(batches.iter().map(batch).collect::<Vec<_>>()).boxed()
    }

    #[tokio::test]
    async fn the_rows_of_streams_come_in_order_and_those_of_one_time_in_order_of_the_streams() {
        for (streams, expected) in [
            (vec![], vec![]),
            (vec![vec![&[][..]]], vec![]),
            (vec![vec![&[1, 2][..], &[3]]], vec![(0, 1), (0, 2), (0, 3)]),
            (
                vec![vec![&[1, 4][..]], vec![&[2][..], &[], &[3, 5]]],
                vec![(0, 1), (1, 2), (1, 3), (0, 4), (1, 5)],
            ),
            (vec![vec![&[1, 1][..], &[1]], vec![&[1, 1][..]]], vec![(0, 1), (0, 1), (0, 1), (1, 1), (1, 1)]),
            (vec![vec![&[2, 2][..]], vec![&[1, 2][..]]], vec![(1, 1), (0, 2), (0, 2), (1, 2)]),
            // Out of order as it came: no row is lost.
            (vec![vec![&[5, 1][..]], vec![&[2][..]]], vec![(1, 2), (0, 5), (0, 1)]),
        ] {
            let streams = streams.iter().map(|batches: &Vec<&[i64]>| (stream(batches), "time")).collect();
            let found: Vec<(usize, RecordBatch)> = together(streams, None).try_collect().await.unwrap();
            let times = |(place, batch): &(usize, RecordBatch)| {
                let times = batch.column(0).as_primitive::<TimestampMicrosecondType>().values().to_vec();
                times.into_iter().map(|time| (*place, time)).collect::<Vec<_>>()
            };
            assert_eq!(found.iter().flat_map(times).collect::<Vec<_>>(), expected);
        }
    }
}
