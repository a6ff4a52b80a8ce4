//! An unfinished output file of a user: it gets its name when it is complete, and replaces an existing file in one step.
//!
//! File systems without unnamed files use a temporary name beside the output; the next process with the same output removes
//! what a killed process left. Not used for objects of a lake; `mtdh_lake` has its own staging.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mtdh_lake::WriteBack;
use rustix::fs::{AtFlags, CWD, Mode, OFlags};

/// A file that will become `target`, with the permissions of the user's other files.
#[derive(Debug)]
pub struct Unfinished {
    file: File,
    target: PathBuf,
    /// Its temporary name, beside the target.
    name: PathBuf,
    /// Whether it has that name.
    is_named: bool,
    write_back: WriteBack,
}

impl Unfinished {
    /// Starts the file that will become `output`; if that is a symbolic link, its target.
    ///
    /// # Errors
    /// When the folder cannot be written, or the output exists and is not a regular file.
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
        // Held until the process ends.
        file.try_lock()?;
        Ok(Unfinished { file, target, name, is_named, write_back: WriteBack::default() })
    }

    /// Moves the complete file to its place, flushed to the disk.
    ///
    /// # Errors
    /// When the disk refuses; then the previous file is still there.
    pub fn publish(mut self) -> io::Result<()> {
        self.write_back.wait()?;
        self.file.sync_all()?;
        if !self.is_named {
            self.take_name()?;
        }
        fs::rename(&self.name, &self.target)?;
        self.is_named = false;
        Ok(())
    }

    /// Gives the file a temporary name beside the target, since a link cannot replace a file but a rename can.
    fn take_name(&mut self) -> io::Result<()> {
        use std::os::fd::AsRawFd;
        let own = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        let link = || rustix::fs::linkat(CWD, own.as_str(), CWD, &self.name, AtFlags::SYMLINK_FOLLOW);
        // Another process may be at this step with the same output, or was killed in it.
        for _ in 0..100 {
            match link() {
                Err(rustix::io::Errno::EXIST) => match remove_dead(&self.name) {
                    Err(error) if error.kind() == ErrorKind::ResourceBusy => {
                        std::thread::sleep(Duration::from_millis(10));
                    }
                    Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                    _ => {}
                },
                linked => {
                    linked?;
                    self.is_named = true;
                    return Ok(());
                }
            }
        }
        Err(busy())
    }
}

impl Write for Unfinished {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.write_back.wrote(&self.file, written)?;
        Ok(written)
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

/// A file in `folder` that disappears when the process ends; `None`: the file system or the operating system has no unnamed
/// files.
#[cfg(target_os = "linux")]
fn without_name(folder: &Path) -> io::Result<Option<File>> {
    use rustix::io::Errno;
    // The name is given through /proc.
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

/// A new file with a name.
fn named(name: &Path) -> io::Result<File> {
    let how = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let make = || rustix::fs::open(name, how, Mode::from_raw_mode(0o666)).map(File::from);
    match make() {
        Err(rustix::io::Errno::EXIST) => {
            remove_dead(name)?;
            Ok(make()?)
        }
        other => Ok(other?),
    }
}

/// Removes what a dead process left.
fn remove_dead(name: &Path) -> io::Result<()> {
    let how = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let left = File::from(rustix::fs::open(name, how, Mode::empty())?);
    left.try_lock().map_err(|_| busy())?;
    fs::remove_file(name)
}

fn busy() -> io::Error {
    io::Error::new(ErrorKind::ResourceBusy, "another process is writing it")
}

/// Replaces a file by one with this content, completely or not at all.
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

    /// An unfinished file with a name, as on file systems without unnamed files.
    fn with_name(output: &Path) -> io::Result<Unfinished> {
        let name = output.with_file_name(".out.unfinished");
        let file = named(&name)?;
        file.try_lock()?;
        Ok(Unfinished {
            file,
            target: output.to_owned(),
            name,
            is_named: true,
            write_back: WriteBack::default(),
        })
    }

    #[test]
    fn an_output_is_replaced_whole_and_nothing_else_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("out");
        for start in [Unfinished::new, with_name] {
            fs::write(&output, "before").unwrap();
            let mut file = start(&output).unwrap();
            file.write_all(b"after").unwrap();
            assert_eq!(fs::read_to_string(&output).unwrap(), "before");
            file.publish().unwrap();
            assert_eq!(fs::read_to_string(&output).unwrap(), "after");
            drop(start(&output).unwrap());
            assert_eq!(names(folder.path()), ["out"], "what is given up leaves nothing");
        }
    }

    #[test]
    fn of_many_that_write_one_output_each_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("out");
        let write = |digit: u8| {
            for _ in 0..50 {
                write_whole(&output, &[b'0' + digit; 1000]).unwrap();
                let seen = fs::read(&output).unwrap();
                assert!(seen.len() == 1000 && seen.iter().all(|byte| *byte == seen[0]));
            }
        };
        let write = &write;
        std::thread::scope(|scope| (0..4).for_each(|digit| drop(scope.spawn(move || write(digit)))));
        assert_eq!(names(folder.path()), ["out"]);
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_what_a_living_one_has_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (output, name) = (folder.path().join("out"), folder.path().join(".out.unfinished"));
        fs::write(&name, "left").unwrap();
        write_whole(&output, b"whole").unwrap();
        assert_eq!(names(folder.path()), ["out"]);
        fs::write(&name, "left").unwrap();
        let living = with_name(&output).unwrap();
        assert_eq!(fs::read_to_string(&name).unwrap(), "", "it is a new one");
        assert!(with_name(&output).unwrap_err().to_string().contains("another process"));
        assert!(write_whole(&output, b"other").unwrap_err().to_string().contains("another process"));
        drop(living);
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
