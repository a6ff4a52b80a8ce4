//! The calendar heat map: one canvas, its data, its legend. Without script the table beside it has the same.

use std::collections::BTreeMap;

use maud::{Markup, html};
use mtdh_core::day::DAY_US;
use mtdh_engine::Day;
use serde_json::{Map, Value, json};

use crate::page::lines::Counts;
use crate::page::range::Span;
use crate::page::shell::data;

/// What a cell shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// Stored, missing, empty.
    State,
    /// The worst grade.
    Grade,
    /// Partitions with rows.
    Count,
    /// Rows.
    Rows,
    /// Bytes.
    Bytes,
}

impl Show {
    /// Names and labels.
    pub const ALL: [(&'static str, &'static str); 5] = [
        ("state", "state"),
        ("grade", "grade"),
        ("count", "partitions"),
        ("rows", "rows"),
        ("bytes", "bytes"),
    ];

    /// What an address asks for.
    pub fn of(text: Option<&str>) -> (Show, &'static str) {
        match text {
            Some("grade") => (Show::Grade, "grade"),
            Some("count") => (Show::Count, "count"),
            Some("rows") => (Show::Rows, "rows"),
            Some("bytes") => (Show::Bytes, "bytes"),
            _ => (Show::State, "state"),
        }
    }

    fn value(self, counts: &Counts) -> Option<u64> {
        match self {
            Show::State | Show::Grade => None,
            Show::Count => Some(counts.stored),
            Show::Rows => Some(counts.rows),
            Show::Bytes => Some(counts.bytes),
        }
    }

    /// The letters of its cells with what they mean, for the legend.
    fn legend(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Show::State => &[
                ("s", "all stored"),
                ("m", "some missing"),
                ("M", "all missing"),
                ("e", "none has rows, with evidence"),
                ("n", "not exported yet"),
            ],
            Show::Grade => &[
                ("g", "good"),
                ("d", "degraded"),
                ("b", "bad"),
                ("m", "some missing"),
                ("u", "not checked"),
                ("e", "none has rows"),
            ],
            _ => &[("1", "few"), ("5", "many"), ("m", "some missing"), ("M", "all missing")],
        }
    }
}

/// A row of the calendar.
pub struct Row {
    /// What it is.
    pub label: String,
    /// Where it leads.
    pub href: String,
    /// Its days.
    pub days: BTreeMap<Day, Counts>,
}

/// The picture. `told_by` is the id of the text that says the same.
pub fn heat(span: &Span, rows: &[Row], show: Show, told_by: &str) -> Markup {
    let first = span.days.first();
    let length = usize::try_from(span.length()).unwrap_or(1);
    let of_row = |row: &Row| {
        let mut letters = vec![' '; length];
        let (mut values, mut faults) = (vec![0; length], Map::new());
        for (day, counts) in &row.days {
            let place = usize::try_from((day.start_us() - first.start_us()) / DAY_US).unwrap_or(usize::MAX);
            let Some(letter) = letters.get_mut(place) else { continue };
            *letter = if show == Show::Grade { counts.grade_letter() } else { counts.state_letter() };
            values[place] = show.value(counts).unwrap_or_else(|| counts.due());
            if counts.missing + counts.bad + counts.degraded > 0 {
                faults.insert(place.to_string(), json!([counts.missing, counts.bad, counts.degraded]));
            }
        }
        json!({"label": row.label, "href": row.href, "letters": letters.into_iter().collect::<String>(), "values": values, "faults": Value::Object(faults)})
    };
    let all: Vec<Value> = rows.iter().map(of_row).collect();
    let measure = match show {
        Show::State | Show::Grade => "due",
        Show::Count => "stored",
        Show::Rows => "rows",
        Show::Bytes => "bytes",
    };
    let is_scale = matches!(show, Show::Count | Show::Rows | Show::Bytes);
    let described = json!({"first": first.to_string(), "days": length, "measure": measure, "scale": is_scale, "rows": all});
    html! {
        figure.heat data-heat="heat-data" {
            ul.legend aria-label="Legend" { @for (letter, text) in show.legend() { li { span.cell.(format!("c-{letter}")) aria-hidden="true" {} (text) } } }
            div.heat-scroll {
                canvas.heat-canvas tabindex="0" role="img" aria-label={ "Calendar of " (rows.len()) " rows and " (length) " days. The arrow keys move from day to day, Enter opens the day." } aria-describedby=(told_by) {}
            }
            p.readout aria-live="polite" { span.quiet { "Point at a day, or move with the arrow keys; Enter opens it." } }
            noscript { p.quiet { "The calendar needs a script; the table below has the same." } }
        }
        (data("heat-data", &described))
    }
}
