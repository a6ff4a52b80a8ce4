//! Symbols that are read together with the rest of their venue's list, and day by day.

use mtdh_core::key::InstrumentType;
use mtdh_core::symbol::{Listed, Names};

use crate::day;

/// The names of an exchange with a list of spot pairs.
fn names(exchange: &str, list: &[&str]) -> Names {
    let mut names = Names::new(exchange);
    list.iter().for_each(|id| names.add(id, InstrumentType::SpotPair));
    names
}

#[test]
fn where_two_readings_remain_the_list_decides() {
    for (list, key) in [
        (vec![], "HITBTC:SPOT_PAIR:QQQTUSD"),
        (vec!["QQQTUSD"], "HITBTC:SPOT_PAIR:QQQTUSD"),
        (vec!["QQQBTC"], "HITBTC:SPOT_PAIR:QQQ-TUSD"),
        (vec!["QQQTBTC", "QQQTUSD"], "HITBTC:SPOT_PAIR:QQQT-USD"),
        (vec!["QQQBTC", "QQQTBTC"], "HITBTC:SPOT_PAIR:QQQTUSD"),
    ] {
        let listed = Listed::new("QQQTUSD", InstrumentType::SpotPair);
        assert_eq!(names("hitbtc", &list).name(&listed).key.as_str(), key, "{list:?}");
        let reversed: Vec<&str> = list.iter().rev().copied().collect();
        assert_eq!(names("hitbtc", &reversed).name(&listed).key.as_str(), key, "{list:?}");
    }
}

#[test]
fn a_quote_is_read_only_while_it_exists() {
    for (since, key) in [
        (None, "BINANCE-US:SPOT_PAIR:QQQBUSD"),
        (Some("2021-01-01"), "BINANCE-US:SPOT_PAIR:QQQBUSD"),
        (Some("2025-01-01"), "BINANCE-US:SPOT_PAIR:QQQB-USD"),
    ] {
        let listed = Listed { since: since.map(day), ..Listed::new("qqqbusd", InstrumentType::SpotPair) };
        assert_eq!(Names::new("binance-us").name(&listed).key.as_str(), key);
        let of_file = Listed { since: None, day: since.map(day), ..listed };
        assert_eq!(Names::new("binance-us").name(&of_file).key.as_str(), key);
    }
}

/// Key by key with the first day of each stretch.
fn over(exchange: &str, id: &str, kind: InstrumentType, from: &str, to: Option<&str>) -> Vec<String> {
    let life = (day(from).start_us(), to.map(|to| day(to).start_us()));
    let until = Some(day("2024-01-01").start_us());
    let stretches = Names::new(exchange).over(&Listed::new(id, kind), life, until, |_| None);
    assert_eq!(stretches.first().map(|s| s.from_us), Some(life.0));
    assert_eq!(stretches.last().map(|s| s.to_us), Some(life.1));
    assert!(stretches.windows(2).all(|pair| pair[0].to_us == Some(pair[1].from_us)));
    let line = |s: &mtdh_core::symbol::Stretch| {
        format!("{} {}", mtdh_core::Day::containing_us(s.from_us).unwrap(), s.named.key.symbol())
    };
    stretches.iter().map(line).collect()
}

#[test]
fn a_symbol_used_again_has_the_year_of_the_day() {
    use InstrumentType::{Future, SpotPair};
    for (exchange, id, from, to, expected) in [
        ("ftx", "BTC-0325", "2021-09-24", Some("2022-03-26"), vec!["2021-09-24 BTC-USD-220325"]),
        (
            "ftx",
            "BTC-MOVE-0320",
            "2020-03-18",
            Some("2022-03-21"),
            vec![
                "2020-03-18 BTC-USD-200320~MOVE",
                "2020-03-21 BTC-USD-210320~MOVE",
                "2021-03-21 BTC-USD-220320~MOVE",
            ],
        ),
        (
            "delta",
            "BTCUSD_27DEC",
            "2019-10-01",
            Some("2020-12-28"),
            vec!["2019-10-01 BTC-USD-191227", "2019-12-28 BTC-USD-201227"],
        ),
        ("bitnomial", "BUSZ2", "2022-10-01", None, vec!["2022-10-01 BUS-202212", "2023-01-01 BUS-203212"]),
    ] {
        assert_eq!(over(exchange, id, Future, from, to), expected, "{exchange} {id}");
    }
    for (id, from, to, expected) in [
        ("USDT_BTC", "2019-03-30", Some("2022-08-03"), vec!["2019-03-30 BTC-USDT"]),
        ("BTC_USDT", "2022-08-02", None, vec!["2022-08-02 BTC-USDT"]),
        ("USDC_USDT", "2019-03-30", None, vec!["2019-03-30 USDT-USDC", "2022-08-01 USDC-USDT"]),
        ("USDT_USDC", "2022-08-02", None, vec!["2022-08-02 USDT-USDC"]),
        ("BTC_BNB", "2022-08-02", None, vec!["2022-08-02 BTC-BNB"]),
        ("BTC_BNB", "2020-08-02", Some("2021-08-02"), vec!["2020-08-02 BNB-BTC"]),
    ] {
        assert_eq!(over("poloniex", id, SpotPair, from, to), expected, "{id}");
    }
}

