//! Parts of recordings: published once, joined to a day whose bytes do not depend on how it was split.

use std::ops::Range;

use mtdh_core::footer::{LineRange, PartitionFooter, Proof, Provenance, Recording, RecordingGap};
use mtdh_core::partition::Origin;
use mtdh_lake::live::{Compacted, PartName};
use mtdh_lake::write::PartitionWriter;
use mtdh_lake::{Lake, LakeError, StagedObject};

use crate::stores::{local, on_each_store, words};
use crate::trades::{self, arrival_us, partition};

const SESSION: &str = "20240301t000000x00000001";
const LATER: &str = "20240301t000100x00000002";

/// The part of some trades of a session: each trade is a line of the capture, of the same number.
fn name(session: &str, lines: Range<u64>) -> PartName {
    let (first, last) = (lines.start, lines.end - 1);
    PartName { partition: partition(), session: session.parse().unwrap(), first, last }
}

fn recording(session: &str, lines: Range<u64>) -> Recording {
    let at = |line: u64| arrival_us(line as usize);
    let gap = |from: u64| RecordingGap { range: (at(from), at(from + 3)), reason: "sequence".into() };
    // A gap every hundred lines; one that touches two parts is in both.
    let touching = (0..=lines.end / 100).map(|gap| gap * 100 + 98);
    let touching = touching.filter(|from| *from < lines.end && from + 3 > lines.start);
    let mut recording = Recording {
        feed: "deribit".into(),
        exchange: "deribit".into(),
        symbol: "BTC-PERPETUAL".into(),
        session: session.into(),
        ranges: vec![(at(lines.start), at(lines.end))],
        gaps: touching.map(gap).collect(),
        lines: vec![LineRange { session: session.into(), range: (lines.start, lines.end) }],
        feed_version: 1,
        plan_hash: "ab".into(),
        proof: Some(Proof::Part),
        is_carried: lines.start == 0,
        ..Recording::default()
    };
    recording.gap_counts = recording.counted_gaps();
    recording
}

/// The object of a part. Its trades are those of its lines, moved by `shift` numbers.
fn object(lake: &Lake, session: &str, lines: Range<u64>, rows: Range<usize>) -> StagedObject {
    let table = partition().data_type.table();
    let mut writer = PartitionWriter::new(table, &partition().key, lake.stage().unwrap()).unwrap();
    if !rows.is_empty() {
        writer.write(trades::columns(rows.clone())).unwrap();
    }
    let mut facts = trades::facts(rows.len());
    if !rows.is_empty() {
        let range = Some((arrival_us(rows.start), arrival_us(rows.end - 1)));
        (facts.tally.timestamp, facts.tally.local_timestamp) = (range, range);
    }
    let provenance = Provenance::Recording(recording(session, lines));
    writer.finish(&PartitionFooter { provenance, ..facts }).unwrap().out
}

async fn publish(lake: &Lake, session: &str, lines: Range<u64>) -> bool {
    let rows = lines.start as usize..lines.end as usize;
    let part = object(lake, session, lines.clone(), rows);
    lake.publish_part(&name(session, lines), part).await.unwrap()
}

async fn bytes(lake: &Lake) -> Option<Vec<u8>> {
    let path = lake.with_origin(Origin::Live).partition_path(&partition());
    lake.read(&path).await.unwrap().map(|bytes| bytes.to_vec())
}

