//! Large files go to the disk while they are written, so that little is left for the sync at their end.

use std::fs::File;
use std::io;
use std::thread::JoinHandle;

/// Bytes after which what was written is sent to the disk.
const STEP_BYTES: u64 = 8 << 20;

/// Sends a growing file to the disk, step by step, on a thread of its own.
#[derive(Debug, Default)]
pub struct WriteBack {
    /// Bytes since the last step began.
    since: u64,
    running: Option<JoinHandle<io::Result<()>>>,
}

impl WriteBack {
    /// Notes that `file` has grown by `bytes`.
    ///
    /// # Errors
    /// When the disk refused an earlier step: the system tells it once, so the sync at the end would not know.
    pub fn wrote(&mut self, file: &File, bytes: usize) -> io::Result<()> {
        self.since += bytes as u64;
        if self.since < STEP_BYTES || self.running.as_ref().is_some_and(|step| !step.is_finished()) {
            return Ok(());
        }
        self.wait()?;
        self.since = 0;
        let file = file.try_clone()?;
        self.running = Some(std::thread::Builder::new().spawn(move || file.sync_data())?);
        Ok(())
    }

    /// Waits for the step that runs. The rest is left for the caller's own sync.
    ///
    /// # Errors
    /// As [`WriteBack::wrote`].
    pub fn wait(&mut self) -> io::Result<()> {
        let Some(step) = self.running.take() else { return Ok(()) };
        step.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_disk_refuses_in_a_step_is_told_at_the_end() {
        // A device that cannot be synced.
        let device = File::options().write(true).open("/dev/full").unwrap();
        let mut write_back = WriteBack::default();
        write_back.wrote(&device, STEP_BYTES as usize - 1).unwrap();
        write_back.wait().unwrap();
        write_back.wrote(&device, 1).unwrap();
        assert!(write_back.wait().is_err());
        write_back.wait().unwrap();
    }

    #[test]
    fn a_step_begins_when_enough_was_written_and_none_runs() {
        let file = tempfile::tempfile().unwrap();
        let mut write_back = WriteBack::default();
        for (bytes, runs) in [(1, false), (STEP_BYTES as usize, true), (1, true)] {
            write_back.wrote(&file, bytes).unwrap();
            assert_eq!(write_back.running.is_some(), runs, "{bytes}");
        }
        write_back.wait().unwrap();
        write_back.wrote(&file, 1).unwrap();
        assert!(write_back.running.is_none());
    }
}
