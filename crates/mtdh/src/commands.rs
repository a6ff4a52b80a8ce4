//! The verbs, one file each; what several share stands here.

mod candles;
mod check;
mod convert;
mod demo;
mod deploy;
mod download;
mod fleet;
mod get;
mod instruments;
mod ls;
mod pipeline;
mod sim;
mod validate;

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use mtdh_core::{Day, DayRange};
use mtdh_engine::check::lake::now_us;
use mtdh_engine::validate::verdict::ExportGrace;
use mtdh_engine::{Config, Context};
use tokio_util::sync::CancellationToken;

use crate::Outcome;
use crate::args::{AllowArgs, Cli, Command, ConfigCommand, DeployCommand, Format, SelectionArgs};
use crate::output::{Rows, print};
use crate::settings::{Setting, Settings};

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
        let us = i64::try_from(self.export_grace.as_micros()).unwrap_or(i64::MAX);
        let grace = ExportGrace { us, now_us: now_us() };
        allow.allow_not_exported || days.all(|day| grace.covers(day))
    }
}

/// Does what the user typed.
///
/// # Errors
/// When it could not run.
pub async fn run(cli: Cli, settings: &Settings, stop: &CancellationToken) -> Result<Outcome> {
    let session = Session {
        format: cli.format,
        config: settings.config(),
        lease: settings.lease(),
        export_grace: settings.export_grace(),
        stop,
    };
    match cli.command {
        Command::Demo => demo::run(session, cli.lake.is_some()).await,
        Command::Instruments(args) => instruments::run(&session, args).await,
        Command::Plan(args) => fleet::plan(session, args).await,
        Command::Download(args) if args.run.is_some() => fleet::download(session, args).await,
        Command::Download(args) => download::run(session, args).await,
        Command::Monitor(args) => fleet::monitor(&session, args).await,
        Command::Resume(args) => fleet::resume(&session, args).await,
        Command::Deploy { command: DeployCommand::Render(args) } => {
            deploy::render(&session, settings.project(), &args).await
        }
        Command::Validate(args) => validate::run(session, args).await,
        Command::Check(args) => check::run(&session, args).await,
        Command::FullPipeline(args) => pipeline::run(session, args).await,
        Command::Ls(args) => ls::run(&session, args).await,
        Command::Candles(args) => candles::run(&session, args).await,
        Command::Get(args) => get::run(&session, args).await,
        Command::Convert(args) => convert::run(&session, args),
        Command::Sim(args) => sim::run(&session, args).await,
        Command::Config { command: ConfigCommand::Show } => show_settings(&session, settings),
        // Printed before anything else is set up.
        Command::Completions { .. } => Ok(Outcome::Clean),
    }
}

fn show_settings(session: &Session<'_>, settings: &Settings) -> Result<Outcome> {
    let mut rows = Rows::new(&["setting", "value", "origin", "variable", "meaning"]);
    let row = |(s, value, origin): (&Setting, String, String)| {
        vec![s.name.to_owned(), value, origin, s.variable.to_owned(), s.meaning.to_owned()]
    };
    rows.rows = settings.shown().into_iter().map(row).collect();
    let document = |r: &Vec<String>| serde_json::json!({"setting": r[0], "value": r[1], "origin": r[2], "variable": r[3]});
    print(session.format, &rows, &rows.rows.iter().map(document).collect::<Vec<_>>())?;
    Ok(Outcome::Clean)
}

/// The days that a user names, which do not lie in the future.
fn days(args: &SelectionArgs) -> Result<DayRange> {
    let first = args.start_date.context("--start-date is needed")?;
    let days = range(first, args.end_date)?;
    let today = crate::time::today();
    if days.last() > today {
        bail!("{} lies in the future: today is {today}, UTC", days.last());
    }
    Ok(days)
}

/// From the first day to the last, which is the first where none is named.
fn range(first: Day, last: Option<Day>) -> Result<DayRange> {
    DayRange::new(first, last.unwrap_or(first)).context("--end-date lies before --start-date")
}
