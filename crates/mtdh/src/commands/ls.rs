//! `mtdh ls`: what is in the lake.

use std::collections::BTreeSet;

use anyhow::Result;
use mtdh_core::key::InstrumentType;
use mtdh_core::partition::{Origin, Partition};
use mtdh_core::{DataType, Day, DayRange};
use mtdh_engine::Context;
use mtdh_engine::want::{Chosen, Narrowing};

use crate::args::LsArgs;
use crate::exit::Outcome;
use crate::output::{count, note, print, size, verdict};
use crate::render::ls::Listing;
use crate::session::{Session, range};

pub async fn run(session: &Session<'_>, args: LsArgs) -> Result<Outcome> {
    let context = session.context()?.with_origin(args.origin);
    context.check_readable().await?;
    let named = args.start_date.map(|first| range(first, args.end_date)).transpose()?;
    let is_apart = args.everything || args.origin == Origin::Live;
    let by = Narrowing { filter: args.filters.filter(), days: named };
    let wanted = if is_apart { None } else { context.chosen(&by).await? };
    if let Some(sets) = wanted {
        return of_wanted(session, &context, &args, &sets).await;
    }
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
    print_listing(session, &args, &listing)?;
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

/// Lists what the lake has of what is wanted.
async fn of_wanted(
    session: &Session<'_>,
    context: &Context,
    args: &LsArgs,
    sets: &[Chosen],
) -> Result<Outcome> {
    let names: Vec<&str> = sets.iter().map(|chosen| chosen.name.as_str()).collect();
    note(&match &names[..] {
        [] => "nothing that lake.toml wants is left by these flags; --everything lists all that the lake has"
            .to_owned(),
        names => format!("of what lake.toml wants: {}; --everything lists all", names.join(", ")),
    });
    let mut listing = Listing::default();
    let mut seen: BTreeSet<Partition> = BTreeSet::new();
    for day in context.days().await? {
        for chosen in sets.iter().filter(|chosen| chosen.selection.days.contains(day)) {
            for (partition, found) in context.contents(day, &chosen.selection).await? {
                if seen.insert(partition.clone()) {
                    listing.add(partition, found);
                }
            }
        }
        seen.clear();
    }
    print_listing(session, args, &listing)?;
    Ok(if listing.has_unreadable() || sets.is_empty() { Outcome::NotClean } else { Outcome::Clean })
}

fn print_listing(session: &Session<'_>, args: &LsArgs, listing: &Listing) -> Result<()> {
    let rows = if args.long { listing.long() } else { listing.short() };
    print(session.format, &rows, &rows.objects())?;
    let text = format!(
        "{} partitions, {} rows, {}",
        count(listing.partitions.len() as u64),
        count(listing.rows()),
        size(listing.bytes())
    );
    verdict(&text, None);
    Ok(())
}
