//! A stored partition as its object and the day's report have it.

use std::collections::BTreeMap;

use mtdh_core::footer::PartitionFooter;
use mtdh_core::partition::Partition;
use mtdh_lake::tables::reports::Available;
use mtdh_lake::{Lake, LakeError};

/// What is known of a stored partition and where it came from.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The object's path inside the lake.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its verified footer; otherwise why it cannot be trusted.
    pub footer: Result<PartitionFooter, String>,
    /// BLAKE3 of its data part; `None`: version 0.1.0 wrote it, or it cannot be trusted.
    pub digest: Option<String>,
    /// When the vendor's answer with this content had been received, microseconds since the Unix epoch, UTC. `None`: not known, as
    /// an older version, a run that was killed, a folder of files or a recording brought it.
    pub fetched_us: Option<i64>,
    /// Its line in the day's report, with the grades of the last check; `None`: the report has none of this object.
    pub reported: Option<Available>,
}

/// The evidence of a partition; `None`: there is no object. `known`: the day's report.
///
/// # Errors
/// When the lake cannot be read.
pub(crate) async fn evidence(
    lake: &Lake,
    partition: &Partition,
    known: &BTreeMap<Partition, Available>,
) -> Result<Option<Evidence>, LakeError> {
    let Some(entry) = lake.partition_entry(partition).await? else { return Ok(None) };
    let (footer, digest) = match lake.footer(&entry).await {
        Ok(footer) if footer.facts.partition == *partition => (Ok(footer.facts), footer.digest),
        Ok(footer) => (Err(format!("its footer says that it is {}", footer.facts.partition)), None),
        Err(error) if error.is_distrust() => (Err(mtdh_core::error::chain(&error)), None),
        Err(error) => return Err(error),
    };
    let reported = known.get(partition);
    // A copy was fetched when its original was: the content tells.
    let is_same =
        |line: &&Available| digest.is_some() && (&line.digest, line.bytes) == (&digest, entry.bytes);
    let fetched_us = reported.filter(is_same).and_then(|line| line.fetched_us);
    let reported = reported.filter(|line| line.is_of(&entry)).cloned();
    let (path, bytes) = (entry.path.to_string(), entry.bytes);
    Ok(Some(Evidence { path, bytes, footer, digest, fetched_us, reported }))
}
