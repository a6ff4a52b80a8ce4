//! Bytes that no exchange sends: nothing panics, nothing grows without bound.

use mtdh_core::DataType;
use mtdh_source::live::feed::{ConnectionId, Frame};
use mtdh_source::live::venue::Want;
use mtdh_source::live::venues;
use proptest::prelude::*;

use super::{Fed, ONE};

/// Messages of several venues, whole: what is done to them follows.
const MESSAGES: [&str; 12] = [
    r#"{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"snapshot","data":[{"asks":[["101","2","0","1"]],"bids":[["100","1","0","1"]],"ts":"1788220800000","checksum":-5,"prevSeqId":-1,"seqId":10}]}"#,
    r#"{"arg":{"channel":"opt-summary","instFamily":"BTC-USD"},"data":[{"instId":"BTC-USD-261225-100000-C","uly":"BTC-USD","delta":"0.2","ts":"1788220800500"}]}"#,
    r#"{"table":"swap/depth_l2_tbt","action":"partial","data":[{"instrument_id":"BTC-USD","asks":[["101","2"]],"bids":[],"timestamp":"2020-12-03T15:14:59.904Z","checksum":1}]}"#,
    r#"{"topic":"orderbook.50.BTCUSDT","type":"snapshot","ts":1788220800001,"data":{"s":"BTCUSDT","b":[["100","1"]],"a":[["101","2"]],"u":10,"seq":5}}"#,
    r#"{"topic":"instrument_info.100ms.BTCUSD","type":"delta","data":{"update":[{"symbol":"BTCUSD","index_price_e4":"94496200"}]},"timestamp_e6":"1590683462401579"}"#,
    r#"{"ty":"orderbook","cd":"KRW-BTC","tms":1788220800100123,"obu":[{"ap":101.0,"bp":100.0,"as":1.5,"bs":2.5}],"st":"SNAPSHOT"}"#,
    r#"{"type":"l2update","product_id":"BTC-USD","time":"2026-09-01T00:00:00.000002Z","changes":[["sell","1","1"]]}"#,
    r#"{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[{"price":100.00,"qty":0.50}],"asks":[],"checksum":7,"timestamp":"2026-09-01T00:00:00.000001Z"}]}"#,
    r#"[754,{"a":[["352.0","33.9","1561939258.538807"]]},{"b":[["351.5","5.8","1561939258.548498"]],"c":"12"},"book-1000","BCH/EUR"]"#,
    r#"{"table":"orderBookL2","action":"partial","filter":{"symbol":"XBTUSD"},"data":[{"symbol":"XBTUSD","id":17999992000,"side":"Sell","size":5,"price":80.5,"timestamp":"2026-09-01T00:00:00.000Z"}]}"#,
    r#"{"channel":"trades","data":[{"coin":"BTC","side":"A","px":"1.9","sz":"10","time":1788220799000,"tid":611279506717453}]}"#,
    r#"{"success":false,"ret_msg":"x","req_id":"1","op":"subscribe","data":{"failTopics":["a"],"successTopics":["b"]},"event":"error","msg":"channel:books,instId:BTC"}"#,
];

fn all(is_recorded: bool) -> Vec<Fed> {
    let fed = |venue: &&'static dyn mtdh_source::live::venue::Venue| {
        let want = Want { data_types: DataType::ALL.to_vec(), is_recorded, ..Want::default() };
        Fed::new(*venue, &want)
    };
    venues::all().iter().map(fed).collect()
}

fn say(fed: &mut Fed, text: &[u8], at: i64) {
    fed.feed.message(ONE, Frame::Data(text), at, &mut fed.out);
    if at % 64 == 0 {
        fed.feed.answer("BTC-USDT@books", 200, text, at, &mut fed.out);
        fed.feed.tick(at, &mut fed.out);
        fed.out.rows.take();
        fed.out.gaps.clear();
        fed.out.sends.clear();
    }
}

#[test]
fn cut_and_changed_messages_are_counted_and_nothing_panics() {
    for mut fed in all(false).into_iter().chain(all(true)) {
        fed.feed.opened(ConnectionId(0), 0, &mut fed.out);
        let mut at = 1_788_220_800_000_000;
        for message in MESSAGES {
            for place in 0..message.len() {
                at += 1;
                say(&mut fed, &message.as_bytes()[..place], at);
                for byte in [b'"', b'9', b'-', b'{', b']', b',', 0xFF, b'\\', b'e'] {
                    let mut changed = message.as_bytes().to_vec();
                    changed[place] = byte;
                    at += 1;
                    say(&mut fed, &changed, at);
                }
            }
        }
        assert!(fed.out.unread > 1_000 && fed.out.unread_texts.len() <= 10);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in any::<i64>()) {
        for mut fed in all(at % 2 == 0) {
            fed.feed.opened(ConnectionId(0), at, &mut fed.out);
            say(&mut fed, &bytes, at);
            say(&mut fed, MESSAGES[bytes.len() % MESSAGES.len()].as_bytes(), at);
            fed.feed.midnight(at, &mut fed.out);
        }
    }
}
