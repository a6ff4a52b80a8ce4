//! What a day of several sessions lacks, and what it had nothing of: the table of gaps, and objects without rows.

use std::collections::{BTreeMap, BTreeSet};

use mtdh_core::day::DAY_US;
use mtdh_core::footer::{PartitionFooter, Provenance, Recording, Tally};
use mtdh_core::partition::{Origin, Partition, Status};
use mtdh_core::table::SCHEMA_VERSION;
use mtdh_core::venue::exchange_of_venue;
use mtdh_core::{DataType, Day};
use mtdh_lake::live::{NOTHING_CAME, Piece, SegmentName, SessionId, Span, lacking};
use mtdh_lake::tables::gaps::GapRow;
use mtdh_lake::write::PartitionWriter;
use mtdh_lake::{Lake, WriteMode};

use super::LiveError;
use super::candles::gaps::is_about;
use super::parts::{FEED_VERSION, proof};
use super::plan::{Keys, SessionPlan};
use super::player::sessions_of_day;
use crate::EngineError;

/// What each session has of the partitions of a day that several recorded.
pub(super) type Spans = BTreeMap<Partition, Vec<(SessionId, Span)>>;

/// The gaps of a day that none of its sessions fills: each is narrowed to what all lack, or left out. What goes on, what has no length and
/// what no partition of several sessions is about stays.
pub(super) fn narrowed(rows: Vec<GapRow>, spans: &Spans) -> Vec<GapRow> {
    rows.into_iter().filter_map(|row| narrowed_one(row, spans)).collect()
}

fn narrowed_one(row: GapRow, spans: &Spans) -> Option<GapRow> {
    if row.to_us <= row.from_us {
        return Some(row);
    }
    let is_meant = |partition: &&Partition| {
        let symbol = row.symbol.as_deref().unwrap_or_default();
        row.data_type.is_none_or(|of| of == partition.data_type) && is_about(&row, &partition.key, symbol)
    };
    let mut rest: Option<(i64, i64)> = None;
    let mut is_of_any = false;
    for (_, sessions) in spans.iter().filter(|(partition, _)| is_meant(partition)) {
        is_of_any = true;
        let others = sessions.iter().filter(|(session, _)| session.as_str() != row.session);
        let others: Vec<&Span> = others.map(|(_, span)| span).collect();
        for (from, to) in lacking((row.from_us, row.to_us), &others) {
            let hull = rest.get_or_insert((from, to));
            *hull = (hull.0.min(from), hull.1.max(to));
        }
    }
    match rest {
        _ if !is_of_any => Some(row),
        None => None,
        Some((from, to)) if (from, to) == (row.from_us, row.to_us) => Some(row),
        Some((from_us, to_us)) => {
            // Ids and counts are of the whole, of which another session has a part.
            let detail = format!("{} another session has the rest", row.detail).trim().to_owned();
            Some(GapRow { from_us, to_us, from_id: None, to_id: None, missing: None, detail, ..row })
        }
    }
}

/// Narrows the tables of gaps of a day to what it lacks, where several sessions recorded the same. Before their parts are joined, as they
/// say what each has.
///
/// # Errors
/// When the lake cannot be used.
pub(super) async fn narrow_gaps(lake: &Lake, day: Day, partitions: &[Partition]) -> Result<(), EngineError> {
    let mut by_exchange: BTreeMap<String, Spans> = BTreeMap::new();
    let mut alone: BTreeSet<String> = BTreeSet::new();
    for partition in partitions {
        let spans = lake.spans(partition).await?;
        let exchange = exchange_of_venue(partition.key.venue());
        if spans.is_empty() {
            alone.insert(exchange);
        } else {
            by_exchange.entry(exchange).or_default().insert(partition.clone(), spans);
        }
    }
    for (exchange, mut spans) in by_exchange {
        // What one session alone has, no other fills.
        let is_alone = |partition: &&Partition| {
            exchange_of_venue(partition.key.venue()) == exchange && !spans.contains_key(partition)
        };
        let of_one: Vec<Partition> = match alone.contains(&exchange) {
            true => partitions.iter().filter(is_alone).cloned().collect(),
            false => Vec::new(),
        };
        spans.extend(of_one.into_iter().map(|partition| (partition, Vec::new())));
        lake.change_gaps(day, &exchange, |rows| narrowed(rows, &spans)).await?;
    }
    Ok(())
}

