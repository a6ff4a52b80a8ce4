//! Objects that others replace: what is told is told of the object that is there, and a whole one is never called damaged.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mtdh_core::check::{Group, Severity};
use mtdh_core::day::DAY_US;
use mtdh_core::footer::Tally;
use mtdh_core::partition::Partition;
use mtdh_core::{DataType, DayRange};
use mtdh_engine::check::kept::Keep;
use mtdh_engine::check::lake::{RowsOf, check_lake};
use mtdh_engine::query::{Available, contents};
use mtdh_engine::{Lake, Selection};
use mtdh_lake::Layout;

use crate::candle_support::plan;
use crate::lake_support::{HandMade, KEY, Row, day, key};

/// Checks while objects are replaced.
const RUNS: usize = 4;

const ON: &str = "2024-03-01";

fn selection() -> Selection {
    Selection {
        days: DayRange::new(day(ON), day(ON)).unwrap(),
        venues: vec!["DERIBIT".to_owned()],
        instrument_types: Vec::new(),
        data_types: vec![DataType::Trades],
        patterns: Vec::new(),
        max_instruments: None,
    }
}

/// A trade every ten seconds of the day.
fn rows(price: f64) -> Vec<Row> {
    let seconds = (0..DAY_US / 1_000_000).step_by(10);
    seconds.map(|second| (second, second, price + (second * 7919 % 101) as f64 / 100.0)).collect()
}

fn file(folder: &Path, of: &str) -> PathBuf {
    let partition = Partition { day: day(ON), data_type: DataType::Trades, key: key(of) };
    folder.join(Layout::VENDOR.partition(&partition).as_ref())
}

/// The bytes of an object of these rows.
async fn object(of: &str, sha256: &str, price: f64) -> Vec<u8> {
    let lake = HandMade::new();
    lake.trades(of, ON, sha256, &rows(price)).await;
    fs::read(file(lake.folder.path(), of)).unwrap()
}

async fn seen(lake: &Lake) -> Available {
    let mut contents = contents(lake, day(ON), &selection()).await.unwrap();
    assert_eq!(contents.len(), 1);
    contents.remove(0).1.unwrap()
}

/// Notes what is there with a count that is a lie: it shows whether the line is believed.
async fn lie(lake: &Lake) {
    let there = seen(lake).await;
    let tally = Tally { inexact_numbers: 7, ..there.tally };
    let line = Available { tally, ..there };
    let note = |lines: &mut std::collections::BTreeMap<_, _>| {
        lines.insert(line.partition.clone(), line.clone());
    };
    lake.update_available(day(ON), note).await.unwrap();
}

/// A file that takes the place of another, with a time.
fn put(place: &Path, bytes: &[u8], modified: Option<std::time::SystemTime>) {
    let new = place.with_extension("new");
    fs::write(&new, bytes).unwrap();
    if let Some(modified) = modified {
        File::options().write(true).open(&new).unwrap().set_modified(modified).unwrap();
    }
    fs::rename(&new, place).unwrap();
}

#[tokio::test]
async fn a_line_of_the_report_is_believed_for_its_own_object_only() {
    let other = object(KEY, "bb", 100.0).await;
    type Replace = fn(&Path, &[u8]);
    let ways: [(&str, Replace); 3] = [
        ("by another file", |place, bytes| put(place, bytes, None)),
        ("by one with the old one's time", |place, bytes| {
            put(place, bytes, Some(fs::metadata(place).unwrap().modified().unwrap()));
        }),
        ("in place", |place, bytes| fs::write(place, bytes).unwrap()),
    ];
    for (way, replace) in ways {
        let made = HandMade::new();
        made.trades(KEY, ON, "aa", &rows(100.0)).await;
        let place = file(made.folder.path(), KEY);
        assert_eq!(fs::metadata(&place).unwrap().len(), other.len() as u64, "the sizes must tell nothing");
        lie(&made.lake).await;
        let believed = seen(&made.lake).await;
        assert_eq!((believed.tally.inexact_numbers, believed.source_sha256.as_deref()), (7, Some("aa")));
        std::thread::sleep(Duration::from_millis(20));
        replace(&place, &other);
        let told = seen(&made.lake).await;
        assert_eq!((told.tally.inexact_numbers, told.source_sha256.as_deref()), (0, Some("bb")), "{way}");
    }
}

