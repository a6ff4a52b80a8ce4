//! The only way to stdout. If the reader goes away, only printing ends: work continues, with its own exit status. Other write
//! errors are kept until the end, where [`crate::exit`] interprets them.

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::screen;

/// The state of stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing was written yet.
    Untouched,
    /// Writes succeed.
    Open,
    /// The reader has closed it.
    Unread,
    /// A write failed.
    Failed(Errno),
}

/// Whether stdout is a terminal, which progress is drawn on too.
static IS_TERMINAL: OnceLock<bool> = OnceLock::new();

static STATE: Mutex<State> = Mutex::new(State::Untouched);

fn state() -> MutexGuard<'static, State> {
    // Nothing panics while the lock is held.
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stdout; unbuffered, never returns an error.
#[derive(Clone, Copy, Debug)]
pub struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = state();
        if *state == State::Untouched {
            *state = if was_closed() { State::Failed(Errno::BADF) } else { State::Open };
        }
        let is_terminal = *state == State::Open && *IS_TERMINAL.get_or_init(|| io::stdout().is_terminal());
        let _clear = is_terminal.then(|| {
            screen::set_amid_line(bytes.last().is_some_and(|last| *last != b'\n'));
            screen::clear()
        });
        while *state == State::Open {
            match rustix::io::write(io::stdout().as_fd(), bytes) {
                Ok(written) => return Ok(written),
                Err(Errno::INTR) => {}
                Err(Errno::PIPE) => *state = State::Unread,
                Err(error) => *state = State::Failed(error),
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether somebody may still read the output.
pub fn is_read() -> bool {
    matches!(*state(), State::Untouched | State::Open)
}

/// Why the output is incomplete; `None`: it is complete, or the reader has closed it.
pub fn failure() -> Option<io::Error> {
    match *state() {
        State::Failed(error) => Some(error.into()),
        _ => None,
    }
}

/// Whether the program was started without stdout. Rust has then opened /dev/null in its place, for reading and writing, so
/// that writes succeed. An output that was opened by a shell or systemd is open for writing only. Programs that open it for
/// both, such as Python's `DEVNULL`, look the same.
fn was_closed() -> bool {
    let out = io::stdout();
    let (Ok(flags), Ok(what)) = (rustix::fs::fcntl_getfl(out.as_fd()), rustix::fs::fstat(out.as_fd())) else {
        return false;
    };
    let null = std::fs::metadata("/dev/null").map(|null| (null.dev(), null.ino()));
    flags & OFlags::ACCMODE == OFlags::RDWR && null.is_ok_and(|null| null == (what.st_dev, what.st_ino))
}
