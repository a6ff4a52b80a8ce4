//! The reference page of the columns says what the tables say.

use std::collections::BTreeMap;

use mtdh_core::DataType;
use mtdh_core::candle::{COLUMNS, Get, columns::source};
use mtdh_core::table::notes::{self, Note};
use mtdh_core::table::{Column, Kind};

fn kind(kind: Kind) -> String {
    match kind {
        Kind::Time => "timestamp[us, UTC]".to_owned(),
        Kind::Number => "float64".to_owned(),
        Kind::Text => "string".to_owned(),
        Kind::Category(words) => format!("dictionary of strings: {}", words.join(", ")),
        Kind::Flag => "bool".to_owned(),
    }
}

fn line(column: &Column) -> String {
    format!("| {} | {} | {} | {} |", column.name, kind(column.kind), column.unit, column.meaning)
}

#[test]
fn the_page_of_columns_is_the_tables() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/data-types.md");
    let page = std::fs::read_to_string(path).unwrap();
    for data_type in DataType::ALL {
        // Its 25 levels are described in one sentence.
        if data_type == DataType::BookSnapshot25 {
            continue;
        }
        let start = page
            .find(&format!("### {data_type}\n"))
            .unwrap_or_else(|| panic!("{data_type} is not described"));
        let section = page[start + 4..].split("\n#").next().unwrap();
        let rows: Vec<&str> =
            section.lines().filter(|l| l.starts_with("| ") && !l.starts_with("| column |")).collect();
        let expected: Vec<String> = data_type.table().columns.iter().map(line).collect();
        assert_eq!(rows, expected, "{data_type}");
    }
}

/// The rows of the table below a heading.
fn rows<'a>(page: &'a str, heading: &str) -> Vec<&'a str> {
    let section = page.split(&format!("\n## {heading}\n")).nth(1).unwrap_or_else(|| panic!("no {heading}"));
    let section = section.split("\n#").next().unwrap().lines();
    section.filter(|l| l.starts_with("| ") && !l.starts_with("| column |")).collect()
}

#[test]
fn the_pages_have_the_notes_on_venues() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    let line = |columns: &str, of: &str, note: &Note| {
        format!("| {columns} | {of} | {} | {} |", note.venues.join(", "), note.meaning)
    };
    let of_types = notes::NOTES.iter().map(|note| {
        let types: Vec<&str> = note.data_types.iter().map(|t| t.name()).collect();
        line(&note.columns.join(", "), &types.join(", "), note)
    });
    let expected: Vec<String> = of_types.collect();
    let page = std::fs::read_to_string(root.join("data-types.md")).unwrap();
    assert_eq!(rows(&page, "By venue"), expected, "data-types.md should have:\n{}", expected.join("\n"));
    let mut of_candles: BTreeMap<(usize, &str), Vec<&str>> = BTreeMap::new();
    for column in COLUMNS {
        let Some((data_type, name)) = source(column.name) else { continue };
        for note in notes::of(data_type, name) {
            let place = notes::NOTES.iter().position(|other| other == note).unwrap();
            of_candles.entry((place, data_type.name())).or_default().push(column.name);
        }
    }
    let of_candles = of_candles.iter();
    let expected: Vec<String> =
        of_candles.map(|((place, of), names)| line(&names.join(", "), of, &notes::NOTES[*place])).collect();
    let page = std::fs::read_to_string(root.join("candles.md")).unwrap();
    assert_eq!(rows(&page, "By venue"), expected, "candles.md should have:\n{}", expected.join("\n"));
}

#[test]
fn the_page_of_candles_is_their_columns() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/candles.md");
    let page = std::fs::read_to_string(path).unwrap();
    let rows: Vec<&str> =
        page.split("\n## Columns\n").nth(1).unwrap().split("\n#").next().unwrap().lines().collect();
    let rows: Vec<&str> =
        rows.into_iter().filter(|l| l.starts_with("| ") && !l.starts_with("| column |")).collect();
    let expected = COLUMNS.iter().map(|column| {
        let kind = match column.get {
            Get::Time(_) => "timestamp[us, UTC]",
            Get::Number(_) => "float64",
            Get::Count(_) => "uint64",
            Get::Flag(_) => "bool",
        };
        assert_eq!(column.nullable, column.meaning.contains("null"), "{}: say what null means", column.name);
        format!("| {} | {kind} | {} | {} |", column.name, column.unit, column.meaning)
    });
    let expected: Vec<String> = expected.collect();
    assert_eq!(rows, expected, "docs/reference/candles.md should have:\n{}", expected.join("\n"));
}
