//! `mtdh ls`: what is in the lake.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use mtdh_core::key::InstrumentType;
use mtdh_core::partition::Origin;
use mtdh_core::{DataType, DayRange};
use mtdh_engine::listing::{By, Listed, ListedGroup, What};
use mtdh_engine::want::Narrowing;
use mtdh_engine::{Context, Selection};

use crate::args::{Listing, LsArgs};
use crate::exit::Outcome;
use crate::output::{count, many, note, print, size};
use crate::render::ls::{groups, objects, shown, with_sizes};
use crate::session::{Session, range};

pub async fn run(session: &Session<'_>, args: LsArgs) -> Result<Outcome> {
    let what = match args.what {
        Listing::Partitions => What::Partitions,
        Listing::Candles => What::Candles,
        Listing::Instruments => What::Instruments,
        Listing::Reports => What::Reports,
        Listing::Runs => {
            if !args.filters.is_empty() || args.start_date.is_some() || !args.by.is_empty() || args.long {
                bail!("runs are not listed by days and instruments: mtdh runs RUN shows one");
            }
            return super::runs::list(session, &args.shown).await;
        }
    };
    if what == What::Reports && !args.filters.is_empty() {
        bail!("tables and reports are of days, not of instruments: choose by --start-date and --end-date");
    }
    let context = session.context()?.with_origin(args.origin);
    context.check_readable().await?;
    let selections = selections(&context, &args, what).await?;
    let listed = context.list(what, &selections.of).await?;
    let rows = match args.long {
        true => objects(what, &listed),
        false if args.by.is_empty() => groups(what, &usual(what), &ListedGroup::all(&listed, &usual(what))),
        false => groups(what, &args.by, &ListedGroup::all(&listed, &args.by)),
    };
    let (rows, left) = shown(rows, &args.shown)?;
    print(session.format, &with_sizes(session.format, &rows), &rows.objects())?;
    tell(what, &listed, left);
    let unknown = if selections.is_wanted { Vec::new() } else { unknown(&selections.of, &listed) };
    let names: Vec<&str> = unknown.iter().map(String::as_str).collect();
    if !names.is_empty() {
        for (name, meant) in names.iter().zip(context.suggest(&names, None).await?) {
            note(&format!("nothing in the lake has the name {name}{}", mtdh_core::nearest::clause(&meant)));
        }
    }
    let is_unreadable = listed.iter().any(|one| matches!(one.status, Some(Err(_))));
    let is_clean = !is_unreadable && unknown.is_empty() && !selections.of.is_empty();
    Ok(if is_clean { Outcome::Clean } else { Outcome::NotClean })
}

/// What a list is grouped by where nothing is said.
fn usual(what: What) -> Vec<By> {
    match what {
        What::Reports => vec![By::Type],
        _ => vec![By::Day, By::Venue, By::Type],
    }
}

struct Selections {
    of: Vec<Selection>,
    is_wanted: bool,
}

/// What is listed: what is wanted, if anybody wrote that down, else what the flags say.
async fn selections(context: &Context, args: &LsArgs, what: What) -> Result<Selections> {
    let named = args.start_date.map(|first| range(first, args.end_date)).transpose()?;
    let is_apart = args.everything || args.origin == Origin::Live || what == What::Reports;
    let by = Narrowing { filter: args.filters.filter(), days: named };
    let wanted = if is_apart { None } else { context.chosen(&by).await? };
    if let Some(sets) = wanted {
        let names: Vec<&str> = sets.iter().map(|chosen| chosen.name.as_str()).collect();
        note(&match &names[..] {
            [] => "nothing that lake.toml wants is left by these flags; --everything lists all that the lake has"
                .to_owned(),
            names => format!("of what lake.toml wants: {}; --everything lists all", names.join(", ")),
        });
        let of = sets.into_iter().map(|chosen| chosen.selection).collect();
        return Ok(Selections { of, is_wanted: true });
    }
    let days = match (named, args.end_date) {
        (Some(days), _) => days,
        (None, Some(last)) => DayRange::new(mtdh_core::want::earliest(), last.last())?,
        (None, None) => DayRange::new(mtdh_core::want::earliest(), crate::time::today().plus(1))?,
    };
    let there: Vec<_> = context.days().await?.into_iter().filter(|day| days.contains(*day)).collect();
    for text in context.check_venues(&args.filters.venues, &there).await? {
        note(&text);
    }
    let mut selection = args.filters.filter().of_lake(days)?;
    // Here a filter that is not set filters nothing: the lake is shown as it is.
    if args.filters.data_types.is_empty() {
        selection.data_types = DataType::ALL.to_vec();
    }
    if args.filters.instrument_types.is_empty() {
        selection.instrument_types = InstrumentType::ALL.to_vec();
    }
    Ok(Selections { of: vec![selection], is_wanted: false })
}

/// Names that were asked for and that nothing has.
fn unknown(of: &[Selection], listed: &[Listed]) -> Vec<String> {
    let keys: BTreeSet<_> = listed.iter().filter_map(|one| one.key.as_ref()).collect();
    let patterns = of.iter().flat_map(|selection| &selection.patterns);
    let unknown = patterns.filter(|pattern| !keys.iter().any(|key| pattern.matches(key)));
    unknown.map(ToString::to_string).collect::<BTreeSet<String>>().into_iter().collect()
}

fn tell(what: What, listed: &[Listed], left: usize) {
    if left > 0 {
        note(&format!("and {} more", many(left as u64, "line")));
    }
    let bytes = size(listed.iter().filter_map(|one| one.bytes).sum());
    let objects = listed.len() as u64;
    note(&match what {
        What::Partitions => {
            let rows = count(listed.iter().filter_map(|one| one.rows).sum());
            format!("{} partitions, {rows} rows, {bytes}", count(objects))
        }
        What::Candles => format!("{} of candles, {bytes}", many(objects, "object")),
        What::Instruments => {
            let keys: BTreeSet<_> = listed.iter().filter_map(|one| one.key.as_ref()).collect();
            let days: BTreeSet<_> = listed.iter().filter_map(|one| one.day).collect();
            format!("{} on {}", many(keys.len() as u64, "instrument"), many(days.len() as u64, "day"))
        }
        What::Reports => format!("{} of tables and reports, {bytes}", many(objects, "object")),
    });
}
