//! The recording of one venue: its links, its capture and its rows, on a thread of its own.
//!
//! The order is that of durability: what arrives becomes a line of the capture first, then rows. What comes after the capture may
//! stand still or fail: then nothing more is read, and nothing that was read is lost. Start with [`start`].

mod lanes;
mod pile;
pub(super) mod publish;
mod run;
pub mod waiting;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mtdh_lake::live::{SealedSegment, SessionId};
use mtdh_source::Url;
use mtdh_source::live::address::Reached;
use mtdh_source::live::link::Rules;
use mtdh_source::live::out::Gap;
use mtdh_source::live::venue::Venue;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::LiveError;
use super::hub::Hub;
use super::machine::Counts;
use super::plan::SessionPlan;
use waiting::{Share, Waits};

/// How a session records.
#[derive(Clone)]
pub struct Settings {
    /// The venue.
    pub venue: &'static dyn Venue,
    /// What.
    pub plan: SessionPlan,
    /// Where the venue is reached.
    pub reached: Reached,
    /// The rules of its connections.
    pub rules: Rules,
    /// Its name.
    pub session: SessionId,
    /// The folder of all captures.
    pub folder: PathBuf,
    /// How old lines become before they are on the disk; zero: each frame is brought there as it is written.
    pub durable: Duration,
    /// How often rows become parts.
    pub part_every: Duration,
    /// Whether only the capture is written.
    pub is_capture_only: bool,
    /// When a session before received last that did not end in good order, microseconds since the Unix epoch, UTC.
    pub crashed: Option<i64>,
    /// Who follows.
    pub hub: Option<Arc<Hub>>,
    /// What may wait to be taken.
    pub bounds: Bounds,
    /// Brings a file to the disk.
    pub sync: Sync,
}

/// What brings a file to the disk: [`std::fs::File::sync_data`], or what a test has in its place.
pub type Sync = fn(&std::fs::File) -> std::io::Result<()>;

/// What may wait to be taken. Behind it nothing is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of rows in memory. What comes behind them waits on the disk, beside the captures.
    pub rows: usize,
    /// Bytes of gaps, which are in memory.
    pub gaps: usize,
    /// Stretches, lists of gaps and segments together.
    pub works: usize,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds { rows: 32 << 20, gaps: 8 << 20, works: 1024 }
    }
}

/// What a session hands on. The channel is bounded: while it is full the session reads nothing.
#[derive(Debug)]
pub enum Work {
    /// Rows to publish, after their lines are on the disk: see [`Running::durable`].
    Stretch(Waits),
    /// Gaps for the table.
    Gaps(Vec<Gap>, Share),
    /// A segment of the capture that is whole.
    Sealed(SealedSegment),
    /// Rows that could not wait, as the disk took none of them. They are to be made of the captures.
    Left,
}

/// What a session tells while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// How it stands; once a second.
    State(State),
    /// Something that people should know.
    Note(String),
    /// A stream was refused.
    Refused {
        /// The stream.
        stream: String,
        /// The venue's words.
        words: String,
    },
}

/// How a session stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Connections of the plan.
    pub connections: u32,
    /// Of these, open ones.
    pub open: u32,
    /// Counts since the start.
    pub counts: Counts,
    /// Lines of the capture.
    pub lines: u64,
    /// When the last message arrived, microseconds since the Unix epoch, UTC; `None`: none did.
    pub last: Option<i64>,
    /// Gaps so far.
    pub gaps: u64,
}

/// How a session ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// How it stood at the end.
    pub state: State,
    /// Connections that the venue refuses for good, with its words.
    pub given_up: Vec<String>,
    /// Whether the feed was given up, so that from then on only the capture was written.
    pub is_capture_only: bool,
}

/// A session that runs.
pub struct Running {
    /// Its end.
    pub thread: std::thread::JoinHandle<Result<Ended, LiveError>>,
    /// What it hands on.
    pub work: mpsc::Receiver<Work>,
    /// The number of the first line that is not on the disk yet.
    pub durable: watch::Receiver<u64>,
    /// What it tells.
    pub told: mpsc::Receiver<Told>,
}

/// What waits to be told, at most; more is not told.
const TOLD: usize = 1024;

/// Starts a session. It ends when `stop` is cancelled, or all its connections are refused for good.
///
/// # Errors
/// When the capture cannot be begun, an address is wrong, or no thread can be started.
pub fn start(settings: Settings, stop: CancellationToken) -> Result<Running, LiveError> {
    let exchange = settings.plan.exchange.clone();
    let (work_to, work) = mpsc::channel(settings.bounds.works);
    let (told_to, told) = mpsc::channel(TOLD);
    let (durable_to, durable) = watch::channel(0);
    let recording = run::Session::new(settings, work_to, told_to, durable_to)?;
    let failed = |source| LiveError::Thread { exchange: exchange.clone(), source };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let thread = std::thread::Builder::new().name(format!("live {exchange}"));
    let thread = thread.spawn(move || runtime.block_on(recording.run(stop))).map_err(failed)?;
    Ok(Running { thread, work, durable, told })
}

/// The address of a connection.
fn url(settings: &Settings, connection: u32) -> Result<Url, LiveError> {
    let exchange = settings.plan.exchange.clone();
    let planned = settings.plan.connections.get(connection as usize);
    let base = planned.and_then(|planned| settings.reached.websockets.get(planned.endpoint));
    let (Some(planned), Some(base)) = (planned, base) else {
        return Err(LiveError::Nothing { exchange });
    };
    mtdh_source::live::address::joined(base, &planned.path)
        .map_err(|source| LiveError::Address { exchange, source })
}
