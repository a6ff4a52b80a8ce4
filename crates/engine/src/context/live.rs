//! Live feeds: recording, and rows of recordings.

use std::sync::Arc;

use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::{Context, Work};
use crate::error::EngineError;
use crate::live::follow::{self, Analysed, AnalysisOptions};
use crate::live::followed::followed;
use crate::live::hub::Hub;
use crate::live::plan::SessionPlan;
use crate::live::rebuild::{Rebuilt, finish_day, rebuild_day};
use crate::live::record::{self, Prepared, Progress, RecordOptions, RecordSummary, Wanted};
use crate::live::replay::{ReplayOptions, Replayed, replay};
use crate::live::status::{VenueStatus, status};
use crate::{DataType, Day, InstrumentKey};

impl Context {
    /// What is wanted of each venue, by symbols of venues and keys of instruments that the lake lists.
    pub fn wanted_live<'a>(
        &'a self,
        venues: &'a [String],
        symbols: &'a [String],
        keys: &'a [InstrumentKey],
        data_types: &'a [DataType],
    ) -> Work<'a, Vec<Wanted>> {
        Box::pin(record::wanted(&self.lake, venues, symbols, keys, data_types))
    }

    /// Checks what is to be recorded. Nothing is connected yet.
    pub fn prepare_recording<'a>(
        &'a self,
        wanted: &'a [Wanted],
        options: &'a RecordOptions,
    ) -> Work<'a, Vec<Prepared>> {
        Box::pin(record::prepare(&self.lake, wanted, options))
    }

    /// Makes the lake's folder if it is not there, for who reads the lake while the first rows of it are recorded.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn make_lake(&self) -> Result<(), EngineError> {
        Ok(self.lake.make_folder()?)
    }

    /// Records until `stop` is cancelled.
    pub fn record<'a>(
        &'a self,
        prepared: Vec<Prepared>,
        stop: &'a CancellationToken,
        tell: impl Fn(Progress) + Send + Sync + 'static,
    ) -> Work<'a, RecordSummary> {
        Box::pin(record::record(&self.lake, prepared, stop, tell))
    }

    /// Follows what a hub is given: candles and checks as rows arrive. What it returns is to be run beside the recording, and ends
    /// when `stop` is cancelled. `from_us` is when the recording begins, microseconds since the Unix epoch, UTC.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn analyse_live(
        &self,
        hub: Arc<Hub>,
        plans: &[&SessionPlan],
        options: AnalysisOptions,
        from_us: i64,
        stop: CancellationToken,
    ) -> Result<BoxFuture<'static, Analysed>, EngineError> {
        let of = followed(&self.lake, plans.iter().copied(), from_us).await?;
        let lake = self.lake.clone();
        let ears = follow::begin(&lake, &hub, plans, options.folder.as_deref(), from_us).await?;
        Ok(Box::pin(async move { follow::follow(&lake, &hub, ears, of, options, &stop).await }))
    }

    /// Makes rows of recorded files.
    pub fn replay_recordings<'a>(&'a self, options: &'a ReplayOptions) -> Work<'a, Replayed> {
        Box::pin(replay(&self.lake, options))
    }

    /// Makes the parts of a day again from the lake's captures and compares them; of all venues if none is named.
    pub fn rebuild_live<'a>(&'a self, day: Day, exchanges: &'a [String]) -> Work<'a, Vec<Rebuilt>> {
        Box::pin(async move {
            let mut rebuilt = Vec::new();
            for exchange in self.lake.captured_venues().await? {
                if exchanges.is_empty() || exchanges.contains(&exchange) {
                    rebuilt.push(rebuild_day(&self.lake, &exchange, day).await?);
                }
            }
            Ok(rebuilt)
        })
    }

    /// Makes the objects of a day that is over from its parts: how many, and what failed, a line each.
    pub fn finish_live_day(&self, day: Day) -> Work<'_, (u64, Vec<String>)> {
        Box::pin(finish_day(&self.lake, day))
    }

    /// How the newest session of each venue stands, by the lake's files. `now` is in microseconds since the Unix epoch, UTC.
    pub fn live_status(&self, now: i64) -> Work<'_, Vec<VenueStatus>> {
        Box::pin(status(&self.lake, now))
    }
}
