//! Live rows against the vendor's: every planted difference is listed with its cause, and nothing else.

use std::collections::BTreeSet;

use mtdh_core::book::{LevelChange, OrderBook};
use mtdh_core::footer::{PartitionFooter, Provenance, Recording, SourceFile, Tally};
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::{Origin, Partition, Status};
use mtdh_core::table::SCHEMA_VERSION;
use mtdh_core::{DataType, Day, DayRange};
use mtdh_engine::Selection;
use mtdh_engine::judgement::Judgement;
use mtdh_engine::live::compare::run::{CompareReport, compare};
use mtdh_engine::live::compare::{Cause, Kind};
use mtdh_lake::WriteMode;
use mtdh_lake::tables::gaps::GapRow;
use mtdh_lake::write::PartitionWriter;
use proptest::prelude::*;

use crate::candle_support::Market;
use crate::lake_support::HandMade;
use crate::stream_ticks::batch;

const DAY: &str = "2024-02-29";
const KEY: &str = "BINANCE-FUTURES:PERP:BTC-USDT";
const TYPES: [DataType; 5] = [
    DataType::Trades,
    DataType::IncrementalBookL2,
    DataType::BookSnapshot5,
    DataType::DerivativeTicker,
    DataType::BookTicker,
];

fn day() -> Day {
    DAY.parse().unwrap()
}

fn key() -> InstrumentKey {
    KEY.parse().unwrap()
}

/// A day of one instrument on both sides, as the vendor writes its lines, without header rows.
#[derive(Clone)]
struct Pair {
    vendor: Vec<(DataType, Vec<String>)>,
    live: Vec<(DataType, Vec<String>)>,
    gaps: Vec<GapRow>,
    ranges: Vec<(i64, i64)>,
}

/// The cells of a line.
fn cells(line: &str) -> Vec<String> {
    line.split(',').map(str::to_owned).collect()
}

fn cell(line: &str, place: usize) -> i64 {
    cells(line)[place].parse().unwrap()
}

const TIME: usize = 2;
const ARRIVAL: usize = 3;

impl Pair {
    /// Equal rows, the live ones 3 ms later than the vendor's.
    fn new(types: &[DataType]) -> Pair {
        let market = Market::new("binance-futures", "BTCUSDT", DAY, types);
        let bare = |(data_type, lines): &(DataType, Vec<String>)| (*data_type, lines[1..].to_vec());
        let vendor: Vec<_> = market.files.iter().map(bare).collect();
        assert_eq!(vendor.len(), types.len());
        let mut pair = Pair { live: vendor.clone(), vendor, gaps: Vec::new(), ranges: Vec::new() };
        for (_, lines) in &mut pair.live {
            for line in lines {
                let later = cell(line, ARRIVAL) + 3_000;
                set(line, ARRIVAL, &later.to_string());
            }
        }
        pair
    }

    fn lines(&mut self, data_type: DataType) -> &mut Vec<String> {
        &mut self.live.iter_mut().find(|(of, _)| *of == data_type).unwrap().1
    }

    /// Says that something was lost between two arrivals.
    fn gap(&mut self, data_type: Option<DataType>, from_us: i64, to_us: i64) {
        self.gaps.push(GapRow {
            session: "s".to_owned(),
            from_us,
            kind: "sequence".to_owned(),
            connection: Some(0),
            symbol: Some("btcusdt".to_owned()),
            data_type,
            key: None,
            to_us,
            from_id: None,
            to_id: None,
            missing: None,
            is_proven: true,
            detail: String::new(),
        });
    }

    /// Puts both sides into a lake and compares them.
    async fn compare(&self) -> (CompareReport, HandMade) {
        let lake = HandMade::new();
        for (origin, side) in [(Origin::Vendor, &self.vendor), (Origin::Live, &self.live)] {
            for (data_type, lines) in side {
                self.publish(&lake, origin, *data_type, lines).await;
            }
        }
        lake.lake.add_gaps(day(), "binance-futures", &self.gaps).await.unwrap();
        let selection = Selection {
            days: DayRange::new(day(), day()).unwrap(),
            venues: Vec::new(),
            instrument_types: Vec::new(),
            data_types: DataType::ALL.to_vec(),
            patterns: Vec::new(),
            max_instruments: None,
        };
        (compare(&lake.lake, day(), &selection, &Default::default()).await.unwrap(), lake)
    }

