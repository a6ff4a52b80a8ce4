//! A client of a WebSocket, byte by byte.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Time for what comes at once.
const SOON: Duration = Duration::from_secs(20);

pub struct Socket(TcpStream);

/// A frame.
#[derive(Debug, PartialEq)]
pub enum Frame {
    Text(String),
    Close(u16, String),
    Other(u8),
}

impl Socket {
    /// Opens a path with further headers; `Err`: the status of the answer.
    pub async fn open(address: SocketAddr, path: &str, headers: &str) -> Result<Socket, u16> {
        let socket = TcpSocket::new_v4().unwrap();
        // A client that takes little is soon behind.
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stream = socket.connect(address).await.unwrap();
        let host = if headers.contains("Host:") { String::new() } else { format!("Host: {address}\r\n") };
        let request = format!(
            "GET {path} HTTP/1.1\r\n{host}{headers}Connection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(tokio::time::timeout(SOON, stream.read_u8()).await.unwrap().unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        if status == 101 { Ok(Socket(stream)) } else { Err(status) }
    }

    /// The next frame.
    pub async fn frame(&mut self) -> Frame {
        tokio::time::timeout(SOON, self.read()).await.unwrap()
    }

    async fn read(&mut self) -> Frame {
        let stream = &mut self.0;
        let kind = stream.read_u8().await.unwrap() & 0x0f;
        let bytes = match stream.read_u8().await.unwrap() {
            126 => u64::from(stream.read_u16().await.unwrap()),
            127 => stream.read_u64().await.unwrap(),
            few => u64::from(few),
        };
        let mut body = vec![0; usize::try_from(bytes).unwrap()];
        stream.read_exact(&mut body).await.unwrap();
        match kind {
            1 => Frame::Text(String::from_utf8(body).unwrap()),
            8 if body.len() >= 2 => {
                let reason = String::from_utf8(body[2..].to_vec()).unwrap();
                Frame::Close(u16::from_be_bytes([body[0], body[1]]), reason)
            }
            other => Frame::Other(other),
        }
    }

    /// The next text.
    pub async fn text(&mut self) -> String {
        match self.frame().await {
            Frame::Text(text) => text,
            other => panic!("{other:?}"),
        }
    }

    /// The code and reason that end it; what comes before is dropped.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            if let Frame::Close(code, reason) = self.frame().await {
                return (code, reason);
            }
        }
    }

    /// Says a text of so many bytes.
    pub async fn say(&mut self, bytes: u64) {
        let mut frame = vec![0x81, 0xff];
        frame.extend_from_slice(&bytes.to_be_bytes());
        frame.extend_from_slice(&[0; 4]);
        frame.resize(frame.len() + bytes as usize, b'x');
        // The server may have closed before all was taken.
        let _closed = self.0.write_all(&frame).await;
    }
}
