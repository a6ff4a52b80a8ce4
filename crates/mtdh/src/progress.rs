//! A progress bar on stderr, when it is a terminal: files, rows, bytes, rate, time left.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use mtdh_engine::runs::progress::Progress;

use crate::output::{count, size};

/// Shows a run's counters until it is dropped.
pub struct Bar {
    bar: ProgressBar,
    ticker: tokio::task::JoinHandle<()>,
}

impl Bar {
    /// Starts the bar; nothing is shown if stderr is not a terminal.
    pub fn start(progress: Arc<Progress>) -> Bar {
        let bar = if std::io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
        let style =
            ProgressStyle::with_template("{bar:30} {pos}/{len} files  {msg}  {elapsed} elapsed, {eta} left");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        let shown = bar.clone();
        let ticker = tokio::spawn(async move {
            loop {
                show(&shown, &progress);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        Bar { bar, ticker }
    }
}

fn show(bar: &ProgressBar, progress: &Progress) {
    let reading = progress.read();
    bar.set_length(reading.tasks);
    bar.set_position(reading.tasks_done);
    let seconds = bar.elapsed().as_secs_f64().max(0.1);
    let rate = size((reading.bytes as f64 / seconds) as u64);
    let failures =
        if reading.failures > 0 { format!("  {} failed", reading.failures) } else { String::new() };
    bar.set_message(format!("{} rows  {} ({rate}/s){failures}", count(reading.rows), size(reading.bytes)));
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.ticker.abort();
        self.bar.finish_and_clear();
    }
}
