//! `mtdh paths`: where the objects of a selection are.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};

use anyhow::{Result, bail};
use futures::TryStreamExt;
use mtdh_engine::query::tables::{TableDay, TableName, TableObject};
use mtdh_engine::query::{Entry, Missing};
use mtdh_engine::{Context, EngineError, Proved};
use serde_json::json;

use crate::args::{Format, ObjectsArgs, PathsArgs};
use crate::exit::Outcome;
use crate::output::{many, note, quoted, size};
use crate::session::Session;
use crate::stdout::{self, Stdout};

pub async fn run(session: &Session<'_>, args: PathsArgs) -> Result<Outcome> {
    let context = session.context()?;
    let request = args.objects.request()?;
    check_names(&context, &args.objects).await?;
    let mut lacking = Lacking::default();
    // What must hold of all of them is seen before the first is printed.
    if args.objects.strict || args.objects.verify {
        let mut entries = Vec::new();
        let mut days = context.tables(&request).await?;
        while let Some(day) = days.try_next().await? {
            lacking.add(day.table, day.missing);
            if args.objects.verify {
                entries.extend(day.objects.into_iter().map(|object| object.entry));
            }
        }
        if !may_be_printed(&args.objects, &lacking) {
            return Ok(Outcome::NotClean);
        }
        if args.objects.verify {
            prove(&context, &entries).await?;
        }
        lacking = Lacking::default();
    }
    let mut paths =
        Paths { format: session.format, out: BufWriter::with_capacity(1 << 16, Stdout), count: 0, bytes: 0 };
    paths.begin()?;
    let mut days = context.tables(&request).await?;
    while let Some(TableDay { table, objects, missing }) = days.try_next().await? {
        for object in &objects {
            paths.add(table, object, context.address(&object.entry))?;
        }
        lacking.add(table, missing);
        if !stdout::is_read() {
            break;
        }
    }
    paths.end(&lacking)?;
    note(&format!("{}, {}", many(paths.count, "object"), size(paths.bytes)));
    lacking.note();
    Ok(if lacking.is_none() { Outcome::Clean } else { Outcome::NotClean })
}

/// Checks venues that nobody knows: of a name that is wrong there is nothing, which would look like nothing to find.
pub async fn check_names(context: &Context, args: &ObjectsArgs) -> Result<()> {
    if !args.venues.is_empty() {
        let days = context.days().await?;
        for text in context.check_venues(&args.venues, &days).await? {
            note(&text);
        }
    }
    Ok(())
}

/// Whether what was found may be printed. Says why not.
pub fn may_be_printed(args: &ObjectsArgs, lacking: &Lacking) -> bool {
    if args.strict && !lacking.is_none() {
        lacking.note();
        note("nothing is printed: --strict wants all of it");
        return false;
    }
    true
}

/// Reads every byte of objects. Names those that are damaged, and then fails.
pub async fn prove(context: &Context, entries: &[Entry]) -> Result<()> {
    let Proved { damaged, without_checksums } = context.prove(entries).await?;
    for (entry, _) in damaged.iter().skip(1).take(NAMED) {
        note(&format!("damaged: {}", entry.path));
    }
    let count = damaged.len();
    if let Some((_, error)) = damaged.into_iter().next() {
        let of = many(entries.len() as u64, "object");
        let what = format!("{count} of {of} did not pass; nothing is printed");
        return Err(anyhow::Error::new(EngineError::from(error)).context(what));
    }
    if let Some(first) = without_checksums.first() {
        let more = many(without_checksums.len() as u64, "object");
        note(&format!(
            "not verified: {more} without checksums, as mtdh 0.1.0 wrote them, such as {}",
            first.path
        ));
    }
    let proved = entries.len() - without_checksums.len();
    note(&format!("verified: every byte of {}", many(proved as u64, "object")));
    Ok(())
}

/// Names of damaged objects, and of lacking parts of a table, that are told.
const NAMED: usize = 10;

/// What the lake should have and has not.
#[derive(Default)]
pub struct Lacking {
    by_table: BTreeMap<String, Vec<Missing>>,
}

impl Lacking {
    pub fn add(&mut self, table: TableName, missing: Vec<Missing>) {
        if !missing.is_empty() {
            self.by_table.entry(table.to_string()).or_default().extend(missing);
        }
    }

    pub fn is_none(&self) -> bool {
        self.by_table.is_empty()
    }

    /// Says it on stderr, a line for each table.
    pub fn note(&self) {
        for (table, missing) in &self.by_table {
            let name = |missing: &Missing| match missing.instrument == *table {
                true => missing.day.to_string(),
                false => format!("{} {}", missing.day, missing.instrument),
            };
            let named: Vec<String> = missing.iter().take(NAMED).map(name).collect();
            let more = missing.len().saturating_sub(NAMED);
            let more = if more > 0 {
                format!(" and {} more", crate::output::count(more as u64))
            } else {
                String::new()
            };
            note(&format!("missing in the lake: {table} of {}{more}", named.join(", ")));
        }
    }

    fn document(&self) -> serde_json::Value {
        let missing =
            self.by_table.iter().flat_map(|(table, all)| all.iter().map(move |missing| (table, missing)));
        let line = |(table, missing): (&String, &Missing)| {
            let key = (missing.instrument != *table).then_some(&missing.instrument);
            json!({"table": table, "day": missing.day.to_string(), "instrument": key})
        };
        missing.map(line).collect()
    }
}

/// The paths as they are printed, one after the other.
struct Paths {
    format: Format,
    out: BufWriter<Stdout>,
    count: u64,
    bytes: u64,
}

impl Paths {
    fn begin(&mut self) -> Result<()> {
        match self.format {
            Format::Json => write!(self.out, "{{\"paths\": [")?,
            Format::Csv => writeln!(self.out, "table,day,instrument_key,origin,bytes,path")?,
            _ => {}
        }
        Ok(())
    }

    fn add(&mut self, table: TableName, object: &TableObject, path: String) -> Result<()> {
        let TableObject { day, key, entry, origin } = object;
        let key = key.as_ref().map(|key| key.as_str());
        match self.format {
            Format::Json | Format::Jsonl => {
                if self.format == Format::Json {
                    self.out.write_all(if self.count == 0 { b"\n  " } else { b",\n  " })?;
                }
                let line = json!({
                    "table": table.to_string(), "day": day.to_string(), "instrument_key": key, "origin": origin.name(),
                    "bytes": entry.bytes, "path": path,
                });
                write!(self.out, "{line}")?;
                if self.format == Format::Jsonl {
                    self.out.write_all(b"\n")?;
                }
            }
            Format::Csv => {
                let (key, path) = (quoted(key.unwrap_or_default()), quoted(&path));
                writeln!(self.out, "{table},{day},{key},{},{},{path}", origin.name(), entry.bytes)?;
            }
            _ if path.contains(['\n', '\r']) => {
                bail!(
                    "the path {path:?} holds a line break, and in a list of lines it would be two: --format json"
                )
            }
            _ => writeln!(self.out, "{path}")?,
        }
        self.count += 1;
        self.bytes += entry.bytes;
        Ok(())
    }

    fn end(&mut self, lacking: &Lacking) -> Result<()> {
        if self.format == Format::Json {
            let end = if self.count == 0 { "]" } else { "\n]" };
            writeln!(self.out, "{end}, \"missing\": {}}}", lacking.document())?;
        }
        self.out.flush()?;
        Ok(())
    }
}
