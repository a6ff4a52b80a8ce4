//! `mtdh ls`: what is in the lake.

use std::collections::BTreeSet;

use anyhow::Result;
use mtdh_core::key::InstrumentType;
use mtdh_core::{DataType, Day, DayRange};

use crate::args::LsArgs;
use crate::exit::Outcome;
use crate::output::{count, note, print, size};
use crate::render::ls::Listing;
use crate::session::{Session, range};

pub async fn run(session: &Session<'_>, args: LsArgs) -> Result<Outcome> {
    let context = session.context()?.with_origin(args.origin);
    let all = context.days().await?;
    if let Some(first) = args.start_date {
        range(first, args.end_date)?;
    }
    let last = args.end_date.or(args.start_date);
    let within = |day: &&Day| {
        args.start_date.is_none_or(|first| **day >= first.first())
            && last.is_none_or(|last| **day <= last.last())
    };
    let days: Vec<_> = all.iter().filter(within).copied().collect();
    for text in context.check_venues(&args.filters.venues, &days).await? {
        note(&text);
    }
    let mut listing = Listing::default();
    let (mut asked, mut found_names) = (BTreeSet::new(), BTreeSet::new());
    for day in all.iter().filter(within) {
        let mut selection = args.filters.filter().of_lake(DayRange::of(*day))?;
        // Here a filter that is not set filters nothing: the lake is shown as it is.
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
    let unknown: Vec<&str> = asked.difference(&found_names).map(String::as_str).collect();
    if !unknown.is_empty() {
        for (name, meant) in unknown.iter().zip(context.suggest(&unknown, None).await?) {
            let meant =
                if meant.is_empty() { String::new() } else { format!("; perhaps {}", meant.join(" or ")) };
            note(&format!("nothing in the lake has the name {name}{meant}"));
        }
    }
    Ok(if listing.has_unreadable() || !unknown.is_empty() { Outcome::NotClean } else { Outcome::Clean })
}
