//! The symbols of every exchange, as tables: id, the vendor's type, and what its name says.
//!
//! Ids stand in API form where that differs; every case is checked in dataset form too.

use mtdh_core::key::{InstrumentKey, InstrumentType};
use mtdh_core::symbol::{Contract, Listed, Names};
use mtdh_core::venue::EXCHANGES;
use proptest::prelude::*;

use crate::{check, day, line, name};

/// Checks native keys of symbols, and why they have no canonical one.
fn check_native(cases: &[(&str, &str, &str, &str, &str)]) {
    for (exchange, id, kind, key, expected) in cases {
        let named = name(exchange, id, kind, None);
        assert_eq!(line(&named), *key, "{exchange} {id}");
        assert_eq!(
            named.native.map(|reason| reason.to_string()).as_deref(),
            Some(*expected),
            "{exchange} {id}"
        );
        assert!(!named.key.is_canonical());
    }
}

#[test]
fn binance() {
    check(
        "binance",
        &[
            ("btcusdt", "spot", "SPOT_PAIR:BTC-USDT"),
            ("ethbtc", "spot", "SPOT_PAIR:ETH-BTC"),
            ("btcfdusd", "spot", "SPOT_PAIR:BTC-FDUSD"),
            ("btcbusd", "spot", "SPOT_PAIR:BTC-BUSD"),
            ("bnbbusd", "spot", "SPOT_PAIR:BNB-BUSD"),
            ("busdusdt", "spot", "SPOT_PAIR:BUSD-USDT"),
            ("btttusd", "spot", "SPOT_PAIR:BTT-TUSD"),
            ("bttusdt", "spot", "SPOT_PAIR:BTT-USDT"),
            ("tusdusdt", "spot", "SPOT_PAIR:TUSD-USDT"),
            ("susdusdt", "spot", "SPOT_PAIR:SUSD-USDT"),
            ("tusdt", "spot", "SPOT_PAIR:T-USDT"),
            ("usdtidrt", "spot", "SPOT_PAIR:USDT-IDRT"),
            ("usdsbusds", "spot", "SPOT_PAIR:USDSB-USDS"),
            ("adaeur", "spot", "SPOT_PAIR:ADA-EUR"),
            ("lunaeur", "spot", "SPOT_PAIR:LUNA-EUR"),
            ("ethaeur", "spot", "SPOT_PAIR:ETH-AEUR"),
            ("eureuri", "spot", "SPOT_PAIR:EUR-EURI"),
            ("eurusdt", "spot", "SPOT_PAIR:EUR-USDT"),
            ("wintrx", "spot", "SPOT_PAIR:WIN-TRX"),
            ("btcupusdt", "spot", "SPOT_PAIR:BTCUP-USDT"),
            ("usdcusdt", "spot", "SPOT_PAIR:USDC-USDT"),
            ("btcusd1", "spot", "SPOT_PAIR:BTC-USD1"),
            ("usd1usdt", "spot", "SPOT_PAIR:USD1-USDT"),
            ("bnbu", "spot", "SPOT_PAIR:BNB-U"),
            ("btcu", "spot", "SPOT_PAIR:BTC-U"),
            ("aaveu", "spot", "SPOT_PAIR:AAVE-U"),
            ("rlusdu", "spot", "SPOT_PAIR:RLUSD-U"),
            ("btcgyen", "spot", "SPOT_PAIR:BTC-GYEN"),
            ("bnbidr", "spot", "SPOT_PAIR:BNB-IDR"),
            ("arbidr", "spot", "SPOT_PAIR:ARB-IDR"),
            ("bnbbidr", "spot", "SPOT_PAIR:BNB-BIDR"),
            ("btcbidr", "spot", "SPOT_PAIR:BTC-BIDR"),
            ("bnbidrt", "spot", "SPOT_PAIR:BNB-IDRT"),
            ("usdtusd", "spot", "SPOT_PAIR:USDT-USD"),
            ("bnbusd", "spot", "SPOT_PAIR:BNB-USD"),
            ("usdttusd", "spot", "SPOT_PAIR:USDT-TUSD"),
            ("usdctusd", "spot", "SPOT_PAIR:USDC-TUSD"),
            ("thetaeur", "spot", "SPOT_PAIR:THETA-EUR"),
            ("enaeur", "spot", "SPOT_PAIR:ENA-EUR"),
            ("zectusd", "spot", "SPOT_PAIR:ZEC-TUSD"),
            ("bnsolsol", "spot", "SPOT_PAIR:BNSOL-SOL"),
            ("wbethETH", "spot", "SPOT_PAIR:WBETH-ETH"),
            ("usdsusdt", "spot", "SPOT_PAIR:USDS-USDT"),
            ("busdbkrw", "spot", "SPOT_PAIR:BUSD-BKRW"),
            ("usdtngn", "spot", "SPOT_PAIR:USDT-NGN"),
            ("btcusds", "spot", "SPOT_PAIR:BTC-USDS"),
            ("btcpax", "spot", "SPOT_PAIR:BTC-PAX"),
            ("btcvai", "spot", "SPOT_PAIR:BTC-VAI"),
            ("币安人生usdt", "spot", "SPOT_PAIR:@5E01@5B89@4EBA@751F-USDT"),
        ],
    );
    check(
        "binance-us",
        &[
            ("btcusd", "spot", "SPOT_PAIR:BTC-USD"),
            ("btcbusd", "spot", "SPOT_PAIR:BTC-BUSD"),
            ("bnbusd", "spot", "SPOT_PAIR:BNB-USD"),
            ("bnbbusd", "spot", "SPOT_PAIR:BNB-BUSD"),
            ("busdusd", "spot", "SPOT_PAIR:BUSD-USD"),
            ("usdtusd", "spot", "SPOT_PAIR:USDT-USD"),
            ("dgbusd", "spot", "SPOT_PAIR:DGB-USD"),
            ("arbusd", "spot", "SPOT_PAIR:ARB-USD"),
            ("shibusd", "spot", "SPOT_PAIR:SHIB-USD"),
            ("shibbusd", "spot", "SPOT_PAIR:SHIB-BUSD"),
            ("ckbusd", "spot", "SPOT_PAIR:CKB-USD"),
        ],
    );
    check(
        "binance-jersey",
        &[("btcgbp", "spot", "SPOT_PAIR:BTC-GBP"), ("btceur", "spot", "SPOT_PAIR:BTC-EUR")],
    );
    check(
        "binance-dex",
        &[
            ("BTCB-1DE_USDSB-1AC", "spot", "SPOT_PAIR:BTCB_1DE-USDSB_1AC"),
            ("PHB-2DF_BNB", "spot", "SPOT_PAIR:PHB_2DF-BNB"),
        ],
    );
}

