//! Instrument keys: how they are written, read and refused.

use mtdh_core::Day;
use mtdh_core::key::{InstrumentKey, InstrumentType, KeyFault, LONGEST_KEY_BYTES, OptionSide, asset_name};
use proptest::prelude::*;

use crate::day;

fn key(text: &str) -> InstrumentKey {
    text.parse().unwrap()
}

#[test]
fn keys_are_read_in_any_case_and_printed_in_one_way() {
    for (text, printed) in [
        ("BINANCE:SPOT_PAIR:BTC-USDT", "BINANCE:SPOT_PAIR:BTC-USDT"),
        ("deribit:perpetual:btc-usd", "DERIBIT:PERP:BTC-USD"),
        ("BINANCE-FUTURES:PERP:1000SHIB-USDT", "BINANCE-FUTURES:PERP:1000SHIB-USDT"),
        ("Deribit:Future:BTC-USD-230526", "DERIBIT:FUTURE:BTC-USD-230526"),
        ("DERIBIT:OPTION:BTC-USD-241227-50000-C", "DERIBIT:OPTION:BTC-USD-241227-50000-CALL"),
        ("DERIBIT:OPTION:XRP-USDC-241227-1.14-put", "DERIBIT:OPTION:XRP-USDC-241227-1.14-PUT"),
        ("DERIBIT:OPTION:XRP-USDC-241227-01.140-PUT", "DERIBIT:OPTION:XRP-USDC-241227-1.14-PUT"),
        ("DERIBIT:OPTION:BTC-USD-241227-50000.0-PUT", "DERIBIT:OPTION:BTC-USD-241227-50000-PUT"),
        ("CME:FUTURE:ES-202412", "CME:FUTURE:ES-202412"),
        ("CME:OPTION:ES-202412-4500-CALL", "CME:OPTION:ES-202412-4500-CALL"),
        ("WALLET:SPOT_ASSET:USDT", "WALLET:SPOT_ASSET:USDT"),
        ("NASDAQ:EQUITY:AAPL", "NASDAQ:EQUITY:AAPL"),
        ("ETHERFI:LST:weETH", "ETHERFI:LST:WEETH"),
        ("AAVE_V3:A_TOKEN:AUSDT", "AAVE_V3:A_TOKEN:AUSDT"),
        ("AAVE_V3:DEBT_TOKEN:DEBTWETH", "AAVE_V3:DEBT_TOKEN:DEBTWETH"),
        ("DERIBIT:INDEX:BTC", "DERIBIT:INDEX:BTC"),
        ("DERIBIT:COMBO:BTC-FS-28MAR25_PERP", "DERIBIT:COMBO:BTC-FS-28MAR25_PERP"),
        ("POLYMARKET:PREDICTION:0xAb12", "POLYMARKET:PREDICTION:0XAB12"),
        ("OKX-FUTURES:FUTURE:BTC-USD-260626~um", "OKX-FUTURES:FUTURE:BTC-USD-260626~UM"),
        ("BINANCE:SPOT_PAIR:币安-USDT", "BINANCE:SPOT_PAIR:@5E01@5B89-USDT"),
    ] {
        assert_eq!(key(text).to_string(), printed);
        assert_eq!(key(printed).to_string(), printed);
    }
}

#[test]
fn a_key_tells_its_parts() {
    let parts = |text: &str| {
        let key = key(text);
        let text = |part: Option<&str>| part.unwrap_or("").to_owned();
        let side = key.option_side().map_or("", OptionSide::name);
        let expiry = key.expiry().map(|day| day.to_string()).unwrap_or_default();
        let parts = [
            text(key.base()),
            text(key.quote()),
            expiry,
            text(key.strike()),
            side.to_owned(),
            text(key.twin()),
        ];
        (key.venue().to_owned(), key.instrument_type(), key.symbol().to_owned(), parts.join(" "))
    };
    for (text, venue, kind, symbol, expected) in [
        ("BINANCE:SPOT_PAIR:BTC-USDT", "BINANCE", InstrumentType::SpotPair, "BTC-USDT", "BTC USDT    "),
        ("OKX-SWAP:PERP:BTC-USD~UM", "OKX-SWAP", InstrumentType::Perp, "BTC-USD~UM", "BTC USD    UM"),
        (
            "A:FUTURE:BTC-USD-241227~X-Y",
            "A",
            InstrumentType::Future,
            "BTC-USD-241227~X-Y",
            "BTC USD 2024-12-27   X-Y",
        ),
        (
            "A:OPTION:XRP-USDC-241227-1.14-P",
            "A",
            InstrumentType::Option,
            "XRP-USDC-241227-1.14-PUT",
            "XRP USDC 2024-12-27 1.14 PUT ",
        ),
        ("CME:FUTURE:ES-202412", "CME", InstrumentType::Future, "ES-202412", "ES     "),
        (
            "CME:OPTION:ES-202412-4500-CALL",
            "CME",
            InstrumentType::Option,
            "ES-202412-4500-CALL",
            "ES   4500 CALL ",
        ),
        ("NASDAQ:EQUITY:AAPL", "NASDAQ", InstrumentType::Equity, "AAPL", "AAPL     "),
        ("DERIBIT:COMBO:BTC-A-B-1-2", "DERIBIT", InstrumentType::Combo, "BTC-A-B-1-2", "     "),
    ] {
        assert_eq!(parts(text), (venue.to_owned(), kind, symbol.to_owned(), expected.to_owned()));
    }
}

