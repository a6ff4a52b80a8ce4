//! Writes the HTML report of a large lake that does not exist: `large_report FILE [DAYS]`, by default 400 days of ten venues with
//! five data types, 55,799 partitions of them missing and seven real faults. For the browser's tests of the page.

use std::collections::BTreeMap;

use mtdh_core::check::grade::Grade;
use mtdh_core::check::{Detection, Finding, Group, Settings, Severity};
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::{Partition, Status};
use mtdh_core::{DataType, Day, DayRange};
use mtdh_engine::check::{CheckPlan, CheckReport, Checked};
use mtdh_engine::report::formats::Form;
use mtdh_engine::report::{Document, Head};

const VENUES: [&str; 10] = [
    "BINANCE",
    "BINANCE-FUTURES",
    "BITFINEX",
    "BITMEX",
    "BYBIT",
    "COINBASE",
    "DERIBIT",
    "KRAKEN",
    "OKX",
    "OKX-SWAP",
];
const MISSING: usize = 55_799;
const REAL: usize = 7;

fn main() -> std::io::Result<()> {
    let mut words = std::env::args().skip(1);
    let file = words.next().unwrap_or_else(|| "report.html".to_owned());
    let days = words.next().and_then(|days| days.parse().ok()).unwrap_or(400);
    std::fs::write(file, Form::Html.of(&document(days)))
}

fn document(days: i64) -> Document {
    let first = Day::new(2023, 2, 15).unwrap_or_else(|| unreachable!("it is a day"));
    let types = &DataType::ALL[..5];
    let mut report = CheckReport::default();
    for number in 0..days {
        let day = first.plus(number);
        for venue in VENUES {
            for base in ["BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "LTC", "DOT", "LINK", "UNI"] {
                let key: InstrumentKey = format!("{venue}:SPOT_PAIR:{base}-USDT")
                    .parse()
                    .unwrap_or_else(|error| unreachable!("{error}"));
                for data_type in types {
                    let is_missing = report.findings.len() < MISSING && (number + base.len() as i64) % 3 == 0;
                    let grade = if is_missing { Grade::Missing } else { Grade::Good };
                    let status = if is_missing { Status::Missing } else { Status::Stored };
                    let partition = Partition { day, data_type: *data_type, key: key.clone() };
                    if is_missing {
                        report.findings.push(finding("missing_partition", &partition, "missing"));
                    }
                    report.partitions.insert(partition, Checked { status, rows: 1_000, grade: Some(grade) });
                }
            }
        }
    }
    let stored: Vec<Partition> = report
        .partitions
        .iter()
        .filter(|(_, checked)| checked.status == Status::Stored)
        .map(|(partition, _)| partition.clone())
        .collect();
    for partition in stored.iter().step_by((stored.len() / REAL).max(1)).take(REAL) {
        report.findings.push(finding("crossed_book", partition, "bid 100.5 above ask 100.4"));
        if let Some(checked) = report.partitions.get_mut(partition) {
            checked.grade = Some(Grade::Bad);
        }
    }
    report.rows = stored.len() as u64 * 1_000;
    let plan = CheckPlan::new(Group::USUAL, Settings::default());
    let looked_at: BTreeMap<&'static str, u64> =
        plan.checks().map(|check| (check.name, stored.len() as u64)).collect();
    report.looked_at = looked_at;
    let head = Head {
        subject: "s3://research/lake".to_owned(),
        days: DayRange::new(first, first.plus(days - 1)).ok(),
        fail_on: Severity::Error,
        command: Some("mtdh check all --start-date 2023-02-15 --report check.html".to_owned()),
        filter: None,
    };
    Document::new(&head, &plan, &report)
}

fn finding(check: &'static str, partition: &Partition, example: &str) -> Finding {
    Finding {
        check,
        severity: Severity::Error,
        key: Some(partition.key.clone()),
        data_type: Some(partition.data_type),
        day: Some(partition.day),
        found: Detection { count: 1, examples: vec![example.to_owned()], ..Detection::default() },
    }
}