#[test]
fn binance_contracts() {
    check(
        "binance-futures",
        &[
            ("btcusdt", "perpetual", "PERP:BTC-USDT USDT"),
            ("btcusdc", "perpetual", "PERP:BTC-USDC USDC"),
            ("1000shibusdt", "perpetual", "PERP:1000SHIB-USDT USDT"),
            ("1000000mogusdt", "perpetual", "PERP:1000000MOG-USDT USDT"),
            ("1inchusdt", "perpetual", "PERP:1INCH-USDT USDT"),
            ("btcdomusdt", "perpetual", "PERP:BTCDOM-USDT USDT"),
            ("ethbtc", "perpetual", "PERP:ETH-BTC BTC"),
            ("币安人生usdt", "perpetual", "PERP:@5E01@5B89@4EBA@751F-USDT USDT"),
            ("btcusdt_210326", "future", "FUTURE:BTC-USDT-210326 USDT"),
            ("btcbusd_210129", "future", "FUTURE:BTC-BUSD-210129 BUSD"),
            ("ethusdt_260327", "future", "FUTURE:ETH-USDT-260327 USDT"),
        ],
    );
    check(
        "binance-delivery",
        &[
            ("btcusd_perp", "perpetual", "PERP:BTC-USD BTC inverse"),
            ("btcusd_200925", "future", "FUTURE:BTC-USD-200925 BTC inverse"),
            ("bnbusd_perp", "perpetual", "PERP:BNB-USD BNB inverse"),
            ("dogeusd_perp", "perpetual", "PERP:DOGE-USD DOGE inverse"),
        ],
    );
    for exchange in ["binance-european-options", "binance-options"] {
        check(
            exchange,
            &[
                ("BTC-231027-34000-C", "option", "OPTION:BTC-USDT-231027-34000-CALL USDT"),
                ("DOGE-231006-0.06-C", "option", "OPTION:DOGE-USDT-231006-0.06-CALL USDT"),
                ("XRP-251219-2.05-P", "option", "OPTION:XRP-USDT-251219-2.05-PUT USDT"),
            ],
        );
    }
    check("aster", &[("btcusdt", "spot", "SPOT_PAIR:BTC-USDT"), ("usd1usdt", "spot", "SPOT_PAIR:USD1-USDT")]);
    check(
        "aster-futures",
        &[("btcusdt", "perpetual", "PERP:BTC-USDT USDT"), ("btcusd1", "perpetual", "PERP:BTC-USD1 USD1")],
    );
}

