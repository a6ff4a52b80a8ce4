//! Counters of a recording for Prometheus.

use std::fmt::Write;
use std::sync::Arc;

use anyhow::Result;
use mtdh_engine::live::hub::Hub;
use mtdh_engine::live::hub::status::Totals;

use crate::args::MetricsArgs;
use crate::metrics::Metrics;
use crate::time;

/// Whether metrics are asked for.
pub fn is_wanted(args: &MetricsArgs) -> bool {
    args.metrics_address.is_some() || args.metrics_file.is_some()
}

/// Gives out what a hub counts, if that is asked for.
///
/// # Errors
/// When the address is not available, or the file cannot be written.
pub async fn begin(args: &MetricsArgs, hub: Option<&Arc<Hub>>) -> Result<Option<Metrics>> {
    let Some(hub) = hub.filter(|_| is_wanted(args)).cloned() else { return Ok(None) };
    Metrics::of(args, Arc::new(move || text(&hub.totals(), time::now_us()))).await.map(Some)
}

/// A metric's samples: labels and value.
type Samples = Vec<(String, String)>;

fn text(totals: &[Totals], now: i64) -> String {
    let each = |value: &dyn Fn(&Totals) -> Option<String>| -> Samples {
        let samples =
            totals.iter().filter_map(|of| Some((format!("exchange=\"{}\"", of.exchange), value(of)?)));
        samples.collect()
    };
    let gaps = totals.iter().flat_map(|of| {
        let label = move |kind: &str| format!("exchange=\"{}\",kind=\"{kind}\"", of.exchange);
        of.gaps.iter().map(move |(kind, count)| (label(kind), count.to_string()))
    });
    let findings = totals.iter().flat_map(|of| {
        let label = move |check: &str, severity: &str| {
            format!("exchange=\"{}\",check=\"{check}\",severity=\"{severity}\"", of.exchange)
        };
        of.findings.iter().map(move |((check, severity), count)| (label(check, severity), count.to_string()))
    });
    let age = |of: &Totals| of.last_arrival.map(|last| format!("{:.3}", (now - last).max(0) as f64 / 1e6));
    let lag = |of: &Totals| of.lag_us.map(|us| format!("{:.6}", us as f64 / 1e6));
    let metrics: [(&str, &str, &str, Samples); 7] = [
        (
            "mtdh_live_messages_total",
            "counter",
            "Messages with rows, once for each instrument and data type.",
            each(&|of| Some(of.messages.to_string())),
        ),
        ("mtdh_live_rows_total", "counter", "Rows.", each(&|of| Some(of.rows.to_string()))),
        (
            "mtdh_live_disconnects_total",
            "counter",
            "Connections that were lost.",
            each(&|of| Some(of.disconnects.to_string())),
        ),
        ("mtdh_live_gaps_total", "counter", "Gaps by kind.", gaps.collect()),
        ("mtdh_live_findings_total", "counter", "Findings by check and severity.", findings.collect()),
        (
            "mtdh_live_last_message_age_seconds",
            "gauge",
            "Seconds since the last message with rows arrived.",
            each(&age),
        ),
        (
            "mtdh_live_lag_seconds",
            "gauge",
            "Seconds between the exchange's time of the last message with rows and its arrival; the difference of the clocks is in it.",
            each(&lag),
        ),
    ];
    let mut text = String::new();
    for (name, kind, help, samples) in metrics {
        // A text takes every line.
        let _never_fails = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let _never_fails = writeln!(text, "{name}{{{labels}}} {value}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_exchange_has_its_samples() {
        let totals = Totals {
            exchange: "deribit".to_owned(),
            messages: 3,
            rows: 7,
            last_arrival: Some(1_000_000),
            lag_us: Some(-1_270_000),
            disconnects: 2,
            gaps: [("sequence", 4)].into(),
            findings: [(("late_tick", "warning".to_owned()), 5)].into(),
        };
        let text = text(&[totals], 2_500_000);
        for line in [
            "mtdh_live_messages_total{exchange=\"deribit\"} 3",
            "mtdh_live_rows_total{exchange=\"deribit\"} 7",
            "mtdh_live_disconnects_total{exchange=\"deribit\"} 2",
            "mtdh_live_gaps_total{exchange=\"deribit\",kind=\"sequence\"} 4",
            "mtdh_live_findings_total{exchange=\"deribit\",check=\"late_tick\",severity=\"warning\"} 5",
            "mtdh_live_last_message_age_seconds{exchange=\"deribit\"} 1.500",
            "mtdh_live_lag_seconds{exchange=\"deribit\"} -1.270000",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} is not in\n{text}");
        }
    }
}