    async fn publish(&self, lake: &HandMade, origin: Origin, data_type: DataType, lines: &[String]) {
        let lake = lake.lake.with_origin(origin);
        let partition = Partition { day: day(), data_type, key: key() };
        let range = |place: usize| {
            let all = || lines.iter().map(|line| cell(line, place));
            all().min().zip(all().max())
        };
        let provenance = match origin {
            Origin::Vendor => {
                Provenance::VendorFile(SourceFile { path: "f".to_owned(), ..SourceFile::default() })
            }
            Origin::Live => Provenance::Recording(Recording {
                exchange: "binance-futures".to_owned(),
                symbol: "BTCUSDT".to_owned(),
                session: "s".to_owned(),
                ranges: self.ranges.clone(),
                ..Recording::default()
            }),
        };
        let status = if lines.is_empty() { Status::Empty } else { Status::Stored };
        let facts = PartitionFooter {
            partition: partition.clone(),
            status,
            reason: None,
            provenance,
            tally: Tally {
                rows_in: lines.len() as u64,
                rows_out: lines.len() as u64,
                timestamp: range(TIME),
                local_timestamp: range(ARRIVAL),
                ..Tally::default()
            },
            schema_version: SCHEMA_VERSION,
        };
        let mut writer = PartitionWriter::new(data_type.table(), &key(), lake.stage().unwrap()).unwrap();
        if !lines.is_empty() {
            writer.write(batch(data_type, lines).columns().to_vec()).unwrap();
        }
        let stage = writer.finish(&facts).unwrap().out;
        lake.publish(&lake.partition_path(&partition), stage, WriteMode::Overwrite).await.unwrap();
    }
}

fn set(line: &mut String, place: usize, text: &str) {
    let mut all = cells(line);
    text.clone_into(&mut all[place]);
    *line = all.join(",");
}

/// Data type, kind, field and cause of every difference.
fn found(report: &CompareReport) -> Vec<(DataType, Kind, String, Cause)> {
    assert!(report.left.is_empty(), "{:?}", report.left);
    let of = |c: &mtdh_engine::live::compare::run::Compared| {
        let data_type = c.partition.data_type;
        let all = c.differences.iter().map(move |d| (data_type, d.kind, d.field.clone(), d.cause));
        assert_eq!(c.counts.by_cause.iter().sum::<u64>() as usize, c.differences.len(), "listed is counted");
        all.collect::<Vec<_>>()
    };
    report.compared.iter().flat_map(of).collect()
}

#[tokio::test]
async fn equal_sides_are_clean_and_the_lake_keeps_what_was_compared() {
    let (report, lake) = Pair::new(&TYPES).compare().await;
    assert_eq!(found(&report), []);
    assert_eq!(report.judgement(), Judgement::Clean);
    assert_eq!(report.compared.len(), TYPES.len());
    for compared in &report.compared {
        let counts = compared.counts;
        assert!(counts.compared > 100 && counts.compared == counts.equal, "{compared:?}");
        assert_eq!(counts.alone, [0, 0]);
    }
    let lines = report.lines(7);
    lake.lake.update_comparisons(day(), &lines).await.unwrap();
    lake.lake.update_comparisons(day(), &lines).await.unwrap();
    let mut kept = lake.lake.comparisons(day()).await.unwrap().unwrap();
    let order =
        |line: &mtdh_lake::tables::comparisons::ComparisonLine| (line.data_type, line.difference.is_some());
    kept.sort_by_key(order);
    let mut lines = lines;
    lines.sort_by_key(order);
    assert_eq!(kept, lines);
}

#[tokio::test]
async fn nothing_to_compare_is_not_clean() {
    let mut pair = Pair::new(&[DataType::Trades]);
    pair.vendor.clear();
    let (report, _) = pair.compare().await;
    assert_eq!((report.compared.len(), report.left.len(), report.judgement()), (0, 1, Judgement::NotClean));
    // Neither side has a row.
    let mut pair = Pair::new(&[DataType::Trades]);
    pair.vendor[0].1.clear();
    pair.live[0].1.clear();
    assert_eq!(pair.compare().await.0.judgement(), Judgement::NotClean);
}