#[test]
fn deribit() {
    check(
        "deribit",
        &[
            ("BTC-PERPETUAL", "perpetual", "PERP:BTC-USD BTC inverse"),
            ("SOL_USDC-PERPETUAL", "perpetual", "PERP:SOL-USDC USDC"),
            ("ETH_USDT-PERPETUAL", "perpetual", "PERP:ETH-USDT USDT"),
            ("BTC-28MAR25", "future", "FUTURE:BTC-USD-250328 BTC inverse"),
            ("BTC-3NOV23", "future", "FUTURE:BTC-USD-231103 BTC inverse"),
            ("BTC_USDC-30AUG23", "future", "FUTURE:BTC-USDC-230830 USDC"),
            ("BTCDVOL_USDC-29MAR23", "future", "FUTURE:BTCDVOL-USDC-230329 USDC"),
            ("BTC-25APR25-200000-P", "option", "OPTION:BTC-USD-250425-200000-PUT BTC inverse"),
            ("BTC-8JUN20-8750-P", "option", "OPTION:BTC-USD-200608-8750-PUT BTC inverse"),
            ("XRP_USDC-27DEC24-1d14-P", "option", "OPTION:XRP-USDC-241227-1.14-PUT USDC"),
            ("XRP_USDC-27DEC24-0d575-C", "option", "OPTION:XRP-USDC-241227-0.575-CALL USDC"),
            ("MATIC_USDC-9MAR24-1D02-C", "option", "OPTION:MATIC-USDC-240309-1.02-CALL USDC"),
            ("BTC_USDC", "spot", "SPOT_PAIR:BTC-USDC"),
            ("ETH_BTC", "spot", "SPOT_PAIR:ETH-BTC"),
            ("BTC-FS-28MAR25_PERP", "combo", "COMBO:BTC-FS-28MAR25_PERP"),
            ("BTC-CS-28AUG26-72000_76000", "combo", "COMBO:BTC-CS-28AUG26-72000_76000"),
        ],
    );
}

#[test]
fn okx() {
    check(
        "okex",
        &[
            ("BTC-USDT", "spot", "SPOT_PAIR:BTC-USDT"),
            ("ETC-ETH", "spot", "SPOT_PAIR:ETC-ETH"),
            ("USDT-TRY", "spot", "SPOT_PAIR:USDT-TRY"),
            ("1INCH-USDT", "spot", "SPOT_PAIR:1INCH-USDT"),
        ],
    );
    check("okcoin", &[("BTC-USD", "spot", "SPOT_PAIR:BTC-USD")]);
    check(
        "okex-swap",
        &[
            ("BTC-USDT-SWAP", "perpetual", "PERP:BTC-USDT USDT"),
            ("BTC-USDC-SWAP", "perpetual", "PERP:BTC-USDC USDC"),
            ("BTC-USD-SWAP", "perpetual", "PERP:BTC-USD BTC inverse"),
            ("BTC-USD_UM-SWAP", "perpetual", "PERP:BTC-USD~UM"),
        ],
    );
    check(
        "okex-futures",
        &[
            ("BTC-USD-190405", "future", "FUTURE:BTC-USD-190405 BTC inverse"),
            ("BTC-USDT-241227", "future", "FUTURE:BTC-USDT-241227 USDT"),
            ("BTC-USD_UM-260626", "future", "FUTURE:BTC-USD-260626~UM"),
            ("BTC-USD_UM_XPERP-310404", "future", "FUTURE:BTC-USD-310404~UM_XPERP"),
            ("BTC-USD_UM_XPERP-310404", "perpetual", "PERP:BTC-USD~UM_XPERP-310404"),
        ],
    );
    check(
        "okex-options",
        &[
            ("BTC-USD-200207-8500-P", "option", "OPTION:BTC-USD-200207-8500-PUT BTC inverse"),
            ("ETH-USD-211231-9600-C", "option", "OPTION:ETH-USD-211231-9600-CALL ETH inverse"),
            ("BTC-USD_UM-260626-100000-C", "option", "OPTION:BTC-USD-260626-100000-CALL~UM"),
        ],
    );
    for kind in ["combo", "future"] {
        check("okex-spreads", &[("BTC-USD-SWAP_BTC-USD-231229", kind, "COMBO:BTC-USD-SWAP_BTC-USD-231229")]);
    }
}

