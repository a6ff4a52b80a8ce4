//! Values that cannot be, by the rule of each column in the one description of tables.

use std::fmt::Display;

use arrow_array::{Array, Float64Array};

use super::finding::moment;
use super::{Check, CheckFn, CheckInput, Detection, Group, RowCheck, Rows, Severity, Tally};
use crate::key::{InstrumentKey, InstrumentType};
use crate::table::{Column, DataType, Kind, Possible};

/// The checks of this module.
pub const CHECKS: &[Check] = &[Check {
    name: "values",
    group: Group::Values,
    severity: Severity::Error,
    parameters: &[],
    text: "A value that its column cannot have, whatever happens in a market: a price of 0 or below where the instrument cannot \
           have one, an amount of 0 where the data type has none, an open interest below zero, a mark or index price of 0, a \
           funding rate of 100 % or more, a moment outside the years 2009 to 2200, NaN, an infinity, a number beyond all sense. \
           Which values a column can have stands with its description in `crates/core/src/table.rs`: prices of combos may have \
           any sign, those of an instrument whose type is not known too, bids and marks of options may be 0, changes of a book \
           have an amount of 0 where a level goes. Each column is a finding of its own.",
    run: CheckFn::Rows(&DataType::ALL, |scope| Box::new(Impossible::of(scope))),
}];

/// One column and what was found of it.
struct Cells {
    column: &'static Column,
    /// The smallest and the largest number.
    numbers: (f64, f64),
    tally: Tally,
}

struct Impossible {
    cells: Vec<Cells>,
}

impl Impossible {
    fn of(scope: &CheckInput<'_>) -> Impossible {
        let kind: Option<InstrumentType> = scope.key.map(InstrumentKey::instrument_type);
        let columns = scope.data_type.table().columns.iter().filter(|c| c.possible != Possible::Any);
        let cells = |column: &'static Column| Cells {
            column,
            numbers: column.possible.numbers(kind),
            tally: Tally::default(),
        };
        Impossible { cells: columns.map(cells).collect() }
    }
}

impl Cells {
    fn rows(&mut self, rows: &Rows<'_>) {
        match self.column.kind {
            Kind::Number => self.numbers(rows),
            Kind::Time => self.moments(rows),
            Kind::Text | Kind::Category(_) | Kind::Flag => {}
        }
    }

    fn numbers(&mut self, rows: &Rows<'_>) {
        let array = rows.number(&self.column.name);
        let (least, most) = self.numbers;
        for (row, value) in array.values().iter().enumerate() {
            // NaN lies in no range.
            if !(least..=most).contains(value) && array.is_valid(row) && !self.is_none(rows, row, *value) {
                self.note(rows, row, &shown(*value));
            }
        }
    }

    fn moments(&mut self, rows: &Rows<'_>) {
        let array = rows.moments(&self.column.name);
        let (first, last) = self.column.possible.moments();
        for (row, us) in array.values().iter().enumerate() {
            if !(first..=last).contains(us) && array.is_valid(row) {
                self.note(rows, row, &moment(*us));
            }
        }
    }

    /// Whether a price of 0 says that there is no quote, as its amount then does.
    fn is_none(&self, rows: &Rows<'_>, row: usize, value: f64) -> bool {
        if self.column.possible != Possible::SentPrice || value != 0.0 {
            return false;
        }
        let amounts: &Float64Array = rows.number(&self.column.name.replace("price", "amount"));
        amounts.is_null(row) || amounts.value(row) == 0.0
    }

    fn note(&mut self, rows: &Rows<'_>, row: usize, value: &dyn Display) {
        let name = &self.column.name;
        self.tally.note(rows.arrival()[row], || format!("row {}: {name} is {value}", rows.place(row)));
    }
}

/// A number as text; one of three hundred digits by its exponent.
fn shown(value: f64) -> String {
    if value != 0.0 && !(1e-9..1e15).contains(&value.abs()) {
        format!("{value:e}")
    } else {
        value.to_string()
    }
}

impl RowCheck for Impossible {
    fn rows(&mut self, rows: &Rows<'_>) {
        self.cells.iter_mut().for_each(|cells| cells.rows(rows));
    }

    fn found(&mut self) -> Vec<Detection> {
        self.cells.iter_mut().flat_map(|cells| cells.tally.take()).collect()
    }
}
