//! Tables for people: columns without content are left out, counts have separators, sizes a unit; on a terminal, what does not
//! fit is cut with a sign. The only place that draws tables; other formats keep the cells as they are.

use mtdh_core::text::printable;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::numbers::{count, size};

/// A result as rows.
#[derive(Debug, Default)]
pub struct Rows {
    /// Column names.
    pub headers: Vec<&'static str>,
    /// Cells, as many per row as there are headers; `-` is null.
    pub rows: Vec<Vec<String>>,
}

impl Rows {
    /// A result without rows.
    pub fn new(headers: &[&'static str]) -> Rows {
        Rows { headers: headers.to_vec(), rows: Vec::new() }
    }

    /// Each row as a JSON object; whole numbers as numbers.
    pub fn objects(&self) -> Vec<serde_json::Value> {
        let object = |row: &Vec<String>| {
            let cells = self.headers.iter().zip(row).map(|(name, cell)| ((*name).to_owned(), value(cell)));
            serde_json::Value::Object(cells.collect())
        };
        self.rows.iter().map(object).collect()
    }
}

/// Null in a table for people.
pub const NULL: &str = "-";

/// A cell as JSON: whole numbers are numbers.
pub fn value(cell: &str) -> serde_json::Value {
    if cell == NULL {
        return serde_json::Value::Null;
    }
    match cell.parse::<u64>() {
        Ok(number) if number.to_string() == cell => number.into(),
        _ => cell.into(),
    }
}

/// Rows that people are shown on a terminal.
pub const MOST_ROWS: usize = 40;

/// Columns narrower than this are not cut.
const LEAST_WIDTH: usize = 10;

/// Between two columns.
const GAP: usize = 2;

/// Stands for what was cut.
const CUT: char = '…';

/// The room for a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Columns of the terminal; `None`: nothing is cut.
    pub width: Option<usize>,
    /// Rows that are shown; `None`: all.
    pub rows: Option<usize>,
}

/// Numbers that are names: no separators.
const NAMES: [&str; 8] = ["shard", "part", "line", "port", "value", "version", "found", "token"];

/// Whose beginning and end tell them apart: cut in the middle.
const LONG_NAMES: [&str; 7] = ["key", "file", "path", "object", "output", "symbol", "table"];

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    /// As it is, to the right.
    Number,
    Count,
    Bytes,
}

/// The table with a line for each row, and below it what is not shown. Ends with a line break; empty if there are no rows.
pub fn draw(rows: &Rows, room: Room) -> String {
    if rows.rows.is_empty() {
        return String::new();
    }
    let shown = &rows.rows[..rows.rows.len().min(room.rows.unwrap_or(usize::MAX))];
    let is_empty = |place: usize| rows.rows.iter().all(|row| is_null(cell(row, place)));
    let mut places: Vec<usize> = (0..rows.headers.len()).filter(|place| !is_empty(*place)).collect();
    if places.is_empty() {
        places = (0..rows.headers.len()).collect();
    }
    let mut columns: Vec<Column> = places.into_iter().map(|place| Column::of(rows, shown, place)).collect();
    let left_out = room.width.map_or(Vec::new(), |width| fit(&mut columns, width));
    let is_cut = columns.iter().any(Column::is_cut);

    let mut text = String::new();
    text += &line(&columns, |column| column.header.to_owned());
    for place in 0..shown.len() {
        text += &line(&columns, |column| column.cells[place].clone());
    }
    let more = rows.rows.len() - shown.len();
    if more > 0 {
        text += &format!("{CUT} and {} more: --format csv\n", count(more as u64));
    }
    match (left_out.is_empty(), is_cut) {
        (false, _) => text += &format!("{CUT} no room for {}: --format csv\n", left_out.join(", ")),
        (true, true) => text += &format!("{CUT} cut to the terminal's width: --format csv\n"),
        (true, false) => {}
    }
    text
}

fn cell(row: &[String], place: usize) -> &str {
    row.get(place).map_or("", String::as_str)
}

fn is_null(cell: &str) -> bool {
    cell.is_empty() || cell == NULL
}

struct Column {
    header: &'static str,
    kind: Kind,
    cells: Vec<String>,
    /// Of the widest cell or the header.
    full: usize,
    width: usize,
}

