//! `mtdh sim exchange` and `mtdh sim replay`: the exchanges' WebSockets, on this machine.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use mtdh_sim::sockets::{EXPERIMENTAL, Pace, Server, SocketConfig};

use crate::args::{Format, Rate, SimCommand, SimSocketArgs};
use crate::exit::Outcome;
use crate::output::{Rows, note, print};
use crate::session::Session;
use crate::stdout::Stdout;

/// Starts the venues, prints where they are, and waits for the end.
pub async fn run(session: &Session<'_>, command: SimCommand) -> Result<Outcome> {
    let (config, seconds) = match command {
        SimCommand::Exchange(args) => {
            let pace = match args.rate {
                None => Pace::Natural,
                Some(Rate::Number(rate)) => Pace::PerSecond(rate as u32),
                Some(Rate::Most) => Pace::Most,
            };
            let seconds = args.common.seconds;
            let config = SocketConfig {
                venues: args.venues,
                symbols: args.symbols,
                pace,
                snapshot_lag: args.snapshot_lag,
                has_stamps: args.stamp,
                ..of(args.common)?
            };
            (config, seconds)
        }
        SimCommand::Replay(args) => {
            let seconds = args.common.seconds;
            let mut config =
                SocketConfig { venues: vec![args.venue], recordings: args.files, ..of(args.common)? };
            match args.pace {
                Rate::Number(times) => config.speed = times,
                Rate::Most => config.pace = Pace::Most,
            }
            (config, seconds)
        }
    };
    let server = Server::start(config).await.context("the stand-in cannot start")?;
    tell(session, &server)?;
    let limit = seconds.map_or(Duration::MAX, Duration::from_secs);
    let _elapsed = tokio::time::timeout(limit, session.stop.cancelled()).await;
    server.stop().await;
    Ok(Outcome::Clean)
}

fn of(args: SimSocketArgs) -> Result<SocketConfig> {
    let mut config = SocketConfig {
        seed: args.seed,
        port: args.port,
        speed: args.speed,
        start_us: args.now.map(|now| now.as_start()),
        truth: args.truth,
        breaches: args.breaches,
        ..SocketConfig::default()
    };
    if let Some(path) = &args.faults {
        let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        config.faults = serde_json::from_slice(&text)
            .with_context(|| format!("{} is no list of faults", path.display()))?;
    }
    Ok(config)
}

/// Prints one line: the addresses of all venues.
fn tell(session: &Session<'_>, server: &Server) -> Result<()> {
    let mut addresses = BTreeMap::new();
    for venue in server.venues() {
        addresses.insert(format!("{venue} ws"), server.ws_url(venue));
        addresses.insert(format!("{venue} rest"), server.rest_url(venue));
    }
    if session.format == Format::Table {
        use std::io::Write;
        let line: Vec<String> = server.venues().map(|venue| server.ws_url(venue)).collect();
        writeln!(Stdout, "{}", line.join(" "))?;
    } else {
        let mut rows = Rows::new(&["address", "value"]);
        rows.rows = addresses.iter().map(|(name, value)| vec![name.clone(), value.clone()]).collect();
        print(session.format, &rows, &addresses)?;
    }
    let experimental: Vec<&str> = server.venues().filter(|venue| EXPERIMENTAL.contains(venue)).collect();
    if !experimental.is_empty() {
        note(&format!("experimental, since there is no recording of them: {}", experimental.join(", ")));
    }
    note("serving made-up data on this machine only; Ctrl-C ends it");
    Ok(())
}
