//! Finding what there is: lists, venues, runs, the size of a plan, and what a wrong name may mean.

use crate::support::{DAY, Stage};

/// A lake with trades of two venues, candles, two runs, and a set that is wanted.
fn stage() -> Stage {
    let stage = Stage::new();
    for venues in ["DERIBIT", "BINANCE"] {
        let words = format!("full-pipeline --start-date {DAY} --venues {venues} --data-types trades");
        stage.expect(0, &format!("{words} --instrument-types PERP SPOT_PAIR"));
    }
    stage.expect(
        0,
        &format!("candles --start-date {DAY} --venues BINANCE --timeframes 1h,4h --data-types trades"),
    );
    stage
}

fn csv(text: &str) -> Vec<Vec<&str>> {
    text.lines().map(|line| line.split(',').collect()).collect()
}

#[test]
fn a_lake_is_listed_by_whatever_one_looks_for() {
    let stage = stage();
    let list = |words: &str| stage.expect(0, &format!("ls {words} --format csv")).stdout;
    for (words, header, first) in [
        ("", "day,venue,data_type,stored,empty,absent,unreadable,rows,bytes", "2024-03-01,BINANCE,trades,"),
        ("--by venue", "venue,days,first_day,last_day,stored,", "BINANCE,1,2024-03-01,2024-03-01,"),
        ("--by month --by type", "month,data_type,days,", "2024-03,trades,1,"),
        ("--by venue --sort -venue", "venue,days,", "DERIBIT,1,"),
        ("--by instrument_type", "instrument_type,days,", "PERP,1,"),
        ("--by key --venues DERIBIT", "instrument_key,days,", "DERIBIT:PERP:"),
        ("--long --limit 1", "day,data_type,instrument_key,status,rows,bytes", "2024-03-01,trades,BINANCE:"),
        ("candles", "day,venue,timeframe,objects,bytes", "2024-03-01,BINANCE,1h,"),
        ("candles --by type --sort -timeframe", "timeframe,days,", "4h,1,"),
        ("candles --long", "day,timeframe,instrument_key,bytes", "2024-03-01,1h,BINANCE:SPOT_PAIR:"),
        ("instruments", "day,venue,instrument_type,instruments", "2024-03-01,BINANCE,SPOT_PAIR,"),
        ("instruments --by venue", "venue,days,first_day,last_day,instruments", "BINANCE,1,"),
        ("reports", "report,days,first_day,last_day,objects,bytes", "available,1,2024-03-01,2024-03-01,1,"),
        ("reports --by day --sort -day", "day,objects,bytes", "2024-03-01,"),
        ("runs", "run,kind,state,verdict,started_at,", ""),
    ] {
        let text = list(words);
        let mut lines = text.lines();
        assert!(lines.next().unwrap().starts_with(header), "{words}: {text}");
        assert!(lines.next().unwrap().starts_with(first), "{words}: {text}");
    }
    // Groups add up to the whole, however they are made.
    let rows = |words: &str| -> u64 {
        let text = list(words);
        let cells = csv(&text);
        let column = cells[0].iter().position(|name| *name == "rows").unwrap();
        cells[1..].iter().map(|row| row[column].parse::<u64>().unwrap()).sum()
    };
    let whole = rows("");
    assert!(whole > 0);
    for words in ["--by venue", "--by key", "--by month", "--by type venue", "--long"] {
        assert_eq!(rows(words), whole, "{words}");
    }
    let table = stage.expect(0, "ls --by venue --sort bytes --limit 1");
    assert!(table.stdout.contains(" kB") || table.stdout.contains(" MB"), "{}", table.stdout);
    assert!(table.stderr.contains("and 1 line more"), "{}", table.stderr);
    for (status, words, expected) in [
        (2, "ls --sort byts", "perhaps bytes"),
        (2, "ls --by day --long", "cannot be used with"),
        (2, "ls runs --venues DERIBIT", "runs are not listed by days and instruments"),
        (2, "ls reports --venues DERIBIT", "tables and reports are of days"),
        (1, "ls --instruments DERIBIT:PERP:BTC-UDS", "perhaps DERIBIT:PERP:BTC-USD"),
    ] {
        let run = stage.expect(status, words);
        assert!(run.stderr.contains(expected), "{words}: {}", run.stderr);
    }
}

