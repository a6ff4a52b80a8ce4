//! What every request shares: the lake, the options, counters.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use mtdh_engine::Context;
use tokio::sync::Semaphore;

use crate::options::Options;

/// The state, as handlers get it.
pub type Shared = Arc<State>;

/// What every request shares.
pub struct State {
    /// The lake.
    pub context: Context,
    /// How to serve.
    pub options: Options,
    /// The address that is listened on.
    pub address: SocketAddr,
    /// Permits of requests that are worked on.
    pub(crate) turns: Arc<Semaphore>,
    /// Counters since the start.
    pub(crate) counters: Counters,
    /// When this server was started.
    pub(crate) started: Instant,
}

/// Counters since the start.
#[derive(Default)]
pub(crate) struct Counters {
    /// Requests.
    pub requests: AtomicU64,
    /// Answers whose status is 400 to 499.
    pub refused: AtomicU64,
    /// Answers whose status is 500 or above.
    pub failed: AtomicU64,
    /// Answers that were broken off, because reading failed in mid-stream or the client took nothing.
    pub broken: AtomicU64,
    /// Bytes of bodies.
    pub bytes: AtomicU64,
    /// Rows in answers.
    pub rows: AtomicU64,
}

impl State {
    /// The state of a server on an address.
    pub fn new(context: Context, options: Options, address: SocketAddr) -> Shared {
        let turns = Arc::new(Semaphore::new(options.limits.requests.max(1)));
        let (counters, started) = (Counters::default(), Instant::now());
        Arc::new(State { context, options, address, turns, counters, started })
    }
}

/// Now, microseconds since the Unix epoch, UTC.
pub(crate) fn now_us() -> i64 {
    chrono::Utc::now().timestamp_micros()
}
