//! What waits to be taken, bounded by bytes: rows in memory, and behind that bound in a file beside the captures.
//!
//! A lake's store that stands still costs disk, and neither memory nor messages. Order is kept: while rows wait on the disk, all that come
//! after them go there too.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mtdh_source::live::out::Gap;
use tokio::sync::Notify;

use super::pile::{Piece, Pile};
use crate::live::maker::Stretch;

/// A bound of bytes in memory.
#[derive(Clone, Debug)]
pub struct Budget {
    most: usize,
    held: Arc<AtomicUsize>,
    peak: Arc<AtomicUsize>,
    freed: Arc<Notify>,
}

impl Budget {
    /// Of so many bytes.
    pub fn new(most: usize) -> Budget {
        Budget { most, held: Arc::default(), peak: Arc::default(), freed: Arc::default() }
    }

    /// A share of the budget; `None`: there is no room. What is larger than all of it has room alone.
    pub fn share(&self, bytes: usize) -> Option<Share> {
        let room = |held: usize| (held == 0 || held + bytes <= self.most).then_some(held + bytes);
        let before = self.held.fetch_update(Ordering::AcqRel, Ordering::Acquire, room).ok()?;
        Some(self.of(bytes, before + bytes))
    }

    /// A share, whether there is room or not.
    pub fn take(&self, bytes: usize) -> Share {
        let before = self.held.fetch_add(bytes, Ordering::AcqRel);
        self.of(bytes, before + bytes)
    }

    fn of(&self, bytes: usize, held: usize) -> Share {
        self.peak.fetch_max(held, Ordering::AcqRel);
        Share { budget: self.clone(), bytes }
    }

    /// The most bytes that were held at once.
    pub fn peak(&self) -> usize {
        self.peak.load(Ordering::Acquire)
    }

    /// Waits until a share is given back.
    pub async fn freed(&self) {
        self.freed.notified().await;
    }
}

/// Bytes of a budget, given back when it is dropped.
#[derive(Debug)]
pub struct Share {
    budget: Budget,
    bytes: usize,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.bytes, Ordering::AcqRel);
        self.budget.freed.notify_one();
    }
}

/// The rows of a stretch that wait.
#[derive(Debug)]
pub struct Waits {
    /// Its first and last line.
    pub lines: (u64, u64),
    place: Place,
}

#[derive(Debug)]
enum Place {
    Memory(Box<Stretch>, Share),
    Disk(Piece, Budget, Share),
}

impl Waits {
    /// The stretch, read back if it waited on the disk. Blocks. It counts as memory as long as the share is kept.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn taken(self) -> std::io::Result<(Stretch, Vec<Share>)> {
        match self.place {
            Place::Memory(stretch, share) => Ok((*stretch, vec![share])),
            Place::Disk(piece, rows, of_gaps) => {
                let stretch = piece.read()?;
                let share = rows.take(bytes_of(&stretch));
                Ok((stretch, vec![share, of_gaps]))
            }
        }
    }

    /// Whether it is on the disk.
    pub fn is_on_disk(&self) -> bool {
        matches!(self.place, Place::Disk(..))
    }
}

/// Where rows and gaps wait.
#[derive(Clone, Debug)]
pub struct Waiting {
    rows: Budget,
    gaps: Budget,
    pile: Pile,
}

/// What does not wait yet.
pub enum Refused {
    /// There is no room for its gaps; the stretch again.
    Full(Stretch),
    /// The disk refuses its rows; the stretch again.
    Disk(Stretch, std::io::Error),
}

impl Waiting {
    /// With these bounds, bytes; the pile is beside the captures.
    pub fn new(rows: usize, gaps: usize, folder: &std::path::Path) -> Waiting {
        Waiting { rows: Budget::new(rows), gaps: Budget::new(gaps), pile: Pile::new(folder) }
    }

    /// The budget of rows.
    pub fn rows(&self) -> &Budget {
        &self.rows
    }

    /// The budget of gaps.
    pub fn gaps(&self) -> &Budget {
        &self.gaps
    }

    /// Lets a stretch wait. Blocks while rows are written.
    ///
    /// # Errors
    /// When there is no room for its gaps, or the disk refuses its rows: the stretch again.
    pub fn put(&self, stretch: Stretch) -> Result<Waits, Refused> {
        let lines = stretch.lines;
        if self.pile.is_empty()
            && let Some(share) = self.rows.share(bytes_of(&stretch))
        {
            return Ok(Waits { lines, place: Place::Memory(Box::new(stretch), share) });
        }
        let Some(share) = self.gaps.share(bytes_of_gaps(&stretch.gaps)) else {
            return Err(Refused::Full(stretch));
        };
        match self.pile.write(stretch) {
            Ok(piece) => Ok(Waits { lines, place: Place::Disk(piece, self.rows.clone(), share) }),
            Err((stretch, error)) => Err(Refused::Disk(stretch, error)),
        }
    }
}

/// Bytes of a stretch in memory, about.
fn bytes_of(stretch: &Stretch) -> usize {
    let batches = stretch.rows.values().flat_map(|rows| &rows.batches);
    batches.map(arrow_array::RecordBatch::get_array_memory_size).sum::<usize>() + bytes_of_gaps(&stretch.gaps)
}

/// Bytes of gaps in memory, about.
pub fn bytes_of_gaps(gaps: &[Gap]) -> usize {
    let texts = |gap: &Gap| {
        let ids = [&gap.symbol, &gap.from_id, &gap.to_id].into_iter().flatten().map(String::len);
        ids.sum::<usize>() + gap.detail.len()
    };
    gaps.iter().map(|gap| size_of::<Gap>() + texts(gap)).sum()
}

#[cfg(test)]
mod tests;
