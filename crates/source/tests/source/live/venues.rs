//! Dialogues with Upbit, Coinbase, Kraken, BitMEX and Hyperliquid: acknowledgements, refusals, losses, resets.

use mtdh_core::DataType::{BookTicker, DerivativeTicker, IncrementalBookL2, Liquidations, Trades};

use super::play::Step::{Close, Open, Say, Tick};
use super::play::{NOW, SECOND, play};

#[test]
fn upbit_asks_for_all_at_once_and_without_a_bad_code_again() {
    play(
        "codes",
        "upbit",
        &["KRW-BTC", "KRW-NO"],
        &[Trades, IncrementalBookL2],
        &[
            (
                NOW,
                Open(0),
                &[
                    r#"0> [{"ticket":"mtdh-1"},{"type":"trade","codes":["KRW-BTC","KRW-NO"],"isOnlyRealtime":true},{"type":"orderbook","codes":["KRW-BTC","KRW-NO"],"isOnlyRealtime":true},{"format":"DEFAULT"}]"#,
                ],
            ),
            (
                NOW + 1,
                Say(r#"{"error":{"name":"INVALID_PARAM","message":"no such code: KRW-NO"}}"#),
                &[
                    r#"0> [{"ticket":"mtdh-2"},{"type":"trade","codes":["KRW-BTC"],"isOnlyRealtime":true},{"type":"orderbook","codes":["KRW-BTC"],"isOnlyRealtime":true},{"format":"DEFAULT"}]"#,
                    "refused trade:KRW-NO: INVALID_PARAM: no such code: KRW-NO",
                    "refused orderbook:KRW-NO: INVALID_PARAM: no such code: KRW-NO",
                ],
            ),
            (
                NOW + 2,
                Say(
                    r#"{"type":"trade","code":"KRW-BTC","timestamp":1788220800100,"trade_timestamp":1788220800000,"trade_price":58.4,"trade_volume":836.12040133,"ask_bid":"BID","sequential_id":17882208000000123,"stream_type":"REALTIME"}"#,
                ),
                &["trade KRW-BTC 17882208000000123 buy 58.4 836.12040133"],
            ),
            // The short keys, with a time in microseconds; a price of zero is no level.
            (
                NOW + 3,
                Say(
                    r#"{"ty":"orderbook","cd":"KRW-BTC","tms":1788220800100123,"obu":[{"ap":101.0,"bp":100.0,"as":1.5,"bs":2.5},{"ap":0,"bp":99.0,"as":0,"bs":1}],"st":"SNAPSHOT"}"#,
                ),
                &["book KRW-BTC bids 100.0@2.5,99.0@1.0 asks 101.0@1.5"],
            ),
            (NOW + 4, Say(r#"{"status":"UP"}"#), &[]),
            // Words that name no code: less is asked for, until it is found.
            (
                NOW + 5,
                Say(r#"{"error":{"name":"WRONG_FORMAT"}}"#),
                &[
                    r#"0> [{"ticket":"mtdh-3"},{"type":"trade","codes":["KRW-BTC"],"isOnlyRealtime":true},{"format":"DEFAULT"}]"#,
                    "gap refused KRW-BTC open suspected",
                    "gap refused KRW-BTC open suspected",
                ],
            ),
        ],
    );
}

#[test]
fn coinbase_counts_trades_and_finds_the_product_that_failed() {
    let subscribe = |products: &str| {
        format!(
            r#"0> {{"type":"subscribe","channels":[{{"name":"matches","product_ids":[{products}]}},{{"name":"heartbeat","product_ids":[{products}]}}]}}"#
        )
    };
    let (both, one) = (subscribe(r#""BTC-USD","NO-USD""#), subscribe(r#""BTC-USD""#));
    play(
        "trades",
        "coinbase",
        &["BTC-USD", "NO-USD"],
        &[Trades],
        &[
            (NOW, Open(0), &[both.as_str()]),
            (
                NOW + 1,
                Say(
                    r#"{"type":"error","message":"Failed to subscribe","reason":"NO-USD is not a valid product"}"#,
                ),
                &[
                    one.as_str(),
                    "refused matches:NO-USD: Failed to subscribe: NO-USD is not a valid product",
                    "refused heartbeat:NO-USD: Failed to subscribe: NO-USD is not a valid product",
                ],
            ),
            (
                NOW + 2,
                Say(
                    r#"{"type":"subscriptions","channels":[{"name":"matches","product_ids":["BTC-USD"]},{"name":"heartbeat","product_ids":["BTC-USD"]}]}"#,
                ),
                &["accepted"],
            ),
            (
                NOW + 3,
                Say(
                    r#"{"type":"last_match","trade_id":9,"side":"buy","size":"1","price":"5","product_id":"BTC-USD","time":"2026-09-01T00:00:00.000001Z"}"#,
                ),
                &[],
            ),
            (
                NOW + 4,
                Say(
                    r#"{"type":"match","trade_id":10,"side":"buy","size":"1","price":"5","product_id":"BTC-USD","sequence":1,"time":"2026-09-01T00:00:00.000002Z"}"#,
                ),
                &["trade BTC-USD 10 sell 5 1"],
            ),
            (
                NOW + 5,
                Say(
                    r#"{"type":"heartbeat","sequence":90,"last_trade_id":10,"product_id":"BTC-USD","time":"2026-09-01T00:00:01.000000Z"}"#,
                ),
                &[],
            ),
            // The heartbeat names trades that may be on their way, and one that is.
            (
                NOW + 6,
                Say(
                    r#"{"type":"heartbeat","sequence":95,"last_trade_id":13,"product_id":"BTC-USD","time":"2026-09-01T00:00:02.000000Z"}"#,
                ),
                &[],
            ),
            (
                NOW + 6,
                Say(
                    r#"{"type":"match","trade_id":13,"side":"buy","size":"1","price":"5","product_id":"BTC-USD","sequence":1,"time":"2026-09-01T00:00:00.000002Z"}"#,
                ),
                &["trade BTC-USD 13 sell 5 1", "gap sequence BTC-USD closed proven 2 missing"],
            ),
            (
                NOW + 6,
                Say(
                    r#"{"type":"heartbeat","sequence":95,"last_trade_id":14,"product_id":"BTC-USD","time":"2026-09-01T00:00:03.000000Z"}"#,
                ),
                &[],
            ),
            // Told again, it never came.
            (
                NOW + 6,
                Say(
                    r#"{"type":"heartbeat","sequence":95,"last_trade_id":14,"product_id":"BTC-USD","time":"2026-09-01T00:00:04.000000Z"}"#,
                ),
                &["gap sequence BTC-USD closed proven 1 missing"],
            ),
            (NOW + 7, Say(r#"{"type":"brand_new","x":1}"#), &[]),
        ],
    );
}

#[test]
fn coinbase_books_have_odd_times_and_amounts() {
    play(
        "books",
        "coinbase",
        &["BTC-USD"],
        &[IncrementalBookL2],
        &[
            (
                NOW,
                Open(0),
                &[
                    r#"0> {"type":"subscribe","channels":[{"name":"level2_batch","product_ids":["BTC-USD"]}]}"#,
                ],
            ),
            (
                NOW + 1,
                Say(
                    r#"{"type":"l2update","product_id":"BTC-USD","time":"2026-09-01T00:00:00.000002Z","changes":[["sell","1","1"]]}"#,
                ),
                &[],
            ),
            (
                NOW + 2,
                Say(
                    r#"{"type":"snapshot","product_id":"BTC-USD","bids":[["100","1"],["99","-3"]],"asks":[["101","2"],["102","NaN"]]}"#,
                ),
                &["book BTC-USD bids 100.0@1.0 asks 101.0@2.0"],
            ),
            (
                NOW + 3,
                Say(
                    r#"{"type":"l2update","product_id":"BTC-USD","time":"0001-01-01T00:00:00.000000Z","changes":[["sell","101","0"],["buy","100","4"]]}"#,
                ),
                &["change BTC-USD bids 100.0@4.0 asks 101.0@0.0"],
            ),
            (NOW + 4, Close(0), &["gap disconnect all open suspected"]),
            (
                NOW + 5,
                Open(0),
                &[
                    r#"0> {"type":"subscribe","channels":[{"name":"level2_batch","product_ids":["BTC-USD"]}]}"#,
                ],
            ),
            // Of the new connection, before its snapshot.
            (
                NOW + 6,
                Say(
                    r#"{"type":"l2update","product_id":"BTC-USD","time":"2026-09-01T00:00:00.000002Z","changes":[["sell","103","1"]]}"#,
                ),
                &["gap disconnect all closed suspected"],
            ),
            // No snapshot in ten seconds: once more.
            (
                NOW + 11 * SECOND,
                Tick,
                &[
                    r#"0> {"type":"unsubscribe","channels":[{"name":"level2_batch","product_ids":["BTC-USD"]}]}"#,
                    r#"0> {"type":"subscribe","channels":[{"name":"level2_batch","product_ids":["BTC-USD"]}]}"#,
                ],
            ),
        ],
    );
}

#[test]
fn kraken_refuses_per_symbol_and_renews_a_book_whose_sum_is_wrong() {
    let book = |kind: &str, bids: &str, asks: &str, sum: u32| {
        format!(
            r#"{{"channel":"book","type":"{kind}","data":[{{"symbol":"BTC/USD","bids":[{bids}],"asks":[{asks}],"checksum":{sum},"timestamp":"2026-09-01T00:00:00.000001Z"}}]}}"#
        )
    };
    let (bid, ask) = (r#"{"price":100.00,"qty":0.50010000}"#, r#"{"price":101.50,"qty":2.00000000}"#);
    let whole = book("snapshot", bid, ask, crc32fast::hash(b"101502000000001000050010000"));
    let gone = book("update", r#"{"price":100.00,"qty":0.00000000}"#, "", crc32fast::hash(b"10150200000000"));
    let wrong = book("update", r#"{"price":99.00,"qty":1.00000000}"#, "", 1);
    let subscribe = r#"0> {"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD","NO/USD"],"depth":1000},"req_id":1}"#;
    play(
        "books",
        "kraken",
        &["BTC/USD", "NO/USD"],
        &[IncrementalBookL2],
        &[
            (NOW, Open(0), &[subscribe]),
            (
                NOW + 1,
                Say(
                    r#"{"channel":"status","data":[{"api_version":"v2","system":"online"}],"type":"update"}"#,
                ),
                &[],
            ),
            (
                NOW + 2,
                Say(
                    r#"{"method":"subscribe","result":{"channel":"book","symbol":"BTC/USD","depth":1000,"snapshot":true},"success":true,"time_in":"","time_out":"","req_id":1}"#,
                ),
                &["accepted"],
            ),
            (
                NOW + 3,
                Say(
                    r#"{"error":"Currency pair not supported NO/USD","method":"subscribe","success":false,"symbol":"NO/USD","req_id":1}"#,
                ),
                &["refused book:NO/USD: Currency pair not supported NO/USD"],
            ),
            (NOW + 4, Say(&whole), &["book BTC/USD bids 100.0@0.5001 asks 101.5@2.0"]),
            (NOW + 5, Say(&gone), &["change BTC/USD bids 100.0@0.0 asks "]),
            (NOW + 6, Say(&wrong), &["gap checksum BTC/USD open proven"]),
            (NOW + 7, Say(&gone), &[]),
            (NOW + 8, Say(r#"{"channel":"heartbeat"}"#), &[]),
            (
                NOW + 2 * SECOND,
                Tick,
                &[
                    r#"0> {"method":"unsubscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":1000},"req_id":2}"#,
                    r#"0> {"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":1000},"req_id":3}"#,
                ],
            ),
            (
                NOW + 3 * SECOND,
                Say(&whole),
                &["book BTC/USD bids 100.0@0.5001 asks 101.5@2.0", "gap checksum BTC/USD closed proven"],
            ),
            (NOW + 4 * SECOND, Say(r#"{"Error":"Exceeded msg rate"}"#), &["reconnect: Exceeded msg rate"]),
        ],
    );
}

#[test]
fn kraken_trades_before_the_subscription_are_none_and_requests_are_of_one_channel() {
    play(
        "trades",
        "kraken",
        &["BTC/USD"],
        &[Trades, BookTicker],
        &[
            (
                NOW,
                Open(0),
                &[
                    r#"0> {"method":"subscribe","params":{"channel":"ticker","symbol":["BTC/USD"],"event_trigger":"bbo"},"req_id":1}"#,
                    r#"0> {"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD"],"snapshot":false},"req_id":2}"#,
                ],
            ),
            (
                NOW + 1,
                Say(
                    r#"{"channel":"trade","type":"snapshot","data":[{"symbol":"BTC/USD","side":"buy","price":1.0,"qty":1.0,"ord_type":"limit","trade_id":1,"timestamp":"2026-09-01T00:00:00.000001Z"}]}"#,
                ),
                &[],
            ),
            (
                NOW + 2,
                Say(
                    r#"{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"sell","price":1.5,"qty":2.0,"ord_type":"limit","trade_id":4,"timestamp":"2026-09-01T00:00:00.000001Z"},{"symbol":"BTC/USD","side":"sell","price":1.5,"qty":2.0,"ord_type":"limit","trade_id":6,"timestamp":"2026-09-01T00:00:00.000001Z"}]}"#,
                ),
                &[
                    "trade BTC/USD 4 sell 1.5 2",
                    "trade BTC/USD 6 sell 1.5 2",
                    "gap sequence BTC/USD closed suspected 1 missing",
                ],
            ),
            (
                NOW + 3,
                Say(
                    r#"{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":1.4,"bid_qty":3.0,"ask":0,"ask_qty":0,"last":1,"timestamp":"2026-09-01T00:00:00.000001Z"}]}"#,
                ),
                &["quote BTC/USD 1.4 3 - -"],
            ),
            (NOW + 21 * SECOND, Tick, &[r#"0> {"method":"ping"}"#]),
            (NOW + 21 * SECOND, Say(r#"{"method":"pong","time_in":"","time_out":""}"#), &[]),
        ],
    );
}

#[test]
fn bitmex_levels_have_ids_and_a_partial_comes_first() {
    let subscribe = r#"0> {"op":"subscribe","args":["orderBookL2:XBTUSD","trade:XBTUSD","orderBookL2:NOUSD","trade:NOUSD"]}"#;
    play(
        "books",
        "bitmex",
        &["XBTUSD", "NOUSD"],
        &[IncrementalBookL2, Trades],
        &[
            (NOW, Open(0), &[subscribe]),
            (
                NOW + 1,
                Say(
                    r#"{"info":"Welcome to the BitMEX Realtime API.","version":"2","timestamp":"2026-09-01T00:00:00.000Z","docs":"x","heartbeatEnabled":false,"limit":{}}"#,
                ),
                &[],
            ),
            (
                NOW + 2,
                Say(
                    r#"{"success":true,"subscribe":"trade:XBTUSD","request":{"op":"subscribe","args":["trade:XBTUSD"]}}"#,
                ),
                &["accepted"],
            ),
            (
                NOW + 3,
                Say(
                    r#"{"status":400,"error":"Unknown or expired symbol.","meta":{},"request":{"op":"subscribe","args":["trade:NOUSD"]}}"#,
                ),
                &["refused trade:NOUSD: Unknown or expired symbol."],
            ),
            (
                NOW + 4,
                Say(
                    r#"{"table":"orderBookL2","action":"update","data":[{"symbol":"XBTUSD","id":17999992000,"side":"Sell","size":5}]}"#,
                ),
                &[],
            ),
            (
                NOW + 5,
                Say(
                    r#"{"table":"trade","action":"partial","data":[{"timestamp":"2026-09-01T00:00:00.000Z","symbol":"XBTUSD","side":"Buy","size":1,"price":80,"trdMatchID":"old"}],"filter":{"symbol":"XBTUSD"}}"#,
                ),
                &[],
            ),
            (
                NOW + 6,
                Say(
                    r#"{"table":"orderBookL2","action":"partial","filter":{"symbol":"XBTUSD"},"data":[{"symbol":"XBTUSD","id":17999992000,"side":"Sell","size":5,"price":80.5,"timestamp":"2026-09-01T00:00:00.000Z"},{"symbol":"XBTUSD","id":17999992500,"side":"Buy","size":7,"price":80,"timestamp":"2026-09-01T00:00:00.001Z"}]}"#,
                ),
                &["book XBTUSD bids 80.0@7.0 asks 80.5@5.0"],
            ),
            (
                NOW + 7,
                Say(
                    r#"{"table":"orderBookL2","action":"update","data":[{"symbol":"XBTUSD","id":17999992000,"side":"Sell","size":6},{"symbol":"XBTUSD","id":1,"side":"Sell","size":6}]}"#,
                ),
                &["change XBTUSD bids  asks 80.5@6.0"],
            ),
            (
                NOW + 8,
                Say(
                    r#"{"table":"orderBookL2","action":"delete","data":[{"symbol":"XBTUSD","id":17999992000,"side":"Sell"}]}"#,
                ),
                &["change XBTUSD bids  asks 80.5@0.0"],
            ),
            (
                NOW + 9,
                Say(
                    r#"{"table":"orderBookL2","action":"update","data":[{"symbol":"XBTUSD","id":17999992000,"side":"Sell","size":6}]}"#,
                ),
                &[],
            ),
            (
                NOW + 10,
                Say(
                    r#"{"table":"trade","action":"insert","data":[{"timestamp":"2026-09-01T00:00:00.002Z","symbol":"XBTUSD","size":1,"price":80.5,"trdMatchID":"9863668e-1"}]}"#,
                ),
                &["trade XBTUSD 9863668e-1 unknown 80.5 1"],
            ),
            (NOW + 6 * SECOND, Tick, &["0> ping"]),
            (NOW + 6 * SECOND, Say("pong"), &[]),
        ],
    );
}

#[test]
fn bitmex_derivatives_gather_and_liquidations_have_orders() {
    play(
        "tickers",
        "bitmex",
        &["XBTUSD"],
        &[DerivativeTicker, Liquidations],
        &[
            (NOW, Open(0), &[r#"0> {"op":"subscribe","args":["instrument:XBTUSD","liquidation:XBTUSD"]}"#]),
            (
                NOW + 1,
                Say(
                    r#"{"table":"instrument","action":"update","data":[{"symbol":"XBTUSD","openInterest":4}]}"#,
                ),
                &[],
            ),
            (
                NOW + 2,
                Say(
                    r#"{"table":"instrument","action":"partial","data":[{"symbol":"XBTUSD","state":"Open","fundingRate":0.0001,"fundingTimestamp":"2026-09-01T04:00:00.000Z","indicativeSettlePrice":80.1,"markPrice":80.2,"lastPrice":80.3,"openInterest":5,"timestamp":"2026-09-01T00:00:00.000Z"}]}"#,
                ),
                &["ticker XBTUSD 0.0001 5 80.3 80.1 80.2"],
            ),
            (
                NOW + 3,
                Say(
                    r#"{"table":"instrument","action":"update","data":[{"symbol":"XBTUSD","openInterest":6,"timestamp":"2026-09-01T00:00:01.000Z"}]}"#,
                ),
                &["ticker XBTUSD 0.0001 6 80.3 80.1 80.2"],
            ),
            (
                NOW + 4,
                Say(
                    r#"{"table":"instrument","action":"update","data":[{"symbol":"XBTUSD","bidPrice":6,"timestamp":"2026-09-01T00:00:02.000Z"}]}"#,
                ),
                &[],
            ),
            (
                NOW + 5,
                Say(
                    r#"{"table":"liquidation","action":"insert","data":[{"orderID":"dd9c","symbol":"XBTUSD","side":"Buy","price":90,"leavesQty":9}]}"#,
                ),
                &["liquidation XBTUSD dd9c buy 90 9"],
            ),
            (
                NOW + 6,
                Say(
                    r#"{"table":"liquidation","action":"delete","data":[{"orderID":"dd9c","symbol":"XBTUSD"}]}"#,
                ),
                &[],
            ),
        ],
    );
}

#[test]
fn hyperliquid_keeps_what_is_new_of_a_first_message() {
    let subscribe = |kind: &str, coin: &str| {
        let fast = if kind == "l2Book" { r#","fast":true"# } else { "" };
        format!(r#"0> {{"method":"subscribe","subscription":{{"type":"{kind}","coin":"{coin}"{fast}}}}}"#)
    };
    let (trades, book, other, other_book) = (
        subscribe("trades", "kPEPE"),
        subscribe("l2Book", "kPEPE"),
        subscribe("trades", "NO"),
        subscribe("l2Book", "NO"),
    );
    let all = [trades.as_str(), book.as_str(), other.as_str(), other_book.as_str()];
    // One of them was refused.
    let again = [trades.as_str(), book.as_str(), other_book.as_str()];
    play(
        "trades",
        "hyperliquid",
        &["kPEPE", "NO"],
        &[Trades, IncrementalBookL2],
        &[
            (NOW, Open(0), &all),
            (NOW, Say("Websocket connection established."), &[]),
            (
                NOW + 1,
                Say(
                    r#"{"channel":"subscriptionResponse","data":{"method":"subscribe","subscription":{"type":"trades","coin":"kPEPE"}}}"#,
                ),
                &["accepted"],
            ),
            (
                NOW + 2,
                Say(
                    r#"{"channel":"error","data":"Invalid subscription {\"type\":\"trades\",\"coin\":\"NO\"}"}"#,
                ),
                &[r#"refused trades:NO: Invalid subscription {"type":"trades","coin":"NO"}"#],
            ),
            (
                NOW + 3,
                Say(
                    r#"{"channel":"trades","data":[{"coin":"kPEPE","side":"A","px":"1.9","sz":"10","time":1788220799000,"hash":"0x","tid":611279506717453},{"coin":"kPEPE","side":"B","px":"2","sz":"11","time":1788220800001,"hash":"0x","tid":5}]}"#,
                ),
                &["trade KPEPE 5 buy 2 11"],
            ),
            (
                NOW + 4,
                Say(
                    r#"{"channel":"trades","data":[{"coin":"kPEPE","side":"B","px":"2","sz":"12","time":1788220800001,"hash":"0x","tid":6}]}"#,
                ),
                &["trade KPEPE 6 buy 2 12"],
            ),
            (
                NOW + 5,
                Say(
                    r#"{"channel":"l2Book","data":{"coin":"kPEPE","time":1788220800002,"fast":true,"levels":[[{"px":"1.9","sz":"3","n":1}],[{"px":"2","sz":"4","n":2}]]}}"#,
                ),
                &["book KPEPE bids 1.9@3.0 asks 2.0@4.0"],
            ),
            // The slow book beside the fast one.
            (
                NOW + 6,
                Say(
                    r#"{"channel":"l2Book","data":{"coin":"kPEPE","time":1788220800002,"levels":[[{"px":"1.9","sz":"3","n":1}],[]]}}"#,
                ),
                &[],
            ),
            (NOW + 7, Close(0), &["gap disconnect all open suspected"]),
            (NOW + SECOND, Open(0), &again),
            (
                NOW + 2 * SECOND,
                Say(
                    r#"{"channel":"trades","data":[{"coin":"kPEPE","side":"B","px":"2","sz":"12","time":1788220800001,"hash":"0x","tid":6},{"coin":"kPEPE","side":"A","px":"2","sz":"13","time":1788220800500,"hash":"0x","tid":7}]}"#,
                ),
                &["trade KPEPE 7 sell 2 13", "gap disconnect all closed suspected"],
            ),
            // The books were not acknowledged, and nothing came.
            (NOW + 21 * SECOND, Tick, &[r#"0> {"method":"ping"}"#, book.as_str(), other_book.as_str()]),
            (NOW + 21 * SECOND, Say(r#"{"channel":"pong"}"#), &[]),
        ],
    );
}