#[tokio::test]
async fn each_plant_has_its_cause() {
    type Plant = fn(&mut Pair);
    type Case = (&'static str, Plant, Vec<(DataType, Kind, &'static str, Cause)>);
    use Cause::{Clock, Gap, OtherChannel, Repeated, Unexplained};
    use DataType::{BookSnapshot5, DerivativeTicker, IncrementalBookL2, Trades};
    let cases: Vec<Case> = vec![
        (
            "a trade is lost",
            |pair| _ = pair.lines(Trades).remove(50),
            vec![(Trades, Kind::OnlyVendor, "", Unexplained)],
        ),
        (
            "a trade is lost, and a gap says so",
            |pair| {
                let at = cell(&pair.lines(Trades).remove(50), ARRIVAL);
                pair.gap(Some(Trades), at - 1_000, at + 1_000);
            },
            vec![(Trades, Kind::OnlyVendor, "", Gap)],
        ),
        (
            "a trade is lost in the gap of a whole connection",
            |pair| {
                let at = cell(&pair.lines(Trades).remove(50), ARRIVAL);
                pair.gap(None, at - 1_000, at + 1_000);
                pair.gaps[0].symbol = None;
            },
            vec![(Trades, Kind::OnlyVendor, "", Gap)],
        ),
        (
            "a gap of another instrument explains nothing",
            |pair| {
                let at = cell(&pair.lines(Trades).remove(50), ARRIVAL);
                pair.gap(Some(Trades), at - 1_000, at + 1_000);
                pair.gaps[0].symbol = Some("ethusdt".to_owned());
            },
            vec![(Trades, Kind::OnlyVendor, "", Unexplained)],
        ),
        (
            "a price is wrong",
            |pair| set(&mut pair.lines(Trades)[60], 6, "1.5"),
            vec![(Trades, Kind::Value, "price", Unexplained)],
        ),
        (
            "a gap does not explain a wrong value",
            |pair| {
                let at = cell(&pair.lines(Trades)[60], ARRIVAL);
                set(&mut pair.lines(Trades)[60], 7, "77");
                pair.gap(None, at - 1_000, at + 1_000);
            },
            vec![(Trades, Kind::Value, "amount", Unexplained)],
        ),
        (
            "a time is shifted",
            |pair| {
                let at = cell(&pair.lines(Trades)[61], TIME) - 5_000_000;
                set(&mut pair.lines(Trades)[61], TIME, &at.to_string());
            },
            vec![(Trades, Kind::Value, "timestamp", Unexplained)],
        ),
        (
            "a row too many",
            |pair| {
                let mut extra = pair.lines(Trades)[70].clone();
                set(&mut extra, 4, "999999999999");
                pair.lines(Trades).insert(71, extra);
            },
            vec![(Trades, Kind::OnlyLive, "", Unexplained)],
        ),
        (
            "a trade that was sent again",
            |pair| {
                let again = pair.lines(Trades)[70].clone();
                pair.lines(Trades).insert(71, again);
            },
            vec![(Trades, Kind::OnlyLive, "", Repeated)],
        ),
        (
            "the first trade of the day is lost at its edge",
            |pair| {
                let at = day().start_us() + 1_000;
                for side in [&mut pair.live, &mut pair.vendor] {
                    set(&mut side[0].1[0], ARRIVAL, &at.to_string());
                }
                pair.lines(Trades).remove(0);
            },
            vec![(Trades, Kind::OnlyVendor, "", Clock)],
        ),
        (
            "a ticker is stale",
            |pair| {
                let lines = pair.lines(DerivativeTicker);
                let from = cell(&lines[20], TIME);
                lines.retain(|line| !(from..from + 60_000_000).contains(&cell(line, TIME)));
            },
            vec![(DerivativeTicker, Kind::State, "mark_price", Unexplained)],
        ),
        (
            "open interest was asked for at another time",
            |pair| set(&mut pair.lines(DerivativeTicker)[30], 7, "123456"),
            vec![(DerivativeTicker, Kind::State, "open_interest", OtherChannel)],
        ),
        (
            "a level of a snapshot is wrong",
            |pair| {
                let last = pair.lines(BookSnapshot5).len() / 2;
                // All of a second, as only its last one counts.
                let second = cell(&pair.lines(BookSnapshot5)[last], TIME) / 1_000_000;
                for line in pair.lines(BookSnapshot5) {
                    if cell(line, TIME) / 1_000_000 == second {
                        set(line, 4, "1.5");
                    }
                }
            },
            vec![(BookSnapshot5, Kind::State, "", Unexplained)],
        ),
        (
            "an amount in the book is wrong until it changes",
            |pair| book_level(pair, "0.123"),
            vec![(IncrementalBookL2, Kind::BookTop, "", Unexplained)],
        ),
        (
            "the same, and a gap says so",
            |pair| {
                book_level(pair, "0.123");
                let lines = pair.lines(IncrementalBookL2);
                let at = cell(&lines[lines.len() / 2], ARRIVAL);
                pair.gap(Some(IncrementalBookL2), at - 1_000_000, at + 60_000_000);
            },
            vec![(IncrementalBookL2, Kind::BookTop, "", Gap)],
        ),
    ];
    for (name, plant, expected) in cases {
        let types: BTreeSet<DataType> = expected.iter().map(|(data_type, ..)| *data_type).collect();
        let mut pair = Pair::new(&types.into_iter().collect::<Vec<_>>());
        plant(&mut pair);
        let (report, _) = pair.compare().await;
        let told: BTreeSet<_> = found(&report).into_iter().collect();
        let expected: BTreeSet<_> = expected
            .into_iter()
            .map(|(of, kind, field, cause)| (of, kind, field.to_owned(), cause))
            .collect();
        let extra: Vec<_> = told.difference(&expected).collect();
        assert!(expected.is_subset(&told), "{name}: {:?}", report.compared);
        // A stale ticker is so in each of its columns.
        assert!(
            extra.iter().all(|extra| extra.1 == Kind::State && extra.0 == DerivativeTicker),
            "{name}: {extra:?}"
        );
        let is_clean = !expected.iter().any(|(.., cause)| *cause == Unexplained);
        assert_eq!(report.judgement() == Judgement::Clean, is_clean, "{name}");
    }
}

