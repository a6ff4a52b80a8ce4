//! Exports in the layout of Hive, of lakes that are made by hand: what a second run does, after changes in the lake, in the export, and
//! after a run that was ended.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use mtdh_core::DayRange;
use mtdh_core::hive::HiveTable;
use mtdh_core::hive::manifest::Manifest;
use mtdh_core::partition::Partition;
use mtdh_engine::candles::Timeframe;
use mtdh_engine::hive::error::HiveError;
use mtdh_engine::hive::{CandlesMeant, HiveForm, HiveReport, HiveRequest, HiveTables, HiveWish};
use mtdh_engine::{Config, Context, DataType, EngineError, Filter, LakeError};
use mtdh_lake::parquet_file::ParquetFile;

use crate::lake_support::{HandMade, KEY, Row, day, key};

const ON: &str = "2024-03-01";
const AFTER: &str = "2024-03-02";
const OTHER: &str = "DERIBIT:PERP:ETH-USD";
const SPOT: &str = "BINANCE:SPOT_PAIR:BTC-USDT";

/// A lake and the folder of its export.
struct Stage {
    made: HandMade,
    out: tempfile::TempDir,
}

fn rows(count: i64) -> Vec<Row> {
    (0..count).map(|place| (place, place, 100.0)).collect()
}

impl Stage {
    /// Three instruments on a day, and one of them on the next.
    async fn new() -> Stage {
        let (made, out) = (HandMade::new(), tempfile::tempdir().unwrap());
        made.table(ON, &[KEY, OTHER, SPOT]).await;
        made.trades(KEY, ON, "aa", &rows(50)).await;
        made.trades(OTHER, ON, "bb", &rows(7)).await;
        made.trades(SPOT, ON, "cc", &rows(3)).await;
        made.trades(KEY, AFTER, "dd", &rows(2)).await;
        Stage { made, out }
    }

    fn request(&self, venues: &[&str]) -> HiveRequest {
        let venues = venues.iter().map(|venue| (*venue).to_owned()).collect();
        let filter = Filter { venues, data_types: vec![DataType::Trades], ..Filter::default() };
        let selections = vec![filter.of_lake(HiveWish::every_day()).unwrap()];
        HiveRequest {
            place: self.out.path().display().to_string(),
            measured: selections.clone(),
            selections,
            tables: HiveTables { ticks: true, ..HiveTables::default() },
            ..HiveRequest::default()
        }
    }

    async fn export_as(&self, request: &HiveRequest) -> Result<HiveReport, EngineError> {
        let lake = self.made.folder.path().display().to_string();
        Context::open(&Config { lake, ..Config::default() }).unwrap().export_hive(request).await
    }

    async fn export(&self) -> HiveReport {
        self.export_as(&self.request(&[])).await.unwrap()
    }

    fn source(&self, of: &str) -> PathBuf {
        let partition = Partition { day: day(ON), data_type: DataType::Trades, key: key(of) };
        self.made.folder.path().join(self.made.lake.partition_path(&partition).as_ref())
    }

    fn file(&self, of: &str) -> PathBuf {
        self.out.path().join(HiveTable::Ticks(DataType::Trades).file(day(ON), &key(of)))
    }

    fn manifest(&self) -> PathBuf {
        self.out.path().join(Manifest::path(HiveTable::Ticks(DataType::Trades), day(ON)))
    }

    /// Every file of the export with its bytes.
    fn tree(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut tree = BTreeMap::new();
        add(self.out.path(), &mut tree);
        tree
    }
}

fn add(folder: &Path, tree: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => add(&path, tree),
            false => drop(tree.insert(path.clone(), std::fs::read(&path).unwrap())),
        }
    }
}

/// Files made and removed, files and rows that are there.
fn counts(report: &HiveReport) -> (u64, u64, u64, u64) {
    let table = &report.tables["trades"];
    (table.linked + table.copied + table.compacted, table.removed, table.files, table.rows)
}

