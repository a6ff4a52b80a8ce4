//! `mtdh check stream`: checks candles and rows as they come on stdin, and prints each finding at once.

use std::io::{self, BufRead, Read};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::Utc;
use mtdh_core::check::finding::moment;
use mtdh_core::check::{Settings, Severity};
use mtdh_engine::check::reference::{KlineReader, Source};
use mtdh_engine::live::lines::{LineHints, LineReader};
use mtdh_engine::live::validate::{Statistics, Stream, StreamFinding, StreamSettings, StreamValidator};
use tokio::sync::mpsc;

use crate::args::{FailOn, StreamArgs};
use crate::exit::Outcome;
use crate::output::{many, note};
use crate::render::stream::{FindingLine, Findings};
use crate::session::Session;

/// The longest line, bytes.
const LONGEST_LINE: u64 = 1 << 20;
/// Lines that are read ahead of the checks.
const LINES_AHEAD: usize = 1000;

pub async fn run(session: &Session<'_>, args: StreamArgs) -> Result<Outcome> {
    let mut checks = Settings::default();
    for text in &args.set {
        checks.set(text)?;
    }
    let settings = StreamSettings {
        queue: LINES_AHEAD * 2,
        lagging: LINES_AHEAD,
        watermark_us: i64::from(args.late) * 1_000_000,
        checks,
        ..StreamSettings::default()
    };
    let told: Arc<Mutex<Vec<StreamFinding>>> = Arc::default();
    let ears = told.clone();
    let mut validator = StreamValidator::new(settings, Box::new(now_us), None);
    validator.on_finding(Box::new(move |finding| lock(&ears).push(finding.clone())));
    let source = Source::Service { address: session.config.binance.clone(), retry: session.config.retry };
    let mut reference = args.cross_source.then(|| KlineReader::new(source));
    if reference.is_some() {
        validator.compare_with_answers(|stream| KlineReader::covers(&stream.key, stream.timeframe));
    }
    validator.start();
    let fail_on = if args.fail_on == FailOn::Warning { Severity::Warning } else { Severity::Error };
    let mut findings = Findings::new(session.format, fail_on)?;
    let hints = LineHints { key: args.instrument, timeframe: args.timeframe, data_type: args.data_type };
    let (mut reader, mut lines) = (LineReader::new(hints), Lines::of_stdin());
    let mut is_interrupted = false;
    loop {
        let due = validator.due_us().map_or(i64::MAX, |due| due.saturating_sub(now_us()).max(0));
        let wait = Duration::from_micros(due as u64).min(Duration::from_secs(3600));
        let is_open = tokio::select! {
            biased;
            () = session.stop.cancelled() => {
                is_interrupted = true;
                false
            }
            is_open = lines.next() => is_open,
            () = tokio::time::sleep(wait) => true,
        };
        take(&mut lines, &mut reader, &mut validator, &mut findings)?;
        if let Some(reference) = &mut reference {
            tokio::select! {
                () = session.stop.cancelled() => is_interrupted = true,
                answered = answer(reference, &mut validator) => answered,
            }
        }
        if !is_open || is_interrupted {
            validator.stop();
        }
        for finding in lock(&told).drain(..) {
            findings.add(line_of(&finding))?;
        }
        if !is_open || is_interrupted {
            break;
        }
    }
    if let Some(error) = lines.failed {
        return Err(error).context("cannot read stdin");
    }
    finish(findings, &validator.statistics(), args.cross_source, is_interrupted)
}

/// Puts the lines that have come into the validator, which works them off.
fn take(
    lines: &mut Lines,
    reader: &mut LineReader,
    validator: &mut StreamValidator,
    findings: &mut Findings,
) -> Result<()> {
    for (number, line) in lines.arrived.drain(..) {
        if line.trim().is_empty() {
            continue;
        }
        match reader.read(&line, now_us()) {
            // There is room: fewer lines are read at once than the queue is long.
            Ok(Some(candle)) => {
                let _taken = validator.validate_candle_of(&candle.stream, candle.bar, candle.came_us);
            }
            Ok(None) => {}
            Err(error) => findings.add(FindingLine::of_line(number, &error))?,
        }
    }
    for (stream, batch) in reader.take_rows() {
        // As above; and the reader makes the columns of the data type.
        let _taken = validator.validate_ticks(&stream, batch);
    }
    validator.work();
    Ok(())
}

