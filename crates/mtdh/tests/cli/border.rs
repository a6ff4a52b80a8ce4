//! What a server or a file's name says cannot act on a terminal, a table or a report.

use mtdh_sim::{Fault, FaultKind, Host};

use crate::support::{DAY, Stage};

/// What nobody sees as itself, and what a terminal obeys.
const HOSTILE: &str = "\u{1b}[2J\u{7}\u{202e}X\u{200b}Y\u{9b}31m\u{85}\u{2028}\nINFO forged\r";

/// Whether a text has nothing but visible characters, blanks and ends of lines.
fn is_plain(text: &str) -> bool {
    !text.chars().any(|c| (c.is_control() && c != '\n') || "\u{202e}\u{200b}\u{2028}".contains(c))
        && !text.lines().any(|line| line.starts_with("INFO forged"))
}

#[test]
fn words_of_a_server_are_shown_in_one_line_of_visible_characters() {
    let stage = Stage::new();
    let body = serde_json::json!({"code": 7, "message": format!("no {HOSTILE} today")}).to_string();
    for (host, answer, status) in [(Host::Api, 409, 2), (Host::Datasets, 400, 1)] {
        let words = FaultKind::Words { status: answer, body: body.clone(), etag: None };
        stage.sim.set_faults(vec![Fault::always(host, "", words)]);
        let flags = format!("download --start-date {DAY} --venues DERIBIT --instrument-types PERP");
        for words in [flags.clone(), format!("{flags} -vv"), format!("{flags} --log-format json")] {
            let run = stage.expect(status, &words);
            assert!(run.stderr.contains("today") && run.stderr.contains("2J"), "{words}: {}", run.stderr);
            assert!(is_plain(&run.stderr) && is_plain(&run.stdout), "{words}: {:?}", run.stderr);
        }
    }
}

#[test]
fn names_of_symbols_are_shown_in_one_line_of_visible_characters() {
    let stage = Stage::new();
    let symbol = |id: &str, kind: &str| serde_json::json!({"id": id, "type": kind, "availableSince": "2020-01-01T00:00:00Z"});
    let odd = format!("BTC{HOSTILE}");
    let exchange = serde_json::json!({
        "id": "deribit",
        "availableSymbols": [symbol(&odd, "perpetual"), symbol(&odd, HOSTILE), symbol("BTC-PERPETUAL", "perpetual")],
    });
    let body = exchange.to_string();
    let words = FaultKind::Words { status: 200, body, etag: None };
    let mut faults = vec![Fault::always(Host::Api, "exchanges", words)];
    faults.push(Fault::always(
        Host::Api,
        "instruments",
        FaultKind::Words { status: 200, body: "[]".into(), etag: None },
    ));
    stage.sim.set_faults(faults);
    for words in [
        format!("instruments --start-date {DAY} --venues DERIBIT"),
        format!("instruments list --date {DAY} --venues DERIBIT"),
        format!("ls --start-date {DAY}"),
    ] {
        let run = stage.run(&words);
        assert!(is_plain(&run.stderr) && is_plain(&run.stdout), "{words}: {:?} {:?}", run.stdout, run.stderr);
    }
}

#[test]
fn names_of_files_are_shown_in_reports_by_visible_characters() {
    let stage = Stage::new();
    let name = "a\u{1b}[2J\u{202e}|<b>`x`\n# title.csv";
    std::fs::write(stage.path(name), "no header\n").unwrap();
    for form in ["html", "md", "xml"] {
        let mut command = stage.command(&format!("check completeness --report report.{form} --data-file"));
        let run = crate::support::run({
            command.arg(name);
            command
        });
        assert!(is_plain(&run.stderr) && is_plain(&run.stdout), "{form}: {:?}", run.stderr);
        let Ok(report) = std::fs::read_to_string(stage.path(&format!("report.{form}"))) else { continue };
        assert!(is_plain(&report), "{form}: {report:?}");
        assert!(!report.contains("<b>`") && !report.contains("\n# title"), "{form}: {report}");
    }
}
