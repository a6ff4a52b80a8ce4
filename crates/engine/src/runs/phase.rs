//! What a use case is at: a phase with its name, and how much of it is done. Any part of the engine begins one with [`begin`]; the
//! front end that runs the use case under [`seen_by`] looks at it at any time.
//!
//! Has no clock: how fast it goes, and when it will end, is for the front end, which knows when it looked.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use mtdh_core::DayRange;

tokio::task_local! {
    static SEEN: Arc<Phases>;
}

/// The phases of a use case, for whoever shows them.
#[derive(Debug, Default)]
pub struct Phases {
    begun: Mutex<Begun>,
}

#[derive(Debug, Default)]
struct Begun {
    count: u64,
    /// From the outermost to the innermost; those that are over are dropped when somebody looks.
    open: Vec<Weak<Counters>>,
    /// The phase that was over last.
    over: Option<PhaseReading>,
}

#[derive(Debug, Default)]
struct Counters {
    name: &'static str,
    noun: &'static str,
    items: AtomicU64,
    items_done: AtomicU64,
    /// Items whose bytes are known.
    weighed: AtomicU64,
    bytes: AtomicU64,
    bytes_done: AtomicU64,
    /// Whether bytes of items are what statistics let expect.
    is_estimate: AtomicBool,
    bytes_read: AtomicU64,
    failed: AtomicU64,
    number: u64,
    /// Who looks at it.
    seen_by: Weak<Phases>,
}

impl Drop for Counters {
    /// What was done is in the log, also of a phase that was too short to be shown.
    fn drop(&mut self) {
        let Some(phases) = self.seen_by.upgrade() else { return };
        let read = self.read();
        let PhaseReading { name, noun, items, items_done, bytes_done, failed, .. } = read;
        tracing::debug!(phase = name, noun, items, items_done, bytes_done, failed, "a phase is over");
        phases.begun().over = Some(read);
    }
}

/// A phase, until its last clone is dropped.
#[derive(Clone, Debug, Default)]
pub struct Phase(Arc<Counters>);

/// A phase that can be over.
#[derive(Debug, Default)]
pub(crate) struct PhaseLink(Weak<Counters>);

/// A phase at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PhaseReading {
    /// Its number in the use case, from 1: another number is another phase.
    pub number: u64,
    /// What is done, for example `checking`.
    pub name: &'static str,
    /// What is counted, for example `partition`.
    pub noun: &'static str,
    /// Items of the phase; 0: not known.
    pub items: u64,
    /// Items that are done.
    pub items_done: u64,
    /// Bytes of all items, as far as known, else by the mean of those that are known; 0: the items have none.
    pub bytes: u64,
    /// Bytes that are done.
    pub bytes_done: u64,
    /// Whether both are what statistics let expect, and only their share means something.
    pub is_estimate: bool,
    /// Where they are: bytes that were really read.
    pub bytes_read: u64,
    /// Items that failed, of those that are done.
    pub failed: u64,
}

/// What an item costs beside its bytes, in bytes: to list, to open, to wait for.
const COST_OF_ITEM: f64 = 65_536.0;

impl PhaseReading {
    /// How much of the phase is done, 0 to 1; `None`: it is not known how much there is. By bytes where they are known, since
    /// items differ.
    pub fn share(&self) -> Option<f64> {
        let (items, items_done) = (self.items as f64, self.items_done.min(self.items) as f64);
        let share = match self.bytes {
            0 if self.items == 0 => return None,
            0 => items_done / items,
            bytes => {
                let done = self.bytes_done.min(bytes) as f64 + COST_OF_ITEM * items_done;
                done / (bytes as f64 + COST_OF_ITEM * items)
            }
        };
        Some(share.clamp(0.0, 1.0))
    }
}

