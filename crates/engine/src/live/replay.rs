//! Rows of recorded files, offline: captures, the vendor's raw slices, and other recorders' lines.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use mtdh_core::{DataType, Day};
use mtdh_lake::Lake;
use mtdh_lake::live::{SegmentReader, SessionId};
use mtdh_source::gunzip::{Gunzip, is_gzip};
use mtdh_source::live::recording;
use mtdh_source::live::venue::{Venue, Want};
use mtdh_source::live::venues;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::LiveError;
use super::events;
use super::machine::Input;
use super::maker::{Maker, Stretch};
use super::parts::{self, Of};
use super::plan::{Keys, PlannedConnection, SessionPlan, listed};
use super::player::{Player, known, step};
use super::rebuild::add_gaps;
use crate::EngineError;

/// What is replayed.
#[derive(Clone, Debug)]
pub struct ReplayOptions {
    /// The files, in the order of their lines.
    pub files: Vec<PathBuf>,
    /// The vendor's exchange id.
    pub exchange: String,
    /// Symbols as the exchange writes them; none: all that the messages name.
    pub symbols: Vec<String>,
    /// Data types; none: all that the venue offers.
    pub data_types: Vec<DataType>,
}

/// What a replay made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// The vendor's exchange id.
    pub exchange: String,
    /// Whether no continuous recording of it was ever read by this program.
    pub is_experimental: bool,
    /// Messages.
    pub messages: u64,
    /// Of these, messages that could not be read.
    pub unread: u64,
    /// Rows.
    pub rows: u64,
    /// Rows by data type, for those that have any.
    pub rows_by_type: std::collections::BTreeMap<String, u64>,
    /// Parts that were written.
    pub parts: u64,
    /// Parts that were there, with the same bytes.
    pub parts_there: u64,
    /// Gaps that the messages show.
    pub gaps: u64,
    /// The days on which rows arrived.
    pub days: Vec<String>,
}

/// A line of a recording has no more bytes.
const LONGEST_LINE: u64 = 64 << 20;
/// Rows become parts after so many lines, so that memory is bounded.
const PART_LINES: u64 = 500_000;

/// Makes rows of recorded files, and publishes their parts. Doing it again changes nothing.
///
/// # Errors
/// If a file cannot be read as a recording, or the lake cannot be used.
pub async fn replay(lake: &Lake, options: &ReplayOptions) -> Result<Replayed, EngineError> {
    let unknown = || LiveError::NoFeed { exchange: options.exchange.clone(), known: known() };
    let venue = venues::find(&options.exchange).ok_or_else(unknown)?;
    let mut replayed = Replayed {
        exchange: options.exchange.clone(),
        is_experimental: venue.is_experimental(),
        ..Replayed::default()
    };
    let rows = listed(lake, &options.exchange).await?.rows;
    let mut source = Source::new(venue, options, rows)?;
    loop {
        // Reading and mapping may take long; the thread of this future goes on with other work.
        let (back, stretches) = tokio::task::spawn_blocking(move || {
            let stretches = source.next();
            (source, stretches)
        })
        .await
        .map_err(|_| unknown())?;
        source = back;
        let Some(stretches) = stretches? else { break };
        let Some((of, plan)) = source.of() else { continue };
        for stretch in stretches {
            publish(lake, &of, &plan, &stretch, &mut replayed).await?;
        }
    }
    let counts = source.counts();
    (replayed.messages, replayed.unread) = (counts.messages, counts.unread);
    replayed.days.sort();
    replayed.days.dedup();
    Ok(replayed)
}

async fn publish(
    lake: &Lake,
    of: &Of,
    plan: &SessionPlan,
    stretch: &Stretch,
    replayed: &mut Replayed,
) -> Result<(), EngineError> {
    let published = parts::publish(lake, of, stretch).await?;
    add_gaps(lake, of, &mut Keys::of(plan), &stretch.gaps).await?;
    replayed.rows += published.rows;
    replayed.parts += published.made;
    replayed.parts_there += published.were_there;
    replayed.gaps += stretch.gaps.len() as u64;
    for ((day, data_type, _), rows) in &stretch.rows {
        replayed.days.push(day.to_string());
        let count: usize = rows.batches.iter().map(|batch| batch.num_rows()).sum();
        *replayed.rows_by_type.entry(data_type.name().to_owned()).or_default() += count as u64;
    }
    Ok(())
}