#[tokio::test]
async fn a_day_is_made_of_its_parts_and_is_none_of_the_vendors() {
    on_each_store(async |lake| {
        assert_eq!(lake.compact(&partition()).await.unwrap(), Compacted::Nothing);
        for lines in [100..150, 0..100, 150..420] {
            assert!(publish(lake, SESSION, lines.clone()).await, "{}", lake.url());
            assert!(!publish(lake, SESSION, lines).await, "the same part was there");
        }
        let listed = lake.list_parts(&partition()).await.unwrap();
        let firsts: Vec<u64> = listed.iter().map(|(part, _)| part.first).collect();
        assert_eq!(firsts, [0, 100, 150]);
        let (day, data_type) = (partition().day, partition().data_type);
        assert_eq!(lake.list_parts_of_day(day, data_type).await.unwrap(), listed);
        assert_eq!(lake.partitions_with_parts(day).await.unwrap(), [partition()]);
        assert_eq!(lake.partitions_with_parts(day.next()).await.unwrap(), []);
        let live = lake.with_origin(Origin::Live);
        for lake in [lake, &live] {
            assert_eq!(lake.list_partitions(day, data_type).await.unwrap(), [], "parts are no partitions");
        }
        assert_eq!(lake.compact(&partition()).await.unwrap(), Compacted::Made { rows: 420, parts: 3 });
        assert_eq!(lake.list_parts(&partition()).await.unwrap(), []);
        assert_eq!(lake.compact(&partition()).await.unwrap(), Compacted::Nothing);
        assert_eq!(lake.list_partitions(day, data_type).await.unwrap(), [], "the vendor has nothing");
        assert_eq!(lake.days_with_partitions().await.unwrap(), []);
        let [(found, entry)] = &live.list_partitions(day, data_type).await.unwrap()[..] else { panic!() };
        assert_eq!((found, live.days_with_partitions().await.unwrap()), (&partition(), vec![day]));
        let footer = live.footer(entry).await.unwrap();
        let whole = recording(SESSION, 0..420);
        assert_eq!(footer.facts.provenance, Provenance::Recording(whole));
        assert_eq!(footer.facts.tally.local_timestamp, Some((arrival_us(0), arrival_us(419))));
        assert_eq!(footer.facts.tally.arrival_regressions, 0);
    })
    .await;
}

/// Between two parts of a session nothing came of their key: that is no hole in what was recorded. Between two sessions is one.
#[tokio::test]
async fn what_a_session_recorded_without_rows_of_a_key_is_no_hole() {
    for (session, expected) in [(SESSION, vec![(0, 420)]), (LATER, vec![(0, 100), (200, 420)])] {
        let folder = tempfile::tempdir().unwrap();
        let lake = local(folder.path());
        publish(&lake, SESSION, 0..100).await;
        publish(&lake, session, 200..420).await;
        lake.compact(&partition()).await.unwrap();
        let live = lake.with_origin(Origin::Live);
        let (day, data_type) = (partition().day, partition().data_type);
        let [(_, entry)] = &live.list_partitions(day, data_type).await.unwrap()[..] else { panic!() };
        let footer = live.footer(entry).await.unwrap();
        let ranges = &footer.facts.provenance.recording().unwrap().ranges;
        let expected: Vec<_> = expected.into_iter().map(|(a, b)| (arrival_us(a), arrival_us(b))).collect();
        assert_eq!(ranges, &expected, "{session}");
    }
}

#[tokio::test]
async fn a_day_has_the_same_bytes_however_it_was_split() {
    let mut random = fastrand::Rng::with_seed(5);
    let end = 30_000_u64;
    let mut first: Option<Vec<u8>> = None;
    for round in 0..6 {
        let folder = tempfile::tempdir().unwrap();
        let lake = local(folder.path());
        let mut cuts: Vec<u64> = (0..round * 3).map(|_| random.u64(1..end)).chain([0, end]).collect();
        cuts.sort_unstable();
        cuts.dedup();
        for two in cuts.windows(2) {
            publish(&lake, SESSION, two[0]..two[1]).await;
        }
        lake.compact(&partition()).await.unwrap();
        let made = bytes(&lake).await.unwrap();
        assert!(first.get_or_insert_with(|| made.clone()) == &made, "split at {cuts:?}");
    }
}