fn inode(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().ino()
}

#[tokio::test]
async fn a_run_does_only_what_changed() {
    let stage = Stage::new().await;
    assert_eq!(counts(&stage.export().await), (4, 0, 4, 62));
    assert_eq!(inode(&stage.file(KEY)), inode(&stage.source(KEY)), "a link");
    let before = stage.tree();
    let names = before.keys().map(|path| path.strip_prefix(stage.out.path()).unwrap());
    let is_hidden = |path: &&Path| path.iter().any(|part| part.to_string_lossy().starts_with(['_', '.']));
    assert_eq!(names.filter(is_hidden).count(), 0);
    assert_eq!(counts(&stage.export().await), (0, 0, 4, 62));
    assert_eq!(stage.tree(), before, "a second run changes nothing");
    // The lake replaces by renaming: the link keeps the former bytes until the next export.
    stage.made.trades(KEY, ON, "ee", &rows(60)).await;
    assert_ne!(inode(&stage.file(KEY)), inode(&stage.source(KEY)));
    assert_eq!(counts(&stage.export().await), (1, 0, 4, 72));
    assert_eq!(inode(&stage.file(KEY)), inode(&stage.source(KEY)));
    std::fs::remove_file(stage.source(OTHER)).unwrap();
    // Another venue's export leaves it.
    let of_venue = stage.export_as(&stage.request(&["BINANCE"])).await.unwrap();
    assert_eq!((counts(&of_venue), stage.file(OTHER).exists()), ((0, 0, 4, 72), true));
    let report = stage.export().await;
    assert_eq!((counts(&report), stage.file(OTHER).exists()), ((0, 1, 3, 65), false));
    assert_eq!(report.missing.names, [format!("{OTHER} trades {ON}")]);
    assert!(!report.is_clean());
}

#[tokio::test]
async fn a_run_that_was_ended_anywhere_is_gone_on_with() {
    for form in [HiveForm::Objects, HiveForm::Compacted] {
        let stage = Stage::new().await;
        let request = HiveRequest { form, delta: true, ..stage.request(&[]) };
        stage.export_as(&request).await.unwrap();
        let whole = stage.tree();
        let file =
            whole.keys().find(|path| path.extension().is_some_and(|e| e == "parquet")).unwrap().clone();
        let log = stage.out.path().join("trades/_delta_log/00000000000000000000.json");
        for (what, is_pending, is_there, has_log) in [
            ("after the manifest was written", true, false, false),
            ("after some files", true, true, false),
            ("before the log", false, true, false),
            ("before the manifest is finished", true, true, true),
            ("a file was lost", false, false, true),
        ] {
            let manifest = std::fs::read_to_string(stage.manifest()).unwrap();
            let pending = manifest.replace("\"sources\"", "\"pending\":true,\"sources\"");
            std::fs::write(stage.manifest(), if is_pending { &pending } else { &manifest }).unwrap();
            if !is_there {
                std::fs::remove_file(&file).unwrap();
            }
            if !has_log {
                std::fs::remove_file(&log).unwrap();
            }
            let staging = stage.out.path().join("_tmp/mtdh-dead");
            std::fs::create_dir_all(&staging).unwrap();
            let report = stage.export_as(&request).await.unwrap();
            assert!(report.is_clean(), "{what}: {report:?}");
            let rows: u64 = report.tables.values().map(|table| table.rows).sum();
            let paths = |tree: &BTreeMap<PathBuf, Vec<u8>>| {
                let data = tree.iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "parquet"));
                data.map(|(path, bytes)| (path.clone(), bytes.clone())).collect::<Vec<_>>()
            };
            assert_eq!((paths(&stage.tree()), rows), (paths(&whole), 62), "{what}");
            let left: Vec<_> =
                std::fs::read_dir(stage.out.path().join("_tmp")).into_iter().flatten().collect();
            assert!(!stage.out.path().join("_tmp").exists(), "{what}: {left:?}");
            assert!(!std::fs::read_to_string(stage.manifest()).unwrap().contains("pending"), "{what}");
        }
    }
}

