//! Messages of several connections, in any order between them, and of two that bring the same.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use mtdh_core::DataType;
use mtdh_source::live::feed::{Closed, ConnectionId, Frame};
use mtdh_source::live::out::Out;
use mtdh_source::live::rows::Rows;
use mtdh_source::live::venue::{Connection, Want};
use mtdh_source::live::venues;
use proptest::prelude::*;

const SYMBOLS: [&str; 3] = ["AAAUSDT", "BBBUSDT", "CCCUSDT"];

/// What one symbol's connection brings: a snapshot, then trades, updates and best levels.
fn messages(symbol: &str, kinds: &[u8]) -> Vec<(i64, String)> {
    let lower = symbol.to_lowercase();
    let snapshot = format!(
        r#"{{"stream":"{lower}@depthSnapshot","generated":true,"data":{{"lastUpdateId":100,"bids":[["9","1"]],"asks":[["11","2"]]}}}}"#
    );
    let mut messages = vec![(1_000, snapshot)];
    let (mut trade, mut update) = (500_u64, 100_u64);
    for (nth, kind) in kinds.iter().enumerate() {
        let at = 2_000 + nth as i64;
        let text = match kind % 3 {
            0 => {
                trade += 1;
                format!(
                    r#"{{"stream":"{lower}@trade","data":{{"e":"trade","E":{at},"s":"{symbol}","t":{trade},"p":"10.{nth}","q":"1","T":{at},"m":true}}}}"#
                )
            }
            1 => {
                let first = update + 1;
                update += 1 + u64::from(*kind) / 64;
                format!(
                    r#"{{"stream":"{lower}@depth@100ms","data":{{"e":"depthUpdate","E":{at},"s":"{symbol}","U":{first},"u":{update},"b":[["9","{kind}"]],"a":[]}}}}"#
                )
            }
            _ => format!(
                r#"{{"stream":"{lower}@bookTicker","data":{{"u":{nth},"s":"{symbol}","b":"9","B":"{kind}","a":"11","A":"2"}}}}"#
            ),
        };
        messages.push((at, text));
    }
    messages
}

fn want() -> Want {
    Want {
        symbols: SYMBOLS.map(str::to_owned).to_vec(),
        data_types: vec![
            DataType::Trades,
            DataType::IncrementalBookL2,
            DataType::BookTicker,
            DataType::Quotes,
        ],
        is_recorded: false,
    }
}

/// One connection a symbol.
fn plan() -> Vec<Connection> {
    let connection = |symbol: &str| Connection {
        endpoint: 0,
        path: String::new(),
        streams: ["trade", "depth@100ms", "bookTicker"]
            .map(|stream| format!("{}@{stream}", symbol.to_lowercase()))
            .to_vec(),
    };
    SYMBOLS.map(connection).to_vec()
}

type ByStream = BTreeMap<(String, DataType), RecordBatch>;

/// The rows by stream, and how many losses were told.
fn rows(mut out: Out) -> (ByStream, usize) {
    let taken = out.rows.take();
    let named = taken.batches.into_iter().map(|(stream, batch)| {
        let name = out.rows.name(stream);
        ((name.symbol.to_string(), name.data_type), batch)
    });
    (named.collect(), out.gaps.len())
}

/// Feeds messages of connections in an order.
fn fed(order: &[(ConnectionId, i64, &str)]) -> (ByStream, usize) {
    let plan = plan();
    let mut feed = venues::find("binance").unwrap().feed(&want(), &plan);
    let mut out = Out { rows: Rows::with_groups(), ..Out::default() };
    for place in 0..plan.len() as u32 {
        feed.opened(ConnectionId(place), 0, &mut out);
    }
    for (connection, at, text) in order {
        if connection.0 >= plan.len() as u32 {
            feed.opened(*connection, *at, &mut out);
        }
        match *text {
            "" => feed.closed(*connection, Closed::Local, *at, &mut out),
            text => feed.message(*connection, Frame::Data(text.as_bytes()), *at, &mut out),
        }
    }
    rows(out)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_between_connections_changes_no_rows(
        kinds in proptest::collection::vec(any::<u8>(), 1..60),
        turns in proptest::collection::vec(0_usize..3, 200),
    ) {
        let all: Vec<_> = SYMBOLS.iter().map(|symbol| messages(symbol, &kinds)).collect();
        let one_by_one: Vec<_> = all
            .iter()
            .enumerate()
            .flat_map(|(place, list)| list.iter().map(move |(at, text)| (ConnectionId(place as u32), *at, text.as_str())))
            .collect();
        let mut left: Vec<_> = all.iter().map(|list| list.iter()).collect();
        let mut mixed = Vec::new();
        for turn in turns.into_iter().chain((0..3).flat_map(|place| std::iter::repeat_n(place, 100))) {
            if let Some((at, text)) = left[turn].next() {
                mixed.push((ConnectionId(turn as u32), *at, text.as_str()));
            }
        }
        let (expected, losses) = fed(&one_by_one);
        prop_assert_eq!(losses, 0);
        prop_assert!(!expected.is_empty());
        prop_assert_eq!(fed(&mixed), (expected, 0));
    }

    /// The successor of a connection brings the same, earlier or later, and the old one is closed somewhere.
    #[test]
    fn a_connection_that_takes_over_brings_each_trade_and_update_once(
        kinds in proptest::collection::vec(any::<u8>(), 1..60),
        lag in -20_i64..20,
        closing in 0_usize..60,
    ) {
        let list = messages(SYMBOLS[0], &kinds);
        let alone: Vec<_> = list.iter().map(|(at, text)| (ConnectionId(0), *at, text.as_str())).collect();
        let mut both: Vec<(i64, ConnectionId, &str)> = Vec::new();
        let end = list.len().min(closing + 1);
        for (nth, (_, text)) in list.iter().enumerate() {
            let nth = nth as i64 * 2;
            if (nth as usize) / 2 < end {
                both.push((nth, ConnectionId(0), text));
            }
            both.push((nth + 1 + lag * 2, ConnectionId(3), text));
        }
        // The old one is closed when the new one has brought as much.
        both.push((end as i64 * 2 + 2 + 2 * lag.max(0), ConnectionId(0), ""));
        both.sort_by_key(|(at, connection, _)| (*at, *connection));
        let both: Vec<_> = both.into_iter().map(|(at, connection, text)| (connection, 2_000 + at.max(0), text)).collect();
        let (expected, _) = fed(&alone);
        let (found, losses) = fed(&both);
        prop_assert_eq!(losses, 0);
        for data_type in [DataType::Trades, DataType::IncrementalBookL2] {
            let without_arrival = |rows: &ByStream| {
                let batch = rows.get(&(SYMBOLS[0].to_owned(), data_type)).cloned();
                batch.map(|batch| batch.project(&[2, 3, 4, 5]).unwrap())
            };
            prop_assert_eq!(without_arrival(&found), without_arrival(&expected));
        }
    }
}
