//! Names that other programs and exchanges have for what is named here.

/// A name without separators, in upper case, and what it is called here. Of ccxt's ids of exchanges
/// (<https://github.com/ccxt/ccxt/wiki/Exchange-Markets>) those that are not the vendor's without separators; of data and
/// instruments the usual words.
pub const KNOWN_AS: &[(&str, &str)] = &[
    ("BINANCEUSDM", "BINANCE-FUTURES"),
    ("BINANCECOINM", "BINANCE-DELIVERY"),
    ("BINANCEPERP", "BINANCE-FUTURES"),
    ("BINANCESWAP", "BINANCE-FUTURES"),
    ("BINANCESPOT", "BINANCE"),
    ("BINANCEOPTIONS", "BINANCE-EUROPEAN-OPTIONS"),
    ("KRAKENFUTURES", "CRYPTOFACILITIES"),
    ("HTX", "HUOBI"),
    ("GDAX", "COINBASE"),
    ("COINBASEPRO", "COINBASE"),
    ("COINBASEEXCHANGE", "COINBASE"),
    ("GATE", "GATE-IO"),
    ("WOO", "WOO-X"),
    ("OKXPERP", "OKX-SWAP"),
    ("OKXSPOT", "OKX"),
    ("BYBITPERP", "BYBIT"),
    ("BYBITLINEAR", "BYBIT"),
    ("BYBITINVERSE", "BYBIT"),
    ("TICKS", "trades"),
    ("AGGTRADES", "trades"),
    ("ORDERBOOK", "incremental_book_L2"),
    ("DEPTH", "incremental_book_L2"),
    ("BOOK", "incremental_book_L2"),
    ("BBO", "quotes"),
    ("TOPOFBOOK", "quotes"),
    ("FUNDING", "derivative_ticker"),
    ("FUNDINGRATE", "derivative_ticker"),
    ("OPENINTEREST", "derivative_ticker"),
    ("MARKPRICE", "derivative_ticker"),
    ("FORCEORDERS", "liquidations"),
    ("GREEKS", "options_chain"),
    ("OHLC", "candles"),
    ("OHLCV", "candles"),
    ("KLINES", "candles"),
    ("BARS", "candles"),
    ("SWAP", "PERP"),
    ("PERPETUALS", "PERP"),
    ("PERPETUALSWAP", "PERP"),
    ("SPOT", "SPOT_PAIR"),
    ("DELIVERY", "FUTURE"),
    ("SPREAD", "COMBO"),
    ("SYMBOLS", "instruments"),
    ("TICKERS", "instruments"),
];

/// What a name is called here; `plain`: without separators, in upper case.
pub(super) fn known_as(plain: &str) -> impl Iterator<Item = &'static str> {
    KNOWN_AS.iter().filter(move |(name, _)| *name == plain).map(|(_, called)| *called)
}