#[tokio::test]
async fn what_others_put_there_is_left_alone_and_told() {
    let stage = Stage::new().await;
    stage.export_as(&stage.request(&["BINANCE"])).await.unwrap();
    let others = stage.file(KEY);
    std::fs::create_dir_all(others.parent().unwrap()).unwrap();
    std::fs::write(&others, "mine").unwrap();
    std::fs::write(others.with_file_name("notes.txt"), "mine").unwrap();
    let report = stage.export().await;
    assert_eq!(
        (report.changed_by_others.count, report.foreign.count, counts(&report)),
        (1, 2, (2, 0, 3, 12))
    );
    assert_eq!(std::fs::read(&others).unwrap(), b"mine");
    // A file of the export that somebody replaced is no longer the export's, also when its object goes.
    std::fs::remove_file(&others).unwrap();
    std::fs::remove_file(stage.file(OTHER)).unwrap();
    std::fs::write(stage.file(OTHER), "mine").unwrap();
    std::fs::remove_file(stage.source(OTHER)).unwrap();
    let report = stage.export().await;
    assert_eq!((report.changed_by_others.count, counts(&report).0), (1, 1));
    assert_eq!(std::fs::read(stage.file(OTHER)).unwrap(), b"mine");
}

#[tokio::test]
async fn an_export_that_was_copied_elsewhere_goes_on_there() {
    for form in [HiveForm::Objects, HiveForm::Compacted] {
        let stage = Stage::new().await;
        let request = HiveRequest { form, ..stage.request(&[]) };
        let (_, _, files, rows) = counts(&stage.export_as(&request).await.unwrap());
        let copy = tempfile::tempdir().unwrap();
        for (path, bytes) in stage.tree() {
            let to = copy.path().join(path.strip_prefix(stage.out.path()).unwrap());
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::write(to, bytes).unwrap();
        }
        let request = HiveRequest { place: copy.path().display().to_string(), ..request };
        for _ in 0..2 {
            let report = stage.export_as(&request).await.unwrap();
            assert!(report.is_clean(), "{report:?}");
            assert_eq!(counts(&report), (0, 0, files, rows));
        }
    }
}

#[tokio::test]
async fn one_file_a_venue_type_and_day_is_sorted_by_instrument() {
    let stage = Stage::new().await;
    let request = |venues: &[&str]| HiveRequest { form: HiveForm::Compacted, ..stage.request(venues) };
    assert_eq!(counts(&stage.export_as(&request(&[])).await.unwrap()), (3, 0, 3, 62));
    let compacted = stage.out.path().join(HiveTable::Ticks(DataType::Trades).compacted(day(ON), &key(KEY)));
    let rows_of = || {
        let file = ParquetFile::open(&compacted).unwrap();
        let groups = (0..file.row_groups()).map(|group| file.only_word(group, "instrument_key"));
        (file.rows(), groups.collect::<Vec<_>>())
    };
    assert_eq!(rows_of(), (57, vec![None]));
    assert_eq!(counts(&stage.export_as(&request(&[])).await.unwrap()).0, 0);
    // A run about one instrument keeps the other's rows in the file.
    stage.made.trades(OTHER, ON, "ee", &rows(9)).await;
    let mut one = request(&[]);
    let filter = Filter {
        instruments: vec![OTHER.to_owned()],
        data_types: vec![DataType::Trades],
        ..Filter::default()
    };
    one.selections = vec![filter.of_lake(HiveWish::every_day()).unwrap()];
    assert_eq!(counts(&stage.export_as(&one).await.unwrap()).0, 1);
    assert_eq!(rows_of().0, 59);
    std::fs::remove_file(stage.source(KEY)).unwrap();
    assert_eq!(counts(&stage.export_as(&request(&[])).await.unwrap()), (1, 0, 3, 14));
    assert_eq!(rows_of(), (9, vec![Some(OTHER.to_owned())]));
}

