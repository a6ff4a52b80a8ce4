//! Starts a simulator and prints its URLs as one line of JSON. Stops at the end of standard input, or after `--seconds N`.
//!
//! `serve [--small] [--seconds N] [--config FILE.json] [--bucket NAME]`

use std::io::{self, Read, Write};
use std::time::Duration;

use mtdh_sim::{Config, Sim, Size};

#[derive(Default)]
struct Arguments {
    config: Config,
    seconds: Option<u64>,
    buckets: Vec<String>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Arguments { config, seconds, buckets } = arguments()?;
    let sim = Sim::start(config).await?;
    for bucket in &buckets {
        sim.create_bucket(bucket);
    }
    let urls = serde_json::json!({
        "api": sim.api_url(), "datasets": sim.datasets_url(), "gcs": sim.gcs_url(), "binance": sim.binance_url(),
    });
    let mut stdout = io::stdout();
    writeln!(stdout, "{urls}")?;
    stdout.flush()?;
    match seconds {
        Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
        None => _ = tokio::task::spawn_blocking(|| io::stdin().read_to_end(&mut Vec::new())).await??,
    }
    sim.stop().await;
    Ok(())
}

fn arguments() -> Result<Arguments, Box<dyn std::error::Error>> {
    let mut read = Arguments::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--small" => read.config.size = Size::Small,
            "--seconds" => read.seconds = Some(value()?.parse()?),
            "--config" => read.config = serde_json::from_slice(&std::fs::read(value()?)?)?,
            "--bucket" => read.buckets.push(value()?),
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    Ok(read)
}
