//! Losses planted into made-up traffic: each shows where the venue's rule can prove it, and none shows that is not there.

use mtdh_core::DataType;
use mtdh_source::live::feed::Frame;
use mtdh_source::live::out::Gap;
use mtdh_source::live::venue::Want;
use mtdh_source::live::venues;

use super::{Fed, ONE};

const MESSAGES: usize = 120;

/// The gaps of one symbol's messages without those at `lost`.
fn gaps(exchange: &str, symbol: &str, messages: &[String], lost: &[usize]) -> Vec<Gap> {
    let want = Want {
        symbols: vec![symbol.to_owned()],
        data_types: vec![DataType::Trades, DataType::IncrementalBookL2],
        is_recorded: false,
    };
    let mut fed = Fed::new(venues::find(exchange).unwrap(), &want);
    fed.feed.opened(ONE, 0, &mut fed.out);
    for (at, message) in messages.iter().enumerate().filter(|(at, _)| !lost.contains(at)) {
        // No two arrive together, and all before the first deadline.
        fed.feed.message(ONE, Frame::Data(message.as_bytes()), at as i64 + 1, &mut fed.out);
    }
    assert_eq!(fed.out.unread, 0, "{:?}", fed.out.unread_texts);
    fed.out.gaps
}

/// OKX: ids rise by any step, some messages change nothing, and now and then the ids fall.
fn okx() -> Vec<String> {
    let mut random = fastrand::Rng::with_seed(5);
    let mut last = 1_000_i64;
    let message = |place: usize| {
        let (action, previous) = if place == 0 { ("snapshot", -1) } else { ("update", last) };
        let is_heartbeat = place > 0 && random.u8(..8) == 0;
        if !is_heartbeat {
            last = if random.u8(..10) == 0 {
                random.i64(1..500) * 1_000 + place as i64
            } else {
                last + random.i64(1..9)
            };
        }
        let bids =
            if is_heartbeat { String::new() } else { format!(r#"["{}","1","0","1"]"#, random.u32(1..50)) };
        format!(
            r#"{{"arg":{{"channel":"books","instId":"X"}},"action":"{action}","data":[{{"asks":[],"bids":[{bids}],"ts":"1788220800000","checksum":0,"prevSeqId":{previous},"seqId":{last}}}]}}"#
        )
    };
    (0..MESSAGES).map(message).collect()
}

fn bybit() -> Vec<String> {
    let message = |place: usize| {
        let kind = if place == 0 { "snapshot" } else { "delta" };
        format!(
            r#"{{"topic":"orderbook.50.X","type":"{kind}","ts":1788220800000,"data":{{"s":"X","b":[["{}","1"]],"a":[],"u":{},"seq":7}}}}"#,
            place % 7 + 1,
            place + 50
        )
    };
    (0..MESSAGES).map(message).collect()
}

/// Kraken: one side, each message with the checksum of the book after it, and none that changes nothing.
fn kraken() -> Vec<String> {
    let mut random = fastrand::Rng::with_seed(6);
    let mut bids = std::collections::BTreeMap::new();
    let message = |place: usize| {
        let price = random.u32(1..9);
        // No amount comes twice, so that each message changes the best ten levels.
        bids.insert(price, place + 1);
        let digits: String = bids.iter().rev().map(|(price, amount)| format!("{price}0{amount}00")).collect();
        let kind = if place == 0 { "snapshot" } else { "update" };
        format!(
            r#"{{"channel":"book","type":"{kind}","data":[{{"symbol":"X","bids":[{{"price":{price}.0,"qty":{}.00}}],"asks":[],"checksum":{},"timestamp":"2026-09-01T00:00:00.000001Z"}}]}}"#,
            place + 1,
            crc32fast::hash(digits.as_bytes())
        )
    };
    (0..MESSAGES).map(message).collect()
}

fn coinbase() -> Vec<String> {
    let message = |place: usize| {
        format!(
            r#"{{"type":"match","trade_id":{},"side":"buy","size":"1","price":"5","product_id":"X","time":"2026-09-01T00:00:00.000002Z"}}"#,
            place + 7
        )
    };
    (0..MESSAGES).map(message).collect()
}

/// Whether the loss of a message leaves what follows as it is: a heartbeat of OKX, and of Kraken a level that the next message sets.
fn is_hidden(messages: &[String], place: usize) -> bool {
    let level =
        |place: usize| messages[place].split(r#"{"price":"#).nth(1).and_then(|rest| rest.split(',').next());
    messages[place].contains(r#""bids":[]"#) || (level(place).is_some() && level(place) == level(place + 1))
}

#[test]
fn whole_traffic_shows_no_loss_and_a_planted_one_shows() {
    for (exchange, kind, messages, is_proven, missing) in [
        ("okex", "sequence", okx(), true, None),
        ("bybit", "sequence", bybit(), false, Some(1)),
        ("kraken", "checksum", kraken(), true, None),
        ("coinbase", "sequence", coinbase(), true, Some(1)),
    ] {
        assert_eq!(gaps(exchange, "X", &messages, &[]), [], "{exchange}");
        // The last message's loss cannot show, nor that of a first one without which nothing begins.
        let planted = (1..MESSAGES - 1).filter(|place| !is_hidden(&messages, *place));
        let mut count = 0;
        for place in planted {
            let found = gaps(exchange, "X", &messages, &[place]);
            let told: Vec<_> = found.iter().map(|gap| (gap.kind, gap.is_proven, gap.missing)).collect();
            assert_eq!(told, [(kind, is_proven, missing)], "{exchange} without {place}");
            count += 1;
        }
        assert!(count > 90, "{exchange}: {count}");
    }
}

#[test]
fn a_run_of_lost_trades_is_counted_and_late_ones_are_not_lost() {
    let messages = coinbase();
    let found = gaps("coinbase", "X", &messages, &[3, 4, 5, 60, 61]);
    let told: Vec<_> =
        found.iter().map(|gap| (gap.missing, gap.from_id.as_deref(), gap.to_id.as_deref())).collect();
    assert_eq!(told, [(Some(3), Some("9"), Some("13")), (Some(2), Some("66"), Some("69"))]);
    let mut swapped = messages;
    swapped.swap(10, 11);
    let found = gaps("coinbase", "X", &swapped, &[]);
    assert_eq!(found.iter().map(|gap| gap.missing).collect::<Vec<_>>(), [Some(1), Some(0)]);
}