#[tokio::test]
async fn a_log_of_delta_follows_and_those_of_others_are_refused() {
    let stage = Stage::new().await;
    let request = HiveRequest { delta: true, ..stage.request(&[]) };
    let version = |report: &HiveReport| report.tables["trades"].delta_version;
    assert_eq!(version(&stage.export_as(&request).await.unwrap()), Some(0));
    assert_eq!(version(&stage.export().await), Some(0), "an export that has a log keeps it");
    stage.made.trades(KEY, ON, "ee", &rows(60)).await;
    // Taken out before the file is replaced, and put in afterwards.
    assert_eq!(version(&stage.export().await), Some(2));
    let log = stage.out.path().join("trades/_delta_log");
    let commit = |version: u64| log.join(format!("{version:020}.json"));
    let taken_out = std::fs::read_to_string(commit(1)).unwrap();
    assert!(taken_out.contains("\"remove\"") && !taken_out.contains("\"add\""), "{taken_out}");
    let own = std::fs::read_to_string(commit(2)).unwrap();
    for (what, path, text) in [
        ("another program's commit", commit(3), "{\"commitInfo\":{}}\n".to_owned()),
        ("a commit that was changed", commit(2), own.replace("BTC-USD", "BTC-EUR")),
        ("a checkpoint", log.join("_last_checkpoint"), "{}".to_owned()),
        ("a version that is not the next", commit(7), own.clone()),
    ] {
        std::fs::write(&path, text).unwrap();
        let refused = stage.export_as(&request).await;
        assert!(matches!(refused, Err(EngineError::Hive(HiveError::Log { .. }))), "{what}: {refused:?}");
        std::fs::remove_file(&path).unwrap();
        std::fs::write(commit(2), &own).unwrap();
    }
    assert_eq!(version(&stage.export_as(&request).await.unwrap()), Some(2));
}

#[tokio::test]
async fn candles_and_instruments_are_tables_too() {
    let stage = Stage::new().await;
    let one = Timeframe::USUAL[0];
    stage.made.make(&[one]).await;
    let tables = HiveTables { ticks: false, candles: CandlesMeant::All, instruments: true };
    let report = stage.export_as(&HiveRequest { tables, ..stage.request(&[]) }).await.unwrap();
    let names: Vec<&str> = report.tables.keys().map(String::as_str).collect();
    assert_eq!(names, [format!("candles_{one}").as_str(), "instruments"]);
    assert_eq!(report.tables["instruments"].rows, 3);
    let of = |timeframe| HiveTables { candles: CandlesMeant::Of(vec![timeframe]), ..HiveTables::default() };
    let other = HiveRequest { tables: of(Timeframe::USUAL[1]), ..stage.request(&[]) };
    assert!(matches!(stage.export_as(&other).await, Err(EngineError::Hive(HiveError::Nothing))));
}

#[tokio::test]
async fn damaged_objects_are_named_and_not_exported() {
    let stage = Stage::new().await;
    let mut bytes = std::fs::read(stage.source(KEY)).unwrap();
    bytes[40] ^= 1;
    std::fs::write(stage.source(KEY), bytes).unwrap();
    let verified = HiveRequest { verify: true, ..stage.request(&[]) };
    let report = stage.export_as(&verified).await.unwrap();
    assert_eq!((report.not_exported.count, stage.file(KEY).exists()), (1, false), "{report:?}");
    assert_eq!(counts(&report), (3, 0, 3, 12));
    // Without a proof of its bytes nobody looks at them.
    assert_eq!(counts(&stage.export().await).0, 1);
    std::fs::write(stage.source(OTHER), "junk").unwrap();
    let report = stage.export().await;
    assert_eq!((report.not_exported.count, counts(&report)), (1, (0, 0, 4, 62)), "what was exported stays");
}

