//! Vendor files that are not what they should be: refused, exit 1, no object, and a plain run heals it.

use mtdh_sim::{Fault, FaultKind, Host, Md5Header, SaidLength};

use crate::support::{DAY, Stage, contents};

fn fault(kind: FaultKind) -> Vec<Fault> {
    vec![Fault::always(Host::Datasets, "deribit/trades/2024/03/01/BTC-PERPETUAL", kind)]
}

#[test]
fn a_file_that_is_not_what_was_asked_for_is_refused() {
    for (number, (kind, expected)) in damages().into_iter().enumerate() {
        let name = format!("{kind:?}");
        let stage = Stage::with(fault(kind));
        let words = format!("download --start-date {DAY} --instruments DERIBIT:PERP:* --data-types trades");
        let run = stage.expect(1, &words);
        assert!(run.stderr.contains("BTC-PERPETUAL.csv.gz (1 partition)"), "{name}: {}", run.stderr);
        assert!(run.stderr.contains(expected), "{name}: expected {expected}: {}", run.stderr);
        let objects = contents(&stage.path("data"));
        assert!(
            !objects.keys().any(|n| n.contains("DERIBIT:PERP:BTC-USD.parquet")),
            "{name}: an object was made"
        );
        assert!(
            objects.keys().any(|n| n.contains("DERIBIT:PERP:BTC-USDC.parquet")),
            "{name}: the others go on"
        );
        let gap = stage.expect(1, &words.replace("download", "validate"));
        assert!(
            gap.stderr.contains("missing: 2024-03-01 trades DERIBIT:PERP:BTC-USD"),
            "{name}: {}",
            gap.stderr
        );
        stage.leave("data", &format!("damaged-{number}-refused"));
        stage.sim.set_faults(Vec::new());
        stage.expect(0, &words);
        stage.expect(0, &words.replace("download", "validate"));
        stage.leave("data", &format!("damaged-{number}-and-healed"));
    }
}

#[test]
fn what_passes_by_itself_is_tried_again() {
    for kind in passing() {
        let once = Fault::once(Host::Datasets, "deribit/trades/2024/03/01/BTC-PERPETUAL", kind.clone());
        let stage = Stage::with(vec![once]);
        stage.expect(
            0,
            &format!("download --start-date {DAY} --instruments DERIBIT:PERP:BTC-USD --data-types trades"),
        );
        let asked = stage.sim.requests().iter().filter(|r| r.url.contains("BTC-PERPETUAL.csv.gz")).count();
        assert_eq!(asked, 2, "{kind:?}");
    }
}

fn damages() -> Vec<(FaultKind, &'static str)> {
    use mtdh_sim::{ColumnChange, TrailerPart};
    vec![
        (FaultKind::WebPage, "is not a gzip file"),
        (FaultKind::OtherSymbol, "expected `BTC-PERPETUAL`"),
        (FaultKind::OtherDay, "which is not on 2024-03-01"),
        (FaultKind::Columns { change: ColumnChange::Missing }, "lacks amount"),
        (FaultKind::Columns { change: ColumnChange::Renamed }, "lacks amount"),
        (FaultKind::Truncate { keep: 200 }, "ends early"),
        (FaultKind::WrongTrailer { part: TrailerPart::Crc }, "is damaged"),
        (FaultKind::WrongTrailer { part: TrailerPart::Length }, "is damaged"),
        (FaultKind::FlipByte { at: -6 }, "is damaged"),
        (FaultKind::Cut { after: 100, chunked: false }, "connection"),
        (FaultKind::Cut { after: 100, chunked: true }, "connection"),
        (FaultKind::Truncate { keep: 0 }, "is not a gzip file: it begins `nothing`"),
        (FaultKind::MemberCut { length: SaidLength::Whole, md5: Md5Header::Absent }, "connection"),
        (FaultKind::MemberCut { length: SaidLength::None, md5: Md5Header::Right }, "(x-md5)"),
    ]
}

