//! What a verb is at, on stderr: on a terminal one line that is drawn again, in a pipe a line a minute. Every phase of every verb
//! shows, since the engine tells them, see [`mtdh_engine::runs::phase`].

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mtdh_engine::runs::phase::{PhaseReading, Phases};

use crate::log;
use crate::numbers::{count, many, size};
use crate::output;
use crate::screen::{clear, draw};

/// Between two drawings of the line.
const REDRAWN: Duration = Duration::from_millis(100);

/// Between two lines in a pipe.
const TOLD: Duration = Duration::from_secs(60);

/// What is over sooner is not shown on a terminal.
const SOON: Duration = Duration::from_millis(300);

/// Shows the phases until it is dropped.
pub struct Shown {
    ticker: tokio::task::JoinHandle<()>,
}

impl Shown {
    /// Starts to show.
    pub fn start(phases: Arc<Phases>) -> Shown {
        let is_terminal = io::stderr().is_terminal() && !log::is_json();
        let ticker = tokio::spawn(async move {
            let (mut pace, mut told) = (Pace::default(), Instant::now());
            loop {
                tokio::time::sleep(REDRAWN).await;
                let now = Instant::now();
                let line = phases.read().map(|reading| (pace.line(&reading, now), pace.age(now)));
                match line {
                    Some((text, age)) if is_terminal && age >= SOON => draw(&text),
                    Some((text, _)) if !is_terminal && now - told >= TOLD => {
                        told = now;
                        output::note(&text);
                    }
                    None if is_terminal => drop(clear()),
                    _ => {}
                }
            }
        });
        Shown { ticker }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.ticker.abort();
        drop(clear());
    }
}

/// How fast a phase goes. Has no clock of its own.
#[derive(Debug, Default)]
struct Pace {
    number: u64,
    since: Option<Instant>,
}

impl Pace {
    /// The line of a phase at a moment; a phase that was not seen before begins now.
    fn line(&mut self, reading: &PhaseReading, now: Instant) -> String {
        if self.number != reading.number || self.since.is_none() {
            (self.number, self.since) = (reading.number, Some(now));
        }
        line(reading, self.age(now))
    }

    fn age(&self, now: Instant) -> Duration {
        self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }
}

/// The time that is left of a phase after so much of it; `None`: it cannot be told yet.
fn left(reading: &PhaseReading, age: Duration) -> Option<Duration> {
    let share = reading.share()?;
    // Of the first steps nothing can be told.
    let is_too_soon = share < 0.01 || age < Duration::from_secs(1);
    (!is_too_soon).then(|| age.mul_f64((1.0 - share) / share))
}

/// `checking  41 %  12 of 30 days  1.2 of 3.0 GB  12.5 MB/s  3 min left`.
fn line(reading: &PhaseReading, age: Duration) -> String {
    let mut parts = vec![reading.name.to_owned()];
    if let Some(share) = reading.share() {
        parts.push(format!("{:.0} %", (share * 100.0).floor()));
    }
    let done = reading.items_done;
    if reading.items == 0 && done == 0 && reading.bytes == 0 {
        // Nothing is counted: that it goes on is all that can be said.
        return format!("{}  {}", reading.name, words(age));
    }
    parts.push(match reading.items {
        0 => many(done, reading.noun),
        items => format!("{} of {}", count(done.min(items)), many(items, reading.noun)),
    });
    let bytes = if reading.is_estimate { reading.bytes_read } else { reading.bytes_done };
    match reading.bytes {
        0 => {}
        _ if reading.is_estimate => parts.push(size(bytes)),
        all => parts.push(format!("{} of {}", size(bytes.min(all)), size(all))),
    }
    if reading.bytes > 0 && age >= Duration::from_secs(1) {
        parts.push(format!("{}/s", size((bytes as f64 / age.as_secs_f64()) as u64)));
    }
    if reading.failed > 0 {
        parts.push(format!("{} failed", count(reading.failed)));
    }
    if let Some(left) = left(reading, age) {
        parts.push(format!("{} left", words(left)));
    }
    parts.join("  ")
}

