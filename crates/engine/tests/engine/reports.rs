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
    let head = Head { subject: HOSTILE.to_owned(), days: DayRange::new(day, day).ok(), fail_on };
    Document::new(&head, &plan(&Group::ALL), &report)
}

#[test]
fn nothing_becomes_markup() {
    let document = document(Severity::Error);
    for form in [Form::Html, Form::Junit, Form::Markdown] {
        let text = form.of(&document);
        assert!(!text.contains("<script"), "{form:?}");
        assert!(text.contains("&lt;script"), "{form:?}");
    }
    let html = Form::Html.of(&document);
    for outside in ["http:", "https:", "src=", "@import", "url("] {
        assert!(!html.contains(outside), "the page fetches nothing, and has {outside}");
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
