//! The symbols of further exchanges, as tables like those in `symbols_of_exchanges`.

use crate::check;

#[test]
fn coinbase_upbit_and_other_dashed_pairs() {
    check(
        "coinbase",
        &[
            ("BTC-USD", "spot", "SPOT_PAIR:BTC-USD"),
            ("1INCH-USD", "spot", "SPOT_PAIR:1INCH-USD"),
            ("00-USD", "spot", "SPOT_PAIR:00-USD"),
            ("USDT-USDC", "spot", "SPOT_PAIR:USDT-USDC"),
        ],
    );
    check(
        "upbit",
        &[
            ("KRW-BTC", "spot", "SPOT_PAIR:BTC-KRW"),
            ("BTC-ETH", "spot", "SPOT_PAIR:ETH-BTC"),
            ("USDT-BTC", "spot", "SPOT_PAIR:BTC-USDT"),
        ],
    );
    check(
        "kucoin",
        &[("APE3S-USDT", "spot", "SPOT_PAIR:APE3S-USDT"), ("BTC-USDT", "spot", "SPOT_PAIR:BTC-USDT")],
    );
    check("blockchain-com", &[("BTC-USD", "spot", "SPOT_PAIR:BTC-USD")]);
    check("serum", &[("RAY/USDT", "spot", "SPOT_PAIR:RAY-USDT")]);
    check("star-atlas", &[("POLIS/USDC", "spot", "SPOT_PAIR:POLIS-USDC")]);
    check(
        "mango",
        &[("SOL/USDC", "spot", "SPOT_PAIR:SOL-USDC"), ("SOL-PERP", "perpetual", "PERP:SOL-USDC USDC")],
    );
    check("ftx-us", &[("BTC/USD", "spot", "SPOT_PAIR:BTC-USD")]);
    check("dydx", &[("1INCH-USD", "perpetual", "PERP:1INCH-USD USDC")]);
    check(
        "dydx-v4",
        &[
            ("BTC-USD", "perpetual", "PERP:BTC-USD USDC"),
            ("FARTCOIN,RAYDIUM,9BB6-USD", "perpetual", "PERP:FARTCOIN@002CRAYDIUM@002C9BB6-USD USDC"),
        ],
    );
    check(
        "coinbase-international",
        &[("SOL-PERP", "perpetual", "PERP:SOL-USDC USDC"), ("ETH-USDC", "spot", "SPOT_PAIR:ETH-USDC")],
    );
    check(
        "ascendex",
        &[
            ("BNB/USDT", "spot", "SPOT_PAIR:BNB-USDT"),
            ("BTMX-S/USDT", "spot", "SPOT_PAIR:BTMX_S-USDT"),
            ("BTC-PERP", "perpetual", "PERP:BTC-USDT USDT"),
        ],
    );
    check(
        "coinflex",
        &[
            ("BTC-USD", "spot", "SPOT_PAIR:BTC-USD"),
            ("BTC-USD-SWAP-LIN", "perpetual", "PERP:BTC-USD"),
            ("BTC-USD-REPO-LIN", "perpetual", "PERP:BTC-USD~REPO"),
            ("BTC-USD-201225-LIN", "future", "FUTURE:BTC-USD-201225"),
        ],
    );
}

#[test]
fn huobi() {
    check(
        "huobi",
        &[
            ("btcusdt", "spot", "SPOT_PAIR:BTC-USDT"),
            ("dtabtc", "spot", "SPOT_PAIR:DTA-BTC"),
            ("bchhusd", "spot", "SPOT_PAIR:BCH-HUSD"),
            ("ht3lusdt", "spot", "SPOT_PAIR:HT3L-USDT"),
            ("usdthusd", "spot", "SPOT_PAIR:USDT-HUSD"),
        ],
    );
    check("huobi-dm", &[("BTC210326", "future", "FUTURE:BTC-USD-210326 BTC inverse")]);
    check("huobi-dm-swap", &[("BTC-USD", "perpetual", "PERP:BTC-USD BTC inverse")]);
    check(
        "huobi-dm-linear-swap",
        &[
            ("BTC-USDT", "perpetual", "PERP:BTC-USDT USDT"),
            ("BTC-USDT-220325", "future", "FUTURE:BTC-USDT-220325 USDT"),
        ],
    );
    check(
        "huobi-dm-options",
        &[("BTC-USDT-210521-P-42000", "option", "OPTION:BTC-USDT-210521-42000-PUT USDT")],
    );
}