#[test]
fn a_wrong_key_is_refused_with_a_right_one() {
    for (text, fault) in [
        ("BTC-USDT", KeyFault::Parts),
        ("BINANCE:BTC-USDT", KeyFault::Parts),
        (":SPOT_PAIR:BTC-USDT", KeyFault::Venue(String::new())),
        ("BIN ANCE:SPOT_PAIR:BTC-USDT", KeyFault::Venue("BIN ANCE".into())),
        ("..:SPOT_PAIR:BTC-USDT", KeyFault::Venue("..".into())),
        ("BINANCE:SPOT_PAIR:BTC/USDT", KeyFault::Character('/')),
        ("BINANCE:SPOT_PAIR:BTC/X-USDT", KeyFault::Character('/')),
        ("BINANCE:SPOT_PAIR:", KeyFault::Empty),
        ("BINANCE:SPOT_PAIR:BTC-USDT~", KeyFault::Empty),
        ("BINANCE:SPOT_PAIR:BTC-USDT~A~B", KeyFault::Character('~')),
        ("BINANCE:SPOT_PAIR:BTC-USDT:X", KeyFault::Character(':')),
        ("BINANCE:SPOT_PAIR:@5E0-USDT", KeyFault::Character('@')),
        ("NASDAQ:EQUITY:A-B", KeyFault::Form { instrument_type: InstrumentType::Equity }),
    ] {
        let error = text.parse::<InstrumentKey>().unwrap_err();
        assert_eq!(error.fault(), &fault, "{text}");
        let example = error.to_string().rsplit(' ').next().unwrap().to_owned();
        assert!(example.parse::<InstrumentKey>().is_ok(), "{error}");
        assert!(error.to_string().contains(text), "{error}");
    }
    let long = format!("X:COMBO:{}", "A".repeat(LONGEST_KEY_BYTES));
    assert_eq!(long.parse::<InstrumentKey>().unwrap_err().fault(), &KeyFault::TooLong);
    assert!(InstrumentKey::native("X", InstrumentType::Index, "BTC").is_err());
    assert!(InstrumentKey::future("X", "BTC", "USD", day("2100-01-29")).is_err());
}