/// A session, as far as its captures are in the lake.
struct Known {
    session: SessionId,
    plan: SessionPlan,
    plan_hash: String,
    /// Arrivals of its first and last line.
    range: (i64, i64),
}

async fn known(lake: &Lake, exchange: &str, day: Day) -> Result<Vec<Known>, EngineError> {
    let mut all = Vec::new();
    for (session, _) in sessions_of_day(lake, exchange, day).await? {
        let mut names: Vec<SegmentName> = Vec::new();
        for near in [day.previous(), day, day.next()] {
            let listed = lake.list_segments(exchange, near).await?;
            names.extend(listed.into_iter().map(|(name, _)| name).filter(|name| name.session == session));
        }
        names.sort();
        let (Some(first), Some(last)) = (names.first(), names.last()) else { continue };
        let Some(mut reader) = lake.read_segment(last).await? else { continue };
        let header = reader.header().session.clone();
        let unread = || LiveError::Plan { session: session.to_string() };
        let plan = SessionPlan::parse(&header.plan).ok_or_else(unread)?;
        let mut end = last.start_us;
        // A segment that began after the day says enough.
        while end < day.end_us() {
            let failed = |source| LiveError::Capture { exchange: exchange.to_owned(), source };
            match reader.next().map_err(failed)? {
                Some(Piece::Line(_, line)) => end = line.arrived,
                Some(Piece::Lost(_)) => {}
                None => break,
            }
        }
        let plan_hash = header.plan_hash();
        all.push(Known { session, plan, plan_hash, range: (first.start_us, end) });
    }
    Ok(all)
}

/// The partitions that a day's sessions were subscribed to, with those sessions that had each.
pub(super) type Subscribed = BTreeMap<Partition, Vec<Subscription>>;

/// A session's subscription to a partition.
#[derive(Clone, Debug)]
pub(super) struct Subscription {
    /// The symbol as the exchange writes it.
    pub symbol: String,
    session: SessionId,
    plan_hash: String,
    /// Arrivals of the session's first and last line.
    pub range: (i64, i64),
}

/// What the sessions of a day were subscribed to, by their captures. Of options nobody knows before they come.
///
/// # Errors
/// When the lake cannot be read, or a plan is of another program.
pub(super) async fn subscribed(lake: &Lake, exchange: &str, day: Day) -> Result<Subscribed, EngineError> {
    let mut all = Subscribed::new();
    for of in known(lake, exchange, day).await? {
        let mut keys = Keys::of(&of.plan);
        let types = of.plan.want().data_types;
        for data_type in types.into_iter().filter(|of| *of != DataType::OptionsChain) {
            for symbol in &of.plan.symbols {
                let partition = Partition { day, data_type, key: keys.key(symbol) };
                all.entry(partition).or_default().push(Subscription {
                    symbol: symbol.clone(),
                    session: of.session.clone(),
                    plan_hash: of.plan_hash.clone(),
                    range: of.range,
                });
            }
        }
    }
    Ok(all)
}

/// Whether sessions cover a day without a break: each begins before the one before it ends.
pub(super) fn cover(day: Day, ranges: &[(i64, i64)]) -> bool {
    let mut ranges = ranges.to_vec();
    ranges.sort_unstable();
    let mut reached = day.start_us();
    for (from, to) in ranges {
        if from <= reached {
            reached = reached.max(to);
        }
    }
    reached >= day.start_us() + DAY_US
}

/// What of a day's gaps is about a partition. Moments at which the clock was set lose nothing.
pub(super) fn gaps_of<'a>(
    rows: &'a [GapRow],
    partition: &'a Partition,
    symbol: &'a str,
) -> impl Iterator<Item = &'a GapRow> {
    rows.iter().filter(move |row| {
        row.data_type.is_none_or(|of| of == partition.data_type)
            && is_about(row, &partition.key, symbol)
            && row.kind != "clock"
            && (row.kind != "refused" || row.symbol.is_some() || names(&row.detail, symbol))
    })
}

/// Whether the words of a refusal name a symbol.
fn names(detail: &str, symbol: &str) -> bool {
    detail.to_ascii_lowercase().contains(&symbol.to_ascii_lowercase())
}