#[tokio::test]
async fn a_join_that_was_killed_anywhere_goes_on() {
    // What each step leaves: no object, the object beside all parts, beside some of them.
    let folder = tempfile::tempdir().unwrap();
    let lake = local(folder.path());
    let split = [0..100, 100..150, 150..420];
    for lines in &split {
        publish(&lake, SESSION, lines.clone()).await;
    }
    lake.compact(&partition()).await.unwrap();
    let made = bytes(&lake).await.unwrap();
    for gone in 0..3 {
        for lines in &split[gone..] {
            publish(&lake, SESSION, lines.clone()).await;
        }
        let parts = 3 - gone;
        assert_eq!(lake.compact(&partition()).await.unwrap(), Compacted::Made { rows: 420, parts });
        assert!(
            bytes(&lake).await.unwrap() == made && lake.list_parts(&partition()).await.unwrap().is_empty()
        );
    }
    // A damaged object keeps its parts.
    for lines in &split {
        publish(&lake, SESSION, lines.clone()).await;
    }
    let file = folder.path().join(lake.with_origin(Origin::Live).partition_path(&partition()).as_ref());
    let mut damaged = made.clone();
    damaged[made.len() / 3] ^= 4;
    std::fs::write(&file, damaged).unwrap();
    assert!(lake.compact(&partition()).await.unwrap_err().is_distrust());
    assert_eq!(lake.list_parts(&partition()).await.unwrap().len(), 3);
}