#[test]
fn venues_and_runs_are_told() {
    let stage = stage();
    let venues: serde_json::Value =
        serde_json::from_str(&stage.expect(0, "venues --format json").stdout).unwrap();
    let of = |name: &str| venues.as_array().unwrap().iter().find(|one| one["venue"] == name).unwrap();
    let deribit = of("DERIBIT");
    assert_eq!((&deribit["exchange"], &deribit["days"]), (&"deribit".into(), &1.into()), "{deribit}");
    assert_eq!((&deribit["first_day"], &deribit["is_known"]), (&DAY.into(), &true.into()), "{deribit}");
    assert_eq!(deribit["data_types"], serde_json::json!(["trades"]), "{deribit}");
    assert!(deribit["since"].is_string() && deribit["bytes"].as_u64() > Some(0), "{deribit}");
    assert_eq!((&of("KRAKEN")["days"], &of("OKX")["exchange"]), (&0.into(), &"okex".into()));
    let in_lake = stage.expect(0, "venues --in-lake --format csv --sort bytes").stdout;
    assert_eq!(csv(&in_lake).len(), 3, "{in_lake}");

    let runs: serde_json::Value =
        serde_json::from_str(&stage.expect(0, "runs --format json").stdout).unwrap();
    let runs = runs.as_array().unwrap();
    let kinds: Vec<&str> = runs.iter().filter_map(|run| run["kind"].as_str()).collect();
    assert_eq!(kinds, ["candles", "download", "download"], "the newest first");
    let newest = &runs[1];
    assert_eq!((&newest["state"], &newest["verdict"]), (&"done".into(), &"clean".into()), "{newest}");
    assert_eq!(newest["what"], format!("{DAY}; BINANCE; trades"));
    let name = newest["run"].as_str().unwrap();
    let one: serde_json::Value =
        serde_json::from_str(&stage.expect(0, &format!("runs {name} --format json")).stdout).unwrap();
    assert_eq!((&one["run"], one["summaries"].as_array().map(Vec::len)), (&name.into(), Some(1)));
    assert!(stage.expect(0, &format!("runs {name}")).stdout.contains("BINANCE; trades"));
    let missing = stage.expect(2, &format!("runs {}x", &name[..name.len() - 1]));
    assert!(missing.stderr.contains(&format!("perhaps {name}")), "{}", missing.stderr);

    stage.expect(0, &format!("plan --start-date {DAY} --venues DERIBIT --save march"));
    let planned = stage.expect(0, "runs march --format csv").stdout;
    assert!(planned.contains("kind,plan") && planned.contains("state,not_begun"), "{planned}");
}

#[test]
fn a_plan_says_how_much_it_receives_and_by_what_that_is_known() {
    let stage = Stage::new();
    let plan = |words: &str| stage.expect(0, &format!("plan --start-date {DAY} --venues DERIBIT {words}"));
    let first = plan("--instrument-types PERP --data-types liquidations");
    assert!(first.stderr.contains("a rough guess"), "{}", first.stderr);
    assert!(first.stderr.contains("no limit of bytes a day"), "{}", first.stderr);
    let trades = plan("--instrument-types PERP --data-types trades --format json");
    let size = |run: &str| serde_json::from_str::<serde_json::Value>(run).unwrap()["size"].clone();
    let of_trades = size(&trades.stdout);
    assert!(of_trades["by_statistics"].as_u64() > Some(0) && of_trades["by_lake"] == 0, "{of_trades}");
    let words = "--instrument-types PERP --data-types liquidations";
    stage.expect(0, &format!("download --start-date {DAY} --venues DERIBIT {words}"));
    let again = size(&plan(&format!("{words} --force --format json")).stdout);
    assert!(again["by_lake"].as_u64() > Some(0) && again["by_estimate"] == 0, "{again}");
    let none = plan(words);
    assert!(!none.stderr.contains("to receive"), "{}", none.stderr);
}