/// The gaps that touch a day: its own, and those of the day before that go on.
///
/// # Errors
/// When the lake cannot be read.
pub(super) async fn gaps_touching(lake: &Lake, exchange: &str, day: Day) -> Result<Vec<GapRow>, EngineError> {
    let mut rows = lake.gaps(day.previous(), exchange).await?;
    rows.retain(|row| row.to_us > day.start_us());
    rows.extend(lake.gaps(day, exchange).await?);
    Ok(rows)
}

/// Makes the objects of partitions that were subscribed to all of a day that is over and of which nothing came: `empty`, as of a file of
/// the vendor without rows. Where a gap is about one, nothing says that nothing was there, and it has no object. `of` has the captures,
/// `to` gets the objects. Which were made, or were there.
///
/// # Errors
/// When the lake cannot be used.
pub(super) async fn make_empty(
    of: &Lake,
    to: &Lake,
    exchange: &str,
    day: Day,
) -> Result<Vec<Partition>, EngineError> {
    let mut gaps = gaps_touching(to, exchange, day).await?;
    gaps.extend(gaps_touching(of, exchange, day).await?);
    let live = to.with_origin(Origin::Live);
    let mut empty = Vec::new();
    let subscribed = subscribed(of, exchange, day).await?;
    let with_rows = with_rows(to, exchange, &subscribed, day).await?;
    for (partition, mut sessions) in subscribed {
        // One that wrote captures only has no rows of anything.
        sessions.retain(|of| with_rows.contains(of.session.as_str()));
        let Some(last) = sessions.last() else { continue };
        let ranges: Vec<(i64, i64)> = sessions.iter().map(|of| of.range).collect();
        if !cover(day, &ranges) || gaps_of(&gaps, &partition, &last.symbol).next().is_some() {
            continue;
        }
        if let Some(stored) = live.partition_entry(&partition).await? {
            if live.footer(&stored).await?.facts.status == Status::Empty {
                empty.push(partition);
            }
            continue;
        }
        if !to.list_parts(&partition).await?.is_empty() {
            continue;
        }
        let object = empty_object(to, exchange, &partition, &sessions)?;
        live.publish_partition(&partition, object, WriteMode::Create).await?;
        empty.push(partition);
    }
    Ok(empty)
}

/// The sessions that made rows of anything on a day.
async fn with_rows(
    lake: &Lake,
    exchange: &str,
    subscribed: &Subscribed,
    day: Day,
) -> Result<BTreeSet<String>, EngineError> {
    let all: BTreeSet<&str> = subscribed.values().flatten().map(|of| of.session.as_str()).collect();
    let (live, mut found) = (lake.with_origin(Origin::Live), BTreeSet::new());
    for data_type in DataType::ALL {
        if found.len() == all.len() {
            break;
        }
        let is_of = |partition: &Partition| exchange_of_venue(partition.key.venue()) == exchange;
        let parts = lake.list_parts_of_day(day, data_type).await?.into_iter();
        found.extend(
            parts.filter(|(part, _)| is_of(&part.partition)).map(|(part, _)| part.session.to_string()),
        );
        for (partition, entry) in live.list_partitions(day, data_type).await? {
            if found.len() == all.len() {
                break;
            }
            if is_of(&partition) {
                let footer = live.footer(&entry).await?;
                let recording = footer.facts.provenance.recording();
                let sessions = recording.map(|of| of.session.as_str()).unwrap_or_default();
                found.extend(sessions.split('+').filter(|one| all.contains(one)).map(str::to_owned));
            }
        }
    }
    Ok(found)
}