fn passing() -> Vec<FaultKind> {
    use mtdh_sim::{ErrorBody, RetryAfter};
    vec![
        FaultKind::Status { status: 503, body: ErrorBody::Html },
        FaultKind::TooManyRequests { retry_after: RetryAfter::Seconds(0) },
        FaultKind::EdgeDown,
        FaultKind::Reset,
        FaultKind::Cut { after: 100, chunked: false },
        FaultKind::WebPage,
        FaultKind::Truncate { keep: 200 },
        FaultKind::Truncate { keep: 0 },
        FaultKind::MemberCut { length: SaidLength::Whole, md5: Md5Header::Absent },
        FaultKind::MemberCut { length: SaidLength::None, md5: Md5Header::Right },
    ]
}

#[test]
fn further_and_reordered_columns_do_no_harm() {
    use mtdh_sim::ColumnChange;
    let objects = |faults| {
        let stage = Stage::with(faults);
        stage.expect(
            0,
            &format!("download --start-date {DAY} --instruments DERIBIT:PERP:BTC-USD --data-types trades"),
        );
        stage.expect(0, &format!("get DERIBIT:PERP:BTC-USD --data-type trades --start {DAY}")).stdout
    };
    let usual = objects(Vec::new());
    for change in [ColumnChange::Extra, ColumnChange::Reordered] {
        assert_eq!(objects(fault(FaultKind::Columns { change })), usual, "{change:?}");
    }
}

const BTC: &str = "--instruments DERIBIT:PERP:BTC-USD --data-types trades";

/// The rows of the one instrument and the bytes of its object, after a run that is complete.
fn whole(faults: Vec<Fault>) -> (String, Vec<u8>) {
    let stage = Stage::with(faults);
    stage.expect(0, &format!("download --start-date {DAY} {BTC}"));
    stage.expect(0, &format!("validate --start-date {DAY} {BTC} --deep --sample 100%"));
    let again = stage.expect(0, &format!("download --start-date {DAY} {BTC} --format json"));
    assert!(again.stdout.contains("\"files\": 0,"), "nothing is made again: {}", again.stdout);
    let rows = stage.expect(0, &format!("get DERIBIT:PERP:BTC-USD --data-type trades --start {DAY}")).stdout;
    let objects = contents(&stage.path("data"));
    let object = objects.into_iter().find(|(name, _)| name.ends_with("DERIBIT:PERP:BTC-USD.parquet"));
    (rows, object.unwrap().1)
}

fn has(bytes: &[u8], words: &str) -> bool {
    bytes.windows(words.len()).any(|window| window == words.as_bytes())
}

#[test]
fn two_spellings_of_a_symbol_are_one_instrument() {
    let (rows, _) = whole(Vec::new());
    assert_eq!(whole(fault(FaultKind::OtherSpelling)).0, rows);
}

#[test]
fn provenance_tells_where_no_length_was_stated() {
    let (rows, usual) = whole(Vec::new());
    assert!(!has(&usual, "length not stated"));
    for (md5, words) in
        [(Md5Header::Absent, "length not stated"), (Md5Header::Right, "length not stated, MD5 fits")]
    {
        let (same_rows, object) = whole(fault(FaultKind::NoLength { md5 }));
        assert_eq!(same_rows, rows, "{md5:?}");
        assert!(has(&object, words), "{md5:?}");
    }
    // Nobody can know of it: the row warning and this are all there is.
    let cut = FaultKind::MemberCut { length: SaidLength::None, md5: Md5Header::Absent };
    let (fewer_rows, object) = whole(fault(cut));
    assert!(rows.starts_with(&fewer_rows) && fewer_rows.len() < rows.len());
    assert!(has(&object, "length not stated"));
}

#[test]
fn a_sound_file_without_rows_is_the_vendors_way_to_say_so() {
    for kind in [FaultKind::NoRows, FaultKind::InflatesToNothing] {
        let stage = Stage::with(fault(kind.clone()));
        let run = stage.expect(0, &format!("full-pipeline --start-date {DAY} {BTC}"));
        assert!(run.stdout.contains("partitions empty"), "{kind:?}: {}", run.stdout);
    }
}

