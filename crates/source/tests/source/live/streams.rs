//! Streams that are refused, not answered, or silent, on feeds of each kind: the others go on.

use mtdh_core::DataType::{self, BookTicker, DerivativeTicker, IncrementalBookL2, Liquidations, Trades};
use mtdh_source::live::feed::Frame;
use mtdh_source::live::venue::Want;
use mtdh_source::live::{limits::Ping, venues};

use super::play::Step::{Close, Open, Say, Tick};
use super::play::{NOW, SECOND, play, told};
use super::{Fed, ONE};

fn fed(exchange: &str, symbols: &[&str], data_types: &[DataType]) -> Fed {
    let symbols = symbols.iter().map(|symbol| (*symbol).to_owned()).collect();
    Fed::new(
        venues::find(exchange).unwrap(),
        &Want { symbols, data_types: data_types.to_vec(), is_recorded: false },
    )
}

/// BitMEX's refusals name one stream each; those of others in the same request are answered by themselves.
#[test]
fn a_refusal_of_one_stream_is_of_that_stream_alone_and_holds_on_later_connections() {
    let ask = |streams: &str| format!(r#"0> {{"op":"subscribe","args":[{streams}]}}"#);
    let all = ask(r#""trade:XBTUSD","instrument:XBTUSD","trade:BTCUSDT","instrument:BTCUSDT""#);
    let good = ask(r#""trade:XBTUSD","instrument:XBTUSD""#);
    let no = |stream: &str| format!(r#"{{"status":400,"error":"Unknown or expired symbol in {stream}"}}"#);
    play(
        "refusals",
        "bitmex",
        &["XBTUSD", "BTCUSDT"],
        &[Trades, DerivativeTicker],
        &[
            (NOW, Open(0), &[all.as_str()]),
            (
                NOW + 1,
                Say(&no("trade:BTCUSDT")),
                &["refused trade:BTCUSDT: Unknown or expired symbol in trade:BTCUSDT"],
            ),
            (
                NOW + 2,
                Say(&no("instrument:BTCUSDT")),
                &["refused instrument:BTCUSDT: Unknown or expired symbol in instrument:BTCUSDT"],
            ),
            (NOW + 3, Say(&no("instrument:BTCUSDT")), &[]),
            (NOW + 4, Say(r#"{"success":true,"subscribe":"trade:XBTUSD"}"#), &["accepted"]),
            (NOW + 5, Say(r#"{"success":true,"subscribe":"instrument:XBTUSD"}"#), &["accepted"]),
            (NOW + 20 * SECOND, Close(0), &["gap disconnect all open suspected"]),
            (NOW + 21 * SECOND, Open(0), &[good.as_str()]),
        ],
    );
}

/// OKX names the channel of a stream that is asked for by kind, and no instrument.
#[test]
fn okx_refusals_without_an_instrument_end_no_connection() {
    let ask = r#"0> {"op":"subscribe","args":[{"channel":"bbo-tbt","instId":"BTC-USDT-SWAP"},{"channel":"liquidation-orders","instType":"SWAP"}]}"#;
    let words = "Wrong URL or channel:liquidation-orders,instId: doesn't exist. Please use the correct URL, channel and parameters referring to API document.";
    play(
        "refusals",
        "okex-swap",
        &["BTC-USDT-SWAP"],
        &[BookTicker, Liquidations],
        &[
            (NOW, Open(0), &[ask]),
            (
                NOW + 1,
                Say(&format!(r#"{{"event":"error","code":"60018","msg":"{words}","connId":"a4d3ae55"}}"#)),
                &[&format!("refused liquidation-orders:SWAP: {words}")],
            ),
        ],
    );
}

#[test]
fn binance_finds_the_bad_stream_of_a_request_by_halves() {
    let ask =
        |streams: &str, id: u32| format!(r#"0> {{"id":{id},"method":"SUBSCRIBE","params":[{streams}]}}"#);
    let error = |id: u32| format!(r#"{{"error":{{"code":2,"msg":"Invalid request"}},"id":{id}}}"#);
    let result = |id: u32| format!(r#"{{"result":null,"id":{id}}}"#);
    play(
        "halves",
        "binance",
        &["BTCUSDT", "%"],
        &[Trades],
        &[
            (NOW, Open(0), &[&ask(r#""btcusdt@trade","%@trade""#, 1)]),
            (NOW + 1, Say(&error(1)), &[&ask(r#""btcusdt@trade""#, 2), &ask(r#""%@trade""#, 3)]),
            (NOW + 2, Say(&result(2)), &["accepted"]),
            (NOW + 3, Say(&error(3)), &["refused %@trade: Invalid request"]),
        ],
    );
}

/// Every venue: with no answer at all each stream is asked for a second time, then told as refused, and nothing else happens.
#[test]
fn streams_that_nobody_acknowledges_are_told() {
    for venue in venues::all().iter().filter(|venue| venue.exchange() != "upbit") {
        let symbol = match venue.exchange() {
            "kraken" => "BTC/USD",
            "deribit" => "BTC-PERPETUAL",
            _ => "AAA",
        };
        let mut fed = fed(venue.exchange(), &[symbol], &[Trades]);
        fed.feed.opened(ONE, NOW, &mut fed.out);
        let first = fed.out.sends.len();
        assert!(first > 0);
        for second in 1..40 {
            fed.feed.tick(NOW + second * SECOND, &mut fed.out);
        }
        let refused: Vec<_> = fed.out.refused.iter().map(|(_, _, words)| words.as_str()).collect();
        let streams = venue.plan(&Want {
            symbols: vec![symbol.to_owned()],
            data_types: vec![Trades],
            is_recorded: false,
        });
        let asked = streams[0].streams.len();
        assert_eq!(
            refused,
            vec!["not acknowledged within 10 s, asked for twice"; asked],
            "{}",
            venue.exchange()
        );
        assert!(fed.out.reconnects.is_empty() && fed.out.gaps.is_empty(), "{}", venue.exchange());
        assert!(
            matches!(venue.limits().ping.value, Ping::Text { .. }) || fed.out.sends.len() <= first + asked
        );
    }
}

#[test]
fn a_stream_that_is_acknowledged_and_never_sends_is_told_if_it_has_a_pace() {
    let mut fed = fed("binance", &["BTCUSDT", "NOUSDT"], &[Trades, BookTicker]);
    fed.feed.opened(ONE, NOW, &mut fed.out);
    let say = |fed: &mut Fed, at: i64, text: &str| {
        fed.feed.message(ONE, Frame::Data(text.as_bytes()), at, &mut fed.out);
    };
    say(&mut fed, NOW + SECOND, r#"{"result":null,"id":1}"#);
    say(
        &mut fed,
        NOW + SECOND,
        r#"{"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"9","B":"1","a":"11","A":"2"}}"#,
    );
    for second in 2..200 {
        fed.feed.tick(NOW + second * SECOND, &mut fed.out);
    }
    let notes = std::mem::take(&mut fed.out.notes);
    assert_eq!(
        notes,
        ["nousdt@bookTicker: acknowledged, and nothing came within 60 s; the exchange may not have it"]
    );
    assert!(fed.out.refused.is_empty() && fed.out.gaps.is_empty());
}

/// A stream of best levels stops while trades go on: it alone is subscribed to anew, and the gap lasts until its next message.
#[test]
fn a_silent_stream_of_a_living_connection_is_subscribed_to_anew() {
    let quote = |exchange: &str, nth: i64| match exchange {
        "binance" => format!(
            r#"{{"stream":"btcusdt@bookTicker","data":{{"u":{nth},"s":"BTCUSDT","b":"9","B":"{nth}","a":"11","A":"2"}}}}"#
        ),
        _ => format!(
            r#"{{"table":"quote","action":"insert","data":[{{"timestamp":"2026-09-01T00:00:00.000Z","symbol":"BTCUSDT","bidSize":{nth},"bidPrice":9,"askPrice":11,"askSize":2}}]}}"#
        ),
    };
    let trade = |exchange: &str, nth: i64| match exchange {
        "binance" => format!(
            r#"{{"stream":"btcusdt@trade","data":{{"e":"trade","E":1,"s":"BTCUSDT","t":{nth},"p":"10","q":"1","T":1,"m":true}}}}"#
        ),
        _ => format!(
            r#"{{"table":"trade","action":"insert","data":[{{"timestamp":"2026-09-01T00:00:00.002Z","symbol":"BTCUSDT","size":1,"price":80.5,"trdMatchID":"{nth}"}}]}}"#
        ),
    };
    for (exchange, resubscribes) in [
        (
            "binance",
            [
                r#"0> {"id":2,"method":"UNSUBSCRIBE","params":["btcusdt@bookTicker"]}"#,
                r#"0> {"id":3,"method":"SUBSCRIBE","params":["btcusdt@bookTicker"]}"#,
            ],
        ),
        (
            "bitmex",
            [
                r#"0> {"op":"unsubscribe","args":["quote:BTCUSDT"]}"#,
                r#"0> {"op":"subscribe","args":["quote:BTCUSDT"]}"#,
            ],
        ),
    ] {
        for others_live in [true, false] {
            let mut fed = fed(exchange, &["BTCUSDT"], &[Trades, BookTicker]);
            fed.feed.opened(ONE, NOW, &mut fed.out);
            let mut at = NOW;
            for nth in 1..=300 {
                at += SECOND / 10;
                fed.feed.message(ONE, Frame::Data(quote(exchange, nth).as_bytes()), at, &mut fed.out);
                fed.feed.message(ONE, Frame::Data(trade(exchange, nth).as_bytes()), at, &mut fed.out);
            }
            let last = at;
            told(&mut fed, exchange);
            let mut happened = Vec::new();
            for nth in 301..=600 {
                at += SECOND / 5;
                if others_live {
                    fed.feed.message(ONE, Frame::Data(trade(exchange, nth).as_bytes()), at, &mut fed.out);
                }
                if fed.feed.due().is_some_and(|due| due <= at) {
                    fed.feed.tick(at, &mut fed.out);
                }
                happened.extend(told(&mut fed, exchange).into_iter().map(|text| (at - last, text)));
            }
            let reopened = happened.iter().filter(|(_, text)| text.starts_with("reconnect: only heartbeats"));
            let reopened: Vec<i64> = reopened.map(|(when, _)| *when / SECOND).collect();
            match others_live {
                true => assert!(reopened.is_empty(), "{exchange}: {reopened:?}"),
                false => assert!(
                    reopened.len() == 1 && (30..37).contains(&reopened[0]),
                    "{exchange}: {reopened:?}"
                ),
            }
            happened.retain(|(_, text)| {
                !(text.starts_with("trade ") || text.ends_with("> ping") || text.starts_with("refused"))
            });
            if !others_live {
                // Everything is silent: that is for the connection's own limit.
                happened.retain(|(_, text)| text.contains("quote:") || text.contains("bookTicker"));
                happened.retain(|(_, text)| text.contains("nsubscribe") || text.contains("UNSUBSCRIBE"));
                assert_eq!(happened, [], "{exchange}");
                continue;
            }
            let texts: Vec<&str> = happened.iter().map(|(_, text)| text.as_str()).collect();
            // The request that is not answered here is asked for again later.
            assert!(texts.contains(&resubscribes[1]), "{exchange}: {texts:?}");
            for once in [resubscribes[0], "gap silence BTCUSDT open suspected"] {
                let count = texts.iter().filter(|text| **text == once).count();
                assert_eq!(count, 1, "{exchange}: {texts:?}");
            }
            let (when, _) = happened.iter().find(|(_, text)| text.starts_with("gap")).unwrap();
            assert!((30 * SECOND..37 * SECOND).contains(when), "{exchange}: {when}");
            fed.feed.message(ONE, Frame::Data(quote(exchange, 601).as_bytes()), at, &mut fed.out);
            let gaps = std::mem::take(&mut fed.out.gaps);
            assert_eq!(gaps.len(), 1, "{exchange}");
            assert_eq!((gaps[0].kind, gaps[0].from, gaps[0].to), ("silence", last, at), "{exchange}");
            assert_eq!(gaps[0].data_type, Some(BookTicker));
        }
    }
}

/// A connection that brings only heartbeats is opened anew, more and more rarely, and at the first message as soon as at first.
#[test]
fn a_connection_without_data_is_opened_anew_and_an_exchange_that_rests_is_not_stormed() {
    let mut fed = fed("deribit", &["BTC-PERPETUAL"], &[IncrementalBookL2]);
    fed.feed.opened(ONE, NOW, &mut fed.out);
    let heartbeat = r#"{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"heartbeat"}}"#;
    let mut at = NOW;
    let change = |kind: &str, nth: i64| {
        format!(
            r#"{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"book.BTC-PERPETUAL.100ms","data":{{"type":"{kind}","timestamp":1788220800000,"prev_change_id":{},"instrument_name":"BTC-PERPETUAL","change_id":{nth},"bids":[["new",9.0,{nth}]],"asks":[]}}}}}}"#,
            nth - 1
        )
    };
    let book = |fed: &mut super::Fed, at: &mut i64| {
        for nth in 1..=150 {
            *at += SECOND / 10;
            let text = change(if nth == 1 { "snapshot" } else { "change" }, nth);
            fed.feed.message(ONE, Frame::Data(text.as_bytes()), *at, &mut fed.out);
        }
        told(fed, "deribit");
    };
    let rest = |fed: &mut super::Fed, at: &mut i64, seconds: i64| {
        let (since, mut reopened) = (*at, Vec::new());
        while *at < since + seconds * SECOND {
            *at += SECOND;
            fed.feed.message(ONE, Frame::Data(heartbeat.as_bytes()), *at, &mut fed.out);
            fed.feed.tick(*at, &mut fed.out);
            let texts = told(fed, "deribit");
            if texts.iter().any(|text| text.starts_with("reconnect: only heartbeats")) {
                assert!(texts.contains(&"gap silence all closed suspected".to_owned()), "{texts:?}");
                reopened.push((*at - since) / SECOND);
            }
        }
        reopened
    };
    book(&mut fed, &mut at);
    let reopened = rest(&mut fed, &mut at, 3600);
    let steps: Vec<i64> = reopened.windows(2).map(|two| two[1] - two[0]).collect();
    assert!((30..37).contains(&reopened[0]) && reopened.len() < 9, "{reopened:?}");
    assert!(steps[..4].windows(2).all(|two| (two[1] - 2 * two[0]).abs() <= 10), "{reopened:?}");
    book(&mut fed, &mut at);
    assert!((30..37).contains(&rest(&mut fed, &mut at, 40)[0]));
}

/// Upbit answers nothing, and a later request replaces the one before: streams that are held back are not in it.
#[test]
fn upbit_lives_on_without_the_code_that_fails_a_request() {
    let ask = |number: u32, codes: &str| {
        format!(
            r#"0> [{{"ticket":"mtdh-{number}"}},{{"type":"trade","codes":[{codes}],"isOnlyRealtime":true}},{{"format":"DEFAULT"}}]"#
        )
    };
    let failed = r#"{"error":{"name":"NO_CODES","message":"codes are not found"}}"#;
    play(
        "codes",
        "upbit",
        &["KRW-BTC", "KRW-NO"],
        &[Trades],
        &[
            (NOW, Open(0), &[&ask(1, r#""KRW-BTC","KRW-NO""#)]),
            (NOW + 1, Say(failed), &[&ask(2, r#""KRW-BTC""#)]),
            (NOW + 5 * SECOND + 1, Tick, &[&ask(3, r#""KRW-BTC","KRW-NO""#)]),
            (
                NOW + 5 * SECOND + 2,
                Say(failed),
                &[&ask(4, r#""KRW-BTC""#), "refused trade:KRW-NO: NO_CODES: codes are not found"],
            ),
        ],
    );
}

/// A code that was good is bad on a later connection: what stops while it is looked for has its gap, also the code that is held back.
#[test]
fn upbit_streams_that_stop_for_a_bad_code_have_their_gaps() {
    let ask = |number: u32, codes: &str| {
        format!(
            r#"0> [{{"ticket":"mtdh-{number}"}},{{"type":"trade","codes":[{codes}],"isOnlyRealtime":true}},{{"format":"DEFAULT"}}]"#
        )
    };
    let trade = |code: &str, id: u32| {
        format!(
            r#"{{"type":"trade","code":"{code}","trade_timestamp":1788220800000,"trade_price":5.0,"trade_volume":1.0,"ask_bid":"BID","sequential_id":{id}}}"#
        )
    };
    let failed = r#"{"error":{"name":"NO_CODES","message":"codes are not found"}}"#;
    let open = |code: &str| format!("gap refused {code} open suspected");
    let closed = |code: &str| format!("gap refused {code} closed suspected");
    let row = |code: &str, id: u32| format!("trade {code} {id} buy 5 1");
    play(
        "gaps",
        "upbit",
        &["KRW-A", "KRW-B", "KRW-C"],
        &[Trades],
        &[
            (NOW, Open(0), &[&ask(1, r#""KRW-A","KRW-B","KRW-C""#)]),
            (NOW + 1, Say(&trade("KRW-A", 1)), &[&row("KRW-A", 1)]),
            (NOW + 2, Say(&trade("KRW-C", 2)), &[&row("KRW-C", 2)]),
            (NOW + SECOND, Close(0), &["gap disconnect all open suspected"]),
            (NOW + 2 * SECOND, Open(0), &[&ask(2, r#""KRW-A","KRW-B","KRW-C""#)]),
            // Of KRW-B nothing ever came: nothing of it is lost.
            (
                NOW + 3 * SECOND,
                Say(failed),
                &[
                    &ask(3, r#""KRW-A""#),
                    "gap disconnect all closed suspected",
                    &open("KRW-A"),
                    &open("KRW-C"),
                ],
            ),
            (NOW + 4 * SECOND, Say(&trade("KRW-A", 3)), &[&row("KRW-A", 3), &closed("KRW-A")]),
            (NOW + 8 * SECOND, Tick, &[&ask(4, r#""KRW-A","KRW-B","KRW-C""#), &open("KRW-A")]),
            (NOW + 9 * SECOND, Say(failed), &[&ask(5, r#""KRW-A","KRW-B""#)]),
            (NOW + 10 * SECOND, Say(&trade("KRW-A", 4)), &[&row("KRW-A", 4), &closed("KRW-A")]),
            (NOW + 14 * SECOND, Tick, &[&ask(6, r#""KRW-A","KRW-B","KRW-C""#), &open("KRW-A")]),
            (NOW + 15 * SECOND, Say(&trade("KRW-C", 5)), &[&row("KRW-C", 5), &closed("KRW-C")]),
        ],
    );
}

/// A channel of a derivative's state stops while a more frequent one of the same symbol goes on, or the reverse: each has its own pace.
#[test]
fn each_channel_of_a_derivatives_state_has_its_own_pace() {
    type Message = fn(i64) -> String;
    let mark: Message = |nth| {
        format!(
            r#"{{"stream":"btcusdt@markPrice@1s","data":{{"e":"markPriceUpdate","E":{nth},"s":"BTCUSDT","p":"{nth}","i":"9","r":"0.1","T":9}}}}"#
        )
    };
    let ticker: Message = |nth| {
        format!(
            r#"{{"stream":"btcusdt@ticker","data":{{"e":"24hrTicker","E":{nth},"s":"BTCUSDT","c":"{nth}"}}}}"#
        )
    };
    let okx_mark: Message = |nth| {
        format!(
            r#"{{"arg":{{"channel":"mark-price","instId":"BTC-USDT-SWAP"}},"data":[{{"instId":"BTC-USDT-SWAP","markPx":"{nth}","ts":"{nth}"}}]}}"#
        )
    };
    let okx_interest: Message = |nth| {
        format!(
            r#"{{"arg":{{"channel":"open-interest","instId":"BTC-USDT-SWAP"}},"data":[{{"instId":"BTC-USDT-SWAP","oi":"{nth}","ts":"{nth}"}}]}}"#
        )
    };
    let okx_index: Message = |nth| {
        format!(
            r#"{{"arg":{{"channel":"index-tickers","instId":"BTC-USDT"}},"data":[{{"instId":"BTC-USDT","idxPx":"{nth}","ts":"{nth}"}}]}}"#
        )
    };
    let delivery_index: Message = |nth| {
        format!(
            r#"{{"stream":"btcusd@indexPrice@1s","data":{{"e":"indexPriceUpdate","E":{nth},"i":"BTCUSD","p":"{nth}"}}}}"#
        )
    };
    let delivery_ticker: Message = |nth| {
        format!(
            r#"{{"stream":"btcusd_perp@ticker","data":{{"e":"24hrTicker","E":{nth},"s":"BTCUSD_PERP","ps":"BTCUSD","c":"{nth}"}}}}"#
        )
    };
    // Exchange, symbol; what goes on, how often a second; what stops, how often before; the stream that is asked for anew, and alone.
    let (swap, often, rare) = ("BTC-USDT-SWAP", SECOND / 5, SECOND);
    for (exchange, symbol, goes_on, each, stops, every, anew) in [
        ("binance-futures", "BTCUSDT", mark, often, ticker, rare, "btcusdt@ticker"),
        ("binance-futures", "BTCUSDT", ticker, rare, mark, often, "btcusdt@markPrice@1s"),
        (
            "binance-delivery",
            "BTCUSD_PERP",
            delivery_ticker,
            often,
            delivery_index,
            rare,
            "btcusd@indexPrice@1s",
        ),
        (
            "okex-swap",
            swap,
            okx_mark,
            often,
            okx_interest,
            rare,
            r#""open-interest","instId":"BTC-USDT-SWAP""#,
        ),
        ("okex-swap", swap, okx_interest, rare, okx_mark, often, r#""mark-price","instId":"BTC-USDT-SWAP""#),
        ("okex-swap", swap, okx_mark, often, okx_index, rare, r#""index-tickers","instId":"BTC-USDT""#),
    ] {
        let mut fed = fed(exchange, &[symbol], &[DerivativeTicker]);
        fed.feed.opened(ONE, NOW, &mut fed.out);
        let say = |fed: &mut Fed, message: Message, at: i64| {
            fed.feed.message(ONE, Frame::Data(message(at / 1_000).as_bytes()), at, &mut fed.out);
        };
        // Long enough for a pace of the rare one, by a simulated clock.
        let (stop, end) = (NOW + 200 * SECOND, NOW + 260 * SECOND);
        let (mut at, mut happened) = (NOW, Vec::new());
        while at < end {
            at += SECOND / 10;
            if (at - NOW) % each == 0 {
                say(&mut fed, goes_on, at);
            }
            if (at - NOW) % every == 0 && at <= stop {
                say(&mut fed, stops, at);
            }
            if fed.feed.due().is_some_and(|due| due <= at) {
                fed.feed.tick(at, &mut fed.out);
            }
            let told = told(&mut fed, exchange);
            happened.extend(told.into_iter().filter(|text| at > stop && !text.starts_with("refused")));
        }
        let gap = format!("gap silence {symbol} open suspected");
        assert_eq!(
            happened.iter().filter(|text| **text == gap).count(),
            1,
            "{exchange} {anew}: {happened:?}"
        );
        let asked = |word: &str| {
            let of = happened.iter().filter(|text| text.to_lowercase().contains(word));
            of.map(String::as_str).collect::<Vec<_>>()
        };
        let ended = asked("unsubscribe");
        assert!(ended.len() == 1 && ended[0].contains(anew), "{exchange} {anew}: {ended:?}");
        assert_eq!(ended[0].matches(',').count(), 2, "it alone: {ended:?}");
        say(&mut fed, stops, at);
        let gaps = std::mem::take(&mut fed.out.gaps);
        let found: Vec<_> = gaps.iter().map(|gap| (gap.kind, gap.from, gap.to, gap.data_type)).collect();
        assert_eq!(found, [("silence", stop, at, Some(DerivativeTicker))], "{exchange} {anew}");
    }
}

#[test]
fn symbols_of_another_form_are_told_apart_where_that_is_certain() {
    for (exchange, good, bad) in [
        ("binance", &["BTCUSDT", "1000SATSUSDT"][..], &["BTC-USDT", "BTC/USDT"][..]),
        ("binance-delivery", &["BTCUSD_PERP", "BTCUSD_260327"], &["BTCUSD"]),
        ("okex", &["BTC-USDT"], &["BTCUSDT", "BTC-USDT-SWAP"]),
        ("okex-swap", &["BTC-USDT-SWAP"], &["BTCUSDT", "XBTUSD", "BTC-USD-260327"]),
        ("okex-futures", &["BTC-USD-260327", "BTC-USD_UM_XPERP-310404"], &["BTC-USDT-SWAP"]),
        ("okex-options", &["BTC-USD-260327-100000-C"], &["BTC-USD-260327"]),
        ("upbit", &["KRW-BTC"], &["BTCUSDT", "KRW-"]),
        ("coinbase", &["BTC-USD"], &["BTCUSD"]),
        ("kraken", &["BTC/USD"], &["BTC-USD"]),
        ("bitmex", &["XBTUSD", "BTCUSDT"], &[]),
        ("hyperliquid", &["kPEPE", "@162", "PURR/USDC"], &[]),
    ] {
        let venue = venues::find(exchange).unwrap();
        assert!(good.iter().all(|symbol| venue.not_its_form(symbol).is_none()), "{exchange}");
        assert!(bad.iter().all(|symbol| venue.not_its_form(symbol).is_some()), "{exchange}");
    }
}

#[test]
fn a_recording_is_asked_for_nothing() {
    for venue in venues::all() {
        let want = Want {
            symbols: vec!["A-B".to_owned()],
            data_types: vec![Trades, IncrementalBookL2],
            is_recorded: true,
        };
        let mut fed = Fed::new(*venue, &want);
        fed.feed.opened(ONE, NOW, &mut fed.out);
        for second in 0..200 {
            if fed.feed.due().is_some() {
                fed.feed.tick(NOW + second * SECOND, &mut fed.out);
            }
        }
        assert!(fed.out.refused.is_empty() && fed.out.notes.is_empty(), "{}", venue.exchange());
    }
}
