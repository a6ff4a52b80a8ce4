//! HTTP/1.1 by hand, one request a connection: the head of a request, the handshake of a WebSocket, and answers.

use std::collections::HashMap;
use std::io;

use percent_encoding::percent_decode_str;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tungstenite::handshake::derive_accept_key;

/// Most bytes of a request's head.
const MAX_HEAD: usize = 64 << 10;

/// The head of a request.
#[derive(Debug)]
pub(super) struct Head {
    /// Path without its query, percent signs decoded.
    pub(super) path: String,
    /// The query as it came.
    pub(super) query: String,
    headers: HashMap<String, String>,
    /// Bytes that came after the head.
    pub(super) rest: Vec<u8>,
}

impl Head {
    /// Reads a head. `None`: the client closed, or sent no HTTP.
    pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Head>> {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break at;
            }
            if bytes.len() > MAX_HEAD || stream.read_buf(&mut bytes).await? == 0 {
                return Ok(None);
            }
        };
        let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = text.split("\r\n");
        let Some(target) = lines.next().and_then(|line| line.split(' ').nth(1)) else { return Ok(None) };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let headers = lines.filter_map(|line| line.split_once(':'));
        Ok(Some(Head {
            path: percent_decode_str(path).decode_utf8_lossy().into_owned(),
            query: query.to_owned(),
            headers: headers.map(|(k, v)| (k.trim().to_ascii_lowercase(), v.trim().to_owned())).collect(),
            rest: bytes[end + 4..].to_vec(),
        }))
    }

    /// Returns a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Returns a parameter of the query.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        parameter(&self.query, name)
    }

    /// Returns the answer to a WebSocket handshake. `None`: it is none.
    pub(super) fn switching(&self) -> Option<String> {
        let is_upgrade = self.header("upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket"));
        let key = self.header("sec-websocket-key").filter(|_| is_upgrade)?;
        let accept = derive_accept_key(key.as_bytes());
        Some(format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        ))
    }
}

/// Returns a parameter of a query.
pub(super) fn parameter(query: &str, name: &str) -> Option<String> {
    let found = query.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name));
    found.map(|(_, value)| percent_decode_str(value).decode_utf8_lossy().into_owned())
}

/// An answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

impl Answer {
    /// An answer of JSON.
    pub(super) fn json(body: String) -> Answer {
        Answer { status: 200, headers: vec![("Content-Type", "application/json".to_owned())], body }
    }

    /// An answer without success.
    pub(super) fn error(status: u16, body: &str) -> Answer {
        Answer { status, body: body.to_owned(), ..Answer::json(String::new()) }
    }

    /// The same with a header more.
    pub(super) fn with(mut self, name: &'static str, value: String) -> Answer {
        self.headers.push((name, value));
        self
    }

    /// Sends it and ends the connection.
    pub(super) async fn send(&self, stream: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let headers: String =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let (status, length, body) = (self.status, self.body.len(), &self.body);
        let text = format!(
            "HTTP/1.1 {status} {}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}",
            reason(status)
        );
        stream.write_all(text.as_bytes()).await?;
        stream.shutdown().await
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        418 => "I'm a teapot",
        429 => "Too Many Requests",
        451 => "Unavailable For Legal Reasons",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Answer",
    }
}
