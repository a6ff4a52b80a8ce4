//! A user's output file on its way: it has no name before it is whole, and takes the place of what is there in one step.
//!
//! On disks that know no files without a name, it has one beside the output; what a killed process left there the next one
//! for the same output removes. Not for objects of a lake: those are `mtdh_lake`'s.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};

/// A file that becomes `target`; it is as readable as the user's other files.
#[derive(Debug)]
pub struct Unfinished {
    file: File,
    target: PathBuf,
    /// Its name until it is whole, beside the target.
    name: PathBuf,
    /// Whether it has that name yet.
    is_named: bool,
}

impl Unfinished {
    /// Starts the file that becomes `output`; where that is a link, what it leads to.
    ///
    /// # Errors
    /// When the folder cannot be written, or the output is there and no plain file.
    pub fn new(output: &Path) -> io::Result<Unfinished> {
        let target = match fs::metadata(output) {
            Ok(there) if !there.is_file() => {
                return Err(io::Error::new(ErrorKind::InvalidInput, "it is there and no plain file"));
            }
            Ok(_) => fs::canonicalize(output)?,
            Err(_) => output.to_owned(),
        };
        let folder = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let last =
            target.file_name().ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "it names no file"))?;
        let mut name = OsString::from(".");
        name.push(last);
        name.push(".unfinished");
        let name = folder.join(name);
        let (file, is_named) = match without_name(folder)? {
            Some(file) => (file, false),
            None => (named(&name)?, true),
        };
        Ok(Unfinished { file, target, name, is_named })
    }

    /// Puts the whole file in its place, flushed to the disk.
    ///
    /// # Errors
    /// When the disk refuses; then what was there before still is.
    pub fn publish(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        if !self.is_named {
            self.take_name()?;
        }
        fs::rename(&self.name, &self.target)?;
        self.is_named = false;
        Ok(())
    }

    /// A link cannot take the place of a file, a renaming can: the file has a name beside the target for a moment.
    fn take_name(&mut self) -> io::Result<()> {
        use std::os::fd::AsRawFd;
        let own = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        let link = || rustix::fs::linkat(CWD, own.as_str(), CWD, &self.name, AtFlags::SYMLINK_FOLLOW);
        let linked = match link() {
            // A process was killed in just that moment.
            Err(rustix::io::Errno::EXIST) => {
                fs::remove_file(&self.name)?;
                link()
            }
            other => other,
        };
        linked?;
        self.is_named = true;
        Ok(())
    }
}

impl Write for Unfinished {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.is_named
            && let Err(error) = fs::remove_file(&self.name)
        {
            tracing::warn!(file = %self.name.display(), %error, "an unfinished file stays behind");
        }
    }
}

/// A file in `folder` that goes with the process; nothing where the disk, or the system, has no such files.
#[cfg(target_os = "linux")]
fn without_name(folder: &Path) -> io::Result<Option<File>> {
    use rustix::io::Errno;
    // A name is given by way of /proc.
    if !Path::new("/proc/self/fd").exists() {
        return Ok(None);
    }
    let how = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
    match rustix::fs::open(folder, how, Mode::from_raw_mode(0o666)) {
        Ok(file) => Ok(Some(file.into())),
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn without_name(_: &Path) -> io::Result<Option<File>> {
    Ok(None)
}

/// A new file with a name, which is locked as long as its process lives.
fn named(name: &Path) -> io::Result<File> {
    let how = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let make = || rustix::fs::open(name, how, Mode::from_raw_mode(0o666)).map(File::from);
    let file = match make() {
        Err(rustix::io::Errno::EXIST) => {
            remove_dead(name)?;
            make()?
        }
        other => other?,
    };
    file.try_lock()?;
    Ok(file)
}

/// Removes what a dead process left.
fn remove_dead(name: &Path) -> io::Result<()> {
    let how = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let left = File::from(rustix::fs::open(name, how, Mode::empty())?);
    left.try_lock().map_err(|_| io::Error::new(ErrorKind::ResourceBusy, "another process is writing it"))?;
    fs::remove_file(name)
}

/// Puts a file with this content in place of what is there, whole or not at all.
///
/// # Errors
/// As [`Unfinished::new`] and [`Unfinished::publish`].
pub fn write_whole(output: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = Unfinished::new(output)?;
    file.write_all(content)?;
    file.publish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The ways that a file can be on its way: without a name, where the disk has such files, and with one.
    const WAYS: [fn(&Path) -> Unfinished; 2] = [
        |output| Unfinished::new(output).unwrap(),
        |output| {
            let name = output.with_file_name(".out.unfinished");
            let file = named(&name).unwrap();
            Unfinished { file, target: output.to_owned(), name, is_named: true }
        },
    ];

    #[test]
    fn an_output_is_replaced_whole_and_nothing_else_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("out");
        for start in WAYS {
            let mut file = start(&output);
            fs::write(&output, "before").unwrap();
            file.write_all(b"after").unwrap();
            assert_eq!(fs::read_to_string(&output).unwrap(), "before");
            file.publish().unwrap();
            assert_eq!(fs::read_to_string(&output).unwrap(), "after");
            assert_eq!(names(folder.path()), ["out"]);
            drop(start(&output));
            assert_eq!(names(folder.path()), ["out"], "what is given up leaves nothing");
        }
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_what_a_living_one_has_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (output, name) = (folder.path().join("out"), folder.path().join(".out.unfinished"));
        fs::write(&name, "left").unwrap();
        write_whole(&output, b"whole").unwrap();
        fs::write(&name, "left").unwrap();
        let living = named(&name).unwrap();
        assert_eq!(living.metadata().unwrap().len(), 0);
        assert!(named(&name).unwrap_err().to_string().contains("another process"));
        assert_eq!(fs::read_to_string(&output).unwrap(), "whole");
    }

    #[test]
    fn a_link_is_followed_and_what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "before").unwrap();
        std::os::unix::fs::symlink("file", at("link")).unwrap();
        write_whole(&at("link"), b"after").unwrap();
        assert_eq!(fs::read_to_string(at("file")).unwrap(), "after");
        assert!(fs::symlink_metadata(at("link")).unwrap().is_symlink());
        for odd in
            [Path::new("/dev/null"), Path::new("/dev/full"), folder.path(), Path::new("/"), Path::new("")]
        {
            assert!(write_whole(odd, b"x").is_err(), "{}", odd.display());
        }
    }
}