/// The lines of files, as a session.
struct Source {
    files: std::vec::IntoIter<PathBuf>,
    lines: Option<(PathBuf, Box<dyn BufRead + Send>)>,
    form: Form,
    at: i64,
    number: u64,
    is_ended: bool,
}

enum Form {
    /// Segments of captures.
    Captures(Box<Player>),
    /// Lines of others.
    Lines { of: Of, plan: Box<SessionPlan>, maker: Box<Maker>, is_open: bool },
}

impl Source {
    fn new(
        venue: &'static dyn Venue,
        options: &ReplayOptions,
        keys: std::collections::BTreeMap<String, String>,
    ) -> Result<Source, LiveError> {
        let is_capture =
            options.files.first().is_some_and(|f| f.extension().is_some_and(|e| e == "mtr" || e == "open"));
        let form = match is_capture {
            true => Form::Captures(Box::default()),
            false => Self::of_lines(venue, options, keys)?,
        };
        let files = options.files.clone().into_iter();
        Ok(Source { files, lines: None, form, at: i64::MIN, number: 0, is_ended: false })
    }

    fn of_lines(
        venue: &'static dyn Venue,
        options: &ReplayOptions,
        keys: std::collections::BTreeMap<String, String>,
    ) -> Result<Form, LiveError> {
        let data_types = match options.data_types.is_empty() {
            true => venue.offers().iter().map(|offer| offer.data_type).collect(),
            false => options.data_types.clone(),
        };
        let want = Want { symbols: options.symbols.clone(), data_types, is_recorded: true };
        let mut digest = Sha256::new();
        let mut start = None;
        for file in &options.files {
            let (first, of_file) = survey(file)?;
            start = start.or(first);
            digest.update(of_file);
        }
        let start = start.unwrap_or(0);
        let failed = |source| LiveError::Capture { exchange: options.exchange.clone(), source };
        let day = Day::containing_us(start).ok_or_else(|| LiveError::Plan { session: start.to_string() })?;
        let mut plan = SessionPlan::new(venue, &want, keys, day);
        // All lines are of one connection, whatever the recorder had.
        plan.connections = vec![PlannedConnection { endpoint: 0, path: String::new(), streams: Vec::new() }];
        digest.update(plan.text());
        let digest = digest.finalize();
        let number = digest[..4].iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        let session = SessionId::new(start, number).map_err(failed)?;
        let plan_hash = mtdh_lake::live::Session {
            id: session.clone(),
            venue: options.exchange.clone(),
            addresses: Vec::new(),
            plan: plan.text(),
        }
        .plan_hash();
        let maker = Box::new(Maker::new(venue, &plan));
        let plan = Box::new(plan);
        Ok(Form::Lines { of: Of { venue, session, plan_hash }, plan, maker, is_open: false })
    }

    fn of(&self) -> Option<(Of, SessionPlan)> {
        match &self.form {
            Form::Captures(player) => player.played().map(|played| (played.of.clone(), played.plan.clone())),
            Form::Lines { of, plan, .. } => Some((of.clone(), (**plan).clone())),
        }
    }

    fn counts(&self) -> super::machine::Counts {
        match &self.form {
            Form::Captures(player) => player.counts(),
            Form::Lines { maker, .. } => maker.machine.counts(),
        }
    }