/// The best bid that stands in the middle of the day gets another amount.
fn book_level(pair: &mut Pair, amount: &str) {
    let lines = pair.lines(DataType::IncrementalBookL2);
    let is_best = |line: &String| cells(line)[4] == "false" && cells(line)[7] != "0";
    let place = (lines.len() / 2..lines.len()).find(|place| is_best(&lines[*place])).unwrap();
    set(&mut lines[place], 7, amount);
}

#[tokio::test]
async fn a_recording_of_some_hours_is_compared_within_them() {
    // Books that begin within the day have a test of their own.
    let types = TYPES.map(|of| if of == DataType::IncrementalBookL2 { DataType::Trades } else { of });
    let mut pair = Pair::new(&types[1..]);
    let (from, to) = (day().start_us() + 6 * 3_600_000_000, day().start_us() + 15 * 3_600_000_000);
    for (_, lines) in &mut pair.live {
        lines.retain(|line| (from..to).contains(&cell(line, ARRIVAL)));
    }
    pair.ranges = vec![(from, to)];
    let (report, _) = pair.compare().await;
    assert!(found(&report).iter().all(|(.., cause)| *cause == Cause::Clock), "{:?}", found(&report));
    assert_eq!(report.judgement(), Judgement::Clean);
    assert!(report.compared.iter().all(|compared| compared.ranges == [(from, to)]));
}

/// The messages of lines of a book: the exchange's time, and the changes.
fn messages(lines: &[String]) -> Vec<(i64, Vec<LevelChange>)> {
    let mut all: Vec<(i64, i64, Vec<LevelChange>)> = Vec::new();
    for line in lines {
        let of = cells(line);
        let change = LevelChange {
            is_snapshot: of[4] == "true",
            is_ask: of[5] == "ask",
            price: of[6].parse().unwrap(),
            amount: of[7].parse().unwrap(),
        };
        let times = (cell(line, TIME), cell(line, ARRIVAL));
        let begins = |changes: &[LevelChange]| {
            change.is_snapshot && changes.last().is_some_and(|last| !last.is_snapshot)
        };
        match all.last_mut() {
            Some((time, arrival, changes)) if (*time, *arrival) == times && !begins(changes) => {
                changes.push(change)
            }
            _ => all.push((times.0, times.1, vec![change])),
        }
    }
    all.into_iter().map(|(time, _, changes)| (time, changes)).collect()
}

