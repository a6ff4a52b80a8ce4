//! Rejected rows, for those who look at a partition.

use mtdh_core::partition::Partition;

use super::{Context, Work};

/// A larger quarantine is not read.
const MOST_BYTES: u64 = 64 << 20;

impl Context {
    /// The rejected rows of a partition, one JSON object a line, at most `most` lines, and whether there are more; `None`: none was
    /// rejected, or they are in the quarantine of a grouped file.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, partition: mtdh_engine::Partition) -> Result<(), mtdh_engine::EngineError> {
    /// let rejected = context.quarantine(&partition, 100).await?;
    /// println!("{rejected:?}");
    /// # Ok(())
    /// # }
    /// ```
    pub fn quarantine<'a>(
        &'a self,
        partition: &'a Partition,
        most: usize,
    ) -> Work<'a, Option<(Vec<String>, bool)>> {
        Box::pin(async move {
            let path = self.lake.layout().quarantine(partition);
            match self.lake.entry(&path).await? {
                Some(entry) if entry.bytes <= MOST_BYTES => {}
                Some(_) => return Ok(Some((Vec::new(), true))),
                None => return Ok(None),
            }
            let Some(bytes) = self.lake.read(&path).await? else { return Ok(None) };
            let text = String::from_utf8_lossy(&bytes);
            let mut lines = text.lines().map(str::to_owned);
            let first: Vec<String> = lines.by_ref().take(most).collect();
            Ok(Some((first, lines.next().is_some())))
        })
    }
}
