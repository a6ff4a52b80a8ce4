//! A vendor that answers by a script, on a loopback port, and remembers what it was asked.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response};
use futures::{StreamExt, stream};
use mtdh_source::Url;
use mtdh_source::http::HttpClient;
use mtdh_source::http::rate_limit::Budget;
use mtdh_source::http::retry::RetryPolicy;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// An API key that must show nowhere.
pub const KEY: &str = "TD.marker-of-a-secret-key";

/// One answer of a script.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    pieces: Vec<Vec<u8>>,
    is_chunked: bool,
    is_cut: bool,
}

impl Reply {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Reply {
        Reply { status, headers: Vec::new(), pieces: vec![body.into()], is_chunked: false, is_cut: false }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        self.headers.push((name, value.into()));
        self
    }

    /// The body comes in pieces of one byte, without a length.
    pub fn dripping(mut self) -> Reply {
        self.pieces = self.pieces.concat().into_iter().map(|byte| vec![byte]).collect();
        self.chunked()
    }

    /// The body comes without a length.
    pub fn chunked(mut self) -> Reply {
        self.is_chunked = true;
        self
    }

    /// The connection ends before the body does.
    pub fn cut(mut self) -> Reply {
        self.is_cut = true;
        self
    }

    fn response(&self) -> Response<Body> {
        let mut response = Response::builder().status(self.status);
        for (name, value) in &self.headers {
            response = response.header(*name, value);
        }
        if !self.is_chunked {
            response = response.header("content-length", self.pieces.concat().len());
        }
        let mut pieces: Vec<io::Result<Vec<u8>>> = self.pieces.iter().cloned().map(Ok).collect();
        if self.is_cut {
            let last = self.pieces.concat();
            pieces = vec![Ok(last[..last.len() / 2].to_vec()), Err(io::Error::other("cut"))];
        }
        // A pause before each piece lets the server send what it has: an error would discard it.
        let pieces = stream::iter(pieces).then(|piece| async {
            tokio::task::yield_now().await;
            piece
        });
        response.body(Body::from_stream(pieces)).unwrap()
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

#[derive(Clone)]
struct Script {
    replies: Arc<Vec<Reply>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// A running server; it ends when it is dropped.
pub struct Server {
    url: Url,
    script: Script,
    serving: JoinHandle<io::Result<()>>,
}

impl Server {
    /// The n-th request gets the n-th reply, further ones the last.
    pub async fn start(replies: impl IntoIterator<Item = Reply>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap()).parse().unwrap();
        let script = Script { replies: Arc::new(replies.into_iter().collect()), asked: Arc::default() };
        let router = Router::new().fallback(answer).with_state(script.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        Server { url, script, serving }
    }

    /// Base of its URLs.
    pub fn url(&self) -> Url {
        self.url.clone()
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.script.asked.lock().unwrap().clone()
    }

    pub fn queries(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.query).collect()
    }

    /// A text without the server's address, which changes from run to run.
    pub fn without_address(&self, text: &str) -> String {
        text.replace(self.url.as_str(), "BASE")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(State(script): State<Script>, request: Request) -> Response<Body> {
    let uri = request.uri();
    let (path, query) = (uri.path().to_owned(), uri.query().unwrap_or_default().to_owned());
    let asked = Asked { path, query, headers: request.headers().clone() };
    let place = {
        let mut all = script.asked.lock().unwrap();
        all.push(asked);
        all.len() - 1
    };
    script.replies[place.min(script.replies.len() - 1)].response()
}

pub fn client() -> HttpClient {
    HttpClient::new(Some(&KEY.into()), Budget::default()).unwrap()
}

/// Four attempts, with hardly a wait in between.
pub fn policy() -> RetryPolicy {
    let (first_wait, longest_wait) = (Duration::from_millis(1), Duration::from_millis(2));
    RetryPolicy { attempts: 4, first_wait, longest_wait }
}

pub fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// A page as networks in front of a vendor answer.
pub const PAGE: &str = "<!DOCTYPE html>\n<html>\n  <title>Attention Required!</title>\n</html>";
