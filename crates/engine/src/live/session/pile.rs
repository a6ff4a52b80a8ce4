//! Rows that wait on the disk, in one file without a name: it is gone with the process, and what was in it is in the captures.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::RecordBatch;
use arrow_ipc::CompressionType;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use mtdh_core::{DataType, Day};
use mtdh_source::live::out::Gap;
use serde::{Deserialize, Serialize};

use crate::InstrumentKey;
use crate::live::maker::{Stretch, StretchRows};

/// Where rows wait on the disk.
#[derive(Clone, Debug)]
pub(super) struct Pile {
    folder: PathBuf,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    file: Option<Arc<File>>,
    end: u64,
    pieces: usize,
}

/// A stretch on the disk; its gaps are in memory.
#[derive(Debug)]
pub(super) struct Piece {
    at: u64,
    bytes: u64,
    partitions: usize,
    file: Arc<File>,
    lines: (u64, u64),
    times: (i64, i64),
    gaps: Vec<Gap>,
    _held: Held,
}

/// Keeps the file from being emptied.
#[derive(Debug)]
struct Held(Pile);

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.pieces -= 1;
        if state.pieces == 0 {
            state.end = 0;
            if let Some(Err(error)) = state.file.as_ref().map(|file| file.set_len(0)) {
                tracing::debug!(%error, "the disk keeps rows that waited until the session ends");
            }
        }
    }
}

/// What stands before the rows of a partition, in a line.
#[derive(Serialize, Deserialize)]
struct Head {
    day: String,
    data_type: String,
    key: String,
    symbol: String,
    is_carried: bool,
    bytes: u64,
}

impl Pile {
    pub fn new(folder: &Path) -> Pile {
        Pile { folder: folder.to_owned(), state: Arc::default() }
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.state().pieces == 0
    }

    /// Bytes on the disk.
    #[cfg(test)]
    pub fn bytes(&self) -> u64 {
        self.state().file.as_ref().map_or(0, |file| file.metadata().map_or(0, |of| of.len()))
    }

    /// Writes a stretch; gives it back when the disk refuses. One thread writes.
    pub fn write(&self, stretch: Stretch) -> Result<Piece, (Stretch, io::Error)> {
        let (file, at, held) = match self.begin() {
            Ok(begun) => begun,
            Err(error) => return Err((stretch, error)),
        };
        let bytes = match write_rows(&file, at, &stretch) {
            Ok(bytes) => bytes,
            Err(error) => return Err((stretch, error)),
        };
        self.state().end = at + bytes;
        let Stretch { lines, times, rows, gaps } = stretch;
        Ok(Piece { at, bytes, partitions: rows.len(), file, lines, times, gaps, _held: held })
    }

    fn begin(&self) -> io::Result<(Arc<File>, u64, Held)> {
        let mut state = self.state();
        let file = match &state.file {
            Some(file) => file.clone(),
            None => state.file.insert(Arc::new(tempfile::tempfile_in(&self.folder)?)).clone(),
        };
        state.pieces += 1;
        Ok((file, state.end, Held(self.clone())))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the lock is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Piece {
    /// Reads the stretch back.
    pub fn read(self) -> io::Result<Stretch> {
        let mut from = BufReader::new(Part { file: &self.file, at: self.at, end: self.at + self.bytes });
        let (mut rows, mut line) = (std::collections::BTreeMap::new(), String::new());
        for _ in 0..self.partitions {
            line.clear();
            from.read_line(&mut line)?;
            let head: Head = serde_json::from_str(&line)?;
            let mut of = from.take(head.bytes);
            let batches: Result<Vec<RecordBatch>, _> =
                StreamReader::try_new(&mut of, None).map_err(io::Error::other)?.collect();
            io::copy(&mut of, &mut io::sink())?;
            from = of.into_inner();
            let partition =
                head.partition().ok_or_else(|| io::Error::other("rows came back without their name"))?;
            let of = StretchRows {
                symbol: head.symbol,
                batches: batches.map_err(io::Error::other)?,
                is_carried: head.is_carried,
            };
            rows.insert(partition, of);
        }
        Ok(Stretch { lines: self.lines, times: self.times, rows, gaps: self.gaps })
    }
}

impl Head {
    fn partition(&self) -> Option<(Day, DataType, InstrumentKey)> {
        Some((self.day.parse().ok()?, self.data_type.parse().ok()?, self.key.parse().ok()?))
    }
}

/// Writes the rows of each partition together, as they are encoded later: so the bytes of parts do not depend on where rows waited.
fn write_rows(file: &File, at: u64, stretch: &Stretch) -> io::Result<u64> {
    let mut out = BufWriter::new(Part { file, at, end: u64::MAX });
    let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::ZSTD));
    let options = options.map_err(io::Error::other)?;
    let mut packed = Vec::new();
    for ((day, data_type, key), rows) in &stretch.rows {
        let schema = data_type.table().row_schema();
        let all = arrow_select::concat::concat_batches(schema, &rows.batches).map_err(io::Error::other)?;
        packed.clear();
        let writer = StreamWriter::try_new_with_options(&mut packed, schema, options.clone());
        let mut writer = writer.map_err(io::Error::other)?;
        writer.write(&all).and_then(|()| writer.finish()).map_err(io::Error::other)?;
        drop(writer);
        let head = Head {
            day: day.to_string(),
            data_type: data_type.name().to_owned(),
            key: key.to_string(),
            symbol: rows.symbol.clone(),
            is_carried: rows.is_carried,
            bytes: packed.len() as u64,
        };
        serde_json::to_writer(&mut out, &head)?;
        out.write_all(b"\n")?;
        out.write_all(&packed)?;
    }
    out.flush()?;
    Ok(out.get_ref().at - at)
}

/// A part of a file that others read and write at the same time.
struct Part<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl Read for Part<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(bytes.len());
        let read = self.file.read_at(&mut bytes[..most], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Write for Part<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write_at(bytes, self.at)?;
        self.at += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
