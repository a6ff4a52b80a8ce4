//! Cross-source: our candles compared with those of the exchange.
//!
//! No I/O: klines come from `mtdh_source::exchange::binance::klines`. [`Settling`] decides when a kline may be compared.

use std::collections::{BTreeMap, BTreeSet};

use super::bars::{Bar, Candles, Difference, Differences, Field, Series, Sides, Span, differs, place};
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
            meaning: "the largest allowed difference of open, high, low and close from the reference's",
        }],
        text: "Open, high, low or close differs from the reference's. The examples show both values. A price that is \
               not a number differs from every number. Intervals in which a side has no trade are not compared, \
               because that side may repeat the close before. If our candle is not final, for example at the edge of \
               a recording, a difference is a warning.",
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
            meaning: "the largest allowed difference of volumes and the trade count from the reference's",
        }],
        text: "Volume, base volume, quote volume, trade count, taker buy volume or taker buy quote volume differs from \
               the reference's. If the reference has 0, any other volume differs, whatever the tolerance. Taker buy \
               quote volume is compared only if trades are available, because stored candles do not have it. On \
               COIN-M volumes are contracts on both sides. What Binance calls quote volume there is an amount of the \
               base asset, and is compared with `base_volume`; Binance rounds it to 8 decimals, so that 10⁻⁸ for each \
               trade is allowed. Base and quote volumes are compared where the instrument table says what amounts \
               count. With a tolerance of 0 all of these agree on days without a finding: candles count a trade that \
               is sent again once, as the exchange does.",
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
                meaning: "a kline that ended less than this ago is read repeatedly until two readings agree",
            },
            Parameter {
                name: "again_s",
                default: 5.0,
                unit: "seconds",
                meaning: "the time between these readings",
            },
        ],
        text: "An interval exists on one side only: the reference has trades and we have no candle, or we have trades \
               and the reference has no kline or one without trades. A kline without trades and a missing candle \
               agree. Intervals that have not settled are counted as `info` and not compared. It is an error if \
               nothing could be compared.",
        run: CheckFn::Candles(Sides::Reference, coverage),
    },
    Check {
        name: "lost_trades",
        group: Group::CrossSource,
        severity: Severity::Error,
        parameters: &[],
        text: "The reference's kline has both more trades and more volume than our trades give: trades were lost, \
               however few, while `reference_volume` accepts a percent. It is the second witness of \
               `missing_trade_id`, whose holes prove nothing by themselves on BINANCE-FUTURES and BINANCE-DELIVERY. \
               Intervals are compared as by `reference_price`; a whole interval that lacks is reported by \
               `reference_coverage`.",
        run: CheckFn::Candles(Sides::Reference, lost),
    },
    Check {
        name: "reference_contradicts_itself",
        group: Group::CrossSource,
        severity: Severity::Error,
        parameters: &[],
        text: "The reference has an interval more than once, with different values: files of two downloads that were \
               joined, for example. Such an interval is compared with nothing, because nobody knows which of them is \
               right. An interval that comes again with the same values counts once, and is no fault.",
        run: CheckFn::Candles(Sides::Reference, contradictions),
    },
];

/// Volumes and counts that a reference provides.
pub const VOLUMES: [Field; 6] = [
    Field::Volume,
    Field::BaseVolume,
    Field::QuoteVolume,
    Field::TradeCount,
    Field::BuyVolume,
    Field::BuyQuoteVolume,
];

/// What the reference rounds base volumes to, for each trade.
const ROUNDED_TO: f64 = 1e-8;

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

fn compare(candles: &Candles<'_>, fields: &[Field], tolerance: f64) -> Vec<Detection> {
    let Candles::Reference(ours, theirs, span) = *candles else { return Vec::new() };
    let mut differences = Differences::default();
    for Difference { start, field, value, expected, is_final } in
        reference_differences(ours, theirs, span, fields, tolerance)
    {
        differences.note(start..start.saturating_add(ours.timeframe.us()), is_final, || {
            let at = place(ours.timeframe, start);
            format!("{at} {}: ours {value}, theirs {expected}", field.name())
        });
    }
    differences.found()
}

