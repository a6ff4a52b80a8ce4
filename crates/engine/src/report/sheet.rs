//! A table of the page: its first rows are in the page as it is, all of them as JSON, which the page's script sorts, filters and
//! gives out as CSV and JSON.

use maud::{Markup, PreEscaped, html};
use serde_json::{Value, json};

/// Rows that can be read without a script.
const ROWS_IN_PAGE: usize = 20;

/// How a column is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// A word with a colour.
    Badge,
    /// A name in a fixed pitch.
    Key,
    /// A whole number.
    Number,
    /// A share, 0 to 1, as per cent.
    Share,
    /// Not shown, as another column has it in words; it is filtered by and saved.
    Saved,
    /// Text for people that other columns have in parts: not saved.
    Words,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Badge => "badge",
            Kind::Key => "key",
            Kind::Number => "number",
            Kind::Share => "share",
            Kind::Saved => "saved",
            Kind::Words => "words",
        }
    }
}

/// A table.
pub(super) struct Sheet {
    /// Its name in the page and of its files.
    pub name: &'static str,
    /// What it has, for who cannot see it.
    pub label: &'static str,
    /// Name, title and kind of each column.
    pub columns: Vec<(&'static str, &'static str, Kind)>,
    /// The column that leads to the findings, and the columns that must be equal there.
    pub link: Option<(usize, Vec<usize>)>,
    /// The rows, as many cells as columns; null is nothing.
    pub rows: Vec<Vec<Value>>,
}

impl Sheet {
    /// The rows, for the script.
    pub fn document(&self) -> Value {
        let columns: Vec<Value> =
            self.columns.iter().map(|(name, title, kind)| json!([name, title, kind.name()])).collect();
        json!({"columns": columns, "link": self.link, "rows": self.rows})
    }

    pub fn markup(&self) -> Markup {
        html! {
            div.sheet data-sheet=(self.name) {
                div.tools hidden {
                    label { "Filter " input type="search" autocomplete="off" spellcheck="false"; }
                    button.all type="button" hidden { "Show all" }
                    span.save { button type="button" data-form="csv" { "CSV" } " "
                        button type="button" data-form="json" { "JSON" } }
                }
                p.shown role="status" { (self.shown()) }
                table aria-label=(self.label) {
                    thead { tr { @for (place, (_, title, kind)) in self.columns.iter().enumerate() {
                        @if *kind != Kind::Saved {
                            th.number[is_number(*kind)] scope="col" data-column=(place) { (title) }
                        }
                    } } }
                    tbody { @for row in self.rows.iter().take(ROWS_IN_PAGE) { (self.row(row)) } }
                }
                button.more type="button" hidden { "Show more" }
            }
        }
    }

    fn shown(&self) -> String {
        let all = self.rows.len();
        match all > ROWS_IN_PAGE {
            true => format!("The first {ROWS_IN_PAGE} of {}", grouped(all as u64)),
            false => format!("{all} in all"),
        }
    }

    fn row(&self, row: &[Value]) -> Markup {
        html! { tr { @for (place, (cell, (_, title, kind))) in row.iter().zip(&self.columns).enumerate() {
            @let shown = shown(cell, *kind);
            @let to = self.link.as_ref().filter(|(column, _)| *column == place);
            @if *kind != Kind::Saved {
                td.number[is_number(*kind)].none[cell.is_null()] data-label=(title) {
                    @if let Some((_, equal)) = to { a href="#findings" data-find=(self.find(row, equal)) { (shown) } }
                    @else { (shown) }
                }
            }
        } } }
    }

    /// What the findings of a row have in common, as a JSON object.
    fn find(&self, row: &[Value], equal: &[usize]) -> String {
        let pairs = equal.iter().map(|place| (self.columns[*place].0.to_owned(), row[*place].clone()));
        Value::Object(pairs.collect()).to_string()
    }
}

fn is_number(kind: Kind) -> bool {
    matches!(kind, Kind::Number | Kind::Share)
}

fn shown(cell: &Value, kind: Kind) -> Markup {
    let text = match (cell, kind) {
        (Value::Null, _) => return html! { "–" },
        (Value::Number(number), Kind::Share) => percent(number.as_f64().unwrap_or_default()),
        (Value::Number(number), _) => number.as_u64().map_or_else(|| number.to_string(), grouped),
        (Value::String(text), _) => text.clone(),
        (other, _) => other.to_string(),
    };
    html! { @match kind {
        Kind::Badge => { span.badge.(text) { (text) } }
        Kind::Key => { span.key { (text) } }
        _ => { (text) }
    } }
}

/// Nothing is 0 % and only all is 100 %: what is between never looks like one of them.
pub(super) fn percent(share: f64) -> String {
    match share * 100.0 {
        none if none <= 0.0 => "0 %".to_owned(),
        little if little < 0.1 => "< 0.1 %".to_owned(),
        all if all >= 100.0 => "100 %".to_owned(),
        most if most > 99.9 => "> 99.9 %".to_owned(),
        some => format!("{some:.1} %"),
    }
}

/// A count as 1,234,567.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group));
    groups.collect::<Vec<_>>().join(",")
}

/// JSON for a script element: nothing in it ends the element.
pub(super) fn embedded(value: &Value) -> Markup {
    let text = value.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    PreEscaped(text)
}