#[test]
fn a_wrong_name_is_answered_with_what_may_be_meant() {
    let stage = stage();
    stage.expect(0, &format!("want add majors --start-date {DAY} --venues DERIBIT --data-types trades"));
    stage.expect(
        0,
        &format!("plan --start-date {DAY} --venues DERIBIT --data-types quotes --save march --everything"),
    );
    let get = |name: &str| format!("get {name} --data-type trades --start {DAY}");
    for (words, expected) in [
        ("plan --everything --start-date 2024-03-01 --venues BINNANCE".to_owned(), "BINANCE"),
        ("ls --everything --venues deribt".to_owned(), "DERIBIT"),
        ("ls --everything --venues binance_futurs".to_owned(), "BINANCE-FUTURES"),
        ("ls --data-types trade".to_owned(), "perhaps trades"),
        ("ls --data-types orderbook".to_owned(), "perhaps incremental_book_L2"),
        ("ls --data-types book_snapshot5".to_owned(), "perhaps book_snapshot_5"),
        ("ls --instrument-types spot".to_owned(), "perhaps SPOT_PAIR"),
        ("ls --instrument-types futures".to_owned(), "perhaps FUTURE"),
        ("ls --instrument-types swap".to_owned(), "perhaps PERP"),
        ("ls partitons".to_owned(), "perhaps partitions"),
        ("ls --by moth".to_owned(), "perhaps month"),
        ("ls --sort venu".to_owned(), "perhaps venue"),
        ("schema tradse".to_owned(), "perhaps trades"),
        ("schema ohlcv".to_owned(), "perhaps candles"),
        (get("BTCUSDT"), "BINANCE:SPOT_PAIR:BTC-USDT"),
        (get("BTC/USDT"), "BINANCE:SPOT_PAIR:BTC-USDT"),
        (get("BTC/USD:BTC"), "DERIBIT:PERP:BTC-USD"),
        (get("BTC-PERPETUAL"), "DERIBIT:PERP:BTC-USD"),
        (get("binance:btcusdt"), "BINANCE:SPOT_PAIR:BTC-USDT"),
        (get("DERIBIT:PERP:BTC-UDS"), "DERIBIT:PERP:BTC-USD"),
        (get("DERIBTI:PERP:BTC-USD"), "DERIBIT:PERP:BTC-USD"),
        ("instruments show btcperpetual".to_owned(), "DERIBIT:PERP:BTC-USD"),
        ("check all --set silence.facter=3 --start-date 2024-03-01".to_owned(), "perhaps silence.factor"),
        ("check timestmp --start-date 2024-03-01".to_owned(), "perhaps timestamp"),
        ("candles --start-date 2024-03-01 --timeframes 1min".to_owned(), "perhaps 1m"),
        ("candles --start-date 2024-03-01 --timeframes 7m".to_owned(), "perhaps 6m or 8m"),
        ("want show majros".to_owned(), "perhaps majors"),
        ("want remove majo".to_owned(), "perhaps majors"),
        ("runs mrach".to_owned(), "perhaps march"),
        ("monitor marc".to_owned(), "perhaps march"),
        ("rm --runs marhc".to_owned(), "perhaps march"),
        ("plan --everything --start-date 2024-03-01 --universe core61".to_owned(), "perhaps core60"),
        (format!("{} --clock exchnge", get("DERIBIT:PERP:BTC-USD")), "perhaps exchange"),
    ] {
        let run = stage.run(&words);
        assert!(run.status != 0 && run.stderr.contains(expected), "mtdh {words}\n{expected}\n{}", run.stderr);
    }
}
