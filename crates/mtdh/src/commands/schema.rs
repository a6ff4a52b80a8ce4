//! `mtdh schema`: the tables of a lake and their columns.

use anyhow::{Result, bail};
use mtdh_engine::schema::{TableDescription, all};
use serde::Serialize;

use crate::args::SchemaArgs;
use crate::exit::Outcome;
use crate::output::{Rows, print};
use crate::session::Session;

/// A table as a document.
#[derive(Serialize)]
struct Table<'a> {
    name: &'a str,
    path: &'a str,
    format: &'a str,
    row: &'a str,
    columns: Vec<Column<'a>>,
}

/// A column as a document.
#[derive(Serialize)]
struct Column<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    data_type: &'a str,
    unit: Option<&'a str>,
    null: Option<&'a str>,
    values: Option<&'a str>,
    meaning: &'a str,
    by_venue: Vec<Note<'a>>,
}

/// What a column means on some venues.
#[derive(Serialize)]
struct Note<'a> {
    venues: &'a [&'a str],
    meaning: &'a str,
}

pub fn run(session: &Session<'_>, args: &SchemaArgs) -> Result<Outcome> {
    let tables = all();
    let Some(name) = &args.table else {
        let mut rows = Rows::new(&["table", "format", "columns", "path", "row"]);
        rows.rows = tables.iter().map(line).collect();
        print(session.format, &rows, &tables.iter().map(document).collect::<Vec<_>>())?;
        return Ok(Outcome::Clean);
    };
    let Some(table) = tables.iter().find(|table| table.name.eq_ignore_ascii_case(name)) else {
        let names: Vec<&str> = tables.iter().map(|table| table.name).collect();
        let meant = mtdh_core::nearest::perhaps(name, names.iter().copied());
        bail!("there is no table `{name}`{meant}; there are: {}", names.join(", "));
    };
    let mut rows = Rows::new(&["column", "type", "unit", "null", "values", "meaning", "by_venue"]);
    let or_dash = |text: Option<&str>| text.filter(|text| !text.is_empty()).unwrap_or("-").to_owned();
    rows.rows = document(table)
        .columns
        .iter()
        .map(|c| {
            let (unit, null, values) = (or_dash(c.unit), or_dash(c.null), or_dash(c.values));
            let note = |note: &Note<'_>| format!("{}: {}", note.venues.join(", "), note.meaning);
            let by_venue = c.by_venue.iter().map(note).collect::<Vec<_>>().join("; ");
            let names = [c.name.to_owned(), c.data_type.to_owned()].into_iter();
            let meanings = [or_dash(Some(c.meaning)), or_dash(Some(&by_venue))];
            names.chain([unit, null, values]).chain(meanings).collect()
        })
        .collect();
    print(session.format, &rows, &document(table))?;
    Ok(Outcome::Clean)
}

fn line(table: &TableDescription) -> Vec<String> {
    let TableDescription { name, path, row, format, columns } = table;
    let names = [*name, format.name()].map(str::to_owned).into_iter();
    names.chain([columns.len().to_string(), (*path).to_owned(), (*row).to_owned()]).collect()
}

fn document(table: &TableDescription) -> Table<'_> {
    let column = |c: &'_ mtdh_engine::schema::ColumnDescription| Column {
        name: c.name,
        data_type: c.data_type,
        unit: Some(c.unit).filter(|unit| !unit.is_empty()),
        null: c.null,
        values: None,
        meaning: c.meaning,
        by_venue: c.by_venue.iter().map(|n| Note { venues: n.venues, meaning: n.meaning }).collect(),
    };
    let columns = table.columns.iter().map(|c| Column { values: c.values.as_deref(), ..column(c) }).collect();
    Table { name: table.name, path: table.path, format: table.format.name(), row: table.row, columns }
}