#[test]
fn bybit() {
    check(
        "bybit",
        &[
            ("BTCUSDT", "perpetual", "PERP:BTC-USDT USDT"),
            ("BTCUSD", "perpetual", "PERP:BTC-USD BTC inverse"),
            ("BNBUSD", "perpetual", "PERP:BNB-USD BNB inverse"),
            ("SHIB1000USDT", "perpetual", "PERP:SHIB1000-USDT USDT"),
            ("10000NFTUSDT", "perpetual", "PERP:10000NFT-USDT USDT"),
            ("BTCPERP", "perpetual", "PERP:BTC-USDC USDC"),
            ("AAVEPERP", "perpetual", "PERP:AAVE-USDC USDC"),
            ("PERPUSDT", "perpetual", "PERP:PERP-USDT USDT"),
            ("BTCUSDM21", "future", "FUTURE:BTC-USD-210625 BTC inverse"),
            ("ETHUSDU21", "future", "FUTURE:ETH-USD-210924 ETH inverse"),
            ("BTCUSDM26", "future", "FUTURE:BTC-USD-260626 BTC inverse"),
            ("BTCUSDT-29DEC23", "future", "FUTURE:BTC-USDT-231229 USDT"),
            ("BTCUSDT-03NOV23", "future", "FUTURE:BTC-USDT-231103 USDT"),
            ("BTC-30JUN23", "future", "FUTURE:BTC-USDC-230630 USDC"),
        ],
    );
    check(
        "bybit-spot",
        &[
            ("BTCUSDT", "spot", "SPOT_PAIR:BTC-USDT"),
            ("BITBTC", "spot", "SPOT_PAIR:BIT-BTC"),
            ("BTC3LUSDT", "spot", "SPOT_PAIR:BTC3L-USDT"),
            ("USDTTRY", "spot", "SPOT_PAIR:USDT-TRY"),
            ("USDCUSDT", "spot", "SPOT_PAIR:USDC-USDT"),
            ("USDEUSDC", "spot", "SPOT_PAIR:USDE-USDC"),
        ],
    );
    check(
        "bybit-options",
        &[
            ("BTC-28APR23-29500-C", "option", "OPTION:BTC-USDC-230428-29500-CALL USDC"),
            ("BTC-1AUG25-112000-P-USDT", "option", "OPTION:BTC-USDT-250801-112000-PUT USDT"),
            ("XRP-25APR25-2.1-C-USDT", "option", "OPTION:XRP-USDT-250425-2.1-CALL USDT"),
        ],
    );
}

#[test]
fn bitmex() {
    check(
        "bitmex",
        &[
            ("XBTUSD", "perpetual", "PERP:BTC-USD BTC inverse"),
            ("XBTEUR", "perpetual", "PERP:BTC-EUR BTC inverse"),
            ("XBTUSDT", "perpetual", "PERP:BTC-USDT USDT"),
            ("ETHUSD", "perpetual", "PERP:ETH-USD BTC"),
            ("ETHUSD_ETH", "perpetual", "PERP:ETH-USD~ETH ETH inverse"),
            ("DOGEUSDT", "perpetual", "PERP:DOGE-USDT"),
            ("XBTZ19", "future", "FUTURE:BTC-USD-191227 BTC inverse"),
            ("XBTZ21", "future", "FUTURE:BTC-USD-211231 BTC inverse"),
            ("ETHM19", "future", "FUTURE:ETH-BTC-190628 BTC"),
            ("EOSM19", "future", "FUTURE:EOS-BTC-190628 BTC"),
            ("ETHUSDM22", "future", "FUTURE:ETH-USD-220624 BTC"),
            ("ETHUSDM22_ETH", "future", "FUTURE:ETH-USD-220624~ETH ETH inverse"),
            ("XBTUSDTZ22", "future", "FUTURE:BTC-USDT-221230 USDT"),
            ("XBT_USDT", "spot", "SPOT_PAIR:BTC-USDT"),
        ],
    );
}

