//! The line of progress on a terminal, among what else is written there: it is taken away before, and drawn again later.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::table::cut;

/// Whether the terminal has the line now. Locked while something is written to the terminal, so that the line is never amid it.
static DRAWN: Mutex<bool> = Mutex::new(false);

/// Whether the last line on the terminal is one of the output that has not ended: nothing is drawn over it.
static IS_AMID_LINE: AtomicBool = AtomicBool::new(false);

/// Columns of the terminal behind an output; `None`: it is no terminal, or does not say.
pub fn width_of(output: impl AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(output).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

fn drawn() -> MutexGuard<'static, bool> {
    // Nothing panics while the lock is held.
    DRAWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Draws the line in place of the one before.
pub fn draw(text: &str) {
    let mut drawn = drawn();
    if IS_AMID_LINE.load(Ordering::Relaxed) {
        return;
    }
    let width = width_of(io::stderr()).unwrap_or(80);
    // A closed stderr cannot be reported.
    let _closed = write!(io::stderr().lock(), "\r\x1b[2K{}", cut(text, width.saturating_sub(1), false));
    *drawn = true;
}

/// Takes the line away, for what is written to the terminal while the result is kept.
#[must_use = "the line may come back at once"]
pub fn clear() -> impl Drop {
    let mut drawn = drawn();
    if *drawn {
        let _closed = write!(io::stderr().lock(), "\r\x1b[2K");
        *drawn = false;
    }
    drawn
}

/// Whether what was written to the terminal ends amid a line.
pub fn set_amid_line(is_amid: bool) {
    IS_AMID_LINE.store(is_amid, Ordering::Relaxed);
}

/// Stderr for the log: the line is taken away before what is written.
pub struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _clear = clear();
        io::stderr().lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}
