//! Dialogues with OKX.

use mtdh_core::DataType::{IncrementalBookL2, Liquidations, OptionsChain, Trades};

use super::play::Step::{Answer, Close, Midnight, Open, Say, SayOn, Tick};
use super::play::{NOW, SECOND, play};

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
fn okx_goes_over_to_a_successor_without_a_hole_or_a_repetition() {
    let update = |previous: i64, last: i64, price: i64| {
        format!(
            r#"{{"arg":{{"channel":"books","instId":"BTC-USDT"}},"action":"update","data":[{{"asks":[["{price}","1","0","1"]],"bids":[],"ts":"1788220800100","checksum":0,"prevSeqId":{previous},"seqId":{last}}}]}}"#
        )
    };
    let snapshot = |last: i64| {
        format!(
            r#"{{"arg":{{"channel":"books","instId":"BTC-USDT"}},"action":"snapshot","data":[{{"asks":[["101","2","0","1"]],"bids":[],"ts":"1788220800000","checksum":0,"prevSeqId":-1,"seqId":{last}}}]}}"#
        )
    };
    let subscribe = |connection: u32| {
        format!(r#"{connection}> {{"op":"subscribe","args":[{{"channel":"books","instId":"BTC-USDT"}}]}}"#)
    };
    let (first, second) = (snapshot(10), snapshot(18));
    let (a, b, c, d) = (update(10, 15, 102), update(15, 20, 103), update(20, 25, 104), update(25, 30, 105));
    let (e, lost) = (update(30, 28, 106), update(29, 35, 107));
    play(
        "successor",
        "okex",
        &["BTC-USDT"],
        &[IncrementalBookL2],
        &[
            (NOW, Open(0), &[subscribe(0).as_str()]),
            (NOW + 1, Say(&first), &["book BTC-USDT bids  asks 101.0@2.0"]),
            (NOW + 2, Say(&a), &["change BTC-USDT bids  asks 102.0@1.0"]),
            (NOW + 3, Open(1), &[subscribe(1).as_str()]),
            // Its snapshot is of a moment that the first connection has not told yet.
            (NOW + 4, SayOn(1, &second), &[]),
            (NOW + 5, Say(&b), &["change BTC-USDT bids  asks 103.0@1.0"]),
            // The second is ahead by one, then the first.
            (NOW + 6, SayOn(1, &c), &["change BTC-USDT bids  asks 104.0@1.0"]),
            (NOW + 7, Say(&c), &[]),
            (NOW + 8, Say(&d), &["change BTC-USDT bids  asks 105.0@1.0"]),
            (NOW + 9, Close(0), &[]),
            (NOW + 10, SayOn(1, &d), &[]),
            // The numbers begin anew, and hold together; then one is lost.
            (NOW + 11, SayOn(1, &e), &["change BTC-USDT bids  asks 106.0@1.0"]),
            (NOW + 12, SayOn(1, &lost), &["gap sequence BTC-USDT open proven"]),
        ],
    );
}

#[test]
fn okx_is_pinged_also_while_subscriptions_wait() {
    let symbols: Vec<String> =
        (0..1_000).map(|place| format!("LONG-NAME-OF-AN-INSTRUMENT-{place}-SWAP")).collect();
    let want = mtdh_source::live::venue::Want {
        symbols: symbols.clone(),
        data_types: vec![IncrementalBookL2],
        is_recorded: false,
    };
    let venue = mtdh_source::live::venues::find("okex-swap").unwrap();
    let plan = venue.plan(&want);
    assert!(plan.iter().all(|connection| connection.streams.len() <= venue.limits().streams.value));
    assert_eq!(plan.iter().map(|connection| connection.streams.len()).sum::<usize>(), 1_000);
    let mut fed = super::Fed::new(venue, &want);
    fed.feed.opened(super::ONE, NOW, &mut fed.out);
    let sent = super::play::told(&mut fed, "okex-swap");
    let most = venue.limits().request_bytes.unwrap().value;
    assert!(sent.len() > 1 && sent.iter().all(|text| text.len() <= most), "{}", sent.len());
    // Each book whose snapshot does not come is asked for by REST, no faster than the venue allows; the pings go on.
    let (mut requests, mut pings) = (0, 0);
    for second in 1..=60 {
        fed.feed.tick(NOW + second * SECOND, &mut fed.out);
        let told = super::play::told(&mut fed, "okex-swap");
        let asked = told.iter().filter(|text| text.starts_with("? ")).count();
        assert!(asked <= 15, "{asked} in second {second}");
        requests += asked;
        pings += told.iter().filter(|text| *text == "0> ping").count();
    }
    assert!(requests > 200 && pings == 3, "{requests} {pings}");
}