impl Column {
    fn of(rows: &Rows, shown: &[Vec<String>], place: usize) -> Column {
        let header = rows.headers[place];
        let kind = kind(header, rows.rows.iter().map(|row| cell(row, place)));
        let form = |row: &Vec<String>| {
            let text = cell(row, place);
            match text.parse::<u64>() {
                // Of `what` and `count`, the row says what is counted.
                Ok(number) if kind == Kind::Bytes || kind == Kind::Count && is_of_bytes(rows, row) => {
                    size(number)
                }
                Ok(number) if kind == Kind::Count => count(number),
                _ => printable(text).into_owned(),
            }
        };
        let cells: Vec<String> = shown.iter().map(form).collect();
        let full = cells.iter().map(|cell| cell.width()).max().unwrap_or(0).max(header.width());
        Column { header, kind, cells, full, width: full }
    }

    fn is_cut(&self) -> bool {
        self.width < self.full
    }

    /// How narrow it can be: numbers are whole or not there.
    fn least(&self) -> usize {
        if self.kind == Kind::Text {
            self.full.min(LEAST_WIDTH.max(self.header.width().min(14)))
        } else {
            self.full
        }
    }
}

fn is_of_bytes(rows: &Rows, row: &[String]) -> bool {
    rows.headers.first() == Some(&"what") && cell(row, 0).split(' ').any(|word| word == "bytes")
}

fn kind<'a>(header: &str, cells: impl Iterator<Item = &'a str> + Clone) -> Kind {
    let known = cells.filter(|cell| !is_null(cell));
    let is_whole = |cell: &str| cell.parse::<u64>().is_ok_and(|number| number.to_string() == cell);
    let is_number = |cell: &str| {
        let digits = cell.strip_prefix(['-', '+']).unwrap_or(cell);
        digits.starts_with(|first: char| first.is_ascii_digit())
            && digits.bytes().all(|byte| byte.is_ascii_digit() || b".,%".contains(&byte))
    };
    let is_bytes = header == "bytes" || header.ends_with("_bytes") || header.starts_with("bytes_");
    match () {
        () if !known.clone().all(is_number) => Kind::Text,
        () if !known.clone().all(is_whole) || NAMES.contains(&header) => Kind::Number,
        () if is_bytes => Kind::Bytes,
        () => Kind::Count,
    }
}

/// Makes the columns fit: the widest texts are cut first; where that does not do, columns at the right are left out. Returns the
/// names of these.
fn fit(columns: &mut Vec<Column>, width: usize) -> Vec<&'static str> {
    let mut left_out = Vec::new();
    let total = |columns: &[Column], of: fn(&Column) -> usize| {
        columns.iter().map(of).sum::<usize>() + GAP * columns.len().saturating_sub(1)
    };
    while columns.len() > 1 && total(columns, Column::least) > width {
        left_out.extend(columns.pop().map(|column| column.header));
    }
    left_out.reverse();
    while total(columns, |column| column.width) > width {
        let widest = columns.iter_mut().filter(|c| c.width > c.least()).max_by_key(|c| c.width);
        match widest {
            Some(column) => column.width -= 1,
            // One column is left, of numbers or narrower than any terminal.
            None => break,
        }
    }
    left_out
}

fn line(columns: &[Column], text: impl Fn(&Column) -> String) -> String {
    let mut line = String::new();
    for (place, column) in columns.iter().enumerate() {
        let is_name = LONG_NAMES.iter().any(|name| column.header.ends_with(name));
        let text = cut(&text(column), column.width, is_name);
        let room = " ".repeat(column.width - text.width().min(column.width));
        if place > 0 {
            line += &" ".repeat(GAP);
        }
        line += &if column.kind == Kind::Text { text + &room } else { room + &text };
    }
    line.truncate(line.trim_end().len());
    line + "\n"
}

