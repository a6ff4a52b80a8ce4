//! A small lake, and servers over it.

use std::net::SocketAddr;
use std::sync::LazyLock;

use mtdh_core::DataType;
use mtdh_engine::instruments::Removed;
use mtdh_engine::{
    Config, Context, DayRange, DownloadOptions, Filter, PlanOptions, SecretString, ValidateOptions,
};
use mtdh_serve::{Options, serve};
use mtdh_sim::{Sim, Size};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;

/// An instrument and a day of the lake.
pub const KEY: &str = "DERIBIT:PERP:BTC-USD";
pub const DAY: &str = "2024-03-01";

/// The lake: DERIBIT's perpetuals of a day. Made once; tests that change it copy it.
static LAKE: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().display().to_string();
    std::thread::spawn(move || {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let sim = Sim::start(mtdh_sim::Config { size: Size::Small, ..mtdh_sim::Config::default() })
                .await
                .unwrap();
            let config = Config {
                lake,
                api: sim.api_url(),
                datasets: sim.datasets_url(),
                key: Some(SecretString::from(mtdh_sim::FULL_KEY.to_owned())),
                cache_folder: tempfile::tempdir().unwrap().keep(),
                ..Config::default()
            };
            let context = Context::open(&config).unwrap();
            let filter = Filter {
                venues: vec!["DERIBIT".to_owned()],
                instrument_types: vec!["PERP".parse().unwrap()],
                data_types: vec![
                    DataType::Trades,
                    DataType::BookSnapshot5,
                    DataType::IncrementalBookL2,
                    DataType::DerivativeTicker,
                ],
                ..Filter::default()
            };
            let selection = filter.of_vendor(DayRange::of(DAY.parse().unwrap())).unwrap();
            context.write_instruments(&selection, Removed::Keep).await.unwrap();
            let planned = context.plan(&selection, PlanOptions::default()).await.unwrap();
            let options = DownloadOptions { run_id: Some("made".to_owned()), ..DownloadOptions::default() };
            assert!(context.download(planned.plan, options).await.unwrap().is_clean());
            context.validate(&selection, ValidateOptions::default()).await.unwrap();
            sim.stop().await;
        });
    })
    .join()
    .unwrap();
    folder
});

/// A server.
pub struct Served {
    pub address: SocketAddr,
    stop: CancellationToken,
    /// Of a copy of the lake.
    pub folder: Option<TempDir>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Serves the lake with options; the address is a free one of this machine.
pub async fn served_with(options: Options) -> Served {
    start(LAKE.path().display().to_string(), options, None).await
}

pub async fn served() -> Served {
    served_with(Options::default()).await
}

/// A copy of the lake.
pub fn copied() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(LAKE.path(), folder.path());
    folder
}

/// Serves a copy of the lake, which the test may change.
pub async fn served_copy() -> Served {
    served_copy_with(Options::default()).await
}

/// The same with options.
pub async fn served_copy_with(options: Options) -> Served {
    let folder = copied();
    start(folder.path().display().to_string(), options, Some(folder)).await
}

/// Serves a lake that a test made.
pub async fn served_folder(folder: TempDir) -> Served {
    start(folder.path().display().to_string(), Options::default(), Some(folder)).await
}

pub fn copy(from: &std::path::Path, to: &std::path::Path) {
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

async fn start(lake: String, options: Options, folder: Option<TempDir>) -> Served {
    let config =
        Config { lake, cache_folder: std::env::temp_dir().join("mtdh-serve-tests"), ..Config::default() };
    let options = Options { listen: "127.0.0.1:0".parse().unwrap(), ..options };
    let context = Context::open(&config).unwrap();
    let stop = CancellationToken::new();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let stopped = stop.clone();
    tokio::spawn(async move {
        let mut sender = Some(sender);
        let mut ready = |address| {
            if let Some(sender) = sender.take() {
                sender.send(address).unwrap();
            }
        };
        serve(context, options, &stopped, &mut ready).await.unwrap();
    });
    Served { address: receiver.await.unwrap(), stop, folder }
}

impl Served {
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Tells the server to stop.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    pub async fn get(&self, path: &str) -> reqwest::Response {
        reqwest::get(self.url(path)).await.unwrap()
    }

    /// The status, and the document of a JSON answer.
    pub async fn json(&self, path: &str) -> (u16, Value) {
        let answer = self.get(path).await;
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null))
    }

    pub async fn text(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.unwrap()
    }
}

/// A query for a replay of so many messages that they fit into no buffer.
pub fn long_replay() -> String {
    let words = ["trade", "book_change", "derivative_ticker", "quote_0ms", "book_snapshot_25_0ms"];
    let one = json!({"exchange": "deribit", "symbols": ["BTC-PERPETUAL"], "from": DAY, "to": "2024-03-02", "dataTypes": words});
    let all = Value::from(vec![one; 64]).to_string();
    format!("options={}", percent_encoding::utf8_percent_encode(&all, percent_encoding::NON_ALPHANUMERIC))
}

/// A client that takes little at a time sends a request.
pub async fn asking(served: &Served, request: String) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(served.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}