    /// Some more stretches; `None`: there is nothing more.
    fn next(&mut self) -> Result<Option<Vec<Stretch>>, LiveError> {
        if self.is_ended {
            return Ok(None);
        }
        let mut stretches = Vec::new();
        if let Form::Captures(player) = &mut self.form {
            match self.files.next() {
                Some(file) => {
                    let failed = |source| LiveError::Capture { exchange: file.display().to_string(), source };
                    let bytes = std::fs::read(&file).map_err(|error| unreadable(&file, error))?;
                    let mut reader = SegmentReader::unsealed(bytes.into()).map_err(failed)?;
                    player.segment(&mut reader, &mut stretches)?;
                }
                None => {
                    player.end(&mut stretches);
                    self.is_ended = true;
                }
            }
            return Ok(Some(stretches));
        }
        let until = self.number + PART_LINES;
        while self.number < until {
            let Some(line) = self.line()? else {
                self.is_ended = true;
                break;
            };
            self.take(&line, &mut stretches)?;
        }
        if let Form::Lines { maker, .. } = &mut self.form {
            maker.collect();
            stretches.extend(maker.cut());
        }
        Ok(Some(stretches))
    }

    fn line(&mut self) -> Result<Option<Vec<u8>>, LiveError> {
        loop {
            let Some((file, lines)) = &mut self.lines else {
                let Some(file) = self.files.next() else { return Ok(None) };
                let lines = open(&file)?;
                self.lines = Some((file, lines));
                continue;
            };
            let mut line = Vec::new();
            let read = lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
            if read.map_err(|error| unreadable(file, error))? == 0 {
                self.lines = None;
                continue;
            }
            if line.last() == Some(&b'\n') {
                line.pop();
            }
            return Ok(Some(line));
        }
    }

    fn take(&mut self, line: &[u8], stretches: &mut Vec<Stretch>) -> Result<(), LiveError> {
        let file = self.lines.as_ref().map(|(file, _)| file.clone()).unwrap_or_default();
        let read = recording::Line::read(line).map_err(|error| unreadable(&file, error))?;
        let Form::Lines { maker, is_open, .. } = &mut self.form else { return Ok(()) };
        let (number, mut at) = (&mut self.number, self.at);
        let mut give = |arrived: i64, input: &Input<'_>| {
            at = at.max(arrived);
            if let Some(line) = events::line(at, input, "") {
                step(maker, *number, &line, stretches);
                *number += 1;
            }
        };
        match read {
            recording::Line::Received(arrived, message) => {
                if !*is_open {
                    *is_open = true;
                    give(arrived, &Input::Opened { lane: 0, connection: 0 });
                }
                give(arrived, &Input::Data { lane: 0, bytes: &message });
            }
            recording::Line::Disconnected if *is_open => {
                *is_open = false;
                give(i64::MIN, &Input::Closed { lane: 0, by_us: false });
            }
            recording::Line::Disconnected | recording::Line::Opened(_) | recording::Line::Sent(..) => {}
        }
        self.at = at;
        Ok(())
    }
}

/// When the first message of a file arrived, and the digest of its bytes.
fn survey(path: &Path) -> Result<(Option<i64>, [u8; 32]), LiveError> {
    let mut digest = Sha256::new();
    let mut file = File::open(path).map_err(|error| unreadable(path, error))?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer).map_err(|error| unreadable(path, error))?;
        if read == 0 {
            break;
        }
        digest.update(&buffer[..read]);
    }
    let mut lines = open(path)?;
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
        if read.map_err(|error| unreadable(path, error))? == 0 {
            return Ok((None, digest.finalize().into()));
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        match recording::Line::read(text).map_err(|error| unreadable(path, error))? {
            recording::Line::Received(at, _) => return Ok((Some(at), digest.finalize().into())),
            _ => continue,
        }
    }
}

fn open(path: &Path) -> Result<Box<dyn BufRead + Send>, LiveError> {
    let mut reader = BufReader::new(File::open(path).map_err(|error| unreadable(path, error))?);
    let start = reader.fill_buf().map_err(|error| unreadable(path, error))?;
    Ok(if is_gzip(start) { Box::new(BufReader::new(Gunzip::new(reader))) } else { Box::new(reader) })
}

fn unreadable(path: &Path, source: impl std::error::Error + Send + Sync + 'static) -> LiveError {
    LiveError::Recording { file: path.display().to_string(), source: Box::new(source) }
}
