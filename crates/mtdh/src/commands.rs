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
use mtdh_core::key::InstrumentKey;
use mtdh_core::universe::{KeyPattern, named_universe};
use mtdh_core::venue::DEFAULT_VENUES;
use mtdh_core::{DataType, Day, DayRange};
use mtdh_engine::check::lake::now_us;
use mtdh_engine::validate::verdict::ExportGrace;
use mtdh_engine::{Config, Context, Selection};
use tokio_util::sync::CancellationToken;

use crate::Outcome;
use crate::args::{AllowArgs, Cli, Command, ConfigCommand, DeployCommand, FilterArgs, Format, SelectionArgs};
use crate::output::{Rows, print};
use crate::settings::{Setting, Settings};

/// What every verb gets.
pub struct Session<'a> {
    /// How to print.
    pub format: Format,
    /// Where everything is.
    pub addresses: Config,
    /// For how long a worker of a run may keep silent before another takes its shard over.
    pub lease: Duration,
    /// For how long after its end a day may lack the vendor's export without fault.
    pub export_grace: Duration,
    /// Asks for a clean end.
    pub stop: &'a CancellationToken,
}

impl Session<'_> {
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
        addresses: settings.addresses(),
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

/// Connects, with the user's folder of vendor files where one is given.
fn connect(addresses: &Config) -> Result<Context> {
    Ok(Context::open(addresses)?)
}

/// What a verb is about.
fn selection(args: &SelectionArgs) -> Result<Selection> {
    let first = args.start_date.context("--start-date is needed")?;
    let days = DayRange::new(first, args.end_date.unwrap_or(first))
        .context("--end-date lies before --start-date")?;
    let today = crate::time::today();
    if days.last() > today {
        bail!("{} lies in the future: today is {today}, UTC", days.last());
    }
    filtered(days, &args.filters)
}

/// The same for days that come from elsewhere. Without `--venues`, instruments that are named say the venues.
fn filtered(days: DayRange, args: &FilterArgs) -> Result<Selection> {
    let mut keys = args.instruments.clone();
    if let Some(name) = &args.universe {
        keys.extend(universe(name)?);
    }
    let named_venues =
        keys.iter().filter_map(|key| key.split_once(':')).map(|(venue, _)| venue.to_uppercase());
    let named_venues: Vec<String> = named_venues.filter(|v| !v.contains(['*', '?'])).collect();
    let every_key_names_one = !keys.is_empty() && named_venues.len() == keys.len();
    let mut venues = match (&args.venues[..], every_key_names_one) {
        ([], true) => named_venues,
        ([], false) => DEFAULT_VENUES.iter().map(|v| (*v).to_owned()).collect(),
        (given, _) => given.to_vec(),
    };
    venues.sort();
    venues.dedup();
    let data_types =
        if args.data_types.is_empty() { DataType::DEFAULT.to_vec() } else { args.data_types.clone() };
    Ok(Selection {
        days,
        venues,
        instrument_types: args.instrument_types.clone(),
        data_types,
        patterns: keys.iter().map(|key| KeyPattern::new(key)).collect(),
        max_instruments: args.max_instruments,
    })
}

/// The keys of a built-in list, or of a file with one a line; lines that begin with # are comments.
fn universe(name: &str) -> Result<Vec<String>> {
    if let Some(keys) = named_universe(name) {
        return Ok(keys.iter().map(InstrumentKey::to_string).collect());
    }
    let path = std::path::Path::new(name);
    if !path.is_file() {
        bail!("there is no universe `{name}`, neither built in (core60) nor as a file");
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let keys = lines.map(|line| {
        let key: InstrumentKey = line.parse().with_context(|| format!("in {name}"))?;
        Ok(key.to_string())
    });
    let keys = keys.collect::<Result<Vec<String>>>()?;
    if keys.is_empty() {
        bail!("the universe {name} holds no key; write one a line, as DERIBIT:PERP:BTC-USD");
    }
    Ok(keys)
}
