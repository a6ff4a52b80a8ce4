//! What runs left in the lake beside data: their records, and rejected rows.

use mtdh_core::partition::Partition;
use mtdh_lake::Lake;
use serde_json::Value;

use super::{Context, Work};
use crate::error::EngineError;
use crate::fleet::saved_plan::check_name;
use crate::runs::summary::RunRecord;

/// A larger record is not read: other processes write them.
const MOST_BYTES: u64 = 64 << 20;

/// The objects of a run.
#[derive(Clone, Debug)]
pub struct RunObjects {
    /// The run's name.
    pub run_id: String,
    /// Whether it has a saved plan: [`Context::monitor`] then tells its state.
    pub is_planned: bool,
    /// The records of its shards: their kind, `download` or `candles`, and what is in them.
    pub records: Vec<(&'static str, RunRecord<Value>)>,
    /// Names of records that cannot be read.
    pub unreadable: Vec<String>,
}

impl Context {
    /// The names of the runs that the lake knows, sorted, which is by their start for those that were not named by a person.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// println!("{} runs", context.run_ids().await?.len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn run_ids(&self) -> Work<'_, Vec<String>> {
        Box::pin(async {
            self.lake.check_readable().await?;
            let folders = self.lake.folders(&self.lake.layout().runs()).await?;
            let names = folders.iter().filter_map(|folder| folder.filename().map(str::to_owned));
            // `_identities` is no run.
            Ok(names.filter(|name| !name.starts_with('_')).collect())
        })
    }

    /// The records of a run. Empty: there is no such run, or none of its shards has begun.
    ///
    /// Fails when the name cannot be one of a run, or the lake cannot be read.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// for (kind, record) in context.run_objects("20240301T000000Z-000000").await?.records {
    ///     println!("{kind} {}: {}", record.shard_index, record.state.name());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn run_objects<'a>(&'a self, run_id: &'a str) -> Work<'a, RunObjects> {
        Box::pin(async move {
            check_name(run_id)?;
            read_run(&self.lake, run_id).await
        })
    }

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

async fn read_run(lake: &Lake, run_id: &str) -> Result<RunObjects, EngineError> {
    let layout = lake.layout();
    let plan = layout.plan(run_id);
    let mut objects =
        RunObjects { run_id: run_id.to_owned(), is_planned: false, records: Vec::new(), unreadable: Vec::new() };
    for entry in lake.list(&layout.run(run_id)).await? {
        objects.is_planned |= entry.path == plan;
        let name = entry.path.filename().unwrap_or_default().to_owned();
        let kind = match name.strip_suffix(".json") {
            Some(name) if name.starts_with("candles-") => "candles",
            Some(name) if name.starts_with("shard-") && !name.contains("-part-") => "download",
            _ => continue,
        };
        let bytes = if entry.bytes <= MOST_BYTES { lake.read(&entry.path).await? } else { None };
        match bytes.and_then(|bytes| serde_json::from_slice::<RunRecord<Value>>(&bytes).ok()) {
            Some(record) => objects.records.push((kind, record)),
            None => objects.unreadable.push(name),
        }
    }
    objects.records.sort_by_key(|(kind, record)| (*kind, record.shard_index));
    Ok(objects)
}