#[tokio::test]
async fn parts_that_would_double_or_lose_rows_are_refused_and_stay() {
    let folder = tempfile::tempdir().unwrap();
    let lake = local(folder.path());
    publish(&lake, SESSION, 0..100).await;
    publish(&lake, SESSION, 90..150).await;
    let refused = lake.compact(&partition()).await.unwrap_err();
    assert!(words(&refused).contains("overlap: "), "{}", words(&refused));
    assert_eq!((bytes(&lake).await, lake.list_parts(&partition()).await.unwrap().len()), (None, 2));
    // Other bytes under the name of a part.
    let other = object(&lake, SESSION, 0..100, 0..99);
    let refused = lake.publish_part(&name(SESSION, 0..100), other).await.unwrap_err();
    assert!(matches!(refused, LakeError::Exists { .. }));
    // A part that came after its day was made.
    let folder = tempfile::tempdir().unwrap();
    let lake = local(folder.path());
    publish(&lake, SESSION, 0..100).await;
    lake.compact(&partition()).await.unwrap();
    publish(&lake, SESSION, 0..100).await;
    publish(&lake, SESSION, 100..120).await;
    let refused = lake.compact(&partition()).await.unwrap_err();
    assert!(matches!(refused, LakeError::LatePart { .. }), "{}", words(&refused));
    assert_eq!(lake.list_parts(&partition()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn sessions_follow_one_another_and_where_they_overlap_no_row_is_twice() {
    for (later, rows, skipped) in [(100..200_u64, 100..200_usize, 0), (0..160, 40..200, 60), (0..9, 5..14, 9)]
    {
        let folder = tempfile::tempdir().unwrap();
        let lake = local(folder.path());
        publish(&lake, SESSION, 0..60).await;
        publish(&lake, SESSION, 60..100).await;
        let part = object(&lake, LATER, later.clone(), rows.clone());
        lake.publish_part(&name(LATER, later.clone()), part).await.unwrap();
        let made = lake.compact(&partition()).await.unwrap();
        let expected = 100 + rows.len() as u64 - skipped;
        assert_eq!(made, Compacted::Made { rows: expected, parts: 3 }, "{rows:?}");
        let live = lake.with_origin(Origin::Live);
        let entry = live.partition_entry(&partition()).await.unwrap().unwrap();
        let facts = live.footer(&entry).await.unwrap().facts;
        assert_eq!((facts.tally.rows_out, facts.tally.arrival_regressions), (expected, 0));
        let recording = facts.provenance.recording().unwrap();
        assert_eq!(recording.session, format!("{SESSION}+{LATER}"));
        let lines: Vec<_> = recording.lines.iter().map(|of| (of.session.as_str(), of.range)).collect();
        assert_eq!(lines, [(SESSION, (0, 100)), (LATER, (later.start, later.end))]);
    }
}

#[tokio::test]
async fn gaps_that_are_only_counted_are_added() {
    let folder = tempfile::tempdir().unwrap();
    let lake = local(folder.path());
    for (lines, counts) in [
        (0..10_u64, vec![("sequence".to_owned(), 2)]),
        (10..30, vec![("crash".to_owned(), 1), ("sequence".to_owned(), 1)]),
    ] {
        let (table, key) = (partition().data_type.table(), partition().key);
        let writer = PartitionWriter::new(table, &key, lake.stage().unwrap()).unwrap();
        let of = Recording { gaps: vec![], gap_counts: counts, ..recording(SESSION, lines.clone()) };
        let facts = PartitionFooter { provenance: Provenance::Recording(of), ..trades::facts(0) };
        let part = writer.finish(&facts).unwrap().out;
        lake.publish_part(&name(SESSION, lines), part).await.unwrap();
    }
    lake.compact(&partition()).await.unwrap();
    let live = lake.with_origin(Origin::Live);
    let entry = live.partition_entry(&partition()).await.unwrap().unwrap();
    let facts = live.footer(&entry).await.unwrap().facts;
    let counts = &facts.provenance.recording().unwrap().gap_counts;
    assert_eq!(counts[..], [("crash".to_owned(), 1), ("sequence".to_owned(), 3)]);
}

#[tokio::test]
async fn a_day_without_rows_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let lake = local(folder.path());
    for lines in [0..10, 10..30] {
        let part = object(&lake, SESSION, lines.clone(), 0..0);
        lake.publish_part(&name(SESSION, lines), part).await.unwrap();
    }
    assert_eq!(lake.compact(&partition()).await.unwrap(), Compacted::Made { rows: 0, parts: 2 });
    let live = lake.with_origin(Origin::Live);
    let entry = live.partition_entry(&partition()).await.unwrap().unwrap();
    let facts = live.footer(&entry).await.unwrap().facts;
    assert_eq!(facts.status, mtdh_core::partition::Status::Empty);
    assert!(facts.reason.is_some());
}

/// A state of a ticker at a second of the day; its price says of which session it is.
fn ticker(
    lake: &Lake,
    session: &str,
    seconds: Range<u64>,
    gap: Option<(u64, u64)>,
    number: usize,
) -> (PartName, StagedObject) {
    let partition =
        mtdh_core::partition::Partition { data_type: mtdh_core::DataType::BookTicker, ..partition() };
    let at = |second: u64| partition.day.start_us() + second as i64 * 1_000_000 + number as i64;
    let lines = seconds.start..seconds.end;
    let is_there = |second: &u64| gap.is_none_or(|(from, to)| *second <= from || *second >= to);
    let rows: Vec<u64> = seconds.filter(is_there).collect();
    let times = || {
        let times = arrow_array::TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| at(*row)));
        std::sync::Arc::new(times.with_timezone("UTC")) as arrow_array::ArrayRef
    };
    let numbers = || {
        let numbers = rows.iter().map(|_| number as f64);
        std::sync::Arc::new(arrow_array::Float64Array::from_iter_values(numbers)) as arrow_array::ArrayRef
    };
    let table = partition.data_type.table();
    let mut writer = PartitionWriter::new(table, &partition.key, lake.stage().unwrap()).unwrap();
    writer.write(vec![times(), times(), numbers(), numbers(), numbers(), numbers()]).unwrap();
    let mut facts = trades::facts(rows.len());
    let range = Some((at(rows[0]), at(rows[rows.len() - 1])));
    (facts.tally.timestamp, facts.tally.local_timestamp) = (range, range);
    facts.partition = partition.clone();
    let told = |(from, to)| RecordingGap { range: (at(from), at(to)), reason: "silence".into() };
    let mut of = Recording { gaps: gap.into_iter().map(told).collect(), ..recording(session, lines.clone()) };
    of.gap_counts = of.counted_gaps();
    let out = writer.finish(&PartitionFooter { provenance: Provenance::Recording(of), ..facts }).unwrap().out;
    let session = session.parse().unwrap();
    (PartName { partition, session, first: lines.start, last: lines.end - 1 }, out)
}

