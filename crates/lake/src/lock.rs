//! The lock that a process holds while it changes a local lake's shared tables, and how lock files are opened.
//!
//! The system releases the lock of a dead process. A living holder may be frozen: a waiting process names it, and gives up in
//! the end.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use tokio::time::Instant;

use crate::error::LakeError;

/// Time after which a waiting process logs the holder.
const SAID_AFTER: Duration = Duration::from_secs(2);

/// Time after which a waiting process gives up: changes of a table take milliseconds.
const LIMIT: Duration = Duration::from_secs(600);

/// Bytes of the line in which a holder names itself; each holder overwrites the line of the one before.
const LINE_BYTES: usize = 100;

/// Takes the lock at `path`.
///
/// # Errors
/// When the file may not be opened, or another process has held the lock for too long.
pub(crate) async fn lock(path: &Path) -> Result<File, LakeError> {
    let disk = |source| LakeError::Disk { path: path.to_owned(), source };
    let file = open(path, OFlags::CREATE).map_err(disk)?;
    let (began, mut is_said) = (Instant::now(), false);
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(std::fs::TryLockError::WouldBlock) => {}
            Err(std::fs::TryLockError::Error(source)) => return Err(disk(source)),
        }
        let waited = began.elapsed();
        if waited >= LIMIT {
            let (path, seconds) = (path.to_owned(), LIMIT.as_secs());
            return Err(LakeError::Locked { path, holder: holder(&file), seconds });
        }
        if waited >= SAID_AFTER && !is_said {
            tracing::warn!(
                lock = %path.display(), holder = holder(&file), at_most_s = LIMIT.as_secs(),
                "waiting for another process that changes the lake's tables"
            );
            is_said = true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let line = format!("{:<width$}\n", own_name(), width = LINE_BYTES - 1);
    if let Err(error) = file.write_all_at(line.as_bytes(), 0) {
        // The lock works without it; a waiting process then has no name to log.
        tracing::debug!(%error, "the lock does not say who holds it");
    }
    Ok(file)
}

/// Opens a lock file; `more` decides whether it is created. The content is kept and links are not followed. Anything but a
/// regular file is refused, because opening it could block for ever.
///
/// # Errors
/// When the disk refuses, or it is not a regular file.
pub(crate) fn open(path: &Path, more: OFlags) -> io::Result<File> {
    let how = more | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let odd = || io::Error::new(io::ErrorKind::InvalidInput, "it is a link or no plain file; remove it");
    match rustix::fs::open(path, how, Mode::from_raw_mode(0o666)) {
        Ok(opened) => {
            let file = File::from(opened);
            if file.metadata()?.is_file() { Ok(file) } else { Err(odd()) }
        }
        Err(rustix::io::Errno::LOOP | rustix::io::Errno::NXIO) => Err(odd()),
        Err(error) => Err(error.into()),
    }
}

fn own_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host.trim().chars().take(LINE_BYTES / 2).collect();
    format!("process {} of {}", std::process::id(), if host.is_empty() { "this machine" } else { &host })
}

/// The holder, as it named itself.
fn holder(file: &File) -> String {
    let mut line = [0; LINE_BYTES];
    let length = file.read_at(&mut line, 0).unwrap_or(0);
    let is_plain = |c: &char| c.is_ascii_graphic() || *c == ' ';
    let text: String = String::from_utf8_lossy(&line[..length]).chars().take_while(is_plain).collect();
    match text.trim() {
        "" => "a process that does not name itself".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_is_told_for_whom() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("update.lock");
        let held = lock(&path).await.unwrap();
        let refused = lock(&path).await.unwrap_err();
        let own = format!("process {} of ", std::process::id());
        assert!(refused.to_string().contains(&own) && refused.is_transient(), "{refused}");
        drop(held);
        lock(&path).await.unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().len(),
            LINE_BYTES as u64,
            "one line, of the last holder"
        );
    }

    #[test]
    fn what_is_no_plain_file_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("precious"), "precious").unwrap();
        std::os::unix::fs::symlink(at("precious"), at("link")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        let fifo = std::process::Command::new("mkfifo").arg(at("fifo")).status().unwrap();
        assert!(fifo.success());
        std::fs::create_dir(at("folder")).unwrap();
        for name in ["link", "socket", "fifo", "folder"] {
            assert!(open(&at(name), OFlags::CREATE).is_err(), "{name}");
        }
        assert_eq!(std::fs::read_to_string(at("precious")).unwrap(), "precious");
        open(&at("precious"), OFlags::CREATE).unwrap();
        assert_eq!(std::fs::read_to_string(at("precious")).unwrap(), "precious", "it is not emptied");
    }
}
