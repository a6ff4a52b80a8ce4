//! The tables of a lake, each column described.

use serde::Serialize;

use crate::error::EngineError;

pub use mtdh_lake::tables::{ColumnDescription, Format, TableDescription, all};

/// A table as a document.
#[derive(Clone, Debug, Serialize)]
pub struct TableDocument {
    /// Its name.
    pub name: &'static str,
    /// Where its objects lie, inside the lake.
    pub path: &'static str,
    /// The form of its objects.
    pub format: &'static str,
    /// What a row is.
    pub row: &'static str,
    /// Its columns, in order.
    pub columns: Vec<ColumnDocument>,
}

/// A column as a document.
#[derive(Clone, Debug, Serialize)]
pub struct ColumnDocument {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    #[serde(rename = "type")]
    pub data_type: &'static str,
    /// Its unit; `None`: it has none.
    pub unit: Option<&'static str>,
    /// What null means; `None`: it is never null.
    pub null: Option<&'static str>,
    /// The words that it has; `None`: any.
    pub values: Option<String>,
    /// Its meaning.
    pub meaning: &'static str,
    /// What it means on some venues.
    pub by_venue: Vec<VenueNote>,
}

/// What a column means on some venues.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct VenueNote {
    /// The venues.
    pub venues: &'static [&'static str],
    /// The meaning.
    pub meaning: &'static str,
}

impl TableDocument {
    /// Every table.
    pub fn all() -> Vec<TableDocument> {
        all().into_iter().map(document).collect()
    }

    /// One table by its name, in any case.
    ///
    /// # Errors
    /// When there is no such table.
    pub fn find(name: &str) -> Result<TableDocument, EngineError> {
        let known = || all().iter().map(|table| table.name).collect::<Vec<_>>().join(", ");
        let found = all().into_iter().find(|table| table.name.eq_ignore_ascii_case(name));
        let none = || EngineError::NoWord { noun: "table", name: name.to_owned(), known: known() };
        found.map(document).ok_or_else(none)
    }
}

fn document(table: TableDescription) -> TableDocument {
    let TableDescription { name, path, row, format, columns } = table;
    let column = |c: ColumnDescription| ColumnDocument {
        name: c.name,
        data_type: c.data_type,
        unit: Some(c.unit).filter(|unit| !unit.is_empty()),
        null: c.null,
        values: c.values,
        meaning: c.meaning,
        by_venue: c.by_venue.iter().map(|n| VenueNote { venues: n.venues, meaning: n.meaning }).collect(),
    };
    TableDocument {
        name,
        path,
        format: format.name(),
        row,
        columns: columns.into_iter().map(column).collect(),
    }
}
