//! `mtdh schema`: the tables of a lake and their columns.

use anyhow::Result;
use mtdh_engine::schema::{TableDocument, VenueNote};

use crate::args::SchemaArgs;
use crate::exit::Outcome;
use crate::output::{Rows, print};
use crate::session::Session;

pub fn run(session: &Session<'_>, args: &SchemaArgs) -> Result<Outcome> {
    let Some(name) = &args.table else {
        let tables = TableDocument::all();
        let mut rows = Rows::new(&["table", "format", "columns", "path", "row"]);
        rows.rows = tables.iter().map(line).collect();
        print(session.format, &rows, &tables)?;
        return Ok(Outcome::Clean);
    };
    let table = TableDocument::find(name)?;
    let mut rows = Rows::new(&["column", "type", "unit", "null", "values", "meaning", "by_venue"]);
    let or_dash = |text: Option<&str>| text.filter(|text| !text.is_empty()).unwrap_or("-").to_owned();
    rows.rows = table
        .columns
        .iter()
        .map(|c| {
            let (unit, null, values) = (or_dash(c.unit), or_dash(c.null), or_dash(c.values.as_deref()));
            let note = |note: &VenueNote| format!("{}: {}", note.venues.join(", "), note.meaning);
            let by_venue = c.by_venue.iter().map(note).collect::<Vec<_>>().join("; ");
            let names = [c.name.to_owned(), c.data_type.to_owned()].into_iter();
            let meanings = [or_dash(Some(c.meaning)), or_dash(Some(&by_venue))];
            names.chain([unit, null, values]).chain(meanings).collect()
        })
        .collect();
    print(session.format, &rows, &table)?;
    Ok(Outcome::Clean)
}

fn line(table: &TableDocument) -> Vec<String> {
    let TableDocument { name, path, row, format, columns } = table;
    let names = [*name, *format].map(str::to_owned).into_iter();
    names.chain([columns.len().to_string(), (*path).to_owned(), (*row).to_owned()]).collect()
}
