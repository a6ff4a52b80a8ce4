//! Certificates: what is written is read back, and whatever else anybody may write is refused.

use mtdh_core::DayRange;
use mtdh_core::certificate::{
    Certificate, CertificateError, Counts, Digests, Entry, Grades, Group, Hash, MOST_PARTITIONS, Scope,
};
use mtdh_core::partition::{Origin, Partition, Status};

fn path(origin: Origin, partition: &Partition) -> String {
    format!("{origin}/{}/{}/{}", partition.day, partition.data_type, partition.key)
}

fn entry(key: &str, status: Status, seed: u8) -> Entry {
    let digests = Digests { data: Hash([seed; 32]), footer: Hash([seed ^ 0xff; 32]) };
    Entry { key: key.parse().unwrap(), status, digests: status.is_answered().then_some(digests) }
}

fn with_root(mut certificate: Certificate) -> Certificate {
    let Counts { unexpected, rows, .. } = certificate.counts;
    let mut counts = Counts { unexpected, rows, ..Counts::default() };
    certificate.partitions().for_each(|(_, entry)| counts.add(entry.status));
    certificate.grades = Grades { unchecked: counts.objects(), ..Grades::default() };
    certificate.counts = counts;
    certificate.root = certificate.compute_root(|partition| path(Origin::Vendor, partition));
    certificate
}

fn sample() -> Certificate {
    let group = |day: &str, data_type: &str, entries| Group {
        day: day.parse().unwrap(),
        data_type: data_type.parse().unwrap(),
        entries,
    };
    with_root(Certificate {
        certified_us: 1_709_400_000_000_000,
        mtdh: "0.1.0".to_owned(),
        format_version: 3,
        schema_version: 1,
        origin: Origin::Vendor,
        scope: Scope {
            days: DayRange::new("2024-03-01".parse().unwrap(), "2024-03-03".parse().unwrap()).unwrap(),
            venues: vec!["BINANCE".to_owned(), "DERIBIT".to_owned()],
            instrument_types: Vec::new(),
            data_types: vec!["book_snapshot_5".parse().unwrap(), "trades".parse().unwrap()],
            instruments: vec!["*:\"BTC*".to_owned()],
        },
        verdict: "not_complete".to_owned(),
        counts: Counts { rows: 77, ..Counts::default() },
        grades: Grades::default(),
        are_bytes_proved: false,
        root: Hash([0; 32]),
        groups: vec![
            group("2024-03-01", "book_snapshot_5", vec![entry("DERIBIT:PERP:BTC-USD", Status::Stored, 1)]),
            group(
                "2024-03-01",
                "trades",
                vec![
                    entry("BINANCE:SPOT_PAIR:BTC-USDT", Status::Absent, 2),
                    entry("DERIBIT:PERP:BTC-USD", Status::Missing, 0),
                    entry("DERIBIT:PERP:ETH-USD", Status::Empty, 3),
                ],
            ),
            group("2024-03-02", "trades", vec![entry("DERIBIT:PERP:BTC-USD", Status::NotExportedYet, 0)]),
        ],
    })
}

fn text(certificate: &Certificate) -> String {
    String::from_utf8(certificate.to_bytes().0).unwrap()
}

/// The document with another last line, so that its own digest is right again.
fn resealed(text: &str) -> String {
    let head = &text[..text.rfind("\"digest\":").unwrap()];
    format!("{head}\"digest\":\"{}\"}}\n", Hash::sha256(head.as_bytes()))
}

fn refusal(text: &str) -> CertificateError {
    Certificate::parse(text.as_bytes(), path).expect_err(text)
}

#[test]
fn what_is_written_reads_back_and_is_json() {
    let nothing = with_root(Certificate { groups: Vec::new(), ..sample() });
    for certificate in [sample(), nothing] {
        let (bytes, digest) = certificate.to_bytes();
        assert_eq!(Certificate::parse(&bytes, path).unwrap(), (certificate.clone(), digest));
        let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(json["root"], certificate.root.to_string());
        assert_eq!(json["digest"], digest.to_string());
        assert_eq!(bytes, certificate.to_bytes().0);
    }
}