#[test]
fn a_file_of_a_day_has_the_name_that_the_list_has() {
    let of_day = |exchange: &str, id: &str, at: &str| {
        Names::new(exchange).name_by_form(id, Some(day(at))).key.to_string()
    };
    for (exchange, id, at, key) in [
        ("ftx", "BTC-MOVE-0320", "2021-03-19", "FTX:FUTURE:BTC-USD-210320~MOVE"),
        ("poloniex", "USDT_BTC", "2022-07-31", "POLONIEX:SPOT_PAIR:BTC-USDT"),
        ("poloniex", "USDT_BTC", "2022-08-02", "POLONIEX:SPOT_PAIR:BTC-USDT"),
        ("poloniex", "BTC_USDT", "2022-08-02", "POLONIEX:SPOT_PAIR:BTC-USDT"),
        ("poloniex", "USDT_USDC", "2024-08-02", "POLONIEX:SPOT_PAIR:USDT-USDC"),
        ("poloniex", "USDT_USDC", "2020-08-02", "POLONIEX:SPOT_PAIR:USDC-USDT"),
    ] {
        assert_eq!(of_day(exchange, id, at), key);
    }
}

/// What the vendor's `changes` say of a day goes before the day itself.
#[test]
fn the_vendors_expiry_of_the_day_gives_the_year() {
    let life = (day("2020-01-01").start_us(), Some(day("2022-06-26").start_us()));
    let listed = Listed::new("BTC-0625", InstrumentType::Future);
    let changes = |on: mtdh_core::Day| (on < day("2021-06-26")).then(|| day("2021-06-25"));
    let stretches = Names::new("ftx").over(&listed, life, None, changes);
    let keys: Vec<&str> = stretches.iter().map(|s| s.named.key.symbol()).collect();
    assert_eq!(keys, ["BTC-USD-210625", "BTC-USD-220625"]);
}

/// The keys of version 1, which lakes of 0.1.0 hold.
#[test]
fn earlier_keys_are_known() {
    use InstrumentType::{Future, Perp, SpotPair, Unknown};
    for (exchange, id, kind, earlier) in [
        ("binance", "bnbidr", SpotPair, Some("BINANCE:SPOT_PAIR:BN-BIDR")),
        ("binance", "usdtusd", SpotPair, Some("BINANCE:SPOT_PAIR:USD-TUSD")),
        ("binance", "aaveu", SpotPair, None),
        ("binance-us", "dgbusd", SpotPair, Some("BINANCE-US:SPOT_PAIR:DG-BUSD")),
        ("poloniex", "USDT_USDC", SpotPair, Some("POLONIEX:SPOT_PAIR:USDC-USDT")),
        ("bitmex", "XBTM26-XBTU26", Future, Some("BITMEX:FUTURE:XBTM26_XBT-BTC-260925")),
        ("hyperliquid", "hyna:BTC", Perp, Some("HYPERLIQUID:PERP:HYNA_BTC-USDC")),
        ("huobi-dm", "BTC_CW", Future, None),
        ("binance", "btcusdt", Unknown, None),
        ("binance", "btcusdt", SpotPair, Some("BINANCE:SPOT_PAIR:BTC-USDT")),
    ] {
        let keys = Names::new(exchange).first_version(&Listed::new(id, kind));
        assert_eq!(keys.first().map(|key| key.as_str()), earlier, "{exchange} {id}");
    }
}
