//! `mtdh rm`: takes data out of a lake. Shown first, done with `--yes`.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use mtdh_core::DataType;
use mtdh_core::key::InstrumentType;
use mtdh_engine::removal::{Removal, RemovalRequest};
use mtdh_engine::want::Narrowing;
use mtdh_engine::{Context, Selection};

use super::publish::refresh;
use crate::args::RmArgs;
use crate::exit::Outcome;
use crate::output::{Rows, many, note, print, size, verdict};
use crate::session::{Session, range};

pub async fn run(session: &Session<'_>, args: RmArgs) -> Result<Outcome> {
    let context = session.context()?;
    context.check_readable().await?;
    let request = request(&args)?;
    let removal = context.find_removal(&request).await?;
    let rows = rows(&removal);
    print(session.format, &rows, &rows.objects())?;
    let objects = many(removal.objects.len() as u64, "object");
    if removal.objects.is_empty() {
        note("the lake has nothing of that");
        return Ok(Outcome::NotClean);
    }
    let wanting = wanting(&context, &removal).await?;
    if !wanting.is_empty() && !args.and_unwant {
        let sets = wanting.join(", ");
        bail!("{sets} of lake.toml still wants some of it; --and-unwant takes that out of the file first");
    }
    let certified = if args.break_certificates { Vec::new() } else { context.certified_of(&removal).await? };
    if let [first, ..] = &certified[..] {
        let many = many(certified.len() as u64, "partition");
        bail!(
            "a certificate of the lake names {many} of it, such as {first}; --break-certificates removes them too"
        );
    }
    if !args.yes {
        let next = format!("{} --yes", session.command);
        verdict(&format!("{objects}, {}; nothing was removed", size(removal.bytes())), Some(&next));
        return Ok(Outcome::Clean);
    }
    for name in &wanting {
        context.unwant(name).await?;
        note(&format!("{name} is no longer wanted"));
    }
    if args.forget {
        for name in forgotten(&context, &removal).await? {
            context.unwant(&name).await?;
            note(&format!("{name} is forgotten"));
        }
    }
    context.remove(&removal).await?;
    let is_fresh = refresh(&context).await?;
    verdict(&format!("removed: {objects}, {}", size(removal.bytes())), None);
    Ok(if is_fresh { Outcome::Clean } else { Outcome::NotClean })
}

fn request(args: &RmArgs) -> Result<RemovalRequest> {
    let Some(first) = args.start_date else {
        return Ok(RemovalRequest { runs: args.runs.clone(), ..RemovalRequest::default() });
    };
    let mut selection = args.filters.filter().of_lake(range(first, args.end_date)?)?;
    // A filter that is not set filters nothing.
    let has_candles = args.filters.data_types.is_empty();
    if has_candles {
        selection.data_types = DataType::ALL.to_vec();
    }
    if args.filters.instrument_types.is_empty() {
        selection.instrument_types = InstrumentType::ALL.to_vec();
    }
    let (runs, has_tables) = (args.runs.clone(), args.tables);
    Ok(RemovalRequest { selection: Some(selection), has_candles, has_tables, runs })
}

/// A line for each day, kind, venue and data type.
fn rows(removal: &Removal) -> Rows {
    let mut sums: BTreeMap<[String; 4], (u64, u64)> = BTreeMap::new();
    for object in &removal.objects {
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let place = [
            object.kind.to_owned(),
            or_none(object.day.map(|day| day.to_string())),
            or_none(object.key.as_ref().map(|key| key.venue().to_owned())),
            or_none(object.data_type.map(|data_type| data_type.to_string())),
        ];
        let (objects, bytes) = sums.entry(place).or_default();
        *objects += 1;
        *bytes += object.bytes;
    }
    let mut rows = Rows::new(&["kind", "day", "venue", "data_type", "objects", "bytes"]);
    let line = |(place, (objects, bytes)): ([String; 4], (u64, u64))| {
        place.into_iter().chain([objects.to_string(), bytes.to_string()]).collect()
    };
    rows.rows = sums.into_iter().map(line).collect();
    rows
}

/// The sets that want some of what would go.
async fn wanting(context: &Context, removal: &Removal) -> Result<Vec<String>> {
    let sets = context.chosen(&Narrowing::default()).await?.unwrap_or_default();
    let wants = |selection: &Selection| removal.objects.iter().any(|object| object.is_of(selection));
    Ok(sets.into_iter().filter(|chosen| wants(&chosen.selection)).map(|chosen| chosen.name).collect())
}

/// What was asked for and would go.
async fn forgotten(context: &Context, removal: &Removal) -> Result<Vec<String>> {
    let asked = context.asked(&Narrowing::default()).await?.unwrap_or_default().asked;
    let goes = |selection: &Selection| removal.objects.iter().any(|object| object.is_of(selection));
    let mut names: Vec<String> =
        asked.into_iter().filter(|one| goes(&one.selection)).map(|one| one.name).collect();
    names.dedup();
    Ok(names)
}
