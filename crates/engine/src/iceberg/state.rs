//! Which Iceberg tables a lake has, and whether they know what it holds now. Writes nothing.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt};
use mtdh_core::Day;
use mtdh_core::error::chain;
use mtdh_core::partition::Origin;
use mtdh_lake::iceberg::{Covers, IcebergTable, Manifest, TableVersion};
use mtdh_lake::{Lake, LakeError};
use serde::Serialize;

use super::{IcebergReport, IcebergRequest, IcebergTables, OfTable, Reach};
use crate::error::EngineError;

/// Days that are compared at the same time.
const CONCURRENT_DAYS: usize = 8;

/// A published table, beside the lake.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TableState {
    /// Its name.
    pub table: String,
    /// The number of its newest version; 0: its metadata cannot be read.
    pub version: u64,
    /// Its newest snapshot; `None`: its metadata names none.
    pub snapshot: Option<i64>,
    /// When that version was published, microseconds since the Unix epoch, UTC; `None`: its metadata does not say.
    pub published_us: Option<i64>,
    /// Where the metadata of this version lies, inside the lake; empty: it cannot be read.
    pub path: String,
    /// The same for readers: an absolute path on this machine, or the address in the bucket.
    pub metadata: String,
    /// How much of the lake it is to have: `lake` or `selection`; empty: it cannot be read.
    pub covers: &'static str,
    /// Its first day, `YYYY-MM-DD`; `None`: it has no file.
    pub first_day: Option<String>,
    /// Its last day.
    pub last_day: Option<String>,
    /// Files.
    pub files: u64,
    /// Rows.
    pub rows: u64,
    /// Bytes of its files.
    pub bytes: u64,
    /// Whether readers of it would not get what the lake has.
    pub is_stale: bool,
    /// Files of the lake that it lacks.
    pub added: u64,
    /// Files that have other rows since.
    pub replaced: u64,
    /// Files that are gone.
    pub removed: u64,
    /// Why it is stale, in words; `None`: it is not.
    pub reason: Option<String>,
}

/// What a table is beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    /// The lake: whether the table is stale.
    Lake,
    /// Nothing: what the table says of itself. Only one that cannot be read, or lies elsewhere, is stale.
    Nothing,
}

/// The state of every published table, in the order of their names.
///
/// # Errors
/// When the lake cannot be read. Metadata of a table that cannot be used is no error: such a table is stale.
pub(crate) async fn states(lake: &Lake, beside: Beside) -> Result<Vec<TableState>, EngineError> {
    // Only the vendor's data is published.
    let lake = &lake.with_origin(Origin::Vendor);
    let mut tables = lake.iceberg_tables().await?;
    tables.sort_by_key(IcebergTable::to_string);
    let request = IcebergRequest { tables: IcebergTables::Published, ..IcebergRequest::default() };
    let mut states = Vec::new();
    for table in tables {
        let of_table = OfTable { lake, request: &request, table };
        match of_table.state(beside).await {
            Ok(state) => states.extend(state),
            Err(EngineError::Lake(error @ LakeError::NoIceberg { .. })) => {
                let (table, reason) = (table.to_string(), Some(chain(&error)));
                states.push(TableState { table, is_stale: true, reason, ..TableState::default() });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(states)
}

impl OfTable<'_> {
    /// `None`: the table has a folder and no version.
    async fn state(&self, beside: Beside) -> Result<Option<TableState>, EngineError> {
        let OfTable { lake, table, .. } = *self;
        let Some(base) = lake.iceberg_version(table).await? else { return Ok(None) };
        let mut state = as_published(lake, table, &base)?;
        if !base.is_current {
            state.is_stale = true;
            state.reason = Some(match lake.iceberg_is_place(table, &base.location) {
                true => "another version of mtdh published it, with other columns".to_owned(),
                false => "the lake lay elsewhere when it was published".to_owned(),
            });
            return Ok(Some(state));
        }
        if beside == Beside::Nothing {
            return Ok(Some(state));
        }
        let mut days: BTreeMap<Day, Option<Manifest>> =
            self.days(Some(&base), base.covers).await?.into_iter().map(|day| (day, None)).collect();
        days.extend(base.manifests.iter().map(|manifest| (manifest.day, Some(manifest.clone()))));
        let compared = days.into_iter().map(|(day, old)| self.counted(day, old, base.covers));
        let mut compared = futures::stream::iter(compared).buffered(CONCURRENT_DAYS);
        while let Some([added, replaced, removed]) = compared.try_next().await? {
            state.added += added;
            state.replaced += replaced;
            state.removed += removed;
        }
        drop(compared);
        let kinds = [
            (state.added, "of the lake not in it"),
            (state.replaced, "replaced since"),
            (state.removed, "gone since"),
        ];
        let words = |(count, what): (u64, &str)| match count {
            0 => None,
            1 => Some(format!("1 file {what}")),
            count => Some(format!("{count} files {what}")),
        };
        let told: Vec<String> = kinds.into_iter().filter_map(words).collect();
        state.is_stale = !told.is_empty();
        state.reason = state.is_stale.then(|| told.join(", "));
        Ok(Some(state))
    }

    /// How many files of a day the table lacks, has otherwise, and has though they are gone.
    async fn counted(
        &self,
        day: Day,
        old: Option<Manifest>,
        covers: Covers,
    ) -> Result<[u64; 3], EngineError> {
        let reach = Reach { old: old.as_ref(), covers, is_current: true };
        // What cannot be trusted is in no table, and told by a validation.
        let compared = self.compare(day, reach, &mut IcebergReport::default()).await?;
        Ok([compared.added, compared.replaced, compared.removed])
    }
}

/// What a table says of itself.
fn as_published(lake: &Lake, table: IcebergTable, base: &TableVersion) -> Result<TableState, EngineError> {
    let sum = |of: fn(&Manifest) -> u64| base.manifests.iter().map(of).sum::<u64>();
    let days = || base.manifests.iter().filter(|manifest| manifest.files() > 0).map(|manifest| manifest.day);
    Ok(TableState {
        table: table.to_string(),
        version: base.version,
        snapshot: base.snapshot(),
        published_us: base.published_us(),
        path: lake.iceberg_metadata_path(table, base.version),
        metadata: lake.iceberg_metadata(table, base.version)?,
        covers: base.covers.name(),
        first_day: days().min().map(|day| day.to_string()),
        last_day: days().max().map(|day| day.to_string()),
        files: sum(Manifest::files),
        rows: sum(Manifest::rows),
        bytes: sum(|manifest| manifest.bytes),
        ..TableState::default()
    })
}
