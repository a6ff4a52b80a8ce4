//! The output of `ls`.

use std::collections::BTreeMap;

use mtdh_core::partition::{Partition, Status};
use mtdh_core::{DataType, Day};
use mtdh_engine::query::Available;

use crate::output::Rows;

/// One object: its status or why it cannot be trusted, rows, bytes.
pub struct Item {
    status: Result<Status, String>,
    rows: u64,
    bytes: u64,
}

/// The objects of a listing.
#[derive(Default)]
pub struct Listing {
    pub partitions: Vec<(Partition, Item)>,
}

impl Listing {
    pub fn add(&mut self, partition: Partition, found: Result<Available, String>) {
        let item = match found {
            Ok(a) => Item { status: Ok(a.status), rows: a.tally.rows_out, bytes: a.bytes },
            Err(reason) => Item { status: Err(reason), rows: 0, bytes: 0 },
        };
        self.partitions.push((partition, item));
    }

    pub fn rows(&self) -> u64 {
        self.partitions.iter().map(|(_, item)| item.rows).sum()
    }

    pub fn bytes(&self) -> u64 {
        self.partitions.iter().map(|(_, item)| item.bytes).sum()
    }

    pub fn has_unreadable(&self) -> bool {
        self.partitions.iter().any(|(_, item)| item.status.is_err())
    }

    pub fn long(&self) -> Rows {
        let mut rows = Rows::new(&["day", "data_type", "instrument_key", "status", "rows", "bytes"]);
        for (partition, item) in &self.partitions {
            let status = match &item.status {
                Ok(status) => status.to_string(),
                Err(reason) => format!("unreadable: {reason}"),
            };
            let (day, data_type) = (partition.day.to_string(), partition.data_type.to_string());
            let key = partition.key.to_string();
            rows.rows.push(vec![day, data_type, key, status, item.rows.to_string(), item.bytes.to_string()]);
        }
        rows
    }

    pub fn short(&self) -> Rows {
        let mut groups: BTreeMap<(Day, &str, DataType), [u64; 6]> = BTreeMap::new();
        for (partition, item) in &self.partitions {
            let sums = groups.entry((partition.day, partition.key.venue(), partition.data_type)).or_default();
            let place = match item.status {
                Ok(Status::Stored) => 0,
                Ok(Status::Empty) => 1,
                Ok(_) => 2,
                Err(_) => 3,
            };
            sums[place] += 1;
            sums[4] += item.rows;
            sums[5] += item.bytes;
        }
        let mut rows = Rows::new(&[
            "day",
            "venue",
            "data_type",
            "stored",
            "empty",
            "absent",
            "unreadable",
            "rows",
            "bytes",
        ]);
        for ((day, venue, data_type), sums) in groups {
            let names = [day.to_string(), venue.to_owned(), data_type.to_string()];
            rows.rows.push(names.into_iter().chain(sums.map(|sum| sum.to_string())).collect());
        }
        rows
    }
}
