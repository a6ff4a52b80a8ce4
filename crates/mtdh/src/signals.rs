//! Requests to end: Ctrl-C, the system's, a terminal that closes. They are heard on a thread of their own, so that nothing
//! that the program waits for (a server, a lock, a FIFO, a reader of its output) can keep it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::output::note;

/// How long a verb has to give back what it has in hand; what it waits for after that is dropped.
pub const GRACE: Duration = Duration::from_millis(1400);

/// When the process ends whatever it does.
const LAST: Duration = Duration::from_millis(1800);

/// The system's request when a file outgrows its limit (RLIMIT_FSIZE). Heard, it ends nothing, and the write fails.
const FILE_TOO_LARGE: SignalKind = SignalKind::from_raw(25);

/// What hears requests to end.
pub struct Signals {
    /// Cancelled by the first request.
    pub stop: CancellationToken,
    /// The exit status of a process that does not end by itself.
    status: Arc<AtomicU8>,
}

impl Signals {
    /// Hears from now on. What was ignored when the program was started stays so, as with `nohup`.
    pub fn hear() -> Signals {
        let signals = Signals { stop: CancellationToken::new(), status: Arc::new(AtomicU8::new(130)) };
        let (stop, status) = (signals.stop.clone(), signals.status.clone());
        if let Err(error) = start(stop, status) {
            note(&format!("requests to end cannot be heard: {error}"));
        }
        signals
    }

    /// With what exit status the process ends when it is interrupted.
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
    // The system's handler stays when what hears it is dropped.
    let _heard = signal(FILE_TOO_LARGE)?;
    drop(within);
    let hear = move || {
        // Where all are ignored, it waits for ever.
        let _open = sender;
        runtime.block_on(async {
            requests.recv().await;
            stop.cancel();
            // On a thread of its own: who reads stderr may have stopped to.
            std::thread::spawn(|| {
                note("stopping: files in hand are given back; press Ctrl-C again to end at once")
            });
            tokio::select! {
                () = tokio::time::sleep(LAST) => {}
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

/// The signals that a process ignores, a bit for each, by its `/proc/PID/status`.
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