#[test]
fn bitfinex() {
    check(
        "bitfinex",
        &[
            ("BTCUSD", "spot", "SPOT_PAIR:BTC-USD"),
            ("BTCUST", "spot", "SPOT_PAIR:BTC-USDT"),
            ("USTUSD", "spot", "SPOT_PAIR:USDT-USD"),
            ("MATIC:BTC", "spot", "SPOT_PAIR:MATIC-BTC"),
            ("DOGE:UST", "spot", "SPOT_PAIR:DOGE-USDT"),
        ],
    );
    check(
        "bitfinex-derivatives",
        &[
            ("BTCF0:USTF0", "perpetual", "PERP:BTC-USDT USDT"),
            ("ETHF0:BTCF0", "perpetual", "PERP:ETH-BTC BTC"),
        ],
    );
}

#[test]
fn gate_mexc_bitget_kucoin_contracts() {
    check(
        "gate-io",
        &[("BTC_USDT", "spot", "SPOT_PAIR:BTC-USDT"), ("BTC3L_USDT", "spot", "SPOT_PAIR:BTC3L-USDT")],
    );
    check(
        "gate-io-futures",
        &[
            ("BTC_USDT", "perpetual", "PERP:BTC-USDT USDT"),
            ("BTC_USD", "perpetual", "PERP:BTC-USD"),
            ("BTC_USDT_20210326", "future", "FUTURE:BTC-USDT-210326 USDT"),
        ],
    );
    check("mexc", &[("BTCUSDT", "spot", "SPOT_PAIR:BTC-USDT"), ("MXUSDC", "spot", "SPOT_PAIR:MX-USDC")]);
    check(
        "mexc-futures",
        &[
            ("BTC_USDT", "perpetual", "PERP:BTC-USDT USDT"),
            ("BTC_USD", "perpetual", "PERP:BTC-USD BTC inverse"),
        ],
    );
    check("bitget", &[("BTCUSDC", "spot", "SPOT_PAIR:BTC-USDC"), ("BGBUSDT", "spot", "SPOT_PAIR:BGB-USDT")]);
    check(
        "bitget-futures",
        &[
            ("ADAUSDT", "perpetual", "PERP:ADA-USDT USDT"),
            ("DOGEUSD", "perpetual", "PERP:DOGE-USD DOGE inverse"),
            ("BTCPERP", "perpetual", "PERP:BTC-USDC USDC"),
            ("BTCUSDZ25", "future", "FUTURE:BTC-USD-251226 BTC inverse"),
        ],
    );
    check(
        "kucoin-futures",
        &[
            ("XBTUSDTM", "perpetual", "PERP:BTC-USDT USDT"),
            ("XBTUSDM", "perpetual", "PERP:BTC-USD BTC inverse"),
            ("SOLUSDCM", "perpetual", "PERP:SOL-USDC USDC"),
            ("10000CATUSDTM", "perpetual", "PERP:10000CAT-USDT USDT"),
            ("XBTMZ24", "future", "FUTURE:BTC-USD-241227 BTC inverse"),
        ],
    );
}

#[test]
fn bitstamp_gemini_hitbtc_poloniex() {
    check(
        "bitstamp",
        &[
            ("btcusd", "spot", "SPOT_PAIR:BTC-USD"),
            ("usdceur", "spot", "SPOT_PAIR:USDC-EUR"),
            ("sgbusd", "spot", "SPOT_PAIR:SGB-USD"),
            ("pyusdusd", "spot", "SPOT_PAIR:PYUSD-USD"),
            ("btcgusd", "spot", "SPOT_PAIR:BTC-GUSD"),
        ],
    );
    check(
        "gemini",
        &[
            ("BTCUSD", "spot", "SPOT_PAIR:BTC-USD"),
            ("XRPGUSD", "spot", "SPOT_PAIR:XRP-GUSD"),
            ("BTCRLUSD", "spot", "SPOT_PAIR:BTC-RLUSD"),
            ("AUDUSD", "spot", "SPOT_PAIR:AUD-USD"),
            ("GUSDGBP", "spot", "SPOT_PAIR:GUSD-GBP"),
            ("GUSDUSD", "spot", "SPOT_PAIR:GUSD-USD"),
            ("PAXGUSD", "spot", "SPOT_PAIR:PAXG-USD"),
            ("OMGUSD", "spot", "SPOT_PAIR:OMG-USD"),
            ("USDTGUSD", "spot", "SPOT_PAIR:USDT-GUSD"),
            ("ZECLTC", "spot", "SPOT_PAIR:ZEC-LTC"),
            ("btcgusdperp", "perpetual", "PERP:BTC-GUSD"),
        ],
    );
    check(
        "hitbtc",
        &[
            ("BCNBTC", "spot", "SPOT_PAIR:BCN-BTC"),
            ("BTCGUSD", "spot", "SPOT_PAIR:BTC-GUSD"),
            ("BTCTUSD", "spot", "SPOT_PAIR:BTC-TUSD"),
            ("BNTUSD", "spot", "SPOT_PAIR:BNT-USD"),
            ("DGBUSD", "spot", "SPOT_PAIR:DGB-USD"),
            ("BTCUSDT_PERP", "perpetual", "PERP:BTC-USDT"),
        ],
    );
    check(
        "poloniex",
        &[
            ("USDT_BTC", "spot", "SPOT_PAIR:BTC-USDT"),
            ("BTC_USDT", "spot", "SPOT_PAIR:BTC-USDT"),
            ("BTC_BTS", "spot", "SPOT_PAIR:BTS-BTC"),
            ("VSP_TRX", "spot", "SPOT_PAIR:VSP-TRX"),
            ("USDC_BCHSV", "spot", "SPOT_PAIR:BCHSV-USDC"),
        ],
    );
}

