//! What a recording tells of its rows as they arrive: candles and findings. Pure: rows, gaps and times in, events out.

use arrow_array::RecordBatch;
use mtdh_core::DataType;
use mtdh_core::key::InstrumentKey;

use super::candles::gaps::Gap;
use super::candles::{Follow, LiveCandle, LiveCandles, LiveSettings};
use super::checks::{LiveCheckSettings, LiveChecks, LiveFinding};
use crate::candles::CandleError;

/// Something that the rows told.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// A candle.
    Candle(Box<LiveCandle>),
    /// A finding.
    Finding(LiveFinding),
}

/// Candles and checks of a recording, each if wanted.
#[derive(Default)]
pub struct LiveAnalysis {
    candles: Option<LiveCandles>,
    checks: Option<LiveChecks>,
    followed: Vec<InstrumentKey>,
}

impl LiveAnalysis {
    /// An analysis from a time on, microseconds since the Unix epoch, UTC. `None`: not wanted.
    pub fn new(
        candles: Option<LiveSettings>,
        checks: Option<LiveCheckSettings>,
        now_us: i64,
    ) -> LiveAnalysis {
        LiveAnalysis {
            candles: candles.map(LiveCandles::new),
            checks: checks.map(|settings| LiveChecks::new(settings, now_us)),
            followed: Vec::new(),
        }
    }

    /// Follows an instrument.
    pub fn follow(&mut self, follow: &Follow) {
        if let Some(candles) = &mut self.candles {
            candles.follow(follow);
        }
        if !self.followed.contains(&follow.key) {
            self.followed.push(follow.key.clone());
        }
    }

    /// Takes rows in order of arrival.
    ///
    /// # Errors
    /// When candles cannot be made of a row. The rows before it are taken, and all are checked.
    pub fn rows(
        &mut self,
        key: &InstrumentKey,
        data_type: DataType,
        batch: &RecordBatch,
    ) -> Result<(), CandleError> {
        if let Some(checks) = &mut self.checks {
            checks.rows(key, data_type, batch);
        }
        match &mut self.candles {
            Some(candles) => candles.push(key, data_type, batch),
            None => Ok(()),
        }
    }

    /// Takes a gap of the instruments that `of` names.
    pub fn gap(&mut self, of: impl Fn(&InstrumentKey) -> bool, gap: &Gap) {
        if let Some(candles) = &mut self.candles {
            candles.gap(&of, gap);
        }
        if let Some(checks) = &mut self.checks {
            self.followed.iter().filter(|key| of(key)).for_each(|key| checks.gap(key, gap));
        }
    }

    /// What is due at a time of the local clock, microseconds since the Unix epoch, UTC. To be called about every 100 ms.
    pub fn advance(&mut self, now_us: i64) -> Vec<Told> {
        let mut told = Vec::new();
        if let Some(candles) = &mut self.candles {
            candles.advance(now_us, |candle| {
                if let Some(checks) = &mut self.checks {
                    checks.candle(&candle);
                }
                told.push(Told::Candle(Box::new(candle)));
            });
        }
        let found = self.checks.as_mut().map(|checks| checks.advance(now_us)).unwrap_or_default();
        told.extend(found.into_iter().map(Told::Finding));
        told
    }

    /// The end of the rows: findings that needed it.
    pub fn stop(&mut self, now_us: i64) -> Vec<Told> {
        let mut told = self.advance(now_us);
        let found = self.checks.as_mut().map(|checks| checks.stop(now_us)).unwrap_or_default();
        told.extend(found.into_iter().map(Told::Finding));
        told
    }

    /// The candles, for counts and lateness; `None`: none are made.
    pub fn candles(&self) -> Option<&LiveCandles> {
        self.candles.as_ref()
    }

    /// The checks, for counts, klines and what the lake keeps; `None`: nothing is checked.
    pub fn checks(&mut self) -> Option<&mut LiveChecks> {
        self.checks.as_mut()
    }
}
