//! Listening, connections and their bounds: size of headers, time for them, clients that take nothing.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::CancellationToken;

use crate::options::ServeError;
use crate::slow::Connection;
use crate::state::Shared;

/// Bytes of a request's line and headers. A longer line is answered 414, longer headers 431.
const HEADER_BYTES: usize = 64 << 10;

/// Headers of a request.
const HEADERS: usize = 100;

/// Time for a request's line and headers, also between the requests of a connection.
const HEADER_TIME: Duration = Duration::from_secs(20);

/// Time for answers to end once the server is to stop.
pub const GRACE: Duration = Duration::from_secs(1);

/// Listens on an address.
///
/// # Errors
/// When it is taken, or not this machine's.
pub async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let failed = |source| ServeError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let at = listener.local_addr().map_err(failed)?;
    Ok((listener, at))
}

/// Serves until `stop` is cancelled.
pub async fn run(listener: TcpListener, router: Router, state: Shared, stop: &CancellationToken) {
    let room = Arc::new(Semaphore::new(state.options.limits.connections.max(1)));
    let mut connections = JoinSet::new();
    loop {
        let accepted = async {
            // Closed never: the semaphore lives as long as this function.
            let place = room.clone().acquire_owned().await.ok()?;
            Some((place, listener.accept().await))
        };
        let accepted = tokio::select! {
            accepted = accepted => accepted,
            () = stop.cancelled() => break,
        };
        while connections.try_join_next().is_some() {}
        let Some((place, accepted)) = accepted else { break };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Too many open files, mostly: others end meanwhile.
                tracing::warn!(%error, "a connection was not accepted");
                sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (router, stop, idle) = (router.clone(), stop.clone(), state.options.limits.idle);
        connections.spawn(async move {
            connection(stream, router, idle, stop).await;
            drop(place);
        });
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    // What has not ended then is broken off.
    let _late = tokio::time::timeout(GRACE, ended).await;
}

async fn connection(stream: TcpStream, router: Router, idle: Duration, stop: CancellationToken) {
    // Small answers are not held back for more.
    let _as_it_is = stream.set_nodelay(true);
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_headers(HEADERS)
        .max_buf_size(HEADER_BYTES);
    builder.half_close(false);
    let (routes, connection) = (TowerToHyperService::new(router), Connection::default());
    let known = connection.clone();
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(known.clone());
        routes.call(request)
    });
    let watched = Watched { stream, idle, waiting: None, is_unmarked: connection.is_unmarked.clone() };
    let served = builder.serve_connection(TokioIo::new(watched), service).with_upgrades();
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = connection.broken.cancelled() => return,
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// A connection whose client must take bytes: one that takes none for too long is dropped.
struct Watched {
    stream: TcpStream,
    idle: Duration,
    /// Runs while a write waits.
    waiting: Option<Pin<Box<Sleep>>>,
    /// See [`Connection`].
    is_unmarked: Arc<AtomicBool>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        if self.is_unmarked.load(Ordering::Relaxed) {
            let _gone = self.stream.set_zero_linger();
        }
    }
}

impl Watched {
    /// Passes a write's result on; one that waits too long fails.
    fn watch<T>(&mut self, written: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let idle = self.idle;
        let waiting =
            self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + idle)));
        ready!(waiting.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing")))
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.watch(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.watch(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ended = Pin::new(&mut self.stream).poll_shutdown(context);
        self.watch(ended, context)
    }
}
