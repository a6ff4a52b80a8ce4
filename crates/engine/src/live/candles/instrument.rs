//! The candles of one instrument as its rows arrive.
//!
//! The builder keeps intervals open for as long as they may be revised. What is given before is a preview, of which a digest is
//! kept: a row that comes late changes the rows of an open interval, and what differs from its digest is given again.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use arrow_array::RecordBatch;
use mtdh_core::DataType;
use mtdh_core::candle::{COLUMNS, Candle, CandleBuilder, Complete, Get, Repeats, Timeframe};
use mtdh_core::day::DAY_US;

use super::gaps::{EDGE_US, Gap, of_sources};
use super::{Follow, LiveCounts, LiveSettings, Stage};
use crate::candles::CandleError;
use crate::candles::feed::feed;
use crate::candles::task::SOURCES;

/// A candle that was given as final.
#[derive(Debug)]
struct Given {
    digest: u64,
    revision: u32,
}

#[derive(Debug)]
pub(super) struct Instrument {
    builder: CandleBuilder,
    repeats: Repeats,
    /// The data type of each source of candles; `None`: it is not received.
    sources: [Option<DataType>; 4],
    from_us: i64,
    gaps: BTreeMap<(String, i64, Option<DataType>), Gap>,
    complete: Complete,
    /// The shortest timeframe.
    step_us: i64,
    /// Intervals that end at or before these times were given, as provisional and as final ones.
    provisional_us: i64,
    final_us: i64,
    /// Intervals that end at or before this time are closed.
    closed_us: i64,
    /// Final candles by end of interval, which may be revised.
    given: BTreeMap<(i64, Timeframe), Given>,
    /// The earliest time of what came late, and may have changed final candles.
    changed_us: Option<i64>,
    pub counts: LiveCounts,
}

impl Instrument {
    pub fn new(settings: &LiveSettings, follow: Follow) -> Instrument {
        let Follow { from_us, data_types, valuation, .. } = follow;
        let mut builder = CandleBuilder::new(&settings.timeframes, settings.fill);
        if let Some(valuation) = valuation {
            builder.value(valuation);
        }
        let sources = SOURCES.map(|group| group.iter().find(|of| data_types.contains(of)).copied());
        if sources[1].is_some() {
            builder.expect_liquidations();
        }
        let step_us = settings.timeframes.iter().map(|timeframe| timeframe.us()).min().unwrap_or(i64::MAX);
        let mut instrument = Instrument {
            builder,
            repeats: Repeats::default(),
            sources,
            from_us,
            gaps: BTreeMap::new(),
            complete: Complete::default(),
            step_us,
            provisional_us: i64::MIN,
            final_us: i64::MIN,
            closed_us: i64::MIN,
            given: BTreeMap::new(),
            changed_us: None,
            counts: LiveCounts::default(),
        };
        instrument.know(from_us);
        instrument
    }

    /// All rows until a time were received, but for gaps.
    fn know(&mut self, until_us: i64) {
        let all = self.from_us..until_us;
        self.complete.trades = all.clone();
        let Complete { liquidations, ticker, book, .. } = &mut self.complete;
        for (known, source) in [liquidations, ticker, book].into_iter().zip(&self.sources[1..]) {
            *known = source.map(|_| all.clone());
        }
    }

    pub fn push(
        &mut self,
        data_type: DataType,
        batch: &RecordBatch,
        (happened, arrived): (&[i64], &[i64]),
    ) -> Result<(), CandleError> {
        if !self.sources.contains(&Some(data_type)) {
            return Ok(());
        }
        let mut start = 0;
        for (row, (happened, arrived)) in happened.iter().zip(arrived).enumerate() {
            let is_trade = data_type == DataType::Trades;
            if *happened < self.final_us {
                self.counts.late_trades += u64::from(is_trade);
                self.counts.trades_in_no_candle += u64::from(is_trade && *happened < self.closed_us);
                self.changed_us = Some(self.changed_us.map_or(*happened, |known| known.min(*happened)));
            }
            // A file of a day has rows of the days beside it at most.
            let day = arrived - arrived.rem_euclid(DAY_US);
            if *happened < day.saturating_sub(DAY_US) || *happened >= day.saturating_add(2 * DAY_US) {
                self.counts.rows_out_of_time += 1;
                feed(&mut self.builder, &mut self.repeats, data_type, &batch.slice(start, row - start))?;
                start = row + 1;
            }
        }
        feed(&mut self.builder, &mut self.repeats, data_type, &batch.slice(start, batch.num_rows() - start))
    }