#[test]
fn hyperliquid_lighter_phemex_delta_and_others() {
    check(
        "hyperliquid",
        &[
            ("BTC", "perpetual", "PERP:BTC-USDC USDC"),
            ("kPEPE", "perpetual", "PERP:KPEPE-USDC USDC"),
            ("0G", "perpetual", "PERP:0G-USDC USDC"),
            ("xyz:TSLA", "perpetual", "PERP:XYZ_TSLA-USDC"),
            ("hyna:BTC", "perpetual", "PERP:HYNA_BTC-USDE"),
            ("PURR/USDC", "spot", "SPOT_PAIR:PURR-USDC"),
        ],
    );
    check("lighter", &[("ETH/USDC", "spot", "SPOT_PAIR:ETH-USDC")]);
    check(
        "phemex",
        &[
            ("BTCUSD", "perpetual", "PERP:BTC-USD BTC inverse"),
            ("uBTCUSD", "perpetual", "PERP:BTC-USD~U USD"),
            ("cETHUSD", "perpetual", "PERP:ETH-USD~C ETH inverse"),
            ("u1000SHIBUSD", "perpetual", "PERP:1000SHIB-USD~U USD"),
            ("ETHUSD", "perpetual", "PERP:ETH-USD USD"),
            ("UNIUSD", "perpetual", "PERP:UNI-USD USD"),
            ("CRVUSD", "perpetual", "PERP:CRV-USD USD"),
            ("BTCUSDT", "perpetual", "PERP:BTC-USDT USDT"),
            ("sBTCUSDT", "spot", "SPOT_PAIR:BTC-USDT"),
            ("sSOLUSDT", "spot", "SPOT_PAIR:SOL-USDT"),
        ],
    );
    check(
        "delta",
        &[
            ("BTCUSDT", "perpetual", "PERP:BTC-USDT USDT"),
            ("XTZBTC", "perpetual", "PERP:XTZ-BTC BTC"),
            ("DETO_USDT", "spot", "SPOT_PAIR:DETO-USDT"),
            ("C-ETH-1900-280423", "option", "OPTION:ETH-USD-230428-1900-CALL"),
            ("P-BTC-33000-210423", "option", "OPTION:BTC-USD-230421-33000-PUT"),
        ],
    );
    check(
        "bitflyer",
        &[
            ("BTC_JPY", "spot", "SPOT_PAIR:BTC-JPY"),
            ("FX_BTC_JPY", "perpetual", "PERP:BTC-JPY JPY"),
            ("BTCJPY30AUG2019", "future", "FUTURE:BTC-JPY-190830 JPY"),
        ],
    );
    check(
        "crypto-com",
        &[
            ("BTC_USDT", "spot", "SPOT_PAIR:BTC-USDT"),
            ("BTCUSD-PERP", "perpetual", "PERP:BTC-USD"),
            ("BTCUSD-210528", "future", "FUTURE:BTC-USD-210528"),
        ],
    );
    check(
        "woo-x",
        &[
            ("PERP_BTC_USDT", "perpetual", "PERP:BTC-USDT USDT"),
            ("SPOT_ATOM_USDT", "spot", "SPOT_PAIR:ATOM-USDT"),
        ],
    );
    check(
        "bullish",
        &[
            ("BTCUSDC", "spot", "SPOT_PAIR:BTC-USDC"),
            ("BTC-USDC-PERP", "perpetual", "PERP:BTC-USDC USDC"),
            ("BTC-USDC-20250926", "future", "FUTURE:BTC-USDC-250926 USDC"),
            ("BTC-USDC-20251226-100000-C", "option", "OPTION:BTC-USDC-251226-100000-CALL USDC"),
        ],
    );
    check(
        "bitnomial",
        &[("BUSH23", "future", "FUTURE:BUS-202303"), ("BUIM24", "future", "FUTURE:BUI-202406")],
    );
    check("polymarket", &[("4407662842648815", "prediction", "PREDICTION:4407662842648815")]);
}
