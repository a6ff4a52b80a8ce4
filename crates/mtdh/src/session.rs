//! What every verb works with: settings, days, a shard, and what a user allows.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use mtdh_core::partition::Shard;
use mtdh_core::{Day, DayRange};
use mtdh_engine::validate::verdict::ExportGrace;
use mtdh_engine::{Config, Context};
use tokio_util::sync::CancellationToken;

use crate::args::{AllowArgs, Format, SelectionArgs, ShardArgs};
use crate::exit;
use crate::output::note;
use crate::scheduler::{self, Found};

/// What every verb gets.
pub struct Session<'a> {
    /// How to print.
    pub format: Format,
    /// Where everything is.
    pub config: Config,
    /// For how long a worker of a run may keep silent before another takes its shard over.
    pub lease: Duration,
    /// For how long after its end a day may lack the vendor's export without fault.
    pub export_grace: Duration,
    /// Asks for a clean end.
    pub stop: &'a CancellationToken,
}

impl Session<'_> {
    /// The lake and the vendor.
    pub fn context(&self) -> Result<Context> {
        Ok(Context::open(&self.config)?)
    }

    /// Whether days that the vendor has not exported yet are no fault: a flag says so, or all of them are young.
    pub fn allows_not_exported(&self, allow: AllowArgs, mut days: impl Iterator<Item = Day>) -> bool {
        let grace = ExportGrace::of(self.export_grace);
        allow.allow_not_exported || days.all(|day| grace.covers(day))
    }
}

/// The days that a user names, which do not lie in the future.
pub fn days(args: &SelectionArgs) -> Result<DayRange> {
    let first = args.start_date.context("--start-date is needed")?;
    let days = range(first, args.end_date)?;
    let today = crate::time::today();
    if days.last() > today {
        bail!("{} lies in the future: today is {today}, UTC", days.last());
    }
    Ok(days)
}

/// From the first day to the last, which is the first where none is named.
pub fn range(first: Day, last: Option<Day>) -> Result<DayRange> {
    DayRange::new(first, last.unwrap_or(first)).context("--end-date lies before --start-date")
}

/// This process's shard; said where a scheduler named it.
pub fn shard(args: &ShardArgs) -> Result<Shard> {
    let Found { shard, engine } = scheduler::shard(args, exit::environment)?;
    if let Some(engine) = engine {
        note(&format!("shard {} of {}, as {engine} says", shard.index(), shard.total()));
    }
    Ok(shard)
}
