//! Named lists and patterns.

use std::collections::BTreeSet;

use mtdh_core::key::{InstrumentKey, InstrumentType};
use mtdh_core::universe::{KeyPattern, UNIVERSES, named_universe};
use proptest::prelude::*;

#[test]
fn core60_is_three_times_twenty() {
    let keys = named_universe("Core60").unwrap();
    let count = |venue: &str, kind, quote: &str| {
        keys.iter()
            .filter(|k| k.venue() == venue && k.instrument_type() == kind && k.quote() == Some(quote))
            .count()
    };
    assert_eq!(count("BINANCE", InstrumentType::SpotPair, "USDT"), 20);
    assert_eq!(count("COINBASE", InstrumentType::SpotPair, "USD"), 20);
    assert_eq!(count("BINANCE-FUTURES", InstrumentType::Perp, "USDT"), 20);
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), 60);
    assert!(UNIVERSES.iter().all(|name| named_universe(name).is_some()));
    assert!(named_universe("core61").is_none());
}

#[test]
fn patterns_fit_whole_keys() {
    for (pattern, key, fits) in [
        ("*", "BINANCE:SPOT_PAIR:BTC-USDT", true),
        ("BINANCE:SPOT_PAIR:BTC-USDT", "BINANCE:SPOT_PAIR:BTC-USDT", true),
        ("binance:*:btc-*", "BINANCE:SPOT_PAIR:BTC-USDT", true),
        ("BINANCE:*", "BINANCE-FUTURES:PERP:BTC-USDT", false),
        ("BINANCE*", "BINANCE-FUTURES:PERP:BTC-USDT", true),
        ("*:PERPETUAL:*", "DERIBIT:PERP:BTC-USD", true),
        ("*:PERP:???-USD", "DERIBIT:PERP:BTC-USD", true),
        ("*:PERP:???-USD", "DERIBIT:PERP:DOGE-USD", false),
        ("*-*-*", "DERIBIT:PERP:BTC-USD", false),
        ("*USD*", "DERIBIT:PERP:BTC-USD", true),
        ("*USD?", "DERIBIT:PERP:BTC-USD", false),
        ("*-C*L", "DERIBIT:OPTION:BTC-USD-241227-50000-CALL", true),
        ("BTC", "DERIBIT:PERP:BTC-USD", false),
        ("", "DERIBIT:PERP:BTC-USD", false),
        ("*:币安-*", "BINANCE:SPOT_PAIR:币安-USDT", true),
    ] {
        let key: InstrumentKey = key.parse().unwrap();
        assert_eq!(KeyPattern::new(pattern).matches(&key), fits, "{pattern} on {key}");
    }
}

/// The rule of a pattern, told as plainly as can be.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|taken| fits(rest, &text[taken..])),
        Some((wanted, rest)) => text
            .split_first()
            .is_some_and(|(byte, tail)| (*wanted == b'?' || wanted == byte) && fits(rest, tail)),
    }
}

proptest! {
    #[test]
    fn patterns_do_what_their_rule_says(pattern in "[AB*?]{0,7}", name in "[AB]{1,8}") {
        let key = InstrumentKey::native("X", InstrumentType::Combo, &name).unwrap();
        let whole = format!("X:COMBO:{pattern}");
        prop_assert_eq!(KeyPattern::new(&whole).matches(&key), fits(whole.as_bytes(), key.as_str().as_bytes()));
    }
}
