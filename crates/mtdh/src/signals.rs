//! Requests to stop: Ctrl-C, a signal of the system, a terminal that closes. They are handled on a separate thread, so that
//! nothing that the program waits for (a server, a lock, a FIFO, a reader of its output) can delay them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::output::note;

/// Time for a verb to abandon its work; after that, what it still waits for is dropped. Milliseconds.
static GRACE: AtomicU64 = AtomicU64::new(1400);

/// The process ends so long after that in any case.
const LAST: Duration = Duration::from_millis(400);

/// Time for a verb to end its work after a request to stop.
pub fn grace() -> Duration {
    Duration::from_millis(GRACE.load(Ordering::Relaxed))
}

/// For a verb whose work is to end in good order, such as a recording, and may take longer for that.
pub fn take_longer(grace: Duration) {
    GRACE.store(u64::try_from(grace.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
}

/// The signal for a file that exceeds its limit (RLIMIT_FSIZE). While it is handled, the process continues and the write
/// fails.
const FILE_TOO_LARGE: SignalKind = SignalKind::from_raw(25);

/// Handles requests to stop.
pub struct Signals {
    /// Cancelled by the first request.
    pub stop: CancellationToken,
    /// The exit status if the process must be ended.
    status: Arc<AtomicU8>,
}

impl Signals {
    /// Starts to handle signals. Signals that were ignored when the program was started stay ignored, as with `nohup`.
    pub fn hear() -> Signals {
        let signals = Signals { stop: CancellationToken::new(), status: Arc::new(AtomicU8::new(130)) };
        let (stop, status) = (signals.stop.clone(), signals.status.clone());
        if let Err(error) = start(stop, status) {
            note(&format!("requests to end cannot be heard: {error}"));
        }
        signals
    }

    /// Sets the exit status of an interrupted process.
    pub fn end_with(&self, status: u8) {
        self.status.store(status, Ordering::Relaxed);
    }
}

fn start(stop: CancellationToken, status: Arc<AtomicU8>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let within = runtime.enter();
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let (sender, mut requests) = mpsc::channel(1);
    for kind in kinds.into_iter().filter(|kind| !is_ignored(*kind)) {
        runtime.spawn(pass_on(signal(kind)?, sender.clone()));
    }
    // The system's handler stays installed when its receiver is dropped.
    let _heard = signal(FILE_TOO_LARGE)?;
    drop(within);
    let hear = move || {
        // If all signals are ignored, it waits for ever.
        let _open = sender;
        runtime.block_on(async {
            requests.recv().await;
            stop.cancel();
            // On a separate thread: the reader of stderr may have stopped reading.
            std::thread::spawn(|| {
                note("stopping: files in hand are given back; press Ctrl-C again to end at once")
            });
            tokio::select! {
                () = tokio::time::sleep(grace() + LAST) => {}
                _ = requests.recv() => {}
            }
            mtdh_engine::remove_staging_dirs();
            std::process::exit(status.load(Ordering::Relaxed).into());
        })
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(hear)?;
    Ok(())
}

async fn pass_on(mut signal: Signal, requests: mpsc::Sender<()>) {
    while signal.recv().await.is_some() {
        if requests.send(()).await.is_err() {
            return;
        }
    }
}

/// Whether a signal was ignored when the program was started.
fn is_ignored(kind: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    mask(&status).is_some_and(|mask| mask >> (kind.as_raw_value() - 1) & 1 == 1)
}

/// The signals that a process ignores, one bit each, from its `/proc/PID/status`.
fn mask(status: &str) -> Option<u64> {
    let hexadecimal = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(hexadecimal.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_read_off_the_status() {
        for (status, expected) in [
            ("Name:\tmtdh\nSigIgn:\t0000000000000001\nSigCgt:\t0\n", Some(1)),
            ("SigIgn:\t0000000001001006\n", Some(0x0100_1006)),
            ("Name:\tmtdh\n", None),
            ("SigIgn:\tx\n", None),
        ] {
            assert_eq!(mask(status), expected, "{status}");
        }
    }
}
