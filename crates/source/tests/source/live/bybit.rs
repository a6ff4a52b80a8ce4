//! Dialogues with Bybit.

use mtdh_core::DataType::{BookTicker, DerivativeTicker, IncrementalBookL2, Liquidations, Trades};

use super::play::Step::{Close, Open, Say, Tick};
use super::play::{NOW, SECOND, play};

#[test]
fn bybit_books_begin_anew_with_a_snapshot_and_one_bad_topic_is_refused_alone() {
    play(
        "books",
        "bybit",
        &["BTCUSDT", "NOUSDT"],
        &[IncrementalBookL2],
        &[
            (
                NOW,
                Open(0),
                &[
                    r#"0> {"op":"subscribe","args":["orderbook.50.BTCUSDT","orderbook.50.NOUSDT"],"req_id":"1"}"#,
                ],
            ),
            (
                NOW + 1,
                Say(
                    r#"{"success":false,"ret_msg":"error:handler not found,topic:orderbook.50.NOUSDT","conn_id":"c","req_id":"1","op":"subscribe"}"#,
                ),
                &[
                    r#"0> {"op":"subscribe","args":["orderbook.50.BTCUSDT"],"req_id":"2"}"#,
                    r#"0> {"op":"subscribe","args":["orderbook.50.NOUSDT"],"req_id":"3"}"#,
                ],
            ),
            (
                NOW + 2,
                Say(r#"{"success":true,"ret_msg":"subscribe","conn_id":"c","req_id":"2","op":"subscribe"}"#),
                &["accepted"],
            ),
            (
                NOW + 3,
                Say(
                    r#"{"success":false,"ret_msg":"error:handler not found","conn_id":"c","req_id":"3","op":"subscribe"}"#,
                ),
                &["refused orderbook.50.NOUSDT: error:handler not found"],
            ),
            (
                NOW + 4,
                Say(
                    r#"{"topic":"orderbook.50.BTCUSDT","type":"delta","ts":1788220800000,"data":{"s":"BTCUSDT","b":[["1","1"]],"a":[],"u":9,"seq":1}}"#,
                ),
                &[],
            ),
            (
                NOW + 5,
                Say(
                    r#"{"topic":"orderbook.50.BTCUSDT","ts":1788220800001,"type":"snapshot","data":{"s":"BTCUSDT","b":[["100","1"]],"a":[["101","2"]],"u":10,"seq":5},"cts":1788220800000}"#,
                ),
                &["book BTCUSDT bids 100.0@1.0 asks 101.0@2.0"],
            ),
            (
                NOW + 6,
                Say(
                    r#"{"topic":"orderbook.50.BTCUSDT","type":"delta","ts":1788220800002,"data":{"s":"BTCUSDT","b":[["100","0"]],"a":[],"u":11,"seq":9}}"#,
                ),
                &["change BTCUSDT bids 100.0@0.0 asks "],
            ),
            (
                NOW + 7,
                Say(
                    r#"{"topic":"orderbook.50.BTCUSDT","type":"delta","ts":1788220800003,"data":{"s":"BTCUSDT","b":[["99","1"]],"a":[],"u":14,"seq":12}}"#,
                ),
                &["gap sequence BTCUSDT open suspected 2 missing"],
            ),
            (
                NOW + 2 * SECOND,
                Tick,
                &[
                    r#"0> {"op":"unsubscribe","args":["orderbook.50.BTCUSDT"],"req_id":"4"}"#,
                    r#"0> {"op":"subscribe","args":["orderbook.50.BTCUSDT"],"req_id":"5"}"#,
                ],
            ),
            (
                NOW + 2 * SECOND + 1,
                Say(r#"{"success":true,"ret_msg":"unsubscribe","req_id":"4","op":"unsubscribe"}"#),
                &[],
            ),
            // A restart of the service: `u` is 1, and the message is a whole book whatever its type.
            (
                NOW + 3 * SECOND,
                Say(
                    r#"{"topic":"orderbook.50.BTCUSDT","type":"delta","ts":1788220803000,"data":{"s":"BTCUSDT","b":[["98","1"]],"a":[["99","2"]],"u":1,"seq":13}}"#,
                ),
                &[
                    "book BTCUSDT bids 98.0@1.0 asks 99.0@2.0",
                    "gap sequence BTCUSDT closed suspected 2 missing",
                ],
            ),
            (NOW + 21 * SECOND, Tick, &[r#"0> {"op":"ping"}"#]),
            (
                NOW + 21 * SECOND + 1,
                Say(r#"{"success":true,"ret_msg":"pong","conn_id":"c","req_id":"","op":"ping"}"#),
                &[],
            ),
        ],
    );
}

#[test]
fn bybit_quotes_keep_the_side_that_a_message_leaves_out_and_liquidations_turn() {
    play(
        "quotes",
        "bybit",
        &["BTCUSD"],
        &[BookTicker, Liquidations, DerivativeTicker],
        &[
            (
                NOW,
                Open(0),
                &[
                    r#"0> {"op":"subscribe","args":["orderbook.1.BTCUSD","allLiquidation.BTCUSD","tickers.BTCUSD"],"req_id":"1"}"#,
                ],
            ),
            (
                NOW + 1,
                Say(
                    r#"{"topic":"orderbook.1.BTCUSD","type":"delta","ts":1,"data":{"s":"BTCUSD","b":[["1","1"]],"a":[],"u":9,"seq":1}}"#,
                ),
                &[],
            ),
            (
                NOW + 2,
                Say(
                    r#"{"topic":"orderbook.1.BTCUSD","ts":1788220800001,"type":"snapshot","data":{"s":"BTCUSD","b":[["100","1"]],"a":[["101","2"]],"u":10,"seq":5}}"#,
                ),
                &["quote BTCUSD 100 1 101 2"],
            ),
            (
                NOW + 3,
                Say(
                    r#"{"topic":"orderbook.1.BTCUSD","ts":1788220800002,"type":"delta","data":{"s":"BTCUSD","b":[["100","0"],["99","7"]],"a":[],"u":11,"seq":5}}"#,
                ),
                &["quote BTCUSD 99 7 101 2"],
            ),
            (
                NOW + 4,
                Say(
                    r#"{"topic":"allLiquidation.BTCUSD","type":"snapshot","ts":1788220800003,"data":[{"T":1788220800003,"s":"BTCUSD","S":"Buy","v":"20","p":"95"}]}"#,
                ),
                &["liquidation BTCUSD - sell 95 20"],
            ),
            (
                NOW + 5,
                Say(
                    r#"{"topic":"tickers.BTCUSD","type":"snapshot","data":{"symbol":"BTCUSD","lastPrice":"100","markPrice":"100.1","indexPrice":"100.2","openInterest":"5","nextFundingTime":"","fundingRate":""},"cs":2,"ts":1788220800004}"#,
                ),
                &["ticker BTCUSD - 5 100 100.2 100.1"],
            ),
            (
                NOW + 6,
                Say(
                    r#"{"topic":"tickers.BTCUSD","type":"delta","data":{"symbol":"BTCUSD","fundingRate":"0.0001"},"cs":2,"ts":1788220800005}"#,
                ),
                &["ticker BTCUSD 0.0001 5 100 100.2 100.1"],
            ),
            (
                NOW + 7,
                Say(
                    r#"{"topic":"tickers.BTCUSD","type":"delta","data":{"symbol":"BTCUSD","fundingRate":"0.0001"},"cs":2,"ts":1788220800006}"#,
                ),
                &[],
            ),
            (NOW + 8, Close(0), &["gap disconnect all open suspected"]),
            (
                NOW + 9,
                Open(0),
                &[
                    r#"0> {"op":"subscribe","args":["orderbook.1.BTCUSD","allLiquidation.BTCUSD","tickers.BTCUSD"],"req_id":"2"}"#,
                ],
            ),
            (
                NOW + 10,
                Say(
                    r#"{"topic":"orderbook.1.BTCUSD","ts":1788220800002,"type":"delta","data":{"s":"BTCUSD","b":[["98","7"]],"a":[],"u":12,"seq":5}}"#,
                ),
                &["gap disconnect all closed suspected"],
            ),
        ],
    );
}

#[test]
fn bybit_options_subscribe_to_trades_by_coin() {
    play(
        "options",
        "bybit-options",
        &["BTC-25DEC26-100000-C-USDT", "BTC-25DEC26-90000-P-USDT"],
        &[Trades],
        &[
            (NOW, Open(0), &[r#"0> {"op":"subscribe","args":["publicTrade.BTC"],"req_id":"1"}"#]),
            (
                NOW + 1,
                Say(
                    r#"{"success":true,"conn_id":"c","data":{"failTopics":[],"successTopics":["publicTrade.BTC"]},"type":"COMMAND_RESP"}"#,
                ),
                &["accepted"],
            ),
            (
                NOW + 2,
                Say(
                    r#"{"id":"publicTrade.BTC-1","topic":"publicTrade.BTC","ts":1788220800000,"data":[{"p":"985","v":"0.01","i":"0404c393-8419-5bac-95c3-5fea28404754","T":1788220799981,"BT":false,"s":"BTC-25DEC26-100000-C-USDT","S":"Sell"},{"p":"1","v":"1","i":"x","T":1,"s":"BTC-25DEC26-1-C-USDT","S":"Sell"}],"type":"snapshot"}"#,
                ),
                &["trade BTC-25DEC26-100000-C-USDT 0404c393-8419-5bac-95c3-5fea28404754 sell 985 0.01"],
            ),
            (NOW + 3, Say(r#"{"op":"pong","args":["1788220800000"]}"#), &[]),
        ],
    );
}
