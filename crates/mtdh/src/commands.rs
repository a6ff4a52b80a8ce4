//! The verbs, one file each.

mod bigquery;
mod candles;
mod certify;
mod check;
mod convert;
mod ddl;
mod demo;
mod deploy;
mod doctor;
mod download;
mod export;
mod fleet;
mod get;
mod instruments;
mod live;
mod ls;
pub mod man;
mod paths;
mod pipeline;
mod publish;
mod rekey;
mod reports;
mod rm;
mod runs;
mod schema;
mod serve;
mod sim;
mod sql;
mod sync;
mod validate;
mod venues;
mod want;
mod why;

use anyhow::{Result, bail};
use tokio_util::sync::CancellationToken;

use crate::args::{Cli, Command, ConfigCommand, DeployCommand, Format};
use crate::exit::Outcome;
use crate::output::{Rows, print};
use crate::session::Session;
use crate::settings::{Setting, Settings};

/// Runs the command. `program`: how the user called the program.
///
/// # Errors
/// When it could not run.
pub async fn run(
    cli: Cli,
    program: String,
    command: String,
    settings: &Settings,
    stop: &CancellationToken,
) -> Result<Outcome> {
    let (has_form, those_that_have) = match cli.format {
        Format::Github | Format::Junit => {
            (matches!(&cli.command, Command::Check(args) if args.gate), "mtdh check --gate")
        }
        Format::Parquet | Format::Arrow => {
            (matches!(&cli.command, Command::Get(_) | Command::Convert(_)), "rows: mtdh get, mtdh convert")
        }
        Format::Lines => (matches!(&cli.command, Command::Paths(_)), "mtdh paths"),
        Format::Table | Format::Json | Format::Jsonl | Format::Csv => (true, ""),
    };
    if !has_form {
        bail!("--format {} is for {those_that_have}", cli.format.name());
    }
    let session = Session {
        program,
        command,
        lake_flag: cli.lake.clone(),
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
        Command::Certify(args) => certify::certify(&session, args).await,
        Command::Verify(args) => certify::verify(&session, args).await,
        Command::FullPipeline(args) => pipeline::run(session, args).await,
        Command::Want { command } => want::run(&session, command).await,
        Command::Sync(args) => sync::run(&session, args).await,
        Command::Ls(args) => ls::run(&session, args).await,
        Command::Venues(args) => venues::run(&session, &args).await,
        Command::Runs(args) => runs::run(&session, &args).await,
        Command::Why(args) => why::run(&session, args).await,
        Command::Candles(args) => candles::run(&session, args).await,
        Command::Get(args) => get::run(&session, args).await,
        Command::Paths(args) => paths::run(&session, args).await,
        Command::Sql(args) => sql::run(&session, args).await,
        Command::Ddl(args) => ddl::run(&session, args).await,
        Command::Publish { command } => publish::run(&session, command).await,
        Command::Export { command } => export::run(&session, command).await,
        Command::Convert(args) => convert::run(&session, args),
        Command::Rm(args) => rm::run(&session, args).await,
        Command::Rekey(args) => rekey::run(&session, &args).await,
        Command::Schema(args) => schema::run(&session, &args),
        Command::Serve(args) if !args.live.is_empty() => live::serve_named(&session, settings, args).await,
        Command::Serve(args) => serve::run(&session, settings, args).await,
        Command::Live { command } => live::run(&session, settings, command).await,
        Command::Sim(args) => sim::run(&session, args).await,
        Command::Doctor | Command::Config { command: ConfigCommand::Check } => {
            doctor::run(&session, settings).await
        }
        Command::Config { command: ConfigCommand::Show } => show_settings(&session, settings),
        // Done before anything else is set up.
        Command::Completions { .. } | Command::Man { .. } => Ok(Outcome::Clean),
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
