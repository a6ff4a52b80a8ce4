//! A listing as a table with typed cells, for whoever shows it: sorted and cut.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt64Array};
use mtdh_core::Day;
use serde_json::{Map, Value};

use super::{By, Listed, ListedGroup, What};
use crate::error::EngineError;
use crate::runs::list::RunLine;

/// A cell; `None`: there is nothing to say.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// A name, a day, a word.
    Text(Option<String>),
    /// How many.
    Count(Option<u64>),
    /// Seconds.
    Number(Option<f64>),
}

impl Cell {
    fn text(text: impl Into<String>) -> Cell {
        Cell::Text(Some(text.into()))
    }

    fn is_none(&self) -> bool {
        matches!(self, Cell::Text(None) | Cell::Count(None) | Cell::Number(None))
    }

    /// Numbers from the largest, names from the first.
    fn usual_order(&self, other: &Cell) -> Ordering {
        match (self, other) {
            (Cell::Text(a), Cell::Text(b)) => a.cmp(b),
            (Cell::Count(a), Cell::Count(b)) => b.cmp(a),
            (Cell::Number(a), Cell::Number(b)) => b.partial_cmp(a).unwrap_or(Ordering::Equal),
            _ => Ordering::Equal,
        }
    }
}

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Count,
    Number,
}

/// A listing.
#[derive(Clone, Debug, PartialEq)]
pub struct ListTable {
    columns: Vec<(&'static str, Kind)>,
    /// A line for each object or group, with a cell for each column.
    pub rows: Vec<Vec<Cell>>,
}

/// The column of a type.
fn type_column(what: What) -> &'static str {
    match what {
        What::Partitions => "data_type",
        What::Candles => "timeframe",
        What::Instruments => "instrument_type",
        What::Reports => "report",
    }
}

impl ListTable {
    /// A line for each object. `status` is `unreadable: ` and the reason where an object cannot be trusted.
    pub fn objects(what: What, listed: &[Listed]) -> ListTable {
        use Kind::{Count, Text};
        let kind = type_column(what);
        let columns = match what {
            What::Partitions => vec![
                ("day", Text),
                (kind, Text),
                ("instrument_key", Text),
                ("status", Text),
                ("rows", Count),
                ("bytes", Count),
            ],
            What::Candles => vec![("day", Text), (kind, Text), ("instrument_key", Text), ("bytes", Count)],
            What::Instruments => vec![("day", Text), (kind, Text), ("instrument_key", Text)],
            What::Reports => vec![("day", Text), (kind, Text), ("bytes", Count)],
        };
        let line = |one: &Listed| {
            let day = Cell::Text(one.day.map(|day| day.to_string()));
            let key = Cell::Text(one.key.as_ref().map(ToString::to_string));
            let kind = Cell::text(&one.kind);
            match what {
                What::Partitions => {
                    let status = one.status.as_ref().map(|status| match status {
                        Ok(status) => status.to_string(),
                        Err(reason) => format!("unreadable: {reason}"),
                    });
                    vec![day, kind, key, Cell::Text(status), Cell::Count(one.rows), Cell::Count(one.bytes)]
                }
                What::Candles => vec![day, kind, key, Cell::Count(one.bytes)],
                What::Instruments => vec![day, kind, key],
                What::Reports => vec![day, kind, Cell::Count(one.bytes)],
            }
        };
        ListTable { columns, rows: listed.iter().map(line).collect() }
    }

