//! Dialogues per venue: acknowledgements, refusals, losses, resets, ends.

use mtdh_core::DataType::{
    BookTicker, DerivativeTicker, IncrementalBookL2, Liquidations, OptionsChain, Trades,
};

use super::play::Step::{Answer, Close, Midnight, Open, Say, SayOn, Tick};
use super::play::{SECOND, play};

/// 2026-09-01, when nothing is verified by checksum on OKX any more.
const NOW: i64 = 1_788_220_800 * SECOND;

#[test]
fn okx_books_follow_their_chain_and_are_asked_for_by_rest_after_a_loss() {
    play(
        "chain",
        "okex-swap",
        &["BTC-USDT-SWAP"],
        &[IncrementalBookL2],
        &[
            (
                NOW,
                Open(0),
                &[r#"0> {"op":"subscribe","args":[{"channel":"books","instId":"BTC-USDT-SWAP"}]}"#],
            ),
            (
                NOW + 1,
                Say(
                    r#"{"event":"subscribe","arg":{"channel":"books","instId":"BTC-USDT-SWAP"},"connId":"a4d3ae55"}"#,
                ),
                &["accepted"],
            ),
            (
                NOW + 2,
                Say(
                    r#"{"arg":{"channel":"books","instId":"BTC-USDT-SWAP"},"action":"snapshot","data":[{"asks":[["101","2","0","1"]],"bids":[["100","1","0","1"]],"ts":"1788220800000","checksum":0,"prevSeqId":-1,"seqId":10}]}"#,
                ),
                &["book BTC-USDT-SWAP bids 100.0@1.0 asks 101.0@2.0"],
            ),
            (
                NOW + 3,
                Say(
                    r#"{"arg":{"channel":"books","instId":"BTC-USDT-SWAP"},"action":"update","data":[{"asks":[["101","0","0","0"]],"bids":[],"ts":"1788220800100","checksum":0,"prevSeqId":10,"seqId":15}]}"#,
                ),
                &["change BTC-USDT-SWAP bids  asks 101.0@0.0"],
            ),
            // A heartbeat, then a sequence that begins anew and still holds together.
            (
                NOW + 4,
                Say(
                    r#"{"arg":{"channel":"books","instId":"BTC-USDT-SWAP"},"action":"update","data":[{"asks":[],"bids":[],"ts":"1788220800200","checksum":0,"prevSeqId":15,"seqId":15}]}"#,
                ),
                &[],
            ),
            (
                NOW + 5,
                Say(
                    r#"{"arg":{"channel":"books","instId":"BTC-USDT-SWAP"},"action":"update","data":[{"asks":[["102","5","0","0"]],"bids":[],"ts":"1788220800300","checksum":0,"prevSeqId":15,"seqId":3}]}"#,
                ),
                &["change BTC-USDT-SWAP bids  asks 102.0@5.0"],
            ),
            // 4 was lost.
            (
                NOW + 6,
                Say(
                    r#"{"arg":{"channel":"books","instId":"BTC-USDT-SWAP"},"action":"update","data":[{"asks":[["103","5","0","0"]],"bids":[],"ts":"1788220800400","checksum":0,"prevSeqId":4,"seqId":5}]}"#,
                ),
                &["gap sequence BTC-USDT-SWAP open proven"],
            ),
            (NOW + 7, Tick, &[]),
            (NOW + 6 + SECOND, Tick, &["? /api/v5/market/books?instId=BTC-USDT-SWAP&sz=400&source=0"]),
            (
                NOW + 7 + SECOND,
                Say(
                    r#"{"arg":{"channel":"books","instId":"BTC-USDT-SWAP"},"action":"update","data":[{"asks":[["104","7","0","0"]],"bids":[],"ts":"1788220801500","checksum":0,"prevSeqId":8,"seqId":9}]}"#,
                ),
                &[],
            ),
            // Older than what is held: a newer one is wanted.
            (
                NOW + 8 + SECOND,
                Answer(
                    "BTC-USDT-SWAP@books",
                    200,
                    r#"{"code":"0","msg":"","data":[{"asks":[["101","1","0","1"]],"bids":[["99","1","0","1"]],"ts":"1788220801000","seqId":7}]}"#,
                ),
                &[],
            ),
            (
                NOW + 20 * SECOND,
                Tick,
                &["0> ping", "? /api/v5/market/books?instId=BTC-USDT-SWAP&sz=400&source=0"],
            ),
            (
                NOW + 21 * SECOND,
                Answer(
                    "BTC-USDT-SWAP@books",
                    200,
                    r#"{"code":"0","msg":"","data":[{"asks":[["101","1","0","1"]],"bids":[["99","1","0","1"]],"ts":"1788220801400","seqId":8}]}"#,
                ),
                &[
                    "book BTC-USDT-SWAP bids 99.0@1.0 asks 101.0@1.0,104.0@7.0",
                    "gap sequence BTC-USDT-SWAP closed proven",
                ],
            ),
            (NOW + 86_400 * SECOND, Midnight, &["book BTC-USDT-SWAP bids 99.0@1.0 asks 101.0@1.0,104.0@7.0"]),
            (
                NOW + 86_401 * SECOND,
                Say(
                    r#"{"event":"notice","code":"64008","msg":"The connection will soon be closed for a service upgrade. Please reconnect.","connId":"a4d3ae55"}"#,
                ),
                &["ending 0"],
            ),
        ],
    );
}

#[test]
fn okx_without_a_first_snapshot_asks_by_rest_after_three_seconds() {
    play(
        "no snapshot",
        "okex",
        &["BTC-USDT"],
        &[IncrementalBookL2],
        &[
            (NOW, Open(0), &[r#"0> {"op":"subscribe","args":[{"channel":"books","instId":"BTC-USDT"}]}"#]),
            (
                NOW + 1,
                Say(
                    r#"{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[{"asks":[["101","0","0","0"]],"bids":[["98","3","0","1"]],"ts":"1788220800100","checksum":0,"prevSeqId":10,"seqId":15}]}"#,
                ),
                &[],
            ),
            (NOW + 2 * SECOND, Tick, &[]),
            (NOW + 3 * SECOND, Tick, &["? /api/v5/market/books?instId=BTC-USDT&sz=400&source=0"]),
            (NOW + 4 * SECOND, Answer("BTC-USDT@books", 429, "{}"), &[]),
            (NOW + 3 * SECOND + 500_000, Tick, &[]),
            (NOW + 30 * SECOND, Tick, &["0> ping", "? /api/v5/market/books?instId=BTC-USDT&sz=400&source=0"]),
            (NOW + 31 * SECOND, Say("pong"), &[]),
            (
                NOW + 31 * SECOND,
                Answer(
                    "BTC-USDT@books",
                    200,
                    r#"{"code":"0","data":[{"asks":[["101","1","0","1"],["102","1","0","1"]],"bids":[],"ts":"1788220800050","seqId":12}]}"#,
                ),
                &["book BTC-USDT bids 98.0@3.0 asks 102.0@1.0"],
            ),
        ],
    );
}

#[test]
fn okx_refusals_are_of_one_stream_and_old_liquidations_are_not_new() {
    let trades = r#"{"channel":"trades-all","instId":"BTC-USDT-SWAP"},{"channel":"trades-all","instId":"NO-USDT-SWAP"}"#;
    let subscribe = format!(r#"1> {{"op":"subscribe","args":[{trades}]}}"#);
    play(
        "refusal",
        "okex-swap",
        &["BTC-USDT-SWAP", "NO-USDT-SWAP"],
        &[Trades, Liquidations],
        &[
            (
                NOW,
                Open(0),
                &[r#"0> {"op":"subscribe","args":[{"channel":"liquidation-orders","instType":"SWAP"}]}"#],
            ),
            (NOW, Open(1), &[subscribe.as_str()]),
            (
                NOW + 1,
                SayOn(
                    1,
                    r#"{"event":"error","code":"60018","msg":"Wrong URL or channel:trades-all,instId:NO-USDT-SWAP doesn't exist. Please use the correct URL, channel and parameters referring to API document.","connId":"x"}"#,
                ),
                &[
                    "refused trades-all:NO-USDT-SWAP: Wrong URL or channel:trades-all,instId:NO-USDT-SWAP doesn't exist. Please use the correct URL, channel and parameters referring to API document.",
                ],
            ),
            (
                NOW + 2,
                SayOn(
                    1,
                    r#"{"arg":{"channel":"trades-all","instId":"BTC-USDT-SWAP"},"data":[{"instId":"BTC-USDT-SWAP","tradeId":"7","px":"100.5","sz":"2","side":"buy","ts":"1788220800001"}]}"#,
                ),
                &["trade BTC-USDT-SWAP 7 buy 100.5 2"],
            ),
            (
                NOW + 3,
                SayOn(
                    1,
                    r#"{"arg":{"channel":"trades-all","instId":"BTC-USDT-SWAP"},"data":[{"instId":"BTC-USDT-SWAP","tradeId":"10","px":"100.5","sz":"2","side":"sell","ts":"1788220800002"}]}"#,
                ),
                &[
                    "trade BTC-USDT-SWAP 10 sell 100.5 2",
                    "gap sequence BTC-USDT-SWAP closed suspected 2 missing",
                ],
            ),
            // One from before the connection and one since; another instrument's is not followed.
            (
                NOW + 4,
                Say(
                    r#"{"arg":{"channel":"liquidation-orders","instType":"SWAP"},"data":[{"details":[{"bkPx":"90","posSide":"long","side":"sell","sz":"3","ts":"1788220799000"},{"bkPx":"91","posSide":"long","side":"sell","sz":"4","ts":"1788220800004"}],"instId":"BTC-USDT-SWAP","instType":"SWAP"},{"details":[{"bkPx":"1","side":"sell","sz":"3","ts":"1788220800004"}],"instId":"ETH-USDT-SWAP","instType":"SWAP"}]}"#,
                ),
                &["liquidation BTC-USDT-SWAP - sell 91 4"],
            ),
            (NOW + 5, Close(0), &["gap disconnect all open suspected"]),
            (
                NOW + SECOND,
                Open(0),
                &[r#"0> {"op":"subscribe","args":[{"channel":"liquidation-orders","instType":"SWAP"}]}"#],
            ),
            // The first message repeats the last one and has one that was missed.
            (
                NOW + 2 * SECOND,
                Say(
                    r#"{"arg":{"channel":"liquidation-orders","instType":"SWAP"},"data":[{"details":[{"bkPx":"91","posSide":"long","side":"sell","sz":"4","ts":"1788220800004"},{"bkPx":"92","posSide":"short","side":"buy","sz":"5","ts":"1788220800500"}],"instId":"BTC-USDT-SWAP","instType":"SWAP"}]}"#,
                ),
                &["liquidation BTC-USDT-SWAP - buy 92 5", "gap disconnect all closed suspected"],
            ),
            (
                NOW + 3 * SECOND,
                SayOn(1, r#"{"event":"error","code":"60012","msg":"Invalid request"}"#),
                &["reconnect: 60012: Invalid request"],
            ),
            (NOW + 4 * SECOND, SayOn(1, "{\"arg\":"), &["unread"]),
        ],
    );
}

#[test]
fn okx_options_are_put_together_from_five_channels() {
    play(
        "options",
        "okex-options",
        &["BTC-USD-261225-100000-C"],
        &[OptionsChain],
        &[
            (
                NOW,
                Open(0),
                &[
                    r#"0> {"op":"subscribe","args":[{"channel":"tickers","instId":"BTC-USD-261225-100000-C"},{"channel":"open-interest","instId":"BTC-USD-261225-100000-C"},{"channel":"mark-price","instId":"BTC-USD-261225-100000-C"},{"channel":"index-tickers","instId":"BTC-USD"},{"channel":"opt-summary","instFamily":"BTC-USD"}]}"#,
                ],
            ),
            (
                NOW + 1,
                Say(
                    r#"{"arg":{"channel":"index-tickers","instId":"BTC-USD"},"data":[{"instId":"BTC-USD","idxPx":"64000.5","ts":"1788220800000"}]}"#,
                ),
                &[],
            ),
            (
                NOW + 2,
                Say(
                    r#"{"arg":{"channel":"mark-price","instId":"BTC-USD-261225-100000-C"},"data":[{"instId":"BTC-USD-261225-100000-C","instType":"OPTION","markPx":"0.021","ts":"1788220800000"}]}"#,
                ),
                &[],
            ),
            (
                NOW + 3,
                Say(
                    r#"{"arg":{"channel":"tickers","instId":"BTC-USD-261225-100000-C"},"data":[{"instType":"OPTION","instId":"BTC-USD-261225-100000-C","last":"0.02","askPx":"","askSz":"","bidPx":"0.0195","bidSz":"7","ts":"1788220800000"}]}"#,
                ),
                &[],
            ),
            (
                NOW + 4,
                Say(
                    r#"{"arg":{"channel":"opt-summary","instFamily":"BTC-USD"},"data":[{"instId":"BTC-USD-261225-100000-C","uly":"BTC-USD","delta":"0.2","gamma":"1","vega":"0.1","theta":"-0.1","markVol":"0.6","bidVol":"0.58","askVol":"","ts":"1788220800500"},{"instId":"BTC-USD-261225-90000-C","uly":"BTC-USD","delta":"0.3","ts":"1788220800500"}]}"#,
                ),
                &["option BTC-USD-261225-100000-C 100000 0.0195 0.021 64000.5"],
            ),
        ],
    );
}

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
            (NOW + 5, Say(r#"{"error":{"name":"WRONG_FORMAT"}}"#), &["reconnect: WRONG_FORMAT: "]),
        ],
    );
}

#[test]
fn coinbase_counts_trades_and_finds_the_product_that_failed() {
    let all = |products: &str| {
        format!(
            r#"0> {{"type":"subscribe","channels":[{{"name":"matches","product_ids":[{products}]}},{{"name":"heartbeat","product_ids":[{products}]}}]}}"#
        )
    };
    let (both, one) = (
        format!(
            r#"0> {{"type":"subscribe","channels":[{{"name":"matches","product_ids":["BTC-USD","NO-USD"]}},{{"name":"heartbeat","product_ids":["BTC-USD","NO-USD"]}}]}}"#
        ),
        all(r#""BTC-USD""#),
    );
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
            // The heartbeat has trades that never came.
            (
                NOW + 6,
                Say(
                    r#"{"type":"heartbeat","sequence":95,"last_trade_id":12,"product_id":"BTC-USD","time":"2026-09-01T00:00:02.000000Z"}"#,
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
    let again = [trades.as_str(), book.as_str(), other.as_str(), other_book.as_str()];
    play(
        "trades",
        "hyperliquid",
        &["kPEPE", "NO"],
        &[Trades, IncrementalBookL2],
        &[
            (NOW, Open(0), &again),
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
            (NOW + 21 * SECOND, Tick, &[r#"0> {"method":"ping"}"#]),
            (NOW + 21 * SECOND, Say(r#"{"channel":"pong"}"#), &[]),
        ],
    );
}