    pub fn gap(&mut self, gap: &Gap) {
        self.gaps.insert((gap.kind.clone(), gap.from_us, gap.data_type), gap.clone());
        self.complete.gaps = of_sources(self.gaps.values());
        let from = gap.from_us.saturating_sub(EDGE_US);
        self.changed_us = Some(self.changed_us.map_or(from, |known| known.min(from)));
    }

    /// Gives what is due at a time of the exchange.
    pub fn advance(
        &mut self,
        time_us: i64,
        settings: &LiveSettings,
        mut give: impl FnMut(Timeframe, Stage, Candle),
    ) {
        let due = |wait: i64| {
            let until = time_us.saturating_sub(wait);
            until - until.rem_euclid(self.step_us)
        };
        let (early, until) = (settings.provisional_us.map(due), due(settings.lateness_us));
        if until > self.final_us || self.changed_us.is_some() {
            self.finals(until.max(self.final_us), &mut give);
            self.close(until.saturating_sub(settings.revise_us));
        }
        if let Some(early) = early.filter(|early| *early > self.provisional_us) {
            let after = self.provisional_us.max(self.final_us);
            self.builder.preview(after, early, &self.complete, |timeframe, candle| {
                self.counts.provisionals += 1;
                give(timeframe, Stage::Provisional, candle);
            });
            self.provisional_us = early;
        }
    }

    fn finals(&mut self, until: i64, give: &mut impl FnMut(Timeframe, Stage, Candle)) {
        let before = self.final_us;
        let after = self.changed_us.take().map_or(before, |changed| changed.min(before)).max(self.closed_us);
        self.know(until);
        self.final_us = until;
        let Instrument { builder, complete, given, counts, .. } = self;
        builder.preview(after, until, complete, |timeframe, candle| {
            let end = candle.start.saturating_add(timeframe.us());
            let digest = digest(&candle);
            let revision = match given.get(&(end, timeframe)) {
                Some(known) if known.digest == digest => return,
                Some(known) => known.revision + 1,
                None => u32::from(end <= before),
            };
            given.insert((end, timeframe), Given { digest, revision });
            *(if revision == 0 { &mut counts.finals } else { &mut counts.revisions }) += 1;
            give(timeframe, Stage::Final { revision }, candle);
        });
    }

    /// Closes intervals that are not revised any more.
    fn close(&mut self, until: i64) {
        if until <= self.closed_us {
            return;
        }
        self.closed_us = until;
        self.builder.advance(until, self.complete.clone(), |_, _| ());
        self.repeats.forget(until);
        self.given.retain(|(end, _), _| *end > until);
        // The longest interval is a day.
        let day = until.saturating_sub(DAY_US);
        let known = self.gaps.len();
        self.gaps.retain(|_, gap| gap.to_us.is_none_or(|to| to >= day - EDGE_US));
        if self.gaps.len() < known {
            self.complete.gaps = of_sources(self.gaps.values());
        }
    }

    pub fn bytes(&self) -> usize {
        let given = self.given.len() * (size_of::<(i64, Timeframe)>() + size_of::<Given>());
        size_of::<Instrument>() + self.builder.bytes() + self.repeats.known() * 8 + given
    }
}

/// A hash of all columns of a candle. Two candles count as equal by it: a change is missed with a chance of 2⁻⁶⁴.
fn digest(candle: &Candle) -> u64 {
    let mut hasher = DefaultHasher::new();
    for column in &COLUMNS {
        match column.get {
            Get::Time(get) => get(candle).hash(&mut hasher),
            Get::Number(get) => get(candle).map(f64::to_bits).hash(&mut hasher),
            Get::Count(get) => get(candle).hash(&mut hasher),
            Get::Flag(get) => get(candle).hash(&mut hasher),
        }
    }
    hasher.finish()
}