#[test]
fn kraken() {
    check(
        "kraken",
        &[
            ("XBT/USD", "spot", "SPOT_PAIR:BTC-USD"),
            ("BTC/USD", "spot", "SPOT_PAIR:BTC-USD"),
            ("LTC/XBT", "spot", "SPOT_PAIR:LTC-BTC"),
            ("XDG/EUR", "spot", "SPOT_PAIR:DOGE-EUR"),
            ("AAPLx/USD", "spot", "SPOT_PAIR:AAPLX-USD"),
            ("USDT/USD", "spot", "SPOT_PAIR:USDT-USD"),
        ],
    );
    check(
        "cryptofacilities",
        &[
            ("PI_XBTUSD", "perpetual", "PERP:BTC-USD BTC inverse"),
            ("PI_LTCUSD", "perpetual", "PERP:LTC-USD LTC inverse"),
            ("PF_XBTUSD", "perpetual", "PERP:BTC-USD~PF USD"),
            ("PF_SUIUSD", "perpetual", "PERP:SUI-USD~PF USD"),
            ("PV_XRPXBT", "perpetual", "PERP:XRP-BTC BTC"),
            ("FI_XBTUSD_220325", "future", "FUTURE:BTC-USD-220325 BTC inverse"),
            ("FV_XRPXBT_190628", "future", "FUTURE:XRP-BTC-190628 BTC"),
            ("FF_XBTUSD_241227", "future", "FUTURE:BTC-USD-241227~FF USD"),
        ],
    );
}

#[test]
fn ftx_dates_have_no_year() {
    check(
        "ftx",
        &[
            ("BTC-PERP", "perpetual", "PERP:BTC-USD USD"),
            ("BTC/EUR", "spot", "SPOT_PAIR:BTC-EUR"),
            ("BTC-20210326", "future", "FUTURE:BTC-USD-210326 USD"),
            ("BTC-MOVE-2020Q1", "future", "FUTURE:BTC-USD-200327~MOVE-2020Q1 USD"),
        ],
    );
    for (exchange, id, since, expected) in [
        ("ftx", "BTC-0325", "2021-09-24", "FUTURE:BTC-USD-220325 USD"),
        ("ftx", "BTC-1227", "2019-08-01", "FUTURE:BTC-USD-191227 USD"),
        ("ftx", "BTC-1227", "2019-12-27", "FUTURE:BTC-USD-191227 USD"),
        ("ftx", "BTC-MOVE-0320", "2020-03-18", "FUTURE:BTC-USD-200320~MOVE USD"),
        ("ftx", "BTC-MOVE-WK-0101", "2020-12-20", "FUTURE:BTC-USD-210101~MOVE-WK USD"),
        ("bitnomial", "BUSZ2", "2022-10-01", "FUTURE:BUS-202212"),
        ("bitnomial", "BUSF3", "2022-10-01", "FUTURE:BUS-202301"),
        ("delta", "BTCUSD_27DEC", "2019-10-01", "FUTURE:BTC-USD-191227"),
    ] {
        assert_eq!(line(&name(exchange, id, "future", Some(day(since)))), expected, "{id} since {since}");
    }
}

#[test]
fn exchanges_that_are_not_known_are_read_by_the_commonest_forms() {
    check(
        "next-exchange",
        &[
            ("BTC-USDT", "spot", "SPOT_PAIR:BTC-USDT"),
            ("btc/usdt", "spot", "SPOT_PAIR:BTC-USDT"),
            ("BTC_USDT", "spot", "SPOT_PAIR:BTC-USDT"),
            ("btcusdt", "perpetual", "PERP:BTC-USDT"),
            ("BTC-USDT-SWAP", "perpetual", "PERP:BTC-USDT"),
            ("BTCUSDT_241227", "future", "FUTURE:BTC-USDT-241227"),
            ("BTC-USDT-241227", "future", "FUTURE:BTC-USDT-241227"),
            ("BTC-USDT-241227-50000-C", "option", "OPTION:BTC-USDT-241227-50000-CALL"),
            ("A+B", "combo", "COMBO:A@002BB"),
        ],
    );
}

