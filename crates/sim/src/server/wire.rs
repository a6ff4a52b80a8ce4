//! Connections that a handler can reset, and that end when the simulator stops.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A listener on the loopback interface.
pub(crate) struct Listener {
    tcp: TcpListener,
    stopped: watch::Receiver<bool>,
}

impl Listener {
    /// Binds a port, or a free one.
    ///
    /// # Errors
    /// Fails when the port cannot be bound.
    pub(crate) async fn bind(port: Option<u16>, stopped: watch::Receiver<bool>) -> io::Result<Listener> {
        let tcp = TcpListener::bind(("127.0.0.1", port.unwrap_or(0))).await?;
        Ok(Listener { tcp, stopped })
    }

    /// Returns the address that is listened on.
    ///
    /// # Errors
    /// Fails when the socket has none.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

impl axum::serve::Listener for Listener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            match self.tcp.accept().await {
                Ok((stream, peer)) => return (Connection::new(stream, peer, self.stopped.clone()), peer),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// Lets the handler of a request reset its connection.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionHandle {
    is_broken: Arc<AtomicBool>,
    peer: IpAddr,
}

impl ConnectionHandle {
    /// Resets the connection at the next read or write.
    pub(crate) fn break_connection(&self) {
        self.is_broken.store(true, Ordering::Relaxed);
    }

    /// Returns the client's address.
    pub(crate) fn peer(&self) -> IpAddr {
        self.peer
    }
}

impl Connected<IncomingStream<'_, Listener>> for ConnectionHandle {
    fn connect_info(stream: IncomingStream<'_, Listener>) -> ConnectionHandle {
        stream.io().handle.clone()
    }
}

/// Waits until the simulator stops.
pub(crate) async fn wait_until_stopped(mut stopped: watch::Receiver<bool>) {
    while !*stopped.borrow_and_update() && stopped.changed().await.is_ok() {}
}

/// A connection.
pub(crate) struct Connection {
    stream: TcpStream,
    handle: ConnectionHandle,
    /// Completes when the simulator stops; `None` from then on.
    stopped: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Connection {
    fn new(stream: TcpStream, peer: SocketAddr, stopped: watch::Receiver<bool>) -> Connection {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "connection without TCP_NODELAY");
        }
        Connection {
            stream,
            handle: ConnectionHandle { is_broken: Arc::default(), peer: peer.ip() },
            stopped: Some(Box::pin(wait_until_stopped(stopped))),
        }
    }

    /// Fails once the connection has to end.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.handle.is_broken.load(Ordering::Relaxed) {
            self.stream.set_zero_linger()?;
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if let Some(stopped) = &mut self.stopped
            && stopped.as_mut().poll(cx).is_pending()
        {
            return Ok(());
        }
        self.stopped = None;
        Err(io::ErrorKind::ConnectionAborted.into())
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
