//! Records live feeds of several venues into a lake.
//!
//! Each venue has a session on a thread of its own; what sessions hand on (rows, gaps, sealed captures) is brought into the lake
//! here, again and again until it is there. Start with [`prepare()`], then [`record()`].

mod claim;
mod days;
mod follow;
mod mark;
mod prepare;
mod prune;
mod remake;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use claim::{Claim, Held, LEASE};
use days::Days;
use follow::Following;
use mtdh_core::{DataType, Day};
use mtdh_lake::Lake;
pub use mtdh_source::live::address::{Instead, Unencrypted};
use mtdh_source::live::clock;
pub use mtdh_source::live::link::Rules;
use mtdh_source::live::venue::Venue;
pub use prepare::{prepare, wanted};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::hub::Hub;
use super::parts::Of;
use super::plan::{PlannedAnalysis, SessionPlan};
use super::session::{self, Settings, Told};
use crate::EngineError;

/// What people are told of a venue of which no continuous recording was ever read.
pub const EXPERIMENTAL: &str = "experimental: no continuous recording of it was ever read by this program";

/// What of one venue is to be recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The vendor's exchange id.
    pub exchange: String,
    /// Symbols as the exchange writes them, in any case that it allows.
    pub symbols: Vec<String>,
    /// Data types; none: all that the venue offers, without options.
    pub data_types: Vec<DataType>,
}

/// How to record.
#[derive(Clone)]
pub struct RecordOptions {
    /// Addresses in place of venues' own, by exchange id.
    pub instead: BTreeMap<String, Instead>,
    /// A tardis-machine from which messages come already normalised, in place of the exchanges' own.
    pub machine: Option<Instead>,
    /// Whether they may be without TLS beyond this machine.
    pub unencrypted: Unencrypted,
    /// How old what was received becomes before it is on the disk; zero: no older than a write.
    pub durable: Duration,
    /// How often rows become parts.
    pub part_every: Duration,
    /// Whether only captures are written.
    pub is_capture_only: bool,
    /// Where captures are written; `None`: in the lake, which must be a folder.
    pub folder: Option<PathBuf>,
    /// Captures are removed so many days after their session ended, if their rows are in days' objects that were compared with the
    /// vendor's; `None`: never.
    pub keep_days: Option<u32>,
    /// Who follows.
    pub hub: Option<Arc<Hub>>,
    /// What who follows tells of the rows; captures say it.
    pub analysis: Option<PlannedAnalysis>,
    /// Other rules for connections than those that follow from what venues allow, for tests.
    pub rules: Option<Rules>,
}

impl Default for RecordOptions {
    fn default() -> RecordOptions {
        RecordOptions {
            instead: BTreeMap::new(),
            machine: None,
            unencrypted: Unencrypted::Loopback,
            durable: Duration::from_secs(1),
            part_every: Duration::from_secs(300),
            is_capture_only: false,
            folder: None,
            keep_days: None,
            hub: None,
            analysis: None,
            rules: None,
        }
    }
}

/// A venue that is ready to be recorded.
pub struct Prepared {
    /// The venue.
    pub venue: &'static dyn Venue,
    /// What is recorded of it.
    pub plan: SessionPlan,
    /// What people should know before it begins.
    pub notes: Vec<String>,
    settings: Settings,
    keep_days: Option<u32>,
}

/// How a recording stands, or what happened in it, by exchange id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The exchange.
    pub exchange: &'static str,
    /// What is told of it.
    pub told: Told,
}

/// What a recording came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RecordSummary {
    /// One per venue.
    pub venues: Vec<VenueSummary>,
}

/// What a venue's recording came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VenueSummary {
    /// The vendor's exchange id.
    pub exchange: String,
    /// Whether no continuous recording of it was ever read by this program.
    pub is_experimental: bool,
    /// The session, by which captures are named.
    pub session: String,
    /// Messages received.
    pub messages: u64,
    /// Of these, messages that could not be read.
    pub unread: u64,
    /// Messages of which other is made than the vendor makes, on purpose: the known differences of a comparison.
    pub quirks: u64,
    /// Rows made.
    pub rows: u64,
    /// Lines of the capture.
    pub lines: u64,
    /// Parts written.
    pub parts: u64,
    /// Gaps that were recorded.
    pub gaps: u64,
    /// Whether rows were not made, or no longer.
    pub is_capture_only: bool,
    /// What failed, a line each.
    pub failures: Vec<String>,
}

