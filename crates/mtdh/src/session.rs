//! Common to all verbs: settings, days, a shard, and what the user allows.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use mtdh_core::partition::Shard;
use mtdh_core::text::without_credentials;
use mtdh_core::{Day, DayRange};
use mtdh_engine::judgement::Waits;
use mtdh_engine::validate::verdict::ExportGrace;
use mtdh_engine::{Config, Context, Selection};
use tokio_util::sync::CancellationToken;

use crate::args::{AllowArgs, FilterArgs, Format, SelectionArgs, ShardArgs};
use crate::exit;
use crate::output::{note, shell_word};
use crate::scheduler::{self, Found};

/// The context of a verb.
pub struct Session<'a> {
    /// The program's path as the user called it, so that printed commands can be run as they are.
    pub program: String,
    /// The whole command as it can be typed again, without secrets.
    pub command: String,
    /// The lake as a flag names it; `None`: settings do.
    pub lake_flag: Option<String>,
    /// The output format.
    pub format: Format,
    /// Addresses, the key and limits.
    pub config: Config,
    /// How long a worker of a run may go without renewing before another takes over its shard.
    pub lease: Duration,
    /// How long after its end a day may lack the vendor's export without failing.
    pub export_grace: Duration,
    /// Cancelled to request a clean end.
    pub stop: &'a CancellationToken,
}

impl Session<'_> {
    /// Another command on the same lake; `words` are as a shell takes them.
    pub fn command_on_lake(&self, words: &str) -> String {
        match &self.lake_flag {
            None => format!("mtdh {words}"),
            Some(lake) if lake.contains("://") => {
                format!("mtdh {words} --lake {}", shell_word(&without_credentials(lake)))
            }
            Some(lake) => format!("mtdh {words} --lake {}", shell_word(lake)),
        }
    }

    /// This command with another word in the place of one of its words; empty: with none.
    pub fn command_with(&self, word: &str, instead: &str) -> String {
        let mut is_done = false;
        let words = self.command.split(' ').filter_map(|of| {
            let is_meant = of == word && !is_done;
            is_done |= is_meant;
            if is_meant { Some(instead).filter(|instead| !instead.is_empty()) } else { Some(of) }
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// Another command about the same selection: by its flags, on the same lake.
    pub fn command_of(&self, verb: &str, args: &SelectionArgs) -> String {
        let mut words = vec![self.command_on_lake(verb)];
        let SelectionArgs { start_date, end_date, filters } = args;
        if let Some(days) = start_date {
            words.extend(["--start-date".to_owned(), days.first().to_string()]);
            let last = end_date.unwrap_or(*days);
            if last.last() > days.first() {
                words.extend(["--end-date".to_owned(), last.last().to_string()]);
            }
        }
        let FilterArgs { venues, instrument_types, data_types, instruments, universe, max_instruments } =
            filters;
        let mut list = |flag: &str, items: Vec<String>| {
            if !items.is_empty() {
                words.extend([flag.to_owned(), shell_word(&items.join(","))]);
            }
        };
        list("--venues", venues.clone());
        list("--instrument-types", instrument_types.iter().map(ToString::to_string).collect());
        list("--data-types", data_types.iter().map(ToString::to_string).collect());
        list("--instruments", instruments.clone());
        list("--universe", universe.iter().cloned().collect());
        list("--max-instruments", max_instruments.iter().map(ToString::to_string).collect());
        words.join(" ")
    }

    /// The lake and the vendor.
    pub fn context(&self) -> Result<Context> {
        Ok(Context::open(&self.config)?)
    }

    /// For which days that the vendor has not exported yet nobody complains: a flag allows all, else recent ones. Of what is
    /// wanted the sets say for how many hours; `None`: the setting does.
    pub fn waits(&self, allow: AllowArgs, hours: Option<u32>) -> Waits {
        let grace = hours.map_or(self.export_grace, |hours| Duration::from_secs(u64::from(hours) * 3_600));
        Waits { grace: ExportGrace::of(grace), is_allowed: allow.allow_not_exported }
    }
}

/// Checks venues that this program does not know, and notes those that the vendor or the lake knows.
pub async fn check_venues(context: &Context, selection: &Selection) -> Result<()> {
    let days: Vec<Day> = selection.days.days().collect();
    for text in context.check_venues(&selection.venues, &days).await? {
        note(&text);
    }
    Ok(())
}

/// The days that the user named, which must not be in the future.
pub fn days(args: &SelectionArgs) -> Result<DayRange> {
    named_days(args)?.context("--start-date is needed")
}

/// The same; `None`: the user named none.
pub fn named_days(args: &SelectionArgs) -> Result<Option<DayRange>> {
    let Some(first) = args.start_date else { return Ok(None) };
    let days = range(first, args.end_date)?;
    let today = crate::time::today();
    if days.last() > today {
        let hint = if days.first() < today { "; end with --end-date yesterday or today" } else { "" };
        bail!("{} lies in the future: today is {today}, UTC{hint}", days.last());
    }
    Ok(Some(days))
}

/// From the first of some days to the last of others; `None`: only the first ones.
pub fn range(first: DayRange, last: Option<DayRange>) -> Result<DayRange> {
    let last = last.unwrap_or(first);
    DayRange::new(first.first(), last.last()).context("--end-date lies before --start-date")
}

/// This process's shard; noted on stderr if a scheduler set it.
pub fn shard(args: &ShardArgs) -> Result<Shard> {
    let Found { shard, engine } = scheduler::shard(args, exit::environment)?;
    if let Some(engine) = engine {
        note(&format!("shard {} of {}, as {engine} says", shard.index(), shard.total()));
    }
    Ok(shard)
}
