//! Trades that come again under their id with another content: one of the two is wrong, or the id is not of one trade.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;

use arrow_array::Array;

use super::finding::moment;
use super::rows::{Itself, hash_text};
use super::{Check, CheckFn, Detection, Group, RowCheck, Rows, Severity, Tally};
use crate::table::DataType;

/// Ids that are kept.
const WINDOW: usize = 1 << 16;

/// The checks of this module.
pub const CHECKS: &[Check] = &[Check {
    name: "changed_trade",
    group: Group::Timestamp,
    severity: Severity::Warning,
    parameters: &[],
    text: "A trade has the id of one of the last 65,536 ids, and another exchange time, price, amount or side. A trade \
           that is sent again as it was is not counted here: `repeated_trade_id` counts it, and candles count it once. \
           Of two that differ candles count both. Ids are compared by 64-bit hashes; trades without one are skipped.",
    run: CheckFn::Rows(&[DataType::Trades], |_| Box::new(Changed::default())),
}];

/// What a trade says besides its id: exchange time, bits of price and amount, hash of the side.
type Content = (i64, u64, u64, u64);

#[derive(Default)]
struct Changed {
    order: VecDeque<u64>,
    seen: HashMap<u64, Content, BuildHasherDefault<Itself>>,
    tally: Tally,
}

impl RowCheck for Changed {
    fn rows(&mut self, rows: &Rows<'_>) {
        let (ids, arrival, times) = (rows.text("id"), rows.arrival(), rows.exchange_time());
        let (prices, amounts, sides) = (rows.number("price"), rows.number("amount"), rows.words("side"));
        for row in (0..rows.len()).filter(|row| ids.is_valid(*row)) {
            let (price, amount, side) = (prices.value(row), amounts.value(row), sides.get(row));
            let content = (times[row], price.to_bits(), amount.to_bits(), hash_text(side));
            let id = hash_text(ids.value(row));
            match self.seen.get(&id) {
                Some(known) if *known != content => {
                    let (at, before) = (moment(times[row]), *known);
                    self.tally.note(arrival[row], || {
                        format!(
                            "row {}: id {}: {at} {side} {amount} at {price}, before {} {} at {}",
                            rows.place(row),
                            ids.value(row),
                            moment(before.0),
                            f64::from_bits(before.2),
                            f64::from_bits(before.1)
                        )
                    });
                }
                Some(_) => {}
                None => {
                    self.seen.insert(id, content);
                    self.order.push_back(id);
                }
            }
            if self.order.len() > WINDOW
                && let Some(oldest) = self.order.pop_front()
            {
                self.seen.remove(&oldest);
            }
        }
    }

    fn found(&mut self) -> Vec<Detection> {
        self.tally.take()
    }
}
