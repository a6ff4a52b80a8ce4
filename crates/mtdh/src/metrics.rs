//! A run's counters for Prometheus: served during the run, or written to a file for the node exporter.

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::routing::get;
use mtdh_core::partition::Shard;
use mtdh_engine::files::unfinished::write_whole;
use mtdh_engine::runs::progress::{Progress, Reading};

use crate::args::MetricsArgs;
use crate::output::note;

/// How often the file is rewritten.
const EVERY: Duration = Duration::from_secs(5);

/// One metric: name, type, description, and how it is read.
type Metric = (&'static str, &'static str, &'static str, fn(&Reading) -> u64);

/// Every metric of a run.
const METRICS: [Metric; 7] = [
    (
        "mtdh_files_planned",
        "gauge",
        "Files that this process is to fetch, of the parts of shards that it has had so far.",
        |r| r.tasks,
    ),
    (
        "mtdh_files_finished_total",
        "counter",
        "Files that were fetched, converted and published, or failed.",
        |r| r.tasks_done,
    ),
    ("mtdh_files_failed_total", "counter", "Files that failed.", |r| r.failures),
    ("mtdh_fetched_bytes_total", "counter", "Compressed bytes that came from the vendor.", |r| r.bytes),
    ("mtdh_stored_rows_total", "counter", "Rows in published partitions.", |r| r.rows),
    (
        "mtdh_parts_held_total",
        "counter",
        "Parts of a saved plan's shards that this process has worked on.",
        |r| r.parts,
    ),
    (
        "mtdh_parts_taken_over_total",
        "counter",
        "Shards that this process took over from another holder, or an earlier one of its own.",
        |r| r.takeovers,
    ),
];

/// Serves a run's counters until it is dropped; the file is then written a last time.
pub struct Metrics {
    tasks: Vec<tokio::task::JoinHandle<()>>,
    file: Option<PathBuf>,
    text: Text,
}

/// Writes the metrics as they are now.
pub type Text = Arc<dyn Fn() -> String + Send + Sync>;

struct Source {
    progress: Arc<Progress>,
    labels: String,
    started: f64,
}

impl Metrics {
    /// Starts the outputs that the flags ask for.
    ///
    /// # Errors
    /// When the address is not available, or the file cannot be written.
    pub async fn start(
        args: &MetricsArgs,
        progress: Arc<Progress>,
        run_id: &str,
        shard: Shard,
    ) -> Result<Metrics> {
        Metrics::of(args, run_text(progress, run_id, shard)).await
    }

    /// Starts the outputs that the flags ask for, of metrics that are written so.
    ///
    /// # Errors
    /// As [`Metrics::start`].
    pub async fn of(args: &MetricsArgs, text: Text) -> Result<Metrics> {
        let mut tasks = Vec::new();
        if let Some(address) = args.metrics_address {
            let listener = tokio::net::TcpListener::bind(address)
                .await
                .with_context(|| format!("--metrics-address {address} cannot be listened on"))?;
            note(&format!("metrics: http://{}/metrics", listener.local_addr()?));
            let shown = text.clone();
            let answer = move || {
                let text = shown();
                async move { ([("content-type", "text/plain; version=0.0.4")], text) }
            };
            let router = Router::new().route("/metrics", get(answer));
            tasks.push(tokio::spawn(async move {
                if let Err(error) = axum::serve(listener, router).await {
                    tracing::warn!(%error, "metrics are no longer served");
                }
            }));
        }
        if let Some(path) = args.metrics_file.clone() {
            write_whole(&path, text().as_bytes())
                .with_context(|| format!("cannot write {}", path.display()))?;
            let shown = text.clone();
            tasks.push(tokio::spawn(async move {
                loop {
                    tokio::time::sleep(EVERY).await;
                    if let Err(error) = write_whole(&path, shown().as_bytes()) {
                        tracing::warn!(%error, path = %path.display(), "the metrics' file is not written");
                    }
                }
            }));
        }
        Ok(Metrics { tasks, file: args.metrics_file.clone(), text })
    }
}

/// Writes a run's counters.
pub fn run_text(progress: Arc<Progress>, run_id: &str, shard: Shard) -> Text {
    let labels = format!("run=\"{run_id}\",shard=\"{}\",shards=\"{}\"", shard.index(), shard.total());
    let started = chrono::Utc::now().timestamp_millis() as f64 / 1000.0;
    let source = Source { progress, labels, started };
    Arc::new(move || source.text())
}

impl Drop for Metrics {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
        if let Some(path) = &self.file
            && let Err(error) = write_whole(path, (self.text)().as_bytes())
        {
            tracing::warn!(%error, path = %path.display(), "the metrics' file is not written");
        }
    }
}

impl Source {
    fn text(&self) -> String {
        let (reading, labels) = (self.progress.read(), &self.labels);
        let mut text = String::new();
        let mut add = |name: &str, kind: &str, help: &str, labels: &str, value: String| {
            let lines =
                writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name}{{{labels}}} {value}");
            lines.expect("a text takes every line");
        };
        for (name, kind, help, read) in METRICS {
            add(name, kind, help, labels, read(&reading).to_string());
        }
        let start = ("mtdh_start_time_seconds", "Start of the run, seconds since 1970, UTC.");
        add(start.0, "gauge", start.1, labels, format!("{:.3}", self.started));
        let version = format!("{labels},version=\"{}\"", env!("CARGO_PKG_VERSION"));
        add("mtdh_info", "gauge", "The program.", &version, "1".to_owned());
        text
    }
}