#[tokio::test]
async fn places_that_cannot_take_an_export() {
    let stage = Stage::new().await;
    let lake = stage.made.folder.path();
    let refused = |place: &Path| {
        let request = HiveRequest { place: place.display().to_string(), ..stage.request(&[]) };
        let stage = &stage;
        async move { stage.export_as(&request).await.unwrap_err().to_string() }
    };
    for place in [
        lake.to_owned(),
        lake.join("hive"),
        lake.parent().unwrap().to_owned(),
        lake.join("../x/../x").join(lake),
    ] {
        let text = refused(&place).await;
        assert!(text.contains("cannot take the export"), "{}: {text}", place.display());
    }
    assert!(!lake.join("hive").exists());
    let full = tempfile::tempdir().unwrap();
    std::fs::write(full.path().join("mine"), "mine").unwrap();
    assert!(refused(full.path()).await.contains("not empty"));
    let file = full.path().join("mine");
    assert!(refused(&file.join("x")).await.contains("cannot take"));
    stage.export().await;
    let other = HiveRequest { form: HiveForm::Compacted, ..stage.request(&[]) };
    assert!(matches!(stage.export_as(&other).await, Err(EngineError::Hive(HiveError::OtherForm { .. }))));
    let lock = std::fs::File::open(stage.out.path().join("export.lock")).unwrap();
    lock.lock().unwrap();
    assert!(refused(stage.out.path()).await.contains("cannot take"));
    lock.unlock().unwrap();
    for document in [stage.out.path().join("export.json"), stage.manifest()] {
        let own = std::fs::read(&document).unwrap();
        std::fs::write(&document, "{}").unwrap();
        let refused = stage.export_as(&stage.request(&[])).await;
        assert!(matches!(refused, Err(EngineError::Hive(HiveError::Document { .. }))), "{refused:?}");
        std::fs::write(&document, own).unwrap();
    }
    assert!(stage.export().await.is_clean());
}

#[tokio::test]
async fn nothing_and_what_is_missing() {
    let stage = Stage::new().await;
    std::fs::remove_file(stage.source(OTHER)).unwrap();
    let strict = HiveRequest { strict: true, ..stage.request(&[]) };
    let refused = stage.export_as(&strict).await.unwrap_err();
    assert!(refused.to_string().contains(OTHER), "{refused}");
    assert_eq!(std::fs::read_dir(stage.out.path()).unwrap().count(), 0);
    let mut never = stage.request(&[]);
    never.selections[0].days = DayRange::of(day("2020-01-01"));
    for request in [&never, &stage.request(&["KRAKEN"])] {
        assert!(matches!(stage.export_as(request).await, Err(EngineError::Hive(HiveError::Nothing))));
    }
    let empty = HandMade::new();
    let lake = empty.folder.path().join("none").display().to_string();
    let context = Context::open(&Config { lake, ..Config::default() }).unwrap();
    let refused = context.export_hive(&stage.request(&[])).await;
    assert!(matches!(refused, Err(EngineError::Lake(LakeError::NoFolder(_)))), "{refused:?}");
}

/// Files that are replaced at the same time do not get in each other's way.
#[tokio::test(flavor = "multi_thread")]
async fn many_files_are_replaced_at_once() {
    let stage = Stage::new().await;
    let keys: Vec<String> = (0..60).map(|number| format!("DERIBIT:PERP:A{number}-USD")).collect();
    for (count, _) in keys.iter().enumerate() {
        stage.made.trades(&keys[count], ON, "aa", &rows(1 + count as i64)).await;
    }
    assert_eq!(counts(&stage.export().await).0, 64);
    let manifest = std::fs::read_to_string(stage.manifest()).unwrap();
    std::fs::write(stage.manifest(), manifest.replace("\"sources\"", "\"pending\":true,\"sources\""))
        .unwrap();
    assert_eq!(counts(&stage.export().await).0, 63, "those of the day whose run was ended");
    for key in &keys {
        assert_eq!(inode(&stage.file(key)), inode(&stage.source(key)), "{key}");
    }
}
