//! Reports: nothing in a name or a reason becomes markup, and every form counts alike.

use mtdh_core::check::{Detection, Explanation, Finding, Group, Severity};
use mtdh_core::partition::{Partition, Status};
use mtdh_core::{DataType, DayRange};
use mtdh_engine::check::comparison::{Comparison, ComparisonPoint};
use mtdh_engine::check::{CheckReport, Checked};
use mtdh_engine::report::formats::Form;
use mtdh_engine::report::{Document, Head};

use crate::candle_support::plan;

const HOSTILE: &str = "<script>alert('x')</script> & \"quoted\", a|b\nnext \u{1}line";

fn finding(check: &'static str, severity: Severity) -> Finding {
    let day: mtdh_core::Day = "2024-03-01".parse().unwrap();
    Finding {
        check,
        severity,
        key: Some("DERIBIT:PERP:BTC-USD".parse().unwrap()),
        data_type: Some(DataType::Trades),
        day: Some(day),
        found: Detection {
            severity: None,
            range_us: Some((day.start_us(), day.start_us() + 3_600_000_000)),
            count: 1234,
            examples: vec![HOSTILE.to_owned()],
            explanation: Some(Explanation { class: "unknown", text: HOSTILE.to_owned() }),
        },
    }
}

fn document(fail_on: Severity) -> Document {
    let day = "2024-03-01".parse().unwrap();
    let partition =
        Partition { day, data_type: DataType::Trades, key: "DERIBIT:PERP:BTC-USD".parse().unwrap() };
    let checked =
        Checked { status: Status::Stored, rows: 10, grade: Some(mtdh_core::check::grade::Grade::Bad) };
    let point = |minute: i64, ours, theirs| ComparisonPoint {
        at_us: day.start_us() + minute * 60_000_000,
        ours,
        theirs,
    };
    let report = CheckReport {
        findings: vec![
            finding("arrival_clock", Severity::Error),
            finding("gap", Severity::Warning),
            finding("exchange_clock", Severity::Info),
        ],
        partitions: [(partition, checked)].into(),
        rows: 10,
        looked_at: [("arrival_clock", 1), ("exchange_clock", 1), ("gap", 1)].into(),
        comparisons: vec![Comparison {
            title: HOSTILE.to_owned(),
            points: vec![
                point(0, Some(100.0), Some(100.0)),
                point(1, Some(101.0), Some(100.5)),
                point(2, None, Some(100.4)),
                point(3, Some(100.2), Some(100.2)),
            ],
        }],
        notes: vec![HOSTILE.to_owned()],
        ..CheckReport::default()
    };
    let head = Head {
        subject: HOSTILE.to_owned(),
        days: DayRange::new(day, day).ok(),
        fail_on,
        command: Some(format!("mtdh check {HOSTILE}")),
        filter: None,
    };
    Document::new(&head, &plan(&Group::ALL), &report)
}

#[test]
fn nothing_becomes_markup() {
    let document = document(Severity::Error);
    for (form, own) in [(Form::Html, 2), (Form::Junit, 0), (Form::Markdown, 0)] {
        let text = form.of(&document);
        assert_eq!(text.matches("<script").count(), own, "{form:?}: none but the page's own");
        assert!(!text.contains("<script>alert"), "{form:?}");
        assert!(text.contains("&lt;script"), "{form:?}");
    }
    let html = Form::Html.of(&document);
    for outside in ["http:", "https:", "src=", "@import", "url(", " style=", " onclick="] {
        assert!(
            !html.contains(outside),
            "the page fetches nothing and needs no exception, and has {outside}"
        );
    }
    assert!(!Form::Junit.of(&document).contains('\u{1}'), "XML cannot have it");
    let row = Form::Markdown.of(&document).lines().find(|l| l.starts_with("| error")).unwrap().to_owned();
    assert_eq!(row.replace("\\|", "").matches('|').count(), 9, "{row}");
}

#[test]
fn csv_cells_with_commas_are_quoted() {
    let text = Form::Csv.of(&document(Severity::Error));
    assert!(text.contains("\"<script>alert('x')</script> & \"\"quoted\"\", a|b\nnext \u{1}line\""), "{text}");
    assert!(text.starts_with("severity,check,group,day,"));
}

#[test]
fn json_has_a_version_and_everything() {
    let told: serde_json::Value = serde_json::from_str(&Form::Json.of(&document(Severity::Error))).unwrap();
    assert_eq!(told["schema_version"], 1);
    assert_eq!(told["findings"][0]["examples"][0], HOSTILE);
    assert_eq!(told["summary"]["findings"], serde_json::json!({"error": 1, "warning": 1, "info": 1}));
    assert_eq!(told["summary"]["grades"]["bad"], 1);
    assert_eq!(told["summary"]["gaps"]["unknown"], 1);
    assert_eq!(told["comparisons"][0]["points"].as_array().unwrap().len(), 4);
}