#[test]
fn every_edit_is_refused_by_the_documents_own_digest() {
    let whole = text(&sample());
    for at in 0..whole.len() {
        let mut bytes = whole.clone().into_bytes();
        bytes[at] ^= 1;
        let refused = Certificate::parse(&bytes, path).unwrap_err();
        assert!(
            matches!(refused, CertificateError::Edited { .. } | CertificateError::CutOff),
            "byte {at}: {refused}"
        );
        let cut = Certificate::parse(&whole.as_bytes()[..at], path).unwrap_err();
        assert!(
            matches!(cut, CertificateError::CutOff | CertificateError::Edited { .. }),
            "cut at {at}: {cut}"
        );
    }
}

/// Edits of somebody who also corrects the document's own digest: what is replaced, by what, and how the refusal begins.
const EDITS: &[(&str, &str, &str)] = &[
    ("\"mtdh_certificate\":1", "\"mtdh_certificate\":2", "it has version 2"),
    ("\"mtdh_certificate\":1", "\"mtdh_certificate\":0", "it is not a certificate"),
    ("\"mtdh_certificate\":1", "\"mtdh_certificate\":99999999999", "it is not a certificate"),
    ("\"certified_us\":1709400000000000", "\"certified_us\":17e14", "it is not a certificate"),
    ("\"certified_us\":1709400000000000", "\"certified_us\": 1709400000000000", "its bytes are not those"),
    ("\"origin\":\"vendor\"", "\"origin\":\"live\"", "its root is"),
    ("\"origin\":\"vendor\"", "\"origin\":\"Vendor\"", "it is not a certificate: `Vendor`"),
    ("\"first_day\":\"2024-03-01\"", "\"first_day\":\"2024-03-02\"", "it contradicts itself"),
    ("\"first_day\":\"2024-03-01\"", "\"first_day\":\"2024-3-1\"", "it is not a certificate"),
    ("\"last_day\":\"2024-03-03\"", "\"last_day\":\"2024-02-03\"", "it is not a certificate"),
    ("[\"BINANCE\",\"DERIBIT\"]", "[\"DERIBIT\",\"BINANCE\"]", "it is not a certificate: a list"),
    ("[\"BINANCE\",\"DERIBIT\"]", "[\"DERIBIT\",\"DERIBIT\"]", "it is not a certificate: a list"),
    ("[\"book_snapshot_5\",\"trades\"]", "[\"trade\"]", "it is not a certificate: `trade`"),
    ("\"stored\":1", "\"stored\":2", "it contradicts itself: its counts"),
    ("\"missing\":1", "\"missing\":0", "it contradicts itself: its counts"),
    ("\"stored\":1", "\"stored\":-1", "it is not a certificate"),
    ("\"unchecked\":3", "\"unchecked\":2", "it contradicts itself: its grades"),
    ("\"good\":0", "\"good\":18446744073709551615", "it contradicts itself: its grades"),
    ("\"unexpected\":0", "\"unexpected\":9", "it contradicts itself"),
    ("\"root\":\"", "\"root\":\"0", "it is not a certificate: its root"),
    ("[\"stored\",\"01", "[\"stored\",\"02", "its root is"),
    ("[\"stored\",\"01", "[\"absent\",\"01", "it contradicts itself: its counts"),
    ("[\"missing\"]", "[\"missing\",\"00\"]", "it is not a certificate: a partition has more"),
    ("[\"missing\"]", "[]", "it is not a certificate: `` is not a status"),
    ("[\"missing\"]", "[\"gone\"]", "it is not a certificate: `gone`"),
    ("DERIBIT:PERP:ETH-USD", "DERIBIT:PERP:ETH-USDC", "its root is"),
    ("DERIBIT:PERP:ETH-USD", "deribit:PERP:ETH-USD", "it is not a certificate: `deribit"),
    ("DERIBIT:PERP:ETH-USD", "../../../etc/passwd", "it is not a certificate: `../../../etc/passwd`"),
    (
        "DERIBIT:PERP:ETH-USD",
        "E/etc/passwd",
        "it is not a certificate: `E/etc/passwd` is not an instrument key",
    ),
    ("DERIBIT:PERP:ETH-USD", "https://example.com/x", "it is not a certificate: `https://example.com/x`"),
    ("DERIBIT:PERP:ETH-USD", "DERIBIT:PERP:../x", "it is not a certificate: `DERIBIT:PERP:../x`"),
    (
        "DERIBIT:PERP:ETH-USD",
        "DERIBIT:PERP:BTC-USD",
        "it is not a certificate: `DERIBIT:PERP:BTC-USD` is there twice",
    ),
    (
        "DERIBIT:PERP:ETH-USD",
        "BINANCE:SPOT_PAIR:A-USDT",
        "it is not a certificate: `BINANCE:SPOT_PAIR:A-USDT` is not in",
    ),
    ("\"2024-03-02\":{", "\"2024-03-01\":{", "it is not a certificate: `2024-03-01` is there twice"),
    ("\"2024-03-02\":{", "\"2024-03-04\":{", "it contradicts itself: it names a partition of a day"),
    ("\"2024-03-02\":{", "\"2024-03-02/..\":{", "it is not a certificate: `2024-03-02/..` is not a day"),
    ("\"trades\":{", "\"../trades\":{", "it is not a certificate: `../trades`"),
    ("\"verdict\":", "\"note\":1,\n\"verdict\":", "it is not a certificate: unknown field `note`"),
    ("\"verdict\":", "\"mtdh\":\"0\",\n\"verdict\":", "it is not a certificate: duplicate field `mtdh`"),
    ("\"verdict\":\"not_complete\",\n", "", "it is not a certificate: missing field `verdict`"),
    ("\"bytes_proved\":false", "\"bytes_proved\":0", "it is not a certificate"),
    (",\"rows\":77", ",\"rows\":77,\"more\":1", "it is not a certificate: unknown field `more`"),
    ("\"partitions\":{", "\"partitions\":[", "it is not a certificate"),
    ("\"partitions\":{", "\"partitions\": {", "it is not a certificate: its partitions do not begin"),
];

