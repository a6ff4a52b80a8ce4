//! How long a message takes from the recorder to a client: publishes trades at a rate, and reads them over a WebSocket of a real
//! server. Prints a JSON line: messages, and the latency's quantiles in microseconds. `scripts/bench_live_serve.py` runs it.
//!
//! `cargo run --release -p mtdh-serve --example live_latency -- [MESSAGES_A_SECOND] [SECONDS] [PATH]`

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mtdh_engine::live::hub::event::{Event, Position, RowsEvent};
use mtdh_engine::live::hub::{Hub, Limits};
use mtdh_engine::live::lines::{LineHints, LineReader};
use mtdh_engine::{Config, Context, DataType};
use mtdh_serve::{Options, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

const STREAM: &str = "/ws-stream-normalized?options=%7B%22exchange%22%3A%22deribit%22%2C%22dataTypes%22%3A%5B%22trade%22%5D%7D";
const KEY: &str = "DERIBIT:PERP:BTC-USD";
const START: i64 = 1_796_040_000_000_000;

/// Rows of a batch, made before.
fn batch(rows: usize) -> arrow_array::RecordBatch {
    let hints =
        LineHints { key: KEY.parse().ok(), data_type: Some(DataType::Trades), ..LineHints::default() };
    let mut reader = LineReader::new(hints);
    for row in 0..rows {
        let time = START + row as i64;
        let line = format!(
            r#"{{"timestamp":{time},"local_timestamp":{time},"id":"{row}","side":"buy","price":60000.5,"amount":0.25}}"#
        );
        reader.read(&line, START).unwrap();
    }
    reader.take_rows().pop().unwrap().1
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let words: Vec<String> = std::env::args().collect();
    let number = |place: usize, usual: u64| words.get(place).and_then(|w| w.parse().ok()).unwrap_or(usual);
    let (rate, seconds) = (number(1, 20_000), number(2, 3));
    let path = words.get(3).map_or(STREAM, String::as_str).to_owned();
    let total = (rate * seconds) as usize;

    let hub = Hub::new(Limits::default(), START);
    let stream = hub.stream("deribit", "BTC-PERPETUAL", DataType::Trades, Some(KEY));
    let folder = tempfile::tempdir().unwrap();
    let config = Config { lake: folder.path().display().to_string(), ..Config::default() };
    let options =
        Options { listen: "127.0.0.1:0".parse().unwrap(), live: Some(hub.clone()), ..Options::default() };
    let (stop, (sender, receiver)) = (CancellationToken::new(), tokio::sync::oneshot::channel());
    let stopped = stop.clone();
    let server = tokio::spawn(async move {
        let mut sender = Some(sender);
        let mut ready = |address| {
            if let Some(sender) = sender.take() {
                sender.send(address).unwrap();
            }
        };
        serve(Context::open(&config).unwrap(), options, &stopped, &mut ready).await.unwrap();
    });
    let address = receiver.await.unwrap();
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut socket = BufReader::new(socket);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    while hub.status().listeners == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    let begun = Instant::now();
    let given: Arc<Vec<AtomicU64>> = Arc::new((0..total).map(|_| AtomicU64::new(0)).collect());
    let times = given.clone();
    let publisher = std::thread::spawn(move || {
        let batch = Arc::new(batch(total));
        let first = Instant::now();
        let mut row = 0;
        while row < total {
            let due = (first.elapsed().as_nanos() as u64).saturating_mul(rate) / 1_000_000_000;
            while row < total && (row as u64) < due {
                let position = Position { session: "deribit-1".into(), line: row as u64 };
                times[row].store(begun.elapsed().as_nanos() as u64, Ordering::Release);
                hub.publish(Event::Rows(RowsEvent {
                    stream: stream.clone(),
                    batch: batch.clone(),
                    first: row,
                    rows: 1,
                    arrived: START + row as i64,
                    position,
                }));
                row += 1;
            }
            std::thread::sleep(Duration::from_micros(50));
        }
    });

    let mut latencies: Vec<u64> = Vec::with_capacity(total);
    let mut body = Vec::new();
    while latencies.len() < total {
        let kind = socket.read_u8().await.unwrap() & 0x0f;
        let bytes = match socket.read_u8().await.unwrap() {
            126 => usize::from(socket.read_u16().await.unwrap()),
            127 => socket.read_u64().await.unwrap() as usize,
            few => usize::from(few),
        };
        body.resize(bytes, 0);
        socket.read_exact(&mut body).await.unwrap();
        assert_ne!(kind, 8, "closed after {} messages: this machine is too slow", latencies.len());
        let text = std::str::from_utf8(&body).unwrap();
        let Some(id) = text.split_once("\"id\":\"").and_then(|(_, rest)| rest.split_once('"')) else {
            continue;
        };
        let row: usize = id.0.parse().unwrap();
        assert_eq!(row, latencies.len(), "a message is lost or doubled");
        latencies.push(begun.elapsed().as_nanos() as u64 - given[row].load(Ordering::Acquire));
    }
    publisher.join().unwrap();
    stop.cancel();
    server.await.unwrap();
    latencies.sort_unstable();
    let quantile = |share: f64| latencies[((total - 1) as f64 * share) as usize] as f64 / 1e3;
    println!(
        "{{\"messages\":{total},\"a_second\":{rate},\"p50_us\":{:.1},\"p99_us\":{:.1},\"p999_us\":{:.1},\"max_us\":{:.1}}}",
        quantile(0.5),
        quantile(0.99),
        quantile(0.999),
        quantile(1.0)
    );
}
