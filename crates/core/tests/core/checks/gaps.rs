//! What explains a silence.

use mtdh_core::DataType::{self, BookSnapshot5, DerivativeTicker, Liquidations, Quotes, Trades};
use mtdh_core::check::{Detection, Incident, InstrumentDay, PartitionFacts, RecordedGap, Severity};
use mtdh_core::partition::Status;

use super::silence::{DAY, pace, regular, run_day, stored};
use super::{SECOND, day};

const FROM: i64 = DAY / 2;
const TO: i64 = FROM + 600 * SECOND;

fn quotes_with_hole(hole: std::ops::Range<i64>) -> PartitionFacts {
    stored(Quotes, pace("DERIBIT", Quotes, &regular(SECOND, hole)))
}

/// The one gap of quotes that are silent for ten minutes, beside another data type.
fn cause(other: Option<PartitionFacts>, incidents: Option<&[Incident]>) -> &'static str {
    let mut partitions = vec![quotes_with_hole(FROM..TO)];
    partitions.extend(other);
    let found = run_day("gap", &partitions, |d| d.incidents = incidents);
    let of_quotes: Vec<&Detection> = found.iter().filter(|(t, _)| *t == Quotes).map(|(_, f)| f).collect();
    let [found] = of_quotes[..] else { panic!("{of_quotes:?}") };
    assert_eq!(found.range_us, Some((day().start_us() + FROM, day().start_us() + TO)));
    let class = found.explanation.as_ref().unwrap().class;
    let severity = if class == "unknown" { Severity::Warning } else { Severity::Info };
    assert_eq!(found.severity, Some(severity), "{class}");
    class
}

fn incident(from: i64, to: i64) -> Incident {
    let start = day().start_us();
    Incident { from_us: start + from, to_us: start + to, details: "connection lost".to_owned() }
}

fn other(data_type: DataType, hole: std::ops::Range<i64>) -> Option<PartitionFacts> {
    Some(stored(data_type, pace("DERIBIT", data_type, &regular(SECOND, hole))))
}

#[test]
fn incidents_cover_a_silence_but_for_the_threshold() {
    for (incidents, expected) in [
        (vec![], "unknown"),
        (vec![incident(FROM, TO)], "incident"),
        (vec![incident(FROM - SECOND, TO + SECOND)], "incident"),
        (vec![incident(FROM + 10 * SECOND, TO)], "incident"),
        (vec![incident(FROM + 11 * SECOND, TO)], "unknown"),
        (vec![incident(FROM, FROM + 300 * SECOND), incident(FROM + 300 * SECOND, TO)], "incident"),
        // What two reports cover both is covered once.
        (vec![incident(FROM, FROM + 300 * SECOND), incident(FROM, FROM + 300 * SECOND)], "unknown"),
        (vec![incident(TO, TO + 600 * SECOND)], "unknown"),
    ] {
        let with_active_trades = other(Trades, 0..0);
        assert_eq!(cause(with_active_trades, Some(&incidents)), expected, "{incidents:?}");
    }
}

#[test]
fn other_data_types_are_the_witnesses() {
    for (other, expected) in [
        (None, "unknown"),
        (other(Trades, 0..0), "unknown"),
        (other(Trades, FROM..TO), "no_trading"),
        (other(DerivativeTicker, FROM - SECOND..TO + SECOND), "no_trading"),
        (other(Trades, FROM..TO - 5 * SECOND), "unknown"),
        // Liquidations have no pace, so that their silence tells nothing.
        (other(Liquidations, FROM..TO), "unknown"),
        (Some(stored(Trades, pace("DERIBIT", Trades, &[]))), "unknown"),
    ] {
        let name = other.as_ref().map(|o| (o.data_type, o.pace.as_ref().map(|p| p.rows)));
        assert_eq!(cause(other, None), expected, "{name:?}");
    }
}

