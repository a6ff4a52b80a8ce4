//! What every request shares: the lake, the options, counters.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mtdh_core::Day;
use mtdh_core::instrument::Instrument;
use mtdh_engine::{Context, EngineError};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::coverage::Seen;
use crate::findings::SeenChecks;
use crate::live::MOST_LISTENERS;
use crate::options::Options;
use crate::slow::Slow;

/// How long an instrument table is kept.
const KEPT: Duration = Duration::from_secs(20);

/// Instrument tables that are kept.
const MOST_TABLES: usize = 4;

/// Footers that are kept: of a day of four million trades one has about 300 kB.
const KEPT_FOOTERS: usize = 128;

/// A table, its day, and when it was read.
type Table = (Instant, Day, Arc<Vec<Instrument>>);

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
    /// Places of those who listen to what is recorded. They hold them for hours, and no permit of requests.
    pub(crate) listeners: Arc<Semaphore>,
    /// Answers whose clients may be waited for.
    pub(crate) slow: Slow,
    /// Counters since the start.
    pub(crate) counters: Counters,
    /// What was seen of days lately.
    pub(crate) seen: Seen,
    /// What was seen of checks lately.
    pub(crate) seen_checks: SeenChecks,
    /// Instrument tables that were read lately, by the day that was asked for.
    tables: Mutex<BTreeMap<Option<Day>, Table>>,
    /// When this server was started.
    pub(crate) started: Instant,
    /// Cancelled when the server is to stop: what would go on for long ends by itself, as its protocol says.
    pub(crate) stop: CancellationToken,
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
    /// The state of a server on an address, which `stop` ends.
    pub fn new(context: Context, options: Options, address: SocketAddr, stop: CancellationToken) -> Shared {
        context.keep_footers(KEPT_FOOTERS);
        let turns = Arc::new(Semaphore::new(options.limits.requests.max(1)));
        let (counters, started) = (Counters::default(), Instant::now());
        Arc::new(State {
            context,
            options,
            address,
            turns,
            listeners: Arc::new(Semaphore::new(MOST_LISTENERS)),
            started,
            counters,
            stop,
            slow: Slow::default(),
            seen: Seen::default(),
            seen_checks: SeenChecks::default(),
            tables: Mutex::default(),
        })
    }
}

impl State {
    /// The instruments of a day, as they were at most 20 seconds ago; `None`: of the newest day that has a table.
    ///
    /// # Errors
    /// When there is no such table, or the lake cannot be read.
    pub async fn instruments(&self, day: Option<Day>) -> Result<(Day, Arc<Vec<Instrument>>), EngineError> {
        let known = {
            let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
            tables.get(&day).filter(|(read, _, _)| read.elapsed() < KEPT).cloned()
        };
        if let Some((_, of, rows)) = known {
            return Ok((of, rows));
        }
        let (of, rows) = self.context.instruments(day).await?;
        let rows = Arc::new(rows);
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        while tables.len() >= MOST_TABLES {
            let oldest = tables.iter().min_by_key(|(_, (read, _, _))| *read).map(|(day, _)| *day);
            oldest.and_then(|oldest| tables.remove(&oldest));
        }
        tables.insert(day, (Instant::now(), of, rows.clone()));
        Ok((of, rows))
    }
}

/// Now, microseconds since the Unix epoch, UTC.
pub(crate) fn now_us() -> i64 {
    chrono::Utc::now().timestamp_micros()
}