#[test]
fn what_has_no_canonical_key_has_a_native_one_and_says_why() {
    let continuous = "it moves on from contract to contract";
    let number = "it is a number, which does not tell base and quote";
    let form = "symbols of the type have another form there";
    let quote = "it ends in no quote that is known there";
    let no_year = "the day in it has no year, and nothing tells when it was traded";
    let several = "it can be split into base and quote in several ways";
    let order = "it is not known which of the two names is the base";
    let deployer = "its quote is the choice of the market's deployer, which is not known";
    let unknown = "its type is not known";
    check_native(&[
        ("huobi-dm", "BTC_CW", "future", "FUTURE:BTC_CW", continuous),
        ("huobi-dm", "ETH_NQ", "future", "FUTURE:ETH_NQ", continuous),
        ("huobi-dm-linear-swap", "BTC-USDT-CQ", "future", "FUTURE:BTC-USDT-CQ", continuous),
        ("bitflyer", "BTCJPY_MAT1WK", "future", "FUTURE:BTCJPY_MAT1WK", continuous),
        ("hyperliquid", "@107", "spot", "SPOT_PAIR:@0040107", number),
        ("hyperliquid", "flx:TSLA", "perpetual", "PERP:FLX@002DTSLA", deployer),
        ("lighter", "0", "perpetual", "PERP:0", number),
        ("binance", "btcxyz", "spot", "SPOT_PAIR:BTCXYZ", quote),
        ("hitbtc", "XYZTUSD", "spot", "SPOT_PAIR:XYZTUSD", several),
        ("deribit", "BTC-31FEB24", "future", "FUTURE:BTC-31FEB24", form),
        ("ftx", "TRUMP2024", "future", "FUTURE:TRUMP2024", form),
        ("ftx", "BTC-0325", "future", "FUTURE:BTC-0325", no_year),
        ("bitnomial", "BUSZ2", "future", "FUTURE:BUSZ2", no_year),
        ("bitmex", "XBT7D_U105", "option", "OPTION:XBT7D_U105", form),
        ("bitmex", "XBT7D_U105", "turbo", "UNKNOWN:XBT7D_U105", unknown),
        ("next-exchange", "BTC-PERP-X-Y", "perpetual", "PERP:BTC-PERP-X-Y", form),
        ("next-exchange", "BTC-ETH", "perpetual", "PERP:BTC@002DETH", order),
        ("poloniex", "USDT_USDC", "spot", "SPOT_PAIR:USDT_USDC", order),
    ]);
}

/// Texts made of what symbols are made of, so that the forms are reached, and of anything at all.
fn texts() -> impl Strategy<Value = String> {
    let pieces = "([-_/:]?(BTC|XBT|USDT|USD|ETH|F0|PERP|SWAP|[0-9]{1,8}|[A-Z]{3}[0-9]{2}|3NOV23|C|P|M|1d1|币|@|PI|é)){1,6}";
    prop_oneof![3 => pieces, 1 => "\\PC{0,12}"]
}

proptest! {
    #[test]
    fn no_symbol_is_too_strange_and_the_metadata_changes_no_key(text in texts(), exchange in proptest::sample::select(EXCHANGES), dated in any::<bool>(), words in ["BTC|ETH|KRW|", "USDT?|USDC|BTC|", "USDT|BTC"]) {
        for kind in InstrumentType::ALL {
            let since = dated.then(|| day("2021-02-28"));
            let listed_name = |contract| {
                Names::new(exchange).name(&Listed { since, contract, ..Listed::new(&text, kind) })
            };
            let named = listed_name(None);
            let [base, quote, settle] = &words;
            let contract = Contract {
                base,
                quote,
                settle: dated.then_some(settle),
                expiry: since.map(|day| day.plus(400)),
                inverse: Some(dated),
                ..Contract::default()
            };
            let with_metadata = listed_name(Some(&contract));
            prop_assert_eq!((&with_metadata.key, &with_metadata.native), (&named.key, &named.native));
            prop_assert_eq!(named.native.is_none(), named.key.is_canonical(), "{}", named.key);
            prop_assert_eq!(named.key.to_string().parse::<InstrumentKey>().unwrap(), named.key);
        }
    }
}
