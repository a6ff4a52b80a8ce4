//! Any text as an instrument key, a pattern, a symbol of an exchange or a file's name: what is read prints as it was
//! read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mtdh_core::key::{InstrumentKey, InstrumentType, LONGEST_KEY_BYTES};
use mtdh_core::symbol::{Listed, Names};
use mtdh_core::universe::KeyPattern;
use mtdh_core::venue::EXCHANGES;
use mtdh_source::tardis::vendor_file::VendorFile;

fn check(key: &InstrumentKey) {
    let text = key.to_string();
    assert!(text.len() <= LONGEST_KEY_BYTES, "{text}");
    assert_eq!(text.parse::<InstrumentKey>().as_ref(), Ok(key));
    assert_eq!(text, format!("{}:{}:{}", key.venue(), key.instrument_type(), key.symbol()));
    assert!(KeyPattern::new(&text).matches(key), "{text}");
    let _parts = (key.base(), key.quote(), key.expiry(), key.strike(), key.option_side(), key.twin());
}

fuzz_target!(|input: &[u8]| {
    let [choice, text @ ..] = input else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    if let Ok(key) = text.parse::<InstrumentKey>() {
        check(&key);
        check(&key.with_twin(text));
        KeyPattern::new(text).matches(&key);
    }
    let mut words = text.splitn(3, ' ');
    if let (Some(venue), Some(base), Some(quote)) = (words.next(), words.next(), words.next()) {
        InstrumentKey::spot_pair(venue, base, quote).iter().for_each(check);
    }
    let names = Names::new(EXCHANGES[usize::from(*choice) % EXCHANGES.len()]);
    let since = "2024-03-01".parse().ok();
    for kind in InstrumentType::ALL {
        let named = names.name(&Listed { since, ..Listed::new(text, kind) });
        assert_eq!(named.native.is_none(), named.key.is_canonical(), "{}", named.key);
        check(&named.key);
    }
    check(&names.name_by_form(text, since).key);
    if let Some(file) = VendorFile::from_path(text) {
        assert_eq!(VendorFile::from_path(&file.path()), Some(file));
    }
    if let Some(file) = VendorFile::from_official_name(text) {
        assert_eq!(VendorFile::from_official_name(&file.official_name()).map(|f| f.day), Some(file.day));
    }
});
