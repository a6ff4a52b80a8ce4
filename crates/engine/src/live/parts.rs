//! Parts of rows in the lake: each is a pure function of a stretch of lines.

use mtdh_core::footer::{LineRange, PartitionFooter, Proof, Provenance, Recording, RecordingGap, Tally};
use mtdh_core::partition::{Partition, Status};
use mtdh_core::table::SCHEMA_VERSION;
use mtdh_core::{DataType, Day};
use mtdh_lake::Lake;
use mtdh_lake::live::{PartName, SessionId};
use mtdh_lake::tables::gaps::GapRow;
use mtdh_lake::write::PartitionWriter;
use mtdh_source::live::out::Gap;
use mtdh_source::live::venue::{self, Venue};

use super::maker::{Stretch, StretchRows};
use super::plan::Keys;
use crate::{EngineError, InstrumentKey};

/// The version of what turns lines into rows. It rises when the same lines give other rows.
pub const FEED_VERSION: u32 = 1;

/// Of which session a part is.
#[derive(Clone)]
pub struct Of {
    /// The venue.
    pub venue: &'static dyn Venue,
    /// The session.
    pub session: SessionId,
    /// The hash of its plan.
    pub plan_hash: String,
}

/// What came of publishing a stretch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Parts that were new.
    pub made: u64,
    /// Parts that were there already, with the same bytes.
    pub were_there: u64,
    /// Rows of both.
    pub rows: u64,
}

/// Publishes the parts of a stretch. Doing it again changes nothing.
///
/// # Errors
/// When the store fails, or has other bytes under a part's name.
pub async fn publish(lake: &Lake, of: &Of, stretch: &Stretch) -> Result<Published, EngineError> {
    let mut published = Published::default();
    for ((day, data_type, key), rows) in &stretch.rows {
        let partition = Partition { day: *day, data_type: *data_type, key: key.clone() };
        let (name, footer) = described(of, stretch, &partition, rows);
        published.rows += footer.tally.rows_out;
        let staged = encode(lake, &partition, &footer, rows)?;
        match lake.publish_part(&name, staged).await? {
            true => published.made += 1,
            false => published.were_there += 1,
        }
    }
    Ok(published)
}

/// The name and footer of a part.
fn described(
    of: &Of,
    stretch: &Stretch,
    partition: &Partition,
    rows: &StretchRows,
) -> (PartName, PartitionFooter) {
    let (first, last) = stretch.lines;
    let name = PartName { partition: partition.clone(), session: of.session.clone(), first, last };
    let count: u64 = rows.batches.iter().map(|batch| batch.num_rows() as u64).sum();
    let mut recording = Recording {
        feed: of.venue.exchange().to_owned(),
        exchange: of.venue.exchange().to_owned(),
        symbol: rows.symbol.clone(),
        session: of.session.to_string(),
        ranges: vec![(stretch.times.0, stretch.times.1 + 1)],
        lines: vec![LineRange { session: of.session.to_string(), range: (first, last + 1) }],
        feed_version: FEED_VERSION,
        plan_hash: of.plan_hash.clone(),
        gaps: gaps(stretch, partition, &rows.symbol),
        proof: proof(of.venue, partition.data_type),
        is_carried: rows.is_carried,
        ..Recording::default()
    };
    recording.gap_counts = recording.counted_gaps();
    let tally = Tally { rows_in: count, rows_out: count, ..tally(rows) };
    let footer = PartitionFooter {
        partition: partition.clone(),
        status: Status::Stored,
        reason: None,
        provenance: Provenance::Recording(recording),
        tally,
        schema_version: SCHEMA_VERSION,
    };
    (name, footer)
}

/// The times of the rows.
fn tally(rows: &StretchRows) -> Tally {
    let mut tally = Tally::default();
    for batch in &rows.batches {
        super::tally::add(&mut tally, batch);
    }
    tally
}

pub(super) fn proof(venue: &dyn Venue, data_type: DataType) -> Option<Proof> {
    let offer = venue.offers().iter().find(|offer| offer.data_type == data_type)?;
    Some(match offer.proof {
        venue::Proof::Whole => Proof::Whole,
        venue::Proof::Part => Proof::Part,
        venue::Proof::None => Proof::None,
    })
}

/// The gaps that touch a partition's part. One that is told when it begins and again when it ends stands there once.
fn gaps(stretch: &Stretch, partition: &Partition, symbol: &str) -> Vec<RecordingGap> {
    let touches = |gap: &&Gap| {
        gap.symbol.as_deref().is_none_or(|of| of.eq_ignore_ascii_case(symbol))
            && gap.data_type.is_none_or(|of| of == partition.data_type)
            && gap.from < partition.day.end_us()
            && gap.to >= partition.day.start_us()
    };
    let mut told: std::collections::BTreeMap<_, i64> = std::collections::BTreeMap::new();
    for gap in stretch.gaps.iter().filter(touches) {
        let to = told.entry((gap.from, gap.kind)).or_insert(gap.to);
        *to = (*to).max(gap.to);
    }
    let gap =
        |((from, kind), to): ((i64, &str), i64)| RecordingGap { range: (from, to), reason: kind.to_owned() };
    told.into_iter().map(gap).collect()
}

fn encode(
    lake: &Lake,
    partition: &Partition,
    footer: &PartitionFooter,
    rows: &StretchRows,
) -> Result<mtdh_lake::stage::StagedObject, EngineError> {
    let failed =
        |source| EngineError::Live(super::LiveError::Encode { partition: partition.clone(), source });
    let table = partition.data_type.table();
    let mut writer = PartitionWriter::new(table, &partition.key, lake.stage()?).map_err(failed)?;
    // At once, so that the bytes do not depend on how the rows came together.
    let all = arrow_select::concat::concat_batches(table.row_schema(), &rows.batches);
    writer.write(all.map_err(|error| failed(error.into()))?.columns().to_vec()).map_err(failed)?;
    Ok(writer.finish(footer).map_err(failed)?.out)
}

/// The rows of the table of gaps, by day: a gap stands in the table of the day on which it began.
pub fn gap_rows(session: &SessionId, keys: &mut Keys, gaps: &[Gap]) -> Vec<(Day, GapRow)> {
    let row = |gap: &Gap| {
        let key: Option<InstrumentKey> = gap.symbol.as_deref().map(|symbol| keys.key(symbol));
        let row = GapRow {
            session: session.to_string(),
            from_us: gap.from,
            kind: gap.kind.to_owned(),
            connection: gap.connection.map(|connection| connection.0),
            symbol: gap.symbol.clone(),
            data_type: gap.data_type,
            key,
            to_us: gap.to,
            from_id: gap.from_id.clone(),
            to_id: gap.to_id.clone(),
            missing: gap.missing,
            is_proven: gap.is_proven,
            detail: gap.detail.clone(),
        };
        Some((Day::containing_us(gap.from)?, row))
    };
    gaps.iter().filter_map(row).collect()
}
