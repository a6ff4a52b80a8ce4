//! `mtdh why`: the evidence for one partition.

use std::io::Write;

use anyhow::Result;
use mtdh_engine::why::Why;

use crate::args::{Format, WhyArgs};
use crate::exit::Outcome;
use crate::output::{Rows, print};
use crate::session::Session;
use crate::stdout::Stdout;

pub async fn run(session: &Session<'_>, args: WhyArgs) -> Result<Outcome> {
    let context = session.context()?.with_origin(args.origin);
    context.check_readable().await?;
    let found = context.why(&args.key, args.day, args.data_type).await?;
    match session.format {
        // A line is the whole evidence of a partition.
        Format::Jsonl => {
            for why in &found {
                writeln!(Stdout, "{}", serde_json::to_string(why)?)?;
            }
        }
        Format::Csv => print(session.format, &rows(&found), &found)?,
        // Each partition has a table of its own: its facts stand below each other.
        Format::Table => {
            for (place, why) in found.iter().enumerate() {
                if place > 0 {
                    writeln!(Stdout)?;
                }
                print(session.format, &facts(why), &found)?;
            }
        }
        _ => print(session.format, &rows(&found), &found)?,
    }
    Ok(if found.iter().all(Why::is_answered) { Outcome::Clean } else { Outcome::NotClean })
}

/// The ten lines of a partition, below its name.
fn facts(why: &Why) -> Rows {
    let mut rows = Rows::new(&["of", "evidence"]);
    let name = format!("{} {} {}", why.day, why.data_type, why.instrument_key);
    rows.rows.push(vec!["partition".to_owned(), name]);
    rows.rows.extend(why.lines().map(|(name, text)| vec![name.to_owned(), text]));
    rows
}

/// The lines of all, each with its partition.
fn rows(found: &[Why]) -> Rows {
    let mut rows = Rows::new(&["day", "data_type", "instrument_key", "of", "evidence"]);
    for why in found {
        let partition = || vec![why.day.clone(), why.data_type.to_owned(), why.instrument_key.clone()];
        rows.rows.extend(why.lines().map(|(name, text)| [partition(), vec![name.to_owned(), text]].concat()));
    }
    rows
}
