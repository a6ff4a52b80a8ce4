//! `mtdh ls`: what is in the lake.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use mtdh_core::key::InstrumentType;
use mtdh_core::partition::{Partition, Status};
use mtdh_core::{DataType, Day, DayRange};
use mtdh_engine::query::Available;

use super::{Session, range};
use crate::Outcome;
use crate::args::LsArgs;
use crate::output::{Rows, count, note, print, size};

pub async fn run(session: &Session<'_>, args: LsArgs) -> Result<Outcome> {
    let context = session.context()?;
    let all = context.days().await?;
    if let Some(first) = args.start_date {
        range(first, args.end_date)?;
    }
    let last = args.end_date.or(args.start_date);
    let within = |day: &&Day| {
        args.start_date.is_none_or(|first| **day >= first) && last.is_none_or(|last| **day <= last)
    };
    let mut listing = Listing::default();
    let (mut asked, mut found_names) = (BTreeSet::new(), BTreeSet::new());
    for day in all.iter().filter(within) {
        let mut selection = args.filters.filter().of_lake(DayRange::of(*day))?;
        // Here a filter that is not given filters nothing out: the lake is shown as it is.
        if args.filters.data_types.is_empty() {
            selection.data_types = DataType::ALL.to_vec();
        }
        if args.filters.instrument_types.is_empty() {
            selection.instrument_types = InstrumentType::ALL.to_vec();
        }
        asked.extend(selection.patterns.iter().map(ToString::to_string));
        for (partition, found) in context.contents(*day, &selection).await? {
            let fitting = selection.patterns.iter().filter(|p| p.matches(&partition.key));
            found_names.extend(fitting.map(ToString::to_string));
            listing.add(partition, found);
        }
    }
    let rows = if args.long { listing.long() } else { listing.short() };
    print(session.format, &rows, &rows.objects())?;
    note(&format!(
        "{} partitions, {} rows, {}",
        count(listing.partitions.len() as u64),
        count(listing.rows()),
        size(listing.bytes())
    ));
    let unknown: Vec<&String> = asked.difference(&found_names).collect();
    for name in &unknown {
        let meant = context.suggest(name, None).await?;
        let meant =
            if meant.is_empty() { String::new() } else { format!("; perhaps {}", meant.join(" or ")) };
        note(&format!("nothing in the lake has the name {name}{meant}"));
    }
    Ok(if listing.has_unreadable() || !unknown.is_empty() { Outcome::NotClean } else { Outcome::Clean })
}

/// One object: status or what is wrong with it, rows, bytes.
struct Item {
    status: Result<Status, String>,
    rows: u64,
    bytes: u64,
}

#[derive(Default)]
struct Listing {
    partitions: Vec<(Partition, Item)>,
}

impl Listing {
    fn add(&mut self, partition: Partition, found: Result<Available, String>) {
        let item = match found {
            Ok(a) => Item { status: Ok(a.status), rows: a.tally.rows_out, bytes: a.bytes },
            Err(reason) => Item { status: Err(reason), rows: 0, bytes: 0 },
        };
        self.partitions.push((partition, item));
    }

    fn rows(&self) -> u64 {
        self.partitions.iter().map(|(_, item)| item.rows).sum()
    }

    fn bytes(&self) -> u64 {
        self.partitions.iter().map(|(_, item)| item.bytes).sum()
    }

    fn has_unreadable(&self) -> bool {
        self.partitions.iter().any(|(_, item)| item.status.is_err())
    }

    fn long(&self) -> Rows {
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

    fn short(&self) -> Rows {
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
