//! The state of a derivative, gathered from several messages, as the vendor's client does it (its code of 2026-08-22): fields carry
//! over, a row is due when one of them changed, and its time never falls.

/// A number of a derivative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Rate taking effect at the funding time.
    FundingRate,
    /// Estimate for the period after.
    PredictedFundingRate,
    /// Open interest, in the exchange's own unit.
    OpenInterest,
    /// Price of the last trade.
    LastPrice,
    /// Price of the index.
    IndexPrice,
    /// Mark price.
    MarkPrice,
}

impl Field {
    /// All of them, in the order of the table's columns.
    pub const ALL: [Field; 6] = [
        Field::FundingRate,
        Field::PredictedFundingRate,
        Field::OpenInterest,
        Field::LastPrice,
        Field::IndexPrice,
        Field::MarkPrice,
    ];
}

/// What is known of one derivative.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ticker {
    /// By [`Field`]; `None`: not known yet.
    values: [Option<f64>; 6],
    funding_timestamp: Option<i64>,
    timestamp: Option<i64>,
    changed: bool,
}

impl Ticker {
    /// Sets a number; `None` changes nothing.
    pub fn set(&mut self, field: Field, value: Option<f64>) {
        let known = &mut self.values[field as usize];
        if value.is_some() && *known != value {
            *known = value;
            self.changed = true;
        }
    }

    /// Sets the time of the next funding, microseconds since the Unix epoch, UTC; `None` changes nothing.
    pub fn set_funding(&mut self, at: Option<i64>) {
        if at.is_some() && self.funding_timestamp != at {
            self.funding_timestamp = at;
            self.changed = true;
        }
    }

    /// The exchange's time of a message, microseconds since the Unix epoch, UTC. An older one than known is passed over.
    pub fn at(&mut self, timestamp: i64) {
        if self.timestamp.is_none_or(|known| known < timestamp) {
            self.timestamp = Some(timestamp);
        }
    }

    /// Whether a row is due, which it then no longer is.
    pub fn take_change(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// The exchange's time; `None`: no message had one.
    pub fn timestamp(&self) -> Option<i64> {
        self.timestamp
    }

    /// The time of the next funding.
    pub fn funding_timestamp(&self) -> Option<i64> {
        self.funding_timestamp
    }

    /// A number.
    pub fn value(&self, field: Field) -> Option<f64> {
        self.values[field as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_due_only_when_a_value_changed() {
        let mut ticker = Ticker::default();
        for (mark, funding, at, is_due, time) in [
            (None, None, Some(5), false, Some(5)),
            (Some(1.0), None, Some(9), true, Some(9)),
            (Some(1.0), None, Some(10), false, Some(10)),
            (None, Some(77), None, true, Some(10)),
            (Some(2.0), Some(77), Some(4), true, Some(10)),
        ] {
            ticker.set(Field::MarkPrice, mark);
            ticker.set_funding(funding);
            if let Some(at) = at {
                ticker.at(at);
            }
            assert_eq!((ticker.take_change(), ticker.timestamp()), (is_due, time), "{mark:?} {funding:?}");
        }
        assert_eq!(ticker.value(Field::MarkPrice), Some(2.0));
        assert_eq!(ticker.value(Field::LastPrice), None);
    }
}