/// The values of candles that differ from the reference's by more than `tolerance` times the reference's value.
pub fn reference_differences(
    ours: &Series,
    theirs: &Series,
    span: Span,
    fields: &[Field],
    tolerance: f64,
) -> Vec<Difference> {
    let mut differences = Vec::new();
    for (bar, kline) in pairs(ours, theirs, span) {
        for field in fields.iter().copied() {
            let (Some(value), Some(expected)) = (bar.get(field), kline.get(field)) else { continue };
            if differs(value, expected, tolerance) && !is_rounding(field, value - expected, kline) {
                let is_final = bar.is_final && kline.is_final;
                differences.push(Difference { start: bar.start, field, value, expected, is_final });
            }
        }
    }
    differences
}

/// The intervals that were compared: both sides have trades, and the reference has one opinion.
pub fn compared(ours: &Series, theirs: &Series, span: Span) -> Vec<i64> {
    pairs(ours, theirs, span).into_iter().map(|(bar, _)| bar.start).collect()
}

/// Whether a difference is the reference's own rounding.
fn is_rounding(field: Field, difference: f64, kline: &Bar) -> bool {
    let trades = kline.get(Field::TradeCount).unwrap_or_default();
    field == Field::BaseVolume && difference.abs() <= ROUNDED_TO * trades
}

/// The candles and klines of one interval that are compared: both have trades, and the reference has one opinion. Trades on one
/// side only are reported by `reference_coverage`.
fn pairs<'a>(ours: &'a Series, theirs: &'a Series, span: Span) -> Vec<(&'a Bar, &'a Bar)> {
    let (reference, doubted) = (theirs.by_start(), contradicted(theirs));
    let pair = |(start, bar): (i64, &'a Bar)| {
        let kline = *reference
            .get(&start)
            .filter(|_| is_meant(ours, start, span) && !doubted.contains_key(&start))?;
        (bar.has_trades() && kline.has_trades()).then_some((bar, kline))
    };
    ours.by_start().into_iter().filter_map(pair).collect()
}

/// The intervals that a series has more than once, with different values: the first kline and the first that differs.
fn contradicted(series: &Series) -> BTreeMap<i64, (&Bar, &Bar)> {
    let mut first: BTreeMap<i64, &Bar> = BTreeMap::new();
    let mut contradicted = BTreeMap::new();
    for bar in &series.bars {
        let known = *first.entry(bar.start).or_insert(bar);
        if known != bar {
            contradicted.entry(bar.start).or_insert((known, bar));
        }
    }
    contradicted
}

fn lost(candles: &Candles<'_>, _: &Parameters) -> Vec<Detection> {
    let Candles::Reference(ours, theirs, span) = *candles else { return Vec::new() };
    let mut lost = Differences::default();
    for (bar, kline) in pairs(ours, theirs, span) {
        let more = |field| Some((bar.get(field)?, kline.get(field)?)).filter(|(own, other)| other > own);
        let (Some((count, all)), Some((volume, whole))) = (more(Field::TradeCount), more(Field::Volume))
        else {
            continue;
        };
        lost.note(ours.interval(bar), bar.is_final && kline.is_final, || {
            let at = place(ours.timeframe, bar.start);
            format!("{at}: ours {count} trades of {volume}, theirs {all} of {whole}")
        });
    }
    lost.found()
}

fn contradictions(candles: &Candles<'_>, _: &Parameters) -> Vec<Detection> {
    let Candles::Reference(ours, theirs, span) = *candles else { return Vec::new() };
    let mut tally = Tally::default();
    for (start, (one, other)) in contradicted(theirs) {
        if !is_meant(ours, start, span) {
            continue;
        }
        tally.note(start, || {
            let fields = Field::ALL.into_iter().filter(|field| one.get(*field) != other.get(*field));
            let shown =
                |value: Option<f64>| value.map_or_else(|| "none".to_owned(), |value| value.to_string());
            let differing: Vec<String> = fields
                .map(|field| {
                    format!("{} {} and {}", field.name(), shown(one.get(field)), shown(other.get(field)))
                })
                .collect();
            format!("{}: {}", place(ours.timeframe, start), differing.join(", "))
        });
        tally.reach(start.saturating_add(ours.timeframe.us()));
    }
    tally.found()
}

