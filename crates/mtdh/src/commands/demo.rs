//! `mtdh demo`: the whole pipeline on simulated data, with a simulated server on a socket and a lake on the disk.

use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::Parser;
use mtdh_engine::SecretString;
use mtdh_sim::{Config, FULL_KEY, Sim};

use super::pipeline;
use crate::args::{Cli, Command};
use crate::exit::Outcome;
use crate::output::{note, notes};
use crate::session::Session;

/// The first day of a month, and earlier than the simulated time.
const DAY: &str = "2024-03-01";
const VENUES: &str = "DERIBIT,BINANCE,BINANCE-FUTURES,OKX-SWAP";
const FOLDER: &str = "./mtdh-demo";

pub async fn run(mut session: Session<'_>, has_lake: bool) -> Result<Outcome> {
    let started = Instant::now();
    let sim = Sim::start(Config::default()).await.context("the stand-in vendor cannot start")?;
    let cache = tempfile::tempdir()?;
    if !has_lake {
        session.config.lake = FOLDER.to_owned();
    }
    session.config.api = sim.api_url();
    session.config.datasets = sim.datasets_url();
    session.config.key = Some(SecretString::from(FULL_KEY.to_owned()));
    session.config.cache_folder = cache.path().to_owned();
    let (lake, program) = (session.config.lake.clone(), session.program.clone());
    session.lake_flag = Some(lake.clone());
    note(&format!("a stand-in vendor serves made-up data at {}", sim.api_url()));
    note(&format!("mtdh full-pipeline --start-date {DAY} --venues {VENUES} --lake {lake}"));
    note("");
    let words = ["mtdh", "full-pipeline", "--start-date", DAY, "--venues", VENUES];
    let Command::FullPipeline(args) = Cli::try_parse_from(words)?.command else {
        unreachable!("the words above are a full-pipeline")
    };
    let outcome = pipeline::run(session, args).await?;
    sim.stop().await;
    note("");
    note(&format!("done in {:.1} s. What next:", started.elapsed().as_secs_f64()));
    notes(&next_steps(&lake, &program));
    Ok(outcome)
}

fn next_steps(lake: &str, mtdh: &str) -> String {
    format!(
        "  look at the files
    {mtdh} ls --lake {lake}
  get one minute of them
    {mtdh} get DERIBIT:PERP:BTC-USD --data-type trades --start {DAY}T12:00 --end {DAY}T12:01 --lake {lake}
  read them in Python
    pandas.read_parquet('{lake}/raw_tick_data/by_date/day-{DAY}/data_type-trades/DERIBIT:PERP:BTC-USD.parquet')
  run it again: nothing is fetched twice
    {mtdh} demo
  ask the real service; the first day of each month needs no API key
    {mtdh} full-pipeline --start-date 2024-03-01 --venues DERIBIT --instrument-types PERP
  with a key and a bucket
    TARDIS_API_KEY=… GCS_BUCKET=… {mtdh} full-pipeline --start-date 2024-03-02 --venues DERIBIT"
    )
}
