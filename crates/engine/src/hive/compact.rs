//! One file of many objects: instrument after instrument, each in the order of its object, which is that of arrival.

use futures::TryStreamExt;
use mtdh_core::hive::HiveTable;
use mtdh_core::hive::manifest::HiveForm;
use mtdh_core::partition::Origin;
use mtdh_lake::hive::ExportPlace;
use mtdh_lake::{Lake, LakeError, LakePath};

use super::error::HiveError;
use super::find::Wanted;
use crate::error::EngineError;
use crate::export::{ExportError, ExportFormat, Exporter};
use crate::query::{ChosenObject, Form, ReadRequest, TickTable, rows};

/// Whether the files of a table are of several objects. A day's instruments are one object anyway.
pub(super) fn is_compacted(form: HiveForm, table: HiveTable) -> bool {
    form == HiveForm::Compacted && table != HiveTable::Instruments
}

/// Writes a file of some objects, which are ordered by key. Its rows pass through the reader that verifies them. Returns identity and
/// size.
pub(super) async fn compact(
    lake: &Lake,
    place: &ExportPlace,
    table: HiveTable,
    path: &LakePath,
    objects: &[Wanted],
    replaces: bool,
) -> Result<(Option<String>, u64), EngineError> {
    let of = match table {
        HiveTable::Ticks(data_type) => TickTable::Ticks(data_type),
        HiveTable::Candles(timeframe) => TickTable::Candles(timeframe),
        HiveTable::Instruments => {
            let reason = "instruments are of one object".to_owned();
            return Err(HiveError::Document { path: path.to_string(), reason }.into());
        }
    };
    let request = ReadRequest::new(of, Vec::new(), i64::MIN..i64::MAX);
    let chosen = |object: &Wanted| {
        let (key, entry, origin) = (object.key.clone()?, object.entry.clone(), Origin::Vendor);
        // The day of the folder is not asked: the whole object is read.
        Some(ChosenObject { day: mtdh_core::Day::new(1970, 1, 1)?, key, entry, origin, valuation: None })
    };
    let chosen: Vec<ChosenObject> = objects.iter().filter_map(chosen).collect();
    let mut batches = rows(lake, &request, chosen, Form::STREAM, &Default::default())?;
    let stage = place.store().stage()?;
    let mut writer =
        Exporter::of(&request.schema()?, ExportFormat::Parquet, stage).map_err(|e| written(path, e))?;
    while let Some(batch) = batches.try_next().await? {
        writer.write(&batch).map_err(|error| written(path, error))?;
    }
    let pairs = [("mtdh.sorted_by", "instrument_key, then the order of arrival".to_owned())];
    let stage = writer.finish_with(pairs).map_err(|error| written(path, error))?;
    let bytes = stage.bytes();
    Ok((place.publish(path, stage, replaces).await?, bytes))
}

fn written(path: &LakePath, error: ExportError) -> EngineError {
    match error {
        ExportError::Lake(error) => error.into(),
        other => {
            let source = std::io::Error::other(other);
            LakeError::Disk { path: path.to_string().into(), source }.into()
        }
    }
}
