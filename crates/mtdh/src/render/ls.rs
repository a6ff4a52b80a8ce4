//! The output of `ls`, and the order and sizes of lists.

use anyhow::{Result, bail};
use mtdh_core::nearest::perhaps;
use mtdh_engine::listing::{By, Listed, ListedGroup, What};

use crate::args::{Format, ShownArgs};
use crate::output::{Rows, size};

/// The column of a type.
fn type_column(what: What) -> &'static str {
    match what {
        What::Partitions => "data_type",
        What::Candles => "timeframe",
        What::Instruments => "instrument_type",
        What::Reports => "report",
    }
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

/// A line for each object.
pub fn objects(what: What, listed: &[Listed]) -> Rows {
    let mut rows = Rows::new(match what {
        What::Partitions => &["day", "data_type", "instrument_key", "status", "rows", "bytes"],
        What::Candles => &["day", "timeframe", "instrument_key", "bytes"],
        What::Instruments => &["day", "instrument_type", "instrument_key"],
        What::Reports => &["day", "report", "bytes"],
    });
    let line = |one: &Listed| {
        let day = or_dash(one.day.map(|day| day.to_string()));
        let key = or_dash(one.key.as_ref().map(ToString::to_string));
        let number = |number: Option<u64>| or_dash(number.map(|number| number.to_string()));
        let kind = one.kind.clone();
        match what {
            What::Partitions => {
                let status = match &one.status {
                    Some(Ok(status)) => status.to_string(),
                    Some(Err(reason)) => format!("unreadable: {reason}"),
                    None => "-".to_owned(),
                };
                vec![day, kind, key, status, number(one.rows), number(one.bytes)]
            }
            What::Candles => vec![day, kind, key, number(one.bytes)],
            What::Instruments => vec![day, kind, key],
            What::Reports => vec![day, kind, number(one.bytes)],
        }
    };
    rows.rows = listed.iter().map(line).collect();
    rows
}

/// A line for each group. Where a line is of several days it says how many and which.
pub fn groups(what: What, by: &[By], groups: &[ListedGroup]) -> Rows {
    let has_days = !by.contains(&By::Day);
    let mut headers: Vec<&'static str> = by
        .iter()
        .map(|by| match by {
            By::Type => type_column(what),
            By::Key => "instrument_key",
            other => other.name(),
        })
        .collect();
    if has_days {
        headers.extend(["days", "first_day", "last_day"]);
    }
    headers.extend_from_slice(match what {
        What::Partitions => &["stored", "empty", "absent", "unreadable", "rows", "bytes"],
        What::Candles | What::Reports => &["objects", "bytes"],
        What::Instruments => &["instruments"],
    });
    let mut rows = Rows::new(&headers);
    let line = |group: &ListedGroup| {
        let mut cells: Vec<String> = group.names.iter().cloned().map(or_dash).collect();
        if has_days {
            let day = |day: Option<&mtdh_core::Day>| or_dash(day.map(ToString::to_string));
            cells.extend([group.days.len().to_string(), day(group.days.first()), day(group.days.last())]);
        }
        let numbers = match what {
            What::Partitions => {
                vec![group.stored, group.empty, group.absent, group.unreadable, group.rows, group.bytes]
            }
            What::Candles | What::Reports => vec![group.objects, group.bytes],
            What::Instruments => vec![group.objects],
        };
        cells.extend(numbers.iter().map(ToString::to_string));
        cells
    };
    rows.rows = groups.iter().map(line).collect();
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
