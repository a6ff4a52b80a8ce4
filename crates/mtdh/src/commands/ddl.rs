//! `mtdh ddl`: statements that let other engines read the lake where it lies.

use std::io::Write;

use anyhow::Result;
use mtdh_engine::sql::ddl::DdlOptions;

use crate::args::DdlArgs;
use crate::exit::Outcome;
use crate::session::Session;
use crate::stdout::Stdout;

pub async fn run(session: &Session<'_>, args: DdlArgs) -> Result<Outcome> {
    let DdlArgs { tables, dialect, schema, connection, hive } = args;
    let options = DdlOptions { schema: Some(schema), connection, hive, place: None };
    let sql = session.context()?.ddl(dialect, &tables, &options).await?;
    Stdout.write_all(sql.as_bytes())?;
    Ok(Outcome::Clean)
}