impl Phases {
    /// The innermost phase that is not over; `None`: there is none.
    pub fn read(&self) -> Option<PhaseReading> {
        let mut begun = self.begun();
        while let Some(last) = begun.open.last() {
            if let Some(counters) = last.upgrade() {
                let read = counters.read();
                // Its last clone may be this one, and what it does when it is dropped takes the lock.
                drop(begun);
                return Some(read);
            }
            begun.open.pop();
        }
        None
    }

    /// As [`Phases::read`]; where there is none, the phase that was over last, as it ended.
    pub fn read_or_last(&self) -> Option<PhaseReading> {
        self.read().or_else(|| self.begun().over)
    }

    fn next(&self) -> u64 {
        let mut begun = self.begun();
        begun.count += 1;
        begun.count
    }

    fn begun(&self) -> std::sync::MutexGuard<'_, Begun> {
        // Nothing panics while the lock is held.
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counters {
    fn read(&self) -> PhaseReading {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (items, weighed, known) = (get(&self.items), get(&self.weighed), get(&self.bytes));
        let bytes = match weighed {
            0 => known,
            weighed if weighed < items => (known as f64 / weighed as f64 * items as f64) as u64,
            _ => known,
        };
        PhaseReading {
            number: self.number,
            name: self.name,
            noun: self.noun,
            items,
            items_done: get(&self.items_done),
            bytes,
            bytes_done: get(&self.bytes_done),
            is_estimate: self.is_estimate.load(Ordering::Relaxed),
            bytes_read: get(&self.bytes_read),
            failed: get(&self.failed),
        }
    }
}

/// Runs a use case whose phases are shown. Work that it gives to tasks of its own shows through the phases that it hands them.
pub async fn seen_by<F: Future>(phases: Arc<Phases>, work: F) -> F::Output {
    SEEN.scope(phases, work).await
}

/// Begins a phase. `name`: what is done; `noun`: what is counted; `items`: how many there are, 0 where it is not known yet.
pub fn begin(name: &'static str, noun: &'static str, items: usize) -> Phase {
    let begun = |phases: &Arc<Phases>| {
        let (number, seen_by) = (phases.next(), Arc::downgrade(phases));
        let mut counters = Counters::default();
        (counters.name, counters.noun, counters.number, counters.seen_by) = (name, noun, number, seen_by);
        *counters.items.get_mut() = items as u64;
        let phase = Phase(Arc::new(counters));
        phases.begun().open.push(Arc::downgrade(&phase.0));
        phase
    };
    // Where nobody looks, nothing is shown.
    SEEN.try_with(begun).unwrap_or_default()
}

/// Begins a phase of days. One day within another phase is no phase of its own.
pub fn days(name: &'static str, days: DayRange) -> Phase {
    let count = days.days().count();
    if count <= 1 && current_of().is_some() { Phase::default() } else { begin(name, "day", count) }
}

/// Begins a phase of work that may be a part of another: within another phase it is none of its own, and within one of the same name
/// its items are some of those.
pub(crate) fn outermost(name: &'static str, noun: &'static str, items: usize) -> Phase {
    match current_of() {
        None => begin(name, noun, items),
        Some(phase) if phase.0.name == name => {
            phase.expect(items);
            phase
        }
        Some(_) => Phase::default(),
    }
}

/// The innermost phase that is not over, for a part of the work that has no items of its own; where nobody looks, one that nobody
/// sees.
pub(crate) fn current() -> Phase {
    current_of().unwrap_or_default()
}

fn current_of() -> Option<Phase> {
    let open = SEEN.try_with(|phases| phases.begun().open.iter().rev().find_map(Weak::upgrade));
    open.ok().flatten().map(Phase)
}

impl Phase {
    /// There are more items.
    pub fn expect(&self, items: usize) {
        self.0.items.fetch_add(items as u64, Ordering::Relaxed);
    }

    /// The bytes of an item are known now, before it is worked on.
    pub fn weigh(&self, bytes: u64) {
        self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.0.weighed.fetch_add(1, Ordering::Relaxed);
    }

