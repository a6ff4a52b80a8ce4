//! `mtdh`: the program. Flags become settings, settings a connection, a verb does its work, a report is printed.
//!
//! stdout is data, stderr is talk. Exit status: see [`Outcome`] and [`exit`].

mod args;
mod commands;
mod exit;
mod hints;
mod log;
mod metrics;
mod output;
mod progress;
mod settings;
mod shard_source;
mod time;

use std::io;
use std::process::ExitCode;

use anyhow::Result;
use tokio_util::sync::CancellationToken;

use args::{Cli, Command, LogFormat};
use settings::{FlagLayer, Settings};

/// How a verb ended that could run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything is as it should be.
    Clean,
    /// It ran, and what it found or did is not clean: gaps, failed files.
    NotClean,
    /// It ran, and only a person can decide what is right: a table lost rows, a name never existed.
    NeedsDecision,
    /// What it was to bring is in the lake, and checks of its rows found an error.
    Unsound,
    /// The vendor's quota, or what the user allows of it, is used up: go on later.
    UsedUp,
    /// It was interrupted.
    Interrupted,
}

fn main() -> ExitCode {
    let cli = match args::parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Nobody can be told that the terminal is closed.
            let _closed = error.print();
            return ExitCode::from(if error.use_stderr() { exit::usage() } else { 0 });
        }
    };
    let codes = exit::codes(&cli);
    match run(cli) {
        Ok(outcome) => ExitCode::from(exit::status(codes, outcome)),
        // Who closed our stdout has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&error);
            ExitCode::from(exit::failure(codes, &error))
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|e| e.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe))
}

fn run(cli: Cli) -> Result<Outcome> {
    if let Command::Completions { shell } = cli.command {
        clap_complete::generate(shell, &mut args::command(), "mtdh", &mut io::stdout());
        return Ok(Outcome::Clean);
    }
    let log_level = match cli.verbose {
        0 => None,
        1 => Some("info".to_owned()),
        _ => Some("debug".to_owned()),
    };
    let settings = Settings::load(
        &std::env::current_dir()?,
        FlagLayer { lake: cli.lake.clone(), log_level, log_format: cli.log_format.map(LogFormat::name) },
    )?;
    log::start(settings.log_level(), settings.logs_json());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let stop = stop_on_interrupt();
        commands::run(cli, &settings, &stop).await
    })
}

/// The first Ctrl-C, or the system's request to end, asks for a clean end; the second one ends at once.
fn stop_on_interrupt() -> CancellationToken {
    let stop = CancellationToken::new();
    let asked = stop.clone();
    tokio::spawn(async move {
        interrupt().await;
        asked.cancel();
        output::note("stopping: files in hand are given back; press Ctrl-C again to end at once");
        interrupt().await;
        std::process::exit(130);
    });
    stop
}

async fn interrupt() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        },
        Err(error) => {
            tracing::warn!(%error, "requests to end cannot be heard");
            std::future::pending::<()>().await;
        }
    }
}