#[test]
fn what_fails_is_what_fail_on_says() {
    for (fail_on, failures, is_clean) in [(Severity::Error, 1, false), (Severity::Warning, 2, false)] {
        let document = document(fail_on);
        let text = Form::Junit.of(&document);
        assert_eq!(text.matches("<failure ").count(), failures);
        assert!(text.contains(&format!("failures=\"{failures}\">\n  <testsuite ")), "{text}");
        assert_eq!(document.is_clean, is_clean);
    }
    // A check that had nothing to look at has not passed.
    let text = Form::Junit.of(&document(Severity::Error));
    let skipped = document(Severity::Error).checks.iter().filter(|c| c.looked_at == 0).count();
    assert!(skipped > 10);
    assert_eq!(text.matches("<skipped ").count(), skipped);
}

#[test]
fn two_series_are_drawn_with_their_difference() {
    let html = Form::Html.of(&document(Severity::Error));
    assert!(html.contains("3 moments of both, 1 of them not equal; 0 of ours alone, 1 "));
    // Ours is broken at its missing point, with one point alone behind it; theirs is one line.
    let drawn = |class: &str| {
        let path = html.split(&format!("<path class=\"{class}\" d=\"")).nth(1).unwrap();
        path.split('"').next().unwrap().matches('M').count()
    };
    assert_eq!(["ours", "theirs", "off"].map(drawn), [1, 1, 1]);
    assert_eq!(["ours dots", "theirs dots", "off dots"].map(drawn), [1, 0, 1]);
}

#[test]
fn forms_go_by_the_ending() {
    for (name, form) in [
        ("r.json", Some(Form::Json)),
        ("r.CSV", Some(Form::Csv)),
        ("junit.xml", Some(Form::Junit)),
        ("a.b.md", Some(Form::Markdown)),
        ("r.html", Some(Form::Html)),
        ("r", None),
        ("r.txt", None),
    ] {
        assert_eq!(Form::of_file(std::path::Path::new(name)), form, "{name}");
    }
}

/// The rows of a table of the page, as its script reads them.
fn rows_of(html: &str, sheet: &str) -> Vec<serde_json::Value> {
    let data = html.split("id=\"data\">").nth(1).unwrap().split("</script>").next().unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    data["sheets"][sheet]["rows"].as_array().unwrap().clone()
}

/// 55,799 partitions that were never fetched, in alphabetical order before seven real faults, hid them: of a book on three days,
/// and two partitions that are missing where all others of their venue and day are there.
#[test]
fn the_rare_and_real_come_before_the_widespread() {
    let first: mtdh_core::Day = "2024-01-01".parse().unwrap();
    let (types, mut report) = ([DataType::Trades, DataType::Quotes], CheckReport::default());
    let mut missing = 0;
    for (number, venue) in (0..280).flat_map(|day| [(day, "BINANCE"), (day, "OKX")]) {
        for (instrument, data_type) in (0..100).flat_map(|one| types.map(|data_type| (one, data_type))) {
            let key = format!("{venue}:SPOT_PAIR:COIN{instrument}-USDT").parse().unwrap();
            let partition = Partition { day: first.plus(number), data_type, key };
            let is_fetched = venue == "OKX" && number < 3 || missing == 55_797;
            let is_rare = is_fetched && venue == "OKX" && number == 1 && instrument == 50;
            let status = if is_fetched && !is_rare { Status::Stored } else { Status::Missing };
            if status == Status::Missing {
                missing += usize::from(!is_rare);
                report.findings.push(of(&partition, "missing_partition"));
            }
            if is_fetched && venue == "OKX" && instrument == 7 && number < 3 {
                report.findings.push(of(&partition, "crossed_book"));
            }
            report.partitions.insert(partition, Checked { status, rows: 1, grade: None });
        }
    }
    report.findings.retain(|f| {
        f.check != "crossed_book" || f.data_type == Some(DataType::Quotes) || f.day != Some(first)
    });
    let counts = |check: &str| report.findings.iter().filter(|f| f.check == check).count();
    assert_eq!((counts("missing_partition"), counts("crossed_book")), (55_799, 5));
    let head = Head {
        subject: "lake".to_owned(),
        days: DayRange::new(first, first.plus(279)).ok(),
        fail_on: Severity::Error,
        command: None,
        filter: None,
    };
    let html = Form::Html.of(&Document::new(&head, &plan(&Group::USUAL), &report));
    let first_rows = rows_of(&html, "first");
    let seen: Vec<(&str, u64)> =
        first_rows.iter().take(5).map(|row| (row[1].as_str().unwrap(), row[4].as_u64().unwrap())).collect();
    let expected = [("crossed_book", 1), ("crossed_book", 2), ("crossed_book", 2), ("missing_partition", 2)];
    assert_eq!(seen[..4], expected, "the seven are in the first four rows");
    assert!(seen[4].1 >= 100, "{seen:?}");
    let findings = rows_of(&html, "findings");
    assert_eq!(findings.len(), 55_804);
    let checks: Vec<&str> = findings[..7].iter().map(|row| row[1].as_str().unwrap()).collect();
    assert_eq!(
        checks,
        [["crossed_book"; 5].as_slice(), &["missing_partition"; 2]].concat(),
        "and the first seven findings"
    );
}

fn of(partition: &Partition, check: &'static str) -> Finding {
    let (key, data_type, day) = (Some(partition.key.clone()), Some(partition.data_type), Some(partition.day));
    let found = Detection { count: 1, examples: vec![check.to_owned()], ..Detection::default() };
    Finding { check, severity: Severity::Error, key, data_type, day, found }
}
