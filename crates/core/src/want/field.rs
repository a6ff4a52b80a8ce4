//! Values of fields of `lake.toml`, each with its place, so that an error names line and field.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::{MOST_ITEMS, MOST_LETTERS, WantError};
use crate::text::printable;

/// The text of the file, for line numbers.
#[derive(Clone, Copy)]
pub(super) struct Source<'a>(pub &'a str);

impl Source<'_> {
    /// The line of a place, from 1.
    pub fn line(self, at: usize) -> usize {
        self.0.as_bytes()[..at.min(self.0.len())].iter().filter(|byte| **byte == b'\n').count() + 1
    }
}

/// A field and its value.
pub(super) struct Field<'a> {
    pub source: Source<'a>,
    /// Its full name, as `sets.majors.venues`.
    pub name: String,
    pub value: &'a Spanned<DeValue<'a>>,
}

impl Field<'_> {
    /// The error of this field, in its first line.
    pub fn wrong(&self, reason: impl Into<String>) -> WantError {
        self.wrong_at(self.value.span(), reason)
    }

    fn wrong_at(&self, span: Range<usize>, reason: impl Into<String>) -> WantError {
        WantError {
            line: Some(self.source.line(span.start)),
            field: self.name.clone(),
            reason: printable(&reason.into()).into_owned(),
        }
    }

    /// A text.
    pub fn text(&self) -> Result<&str, WantError> {
        text(self.value).map_err(|reason| self.wrong(reason))
    }

    /// A list of texts, each parsed.
    pub fn list<T>(&self, mut parse: impl FnMut(&str) -> Result<T, String>) -> Result<Vec<T>, WantError> {
        let DeValue::Array(items) = self.value.get_ref() else {
            return Err(self.wrong(format!("write a list of texts, not {}", kind(self.value.get_ref()))));
        };
        if items.len() > MOST_ITEMS {
            return Err(self.wrong(format!("it has {} items, and may have {MOST_ITEMS}", items.len())));
        }
        let item = |item: &Spanned<DeValue<'_>>| {
            text(item).and_then(&mut parse).map_err(|reason| self.wrong_at(item.span(), reason))
        };
        items.iter().map(item).collect()
    }

    /// A whole number from 1 on.
    pub fn number(&self, most: u32) -> Result<u32, WantError> {
        let number = match self.value.get_ref() {
            DeValue::Integer(number) => u32::from_str_radix(number.as_str(), number.radix()).ok(),
            other => return Err(self.wrong(format!("write a whole number, not {}", kind(other)))),
        };
        let number = number.filter(|number| (1..=most).contains(number));
        number.ok_or_else(|| self.wrong(format!("write a whole number from 1 to {most}")))
    }

    /// A length of time as `36h` or `14d`, in `unit` hours, rounded down.
    pub fn hours(&self, most_hours: u32) -> Result<u32, WantError> {
        let text = self.text()?;
        let number = |end: char| text.strip_suffix(end).and_then(|number| number.parse::<u32>().ok());
        let hours = number('h').or_else(|| number('d').and_then(|days| days.checked_mul(24)));
        hours.filter(|hours| *hours <= most_hours).ok_or_else(|| {
            self.wrong(format!(
                "`{text}` is no length of time; write hours or days as 36h or 14d, at most {}d",
                most_hours / 24
            ))
        })
    }
}

fn text<'a>(value: &'a Spanned<DeValue<'_>>) -> Result<&'a str, String> {
    match value.get_ref() {
        DeValue::String(text) if text.len() > MOST_LETTERS => {
            Err(format!("it has {} bytes, and may have {MOST_LETTERS}", text.len()))
        }
        DeValue::String(text) => Ok(text),
        other => Err(format!("write a text in quotes, not {}", kind(other))),
    }
}

/// What a value is, for errors.
pub(super) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
