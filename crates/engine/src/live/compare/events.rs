//! Rows that stand for themselves: trades, liquidations, and book tickers without a time of the exchange. Joined by id, else by all
//! their values, as often as each side has them.

use std::collections::{HashMap, VecDeque};

use arrow_array::RecordBatch;
use mtdh_core::DataType;

use super::cause::{Causes, Facts};
use super::cells::{Cell, Columns, names, times};
use super::{Cause, Counts, Difference, Kind, Side};

/// How long a row waits for the other side's, by arrival, microseconds.
const WAIT_US: i64 = 60_000_000;

#[derive(Clone, Debug)]
struct Event {
    arrived: i64,
    happened: i64,
    values: Vec<Cell>,
    /// Whether a row like it was matched before: it was sent again.
    is_repeated: bool,
}

/// What joins rows: the id, or all values.
type JoinKey = Vec<Cell>;

pub(super) struct Events {
    /// The columns that are compared, and the name of each.
    fields: Vec<&'static str>,
    has_ids: Option<bool>,
    is_stamped: bool,
    waiting: [HashMap<JoinKey, VecDeque<Event>>; 2],
    order: [VecDeque<(i64, JoinKey)>; 2],
    /// Rows that were matched lately, and when the later of both arrived.
    matched: HashMap<JoinKey, i64>,
    matched_order: VecDeque<(i64, JoinKey)>,
}

impl Events {
    pub fn new(data_type: DataType, is_stamped: bool) -> Events {
        let without: &[&str] =
            if is_stamped { &["id", "local_timestamp", "timestamp"] } else { &["id", "local_timestamp"] };
        Events {
            fields: names(data_type, without),
            has_ids: (!names(data_type, &[]).contains(&"id")).then_some(false),
            is_stamped,
            waiting: Default::default(),
            order: Default::default(),
            matched: HashMap::new(),
            matched_order: VecDeque::new(),
        }
    }

    pub fn take(
        &mut self,
        side: Side,
        batch: &RecordBatch,
        causes: &mut Causes,
        counts: &mut Counts,
        give: &mut impl FnMut(Difference),
    ) -> Result<(), String> {
        let (arrived, happened) = (times(batch, "local_timestamp")?, times(batch, "timestamp")?);
        let values = Columns::of(batch, &self.fields)?;
        let ids = match self.has_ids {
            Some(false) => None,
            _ => Some(Columns::of(batch, &["id"])?),
        };
        for (row, (arrived, happened)) in arrived.iter().zip(happened).enumerate() {
            let values = values.row(row);
            let id = ids.as_ref().map(|ids| ids.row(row)).filter(|id| id[0] != Cell::Null);
            // Rows with an id are never joined with rows without one: a venue has ids or has none.
            let key = id.unwrap_or_else(|| values.clone());
            let event = Event { arrived: *arrived, happened: *happened, values, is_repeated: false };
            self.join(side, key, event, causes, counts, give);
        }
        Ok(())
    }

    fn join(
        &mut self,
        side: Side,
        key: JoinKey,
        mut event: Event,
        causes: &mut Causes,
        counts: &mut Counts,
        give: &mut impl FnMut(Difference),
    ) {
        let other = side.other();
        // Rows without ids may be equal and each be one of its own.
        let has_id = matches!(&key[..], [Cell::Text(_)]);
        let partner = self.waiting[other as usize].get_mut(&key).and_then(VecDeque::pop_front);
        let Some(partner) = partner else {
            event.is_repeated = has_id && self.matched.contains_key(&key);
            let arrived = event.arrived;
            self.waiting[side as usize].entry(key.clone()).or_default().push_back(event);
            self.order[side as usize].push_back((arrived, key));
            return;
        };
        if let Some(rest) = self.waiting[other as usize].get_mut(&key) {
            rest.iter_mut().for_each(|event| event.is_repeated = has_id);
            if rest.is_empty() {
                self.waiting[other as usize].remove(&key);
            }
        }
        let later = event.arrived.max(partner.arrived);
        let (live, vendor) = if side == Side::Live { (event, partner) } else { (partner, event) };
        causes.measure(live.arrived, vendor.arrived);
        self.matched.insert(key.clone(), later);
        self.matched_order.push_back((later, key));
        if !causes.window.has(vendor.arrived) && !causes.window.has(live.arrived) {
            return;
        }
        counts.compared += 1;
        let differing: Vec<usize> =
            (0..self.fields.len()).filter(|at| live.values[*at] != vendor.values[*at]).collect();
        counts.equal += u64::from(differing.is_empty());
        for at in differing {
            let facts = Facts {
                kind: Kind::Value,
                field: self.fields[at],
                arrived: vendor.arrived..vendor.arrived,
                happened: vendor.happened..vendor.happened,
                count: 1,
                was_reset: None,
            };
            let (live, vendor) = (live.values[at].text(), vendor.values[at].text());
            give(causes.difference(facts, live, vendor, counts));
        }
    }

    /// Gives rows that waited too long. Both sides have come as far as this arrival.
    pub fn expire(
        &mut self,
        reached: i64,
        causes: &mut Causes,
        counts: &mut Counts,
        give: &mut impl FnMut(Difference),
    ) {
        let horizon = if reached == i64::MAX { i64::MAX } else { reached.saturating_sub(WAIT_US) };
        for side in Side::BOTH {
            while let Some((_, key)) = self.order[side as usize].pop_front_if(|(at, _)| *at <= horizon) {
                let waiting = &mut self.waiting[side as usize];
                let Some(events) = waiting.get_mut(&key) else { continue };
                let Some(event) = events.pop_front_if(|event| event.arrived <= horizon) else { continue };
                if events.is_empty() {
                    waiting.remove(&key);
                }
                self.alone(side, &key, &event, causes, counts, give);
            }
        }
        while let Some((at, key)) =
            self.matched_order.pop_front_if(|(at, _)| *at <= horizon.saturating_sub(WAIT_US))
        {
            if self.matched.get(&key).is_some_and(|last| *last <= at) {
                self.matched.remove(&key);
            }
        }
    }

    fn alone(
        &self,
        side: Side,
        key: &JoinKey,
        event: &Event,
        causes: &mut Causes,
        counts: &mut Counts,
        give: &mut impl FnMut(Difference),
    ) {
        if !causes.window.has(event.arrived) {
            return;
        }
        counts.compared += 1;
        let mut text: Vec<String> = self
            .fields
            .iter()
            .zip(&event.values)
            .map(|(name, value)| format!("{name} {}", value.text().unwrap_or_else(|| "null".to_owned())))
            .collect();
        if let [Cell::Text(id)] = &key[..] {
            text.insert(0, format!("id {id}"));
        }
        if self.is_stamped {
            text.push(format!("arrival {}", Cell::Time(event.arrived).text().unwrap_or_default()));
        }
        let text = Some(text.join(", "));
        let (kind, live, vendor) = match side {
            Side::Live => (Kind::OnlyLive, text, None),
            Side::Vendor => (Kind::OnlyVendor, None, text),
        };
        let facts = Facts {
            kind,
            field: "",
            arrived: event.arrived..event.arrived,
            happened: event.happened..event.happened,
            count: 1,
            was_reset: None,
        };
        let mut difference = causes.explain(facts, live, vendor);
        if event.is_repeated && difference.cause == Cause::Unexplained {
            difference.cause = Cause::Repeated;
            difference.because =
                "an equal row with its id was matched: one side was sent it again".to_owned();
        }
        counts.by_cause[difference.cause as usize] += 1;
        give(difference);
    }
}
