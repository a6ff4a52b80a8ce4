//! The last line of a verb: what it came to, and the command that comes next where one helps.

use crate::support::{DAY, Stage};

#[test]
fn the_last_line_is_the_verdict_with_the_command_that_comes_next() {
    let stage = Stage::new();
    let day = format!("--start-date {DAY} --venues DERIBIT --instrument-types PERP --data-types trades");
    let more = day.replace("--data-types trades", "--data-types trades,liquidations");
    let want = format!("want add s {day} --end-date {DAY}");
    let gone = format!("raw_tick_data/by_date/day-{DAY}/data_type-trades/DERIBIT:PERP:BTC-USD.parquet");
    let steps: [(String, i32, String); 17] = [
        (format!("plan {day}"), 0, format!("; next: mtdh download {day}")),
        (format!("download {day} --dry-run"), 0, format!("; next: mtdh download {day}")),
        (format!("plan {day} --save r"), 0, "; next: mtdh download --run r".to_owned()),
        (format!("validate {day}"), 1, format!("; next: mtdh download {day}")),
        (format!("full-pipeline {day}"), 0, format!("complete; next: mtdh check all {day}")),
        (format!("plan {day}"), 0, "nothing to fetch".to_owned()),
        (
            format!("certify {day} --out c.json"),
            0,
            "certified: complete; next: mtdh verify c.json".to_owned(),
        ),
        ("verify c.json".to_owned(), 0, "the same data: 2 objects".to_owned()),
        (format!("certify {more} --out d.json"), 1, format!("; next: mtdh download {more}")),
        (format!("export hive --out hive {more} --strict"), 2, String::new()),
        (format!("export hive --out hive {more}"), 1, format!("; next: mtdh download {more}")),
        (format!("export hive --out hive {day}"), 0, "; 0 new, 0 removed".to_owned()),
        ("publish iceberg".to_owned(), 0, "published: 1 new version".to_owned()),
        (want, 0, "lake.toml wants s now; next: mtdh sync".to_owned()),
        (
            format!("rm {day} --break-certificates --and-unwant"),
            0,
            format!("nothing was removed; next: mtdh rm {day} --break-certificates --and-unwant --yes"),
        ),
        ("sync --dry-run".to_owned(), 0, "nothing was fetched".to_owned()),
        ("sync".to_owned(), 0, "the lake is as is wanted".to_owned()),
    ];
    for (words, status, last) in steps {
        let run = stage.expect(status, &words);
        let said = run.stderr.lines().last().unwrap_or_default();
        assert!(said.ends_with(&last), "mtdh {words}\n{}", run.stderr);
    }
    // What a certificate names and the lake has not is told by `why`, on the lake that was asked.
    std::fs::remove_file(stage.path("data").join(gone)).unwrap();
    let run = stage.expect(1, "verify c.json --lake data");
    let why = format!("; next: mtdh why DERIBIT:PERP:BTC-USD {DAY} trades --lake data\n");
    assert!(run.stderr.ends_with(&why), "{}", run.stderr);
    let run = stage.expect(0, "sync --dry-run --lake data");
    assert!(
        run.stderr.ends_with("1 file; nothing was fetched; next: mtdh sync --lake data\n"),
        "{}",
        run.stderr
    );
}

/// What a validation and a sync came to, as a page and as a document; each word of a page is of what the lake has.
#[test]
fn a_validation_and_a_sync_write_reports() {
    let stage = Stage::new();
    let day = format!("--start-date {DAY} --venues DERIBIT --instrument-types PERP --data-types trades");
    stage.expect(0, &format!("download {day} --instruments DERIBIT:PERP:BTC-USD"));
    let read = |name: &str| std::fs::read_to_string(stage.path(name)).unwrap();
    stage.expect(1, &format!("validate {day} --report v.html v.json"));
    let page = read("v.html");
    for words in [
        "<title>Validation of ",
        "Not complete",
        "1 of 2 partitions",
        "DERIBIT:PERP:BTC-USDC",
        "mtdh validate --start-date",
        "What to look at first",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let document: serde_json::Value = serde_json::from_str(&read("v.json")).unwrap();
    assert_eq!(document["totals"]["missing"], 1);
    // Without flags it is about what was asked, and says so.
    stage.expect(0, "validate --report asked.html");
    assert!(
        read("asked.html").contains("About what was asked of this lake, 1 selection"),
        "{}",
        read("asked.html")
    );
    stage.expect(0, &format!("want add s {day} --end-date {DAY}"));
    stage.expect(0, "sync --report s.html");
    let page = read("s.html");
    for words in [
        "<title>Sync of ",
        "The lake is as is wanted",
        "About what lake.toml wants: s",
        "1 file fetched for 1 set",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    stage.expect(0, "check timestamp --report c.html");
    assert!(read("c.html").contains("About what lake.toml wants: s"));
    // Seen before the work.
    for (words, said) in [
        ("validate --report v.csv", "ends in .json or .html"),
        ("sync --report none/s.html", "there is no folder none"),
    ] {
        let run = stage.expect(2, words);
        assert!(run.stderr.contains(said), "{}", run.stderr);
    }
}