/// The text in so many columns of a terminal.
pub fn cut(text: &str, width: usize, in_middle: bool) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(1);
    let tail_room = if in_middle { room * 2 / 3 } else { 0 };
    let (mut tail, mut used) = (Vec::new(), 0);
    for letter in text.chars().rev() {
        let wide = letter.width().unwrap_or(0);
        if used + wide > tail_room {
            break;
        }
        used += wide;
        tail.push(letter);
    }
    let (mut head, mut taken) = (String::new(), 0);
    for letter in text.chars() {
        let wide = letter.width().unwrap_or(0);
        if taken + wide > room - used {
            break;
        }
        taken += wide;
        head.push(letter);
    }
    head.push(CUT);
    head.extend(tail.into_iter().rev());
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(headers: &[&'static str], lines: &[&[&str]]) -> Rows {
        let mut rows = Rows::new(headers);
        rows.rows = lines.iter().map(|line| line.iter().map(|cell| (*cell).to_owned()).collect()).collect();
        rows
    }

    #[test]
    fn a_cell_stays_one_line_of_visible_characters() {
        let table = draw(&rows(&["symbol"], &[&["A\u{1b}[2J\nB\u{202e}C"]]), Room::default());
        assert_eq!(table, "symbol\nA\\u{1b}[2J\\nB\\u{202e}C\n");
    }

    #[test]
    fn tables_by_width() {
        let listing = rows(
            &["day", "instrument_key", "rows", "bytes", "reason", "note"],
            &[
                &["2024-03-01", "BINANCE:SPOT_PAIR:BTC-USDT", "1234567", "1234567890", "-", ""],
                &["2024-03-02", "DERIBIT:PERP:BTC-USD", "7", "-", "-", "the vendor has no such file"],
            ],
        );
        let counts = rows(&["what", "count"], &[&["rows stored", "60406"], &["bytes fetched", "2041165"]]);
        let shards = rows(&["shard", "files"], &[&["1000", "1000"]]);
        let wide = rows(&["symbol", "trades"], &[&["币安人生USDT", "5"], &["BTC", "-"]]);
        let nothing = rows(&["a", "b"], &[&["-", ""]]);
        let cases: [(&Rows, Option<usize>, &str); 9] = [
            (
                &listing,
                None,
                "day         instrument_key                   rows   bytes  note\n\
                 2024-03-01  BINANCE:SPOT_PAIR:BTC-USDT  1,234,567  1.2 GB\n\
                 2024-03-02  DERIBIT:PERP:BTC-USD                7       -  the vendor has no such file\n",
            ),
            (&listing, Some(87), "day         instrument_key                   rows   bytes  note\n"),
            (
                &listing,
                Some(70),
                "day         instrument_key            rows   bytes  note\n\
                 2024-03-01  BINANC…AIR:BTC-USDT  1,234,567  1.2 GB\n\
                 2024-03-02  DERIBI…PERP:BTC-USD          7       -  the vendor has no…\n\
                 … cut to the terminal's width: --format csv\n",
            ),
            (
                &listing,
                Some(40),
                "day         instrument_key          rows\n\
                 2024-03-01  BINANC…R:BTC-USDT  1,234,567\n\
                 2024-03-02  DERIBI…RP:BTC-USD          7\n\
                 … no room for bytes, note: --format csv\n",
            ),
            (
                &listing,
                Some(5),
                "day\n2024-03-01\n2024-03-02\n… no room for instrument_key, rows, bytes, note: --format csv\n",
            ),
            (&counts, None, "what            count\nrows stored    60,406\nbytes fetched  2.0 MB\n"),
            (&shards, None, "shard  files\n 1000  1,000\n"),
            (&wide, None, "symbol        trades\n币安人生USDT       5\nBTC                -\n"),
            (&nothing, None, "a  b\n-\n"),
        ];
        for (rows, width, expected) in cases {
            let drawn = draw(rows, Room { width, rows: None });
            assert!(
                drawn == expected || width == Some(87) && drawn.starts_with(expected),
                "{width:?}\n{drawn}"
            );
            let is_within =
                |line: &str| line.starts_with(CUT) || line.width() <= width.unwrap_or(999).max(10);
            assert!(drawn.lines().all(is_within), "{width:?}\n{drawn}");
        }
    }

    #[test]
    fn what_is_not_shown_is_counted() {
        let mut many = Rows::new(&["day"]);
        many.rows = (0..2041).map(|number| vec![format!("d{number}")]).collect();
        let drawn = draw(&many, Room { width: Some(80), rows: Some(MOST_ROWS) });
        assert_eq!(drawn.lines().count(), 42, "{drawn}");
        assert_eq!(drawn.lines().last(), Some("… and 2,001 more: --format csv"));
        assert_eq!(draw(&many, Room::default()).lines().count(), 2042, "without a terminal, all");
    }
}