/// Leaves the live side's book from six o'clock on, which then begins with a snapshot of what the vendor's is; without its best bid if
/// `lacks_best`. Returns the exchange's time of the snapshot.
fn begin_book_in_the_day(pair: &mut Pair, lacks_best: bool) -> i64 {
    let lines = pair.lines(DataType::IncrementalBookL2);
    let from = day().start_us() + 6 * 3_600_000_000;
    let begins = |place: usize| {
        cell(&lines[place], ARRIVAL) >= from && cell(&lines[place], TIME) > cell(&lines[place - 1], TIME)
    };
    let start = (1..lines.len()).find(|place| begins(*place)).unwrap();
    let mut book = OrderBook::default();
    for (_, changes) in messages(&lines[..start]) {
        book.apply(&changes);
    }
    let like = lines[start - 1].clone();
    let bids = book.bids().skip(usize::from(lacks_best)).map(|level| ("bid", level));
    let mut begun: Vec<String> = Vec::new();
    for (side, (price, amount)) in bids.chain(book.asks().map(|level| ("ask", level))) {
        let mut line = like.clone();
        for (place, text) in [(4, "true"), (5, side), (6, &price.to_string()), (7, &amount.to_string())] {
            set(&mut line, place, text);
        }
        begun.push(line);
    }
    begun.extend_from_slice(&lines[start..]);
    *lines = begun;
    // The vendor's row of that moment arrived 3 ms before.
    pair.ranges = vec![(cell(&like, ARRIVAL) - 10_000, day().end_us())];
    cell(&like, TIME)
}

#[tokio::test]
async fn a_book_that_begins_in_the_day_is_compared_with_the_vendors_running_one() {
    for lacks_best in [false, true] {
        let mut pair = Pair::new(&[DataType::IncrementalBookL2]);
        let begun = begin_book_in_the_day(&mut pair, lacks_best);
        let (report, _) = pair.compare().await;
        let told = found(&report);
        let compared = &report.compared[0];
        assert!(compared.counts.compared > 100 && compared.counts.equal > 100, "{:?}", compared.counts);
        if !lacks_best {
            assert_eq!(told, [], "{:?}", compared.differences.first());
            assert_eq!(report.judgement(), Judgement::Clean);
            continue;
        }
        // The level is missing until it changes, and wherever it is by then.
        let first = &compared.differences[0];
        assert_eq!((first.kind, first.from_us, first.cause), (Kind::BookTop, begun, Cause::Unexplained));
        assert!(told.iter().all(|(.., cause)| *cause == Cause::Unexplained), "{told:?}");
        assert_eq!(report.judgement(), Judgement::NotClean);
    }
}

