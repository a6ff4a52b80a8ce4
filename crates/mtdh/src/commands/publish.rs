//! `mtdh publish`: the lake as tables of other programs.

use anyhow::Result;

use super::bigquery;
use crate::args::PublishCommand;
use crate::exit::Outcome;
use crate::session::Session;

pub async fn run(session: &Session<'_>, command: PublishCommand) -> Result<Outcome> {
    match command {
        PublishCommand::Bigquery(args) => bigquery::run(session, args).await,
    }
}
