//! A venue that ends each connection after 24 hours, in a clock in which that is a few seconds: the successor is there before.

use std::collections::BTreeMap;
use std::time::Duration;

use arrow_array::cast::AsArray;
use mtdh_core::{DataType, Day};
use mtdh_engine::live::record::{Instead, RecordOptions, Rules, Wanted, prepare, record};
use mtdh_engine::{Lake, LakeOptions};
use mtdh_lake::live::{Kind, Piece};
use mtdh_sim::sockets::{Pace, Server, SocketConfig};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tokio_util::sync::CancellationToken;

/// The venue's clock: 24 hours are eight seconds.
const SPEED: f64 = 86_400.0 / 8.0;
const VENUE: &str = "binance";

/// The files of a folder and those below it, in order.
fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path().is_dir() {
            true => found.extend(files(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found.sort();
    found
}

/// The ids of the trades in all parts and objects.
fn ids(lake: &std::path::Path) -> Vec<i64> {
    let mut ids = Vec::new();
    let is_of_trades = |path: &std::path::PathBuf| path.display().to_string().contains("data_type-trades");
    for path in files(&lake.join("live_tick_data")).into_iter().filter(is_of_trades) {
        let file = std::fs::File::open(path).unwrap();
        for batch in ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap() {
            let batch = batch.unwrap();
            let texts = batch.column_by_name("id").unwrap().as_string::<i32>();
            ids.extend(texts.iter().map(|id| id.unwrap().parse::<i64>().unwrap()));
        }
    }
    ids
}

/// What happened to the connections, in order: their number and the word.
async fn happened(lake: &Lake) -> Vec<(u32, String)> {
    let today = Day::containing_us(chrono::Utc::now().timestamp_micros()).unwrap();
    let mut found = Vec::new();
    for day in [today.previous(), today] {
        for (name, _) in lake.list_segments(VENUE, day).await.unwrap() {
            let mut segment = lake.read_segment(&name).await.unwrap().unwrap();
            while let Some(piece) = segment.next().unwrap() {
                let Piece::Line(_, line) = piece else { panic!("{piece:?}") };
                if let (Kind::Event, Some(lane)) = (line.kind, line.connection) {
                    let text = String::from_utf8(line.raw.to_vec()).unwrap();
                    found.push((lane, text.split(' ').next().unwrap().to_owned()));
                }
            }
        }
    }
    found.retain(|(_, word)| ["opened", "closed", "ended"].contains(&word.as_str()));
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_the_end_of_24_hours_a_successor_takes_over_and_nothing_is_lost_or_doubled() {
    let config = SocketConfig {
        venues: vec![VENUE.to_owned()],
        symbols: vec!["btcusdt".to_owned()],
        pace: Pace::PerSecond(200),
        speed: SPEED,
        ..SocketConfig::default()
    };
    let server = Server::start(config).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(folder.path().to_str().unwrap(), &LakeOptions::default()).unwrap();
    let instead = Instead {
        websocket: Some(server.ws_url(VENUE).parse().unwrap()),
        rest: Some(server.rest_url(VENUE).parse().unwrap()),
    };
    // Half an hour of the venue's before its end would be too short for the seconds in which two connections overlap.
    let rules = Rules {
        silence: Duration::from_secs(60),
        ping: None,
        messages: vec![(5, Duration::from_secs(1))],
        connects: Vec::new(),
        lifetime: Some(Duration::from_millis(1_300)),
    };
    let options = RecordOptions {
        instead: BTreeMap::from([(VENUE.to_owned(), instead)]),
        rules: Some(rules),
        part_every: Duration::from_secs(1),
        ..RecordOptions::default()
    };
    let wanted = Wanted {
        exchange: VENUE.to_owned(),
        symbols: vec!["BTCUSDT".to_owned()],
        data_types: vec![DataType::Trades, DataType::IncrementalBookL2],
    };
    let prepared = prepare(&lake, &[wanted], &options).await.unwrap();
    let stop = CancellationToken::new();
    let until = stop.clone();
    // Beyond the first connection's end, and before that of the second.
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(8_700)).await;
        until.cancel();
    });
    let summary = record(&lake, prepared, &stop, |_| {}).await.unwrap();
    let venue = &summary.venues[0];
    assert!(venue.failures.is_empty() && venue.gaps == 0 && venue.unread == 0, "{venue:?}");
    let lived: Vec<(u32, String)> = happened(&lake).await;
    let lived: Vec<(u32, &str)> = lived.iter().map(|(lane, word)| (*lane, word.as_str())).collect();
    assert_eq!(lived, [(0, "opened"), (1, "opened"), (0, "ended"), (1, "ended")]);
    let ids = ids(folder.path());
    assert!(ids.len() > 100, "{}", ids.len());
    assert!(ids.windows(2).all(|two| two[1] == two[0] + 1), "each trade once, none missing: {ids:?}");
    assert!(files(&folder.path().join("live_gaps")).is_empty(), "no gap is told");
    // The venue saw nobody leave unserved, and no limit broken.
    assert_eq!((server.truth(), server.breaches()), (vec![], vec![]));
    server.stop().await;
}

/// What the venue allows is what the recorder plans with: it replaces connections half an hour before their end, and up to a fortieth
/// of their life earlier.
#[test]
fn venues_with_a_limit_of_24_hours_are_known() {
    for (exchange, hours) in [("binance", Some(24)), ("binance-futures", Some(24)), ("deribit", None)] {
        let limits = mtdh_source::live::limits::limits(exchange).unwrap();
        let lifetime = Rules::of(limits).lifetime;
        assert_eq!(lifetime, hours.map(|hours| Duration::from_secs(hours * 3_600 - 1_800)), "{exchange}");
    }
}