    /// The bytes of an item are not known; statistics let expect about so many.
    pub fn weigh_about(&self, bytes: u64) {
        self.0.is_estimate.store(true, Ordering::Relaxed);
        self.weigh(bytes);
    }

    /// Bytes were read, of items whose bytes are not known.
    pub fn read(&self, bytes: u64) {
        self.0.bytes_read.fetch_add(bytes, Ordering::Relaxed);
    }

    /// An item that is done has failed.
    pub fn failed(&self) {
        self.0.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Bytes are done.
    pub fn advance(&self, bytes: u64) {
        self.0.bytes_done.fetch_add(bytes, Ordering::Relaxed);
    }

    /// An item is done.
    pub fn done(&self) {
        self.0.items_done.fetch_add(1, Ordering::Relaxed);
    }

    /// An item that is done when this is dropped.
    pub(crate) fn item(&self) -> PhaseItem {
        PhaseItem(self.clone())
    }

    /// A part of the work: so many bytes and items of those that the phase has.
    pub(crate) fn part(&self, items: usize, bytes: u64) -> PhasePart {
        PhasePart { phase: self.clone(), items, bytes, told: 0 }
    }

    pub(crate) fn link(&self) -> PhaseLink {
        PhaseLink(Arc::downgrade(&self.0))
    }
}

/// An item that is worked on.
pub(crate) struct PhaseItem(Phase);

/// A part of the bytes of a phase, and some of its items, which are done when this is dropped.
pub(crate) struct PhasePart {
    phase: Phase,
    items: usize,
    bytes: u64,
    told: u64,
}

impl PhasePart {
    /// So much of it is done, 0 to 1.
    pub(crate) fn reached(&mut self, share: f64) {
        let reached = (self.bytes as f64 * share.clamp(0.0, 1.0)) as u64;
        self.phase.advance(reached.saturating_sub(self.told));
        self.told = self.told.max(reached);
    }
}

impl Drop for PhasePart {
    fn drop(&mut self) {
        self.phase.advance(self.bytes.saturating_sub(self.told));
        (0..self.items).for_each(|_| self.phase.done());
    }
}

impl Drop for PhaseItem {
    fn drop(&mut self) {
        self.0.done();
    }
}

impl PhaseLink {
    /// The phase, if it is not over.
    pub(crate) fn phase(&self) -> Option<Phase> {
        self.0.upgrade().map(Phase)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_innermost_phase_that_is_not_over_is_read() {
        let phases = Arc::new(Phases::default());
        begin("unseen", "day", 3).done();
        assert_eq!(phases.read(), None);
        seen_by(phases.clone(), async {
            let outer = begin("outer", "day", 4);
            outer.done();
            {
                let inner = begin("inner", "object", 2);
                inner.weigh(300);
                inner.advance(100);
                let read = phases.read().unwrap();
                assert_eq!(
                    (read.name, read.number, read.items, read.bytes, read.bytes_done),
                    ("inner", 2, 2, 600, 100)
                );
            }
            let read = phases.read().unwrap();
            assert_eq!((read.name, read.number, read.items_done, read.share()), ("outer", 1, 1, Some(0.25)));
        })
        .await;
        assert_eq!(phases.read(), None);
    }

    #[test]
    fn shares() {
        let of = |items, items_done, bytes, bytes_done| {
            PhaseReading { items, items_done, bytes, bytes_done, ..PhaseReading::default() }.share()
        };
        assert_eq!(of(0, 0, 0, 0), None, "nobody knows how much there is");
        assert_eq!(of(4, 1, 0, 0), Some(0.25));
        assert_eq!(of(4, 9, 0, 0), Some(1.0), "never above the whole");
        assert_eq!(of(2, 1, 2 << 20, 1 << 20), Some(0.5));
        // A large file that is half read counts before it is done, and a small one that is done counts little.
        assert!(of(2, 1, 1 << 30, 1 << 10).unwrap() < 0.001);
        assert!(of(2, 0, 1 << 30, 1 << 29).unwrap() > 0.49);
    }
}
