//! Cross-source: our candles against those of the exchange itself.
//!
//! Not for asking anybody: klines come from `mtdh_source::exchange::binance::klines`. [`Settling`] says when a kline that was read may be
//! compared.

use std::collections::BTreeSet;

use super::bars::{Bar, Candles, Differences, Field, Series, Sides, Span, differs, place};
use super::{Check, CheckFn, Detection, Explanation, Group, Parameter, Parameters, Severity, Tally};

/// The checks of this group.
pub const CHECKS: &[Check] = &[
    Check {
        name: "reference_price",
        group: Group::CrossSource,
        severity: Severity::Error,
        parameters: &[Parameter {
            name: "tolerance_pct",
            default: 0.01,
            unit: "percent",
            meaning: "how far open, high, low and close may each lie from the reference's",
        }],
        text: "Open, high, low or close of a candle differs from the reference's. The examples hold both values. A price that is no number \
               differs from every number. Intervals in which neither side has a trade are not compared: one side may repeat the close before. Where our \
               candle is not final, as at the edge of a recording, a difference is a warning.",
        run: CheckFn::Candles(Sides::Reference, price),
    },
    Check {
        name: "reference_volume",
        group: Group::CrossSource,
        severity: Severity::Error,
        parameters: &[Parameter {
            name: "tolerance_pct",
            default: 1.0,
            unit: "percent",
            meaning: "how far volumes and the count of trades may each lie from the reference's",
        }],
        text: "Volume, quote volume, count of trades, taker buy volume or taker buy quote volume differs from the reference's. A volume where the \
               reference has 0 differs at any tolerance. The taker buy quote volume is compared where trades are at hand: no column of a \
               stored candle tells it. On COIN-M, volumes are contracts on both sides and compared; the two that Binance calls quote volumes are amounts of \
               the base asset there, ours price times contracts, and are not compared.",
        run: CheckFn::Candles(Sides::Reference, volume),
    },
    Check {
        name: "reference_coverage",
        group: Group::CrossSource,
        severity: Severity::Error,
        parameters: &[
            Parameter {
                name: "settle_s",
                default: 60.0,
                unit: "seconds",
                meaning: "a kline that ended less than this ago is read again until two readings agree",
            },
            Parameter {
                name: "again_s",
                default: 5.0,
                unit: "seconds",
                meaning: "how far apart these readings are",
            },
        ],
        text: "Of the intervals that either side has, one is on one side only: the reference traded and we have no candle, or we have trades and the \
               reference has no kline, or none with a trade. A kline without trades and no candle of ours agree. Intervals that have not \
               settled are counted, as information, and not compared. When nothing could be compared, that is an error.",
        run: CheckFn::Candles(Sides::Reference, coverage),
    },
];

/// Volumes and counts that a reference tells.
const VOLUMES: [Field; 5] =
    [Field::Volume, Field::QuoteVolume, Field::TradeCount, Field::BuyVolume, Field::BuyQuoteVolume];

fn price(candles: &Candles<'_>, values: &Parameters) -> Vec<Detection> {
    compare(candles, &Field::PRICES, values.get("tolerance_pct") / 100.0)
}

fn volume(candles: &Candles<'_>, values: &Parameters) -> Vec<Detection> {
    compare(candles, &VOLUMES, values.get("tolerance_pct") / 100.0)
}

/// Whether a candle's interval is compared.
fn is_meant(series: &Series, start: i64, span: Span) -> bool {
    start >= span.from_us && start.saturating_add(series.timeframe.us()) <= span.to_us.min(span.settled_us)
}

fn compare(candles: &Candles<'_>, fields: &[Field], part: f64) -> Vec<Detection> {
    let Candles::Reference(ours, theirs, span) = *candles else { return Vec::new() };
    let reference = theirs.by_start();
    let mut differences = Differences::default();
    for (start, bar) in ours.by_start() {
        let Some(kline) = reference.get(&start).filter(|_| is_meant(ours, start, span)) else { continue };
        // One-sided trades are a matter of coverage.
        if !bar.has_trades() || !kline.has_trades() {
            continue;
        }
        for field in fields {
            let (Some(value), Some(expected)) = (bar.get(*field), kline.get(*field)) else { continue };
            if differs(value, expected, part) {
                differences.note(ours.interval(bar), bar.is_final && kline.is_final, || {
                    let at = place(ours.timeframe, start);
                    format!("{at} {}: ours {value}, theirs {expected}", field.name())
                });
            }
        }
    }
    differences.found()
}

