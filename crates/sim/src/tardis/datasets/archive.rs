//! The archive of files: each is generated on its first request and cached.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::file_cache::{FileCache, FileKey, StoredFile};
use crate::generate::files::{File, FileName};
use crate::generate::issues::Issues;
use crate::server::world::World;
use crate::sync::run_blocking;

/// All files in their newest versions.
#[derive(Debug)]
pub(crate) struct Archive {
    world: Arc<World>,
    issues: Arc<Issues>,
    cache: FileCache,
    /// Limits the files that are generated at once to the number of processors.
    generators: Semaphore,
}

impl Archive {
    /// Creates an archive with an empty cache.
    pub(crate) fn new(world: Arc<World>, issues: Arc<Issues>) -> Archive {
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        Archive { world, issues, cache: FileCache::default(), generators: Semaphore::new(processors) }
    }

    /// Returns the bytes of a file, from the cache or newly generated.
    pub(super) async fn stored_file(&self, name: FileName, file: File) -> Arc<StoredFile> {
        let config = self.world.config();
        let issue = self.issues.latest(&name);
        let day = name.day;
        let member_bytes = config.options.member_bytes;
        let key = FileKey {
            name,
            issue: issue.number,
            seed: config.seed,
            empty_file: config.options.empty_file,
            member_bytes,
        };
        if let Some(cached) = self.cache.get(&key) {
            return cached;
        }
        let _permit = self.generators.acquire().await;
        let generate = move || StoredFile::new(&file.csv(issue.number), member_bytes, issue.at_us, day);
        let generated = Arc::new(run_blocking(generate).await);
        self.cache.insert(key, Arc::clone(&generated));
        generated
    }
}