/// What is planted into a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Plant {
    Lost,
    LostInGap,
    Price,
    Extra,
    Again,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn every_plant_among_trades_is_listed_and_nothing_else(
        plants in prop::collection::btree_map(1_usize..200, prop_oneof![
            Just(Plant::Lost), Just(Plant::LostInGap), Just(Plant::Price), Just(Plant::Extra), Just(Plant::Again),
        ], 0..12)
    ) {
        let mut pair = Pair::new(&[DataType::Trades]);
        let count = pair.lines(DataType::Trades).len();
        let mut expected = BTreeSet::new();
        let id = |line: &str| cells(line)[4].clone();
        // Away from the edges of the day, apart from one another, and from the last on, so that places stay right.
        let places: Vec<(usize, Plant)> =
            plants.iter().map(|(place, plant)| (count / 10 + place * count / 250, *plant)).collect();
        let mut taken = BTreeSet::new();
        let mut gaps = Vec::new();
        for (place, plant) in places.into_iter().rev() {
            if !taken.insert(place) {
                continue;
            }
            let lines = pair.lines(DataType::Trades);
            let line = lines[place].clone();
            let at = cell(&line, ARRIVAL);
            match plant {
                Plant::Lost => {
                    lines.remove(place);
                    expected.insert((Kind::OnlyVendor, id(&line), at));
                }
                Plant::LostInGap => {
                    lines.remove(place);
                    gaps.push(at);
                    expected.insert((Kind::OnlyVendor, id(&line), at));
                }
                Plant::Price => {
                    set(&mut lines[place], 6, "1.5");
                    expected.insert((Kind::Value, String::new(), at));
                }
                Plant::Extra => {
                    let mut extra = line.clone();
                    set(&mut extra, 4, &format!("9{place}"));
                    lines.insert(place + 1, extra);
                    expected.insert((Kind::OnlyLive, format!("9{place}"), at));
                }
                Plant::Again => {
                    lines.insert(place + 1, line.clone());
                    expected.insert((Kind::OnlyLive, id(&line), at));
                }
            }
        }
        for at in &gaps {
            pair.gap(Some(DataType::Trades), at - 1_000, at + 1_000);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (report, _lake) = runtime.block_on(pair.compare());
        let compared = &report.compared[0];
        prop_assert_eq!(compared.differences.len(), expected.len(), "{:?}", compared.differences);
        for (kind, id, at) in &expected {
            let is_it = |d: &&mtdh_engine::live::compare::Difference| {
                let text = d.live.as_ref().or(d.vendor.as_ref()).unwrap();
                d.kind == *kind && (id.is_empty() || text.contains(&format!("id {id},")))
            };
            let of_id: Vec<_> = compared.differences.iter().filter(is_it).collect();
            prop_assert!(!of_id.is_empty(), "{kind:?} {id}");
            if *kind == Kind::OnlyVendor {
                // The clocks are 3 ms apart, so that a gap explains what lies within about a second of it.
                let is_told = gaps.iter().any(|gap| (gap - at).abs() < 500_000);
                let is_far = gaps.iter().all(|gap| (gap - at).abs() > 2_000_000);
                let cause = of_id[0].cause;
                prop_assert!(!is_told || cause == Cause::Gap, "{:?}", of_id);
                prop_assert!(!is_far || cause == Cause::Unexplained, "{:?}", of_id);
            }
        }
        prop_assert_eq!(
            report.judgement() == Judgement::Clean,
            compared.counts.unexplained() == 0
        );
    }

    /// How many moments differ is counted by a second, simpler way.
    #[test]
    fn as_many_moments_of_a_book_differ_as_do(places in prop::collection::btree_set(0_usize..1_000, 0..6)) {
        let mut pair = Pair::new(&[DataType::IncrementalBookL2]);
        let vendor = pair.vendor[0].1.clone();
        let lines = pair.lines(DataType::IncrementalBookL2);
        for place in places {
            let place = place * lines.len() / 1_000;
            if cells(&lines[place])[7] != "0" {
                set(&mut lines[place], 7, "0.123");
            }
        }
        let (mut ours, mut theirs) = (OrderBook::default(), OrderBook::default());
        let (mut moments, mut differing, mut moment) = (0_u64, 0_u64, i64::MIN);
        let sides = (messages(lines), messages(&vendor));
        for (place, ((time, our), (_, their))) in sides.0.iter().zip(&sides.1).enumerate() {
            ours.apply(our);
            theirs.apply(their);
            moment = moment.max(*time);
            // What arrives later with an earlier time belongs to the moment that is there.
            if sides.0.get(place + 1).is_none_or(|next| next.0 > moment) {
                moments += 1;
                differing += u64::from(!ours.bids().eq(theirs.bids()) || !ours.asks().eq(theirs.asks()));
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (report, _lake) = runtime.block_on(pair.compare());
        let counts = report.compared[0].counts;
        let told = counts.compared - counts.equal;
        // A few moments at the edges of the day are not within it on both sides.
        let outside = moments - counts.compared;
        prop_assert!(outside <= 10, "{counts:?}, {moments}");
        prop_assert!(told <= differing && differing <= told + outside, "{told} of {differing}");
        prop_assert_eq!(report.compared[0].differences.is_empty(), told == 0);
    }
}