fn coverage(candles: &Candles<'_>, _: &Parameters) -> Vec<Detection> {
    let Candles::Reference(ours, theirs, span) = *candles else { return Vec::new() };
    let traded = |series: &Series| -> BTreeSet<i64> {
        let bars = series.bars.iter().filter(|bar| bar.has_trades() && is_meant(series, bar.start, span));
        bars.map(|bar| bar.start).collect()
    };
    let (own, other) = (traded(ours), traded(theirs));
    let mut tally = Tally::default();
    for start in own.symmetric_difference(&other) {
        let ours_only = own.contains(start);
        tally.note(*start, || {
            let side = if ours_only { ours } else { theirs };
            let volume =
                side.by_start().get(start).and_then(|bar| bar.get(Field::Volume)).unwrap_or(f64::NAN);
            let at = place(ours.timeframe, *start);
            match ours_only {
                true => format!("{at} volume: ours {volume}, theirs none"),
                false => format!("{at} volume: ours none, theirs {volume}"),
            }
        });
        tally.reach(start + ours.timeframe.us());
    }
    let mut found = tally.found();
    let of_span = |bar: &&Bar| {
        let end = bar.start.saturating_add(ours.timeframe.us());
        bar.start >= span.from_us && end <= span.to_us
    };
    let all: BTreeSet<i64> =
        ours.bars.iter().chain(&theirs.bars).filter(of_span).map(|bar| bar.start).collect();
    if !all.iter().any(|start| is_meant(ours, *start, span)) {
        let mut nothing = Tally::default();
        nothing.count(1, || "neither side has a candle in the time that is compared".to_owned());
        found.extend(nothing.found());
    } else if own.is_disjoint(&other) && theirs.bars.iter().filter(of_span).count() == 0 {
        let mut empty = Tally::default();
        empty.count(1, || "the reference has no kline in the time that is compared".to_owned());
        found.extend(empty.found());
    }
    let mut unsettled = Tally::default().with_severity(Severity::Info);
    for start in all.iter().filter(|start| !is_meant(ours, **start, span)) {
        unsettled.note(*start, || format!("{} has not settled", place(ours.timeframe, *start)));
    }
    found.extend(unsettled.found().into_iter().map(|found| Detection {
        explanation: Some(Explanation {
            class: "not_settled",
            text: "the reference may still change it; check again later".to_owned(),
        }),
        ..found
    }));
    found
}

/// When a kline of an interval that just ended may be compared: when it is old enough, or two readings some time apart
/// agree. It owns no clock: each reading brings its time.
#[derive(Debug)]
pub struct Settling {
    end_us: i64,
    settle_us: i64,
    again_us: i64,
    last: Option<(i64, Option<Bar>)>,
}

/// What a reading came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// It will not change; null: the reference has no kline of the interval.
    Settled(Option<Bar>),
    /// Read again at this time or later, microseconds since the Unix epoch, UTC.
    Again(i64),
}

impl Settling {
    /// Of an interval that ends at `end_us`; `settle_us` after it every reading is taken as it is; before, two must agree
    /// that are at least `again_us` apart. All in microseconds, since the Unix epoch or of length.
    pub fn new(end_us: i64, settle_us: i64, again_us: i64) -> Settling {
        Settling { end_us, settle_us, again_us: again_us.max(1), last: None }
    }

    /// When the first reading makes sense.
    pub fn first_us(&self) -> i64 {
        self.end_us
    }

    /// Takes a reading of the kline, made at a moment.
    pub fn read(&mut self, at_us: i64, kline: Option<Bar>) -> Reading {
        if at_us < self.end_us {
            return Reading::Again(self.end_us);
        }
        if at_us >= self.end_us.saturating_add(self.settle_us) {
            return Reading::Settled(kline);
        }
        match &self.last {
            // Too early to tell anything.
            Some((before, _)) if at_us < before.saturating_add(self.again_us) => {
                return Reading::Again(before.saturating_add(self.again_us));
            }
            // That there is none yet is no answer: a kline may be late.
            Some((_, last)) if *last == kline && kline.is_some() => return Reading::Settled(kline),
            _ => {}
        }
        self.last = Some((at_us, kline));
        Reading::Again(at_us.saturating_add(self.again_us))
    }
}