fn coverage(candles: &Candles<'_>, _: &Parameters) -> Vec<Detection> {
    let Candles::Reference(ours, theirs, span) = *candles else { return Vec::new() };
    let (own, other) = traded(ours, theirs, span);
    let mut tally = Tally::default();
    for start in own.symmetric_difference(&other) {
        let ours_only = own.contains(start);
        tally.note(*start, || {
            let side = if ours_only { ours } else { theirs };
            let volume =
                side.by_start().get(start).and_then(|bar| bar.get(Field::Volume)).unwrap_or(f64::NAN);
            let at = place(ours.timeframe, *start);
            if ours_only {
                format!("{at} volume: ours {volume}, theirs none")
            } else {
                format!("{at} volume: ours none, theirs {volume}")
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
        nothing.count(1, || "neither side has a candle in the compared time range".to_owned());
        found.extend(nothing.found());
    } else if own.is_disjoint(&other) && theirs.bars.iter().filter(of_span).count() == 0 {
        let mut empty = Tally::default();
        empty.count(1, || "the reference has no kline in the compared time range".to_owned());
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

/// The starts of the compared intervals in which our candles have trades, and of those in which the reference has.
pub fn traded(ours: &Series, theirs: &Series, span: Span) -> (BTreeSet<i64>, BTreeSet<i64>) {
    let of = |series: &Series| -> BTreeSet<i64> {
        let bars = series.bars.iter().filter(|bar| bar.has_trades() && is_meant(series, bar.start, span));
        bars.map(|bar| bar.start).collect()
    };
    (of(ours), of(theirs))
}

/// Decides when the kline of an interval that has just ended may be compared: when it is old enough, or when two readings
/// some time apart agree. It has no clock; each reading carries its time.
#[derive(Debug)]
pub struct Settling {
    end_us: i64,
    settle_us: i64,
    again_us: i64,
    last: Option<(i64, Option<Bar>)>,
}

/// The result of a reading.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// The kline is final; `None` if the reference has no kline of the interval.
    Settled(Option<Box<Bar>>),
    /// Read again at this time or later, microseconds since the Unix epoch, UTC.
    Again(i64),
}

impl Settling {
    /// For an interval that ends at `end_us`, microseconds since the Unix epoch, UTC. From `settle_us` after the end a
    /// single reading is accepted; before, two readings at least `again_us` apart must agree. Both are durations in
    /// microseconds.
    pub fn new(end_us: i64, settle_us: i64, again_us: i64) -> Settling {
        Settling { end_us, settle_us, again_us: again_us.max(1), last: None }
    }

    /// The earliest useful time of a reading: the end of the interval, microseconds since the Unix epoch, UTC.
    pub fn first_us(&self) -> i64 {
        self.end_us
    }

    /// Adds a reading of the kline. `at_us` is its time, microseconds since the Unix epoch, UTC; `kline` is `None` if the
    /// reference has none.
    pub fn read(&mut self, at_us: i64, kline: Option<Bar>) -> Reading {
        if at_us < self.end_us {
            return Reading::Again(self.end_us);
        }
        if at_us >= self.end_us.saturating_add(self.settle_us) {
            return Reading::Settled(kline.map(Box::new));
        }
        match &self.last {
            // Too early for the second reading.
            Some((before, _)) if at_us < before.saturating_add(self.again_us) => {
                return Reading::Again(before.saturating_add(self.again_us));
            }
            // Two readings without a kline prove nothing: it may be late.
            Some((_, last)) if *last == kline && kline.is_some() => {
                return Reading::Settled(kline.map(Box::new));
            }
            _ => {}
        }
        self.last = Some((at_us, kline));
        Reading::Again(at_us.saturating_add(self.again_us))
    }
}