    /// A line for each group. Where a line may be of several days it says how many and which.
    pub fn groups(what: What, by: &[By], listed: &[Listed]) -> ListTable {
        use Kind::{Count, Text};
        let has_days = !by.contains(&By::Day);
        let name = |by: &By| match by {
            By::Type => type_column(what),
            By::Key => "instrument_key",
            other => other.name(),
        };
        let mut columns: Vec<(&'static str, Kind)> = by.iter().map(|by| (name(by), Text)).collect();
        if has_days {
            columns.extend([("days", Count), ("first_day", Text), ("last_day", Text)]);
        }
        let counts: &[&'static str] = match what {
            What::Partitions => &["stored", "empty", "absent", "unreadable", "rows", "bytes"],
            What::Candles | What::Reports => &["objects", "bytes"],
            What::Instruments => &["instruments"],
        };
        columns.extend(counts.iter().map(|name| (*name, Count)));
        let line = |group: &ListedGroup| {
            let mut cells: Vec<Cell> = group.names.iter().cloned().map(Cell::Text).collect();
            if has_days {
                let day = |day: Option<&Day>| Cell::Text(day.map(ToString::to_string));
                let days = Cell::Count(Some(group.days.len() as u64));
                cells.extend([days, day(group.days.first()), day(group.days.last())]);
            }
            let numbers = match what {
                What::Partitions => {
                    vec![group.stored, group.empty, group.absent, group.unreadable, group.rows, group.bytes]
                }
                What::Candles | What::Reports => vec![group.objects, group.bytes],
                What::Instruments => vec![group.objects],
            };
            cells.extend(numbers.into_iter().map(|number| Cell::Count(Some(number))));
            cells
        };
        ListTable { columns, rows: ListedGroup::all(listed, by).iter().map(line).collect() }
    }

    /// A line for each run, in their order.
    pub fn of_runs(lines: &[RunLine]) -> ListTable {
        use Kind::{Count, Number, Text};
        let columns = vec![
            ("run", Text),
            ("kind", Text),
            ("state", Text),
            ("verdict", Text),
            ("started_at", Text),
            ("updated_at", Text),
            ("seconds", Number),
            ("files", Count),
            ("files_done", Count),
            ("files_failed", Count),
            ("rows", Count),
            ("bytes", Count),
            ("what", Text),
        ];
        let line = |line: &RunLine| {
            let texts = [Cell::text(&line.run), Cell::text(line.kind), Cell::text(&line.state)];
            let told =
                [&line.verdict, &line.started_at, &line.updated_at].map(|text| Cell::Text(text.clone()));
            let counts = [line.files, line.files_done, line.files_failed, line.rows, line.bytes];
            let what = Cell::Text(Some(line.what.clone()).filter(|what| !what.is_empty()));
            let mut cells: Vec<Cell> = texts.into_iter().chain(told).collect();
            cells.push(Cell::Number(line.seconds));
            cells.extend(counts.map(|count| Cell::Count(Some(count))));
            cells.push(what);
            cells
        };
        ListTable { columns, rows: lines.iter().map(line).collect() }
    }

    /// The names of the columns.
    pub fn columns(&self) -> Vec<&'static str> {
        self.columns.iter().map(|(name, _)| *name).collect()
    }

    /// Sorts by a column: numbers from the largest, names from the first; `-COLUMN` the other way round. What has no value comes
    /// last, either way.
    ///
    /// # Errors
    /// When there is no such column.
    pub fn sort(&mut self, by: &str) -> Result<(), EngineError> {
        let (name, is_turned) = by.strip_prefix('-').map_or((by, false), |name| (name, true));
        let place = self.columns.iter().position(|(column, _)| column.eq_ignore_ascii_case(name));
        let Some(place) = place else {
            let columns = self.columns().into_iter().map(str::to_owned).collect();
            return Err(EngineError::NoColumn {
                name: name.to_owned(),
                table: "the list".to_owned(),
                columns,
            });
        };
        self.rows.sort_by(|a, b| {
            let order = a[place].usual_order(&b[place]);
            let order = if is_turned { order.reverse() } else { order };
            a[place].is_none().cmp(&b[place].is_none()).then(order)
        });
        Ok(())
    }

