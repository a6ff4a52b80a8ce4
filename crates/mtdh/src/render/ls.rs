//! The output of `ls`, and the order and sizes of lists.

use anyhow::{Result, bail};
use mtdh_core::nearest::perhaps;
use mtdh_engine::listing::table::{Cell, ListTable};

use crate::args::{Format, ShownArgs};
use crate::output::{Rows, size};

/// A listing as it is printed.
pub fn rows_of(table: &ListTable) -> Rows {
    let mut rows = Rows::new(&table.columns());
    let text = |cell: &Cell| match cell {
        Cell::Text(text) => text.clone(),
        Cell::Count(count) => count.map(|count| count.to_string()),
        Cell::Number(number) => number.map(|number| number.to_string()),
    };
    let line =
        |row: &Vec<Cell>| row.iter().map(|cell| text(cell).unwrap_or_else(|| "-".to_owned())).collect();
    rows.rows = table.rows.iter().map(line).collect();
    rows
}

/// The rows in the order that was asked for, cut to the number that was asked for, and how many were cut off.
///
/// # Errors
/// When there is no such column.
pub fn shown(mut rows: Rows, by: &ShownArgs) -> Result<(Rows, usize)> {
    if let Some(sort) = &by.sort {
        let (name, is_turned) = sort.strip_prefix('-').map_or((sort.as_str(), false), |name| (name, true));
        let column = rows.headers.iter().position(|header| header.eq_ignore_ascii_case(name));
        let Some(column) = column else {
            let meant = perhaps(name, rows.headers.iter().copied());
            bail!("there is no column `{name}` to sort by{meant}; there are: {}", rows.headers.join(", "));
        };
        let number = |row: &Vec<String>| row[column].parse::<f64>().ok();
        let is_number = rows.rows.iter().all(|row| row[column] == "-" || number(row).is_some());
        rows.rows.sort_by(|a, b| {
            // What has no value comes last, either way.
            let is_none = (a[column] == "-").cmp(&(b[column] == "-"));
            let order = match is_number {
                true => number(b).partial_cmp(&number(a)).unwrap_or(std::cmp::Ordering::Equal),
                false => a[column].cmp(&b[column]),
            };
            is_none.then(if is_turned { order.reverse() } else { order })
        });
    }
    let left = by.limit.map_or(0, |limit| rows.rows.len().saturating_sub(limit));
    rows.rows.truncate(by.limit.unwrap_or(usize::MAX));
    Ok((rows, left))
}

/// The rows with sizes as people read them, where people read them.
pub fn with_sizes(format: Format, rows: &Rows) -> Rows {
    let mut rows = Rows { headers: rows.headers.clone(), rows: rows.rows.clone() };
    let column = rows.headers.iter().position(|header| *header == "bytes");
    if let (Format::Table, Some(column)) = (format, column) {
        for row in &mut rows.rows {
            if let Ok(bytes) = row[column].parse() {
                row[column] = size(bytes);
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_and_cut() {
        let rows = || Rows {
            headers: vec!["venue", "bytes"],
            rows: [("B", "9"), ("A", "10"), ("C", "-")]
                .map(|(a, b)| vec![a.to_owned(), b.to_owned()])
                .to_vec(),
        };
        for (sort, limit, expected, left) in [
            (None, None, "B A C", 0),
            (Some("bytes"), None, "A B C", 0),
            (Some("-bytes"), None, "B A C", 0),
            (Some("VENUE"), None, "A B C", 0),
            (Some("-venue"), Some(2), "C B", 1),
            (None, Some(1), "B", 2),
        ] {
            let by = ShownArgs { sort: sort.map(str::to_owned), limit };
            let (rows, cut) = shown(rows(), &by).unwrap();
            let names: Vec<&str> = rows.rows.iter().map(|row| row[0].as_str()).collect();
            assert_eq!((&*names.join(" "), cut), (expected, left), "{sort:?} {limit:?}");
        }
        let wrong = shown(rows(), &ShownArgs { sort: Some("byts".to_owned()), limit: None }).unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "there is no column `byts` to sort by; perhaps bytes; there are: venue, bytes"
        );
    }
}
