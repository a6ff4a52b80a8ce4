//! The page of the instrument key: its examples are what the program says.

use std::fs;
use std::path::Path;

use mtdh_core::key::{InstrumentKey, InstrumentType, KEY_VERSION};
use mtdh_core::symbol::{Listed, Names};

use crate::day;

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/instrument-key.md");
    fs::read_to_string(path).unwrap()
}

/// The rows of the table with a header.
fn rows(header: &str) -> Vec<Vec<String>> {
    let page = page();
    let table = page.split(&format!("{header}\n")).nth(1).unwrap_or_else(|| panic!("no table {header}"));
    let lines = table.lines().skip(1).take_while(|line| line.starts_with('|'));
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    lines.map(cells).collect()
}

#[test]
fn symbols_have_the_keys_of_the_page() {
    let rows = rows("| exchange | symbol | type | day | key |");
    assert!(rows.len() > 50);
    for row in rows {
        let [exchange, symbol, word, at, key] = row.try_into().unwrap();
        let kind = InstrumentType::of_vendor(&word).unwrap_or(InstrumentType::Unknown);
        let at = Some(at).filter(|at| !at.is_empty()).map(|at| day(&at));
        let listed = Listed { day: at, ..Listed::new(&symbol, kind) };
        assert_eq!(Names::new(&exchange).name(&listed).key.as_str(), key, "{exchange} {symbol}");
        assert_eq!(key.parse::<InstrumentKey>().map(|parsed| parsed.to_string()), Ok(key));
    }
}

#[test]
fn keys_are_read_as_the_page_says() {
    for row in rows("| typed | key |") {
        assert_eq!(row[0].parse::<InstrumentKey>().map(|key| key.to_string()), Ok(row[1].clone()));
    }
    for row in rows("| typed | why |") {
        let error = row[0].parse::<InstrumentKey>().unwrap_err().to_string();
        assert!(error.contains(&row[1]), "{error}: {}", row[1]);
    }
    for row in rows("| venue's name | type | native symbol |") {
        let key = InstrumentKey::native("X", row[1].parse().unwrap(), &row[0]).unwrap();
        assert_eq!((key.symbol(), key.is_canonical()), (row[2].as_str(), false));
    }
}

#[test]
fn the_page_names_every_type_and_the_version() {
    let page = page();
    for kind in InstrumentType::ALL {
        assert!(page.contains(kind.name()), "{kind}");
    }
    let versions = rows("| version | since | what it changed |");
    assert_eq!(versions.last().map(|row| row[0].clone()), Some(KEY_VERSION.to_string()));
}
