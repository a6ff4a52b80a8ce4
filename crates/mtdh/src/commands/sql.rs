//! `mtdh sql`: the lake's tables as views, printed, or queried by a DuckDB program that is installed. None is linked: it would
//! be larger than all the rest.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use mtdh_engine::Views;
use mtdh_engine::query::tables::TableName;
use mtdh_engine::runs::phase;
use mtdh_engine::sql::bucket::Keys;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::paths::{Lacking, check_names, may_be_printed, prove};
use crate::args::{Format, SqlArgs};
use crate::exit::Outcome;
use crate::output::note;
use crate::session::Session;
use crate::stdout::Stdout;

/// The program that runs queries.
const PROGRAM: &str = "duckdb";

/// How to get it.
const HOW: &str =
    "pip install duckdb-cli, or https://duckdb.org/install; or --print, and the views in any DuckDB";

/// The signal of a writer whose reader has gone (POSIX, signal.h).
const SIGPIPE: i32 = 13;

/// Objects above which people are told that a narrower selection is faster.
const MANY: usize = 2_000;

pub async fn run(session: &Session<'_>, args: SqlArgs) -> Result<Outcome> {
    let mut request = args.objects.request()?;
    let query = args.query.as_deref().map(query_of).transpose()?;
    if let Some(query) = &query {
        if request.tables.is_empty() {
            request.tables = TableName::of_query(query);
        }
        if !is_installed() {
            bail!("there is no program {PROGRAM} to run queries: {HOW}");
        }
    }
    let context = session.context()?;
    check_names(&context, &args.objects).await?;
    let keys = if query.is_some() { Keys::OfEnvironment } else { Keys::OfReader };
    // A query without the lake's tables needs no view.
    let views = match &query {
        Some(_) if request.tables.is_empty() => Views::default(),
        _ => context.views(&request, keys).await?,
    };
    let mut lacking = Lacking::default();
    for (table, missing) in &views.missing {
        // A table that nobody filled has no gap: its view is empty.
        if args.objects.strict || views.filled.contains(table) {
            lacking.add(*table, vec![missing.clone()]);
        }
    }
    if !may_be_printed(&args.objects, &lacking) {
        return Ok(Outcome::NotClean);
    }
    if args.objects.verify {
        prove(&context, &views.objects).await?;
    }
    match &query {
        None => Stdout.write_all(views.sql.as_bytes())?,
        Some(query) => {
            if views.objects.len() > MANY && args.objects.instruments.is_empty() {
                note(
                    "DuckDB opens every object of the selection; --instruments, --venues or a shorter time make it faster",
                );
            }
            let _phase = phase::begin("DuckDB runs the query", "query", 0);
            duckdb(session, &format!("{}{query}\n;\n", views.sql)).await?;
        }
    }
    let empty: Vec<String> = views.empty.iter().map(ToString::to_string).collect();
    if query.is_some() && !empty.is_empty() {
        note(&format!("the lake has nothing of {} in the selection: empty", empty.join(", ")));
    }
    lacking.note();
    Ok(if lacking.is_none() { Outcome::Clean } else { Outcome::NotClean })
}

/// The text of a query: as it stands, of a file, or of stdin.
fn query_of(argument: &str) -> Result<String> {
    let text = if argument == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read the query from stdin")?;
        text
    } else if argument.ends_with(".sql") {
        std::fs::read_to_string(argument).with_context(|| format!("cannot read the query in {argument}"))?
    } else {
        argument.to_owned()
    };
    if text.trim().is_empty() {
        bail!("the query is empty");
    }
    Ok(text)
}

/// Whether the search path has the program.
fn is_installed() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(PROGRAM).is_file())
}

/// Runs a script in a database that is nowhere but in memory. It comes by stdin: a command line does not hold ten thousand paths.
async fn duckdb(session: &Session<'_>, script: &str) -> Result<()> {
    let form: &[&str] = match session.format {
        Format::Json => &["-json"],
        Format::Jsonl => &["-jsonlines"],
        Format::Csv => &["-csv", "-nullvalue", ""],
        _ => &["-box"],
    };
    let mut command = Command::new(PROGRAM);
    // The user's own start file could print, or change the settings.
    command.args(["-batch", "-bail", "-init", "/dev/null"]).args(form).arg(":memory:");
    command.stdin(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().with_context(|| format!("cannot start {PROGRAM}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        match stdin.write_all(script.as_bytes()).await {
            // It ends at the first error, and has said why.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                return Err(error).context(format!("cannot give {PROGRAM} the query"));
            }
            _ => {}
        }
    }
    let status = tokio::select! {
        status = child.wait() => status.with_context(|| format!("{PROGRAM} is gone"))?,
        () = session.stop.cancelled() => return Ok(()),
    };
    // Whoever read the rows has gone. DuckDB 1.5 ends with the signal's number, negative, as its status.
    let is_unread = status.signal() == Some(SIGPIPE) || status.code() == Some(256 - SIGPIPE);
    if !status.success() && !is_unread {
        bail!("{PROGRAM} did not run the query ({status})");
    }
    Ok(())
}