/// What is no canonical symbol of its type is a native one; no native symbol reads as a canonical one.
#[test]
fn native_keys_are_told_from_canonical_ones() {
    for (text, is_canonical) in [
        ("BINANCE:SPOT_PAIR:BTC-USDT", true),
        ("BINANCE:SPOT_PAIR:BTCU", false),
        ("BINANCE:SPOT_PAIR:-USDT", false),
        ("HYPERLIQUID:SPOT_PAIR:@0040107", false),
        ("LIGHTER:PERP:1", false),
        ("HUOBI-DM:FUTURE:BTC_CW", false),
        ("DERIBIT:FUTURE:BTC-USD", false),
        ("DERIBIT:FUTURE:BTC-USD-241327", false),
        ("DERIBIT:FUTURE:BTC-USD-20241227", false),
        ("CME:FUTURE:ES-202413", false),
        ("DERIBIT:OPTION:BTC-USD-241227-1E5-CALL", false),
        ("DERIBIT:OPTION:BTC-USD-241227-.-CALL", false),
        ("DERIBIT:OPTION:BTC-USD-241227-5-BOTH", false),
        ("DERIBIT:COMBO:BTC-FS-28MAR25_PERP", true),
        ("BITMEX:UNKNOWN:XBT7D_U105", false),
        ("X:PERP:BTC@002DUSD~MARK", false),
    ] {
        let key = key(text);
        assert_eq!((key.to_string().as_str(), key.is_canonical()), (text, is_canonical));
        assert_eq!(key.base().is_some(), is_canonical && key.instrument_type() != InstrumentType::Combo);
    }
    use InstrumentType::{Combo, Future, Option, Perp, Unknown};
    for (kind, name, symbol) in [
        (Perp, "BTC-USD", "BTC@002DUSD"),
        (Perp, "BTC-USD-X", "BTC-USD-X"),
        (Future, "BTC-USD-241227", "BTC@002DUSD-241227"),
        (Future, "A-B-200112", "A@002DB@002D200112"),
        (Option, "BTC-USD-241227-5-C", "BTC@002DUSD-241227-5-C"),
        (Combo, "BTC-USD", "BTC-USD"),
        (Unknown, "btc-usd", "BTC-USD"),
        (Unknown, "@5E01", "@00405E01"),
    ] {
        let native = InstrumentKey::native("X", kind, name).unwrap();
        assert_eq!(native.symbol(), symbol);
        assert_eq!(key(native.as_str()), native);
    }
    let [one, other] = ["1", "2"].map(|end| {
        let native = InstrumentKey::native("X", Perp, &format!("A-{}{end}", "币".repeat(100))).unwrap();
        assert_eq!(key(native.as_str()), native);
        assert!(native.as_str().len() <= 144, "{native}");
        native
    });
    assert_ne!(one, other);
}

#[test]
fn types_have_their_names() {
    for kind in InstrumentType::ALL {
        assert_eq!(kind.name().to_lowercase().parse(), Ok(kind));
    }
    assert_eq!("Perpetual".parse(), Ok(InstrumentType::Perp));
    let error = "SWAP".parse::<InstrumentType>().unwrap_err().to_string();
    assert!(
        error.starts_with(
            "`SWAP` is not an instrument type; perhaps PERP; the types are SPOT_PAIR, PERP, FUTURE"
        ),
        "{error}"
    );
    for (word, kind, group) in [
        ("spot", InstrumentType::SpotPair, "SPOT"),
        ("perpetual", InstrumentType::Perp, "PERPETUALS"),
        ("future", InstrumentType::Future, "FUTURES"),
        ("option", InstrumentType::Option, "OPTIONS"),
        ("combo", InstrumentType::Combo, "COMBOS"),
        ("prediction", InstrumentType::Prediction, "PREDICTIONS"),
    ] {
        assert_eq!(InstrumentType::of_vendor(word), Some(kind));
        assert_eq!(kind.group_id(), Some(group));
    }
    assert_eq!(InstrumentType::of_vendor("equity"), None);
    assert_eq!(InstrumentType::Equity.group_id(), None);
}

#[test]
fn names_that_no_key_may_hold_are_spelt_otherwise() {
    for (name, spelling) in [
        ("BTC", "BTC"),
        ("1000SHIB", "1000SHIB"),
        ("USDC.e", "USDC.E"),
        ("BTCB-1DE", "BTCB_1DE"),
        ("A_B", "A@005FB"),
        ("$X", "@0024X"),
        ("币安人生", "@5E01@5B89@4EBA@751F"),
        ("🐸", "@D83D@DC38"),
        ("5E01", "5E01"),
        ("@5E01", "@00405E01"),
        ("é", "@00C9"),
    ] {
        let key = InstrumentKey::spot_pair("X", name, "USDT").unwrap();
        assert_eq!(key.base(), Some(spelling));
        assert_eq!(asset_name(spelling), name.to_uppercase());
    }
}

#[test]
fn twins_get_keys_of_their_own() {
    for (plain, raw, twin) in [
        ("X:PERP:BTC-USD", "uBTCUSD", "X:PERP:BTC-USD~UBTCUSD"),
        ("X:PERP:BTC-USD", "a/b:c d", "X:PERP:BTC-USD~A-B-C-D"),
        ("X:PERP:BTC-USD~UM", "BTC-USD_UM-SWAP", "X:PERP:BTC-USD~BTC-USD_UM-SWAP"),
        ("X:PERP:BTC-USD", "", "X:PERP:BTC-USD~-"),
        ("X:PERP:BTC-USD", "..", "X:PERP:BTC-USD~.."),
    ] {
        let with_twin = key(plain).with_twin(raw);
        assert_eq!(with_twin.as_str(), twin);
        assert_eq!(key(twin), with_twin);
        assert_eq!((with_twin.base(), with_twin.quote()), (Some("BTC"), Some("USD")));
    }
    let longest = key("X:PERP:BTC-USD").with_twin(&"A".repeat(1000));
    assert_eq!(longest.as_str().len(), LONGEST_KEY_BYTES);
    assert_eq!(key(longest.as_str()), longest);
}