/// A time for people: `5 s`, `3 min`, `2 h 10 min`, `3 d 4 h`.
fn words(time: Duration) -> String {
    let seconds = time.as_secs_f64().round() as u64;
    match seconds {
        0..90 => format!("{seconds} s"),
        90..5_400 => format!("{} min", (seconds + 30) / 60),
        5_400..172_800 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(items: u64, items_done: u64, bytes: u64, bytes_done: u64) -> PhaseReading {
        let of = PhaseReading { number: 1, name: "checking", noun: "file", ..PhaseReading::default() };
        PhaseReading { items, items_done, bytes, bytes_done, ..of }
    }

    #[test]
    fn lines() {
        let cases = [
            (reading(0, 7, 0, 0), 5, "checking  7 files"),
            (reading(0, 0, 0, 0), 125, "checking  2 min"),
            (reading(2_720, 0, 0, 0), 5, "checking  0 %  0 of 2,720 files"),
            (reading(4, 1, 0, 0), 20, "checking  25 %  1 of 4 files  60 s left"),
            (
                reading(30, 10, 3_000_000_000, 1_500_000_000),
                600,
                "checking  49 %  10 of 30 files  1.5 GB of 3.0 GB  2.5 MB/s  10 min left",
            ),
            (reading(1, 1, 0, 0), 0, "checking  100 %  1 of 1 file"),
            (
                PhaseReading {
                    is_estimate: true,
                    bytes_read: 7_000_000,
                    failed: 2,
                    ..reading(4, 1, 1_000, 250)
                },
                10,
                "checking  25 %  1 of 4 files  7.0 MB  700.0 kB/s  2 failed  30 s left",
            ),
        ];
        for (reading, seconds, expected) in cases {
            assert_eq!(line(&reading, Duration::from_secs(seconds)), expected);
        }
        for (seconds, expected) in [(89, "89 s"), (90, "2 min"), (7_800, "2 h 10 min"), (273_600, "3 d 4 h")]
        {
            assert_eq!(words(Duration::from_secs(seconds)), expected);
        }
    }

    /// Eight workers with files of very uneven sizes: a clock of its own, in steps of 100 ms.
    #[test]
    fn the_time_left_is_right_within_a_factor_of_two_after_a_third() {
        for (seed, worst_first) in (0..20).flat_map(|seed| [(seed, false), (seed, true)]) {
            let mut random = seed * 7_919 + 1_u64;
            let mut next = || {
                random =
                    random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (random >> 33) as f64 / f64::from(1_u32 << 31)
            };
            // From 20 kB to 60 MB.
            let mut sizes: Vec<u64> = (0..600).map(|_| (20_000.0 * (next() * 8.0).exp()) as u64).collect();
            if worst_first {
                sizes.sort_unstable_by_key(|size| std::cmp::Reverse(*size));
            }
            let all: u64 = sizes.iter().sum();
            // 10 MB/s and 5 ms for each file, a worker.
            let (mut workers, waiting) = ([0.0_f64; 8], sizes);
            let mut ends: Vec<(f64, u64)> = Vec::new();
            for size in waiting {
                let worker = workers.iter_mut().min_by(|a, b| a.total_cmp(b)).unwrap();
                *worker += 0.005 + size as f64 / 10e6;
                ends.push((*worker, size));
            }
            let whole = workers.into_iter().fold(0.0, f64::max);
            let mut looked = 0;
            for tick in 0..(whole * 10.0) as u32 {
                let now = f64::from(tick) / 10.0;
                let over: Vec<u64> = ends.iter().filter(|end| end.0 <= now).map(|end| end.1).collect();
                let read = reading(600, over.len() as u64, all, over.iter().sum());
                // At the very end, what the last worker is at decides.
                if !read.share().is_some_and(|share| (1.0 / 3.0..0.95).contains(&share)) {
                    continue;
                }
                looked += 1;
                let told = left(&read, Duration::from_secs_f64(now)).unwrap().as_secs_f64();
                let true_left = whole - now;
                assert!(
                    told < true_left * 2.0 && told > true_left / 2.0,
                    "seed {seed}: after {now} s of {whole} it says {told}"
                );
            }
            assert!(looked > 20, "{looked}");
        }
    }
}