#[test]
fn a_recorded_gap_explains_the_silence_of_what_it_is_of() {
    let gap = |data_type, from, to| RecordedGap { data_type, outage: incident(from, to) };
    for (recorded, expected) in [
        (vec![], "incident"),
        (vec![gap(None, FROM, TO)], "recorded"),
        (vec![gap(Some(Quotes), FROM - SECOND, TO + SECOND)], "recorded"),
        (vec![gap(Some(Trades), FROM, TO)], "incident"),
        (vec![gap(None, FROM, FROM + 300 * SECOND)], "incident"),
        (vec![gap(None, FROM, FROM + 300 * SECOND), gap(Some(Quotes), FROM + 300 * SECOND, TO)], "recorded"),
        // One that is still open, or has no length, covers nothing.
        (vec![gap(None, FROM, FROM)], "incident"),
    ] {
        let partitions = [quotes_with_hole(FROM..TO)];
        let incidents = [incident(FROM, TO)];
        let found = run_day("gap", &partitions, |d| {
            (d.incidents, d.recorded) = (Some(&incidents[..]), &recorded[..])
        });
        let [(_, found)] = &found[..] else { panic!("{found:?}") };
        let explanation = found.explanation.as_ref().unwrap();
        assert_eq!((explanation.class, found.severity), (expected, Some(Severity::Info)), "{recorded:?}");
        assert!(explanation.text.contains("connection lost"), "{}", explanation.text);
    }
}

#[test]
fn an_incident_comes_before_the_witnesses() {
    let incidents = [incident(FROM, TO)];
    assert_eq!(cause(other(Trades, FROM..TO), Some(&incidents)), "incident");
}

#[test]
fn before_listing_and_after_expiry() {
    let start = day().start_us();
    let run = |hole: std::ops::Range<i64>, change: &dyn Fn(&mut InstrumentDay<'_>)| {
        let found = run_day("gap", &[quotes_with_hole(hole)], |d| change(d));
        found.into_iter().map(|(_, f)| f.explanation.unwrap().class).collect::<Vec<_>>()
    };
    let early = -SECOND..3600 * SECOND;
    assert_eq!(run(early.clone(), &|d| d.life_us.start = start + 3600 * SECOND), ["before_listing"]);
    assert_eq!(run(early.clone(), &|d| d.life_us.start = start + 3590 * SECOND), ["before_listing"]);
    assert_eq!(run(early.clone(), &|d| d.life_us.start = start + 3589 * SECOND), ["unknown"]);
    assert_eq!(run(early, &|_| ()), ["unknown"]);
    let late = FROM..DAY;
    assert_eq!(run(late.clone(), &|d| d.expiry_us = Some(start + FROM)), ["after_expiry"]);
    assert_eq!(run(late.clone(), &|d| d.life_us.end = start + FROM), ["after_expiry"]);
    assert_eq!(run(late, &|d| d.expiry_us = Some(start + FROM + 11 * SECOND)), ["unknown"]);
    // What rows follow is not after the end, whoever says so.
    for at in [FROM - 3600 * SECOND, FROM, TO - SECOND] {
        assert_eq!(run(FROM..TO, &|d| d.expiry_us = Some(start + at)), ["unknown"], "{at}");
        assert_eq!(run(FROM..TO, &|d| d.life_us.end = start + at), ["unknown"], "{at}");
    }
}

#[test]
fn whole_days() {
    let none = |data_type, status| PartitionFacts { data_type, status, pace: None };
    let whole = [incident(0, DAY)];
    for (partition, has_others, has_incident, expected) in [
        (none(Quotes, Status::NotExportedYet), false, false, Some("not_exported")),
        (none(Quotes, Status::Missing), true, false, None),
        (none(Quotes, Status::Missing), true, true, Some("incident")),
        (none(Quotes, Status::Missing), false, false, None),
        (none(Quotes, Status::Empty), true, false, Some("unknown")),
        (none(Quotes, Status::Empty), false, false, None),
        (none(Trades, Status::Empty), true, false, None),
        (none(Liquidations, Status::Empty), true, false, None),
        (none(Quotes, Status::Absent), true, false, None),
    ] {
        let (data_type, status) = (partition.data_type, partition.status);
        let mut partitions = vec![partition];
        if has_others {
            partitions.push(stored(BookSnapshot5, pace("DERIBIT", BookSnapshot5, &regular(SECOND, 0..0))));
        }
        let found = run_day("gap", &partitions, |d| d.incidents = has_incident.then_some(&whole));
        let class = found.first().map(|(_, f)| f.explanation.as_ref().unwrap().class);
        assert_eq!(class, expected, "{data_type} {status}");
    }
}

#[test]
fn what_could_not_be_asked_is_said() {
    let found = run_day("gap", &[quotes_with_hole(FROM..TO)], |_| ());
    assert!(found[0].1.explanation.as_ref().unwrap().text.contains("incident reports were not available"));
    let found = run_day("gap", &[quotes_with_hole(FROM..TO)], |d| d.incidents = Some(&[]));
    assert!(!found[0].1.explanation.as_ref().unwrap().text.contains("incident reports"));
}
