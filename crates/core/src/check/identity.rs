//! Rows whose instrument differs from that of their object.

use arrow_array::Array;

use super::finding::moment;
use super::{Check, CheckFn, CheckInput, Detection, Group, RowCheck, Rows, Severity, Tally};
use crate::day::Day;
use crate::key::{InstrumentKey, OptionSide};
use crate::table::DataType;

/// The checks of this module.
pub const CHECKS: &[Check] = &[
    Check {
        name: "instrument_key",
        group: Group::Values,
        severity: Severity::Error,
        parameters: &[],
        text: "`instrument_key` of a row differs from the key in the object's footer and path. A reader that groups a \
               folder of objects by this column would assign the row to the other instrument. Skipped for rows \
               without the column and for files that do not state their instrument.",
        run: CheckFn::Rows(&DataType::ALL, |input| {
            Box::new(OtherKey { key: input.key.cloned(), tally: Tally::default() })
        }),
    },
    Check {
        name: "option_terms",
        group: Group::Values,
        severity: Severity::Error,
        parameters: &[],
        text: "`type`, `strike_price` or `expiration` of an `options_chain` row differs from the instrument key. The \
               expiration is compared by its UTC day.",
        run: CheckFn::Rows(&[DataType::OptionsChain], |input| Box::new(OtherTerms::of(input))),
    },
];

struct OtherKey {
    key: Option<InstrumentKey>,
    tally: Tally,
}

impl RowCheck for OtherKey {
    fn rows(&mut self, rows: &Rows<'_>) {
        let (Some(key), Some((places, names))) = (&self.key, rows.instrument_keys()) else { return };
        let is_own = |name: Option<&str>| name == Some(key.as_str());
        if (0..names.len()).all(|place| is_own(Some(names.value(place)))) {
            return;
        }
        for (row, place) in places.iter().enumerate() {
            let name = usize::try_from(*place).ok().filter(|place| *place < names.len());
            let name = name.map(|place| names.value(place));
            if !is_own(name) {
                self.tally.note(rows.arrival()[row], || {
                    format!("row {} is of {}, the object of {key}", rows.place(row), name.unwrap_or("nobody"))
                });
            }
        }
    }

    fn found(&mut self) -> Vec<Detection> {
        self.tally.take()
    }
}

/// The terms of the option in the key; `None` if the key does not have them.
struct OtherTerms {
    side: Option<&'static str>,
    strike: Option<f64>,
    expiry: Option<Day>,
    tally: Tally,
}

impl OtherTerms {
    fn of(input: &CheckInput<'_>) -> OtherTerms {
        let side = |side| if side == OptionSide::Call { "call" } else { "put" };
        OtherTerms {
            side: input.key.and_then(InstrumentKey::option_side).map(side),
            strike: input.key.and_then(|key| key.strike()?.parse().ok()),
            expiry: input.key.and_then(InstrumentKey::expiry),
            tally: Tally::default(),
        }
    }
}

impl RowCheck for OtherTerms {
    fn rows(&mut self, rows: &Rows<'_>) {
        let (sides, strikes, ends) =
            (rows.words("type"), rows.number("strike_price"), rows.moments("expiration"));
        let days = self.expiry.map(|day| day.start_us()..day.end_us());
        for (row, at) in rows.arrival().iter().enumerate() {
            let (side, strike, end) = (sides.get(row), strikes.value(row), ends.value(row));
            let wrong = if self.side.is_some_and(|known| known != side) {
                format!("type is {side}")
            } else if self.strike.is_some_and(|known| known != strike) {
                format!("strike_price is {strike}")
            } else if days.as_ref().is_some_and(|days| !days.contains(&end)) {
                format!("expiration is {}", moment(end))
            } else {
                continue;
            };
            self.tally.note(*at, || format!("row {}: {wrong}", rows.place(row)));
        }
    }

    fn found(&mut self) -> Vec<Detection> {
        self.tally.take()
    }
}
