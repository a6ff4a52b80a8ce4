//! Any bytes as an answer of the vendor's metadata: it is refused or understood, and an exchange that is understood
//! becomes instruments of a day.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mtdh_core::Day;
use mtdh_source::tardis::instruments::list_instruments;
use mtdh_source::tardis::metadata::Terms;
use mtdh_source::tardis::metadata::model::{ExchangeDetails, ExchangeSummary, InstrumentInfo, KeyAccess};

/// An answer and, behind a zero byte, contract terms.
fn parts(input: &[u8]) -> (&[u8], &[u8]) {
    match input.iter().position(|byte| *byte == 0) {
        Some(at) => (&input[..at], &input[at + 1..]),
        None => (input, b"[]"),
    }
}

fuzz_target!(|input: &[u8]| {
    let (answer, terms) = parts(input);
    let _lists = (
        serde_json::from_slice::<Vec<ExchangeSummary>>(answer).is_ok(),
        serde_json::from_slice::<Vec<KeyAccess>>(answer).is_ok(),
    );
    let Ok(details) = serde_json::from_slice::<ExchangeDetails>(answer) else { return };
    let terms: Option<Vec<InstrumentInfo>> = serde_json::from_slice(terms).ok();
    let terms = terms.map(|instruments| Terms { as_of: None, instruments });
    let day: Day = "2024-03-01".parse().expect("a day");
    let listing = list_instruments(&details, terms.as_ref(), day);
    for instrument in &listing.instruments {
        assert!(instrument.is_alive(day));
        assert_eq!(instrument.expected(day).count(), instrument.data_types.len());
    }
});
