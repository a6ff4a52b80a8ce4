//! The reference page of the small tables has the columns of the one list of tables.

use mtdh_lake::tables::{ColumnDescription, all};

/// A column as a line of the page. `starred` columns have a mark behind their name there.
fn line(column: &ColumnDescription, is_starred: bool) -> String {
    let ColumnDescription { name, data_type, unit, null, meaning, .. } = column;
    let star = if is_starred { " *" } else { "" };
    let meaning = match null {
        Some(null) if meaning.is_empty() => format!("null: {null}"),
        Some(null) => format!("{meaning}; null: {null}"),
        None => (*meaning).to_owned(),
    };
    format!("| {name}{star} | {data_type} | {unit} | {meaning} |")
}

#[test]
fn the_page_of_small_tables_is_the_list() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/tables.md");
    let page = std::fs::read_to_string(path).unwrap();
    let tables = all();
    for (heading, name) in [
        ("Instrument table", "instruments"),
        ("available_data.parquet", "available"),
        ("Identities", "identities"),
        ("Superseded", "superseded"),
        ("missing_data.parquet", "missing"),
        ("checks.parquet", "checks"),
        ("Gaps of recordings", "gaps"),
        ("comparisons.parquet", "comparisons"),
    ] {
        let section = page.split(&format!("\n## {heading}\n")).nth(1).unwrap_or_else(|| panic!("{heading}"));
        let section = section.split("\n## ").next().unwrap();
        let rows: Vec<&str> =
            section.lines().filter(|l| l.starts_with("| ") && !l.starts_with("| column |")).collect();
        let table = tables.iter().find(|table| table.name == name).unwrap();
        let is_starred = |column: &str| rows.iter().any(|row| row.starts_with(&format!("| {column} * |")));
        let expected: Vec<String> =
            table.columns.iter().map(|column| line(column, is_starred(column.name))).collect();
        assert_eq!(rows, expected, "{heading} should have:\n{}", expected.join("\n"));
    }
}