#[test]
fn an_edit_with_a_right_digest_is_refused_by_what_it_is() {
    let whole = text(&sample());
    for (from, to, expected) in EDITS {
        assert!(whole.contains(from), "{from}");
        let refused = refusal(&resealed(&whole.replacen(from, to, 1))).to_string();
        assert!(refused.starts_with(expected), "{from} -> {to}: {refused}");
    }
}

#[test]
fn what_is_no_certificate_is_refused() {
    let newline = format!("{}\n", text(&sample()));
    for other in ["", "{}", "[]", "\0", &newline, &resealed("{\"digest\":")] {
        assert!(Certificate::parse(other.as_bytes(), path).is_err(), "{other:?}");
    }
    let deep = format!("{{\n\"mtdh_certificate\":1,\n\"partitions\":{{{}\"digest\":", "[".repeat(100_000));
    assert!(refusal(&resealed(&deep)).to_string().starts_with("it is not a certificate"));
    let long = "x".repeat(1 << 20);
    let named = text(&sample()).replacen("DERIBIT:PERP:ETH-USD", &long, 1);
    assert!(refusal(&resealed(&named)).to_string().len() < 400, "a refusal quotes no megabyte");
}

fn is_long() -> bool {
    std::env::var_os("MTDH_LONG").is_some()
}

/// A certificate of many partitions, near the limit in long mode.
#[test]
fn a_large_certificate_reads_back_and_one_beyond_the_limit_is_refused() {
    let number = if is_long() { MOST_PARTITIONS } else { 20_000 };
    let mut certificate = sample();
    certificate.groups.truncate(1);
    let of = |n: usize| entry(&format!("DERIBIT:PERP:A{n:07}-USD"), Status::Stored, (n % 251) as u8);
    certificate.groups[0].entries = (0..number).map(of).collect();
    let certificate = with_root(certificate);
    let (bytes, digest) = certificate.to_bytes();
    assert!(bytes.len() < 200 * number, "{} bytes of {number} partitions", bytes.len());
    assert!(Certificate::parse(&bytes, path).unwrap() == (certificate.clone(), digest));
    if is_long() {
        let mut larger = certificate;
        larger.groups[0].entries.push(of(number));
        let refused = Certificate::parse(&with_root(larger).to_bytes().0, path).unwrap_err();
        assert!(refused.to_string().contains("more than 1000000 partitions"), "{refused}");
    }
}
