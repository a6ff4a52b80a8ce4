//! Sockets that a handler can break, and that end with their world.

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
    /// Listens on a port, or on a free one.
    pub(crate) async fn bind(port: Option<u16>, stopped: watch::Receiver<bool>) -> io::Result<Listener> {
        let tcp = TcpListener::bind(("127.0.0.1", port.unwrap_or(0))).await?;
        Ok(Listener { tcp, stopped })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

impl axum::serve::Listener for Listener {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        loop {
            match self.tcp.accept().await {
                Ok((stream, peer)) => return (Wire::new(stream, peer, self.stopped.clone()), peer),
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

/// Breaks a connection from within the handler of a request.
#[derive(Clone, Debug)]
pub(crate) struct Switch {
    is_broken: Arc<AtomicBool>,
    peer: IpAddr,
}

impl Switch {
    /// The connection is reset as soon as anything would be sent over it.
    pub(crate) fn break_connection(&self) {
        self.is_broken.store(true, Ordering::Relaxed);
    }

    /// The client's address.
    pub(crate) fn peer(&self) -> IpAddr {
        self.peer
    }
}

impl Connected<IncomingStream<'_, Listener>> for Switch {
    fn connect_info(stream: IncomingStream<'_, Listener>) -> Switch {
        stream.io().switch.clone()
    }
}

/// Waits until the world ends.
pub(crate) async fn ended(mut stopped: watch::Receiver<bool>) {
    while !*stopped.borrow_and_update() && stopped.changed().await.is_ok() {}
}

/// One connection.
pub(crate) struct Wire {
    stream: TcpStream,
    switch: Switch,
    /// Ends with the world; nothing once it has.
    stopped: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Wire {
    fn new(stream: TcpStream, peer: SocketAddr, stopped: watch::Receiver<bool>) -> Wire {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "connection without TCP_NODELAY");
        }
        Wire {
            stream,
            switch: Switch { is_broken: Arc::default(), peer: peer.ip() },
            stopped: Some(Box::pin(ended(stopped))),
        }
    }

    /// An error once the connection has to end.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.switch.is_broken.load(Ordering::Relaxed) {
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

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
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
