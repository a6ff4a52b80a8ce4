//! Recordings of the stand-in exchange into lakes that stand still, fail and are shared, and of machines that lose their power.

mod claims;
mod power;
mod prune;
mod slow;

use std::path::Path;

use mtdh_lake::LakeOptions;
use mtdh_sim::sockets::{Pace, Server, SocketConfig};

use super::*;
use crate::live::rebuild::{Rebuilt, rebuild_day};
use crate::live::session::Bounds;

const EXCHANGE: &str = "binance-futures";

/// An exchange that sends so many messages a second.
async fn exchange(per_second: u32) -> Server {
    let config = SocketConfig {
        venues: vec![EXCHANGE.to_owned()],
        symbols: vec!["BTCUSDT".to_owned(), "ETHUSDT".to_owned()],
        pace: Pace::PerSecond(per_second),
        ..SocketConfig::default()
    };
    Server::start(config).await.unwrap()
}

fn local(folder: &Path) -> Lake {
    Lake::open(folder.to_str().unwrap(), &LakeOptions::default()).unwrap()
}

fn options(websocket: &str, rest: &str, part_every: Duration) -> RecordOptions {
    let at = |url: &str| Some(url.parse().unwrap());
    let instead = Instead { websocket: at(websocket), rest: at(rest) };
    RecordOptions { instead: [(EXCHANGE.to_owned(), instead)].into(), part_every, ..RecordOptions::default() }
}

fn wanted_of(symbols: &[&str], data_types: &[DataType]) -> [Wanted; 1] {
    let symbols = symbols.iter().map(|symbol| (*symbol).to_owned()).collect();
    [Wanted { exchange: EXCHANGE.to_owned(), symbols, data_types: data_types.to_vec() }]
}

/// A day's rows made again from the captures; at midnight, of both days.
async fn rebuilt(lake: &Lake) -> Rebuilt {
    let mut all = Rebuilt::default();
    for day in lake.captured_days(EXCHANGE).await.unwrap() {
        let one = rebuild_day(lake, EXCHANGE, day).await.unwrap();
        all.rows += one.rows;
        all.equal += one.equal;
        all.made += one.made;
        all.differ.extend(one.differ);
    }
    all
}

/// The ids of trades in the captures, by session, in their order.
async fn ids(lake: &Lake) -> BTreeMap<String, Vec<u64>> {
    let mut ids: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for day in lake.captured_days(EXCHANGE).await.unwrap() {
        for (name, _) in lake.list_segments(EXCHANGE, day).await.unwrap() {
            let mut reader = lake.read_segment(&name).await.unwrap().unwrap();
            while let Some(piece) = reader.next().unwrap() {
                let mtdh_lake::live::Piece::Line(_, line) = piece else { panic!("{name:?} has a hole") };
                let Ok(text) = serde_json::from_slice::<serde_json::Value>(&line.raw) else { continue };
                let data = &text["data"];
                if data["e"] == "trade" && data["s"] == "BTCUSDT" {
                    ids.entry(name.session.to_string()).or_default().push(data["t"].as_u64().unwrap());
                }
            }
        }
    }
    ids
}

/// Whether each follows the one before.
fn are_whole(ids: &[u64]) -> bool {
    !ids.is_empty() && ids.windows(2).all(|two| two[1] == two[0] + 1)
}