/// Records until `stop` is cancelled, or the venues refuse for good. `tell` hears how it stands.
///
/// # Errors
/// If nothing could be begun, also if another recorder records the same ([`super::LiveError::Held`]). What fails later is in the summary.
pub async fn record(
    lake: &Lake,
    prepared: Vec<Prepared>,
    stop: &CancellationToken,
    tell: impl Fn(Progress) + Send + Sync + 'static,
) -> Result<RecordSummary, EngineError> {
    let tell: Tell = Arc::new(tell);
    let Some(first) = prepared.first() else { return Ok(RecordSummary::default()) };
    let (folder, keep_days) = (first.settings.folder.clone(), first.keep_days);
    let held = claimed(lake, &prepared, &tell).await?;
    let crashed = match remake::remake(lake, &prepared, &tell).await {
        Ok(crashed) => crashed,
        Err(error) => {
            given_back(held).await;
            return Err(error);
        }
    };
    let mut running = Vec::new();
    for (of, held) in prepared.into_iter().zip(held) {
        let mut settings = of.settings;
        settings.crashed = crashed.get(of.venue.exchange()).copied();
        let of = Of {
            venue: of.venue,
            session: settings.session.clone(),
            plan_hash: mtdh_lake::live::Session {
                id: settings.session.clone(),
                venue: of.plan.exchange.clone(),
                addresses: Vec::new(),
                plan: of.plan.text(),
            }
            .plan_hash(),
        };
        // A child, as one venue may end alone.
        let stop = stop.child_token();
        let plan = settings.plan.clone();
        let started = session::start(settings, stop.clone())?;
        let following = Following { lake: lake.clone(), of, plan, stop, tell: tell.clone() };
        running.push(tokio::spawn(following.run(started, held)));
    }
    let days = Days { lake: lake.clone(), folder, keep_days, tell: tell.clone() };
    let finishing = tokio::spawn(days.clone().run(stop.clone()));
    let (mut summary, mut is_all_there) = (RecordSummary::default(), true);
    for one in running {
        match one.await {
            Ok((venue, is_there)) => {
                is_all_there &= is_there;
                summary.venues.push(venue);
            }
            Err(error) => {
                is_all_there = false;
                summary.venues.push(VenueSummary {
                    failures: vec![format!("the recording ended by a fault of the program: {error}")],
                    ..VenueSummary::default()
                });
            }
        }
    }
    finishing.abort();
    // Of a day that is over, what ended with the recording is in no later turn. What is not there yet the next recording brings.
    if is_all_there && let Some(day) = Day::containing_us(clock::now()).map(Day::previous) {
        days.finish(day).await;
    }
    Ok(summary)
}

/// Who hears how a recording stands.
type Tell = Arc<dyn Fn(Progress) + Send + Sync>;

/// Takes the claims of all that is to be recorded, or none.
async fn claimed(lake: &Lake, prepared: &[Prepared], tell: &Tell) -> Result<Vec<Held>, EngineError> {
    let mut held = Vec::new();
    for of in prepared {
        let Settings { plan, session, folder, .. } = &of.settings;
        let exchange = of.venue.exchange();
        let told = |text| tell(Progress { exchange, told: Told::Note(text) });
        match Held::take(lake, Claim::new(plan, session, folder, LEASE), told).await {
            Ok(one) => held.push(one),
            Err(error) => {
                given_back(held).await;
                return Err(error);
            }
        }
    }
    Ok(held)
}

/// Ends claims of which nothing was recorded.
async fn given_back(held: Vec<Held>) {
    for one in held {
        one.end(true).await;
    }
}

#[cfg(test)]
mod tests;
