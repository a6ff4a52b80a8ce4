//! `mtdh publish bigquery`: the statements that load days of a lake into BigQuery.

use std::io::Write;

use anyhow::Result;
use mtdh_engine::sql::ddl::DdlOptions;

use super::paths::{Lacking, may_be_printed, prove};
use crate::args::BigqueryArgs;
use crate::exit::Outcome;
use crate::output::{many, note};
use crate::session::Session;
use crate::stdout::Stdout;

pub async fn run(session: &Session<'_>, args: BigqueryArgs) -> Result<Outcome> {
    let request = args.objects.request()?;
    let options = DdlOptions { schema: Some(args.dataset), ..DdlOptions::default() };
    let context = session.context()?;
    let script = context.bigquery(&request, &options).await?;
    let mut lacking = Lacking::default();
    script.missing.iter().for_each(|(table, missing)| lacking.add(*table, vec![missing.clone()]));
    if !may_be_printed(&args.objects, &lacking) {
        return Ok(Outcome::NotClean);
    }
    if args.objects.verify {
        prove(&context, &script.objects).await?;
    }
    Stdout.write_all(script.sql.as_bytes())?;
    note(&format!(
        "{} of {}",
        many(script.objects.len() as u64, "object"),
        many(script.filled.len() as u64, "table")
    ));
    lacking.note();
    Ok(if lacking.is_none() { Outcome::Clean } else { Outcome::NotClean })
}
