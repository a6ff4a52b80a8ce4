//! Checks of what arrives: what is found is told once, counted, kept among the live checks of the lake, and a silence that a
//! recorded gap explains says so.

use mtdh_core::DataType;
use mtdh_core::candle::Valuation;
use mtdh_core::partition::Origin;
use mtdh_engine::live::analysis::{LiveAnalysis, Told};
use mtdh_engine::live::candles::gaps::Gap;
use mtdh_engine::live::candles::{Follow, LiveSettings};
use mtdh_engine::live::checks::{LiveCheckSettings, LiveFinding, keep};

use crate::lake_support::{HandMade, KEY, day, key, listed};
use crate::live_candles::batch;

const S: i64 = 1_000_000;

fn start() -> i64 {
    day("2024-03-01").start_us()
}

/// A recording of trades, one a second, in which some seconds lack.
struct Recording {
    analysis: LiveAnalysis,
    findings: Vec<LiveFinding>,
    candles: usize,
}

impl Recording {
    fn new() -> Recording {
        let candles = LiveSettings { timeframes: vec!["1m".parse().unwrap()], ..LiveSettings::default() };
        let mut analysis = LiveAnalysis::new(Some(candles), Some(LiveCheckSettings::default()), start());
        analysis.follow(&Follow {
            key: key(KEY),
            from_us: start(),
            data_types: vec![DataType::Trades],
            valuation: Valuation::of(&key(KEY), Some(&listed(KEY))).ok(),
        });
        Recording { analysis, findings: Vec::new(), candles: 0 }
    }

    fn take(&mut self, told: Vec<Told>) {
        for told in told {
            match told {
                Told::Candle(_) => self.candles += 1,
                Told::Finding(finding) => self.findings.push(finding),
            }
        }
    }

    fn seconds(&mut self, seconds: std::ops::Range<i64>, row: impl Fn(i64) -> Option<String>) {
        for second in seconds {
            if let Some(row) = row(second) {
                self.analysis.rows(&key(KEY), DataType::Trades, &batch(DataType::Trades, &[&row])).unwrap();
            }
            let told = self.analysis.advance(start() + second * S + S / 2);
            self.take(told);
        }
    }

    fn of(&self, check: &str) -> Vec<&LiveFinding> {
        self.findings.iter().filter(|found| found.finding.check == check).collect()
    }
}

fn trade(second: i64) -> Option<String> {
    Some(format!("{second},{second}.1,{},buy,100,1", 1_000 + second))
}

#[test]
fn a_clean_stream_has_no_finding_and_its_candles_come() {
    let mut recording = Recording::new();
    recording.seconds(0..1_200, trade);
    let told = recording.analysis.stop(start() + 1_200 * S);
    recording.take(told);
    assert_eq!(recording.findings, []);
    assert_eq!(recording.candles, 19);
    assert_eq!(recording.analysis.checks().unwrap().statistics().refused, 0);
}

#[tokio::test]
async fn a_silence_says_whether_a_gap_was_recorded_and_all_findings_are_kept_apart_from_the_vendors() {
    for is_recorded in [false, true] {
        let mut recording = Recording::new();
        recording.seconds(0..3_600, trade);
        if is_recorded {
            let gap = Gap {
                from_us: start() + 3_600 * S,
                to_us: None,
                data_type: None,
                kind: "disconnect".to_owned(),
            };
            recording.analysis.gap(|_| true, &gap);
        }
        recording.seconds(3_600..5_400, |_| None);
        // A trade that is late by a minute, after the silence.
        recording.seconds(5_400..5_420, |second| {
            let at = if second == 5_410 { second - 60 } else { second };
            Some(format!("{at},{second}.1,{},buy,100,1", 1_000 + second))
        });
        let silences = recording.of("silence");
        let [silence] = silences[..] else { panic!("{:?}", recording.findings) };
        let class = silence.finding.found.explanation.as_ref().map(|because| because.class);
        assert_eq!(class, is_recorded.then_some("recorded"));
        assert!(silence.looked_at.starts_with("3600 live rows of trades"), "{}", silence.looked_at);
        let told = recording.analysis.stop(start() + 5_430 * S);
        recording.take(told);
        assert_eq!(recording.of("late_tick").len(), 1, "{:?}", recording.findings);
        let checks = recording.analysis.checks().unwrap();
        assert_eq!(checks.counted().values().sum::<u64>() as usize, recording.findings.len());
        let lake = HandMade::new();
        keep(&lake.lake, checks.take_lines()).await.unwrap();
        assert!(checks.take_lines().is_empty(), "nothing new was looked at");
        let live = lake.lake.with_origin(Origin::Live).checks(day("2024-03-01")).await.unwrap().unwrap();
        assert_eq!(lake.lake.checks(day("2024-03-01")).await.unwrap(), None, "the vendor's");
        let found: Vec<_> = live.iter().filter_map(|line| line.found.as_ref()).collect();
        assert_eq!(found.len(), recording.findings.len());
        assert!(found.iter().any(|found| found.check == "silence" && found.cause.is_some() == is_recorded));
        let looked: Vec<_> = live.iter().filter(|line| line.found.is_none()).collect();
        assert!(looked.iter().any(|line| line.rows == 3_620 && line.run.made_by == "live"), "{looked:?}");
    }
}
