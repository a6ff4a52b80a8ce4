//! Which objects of the lake a replay reads, day after day, and whether they are all there.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use mtdh_engine::query::{Chosen, ChosenObject, ReadRequest, TickTable};
use mtdh_engine::{Context, DataType, Day};

use super::error::ReplayError;
use super::kind::{BookRule, Kind, Wanted};
use super::names::{self, Instruments};
use super::options::Replay;
use super::session::Named;

/// Objects that one request may read.
const MOST_OBJECTS: usize = 50_000;
/// Objects of one day, all of which are open at the same time.
const MOST_OF_DAY: usize = 10_000;

/// A replay whose objects are all there.
#[derive(Debug)]
pub(super) struct Plan {
    /// Exchange and data types of each object of `options`.
    pub(super) options: Vec<(String, Vec<Wanted>)>,
    /// What is read, day after day. Of a day in the order that decides between rows of the same microsecond: by object of
    /// `options`, then type of message, then instrument key.
    pub(super) days: Vec<Vec<FeedPlan>>,
}

/// An object that is read.
#[derive(Debug)]
pub(super) struct FeedPlan {
    /// The place in `options`.
    pub(super) option: usize,
    /// What its rows become.
    pub(super) kind: Kind,
    /// The data type of its rows.
    pub(super) table: DataType,
    /// Arrival, microseconds since the Unix epoch, UTC; the end is excluded.
    pub(super) within_us: Range<i64>,
    /// How messages name the instrument.
    pub(super) named: Arc<Named>,
    /// The object.
    pub(super) object: ChosenObject,
}

/// Plans a replay, whose objects have so many bytes at most. Reads instrument tables, and no rows.
///
/// # Errors
/// When an exchange or a symbol is unknown, the vendor has no such data, the lake lacks a part of it, or it is too much.
pub(super) async fn plan(
    context: &Context,
    replays: &[Replay],
    most_bytes: u64,
) -> Result<Plan, ReplayError> {
    let found = names::find(context, replays).await?;
    let mut of_day: BTreeMap<Day, Vec<FeedPlan>> = BTreeMap::new();
    let (mut objects, mut bytes) = (0, 0_u64);
    for (option, (replay, instruments)) in replays.iter().zip(&found).enumerate() {
        let mut sources = needed(&replay.wanted);
        sources.sort();
        for kind in sources {
            let (kind, table, chosen) = source(context, replay, instruments, kind).await?;
            for object in chosen.objects {
                let named = instruments.of_day.get(&object.day).and_then(|of_day| of_day.get(&object.key));
                let Some(named) = named.cloned() else { continue };
                objects += 1;
                bytes = bytes.saturating_add(object.entry.bytes);
                let within_us = replay.within_us.clone();
                of_day.entry(object.day).or_default().push(FeedPlan {
                    option,
                    kind,
                    table,
                    within_us,
                    named,
                    object,
                });
            }
            if bytes > most_bytes {
                return Err(ReplayError::TooMuch(format!(
                    "the stored objects have {bytes} bytes, and an answer may read {most_bytes}: ask for fewer days or symbols"
                )));
            }
            let most = of_day.values().map(Vec::len).max().unwrap_or(0);
            if objects > MOST_OBJECTS || most > MOST_OF_DAY {
                return Err(ReplayError::TooMuch(format!(
                    "the replay would read {objects} objects, {most} of them of one day; one request reads at most \
                     {MOST_OBJECTS}, and {MOST_OF_DAY} of a day: ask for fewer days or symbols"
                )));
            }
        }
    }
    let options = replays.iter().map(|replay| (replay.exchange.clone(), replay.wanted.clone())).collect();
    Ok(Plan { options, days: of_day.into_values().collect() })
}

/// What has to be read for what is wanted.
pub(super) fn needed(wanted: &[Wanted]) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = Vec::new();
    let is_book = |one: &Wanted| matches!(one, Wanted::Book(_));
    let has_changes = wanted.contains(&Wanted::Stored(Kind::BookChange));
    for one in wanted {
        let kind = match one {
            Wanted::Stored(kind) => *kind,
            Wanted::Bars(_) => Kind::Trade,
            Wanted::Book(_) if has_changes => Kind::BookChange,
            Wanted::Book(_) => Kind::BookSnapshot,
        };
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    debug_assert!(!kinds.contains(&Kind::BookSnapshot) || wanted.iter().any(is_book));
    kinds
}

