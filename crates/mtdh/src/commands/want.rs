//! `mtdh want`: what the lake is for.

use anyhow::{Context as _, Result, bail};
use mtdh_core::check::Settings;
use mtdh_core::want::{Until, WantedSet};
use mtdh_core::{Day, DayRange};
use mtdh_engine::want::{Narrowing, document};

use crate::args::{WantAddArgs, WantCommand};
use crate::exit::Outcome;
use crate::output::{many, note, print, verdict};
use crate::render::want::{asked_rows, rows};
use crate::session::Session;

pub async fn run(session: &Session<'_>, command: WantCommand) -> Result<Outcome> {
    match command {
        WantCommand::Add(args) => add(session, *args).await,
        WantCommand::List => list(session, |_| true).await,
        WantCommand::Show { name } => show(session, &name).await,
        WantCommand::Remove { name } => {
            let context = session.context()?;
            context.check_readable().await?;
            context.unwant(&name).await?;
            note(&format!("{name} is no longer wanted; what the lake has of it stays"));
            Ok(Outcome::Clean)
        }
    }
}

async fn add(session: &Session<'_>, args: WantAddArgs) -> Result<Outcome> {
    let WantAddArgs { name, start_date, end_date, filters, mut timeframes, checks, set, keep, export_grace } =
        args;
    let first = start_date.context("--start-date is needed")?.first();
    let until = end_date.map_or(Until::Today, |days| Until::Day(days.last()));
    let last = match until {
        Until::Today => first.max(crate::time::today()),
        Until::Day(day) => day,
    };
    let Ok(days) = DayRange::new(first, last) else { bail!("--end-date lies before --start-date") };
    timeframes.sort_unstable();
    timeframes.dedup();
    let mut wanted = WantedSet { until, candles: timeframes, ..WantedSet::from(first) };
    (wanted.keep_days, wanted.export_grace_hours) = (keep, export_grace);
    if !checks.is_empty() {
        wanted.checks = checks.iter().flat_map(|groups| groups.iter().copied()).collect();
        wanted.checks.sort_unstable();
        wanted.checks.dedup();
    }
    let mut settings = Settings::default();
    for text in &set {
        settings.set(text)?;
    }
    wanted.parameters = settings.given().collect();
    let wanted = filters.filter().wanted(wanted, days)?;
    let context = session.context()?;
    context.check_usable().await?;
    // A venue that nobody has would be wanted for ever; the vendor knows those that are newer than this program.
    for text in context.check_venues(&wanted.venues, &[] as &[Day]).await? {
        note(&text);
    }
    context.want(&name, &wanted).await?;
    list(session, |of| of == name).await?;
    verdict(&format!("lake.toml wants {name} now"), Some(&session.command_on_lake("sync")));
    Ok(Outcome::Clean)
}

async fn list(session: &Session<'_>, is_meant: impl Fn(&str) -> bool) -> Result<Outcome> {
    let context = session.context()?;
    context.check_readable().await?;
    let Some(mut wanted) = context.wanted().await? else {
        note("the lake has no lake.toml; add a set with mtdh want add NAME --start-date DAY --venues VENUE");
        let asked = context.asked(&Narrowing::default()).await?.unwrap_or_default();
        print(session.format, &asked_rows(&asked), &asked_rows(&asked).objects())?;
        for line in &asked.forgotten {
            note(&format!("forgotten: {line}"));
        }
        return Ok(Outcome::NotClean);
    };
    wanted.sets.retain(|name, _| is_meant(name));
    print(session.format, &rows(&wanted), &document(&wanted))?;
    note(&many(wanted.sets.len() as u64, "set"));
    Ok(Outcome::Clean)
}

async fn show(session: &Session<'_>, name: &str) -> Result<Outcome> {
    let context = session.context()?;
    context.check_readable().await?;
    let wanted = context.wanted().await?.unwrap_or_default();
    if !wanted.sets.contains_key(name) {
        let there: Vec<&str> = wanted.sets.keys().map(String::as_str).collect();
        let meant = mtdh_core::nearest::perhaps(name, there.iter().copied());
        let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
        bail!("lake.toml has no set `{name}`{meant}; it has: {there}");
    }
    list(session, |of| of == name).await
}