fn empty_object(
    lake: &Lake,
    exchange: &str,
    partition: &Partition,
    sessions: &[Subscription],
) -> Result<mtdh_lake::stage::StagedObject, EngineError> {
    let day = partition.day;
    let names: Vec<&str> = sessions.iter().map(|of| of.session.as_str()).collect();
    let last = sessions.last();
    let recording = Recording {
        feed: exchange.to_owned(),
        exchange: exchange.to_owned(),
        symbol: last.map(|of| of.symbol.clone()).unwrap_or_default(),
        session: names.join("+"),
        ranges: vec![(day.start_us(), day.end_us())],
        feed_version: FEED_VERSION,
        plan_hash: last.map(|of| of.plan_hash.clone()).unwrap_or_default(),
        proof: mtdh_source::live::venues::find(exchange).and_then(|venue| proof(venue, partition.data_type)),
        ..Recording::default()
    };
    let footer = PartitionFooter {
        partition: partition.clone(),
        status: Status::Empty,
        reason: Some(NOTHING_CAME.to_owned()),
        provenance: Provenance::Recording(recording),
        tally: Tally::default(),
        schema_version: SCHEMA_VERSION,
    };
    let failed = |source| EngineError::Live(LiveError::Encode { partition: partition.clone(), source });
    let table = partition.data_type.table();
    let writer = PartitionWriter::new(table, &partition.key, lake.stage()?).map_err(failed)?;
    Ok(writer.finish(&footer).map_err(failed)?.out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "BINANCE:SPOT_PAIR:BTC-USDT";

    fn partition(data_type: DataType) -> Partition {
        Partition { day: "2024-03-01".parse().unwrap(), data_type, key: KEY.parse().unwrap() }
    }

    fn row(session: &str, from_us: i64, to_us: i64, data_type: Option<DataType>) -> GapRow {
        GapRow {
            session: session.to_owned(),
            from_us,
            kind: "sequence".to_owned(),
            connection: None,
            symbol: data_type.map(|_| "BTCUSDT".to_owned()),
            data_type,
            key: data_type.map(|_| KEY.parse().unwrap()),
            to_us,
            from_id: Some("1".to_owned()),
            to_id: Some("9".to_owned()),
            missing: Some(7),
            is_proven: true,
            detail: String::new(),
        }
    }

    fn spans(of: &[(DataType, &[(&str, i64, i64)])]) -> Spans {
        let one = |(session, first, last): &(&str, i64, i64)| {
            (session.parse().unwrap(), Span { first: *first, last: *last, gaps: Vec::new() })
        };
        of.iter().map(|(of, sessions)| (partition(*of), sessions.iter().map(one).collect())).collect()
    }

    #[test]
    fn a_gap_that_another_session_fills_is_none_of_the_day() {
        let trades = Some(DataType::Trades);
        let two = spans(&[(DataType::Trades, &[("a", 0, 100), ("b", 20, 60)])]);
        let book_too =
            spans(&[(DataType::Trades, &[("a", 0, 100), ("b", 20, 60)]), (DataType::IncrementalBookL2, &[])]);
        for (name, row, spans, expected) in [
            ("filled", row("a", 30, 40, trades), &two, Some((30, 40, false))),
            ("a part of it is filled", row("a", 50, 70, trades), &two, Some((60, 70, true))),
            ("its own session fills nothing", row("b", 70, 80, trades), &two, None),
            ("of all of a connection", row("a", 30, 40, None), &two, Some((30, 40, false))),
            (
                "of all, and one type is of one session",
                row("a", 30, 40, None),
                &book_too,
                Some((30, 40, true)),
            ),
            ("goes on", row("a", 30, 30, trades), &two, Some((30, 30, true))),
            ("of what one session has", row("a", 30, 40, Some(DataType::Quotes)), &two, Some((30, 40, true))),
        ] {
            let (from, to) = (row.from_us, row.to_us);
            let found: Vec<(i64, i64)> =
                narrowed(vec![row], spans).iter().map(|row| (row.from_us, row.to_us)).collect();
            let expected = match expected {
                Some((from, to, true)) => vec![(from, to)],
                Some(_) => vec![],
                // Of `a`, which has it.
                None => vec![],
            };
            assert_eq!(found, expected, "{name}: {from} to {to}");
        }
    }

    #[test]
    fn narrowing_again_changes_nothing() {
        let two = spans(&[(DataType::Trades, &[("a", 0, 100), ("b", 20, 60)])]);
        let once = narrowed(vec![row("a", 50, 70, Some(DataType::Trades))], &two);
        assert_eq!(once[0].detail, "another session has the rest");
        assert_eq!(narrowed(once.clone(), &two), once);
    }

    #[test]
    fn a_day_is_covered_without_a_break() {
        let day: Day = "2024-03-01".parse().unwrap();
        let (start, end) = (day.start_us(), day.end_us());
        for (ranges, expected) in [
            (vec![(start - 5, end)], true),
            (vec![(start + 1, end + 1)], false),
            (vec![(start - 5, end - 1)], false),
            (vec![(start + 50, end + 9), (start, start + 60)], true),
            (vec![(start - 1, start + 50), (start + 51, end)], false),
            (vec![], false),
        ] {
            assert_eq!(cover(day, &ranges), expected, "{ranges:?}");
        }
    }
}
