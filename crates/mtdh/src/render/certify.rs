//! The output of `certify` and `verify`.

use mtdh_engine::certify::Certified;
use mtdh_engine::certify::compare::{Verification, What};
use serde::Serialize;

use crate::output::{Rows, count, many, note, verdict};
use crate::time::shown;

/// What was certified.
#[derive(Serialize)]
pub struct CertifiedDocument {
    digest: String,
    root: String,
    verdict: &'static str,
    partitions: u64,
    objects: u64,
    rows: u64,
    missing: u64,
    bytes_proved: bool,
    document_bytes: usize,
}

/// A certificate in one row.
pub fn certified_rows(certified: &Certified) -> (Rows, CertifiedDocument) {
    let of = &certified.certificate;
    let document = CertifiedDocument {
        digest: certified.digest.to_string(),
        root: of.root.to_string(),
        verdict: certified.report.verdict.name(),
        partitions: of.counts.partitions(),
        objects: of.counts.objects(),
        rows: of.counts.rows,
        missing: of.counts.missing,
        bytes_proved: of.are_bytes_proved,
        document_bytes: certified.bytes.len(),
    };
    let mut rows = Rows::new(&["digest", "root", "verdict", "partitions", "objects", "rows", "missing"]);
    let counts = [document.partitions, document.objects, document.rows, document.missing];
    let texts = [document.digest.clone(), document.root.clone(), document.verdict.to_owned()];
    rows.rows.push(texts.into_iter().chain(counts.map(|count| count.to_string())).collect());
    (rows, document)
}

/// The differences, one a row.
pub fn verification_rows(found: &Verification) -> Rows {
    let mut rows = Rows::new(&["difference", "day", "data_type", "instrument_key", "detail"]);
    rows.rows = found
        .differences
        .iter()
        .map(|difference| {
            let detail = if difference.detail.is_empty() { "-" } else { &difference.detail };
            let names = [difference.what.name(), &difference.day, difference.data_type];
            let names = names.into_iter().chain([difference.instrument_key.as_str(), detail]);
            names.map(str::to_owned).collect()
        })
        .collect();
    rows
}

/// Says in words what a comparison came to. `why` tells of the first difference.
pub fn note_verification(found: &Verification, why: Option<&str>) {
    let when = shown(found.certified_us).unwrap_or_else(|| "an unknown time".to_owned());
    note(&format!(
        "sha256:{}, of {when}: {} with {}, certified as {}",
        found.digest,
        many(found.partitions, "partition"),
        many(found.objects, "object"),
        found.certified_verdict
    ));
    if found.untrusted > 0 {
        note(&format!(
            "{} that cannot be trusted, of partitions that have none by the certificate",
            many(found.untrusted, "object")
        ));
    }
    if found.bytes_read {
        note("every byte of the objects was read");
    } else {
        note(
            "no bytes were read: only footers were compared, so that data that rotted is not found; --bytes reads all",
        );
    }
    let counts = What::ALL.map(|what| (what, found.count(what)));
    let counts = counts.into_iter().filter(|(_, number)| *number > 0);
    let counts: Vec<String> =
        counts.map(|(what, number)| format!("{} {}", count(number as u64), words(what))).collect();
    let said = |text: &str| verdict(text, why);
    match () {
        () if found.is_same() => said(&format!("the same data: {}", many(found.same, "object"))),
        () if counts.is_empty() => said("the certificate names no object, so that nothing is proved"),
        () => said(&format!("not the same data: {} the same; {}", count(found.same), counts.join(", "))),
    }
}

fn words(what: What) -> &'static str {
    match what {
        What::Data => "with other data",
        What::Footer => "with another footer and the same data",
        What::Damaged => "damaged",
        What::Gone => "gone",
        What::New => "new",
    }
}