    /// The table in columns of Arrow: texts, uint64 and float64, null where there is nothing to say.
    pub fn batch(&self) -> RecordBatch {
        let column = |(place, (name, kind)): (usize, &(&'static str, Kind))| {
            let cells = self.rows.iter().map(|row| row.get(place));
            let array: ArrayRef = match kind {
                Kind::Text => Arc::new(StringArray::from_iter(cells.map(|cell| match cell {
                    Some(Cell::Text(text)) => text.clone(),
                    _ => None,
                }))),
                Kind::Count => Arc::new(UInt64Array::from_iter(cells.map(|cell| match cell {
                    Some(Cell::Count(count)) => *count,
                    _ => None,
                }))),
                Kind::Number => Arc::new(Float64Array::from_iter(cells.map(|cell| match cell {
                    Some(Cell::Number(number)) => *number,
                    _ => None,
                }))),
            };
            (*name, array, true)
        };
        let columns = self.columns.iter().enumerate().map(column);
        RecordBatch::try_from_iter_with_nullable(columns).expect("each column has a cell of each line")
    }

    /// Some of the lines as JSON objects, a member for each column.
    pub fn documents(&self, lines: std::ops::Range<usize>) -> Vec<Value> {
        let value = |cell: &Cell| match cell {
            Cell::Text(text) => Value::from(text.clone()),
            Cell::Count(count) => Value::from(*count),
            Cell::Number(number) => Value::from(*number),
        };
        let line = |row: &Vec<Cell>| {
            let cells = self.columns.iter().zip(row);
            Value::Object(
                cells.map(|((name, _), cell)| ((*name).to_owned(), value(cell))).collect::<Map<_, _>>(),
            )
        };
        self.rows.get(lines).unwrap_or_default().iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed() -> Vec<Listed> {
        let one = |day: &str, key: &str, bytes: Option<u64>| Listed {
            day: Some(day.parse().unwrap()),
            key: Some(key.parse().unwrap()),
            kind: "1m".to_owned(),
            status: None,
            rows: None,
            bytes,
        };
        vec![
            one("2024-03-02", "DERIBIT:PERP:BTC-USD", Some(9)),
            one("2024-03-01", "BINANCE:SPOT_PAIR:BTC-USDT", Some(10)),
            one("2024-03-03", "DERIBIT:PERP:ETH-USD", None),
        ]
    }

    #[test]
    fn lists_are_sorted_and_those_without_a_value_come_last() {
        for (sort, expected) in [
            ("bytes", "2024-03-01 2024-03-02 2024-03-03"),
            ("-bytes", "2024-03-02 2024-03-01 2024-03-03"),
            ("DAY", "2024-03-01 2024-03-02 2024-03-03"),
            ("-day", "2024-03-03 2024-03-02 2024-03-01"),
            ("instrument_key", "2024-03-01 2024-03-02 2024-03-03"),
        ] {
            let mut table = ListTable::objects(What::Candles, &listed());
            table.sort(sort).unwrap();
            let days = table.documents(0..3).into_iter().map(|line| line["day"].as_str().unwrap().to_owned());
            assert_eq!(days.collect::<Vec<_>>().join(" "), expected, "{sort}");
        }
        let wrong = ListTable::objects(What::Candles, &[]).sort("-byts").unwrap_err().to_string();
        assert_eq!(
            wrong,
            "the list has no column `byts`; perhaps bytes; it has day, timeframe, instrument_key, bytes"
        );
    }

    #[test]
    fn an_empty_list_has_the_columns_of_a_full_one() {
        for what in [What::Partitions, What::Candles, What::Instruments, What::Reports] {
            for by in [&[][..], &[By::Day], &[By::Key, By::Type]] {
                let (none, some) = (ListTable::groups(what, by, &[]), ListTable::groups(what, by, &listed()));
                let (none, some) = (none.batch(), some.batch());
                assert_eq!(none.schema(), some.schema(), "{what:?} {by:?}");
                assert_eq!(none.num_rows(), 0);
            }
        }
        assert_eq!(ListTable::of_runs(&[]).batch().num_columns(), 13);
    }
}