fn asset() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[A-Z0-9]{1,8}", 1 => "[A-Za-z0-9._@$ -]{0,5}[A-Z0-9]", 1 => "[\\PC]{0,3}[a-z]"]
}

fn days() -> impl Strategy<Value = Day> {
    (0..36_500_i64).prop_map(|days| day("2000-01-01").plus(days))
}

fn keys() -> impl Strategy<Value = InstrumentKey> {
    let strike = prop_oneof![(1..1_000_000u32).prop_map(|n| n.to_string()), "[0-9]{1,6}\\.[0-9]{1,6}"];
    let side = prop_oneof![Just(OptionSide::Call), Just(OptionSide::Put)];
    let only = proptest::sample::select(InstrumentType::ALL[7..].to_vec());
    let native = proptest::sample::select(InstrumentType::ALL[..7].to_vec());
    let month = (2000..2100, 1..=12).prop_map(|(year, month)| format!("{year}{month:02}"));
    let venue = "[A-Z][A-Z0-9_-]{0,12}";
    let plain = prop_oneof![
        (venue, asset(), asset()).prop_map(|(v, b, q)| InstrumentKey::spot_pair(&v, &b, &q)),
        (venue, asset(), asset()).prop_map(|(v, b, q)| InstrumentKey::perp(&v, &b, &q)),
        (venue, asset(), asset(), days()).prop_map(|(v, b, q, d)| InstrumentKey::future(&v, &b, &q, d)),
        (venue, asset(), asset(), days(), strike.clone(), side)
            .prop_map(|(v, b, q, d, k, s)| InstrumentKey::option(&v, &b, &q, d, &k, s)),
        (venue, native, "[\\PC]{0,5}[A-Z0-9_.-]{0,40}[A-Z]")
            .prop_map(|(v, kind, name)| InstrumentKey::native(&v, kind, &name)),
        (venue, only, "[A-Z0-9._]{0,5}[A-Z]")
            .prop_map(|(v, kind, name)| format!("{v}:{kind}:{name}").parse()),
        (venue, "[A-Z]{1,4}", month.clone())
            .prop_map(|(v, root, m)| format!("{v}:FUTURE:{root}-{m}").parse()),
        (venue, "[A-Z]{1,4}", month, strike)
            .prop_map(|(v, root, m, k)| format!("{v}:OPTION:{root}-{m}-{k}-PUT").parse()),
    ];
    (plain, proptest::option::of("[\\PC]{0,20}")).prop_map(|(key, twin)| {
        let key = key.unwrap();
        twin.map_or(key.clone(), |raw| key.with_twin(&raw))
    })
}

proptest! {
    #[test]
    fn a_printed_key_reads_back(key in keys()) {
        prop_assert_eq!(&key.to_string().parse::<InstrumentKey>().unwrap(), &key);
        prop_assert_eq!(&key.to_string().to_lowercase().parse::<InstrumentKey>().unwrap(), &key);
    }

    #[test]
    fn a_key_is_safe_as_a_name(key in keys()) {
        let safe = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || ":._-@~".contains(c);
        prop_assert!(key.as_str().chars().all(safe), "{}", key);
        prop_assert!(key.as_str().len() <= LONGEST_KEY_BYTES);
        prop_assert_eq!(key.as_str().matches(':').count(), 2);
    }

    #[test]
    fn no_two_names_share_a_spelling(name in "\\PC{1,6}") {
        let key = InstrumentKey::spot_pair("X", &name, "USDT").unwrap();
        prop_assert_eq!(asset_name(key.base().unwrap()), name.to_uppercase());
    }

    #[test]
    fn whatever_is_read_prints_as_it_reads(text in "\\PC{0,40}|[a-c0-9.:~@_-]{0,40}") {
        let typed = [text.clone(), format!("X:OPTION:{text}"), format!("X:PERP:A-{text}"), format!("X:COMBO:{text}")];
        for text in typed {
            if let Ok(key) = text.parse::<InstrumentKey>() {
                prop_assert_eq!(key.to_string().parse::<InstrumentKey>().unwrap(), key);
            }
        }
    }
}
