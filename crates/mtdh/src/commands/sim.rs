//! `mtdh sim`: the simulated servers, on this machine.

mod sockets;

use std::time::Duration;

use anyhow::{Context as _, Result};
use mtdh_sim::{Config, Sim, Size};

use crate::args::{Format, SimArgs};
use crate::exit::Outcome;
use crate::output::{Rows, note, print};
use crate::session::Session;
use crate::stdout::Stdout;

/// Runs `mtdh sim`, or one of its verbs.
pub async fn run(session: &Session<'_>, args: SimArgs) -> Result<Outcome> {
    if let Some(command) = args.of {
        return sockets::run(session, command).await;
    }
    let mut config = Config { seed: args.seed, port: args.port, ..Config::default() };
    if args.small {
        config.size = Size::Small;
    }
    if let Some(now) = args.now.and_then(|now| chrono::DateTime::from_timestamp_micros(now.as_start())) {
        config.now = now;
    }
    if let Some(path) = &args.faults {
        let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        config.faults = serde_json::from_slice(&text)
            .with_context(|| format!("{} is no list of faults", path.display()))?;
    }
    let sim = Sim::start(config).await.context("the stand-in cannot start")?;
    sim.create_bucket(&args.bucket);
    let mut rows = Rows::new(&["variable", "value"]);
    let variables = [
        ("TARDIS_API_URL", sim.api_url()),
        ("TARDIS_DATASETS_URL", sim.datasets_url()),
        ("TARDIS_API_KEY", mtdh_sim::FULL_KEY.to_owned()),
        ("STORAGE_EMULATOR_HOST", sim.gcs_url()),
        ("GCS_BUCKET", args.bucket.clone()),
        ("BINANCE_URL", sim.binance_url()),
        ("MTDH_SIM_CONTROL", sim.control_url()),
    ];
    rows.rows = variables.iter().map(|(name, value)| vec![(*name).to_owned(), value.clone()]).collect();
    let document: std::collections::BTreeMap<_, _> = variables.iter().cloned().collect();
    if session.format == Format::Table {
        // In a form that can be pasted into a shell: `eval "$(mtdh sim …)"` does not work for a server.
        use std::io::Write;
        let mut out = Stdout;
        variables.iter().try_for_each(|(name, value)| writeln!(out, "export {name}={value}"))?;
    } else {
        print(session.format, &rows, &document)?;
    }
    note("serving made-up data on this machine only; Ctrl-C ends it");
    let limit = args.seconds.map_or(Duration::MAX, Duration::from_secs);
    let _elapsed = tokio::time::timeout(limit, session.stop.cancelled()).await;
    sim.stop().await;
    Ok(Outcome::Clean)
}
