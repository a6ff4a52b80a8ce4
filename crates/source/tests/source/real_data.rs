//! Recorded files, cell by cell against the `csv` crate's reading. They are no part of this repository: without them
//! the test says so.

use std::fs;
use std::path::{Path, PathBuf};

use mtdh_core::Table;
use mtdh_core::table::Kind;
use mtdh_source::tardis::csv::Expectation;

use crate::decode;
use crate::number_text::canonical;
use crate::recorded::recorded;

/// Every file is a CSV file of one table; tables that look alike give the same cells.
fn check(path: &Path) {
    let name = path.file_name().unwrap().to_string_lossy();
    let bytes = fs::read(path).unwrap();
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let header = reader.headers().unwrap().clone();
    let table = Table::of_header(&header.iter().collect::<Vec<_>>())[0];
    let decoded = decode(table, &Expectation::default(), bytes.chunks(10_007)).unwrap();
    decoded.check_conservation();
    assert!(decoded.rejects.is_empty(), "{name}: {:?}", decoded.rejects[0]);
    let rows = decoded.rows(table);
    let places: Vec<usize> =
        table.columns.iter().map(|column| header.iter().position(|n| n == column.csv).unwrap()).collect();
    let mut count = 0;
    for (record, row) in reader.records().map(Result::unwrap).zip(&rows) {
        for ((column, place), stored) in table.columns.iter().zip(&places).zip(row) {
            let (cell, stored) = (&record[*place], stored.as_deref().unwrap_or(""));
            let is_same = match column.kind {
                Kind::Number if !cell.is_empty() && !stored.is_empty() => {
                    canonical(cell) == canonical(stored)
                }
                _ => cell == stored,
            };
            assert!(is_same, "{name}, row {count}, {}: `{cell}` became `{stored}`", column.name);
        }
        count += 1;
    }
    let lines = bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty()).count();
    assert_eq!((count, rows.len()), (lines - 1, lines - 1), "{name}");
    assert_eq!(decoded.names.iter().map(|n| n.tally.inexact_numbers).sum::<u64>(), 0, "{name}");
}

#[test]
fn recorded_files_come_through_cell_by_cell() {
    let Some(data) = recorded("") else { return };
    let folders = ["tardis_csv", "derived_csv"].map(|folder| fs::read_dir(data.join(folder)).unwrap());
    let files: Vec<PathBuf> = folders.into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty());
    files.iter().for_each(|path| check(path));
}
