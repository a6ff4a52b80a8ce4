//! Vendor files that are not what they should be: refused, exit 1, no object, and a plain run heals it.

use mtdh_sim::{Fault, FaultKind, Host};

use crate::stage::{DAY, Stage, contents};

fn fault(kind: FaultKind) -> Vec<Fault> {
    vec![Fault::always(Host::Datasets, "deribit/trades/2024/03/01/BTC-PERPETUAL", kind)]
}

#[test]
fn a_file_that_is_not_what_was_asked_for_is_refused() {
    for (kind, expected) in damages() {
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
        stage.sim.set_faults(Vec::new());
        stage.expect(0, &words);
        stage.expect(0, &words.replace("download", "validate"));
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
