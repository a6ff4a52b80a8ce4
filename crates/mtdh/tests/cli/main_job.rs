//! instruments → download → validate → look at it.

use std::io::Write;

use mtdh_core::DataType;

use crate::support::{DAY, Stage, contents, program, run};

const VENUES: &str = "DERIBIT,BINANCE,BINANCE-FUTURES,OKX-SWAP";

#[test]
fn the_pipeline_completes_and_a_second_run_changes_nothing() {
    let stage = Stage::new();
    let words = format!("full-pipeline --start-date {DAY} --venues {VENUES}");
    let first = stage.expect(0, &words);
    assert!(
        first.stdout.contains("100.00%") && first.stderr.contains("\ncomplete; next: "),
        "{}",
        first.stderr
    );
    let lake = contents(&stage.path("data"));
    assert!(lake.keys().any(|name| name.contains("data_type-options_chain/DERIBIT:OPTION:")));
    stage.sim.clear_requests();
    let second = stage.expect(0, &words);
    assert!(second.stdout.contains("partitions not fetched: stored"), "{}", second.stdout);
    let files = stage.sim.requests().iter().filter(|r| r.url.contains(".csv.gz")).count();
    assert_eq!(files, 0, "nothing is fetched twice");
    assert_eq!(contents(&stage.path("data")), lake);
}

#[test]
fn every_data_type_comes_through() {
    let stage = Stage::new();
    let types = DataType::ALL.map(DataType::name).join(",");
    stage
        .expect(0, &format!("full-pipeline --start-date {DAY} --venues DERIBIT --data-types {types} --deep"));
    let listing = stage.expect(0, "ls --format csv").stdout;
    for data_type in DataType::ALL {
        assert!(listing.contains(&format!("{DAY},DERIBIT,{data_type},")), "{data_type}\n{listing}");
    }
}

#[test]
fn shards_together_are_the_whole_and_do_not_overlap() {
    let stage = Stage::new();
    let words = format!("download --start-date {DAY} --venues DERIBIT,BINANCE");
    stage.expect(0, &format!("{words} --lake whole"));
    let fetched = |words: &str| {
        stage.sim.clear_requests();
        stage.expect(0, words);
        let files = stage.sim.requests().into_iter().map(|r| r.url).filter(|p| p.contains(".csv.gz"));
        files.collect::<std::collections::BTreeSet<_>>()
    };
    let mut all = std::collections::BTreeSet::new();
    for index in 0..3 {
        let files = fetched(&format!("{words} --lake parts --total-shards 3 --shard-index {index}"));
        assert!(!files.is_empty() && files.is_disjoint(&all), "shard {index}");
        all.extend(files);
    }
    let partitions = |lake: &str| {
        let mut files = contents(&stage.path(lake));
        files.retain(|name, _| name.starts_with("raw_tick_data/"));
        files
    };
    assert_eq!(partitions("parts"), partitions("whole"));
}