#[tokio::test]
async fn the_report_of_a_lake_that_was_copied_is_believed_for_none_of_its_objects() {
    let made = HandMade::new();
    made.trades(KEY, ON, "aa", &rows(100.0)).await;
    lie(&made.lake).await;
    let copy = tempfile::tempdir().unwrap();
    let source = format!("{}/.", made.folder.path().display());
    let copied = std::process::Command::new("cp").arg("-a").arg(source).arg(copy.path()).status().unwrap();
    assert!(copied.success());
    let lake = Lake::open(copy.path().to_str().unwrap(), &Default::default()).unwrap();
    assert_eq!(seen(&lake).await.tally.inexact_numbers, 0);
    assert_eq!(seen(&made.lake).await.tally.inexact_numbers, 7);
}

/// Replaces objects, each by the one and the other of two, until it is dropped.
struct Replacing {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<usize>>,
}

impl Replacing {
    fn start(places: Vec<(PathBuf, [Vec<u8>; 2])>, replace: fn(&Path, &[u8])) -> Replacing {
        let stop = Arc::new(AtomicBool::new(false));
        let is_over = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut rounds = 0;
            while !is_over.load(Ordering::Relaxed) {
                for (place, objects) in &places {
                    replace(place, &objects[rounds % 2]);
                    std::thread::sleep(Duration::from_millis(2));
                }
                rounds += 1;
            }
            rounds
        });
        Replacing { stop, thread: Some(thread) }
    }

    fn rounds(mut self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().map_or(0, |thread| thread.join().unwrap())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_calls_no_object_damaged_that_is_replaced_by_another_whole_one() {
    let keys: Vec<String> = (0..8).map(|number| format!("DERIBIT:PERP:A{number}-USD")).collect();
    let made = HandMade::new();
    let mut places = Vec::new();
    for of in &keys {
        made.trades(of, ON, "aa", &rows(100.0)).await;
        let objects = [object(of, "bb", 200.0).await, object(of, "cc", 300.0).await];
        places.push((file(made.folder.path(), of), objects));
    }
    let replaced: [fn(&Path, &[u8]); 2] = [
        |place, bytes| put(place, bytes, None),
        // As `cp` does it: for a moment the file is not whole.
        |place, bytes| fs::write(place, bytes).unwrap(),
    ];
    for replace in replaced {
        let replacing = Replacing::start(places.clone(), replace);
        for _ in 0..RUNS {
            let (names, plan) = (Default::default(), plan(&Group::USUAL));
            let stop = Default::default();
            let report =
                check_lake(&made.lake, &names, &plan, &selection(), RowsOf::All, Keep::InLake, &stop)
                    .await
                    .unwrap();
            assert_eq!(report.partitions.len(), keys.len());
            let damaged = report.findings.iter().filter(|f| f.check == "unreadable_partition");
            assert_eq!(damaged.count(), 0, "{:#?}", report.findings);
        }
        assert!(replacing.rounds() >= RUNS, "nothing was replaced meanwhile");
    }
    // What is damaged is said as before.
    let place = &places[0].0;
    let mut bytes = fs::read(place).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(place, bytes).unwrap();
    let (names, stop) = (Default::default(), Default::default());
    let report =
        check_lake(&made.lake, &names, &plan(&Group::USUAL), &selection(), RowsOf::All, Keep::InLake, &stop)
            .await
            .unwrap();
    let damaged: Vec<_> = report.findings.iter().filter(|f| f.check == "unreadable_partition").collect();
    assert_eq!(damaged.len(), 1);
    assert_eq!((damaged[0].key.clone(), damaged[0].severity), (Some(key(&keys[0])), Severity::Error));
}
