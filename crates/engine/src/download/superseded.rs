//! What a lake keeps of an object that the vendor's re-issue of its file replaces.

use mtdh_core::footer::PartitionFooter;
use mtdh_lake::inventory::{ObjectState, look};
use mtdh_lake::read::{DigestBy, Digested};
use mtdh_lake::tables::superseded::Superseded;
use mtdh_lake::{Lake, LakeError, WriteMode};

use crate::check::lake::now_us;

/// Records the object that is about to be replaced, if the vendor's file is another one. Before the new object is published:
/// nothing is lost if the run is killed in between, and a line about an object that is still there says nothing wrong.
///
/// # Errors
/// When the store fails, or the table of replaced objects cannot be read.
pub(crate) async fn keep(lake: &Lake, new: &PartitionFooter, mode: WriteMode) -> Result<(), LakeError> {
    let partition = &new.partition;
    if mode == WriteMode::Create {
        return Ok(());
    }
    let Some(entry) = lake.partition_entry(partition).await? else { return Ok(()) };
    // An object that cannot be trusted has no facts.
    let Some(ObjectState::Answered(old)) = look(lake, partition, &entry).await? else { return Ok(()) };
    let file = new.provenance.vendor_file();
    let by_sha256 = file.and_then(|file| file.sha256.clone());
    if (&old.source_sha256, old.status) == (&by_sha256, new.status) {
        return Ok(());
    }
    let footer = match lake.digests(&lake.available_entry(&old), DigestBy::Footer).await? {
        Digested::Whole(digests) => digests.footer,
        Digested::FooterOnly(footer) => footer,
    };
    let fetched_us = lake.fetched_us(&old).await?;
    let row = Superseded {
        partition: partition.clone(),
        status: old.status,
        bytes: old.bytes,
        rows: old.tally.rows_out,
        digest: old.digest,
        footer_digest: footer.to_string(),
        source: old.source,
        source_sha256: old.source_sha256,
        source_etag: old.source_etag,
        fetched_us,
        superseded_us: now_us(),
        by_sha256,
        by_etag: file.and_then(|file| file.etag.clone()),
    };
    lake.note_superseded(&row).await
}
