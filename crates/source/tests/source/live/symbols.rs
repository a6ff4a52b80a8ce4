//! How each venue writes its symbols: in the vendor's list, on its socket, in its streams and in rows, and the key of all of them.

use mtdh_core::DataType::{self, DerivativeTicker, Trades};
use mtdh_core::symbol::Names;
use mtdh_source::live::feed::Frame;
use mtdh_source::live::venue::Want;
use mtdh_source::live::venues;
use mtdh_source::tardis::machine;

use super::play::{NOW, told};
use super::{Fed, ONE};

/// Exchange; the symbol in the vendor's list; on the socket; a stream of it; in rows of trades and of derivatives; the key.
const CASES: [[&str; 7]; 29] = [
    ["binance", "btcusdt", "BTCUSDT", "btcusdt@trade", "BTCUSDT", "BTCUSDT", "BINANCE:SPOT_PAIR:BTC-USDT"],
    [
        "binance-futures",
        "btcusdt",
        "BTCUSDT",
        "btcusdt@trade",
        "BTCUSDT",
        "BTCUSDT",
        "BINANCE-FUTURES:PERP:BTC-USDT",
    ],
    [
        "binance-futures",
        "btcusdt_270326",
        "BTCUSDT_270326",
        "btcusdt_270326@trade",
        "BTCUSDT_270326",
        "BTCUSDT_270326",
        "BINANCE-FUTURES:FUTURE:BTC-USDT-270326",
    ],
    [
        "binance-delivery",
        "btcusd_perp",
        "BTCUSD_PERP",
        "btcusd_perp@trade",
        "BTCUSD_PERP",
        "BTCUSD_PERP",
        "BINANCE-DELIVERY:PERP:BTC-USD",
    ],
    [
        "deribit",
        "BTC-PERPETUAL",
        "BTC-PERPETUAL",
        "trades.BTC-PERPETUAL.100ms",
        "BTC-PERPETUAL",
        "BTC-PERPETUAL",
        "DERIBIT:PERP:BTC-USD",
    ],
    [
        "deribit",
        "BTC-26MAR27-100000-C",
        "BTC-26MAR27-100000-C",
        "trades.BTC-26MAR27-100000-C.100ms",
        "BTC-26MAR27-100000-C",
        "BTC-26MAR27-100000-C",
        "DERIBIT:OPTION:BTC-USD-270326-100000-CALL",
    ],
    [
        "deribit",
        "XRP_USDC-26MAR27-1d02-C",
        "XRP_USDC-26MAR27-1d02-C",
        "trades.XRP_USDC-26MAR27-1d02-C.100ms",
        "XRP_USDC-26MAR27-1D02-C",
        "XRP_USDC-26MAR27-1d02-C",
        "",
    ],
    [
        "deribit",
        "XRP_USDC-26DEC27-1D02-C",
        "XRP_USDC-26DEC27-1d02-C",
        "trades.XRP_USDC-26DEC27-1d02-C.100ms",
        "XRP_USDC-26DEC27-1D02-C",
        "XRP_USDC-26DEC27-1d02-C",
        "",
    ],
    [
        "deribit",
        "BTC-CS-28DEC26-72000_76000",
        "BTC-CS-28DEC26-72000_76000",
        "trades.BTC-CS-28DEC26-72000_76000.100ms",
        "BTC-CS-28DEC26-72000_76000",
        "BTC-CS-28DEC26-72000_76000",
        "",
    ],
    [
        "deribit",
        "BTC-FS-26MAR27_PERP",
        "BTC-FS-26MAR27_PERP",
        "trades.BTC-FS-26MAR27_PERP.100ms",
        "BTC-FS-26MAR27_PERP",
        "BTC-FS-26MAR27_PERP",
        "",
    ],
    ["bybit", "BTCUSDT", "BTCUSDT", "publicTrade.BTCUSDT", "BTCUSDT", "BTCUSDT", "BYBIT:PERP:BTC-USDT"],
    [
        "bybit-spot",
        "BTCUSDT",
        "BTCUSDT",
        "publicTrade.BTCUSDT",
        "BTCUSDT",
        "BTCUSDT",
        "BYBIT-SPOT:SPOT_PAIR:BTC-USDT",
    ],
    [
        "bybit-options",
        "BTC-26MAR27-100000-C-USDT",
        "BTC-26MAR27-100000-C-USDT",
        "publicTrade.BTC",
        "BTC-26MAR27-100000-C-USDT",
        "BTC-26MAR27-100000-C-USDT",
        "",
    ],
    ["okex", "BTC-USDT", "BTC-USDT", "trades-all:BTC-USDT", "BTC-USDT", "BTC-USDT", "OKX:SPOT_PAIR:BTC-USDT"],
    [
        "okex-futures",
        "BTC-USD-270326",
        "BTC-USD-270326",
        "trades-all:BTC-USD-270326",
        "BTC-USD-270326",
        "BTC-USD-270326",
        "OKX-FUTURES:FUTURE:BTC-USD-270326",
    ],
    [
        "okex-swap",
        "BTC-USDT-SWAP",
        "BTC-USDT-SWAP",
        "trades-all:BTC-USDT-SWAP",
        "BTC-USDT-SWAP",
        "BTC-USDT-SWAP",
        "OKX-SWAP:PERP:BTC-USDT",
    ],
    [
        "okex-options",
        "BTC-USD-270326-100000-C",
        "BTC-USD-270326-100000-C",
        "trades-all:BTC-USD-270326-100000-C",
        "BTC-USD-270326-100000-C",
        "BTC-USD-270326-100000-C",
        "OKX-OPTIONS:OPTION:BTC-USD-270326-100000-CALL",
    ],
    ["upbit", "KRW-BTC", "KRW-BTC", "trade:KRW-BTC", "KRW-BTC", "KRW-BTC", "UPBIT:SPOT_PAIR:BTC-KRW"],
    ["coinbase", "BTC-USD", "BTC-USD", "matches:BTC-USD", "BTC-USD", "BTC-USD", "COINBASE:SPOT_PAIR:BTC-USD"],
    ["kraken", "XBT/USD", "BTC/USD", "trade:BTC/USD", "BTC/USD", "BTC/USD", "KRAKEN:SPOT_PAIR:BTC-USD"],
    ["kraken", "BTC/USD", "BTC/USD", "trade:BTC/USD", "BTC/USD", "BTC/USD", "KRAKEN:SPOT_PAIR:BTC-USD"],
    ["kraken", "XBT-USD", "BTC/USD", "trade:BTC/USD", "BTC/USD", "BTC/USD", "KRAKEN:SPOT_PAIR:BTC-USD"],
    ["kraken", "ETH/XBT", "ETH/BTC", "trade:ETH/BTC", "ETH/BTC", "ETH/BTC", "KRAKEN:SPOT_PAIR:ETH-BTC"],
    ["kraken", "XDG/USD", "DOGE/USD", "trade:DOGE/USD", "DOGE/USD", "DOGE/USD", "KRAKEN:SPOT_PAIR:DOGE-USD"],
    ["kraken", "AAPLx/USD", "AAPLx/USD", "trade:AAPLx/USD", "AAPLx/USD", "AAPLx/USD", ""],
    ["bitmex", "XBTUSD", "XBTUSD", "trade:XBTUSD", "XBTUSD", "XBTUSD", "BITMEX:PERP:BTC-USD"],
    ["bitmex", "XBT_USDT", "XBT_USDT", "trade:XBT_USDT", "XBT_USDT", "XBT_USDT", ""],
    ["hyperliquid", "BTC", "BTC", "trades:BTC", "BTC", "BTC", "HYPERLIQUID:PERP:BTC-USDC"],
    ["hyperliquid", "kPEPE", "kPEPE", "trades:kPEPE", "KPEPE", "KPEPE", ""],
];

