//! `mtdh ls`: what is in the lake.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use mtdh_core::DayRange;
use mtdh_engine::listing::table::ListTable;
use mtdh_engine::listing::wish::ListWish;
use mtdh_engine::listing::{Listed, What};

use crate::args::{Listing, LsArgs};
use crate::exit::Outcome;
use crate::output::{count, many, note, print, size};
use crate::render::ls::{rows_of, shown, with_sizes};
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
    let named = args.start_date.map(|first| range(first, args.end_date)).transpose()?;
    let until = args.end_date.map(|last| DayRange::new(mtdh_core::want::earliest(), last.last()));
    let days = named.map_or_else(|| until.transpose(), |named| Ok(Some(named)))?;
    let (filter, origin, everything) = (args.filters.filter(), args.origin, args.everything);
    let wish = ListWish { what, filter, days, origin, everything, asks_vendor: true };
    let found = context.list_wish(&wish).await?;
    found.notes.iter().for_each(|text| note(text));
    if let Some(sets) = &found.sets {
        note(&match &sets[..] {
            [] => "nothing that lake.toml wants is left by these flags; --everything lists all that the lake has"
                .to_owned(),
            names => format!("of what lake.toml wants: {}; --everything lists all", names.join(", ")),
        });
    }
    let by = if args.by.is_empty() { what.usual() } else { &args.by };
    let table = match args.long {
        true => ListTable::objects(what, &found.listed),
        false => ListTable::groups(what, by, &found.listed),
    };
    let (rows, left) = shown(rows_of(&table), &args.shown)?;
    print(session.format, &with_sizes(session.format, &rows), &rows.objects())?;
    tell(what, &found.listed, left);
    for (name, meant) in &found.unknown {
        note(&format!("nothing in the lake has the name {name}{}", mtdh_core::nearest::clause(meant)));
    }
    Ok(if found.is_clean() { Outcome::Clean } else { Outcome::NotClean })
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