#[test]
fn a_file_of_no_bytes_in_a_folder_is_refused() {
    for name in ["BTC-PERPETUAL.csv.gz", "BTC-PERPETUAL.csv"] {
        let stage = Stage::new();
        stage.expect(0, &format!("instruments --start-date {DAY} --venues DERIBIT"));
        let folder = stage.path("files/deribit/trades/2024/03/01");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), "").unwrap();
        let run = stage.expect(1, &format!("download --start-date {DAY} {BTC} --source files"));
        assert!(run.stderr.contains("the file has no bytes"), "{name}: {}", run.stderr);
    }
}

#[test]
fn far_fewer_rows_than_the_day_before_are_told() {
    let next = "2024-03-02";
    let of_next = "deribit/trades/2024/03/02/BTC-PERPETUAL";
    let stage = Stage::with(vec![Fault::always(Host::Datasets, of_next, FaultKind::NoRows)]);
    let words = format!("--start-date {DAY} --end-date {next} {BTC}");
    let run = stage.expect(0, &format!("download {words}"));
    let told = "few_rows: 2024-03-02 DERIBIT:PERP:BTC-USD trades: 1, rows: 0, ";
    assert!(run.stderr.contains(told) && run.stderr.contains(" the day before"), "{}", run.stderr);
    let run = stage.expect(0, &format!("check completeness {words}"));
    assert!(run.stdout.contains("few_rows") && run.stdout.contains(" the day before"), "{}", run.stdout);
    stage.expect(1, &format!("check completeness {words} --fail-on warning"));
    // Sound days are not told.
    let sound = Stage::new();
    let run = sound.expect(0, &format!("download {words}"));
    assert!(!run.stderr.contains("few_rows"), "{}", run.stderr);
}

const CHAIN: &str = "--venues DERIBIT --instrument-types OPTION --data-types options_chain";

#[test]
fn an_empty_group_needs_support_where_no_other_file_can_tell() {
    for kind in [FaultKind::NoRows, FaultKind::InflatesToNothing] {
        let chain = Fault::always(Host::Datasets, "OPTIONS.csv.gz", kind.clone());
        // Nothing else is known of the day.
        let stage = Stage::with(vec![chain.clone()]);
        let words = format!("download --start-date {DAY} {CHAIN}");
        let run = stage.expect(1, &words);
        assert!(run.stderr.contains("has no rows, and neither the vendor's statistics"), "{}", run.stderr);
        stage.expect(1, &words.replace("download", "validate"));
        // The members were active.
        let quotes = words.replace("options_chain", "quotes");
        stage.expect(0, &quotes);
        let run = stage.expect(1, &words);
        assert!(run.stderr.contains(" has quotes that day"), "{}", run.stderr);
        // They were as quiet as the file says.
        let quiet = Stage::with(vec![chain, Fault::always(Host::Datasets, "/quotes/", kind.clone())]);
        quiet.expect(0, &quotes);
        quiet.expect(0, &words);
        quiet.expect(0, &words.replace("download", "validate"));
    }
}

#[test]
fn two_spellings_in_a_groups_file_are_one_instrument_too() {
    let usual = Stage::new();
    let spelt = Stage::with(vec![Fault::always(Host::Datasets, "OPTIONS.csv.gz", FaultKind::OtherSpelling)]);
    let objects = |stage: &Stage| {
        stage.expect(0, &format!("download --start-date {DAY} {CHAIN}"));
        stage.expect(0, &format!("validate --start-date {DAY} {CHAIN} --deep --sample 100%"));
        let listing = stage.expect(0, &format!("ls --long --format csv --start-date {DAY}")).stdout;
        let keys = listing.lines().skip(1).filter(|line| line.contains(",stored,"));
        let keys: Vec<&str> = keys.filter_map(|line| line.split(',').nth(2)).collect();
        assert!(keys.len() > 3, "{listing}");
        let get = |key: &&str| {
            stage.expect(0, &format!("get {key} --data-type options_chain --start {DAY}")).stdout
        };
        keys.iter().map(get).collect::<Vec<_>>()
    };
    assert!(objects(&usual) == objects(&spelt));
}
