//! Decides whether a grouped file without rows is plausible, for data types that no other file has.
//!
//! Does not cover grouped files whose members have files of their own: those files are fetched instead.

use std::collections::BTreeMap;

use mtdh_core::DataType;
use mtdh_core::instrument::Instrument;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::{Partition, Status};
use mtdh_lake::{Lake, LakeError};

use crate::download::error::ConvertError;
use crate::download::plan::DownloadTask;
use mtdh_lake::inventory::{ObjectState, Verify, inventory};

/// Finds support for the absence of rows of every member. For each member, either the vendor's statistics count no rows over
/// its whole life, or the vendor has another data type of it without rows that day. The inner error says what is lacking or
/// contradicts it.
///
/// # Errors
/// When the lake cannot be read.
pub(crate) async fn support(
    lake: &Lake,
    unit: &DownloadTask,
) -> Result<Result<String, ConvertError>, LakeError> {
    let (day, own) = (unit.file.day, unit.file.data_type);
    let table = lake.instruments(day).await?.unwrap_or_default();
    let by_key: BTreeMap<&InstrumentKey, &Instrument> = table.iter().map(|i| (&i.key, i)).collect();
    // A day without liquidations is common and proves nothing.
    let others: Vec<DataType> =
        DataType::ALL.into_iter().filter(|t| *t != own && *t != DataType::Liquidations).collect();
    let there = inventory(lake, day, &others, Verify::Index).await?;
    for member in &unit.members {
        let key = &member.partition.key;
        let status = |data_type: &DataType| {
            let partition = Partition { day, data_type: *data_type, key: key.clone() };
            there.get(&partition).map(ObjectState::status)
        };
        if let Some(active) = others.iter().find(|t| status(t) == Some(Status::Stored)) {
            return Ok(Err(ConvertError::UnsupportedEmptiness(format!("{key} has {active} that day"))));
        }
        let is_quiet = others.iter().any(|t| status(t) == Some(Status::Empty));
        let is_never_active =
            by_key.get(key).is_some_and(|i| (i.trades_total, i.book_changes_total) == (Some(0), Some(0)));
        if !is_quiet && !is_never_active {
            return Ok(Err(ConvertError::UnsupportedEmptiness(format!(
                "neither the vendor's statistics nor another data type in the lake tells that {key} was quiet that day"
            ))));
        }
    }
    let file = unit.file.path();
    Ok(Ok(format!("the group file {file} has no rows, and its members have none of other data types")))
}
