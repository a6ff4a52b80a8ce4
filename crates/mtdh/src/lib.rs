//! `mtdh`: the program. Reads flags and settings, opens the lake and the vendor's clients, runs a verb, prints a report.
//!
//! Data goes to stdout, diagnostics to stderr. Exit status: see `docs/reference/exit-statuses.md`.
//!
//! A library, so that the Python package brings the same program: [`main`] is all of it. The binary only calls it.

#![deny(missing_docs)]

mod about;
mod args;
mod commands;
mod complete;
mod exit;
pub mod hints;
mod log;
mod metrics;
mod numbers;
mod output;
mod progress;
mod render;
mod scheduler;
mod screen;
mod session;
pub mod settings;
mod signals;
mod stdout;
mod table;
mod time;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use mtdh_engine::runs::phase::{Phases, seen_by};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use args::{Cli, Command, LogFormat};
use exit::{Outcome, Product};
use progress::Shown;
use settings::{FlagLayer, Settings};
use signals::Signals;
use stdout::Stdout;

/// Runs a command line: its first word is the program's name. Returns the exit status. Signals and the two outputs are the
/// process's own, so that a process runs it once.
pub fn main(words: Vec<OsString>) -> u8 {
    if let Some(status) = complete::answer(&words) {
        return status;
    }
    let signals = Signals::hear();
    let (cli, notes) = match args::parse(words.clone()) {
        Ok(parsed) => parsed,
        Err(error) => return tell(&error, &words),
    };
    let (codes, product) = (exit::codes(&cli), exit::product(&cli));
    signals.end_with(exit::status(codes, Outcome::Interrupted));
    let mut span = Span::none();
    let ended = run(cli, &words, &notes, &signals.stop, &mut span);
    mtdh_engine::remove_staging_dirs();
    let ended = verdict(ended, product, &signals.stop);
    if let Err(error) = &ended {
        span.in_scope(|| output::error(error));
    }
    match ended {
        Ok(outcome) => exit::status(codes, outcome),
        Err(error) => exit::failure(codes, &error),
    }
}

/// The outcome of the program. A request to stop takes precedence, then the outcome of the verb, then a product that could
/// not be printed.
fn verdict(ended: Result<Outcome>, product: Product, stop: &CancellationToken) -> Result<Outcome> {
    if stop.is_cancelled() {
        if let Err(error) = &ended {
            tracing::info!(cause = %mtdh_engine::chain(error.as_ref()), "interrupted");
        }
        return Ok(Outcome::Interrupted);
    }
    let outcome = ended?;
    let Some(refused) = stdout::failure() else { return Ok(outcome) };
    let lost = anyhow::Error::new(refused).context("stdout does not take what is printed");
    match product {
        Product::Printed => Err(lost),
        Product::Elsewhere => {
            output::error(&lost);
            Ok(outcome)
        }
    }
}

/// Prints the error of a command line, or the help that it asks for. Returns the exit status.
fn tell(error: &clap::Error, words: &[OsString]) -> u8 {
    if error.use_stderr() {
        // A closed stderr cannot be reported.
        let _closed = error.print();
        return exit::usage(words);
    }
    let text = error.render();
    let text = if io::stdout().is_terminal() { text.ansi().to_string() } else { text.to_string() };
    let written = Stdout.write_all(text.as_bytes()).map_err(anyhow::Error::new);
    match verdict(written.map(|()| Outcome::Clean), Product::Printed, &CancellationToken::new()) {
        Ok(_) => 0,
        Err(error) => {
            output::error(&error);
            2
        }
    }
}

/// Runs a verb. `notes` are about the command line; `span` becomes the span of its lines.
fn run(
    cli: Cli,
    words: &[OsString],
    notes: &[String],
    stop: &CancellationToken,
    span: &mut Span,
) -> Result<Outcome> {
    let program = words.first().map_or_else(|| "mtdh".to_owned(), |name| name.to_string_lossy().into_owned());
    if let Command::Completions { shell } = cli.command {
        let mut script = Vec::new();
        complete::script(shell, &mut script)?;
        Stdout.write_all(&script)?;
        return Ok(Outcome::Clean);
    }
    if let Command::Man { folder } = &cli.command {
        return commands::man::run(folder);
    }
    let log_level = match cli.verbose {
        0 => cli.log_level.clone(),
        1 => Some("info".to_owned()),
        _ => Some("debug".to_owned()),
    };
    let settings = Settings::load(
        &std::env::current_dir()?,
        FlagLayer {
            lake: cli.lake.clone(),
            log_level,
            log_format: cli.log_format.map(LogFormat::name),
            env_file: cli.env_file.clone(),
        },
    )?;
    if cli.quiet {
        output::set_quiet();
    }
    log::start(settings.log_level(), settings.logs_json(), cli.log_file.as_deref())?;
    notes.iter().for_each(|text| output::note(text));
    *span = log::verb_span();
    let (phases, command) = (Arc::new(Phases::default()), output::command_line(words));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        let _shown = (!cli.quiet).then(|| Shown::start(phases.clone()));
        let work = commands::run(cli, program, command, &settings, stop);
        let given_up = async {
            stop.cancelled().await;
            tokio::time::sleep(signals::grace()).await;
        };
        tokio::select! {
            ended = seen_by(phases, work).instrument(span.clone()) => ended,
            () = given_up => Ok(Outcome::Interrupted),
        }
    });
    // Abandoned blocking work cannot be stopped.
    runtime.shutdown_timeout(Duration::from_millis(200));
    ended
}