/// Reads the klines that are due.
async fn answer(reference: &mut KlineReader, validator: &mut StreamValidator) {
    for (stream, start) in validator.questions() {
        let end = start.saturating_add(stream.timeframe.us());
        let read = reference.get(&stream.key, stream.timeframe, start, end).await;
        let kline = read.map(|bars| bars.into_iter().find(|bar| bar.start == start));
        if let Err(error) = &kline {
            note(&format!("the reference of {}: {}", stream.key, mtdh_engine::chain(error)));
        }
        validator.answer(&stream, start, kline.map_err(|error| error.to_string()));
    }
}

fn finish(
    findings: Findings,
    statistics: &Statistics,
    is_compared: bool,
    is_interrupted: bool,
) -> Result<Outcome> {
    let is_clean = findings.finish(statistics, is_interrupted)?;
    if is_compared && statistics.waiting > 0 {
        let waiting = many(statistics.waiting as u64, "candle");
        note(&format!("not compared with the exchange, whose candles had not settled: {waiting}"));
    }
    Ok(match (is_interrupted, is_clean) {
        (true, _) => Outcome::Interrupted,
        (false, true) => Outcome::Clean,
        (false, false) => Outcome::NotClean,
    })
}

fn line_of(finding: &StreamFinding) -> FindingLine {
    let (key, timeframe, data_type) = match &finding.stream {
        Stream::Candles(of) => (&of.key, Some(of.timeframe.to_string()), None),
        Stream::Ticks(of) => (&of.key, None, Some(of.data_type.name())),
    };
    let range = finding.found.range_us;
    FindingLine {
        severity: finding.severity,
        check: finding.check,
        instrument_key: Some(key.to_string()),
        timeframe,
        data_type,
        line: None,
        from: range.map(|(from, _)| moment(from)),
        to: range.map(|(_, to)| moment(to)),
        count: finding.found.count,
        examples: finding.found.examples.clone(),
        explanation: finding.found.explanation.as_ref().map(|explanation| explanation.text.clone()),
    }
}

/// Lines of stdin, read by a thread that nobody waits for: a read that blocks does not keep the program from ending.
struct Lines {
    receiver: mpsc::Receiver<io::Result<String>>,
    /// Lines that have come, with their numbers from 1.
    arrived: Vec<(u64, String)>,
    count: u64,
    /// Why reading ended early.
    failed: Option<io::Error>,
}

impl Lines {
    fn of_stdin() -> Lines {
        let (sender, receiver) = mpsc::channel(LINES_AHEAD);
        std::thread::spawn(move || {
            let mut stdin = io::stdin().lock();
            loop {
                let mut bytes = Vec::new();
                let read = stdin.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes);
                let is_too_long = bytes.len() as u64 == LONGEST_LINE && bytes.last() != Some(&b'\n');
                let line = match read {
                    Ok(0) => break,
                    Ok(_) if is_too_long => Err(io::Error::other("a line is longer than 1 MiB")),
                    Ok(_) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
                    Err(error) => Err(error),
                };
                let is_last = line.is_err();
                if sender.blocking_send(line).is_err() || is_last {
                    break;
                }
            }
        });
        Lines { receiver, arrived: Vec::new(), count: 0, failed: None }
    }

    /// Waits for lines, and takes those that have come. Returns false at the end.
    async fn next(&mut self) -> bool {
        let mut lines = Vec::new();
        if self.receiver.recv_many(&mut lines, LINES_AHEAD).await == 0 {
            return false;
        }
        for line in lines {
            self.count += 1;
            match line {
                Ok(line) => self.arrived.push((self.count, line)),
                Err(error) => self.failed = Some(error),
            }
        }
        self.failed.is_none()
    }
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Nothing panics while the lock is held.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now_us() -> i64 {
    Utc::now().timestamp_micros()
}
