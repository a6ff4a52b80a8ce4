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

/// Time passes in steps of this, which lie at the same times whoever lets it pass.
const STEP_US: i64 = 100_000;

/// Candles and checks of a recording, each if wanted.
#[derive(Default)]
pub struct LiveAnalysis {
    candles: Option<LiveCandles>,
    checks: Option<LiveChecks>,
    followed: Vec<Follow>,
    /// The last step that was done; `None`: none was.
    passed_us: Option<i64>,
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
            passed_us: None,
        }
    }

    /// Lets time pass up to a time of the local clock, microseconds since the Unix epoch, UTC. Called with the arrival of each row
    /// before the row is taken, the same rows tell the same, whether they arrive now or are of a capture.
    pub fn pass(&mut self, until_us: i64, mut give: impl FnMut(i64, Told)) {
        let until = until_us - until_us.rem_euclid(STEP_US);
        let mut at = self.passed_us.map_or(until, |passed| passed.saturating_add(STEP_US));
        while at <= until {
            self.advance(at).into_iter().for_each(|told| give(at, told));
            self.passed_us = Some(at);
            at = at.saturating_add(STEP_US);
        }
    }

    /// Follows an instrument.
    pub fn follow(&mut self, follow: &Follow) {
        if let Some(candles) = &mut self.candles {
            candles.follow(follow);
        }
        if !self.followed.iter().any(|known| known.key == follow.key) {
            self.followed.push(follow.clone());
        }
    }

    /// The instruments that are followed.
    pub fn followed(&self) -> &[Follow] {
        &self.followed
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
            let followed = self.followed.iter().map(|follow| &follow.key);
            followed.filter(|key| of(key)).for_each(|key| checks.gap(key, gap));
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