/// Where a kind of message comes from. Snapshots are computed from the changes of the book if the lake has them all, else taken
/// from stored snapshots that are deep enough.
async fn source(
    context: &Context,
    replay: &Replay,
    instruments: &Instruments,
    kind: Kind,
) -> Result<(Kind, DataType, Chosen), ReplayError> {
    let candidates = match kind {
        Kind::BookSnapshot => tables_of_books(&replay.wanted),
        kind => vec![kind.data_type()],
    };
    let mut first_missing = None;
    for table in candidates.iter().copied().filter(|table| instruments.data_types.contains(table)) {
        let chosen = choose(context, replay, instruments, table).await?;
        match missing(&chosen, instruments, table) {
            None => {
                let is_computed = table == DataType::IncrementalBookL2;
                let kind = if is_computed { Kind::BookChange } else { kind };
                return Ok((kind, table, chosen));
            }
            Some(error) => drop(first_missing.get_or_insert(error)),
        }
    }
    match first_missing {
        Some(error) => Err(error),
        None if instruments.of_day.is_empty() => Ok((kind, kind.data_type(), Chosen::default())),
        None => Err(ReplayError::Invalid(format!(
            "the vendor has no {} of {} on these days, of which {} messages are made",
            candidates.iter().map(|table| table.name()).collect::<Vec<_>>().join(", "),
            words(replay),
            kind.name()
        ))),
    }
}

/// The tables that snapshots can be made of, the best first.
pub(super) fn tables_of_books(wanted: &[Wanted]) -> Vec<DataType> {
    let rules = || {
        wanted.iter().filter_map(|one| match one {
            Wanted::Book(rule) => Some(rule),
            _ => None,
        })
    };
    let depth = rules().map(|rule: &BookRule| rule.depth).max().unwrap_or(0);
    let is_grouped = rules().any(|rule| rule.grouping.is_some());
    let stored = [(DataType::Quotes, 1), (DataType::BookSnapshot5, 5), (DataType::BookSnapshot25, 25)];
    let fit = stored.into_iter().filter(|(_, levels)| !is_grouped && depth <= *levels);
    std::iter::once(DataType::IncrementalBookL2).chain(fit.map(|(table, _)| table)).collect()
}

async fn choose(
    context: &Context,
    replay: &Replay,
    instruments: &Instruments,
    table: DataType,
) -> Result<Chosen, ReplayError> {
    let mut texts: Vec<String> = Vec::new();
    let keys = || instruments.of_day.values().flat_map(BTreeMap::keys);
    match replay.symbols {
        Some(_) => texts.extend(keys().map(ToString::to_string)),
        // A listing of each day costs less than a look for each of the instruments.
        None => texts.extend(
            keys().flat_map(|key| [format!("{}:*", key.venue()), format!("{}:COMBO:*", key.venue())]),
        ),
    }
    texts.sort();
    texts.dedup();
    if texts.is_empty() {
        return Ok(Chosen::default());
    }
    let request = ReadRequest::new(TickTable::Ticks(table), texts, replay.within_us.clone());
    let chosen = context.choose(&request).await;
    chosen.map_err(|error| ReplayError::reading(&format!("{table} of {}", words(replay)), error))
}

/// That the lake lacks something that it should have; `None`: it lacks nothing.
fn missing(chosen: &Chosen, instruments: &Instruments, table: DataType) -> Option<ReplayError> {
    let mut lacking = chosen.missing.iter().filter_map(|missing| {
        let of_day = instruments.of_day.get(&missing.day)?;
        let (key, named) = of_day.iter().find(|(key, _)| key.as_str() == missing.instrument)?;
        Some((missing.day, key, named))
    });
    let (day, key, named) = lacking.next()?;
    let more = match lacking.count() {
        0 => String::new(),
        more => format!(", nor {more} more of what the replay needs"),
    };
    let symbol = &named.symbol;
    Some(ReplayError::Missing(format!(
        "the lake does not have {table} of {symbol} ({key}) on {day}{more}; on the server, `mtdh download` brings it; or ask for \
         other days, symbols or data types"
    )))
}

/// The instruments of a replay in words.
fn words(replay: &Replay) -> String {
    match &replay.symbols {
        None => replay.exchange.clone(),
        Some(symbols) if symbols.len() > 5 => format!("{} symbols of {}", symbols.len(), replay.exchange),
        Some(symbols) => format!("{} {}", replay.exchange, symbols.join(", ")),
    }
}