#[test]
fn a_run_for_some_venues_keeps_the_others_rows() {
    let stage = Stage::new();
    stage.expect(0, &format!("instruments --start-date {DAY} --venues DERIBIT"));
    stage.expect(0, &format!("instruments --start-date {DAY} --venues BINANCE"));
    let list = stage.expect(0, "instruments list --format csv").stdout;
    assert!(list.contains("DERIBIT:PERP:BTC-USD") && list.contains("BINANCE:SPOT_PAIR:BTC-USDT"), "{list}");
    let one = stage.expect(0, "instruments show DERIBIT:PERPETUAL:btc-usd --format json").stdout;
    assert!(one.contains(r#""tardis_symbol": "BTC-PERPETUAL""#), "{one}");
}

#[test]
fn a_range_has_a_table_over_all_days() {
    let stage = Stage::new();
    stage.expect(0, "instruments --start-date 2024-02-28 --end-date 2024-03-01 --venues DERIBIT");
    let aggregate = "instrument_availability/aggregate/instruments_20240228_20240301.parquet";
    assert!(contents(&stage.path("data")).contains_key(aggregate));
}

#[test]
fn a_plan_fetches_nothing_and_says_why_not() {
    let stage = Stage::new();
    let run =
        stage.expect(0, "plan --start-date 2024-03-01 --end-date 2024-03-03 --venues DERIBIT --format json");
    let plan: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert!(plan["files"].as_u64() > Some(10) && plan["expected_rows"].as_u64() > Some(0));
    let reasons: Vec<&str> =
        plan["skipped"].as_array().unwrap().iter().filter_map(|s| s["reason"].as_str()).collect();
    assert!(reasons.contains(&"not_exported_yet") && reasons.contains(&"not_listed"), "{reasons:?}");
    let dry = stage.expect(0, "download --dry-run --start-date 2024-03-01 --venues DERIBIT");
    assert!(dry.stderr.contains("to fetch"), "{}", dry.stderr);
    assert!(!stage.sim.requests().iter().any(|r| r.url.contains(".csv.gz")));
}

#[test]
fn what_is_gone_is_missing_and_a_filtered_report_speaks_only_of_its_own() {
    let stage = Stage::new();
    stage.expect(0, &format!("full-pipeline --start-date {DAY} --venues DERIBIT,BINANCE"));
    let trades = stage.path(&format!("data/raw_tick_data/by_date/day-{DAY}/data_type-trades"));
    std::fs::remove_file(trades.join("DERIBIT:PERP:BTC-USD.parquet")).unwrap();
    let run = stage.expect(1, &format!("validate --start-date {DAY} --venues DERIBIT,BINANCE"));
    assert!(run.stderr.contains("missing: 2024-03-01 trades DERIBIT:PERP:BTC-USD"), "{}", run.stderr);
    let report = format!("missing_data_reports/by_date/day-{DAY}/missing_data.parquet");
    let before = contents(&stage.path("data"))[&report].clone();
    stage.expect(0, &format!("validate --start-date {DAY} --venues BINANCE"));
    assert_eq!(contents(&stage.path("data"))[&report], before, "BINANCE says nothing of DERIBIT");
    stage.expect(0, &format!("download --start-date {DAY} --venues DERIBIT"));
    stage.expect(0, &format!("validate --start-date {DAY} --venues DERIBIT"));
}

#[test]
fn deep_validation_finds_truncated_and_foreign_objects() {
    let stage = Stage::new();
    stage.expect(0, &format!("full-pipeline --start-date {DAY} --venues DERIBIT --data-types trades"));
    let trades = stage.path(&format!("data/raw_tick_data/by_date/day-{DAY}/data_type-trades"));
    let (perp, other) =
        (trades.join("DERIBIT:PERP:BTC-USD.parquet"), trades.join("DERIBIT:PERP:BTC-USDC.parquet"));
    let whole = std::fs::read(&perp).unwrap();
    let validate = format!("validate --deep --start-date {DAY} --venues DERIBIT --data-types trades");
    // As long as before, so that the listing alone cannot tell.
    let mut damaged = whole.clone();
    damaged[100..200].fill(0);
    for (content, share, reason) in [
        (whole[..whole.len() - 1].to_vec(), "0%", "cannot be read as Parquet"),
        (b"not parquet at all, but long enough".to_vec(), "0%", "cannot be read as Parquet"),
        (std::fs::read(&other).unwrap(), "0%", "its footer says that it is DERIBIT:PERP:BTC-USDC"),
        (damaged, "100%", "cannot be read as Parquet"),
    ] {
        std::fs::write(&perp, content).unwrap();
        let run = stage.expect(1, &format!("{validate} --sample {share}"));
        assert!(run.stderr.contains(reason), "{reason}: {}", run.stderr);
    }
    // An object that cannot be trusted is fetched again.
    std::fs::write(&perp, b"junk").unwrap();
    stage.expect(0, &format!("download --start-date {DAY} --venues DERIBIT --data-types trades"));
    assert_eq!(std::fs::read(&perp).unwrap(), whole);
    stage.expect(0, &format!("{validate} --sample 100%"));
}

#[test]
fn a_slice_has_the_rows_of_its_time_in_each_form() {
    let stage = Stage::new();
    stage.expect(0, &format!("download --start-date {DAY} --instruments BINANCE:SPOT_PAIR:BTC-USDT"));
    let get = |end: &str, output: &str| {
        let words = format!(
            "get BINANCE:SPOT_PAIR:BTC-USDT --data-type trades --start {DAY} --end {DAY}T{end} -o {output}"
        );
        stage.expect(0, &words)
    };
    let all = get("23:59:59.999999", "-").stdout.lines().count();
    let half = get("12:00", "-");
    assert!(all > half.stdout.lines().count() && half.stdout.lines().count() > 1);
    assert!(half.stdout.starts_with("instrument_key,timestamp,local_timestamp,id,side,price,amount\n"));
    assert!(half.stderr.contains("request"), "{}", half.stderr);
    get("12:00", "half.jsonl");
    let lines = std::fs::read_to_string(stage.path("half.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), half.stdout.lines().count() - 1);
    get("12:00", "half.parquet");
    assert!(std::fs::read(stage.path("half.parquet")).unwrap().starts_with(b"PAR1"));
    std::fs::write(stage.path("plain"), "").unwrap();
    let rights = |name: &str| std::fs::metadata(stage.path(name)).unwrap().permissions();
    assert_eq!(rights("half.parquet"), rights("plain"), "as readable as any other file");
    let gap = stage.expect(1, "get BINANCE:SPOT_PAIR:BTC-USDT --data-type trades --start 2024-02-01");
    assert!(gap.stderr.contains("2024-02-01 is not in the lake"), "{}", gap.stderr);
}

#[test]
fn a_bucket_serves_as_a_folder_does() {
    let stage = Stage::new();
    stage.sim.create_bucket("bucket");
    let words = format!("full-pipeline --start-date {DAY} --venues DERIBIT --instrument-types PERP");
    stage.expect(0, &words);
    stage.expect(0, &format!("{words} --lake gs://bucket/prefix"));
    let mut remote: std::collections::BTreeMap<String, Vec<u8>> = stage
        .sim
        .bucket_objects("bucket")
        .into_iter()
        .map(|(name, bytes)| (name.strip_prefix("prefix/").unwrap().to_owned(), bytes.to_vec()))
        .collect();
    remote.retain(|name, _| !name.starts_with("runs/"));
    assert_eq!(remote, contents(&stage.path("data")));
    let ls = stage.expect(0, "ls --lake gs://bucket/prefix --format csv").stdout;
    assert_eq!(ls, stage.expect(0, "ls --format csv").stdout);
}

#[test]
fn a_file_that_a_user_has_is_converted_without_a_lake() {
    let folder = tempfile::tempdir().unwrap();
    let header = DataType::Trades.table().csv_header();
    let csv = format!("{header}\nbitmex,XBTUSD,1583020803145000,1583020803307160,a-1,sell,8531.5,2152\n");
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(csv.as_bytes()).unwrap();
    std::fs::write(folder.path().join("a_trades.csv.gz"), gz.finish().unwrap()).unwrap();
    std::fs::write(folder.path().join("b_trades.csv"), &csv).unwrap();
    std::fs::write(folder.path().join("c.csv"), csv.replace("price", "prise")).unwrap();
    let convert = |file: &str| {
        let mut command = program(&format!("convert {file} --output {file}.parquet --format csv"));
        command.current_dir(folder.path());
        run(command)
    };
    for file in ["a_trades.csv.gz", "b_trades.csv"] {
        let run = convert(file);
        assert_eq!(run.status, 0, "{}", run.stderr);
        assert!(run.stdout.contains("trades,BITMEX:PERP:BTC-USD,1,1,0,0"), "{}", run.stdout);
    }
    let refused = convert("c.csv");
    assert_eq!(refused.status, 1);
    assert!(refused.stderr.contains("header row"), "{}", refused.stderr);
    assert!(!folder.path().join("c.csv.parquet").exists());
    assert_eq!(convert("nothing.csv").status, 2);
    // Neither header nor name tells trades from liquidations.
    std::fs::write(folder.path().join("mine.csv"), &csv).unwrap();
    std::fs::write(folder.path().join("empty.csv"), "").unwrap();
    for (words, status, said) in [
        ("convert mine.csv --output o.parquet", 1, "its columns are those of trades and of liquidations"),
        (
            "convert empty.csv --output o.parquet",
            1,
            "if that is a file without rows, name the data type with --data-type",
        ),
        ("convert mine.csv --output o.parquet --data-type liquidations", 0, ""),
        ("convert empty.csv --output p.parquet --data-type trades", 0, ""),
        ("check timestamp --data-file mine.csv", 2, "name the data type with --data-type"),
        ("check timestamp --data-file mine.csv --data-type trades", 0, ""),
    ] {
        let mut command = program(words);
        command.current_dir(folder.path());
        let run = run(command);
        assert_eq!(run.status, status, "{words}\n{}", run.stderr);
        assert!(run.stderr.contains(said), "{words}\n{}", run.stderr);
    }
}

#[test]
fn what_was_not_looked_for_is_not_called_complete() {
    let stage = Stage::new();
    stage.expect(0, &format!("download --start-date {DAY} --venues DERIBIT --instrument-types PERP"));
    for (words, said) in [
        ("validate --venues DERIBIT", "missing: 2024-03-01"),
        ("validate --everything", "missing: 2024-03-01"),
        (
            "validate --venues DERIBIT,BINANCE --instrument-types PERP",
            "no instrument in the table: 2024-03-01 BINANCE",
        ),
        (
            "validate --instruments DERIBIT:PERP:BTC-USDD",
            "no instrument ever had the name DERIBIT:PERP:BTC-USDD; perhaps DERIBIT:PERP:BTC-USD",
        ),
        ("validate --instruments DERIBIT:PERP:BTC-USDD", "nothing was expected"),
        ("download --instruments DERIBIT:PERP:BTC-USDD", "no instrument is what was asked for"),
        ("full-pipeline --instruments DERIBIT:PERP:BTC-USDD", "nothing was expected"),
    ] {
        let run = stage.expect(1, &format!("{words} --start-date {DAY}"));
        assert!(run.stderr.contains(said), "mtdh {words}\n{}", run.stderr);
        assert!(!run.stderr.ends_with("\ncomplete\n"), "mtdh {words}\n{}", run.stderr);
    }
    stage.expect(0, &format!("validate --start-date {DAY} --venues DERIBIT --instrument-types PERP"));
    // Without filters it is about what was asked, and says so.
    let asked = stage.expect(0, &format!("validate --start-date {DAY}"));
    assert!(asked.stderr.contains("about what was asked of this lake"), "{}", asked.stderr);
    // What was left out the first time is found by the next run.
    stage.expect(0, &format!("download --start-date {DAY} --venues DERIBIT"));
    stage.expect(0, &format!("validate --start-date {DAY}"));
}

#[test]
fn a_day_that_is_not_exported_yet_is_not_complete() {
    let stage = Stage::new();
    let run = stage.expect(1, "full-pipeline --start-date 2024-03-03 --venues DERIBIT");
    assert!(run.stderr.contains("not exported by the vendor yet"), "{}", run.stderr);
    // The vendor exports the day, and the same command fetches it.
    let later = chrono::DateTime::parse_from_rfc3339("2024-03-04T12:00:00Z").unwrap();
    stage.sim.set_now(later.to_utc());
    std::fs::remove_dir_all(stage.path("cache")).unwrap();
    stage.expect(0, "full-pipeline --start-date 2024-03-03 --venues DERIBIT");
}

#[test]
fn a_dry_run_of_the_pipeline_fetches_nothing() {
    let stage = Stage::new();
    let run = stage.expect(0, &format!("full-pipeline --dry-run --start-date {DAY} --venues DERIBIT"));
    assert!(run.stderr.contains("to fetch: "), "{}", run.stderr);
    assert!(!stage.sim.requests().iter().any(|r| r.url.contains(".csv.gz")));
}
