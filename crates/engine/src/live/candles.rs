//! Candles of rows as they arrive, of several instruments: closed by time, also in quiet markets, and given again as a new
//! revision if a late row changes them.
//!
//! No I/O and no clock: the caller gives rows and times, with [`LiveCandles::push`] and [`LiveCandles::advance`]. The arithmetic is
//! that of [`mtdh_core::candle`], and so the last revisions of a day's candles are those that the day's stored rows give.

mod clock;
pub mod gaps;
mod instrument;

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use mtdh_core::DataType;
use mtdh_core::candle::{Candle, Fill, Timeframe, Valuation};
use mtdh_core::key::InstrumentKey;

use crate::candles::CandleError;
use crate::candles::columns::times;
use clock::VenueClock;
use gaps::Gap;
use instrument::Instrument;

/// Settings of live candles. Durations are in microseconds.
#[derive(Clone, Debug)]
pub struct LiveSettings {
    /// The timeframes.
    pub timeframes: Vec<Timeframe>,
    /// How intervals without trades are represented.
    pub fill: Fill,
    /// How long after its end, by the exchange's clock, an interval waits for late rows until its candle is final.
    pub lateness_us: i64,
    /// How long after its end a provisional candle is given; `None`: none is.
    pub provisional_us: Option<i64>,
    /// For this long after a candle became final, a late row gives it a new revision. Later rows are only counted.
    pub revise_us: i64,
    /// After so long without a message of a venue, its time is taken from the local clock: without it the candles of a quiet
    /// venue would stay open.
    pub quiet_us: i64,
}

impl Default for LiveSettings {
    fn default() -> LiveSettings {
        LiveSettings {
            timeframes: Timeframe::USUAL.to_vec(),
            fill: Fill::None,
            lateness_us: 10_000_000,
            provisional_us: None,
            revise_us: 3_600_000_000,
            quiet_us: 5_000_000,
        }
    }
}

/// What is known of an instrument before its first row.
#[derive(Clone, Debug)]
pub struct Follow {
    /// The instrument.
    pub key: InstrumentKey,
    /// From when on all of its rows are received, the exchange's clock, microseconds since the Unix epoch, UTC. Intervals that
    /// began before are not complete.
    pub from_us: i64,
    /// The data types that are received. Of several tickers or book snapshots the first in the order of `mtdh candles` counts.
    pub data_types: Vec<DataType>,
    /// What its amounts are worth; `None`: not known.
    pub valuation: Option<Valuation>,
}

/// How sure a candle is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Its interval ended, and late rows may still come.
    Provisional,
    /// The wait for late rows is over. Revision 0 is the first; where an interval had no candle then and a late trade gives it
    /// one, that candle has revision 1.
    Final {
        /// How often it has changed since.
        revision: u32,
    },
}

/// A candle that is given out.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveCandle {
    /// The instrument.
    pub key: InstrumentKey,
    /// Its timeframe.
    pub timeframe: Timeframe,
    /// How sure it is.
    pub stage: Stage,
    /// The candle. `is_final` says whether all trades of its interval were received: never of a provisional one, and not where
    /// the interval touches a gap or the start of the recording.
    pub candle: Candle,
}

/// Counts of a venue since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct VenueLateness {
    /// How far 99.99 % of its trades were behind the venue's time when they arrived, microseconds, rounded up by at most 7 %; `None`
    /// without a trade.
    pub most_us: Option<i64>,
    /// Trades that this is of.
    pub trades: u64,
    /// Local clock minus the exchange's, by the fastest message of the last minutes, microseconds; 0 before the first.
    pub offset_us: i64,
}

/// Counts since the start, of an instrument or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveCounts {
    /// Candles that were final for the first time.
    pub finals: u64,
    /// Provisional candles.
    pub provisionals: u64,
    /// Candles that were given again because a late row, or a gap that became known late, changed them.
    pub revisions: u64,
    /// Trades that came after an interval of theirs was final.
    pub late_trades: u64,
    /// Trades among them that came too late for a revision: they are in no candle.
    pub trades_in_no_candle: u64,
    /// Rows whose time is so far from their arrival that they are in no candle, as `mtdh candles` leaves them out.
    pub rows_out_of_time: u64,
}

