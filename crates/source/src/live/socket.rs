//! The one place that opens WebSockets.
//!
//! No extension is asked for: no exchange needs compression, and what is not inflated cannot grow. No `Origin` is sent, for which
//! Upbit allows one request in ten seconds (docs.upbit.com, rate limits, read 2026-11-29). Pings are answered with their payload
//! by the library as soon as the next message is read.

use std::time::Duration;

use bytes::Bytes;
use futures::{FutureExt, SinkExt, StreamExt};
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// How long connecting may take: name, TCP, TLS and the upgrade together.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a message may take to be sent. A peer that reads nothing for so long is gone.
const SEND: Duration = Duration::from_secs(10);
/// How long the goodbye of a close may take.
const CLOSE: Duration = Duration::from_millis(500);
/// The largest message and the largest frame, bytes. The largest known is a book of Deribit with some MB.
const LARGEST: usize = 16 << 20;
/// The buffer that each socket keeps, bytes.
const READ_BUFFER: usize = 64 << 10;

/// An open WebSocket.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// What arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrived {
    /// A message, text or binary.
    Data(Bytes),
    /// A ping, which is answered.
    Ping,
    /// A pong.
    Pong,
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The server answered, but not with a WebSocket.
    #[error("{address} answered with status {status} in place of a WebSocket")]
    Answered {
        /// The address, without its query.
        address: String,
        /// The HTTP status.
        status: u16,
        /// `Retry-After`, if it has one in seconds.
        retry_after: Option<Duration>,
    },
    /// Nothing came of it in time.
    #[error("{address} did not open a WebSocket within {} s", CONNECT.as_secs())]
    TooSlow {
        /// The address, without its query.
        address: String,
    },
    /// It could not be reached, or did not speak the protocol.
    #[error("cannot open a WebSocket to {address}: {reason}")]
    Failed {
        /// The address, without its query.
        address: String,
        /// Why.
        reason: String,
    },
}

/// How a socket ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Whether both sides said goodbye, or the server did.
    pub is_clean: bool,
    /// What was said or what broke, in one line.
    pub reason: String,
}

impl Ended {
    fn broken(reason: impl ToString) -> Ended {
        Ended { is_clean: false, reason: one_line(&reason.to_string()) }
    }
}

fn one_line(text: &str) -> String {
    text.chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl Socket {
    /// Opens a WebSocket.
    ///
    /// # Errors
    /// If there is none after ten seconds, whatever the cause.
    pub async fn connect(url: &Url) -> Result<Socket, ConnectError> {
        let address = super::address::shown(url);
        let failed = |reason: &dyn std::fmt::Display| ConnectError::Failed {
            address: address.clone(),
            reason: one_line(&reason.to_string()),
        };
        let mut request = url.as_str().into_client_request().map_err(|e| failed(&e))?;
        let agent = concat!("mtdh/", env!("CARGO_PKG_VERSION"), " (market-tick-data-handler)");
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(agent));
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(1 << 20)
            .max_message_size(Some(LARGEST))
            .max_frame_size(Some(LARGEST));
        let connecting = tokio_tungstenite::connect_async_with_config(request, Some(config), true);
        match tokio::time::timeout(CONNECT, connecting).await {
            Ok(Ok((stream, _))) => Ok(Socket { stream }),
            Ok(Err(Error::Http(answer))) => Err(ConnectError::Answered {
                address,
                status: answer.status().as_u16(),
                retry_after: retry_after(answer.headers()),
            }),
            Ok(Err(error)) => Err(failed(&error)),
            Err(_) => Err(ConnectError::TooSlow { address }),
        }
    }

    /// The next thing that arrives. Nothing is lost if the caller stops waiting.
    ///
    /// # Errors
    /// How the socket ended.
    pub async fn next(&mut self) -> Result<Arrived, Ended> {
        loop {
            let arrived = match self.stream.next().await {
                Some(Ok(message)) => arrived(message)?,
                Some(Err(error)) => return Err(ended(&error)),
                None => return Err(Ended { is_clean: true, reason: "closed".to_owned() }),
            };
            if let Some(arrived) = arrived {
                return Ok(arrived);
            }
        }
    }

    /// What has arrived already; `None` if nothing has.
    pub fn ready(&mut self) -> Option<Result<Arrived, Ended>> {
        self.next().now_or_never()
    }

    /// Sends a text.
    ///
    /// # Errors
    /// How the socket ended.
    pub async fn send(&mut self, text: &str) -> Result<(), Ended> {
        self.give(Message::text(text)).await
    }

    /// Sends a ping.
    ///
    /// # Errors
    /// How the socket ended.
    pub async fn ping(&mut self) -> Result<(), Ended> {
        self.give(Message::Ping(Bytes::new())).await
    }

    async fn give(&mut self, message: Message) -> Result<(), Ended> {
        match tokio::time::timeout(SEND, self.stream.send(message)).await {
            Ok(sent) => sent.map_err(|error| ended(&error)),
            Err(_) => Err(Ended::broken(format!("nothing could be sent for {} s", SEND.as_secs()))),
        }
    }

    /// Says goodbye, and waits a moment for the answer.
    pub async fn close(mut self) {
        // Whether the other side heard it changes nothing here.
        let _heard = tokio::time::timeout(CLOSE, self.stream.close(None)).await;
    }
}

fn arrived(message: Message) -> Result<Option<Arrived>, Ended> {
    match message {
        Message::Text(text) => Ok(Some(Arrived::Data(text.into()))),
        Message::Binary(bytes) => Ok(Some(Arrived::Data(bytes))),
        Message::Ping(_) => Ok(Some(Arrived::Ping)),
        Message::Pong(_) => Ok(Some(Arrived::Pong)),
        Message::Close(frame) => {
            let reason = frame.map_or_else(
                || "closed without a code".to_owned(),
                |frame| format!("closed with {} {}", u16::from(frame.code), frame.reason),
            );
            Err(Ended { is_clean: true, reason: one_line(reason.trim_end()) })
        }
        // Never given by a stream that is read.
        Message::Frame(_) => Ok(None),
    }
}

fn ended(error: &Error) -> Ended {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => {
            Ended { is_clean: true, reason: "closed".to_owned() }
        }
        error => Ended::broken(error),
    }
}

/// `Retry-After` in seconds; the form with a date is not used by any of the exchanges.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}