#[test]
fn a_symbol_of_the_list_becomes_the_sockets_and_rows_have_its_key() {
    for [exchange, listed, socket, stream, row, derivative, key] in CASES {
        let (venue, names) = (venues::find(exchange).unwrap(), Names::new(exchange));
        let spelling = venue.spelling();
        assert_eq!((spelling.socket)(listed), socket, "{exchange}");
        assert_eq!((spelling.socket)(socket), socket, "{exchange}: the socket's own stays");
        assert_eq!(venue.not_its_form(socket), None, "{exchange}");
        let types: Vec<DataType> = vec![Trades];
        let want = Want { symbols: vec![socket.to_owned()], data_types: types, is_recorded: false };
        assert_eq!(venue.plan(&want)[0].streams[0], stream, "{exchange}");
        assert_eq!((spelling.row)(socket, Trades), row, "{exchange}");
        assert_eq!((spelling.row)(socket, DerivativeTicker), derivative, "{exchange}");
        assert!(spelling.rows(socket).contains(&row.to_owned()), "{exchange}");
        let of_list = names.name_by_form(listed, None).key;
        for form in spelling.rows(socket) {
            assert_eq!(names.name_by_form(&form, None).key, of_list, "{exchange}: back from {form}");
        }
        if !key.is_empty() {
            assert_eq!(of_list.to_string(), key, "{exchange} {listed}");
        }
    }
}

#[test]
fn no_venue_is_without_a_case_and_each_has_its_own_limits() {
    for venue in venues::all() {
        assert!(CASES.iter().any(|case| case[0] == venue.exchange()), "{}", venue.exchange());
        assert!(venue.limits().exchanges.contains(&venue.exchange()), "{}", venue.exchange());
    }
}

/// By way of a tardis-machine messages have the symbols of rows, not those of the exchange's own socket.
#[test]
fn what_a_tardis_machine_sends_is_of_the_symbols_that_were_asked_for() {
    let want = Want { symbols: vec!["kPEPE".to_owned()], data_types: vec![Trades], is_recorded: false };
    let mut fed = Fed::new(machine::find("hyperliquid").unwrap(), &want);
    fed.feed.opened(ONE, NOW, &mut fed.out);
    let text = r#"{"type":"trade","symbol":"KPEPE","exchange":"hyperliquid","id":"7","price":0.02,"amount":5,"side":"buy","timestamp":"2026-09-01T00:00:00.000Z","localTimestamp":"2026-09-01T00:00:00.001Z"}"#;
    fed.feed.message(ONE, Frame::Data(text.as_bytes()), NOW, &mut fed.out);
    assert_eq!(told(&mut fed, "hyperliquid"), ["trade KPEPE 7 buy 0.02 5"]);
}