#[tokio::test]
async fn states_are_of_a_session_without_a_gap_and_gaps_are_what_both_lack() {
    // Gaps of both sessions, and what the day has: of which session from which second, and its gaps. The later session's rows arrive a
    // microsecond after the earlier one's, so that its row of the second in which a gap begins is taken too.
    for (name, gaps, expected, lacks) in [
        ("no gap", [None, None], vec![(0, 1), (99, 2)], vec![]),
        ("the first lost something", [Some((30, 40)), None], vec![(0, 1), (30, 2)], vec![]),
        (
            "each lost something else",
            [Some((30, 40)), Some((60, 70))],
            vec![(0, 1), (30, 2), (61, 1), (99, 2)],
            vec![],
        ),
        (
            "both lost the same",
            [Some((30, 40)), Some((30, 40))],
            vec![(0, 1), (30, 2), (40, 1), (99, 2)],
            vec![(30, 40)],
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let lake = local(folder.path());
        let (part, out) = ticker(&lake, SESSION, 0..100, gaps[0], 1);
        let of = part.partition.clone();
        lake.publish_part(&part, out).await.unwrap();
        let (part, out) = ticker(&lake, LATER, 20..120, gaps[1], 2);
        lake.publish_part(&part, out).await.unwrap();
        lake.compact(&of).await.unwrap();
        let live = lake.with_origin(Origin::Live);
        let entry = live.partition_entry(&of).await.unwrap().unwrap();
        let mut found: Vec<(i64, u64)> = Vec::new();
        live.read_slice(&entry, i64::MIN..i64::MAX, &Default::default(), |batch| {
            use arrow_array::cast::AsArray;
            use arrow_array::types::{Float64Type, TimestampMicrosecondType};
            let at = batch.column_by_name("local_timestamp").unwrap();
            let of = batch.column_by_name("ask_price").unwrap().as_primitive::<Float64Type>().clone();
            for (row, at) in at.as_primitive::<TimestampMicrosecondType>().values().iter().enumerate() {
                found.push(((at - partition().day.start_us()) / 1_000_000, of.value(row) as u64));
            }
            Ok::<_, LakeError>(())
        })
        .await
        .unwrap();
        assert!(found.is_sorted_by(|a, b| a.0 <= b.0), "{name}");
        let mut turns = vec![found[0]];
        turns.extend(found.windows(2).filter(|two| two[0].1 != two[1].1).map(|two| two[1]));
        assert_eq!(turns, expected, "{name}");
        let facts = live.footer(&entry).await.unwrap().facts;
        let gaps: Vec<(i64, i64)> =
            facts.provenance.recording().unwrap().gaps.iter().map(|gap| gap.range).collect();
        let second = |at: i64| (at - partition().day.start_us()) / 1_000_000;
        let gaps: Vec<_> = gaps.iter().map(|(from, to)| (second(*from), second(*to))).collect();
        assert_eq!(gaps, lacks, "{name}");
        assert_eq!(
            (facts.tally.rows_out as usize, facts.tally.arrival_regressions),
            (found.len(), 0),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_gap_that_ends_in_a_later_part_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let lake = local(folder.path());
    for (lines, ranges) in [(0..10_u64, vec![(5, 5)]), (10..30, vec![(5, 12), (20, 20)])] {
        let gap = |range| RecordingGap { range, reason: "disconnect".into() };
        let mut of =
            Recording { gaps: ranges.into_iter().map(gap).collect(), ..recording(SESSION, lines.clone()) };
        of.gap_counts = of.counted_gaps();
        let writer =
            PartitionWriter::new(partition().data_type.table(), &partition().key, lake.stage().unwrap());
        let facts = PartitionFooter { provenance: Provenance::Recording(of), ..trades::facts(0) };
        lake.publish_part(&name(SESSION, lines), writer.unwrap().finish(&facts).unwrap().out).await.unwrap();
    }
    lake.compact(&partition()).await.unwrap();
    let live = lake.with_origin(Origin::Live);
    let entry = live.partition_entry(&partition()).await.unwrap().unwrap();
    let facts = live.footer(&entry).await.unwrap().facts;
    let recording = facts.provenance.recording().unwrap();
    let ranges: Vec<(i64, i64)> = recording.gaps.iter().map(|gap| gap.range).collect();
    assert_eq!(ranges, [(5, 12), (20, 20)]);
    assert_eq!(recording.gap_counts[..], [("disconnect".to_owned(), 2)]);
}
