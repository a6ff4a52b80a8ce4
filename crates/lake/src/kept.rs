//! Verified footers that are kept for the next reads of the same version of an object, by programs that read it again and again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use object_store::path::Path;

use crate::reader::Opened;
use crate::seal::pages::Pages;

/// A version of an object: its path and its identity.
type Version = (Path, String);

/// A verified footer, the pages that it expects, and when it was wanted last.
type Footer = (Arc<Opened>, Arc<Pages>, u64);

/// Footers by the version of the object that they are of. Keeps none unless told to.
#[derive(Default)]
pub(crate) struct KeptFooters {
    most: AtomicUsize,
    wanted: AtomicU64,
    footers: Mutex<BTreeMap<Version, Footer>>,
}

impl KeptFooters {
    /// Keeps this many.
    pub fn keep(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// Whether any are kept.
    pub fn is_on(&self) -> bool {
        self.most.load(Ordering::Relaxed) > 0
    }

    pub fn get(&self, version: &Version) -> Option<(Arc<Opened>, Arc<Pages>)> {
        let mut footers = self.footers.lock().unwrap_or_else(PoisonError::into_inner);
        let (opened, pages, wanted) = footers.get_mut(version)?;
        *wanted = self.wanted.fetch_add(1, Ordering::Relaxed);
        Some((opened.clone(), pages.clone()))
    }

    pub fn put(&self, version: Version, opened: &Opened, pages: &Arc<Pages>) {
        let most = self.most.load(Ordering::Relaxed);
        let now = self.wanted.fetch_add(1, Ordering::Relaxed);
        let mut footers = self.footers.lock().unwrap_or_else(PoisonError::into_inner);
        while footers.len() >= most.max(1) {
            let oldest =
                footers.iter().min_by_key(|(_, (_, _, wanted))| *wanted).map(|(version, _)| version.clone());
            oldest.and_then(|oldest| footers.remove(&oldest));
        }
        footers.insert(version, (Arc::new(opened.clone()), pages.clone(), now));
    }
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn a_kept_footer_is_of_its_version_only() {
        let folder = tempfile::tempdir().unwrap();
        let lake = crate::Lake::open(folder.path().to_str().unwrap(), &Default::default()).unwrap();
        lake.keep_footers(2);
        let days = ["2024-03-01", "2024-03-02", "2024-03-03"].map(|day| day.parse().unwrap());
        for day in days {
            lake.update_available(day, |_| ()).await.unwrap();
            let path = lake.layout().available_report(day);
            for _ in 0..2 {
                let entry = lake.entry(&path).await.unwrap().unwrap();
                assert_eq!(lake.rows_by_footer(&entry).await.unwrap(), 0);
            }
            // Another version is read anew: an object that is damaged now does not pass by what it was.
            let file = folder.path().join(path.as_ref());
            std::fs::write(&file, b"PAR1 damaged PAR1").unwrap();
            let entry = lake.entry(&path).await.unwrap().unwrap();
            assert!(lake.rows_by_footer(&entry).await.is_err());
        }
        assert!(lake.inner.footers.footers.lock().unwrap().len() <= 2);
    }
}
