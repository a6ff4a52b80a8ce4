//! The program `mtdh`, started from Python.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;

use pyo3::prelude::*;
use rustix::fs::{Mode, OFlags};

/// Runs a command line, whose first word is the program's name, and returns the exit status. The process is the program's
/// from here on: it hears the signals and writes to the outputs itself.
#[pyfunction]
pub fn main(py: Python<'_>, words: Vec<OsString>) -> PyResult<u8> {
    open_outputs()?;
    Ok(py.detach(|| mtdh::main(words)))
}

/// Opens /dev/null in place of each of the three standard files that is closed, as Rust does for a program of its own:
/// otherwise the next file that is opened would take its place, and be printed into.
fn open_outputs() -> io::Result<()> {
    let (input, output, error) = (io::stdin(), io::stdout(), io::stderr());
    for file in [input.as_fd(), output.as_fd(), error.as_fd()] {
        if rustix::io::fcntl_getfd(file).is_err() {
            // The lowest free number is this one, as those below it are open.
            let null = rustix::fs::open("/dev/null", OFlags::RDWR, Mode::empty())?;
            std::mem::forget(null);
        }
    }
    Ok(())
}