impl LiveCounts {
    /// What was counted since other counts.
    pub(super) fn since(&self, before: &LiveCounts) -> LiveCounts {
        LiveCounts {
            finals: self.finals.saturating_sub(before.finals),
            provisionals: self.provisionals.saturating_sub(before.provisionals),
            revisions: self.revisions.saturating_sub(before.revisions),
            late_trades: self.late_trades.saturating_sub(before.late_trades),
            trades_in_no_candle: self.trades_in_no_candle.saturating_sub(before.trades_in_no_candle),
            rows_out_of_time: self.rows_out_of_time.saturating_sub(before.rows_out_of_time),
        }
    }

    pub(super) fn add(&mut self, other: &LiveCounts) {
        self.finals += other.finals;
        self.provisionals += other.provisionals;
        self.revisions += other.revisions;
        self.late_trades += other.late_trades;
        self.trades_in_no_candle += other.trades_in_no_candle;
        self.rows_out_of_time += other.rows_out_of_time;
    }
}

/// The candles of instruments whose rows arrive.
#[derive(Debug)]
pub struct LiveCandles {
    settings: LiveSettings,
    venues: BTreeMap<String, VenueClock>,
    instruments: BTreeMap<InstrumentKey, Instrument>,
}

impl LiveCandles {
    /// Candles of no instrument yet.
    pub fn new(settings: LiveSettings) -> LiveCandles {
        LiveCandles { settings, venues: BTreeMap::new(), instruments: BTreeMap::new() }
    }

    /// Follows an instrument from now on. One that is followed already goes on as it was.
    pub fn follow(&mut self, follow: &Follow) {
        let settings = &self.settings;
        self.instruments
            .entry(follow.key.clone())
            .or_insert_with(|| Instrument::new(settings, follow.clone()));
        self.venues.entry(follow.key.venue().to_owned()).or_default();
    }

    /// Adds rows in order of arrival, with the lake's columns of their data type. Rows of instruments that are not followed, and
    /// of data types that candles do not use, only tell the venue's time.
    ///
    /// # Errors
    /// When a column is not that of the data type, or a value cannot be added up. The rows before it are added.
    pub fn push(
        &mut self,
        key: &InstrumentKey,
        data_type: DataType,
        batch: &RecordBatch,
    ) -> Result<(), CandleError> {
        let (happened, arrived) = (times(batch, "timestamp")?, times(batch, "local_timestamp")?);
        let clock = self.venues.entry(key.venue().to_owned()).or_default();
        for (happened, arrived) in happened.iter().zip(arrived) {
            clock.see(*happened, *arrived);
            if data_type == DataType::Trades {
                clock.trade(*happened, *arrived);
            }
        }
        match self.instruments.get_mut(key) {
            Some(instrument) => instrument.push(data_type, batch, (happened, arrived)),
            None => Ok(()),
        }
    }

    /// Tells what was lost, of an instrument, or of a venue whose instruments `of` names. A gap that is told again, with the same
    /// beginning and kind, replaces what was told before: so an open one ends.
    pub fn gap(&mut self, of: impl Fn(&InstrumentKey) -> bool, gap: &Gap) {
        for (_, instrument) in self.instruments.iter_mut().filter(|(key, _)| of(key)) {
            instrument.gap(gap);
        }
    }

    /// Gives the candles that are due at a time of the local clock, microseconds since the Unix epoch, UTC. To be called about
    /// every 100 ms.
    pub fn advance(&mut self, now_us: i64, mut give: impl FnMut(LiveCandle)) {
        let LiveCandles { settings, venues, instruments } = self;
        for (key, instrument) in instruments {
            let Some(clock) = venues.get(key.venue()) else { continue };
            let time_us = clock.time(now_us, settings.quiet_us);
            instrument.advance(time_us, settings, |timeframe, stage, candle| {
                give(LiveCandle { key: key.clone(), timeframe, stage, candle });
            });
        }
    }

    /// How late the trades of each venue were: what the wait for late rows can be chosen by.
    pub fn lateness(&self) -> impl Iterator<Item = (&str, VenueLateness)> {
        self.venues.iter().map(|(venue, clock)| (venue.as_str(), clock.lateness()))
    }

    /// Counts of all instruments.
    pub fn counts(&self) -> LiveCounts {
        let mut all = LiveCounts::default();
        self.instruments.values().for_each(|instrument| all.add(&instrument.counts));
        all
    }

    /// How many bytes the open intervals take, about.
    pub fn bytes(&self) -> usize {
        self.instruments.values().map(Instrument::bytes).sum()
    }
}
