//! Limits how many files one process works on at once, over all its parts of a plan.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;

/// A process's download slots. A file occupies one from its request until its objects are published.
#[derive(Clone, Debug)]
pub struct DownloadSlots {
    count: usize,
    permits: Arc<Semaphore>,
    processors: Arc<Semaphore>,
    load: Arc<watch::Sender<Load>>,
    is_proved: Arc<AtomicBool>,
    enough: CancellationToken,
}

#[derive(Clone, Copy, Debug, Default)]
struct Load {
    /// Files that wait for a slot.
    waiting: usize,
    /// Files that occupy a slot.
    held: usize,
}

/// A file that waits for a slot or occupies one. Dropping it ends either.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: DownloadSlots,
    permit: Option<OwnedSemaphorePermit>,
}

impl DownloadSlots {
    /// Creates `count` slots, at least one.
    pub fn new(count: usize) -> DownloadSlots {
        let count = count.max(1);
        let load = watch::Sender::new(Load::default());
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let processors = Arc::new(Semaphore::new(processors));
        let permits = Arc::new(Semaphore::new(count));
        DownloadSlots {
            count,
            permits,
            processors,
            load: Arc::new(load),
            is_proved: Arc::default(),
            enough: CancellationToken::new(),
        }
    }

    /// Number of slots.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether the vendor has answered a file, so that others need not wait for the first one.
    pub(crate) fn is_proved(&self) -> bool {
        self.is_proved.load(Ordering::Relaxed)
    }

    pub(crate) fn prove(&self) {
        self.is_proved.store(true, Ordering::Relaxed);
    }

    /// Admits no further file: the vendor's quota is used up. Files in progress may finish.
    pub(crate) fn close(&self) {
        self.enough.cancel();
    }

    pub(crate) fn are_closed(&self) -> bool {
        self.enough.is_cancelled()
    }

    /// A permit for blocking work; there are as many as processors.
    pub(crate) async fn processor(&self) -> Option<OwnedSemaphorePermit> {
        self.processors.clone().acquire_owned().await.ok()
    }

    /// A place in the queue for a slot.
    pub(crate) fn place(&self) -> Slot {
        self.load.send_modify(|now| now.waiting += 1);
        Slot { slots: self.clone(), permit: None }
    }

    /// A place in the queue for each item.
    pub(crate) fn places<T>(&self, items: Vec<T>) -> Vec<(T, Slot)> {
        items.into_iter().map(|item| (item, self.place())).collect()
    }

    /// Waits until a slot is free and no file waits for one.
    pub(crate) async fn idle(&self) {
        let mut changes = self.load.subscribe();
        let is_idle = changes.wait_for(|now| now.waiting == 0 && now.held < self.count).await;
        is_idle.expect("the sender lives as long as `self`");
    }
}

impl Slot {
    /// Waits for a slot; dropping `self` frees it.
    pub(crate) async fn take(&mut self) {
        self.permit = self.slots.permits.clone().acquire_owned().await.ok();
        self.slots.load.send_modify(|now| {
            now.waiting -= 1;
            now.held += 1;
        });
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let held = self.permit.take().is_some();
        self.slots.load.send_modify(|now| {
            if held {
                now.held -= 1;
            } else {
                now.waiting -= 1;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn hands_are_idle_when_no_file_waits_and_one_is_free() {
        let slots = DownloadSlots::new(2);
        let is_idle = || slots.idle().now_or_never().is_some();
        assert!(is_idle());
        let mut places: Vec<Slot> = (0..3).map(|_| slots.place()).collect();
        assert!(!is_idle(), "files wait");
        places[0].take().await;
        places[1].take().await;
        assert!(places[2].take().now_or_never().is_none(), "two hands hold two files");
        drop(places.remove(0));
        assert!(!is_idle(), "one file waits for the free hand");
        places[1].take().await;
        assert!(!is_idle(), "both are full");
        drop(places.remove(0));
        assert!(is_idle());
        places.push(slots.place());
        assert!(!is_idle());
        drop(places);
        assert!(is_idle(), "what was given up waits no longer");
    }
}
