//! Impossible values, by the rule in each column's description.

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
    text: "A value that its column cannot have in any market: a price of 0 or below where the instrument cannot have \
           one, an amount of 0 where the data type has none, a negative open interest, a mark or index price of 0, a \
           funding rate of 100 % or more, a time outside of the years 2009 to 2200, NaN, an infinity, or an absurdly \
           large number. The allowed range is part of each column's description in `crates/core/src/table.rs`. Prices \
           of combos and of instruments of unknown type may have any sign. Bids and marks of options may be 0. Book \
           changes may have an amount of 0, which removes the level. Each column is a separate finding.",
    run: CheckFn::Rows(&DataType::ALL, |input| Box::new(Impossible::of(input))),
}];

/// One column and its impossible values.
struct Cells {
    column: &'static Column,
    /// The smallest and the largest allowed number.
    numbers: (f64, f64),
    tally: Tally,
}

struct Impossible {
    cells: Vec<Cells>,
}

impl Impossible {
    fn of(input: &CheckInput<'_>) -> Impossible {
        let kind: Option<InstrumentType> = input.key.map(InstrumentKey::instrument_type);
        let columns = input.data_type.table().columns.iter().filter(|c| c.possible != Possible::Any);
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
            // NaN is in no range.
            if !(least..=most).contains(value) && array.is_valid(row) && !self.is_no_quote(rows, row, *value)
            {
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

    /// Whether a price of 0 stands for a missing quote; its amount is then 0 too.
    fn is_no_quote(&self, rows: &Rows<'_>, row: usize, value: f64) -> bool {
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

/// Formats a number; very large and very small ones with an exponent.
fn shown(value: f64) -> String {
    if value != 0.0 && !(1e-9..1e15).contains(&value.abs()) {
        format!("{value:e}")
    } else {
        value.to_string()
    }
}

impl RowCheck for Impossible {
    fn rows(&mut self, rows: &Rows<'_>) {
        for cells in &mut self.cells {
            cells.rows(rows);
        }
    }

    fn found(&mut self) -> Vec<Detection> {
        self.cells.iter_mut().flat_map(|cells| cells.tally.take()).collect()
    }
}
