//! What was ever asked of a lake: an object of its own that only grows, unless a person forgets something. It says what a verdict
//! is about where nobody wrote down what is wanted.

use bytes::Bytes;
use mtdh_core::error::chain;
use mtdh_core::footer::FORMAT_VERSION;
use mtdh_core::key::InstrumentType;
use mtdh_core::universe::KeyPattern;
use mtdh_core::venue::parse_any_venue;
use mtdh_core::{DataType, Day, DayRange};
use mtdh_lake::{Lake, LakeError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::EngineError;
use crate::selection::Selection;

/// The largest object that is read, bytes.
const MOST_BYTES: u64 = 32 << 20;

/// The object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Note {
    #[serde(default)]
    format_version: u32,
    asked: Vec<Line>,
    #[serde(default)]
    forgotten: Vec<Line>,
}

/// A selection as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Line {
    venues: Vec<String>,
    instrument_types: Vec<String>,
    data_types: Vec<String>,
    instruments: Vec<String>,
    max_instruments: Option<usize>,
    first_day: String,
    last_day: String,
}

/// Something that was asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its name, from what it selects; the same for all ranges of days of it.
    pub name: String,
    /// What it selects.
    pub selection: Selection,
}

/// What was asked of a lake, and what of it was forgotten since.
#[derive(Clone, Debug, Default)]
pub struct AskedOfLake {
    /// What a verdict is about.
    pub asked: Vec<Asked>,
    /// What it is no longer about, as `asked-1f3a5c7e DERIBIT 2024-03-01 to 2024-03-05`.
    pub forgotten: Vec<String>,
}

impl Line {
    fn of(selection: &Selection) -> Line {
        let sorted = |mut items: Vec<String>| {
            items.sort();
            items.dedup();
            items
        };
        Line {
            venues: sorted(selection.venues.clone()),
            instrument_types: sorted(selection.instrument_types.iter().map(ToString::to_string).collect()),
            data_types: sorted(selection.data_types.iter().map(ToString::to_string).collect()),
            instruments: sorted(selection.patterns.iter().map(ToString::to_string).collect()),
            max_instruments: selection.max_instruments,
            first_day: selection.days.first().to_string(),
            last_day: selection.days.last().to_string(),
        }
    }

    fn days(&self) -> Option<DayRange> {
        DayRange::new(self.first_day.parse().ok()?, self.last_day.parse().ok()?).ok()
    }

    /// The name: the beginning of a digest of what it selects, without its days.
    fn name(&self) -> String {
        let Line { venues, instrument_types, data_types, instruments, max_instruments, .. } = self;
        let of = serde_json::to_vec(&(venues, instrument_types, data_types, instruments, max_instruments));
        let digest = Sha256::digest(of.unwrap_or_default());
        format!("asked-{:02x}{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2], digest[3])
    }

    fn words(&self) -> String {
        let mut words = vec![self.name(), self.venues.join(" ")];
        words.extend(self.instruments.iter().take(3).cloned());
        words.push(format!("{} to {}", self.first_day, self.last_day));
        words.join(" ")
    }

    /// The selection; the content may be anybody's.
    fn selection(&self) -> Result<Selection, String> {
        let venues = self.venues.iter().map(|text| parse_any_venue(text).map_err(|e| e.to_string()));
        let types = self.instrument_types.iter().map(|text| {
            text.parse::<InstrumentType>().map_err(|_| format!("there is no instrument type `{text}`"))
        });
        let data_types = self
            .data_types
            .iter()
            .map(|text| text.parse::<DataType>().map_err(|_| format!("there is no data type `{text}`")));
        Ok(Selection {
            days: self
                .days()
                .ok_or_else(|| format!("`{}` to `{}` are no days", self.first_day, self.last_day))?,
            venues: venues.collect::<Result<_, _>>()?,
            instrument_types: types.collect::<Result<_, _>>()?,
            data_types: data_types.collect::<Result<_, _>>()?,
            patterns: self.instruments.iter().map(|text| KeyPattern::new(text)).collect(),
            max_instruments: self.max_instruments,
        })
    }

    /// Both as one range, if they select the same and their days touch.
    fn joined(&self, other: &Line) -> Option<Line> {
        let (one, another) = (self.days()?, other.days()?);
        let is_same = self.name() == other.name();
        let touches = one.first() <= another.last().next() && another.first() <= one.last().next();
        let first: Day = one.first().min(another.first());
        let last: Day = one.last().max(another.last());
        (is_same && touches).then(|| Line {
            first_day: first.to_string(),
            last_day: last.to_string(),
            ..self.clone()
        })
    }
}

impl Note {
    /// Adds a selection; what was forgotten and is asked for again is no longer forgotten.
    fn add(&mut self, mut line: Line) {
        self.forgotten.retain(|forgotten| forgotten.name() != line.name());
        // Each join may make it touch another one.
        while let Some(place) = self.asked.iter().position(|known| known.joined(&line).is_some()) {
            let known = self.asked.swap_remove(place);
            line = known.joined(&line).unwrap_or(line);
        }
        self.asked.push(line);
        self.asked.sort();
    }

    /// Forgets what has this name. Returns whether there was something.
    fn forget(&mut self, name: &str) -> bool {
        let (gone, kept): (Vec<Line>, Vec<Line>) =
            std::mem::take(&mut self.asked).into_iter().partition(|line| line.name() == name);
        self.asked = kept;
        let is_some = !gone.is_empty();
        self.forgotten.extend(gone);
        is_some
    }
}

/// What was asked of a lake; `None`: nothing was noted.
///
/// # Errors
/// When the lake cannot be read, or the object is none of ours.
pub(crate) async fn asked(lake: &Lake) -> Result<Option<AskedOfLake>, EngineError> {
    let path = lake.asked_path();
    match lake.entry(&path).await? {
        None => return Ok(None),
        Some(entry) if entry.bytes > MOST_BYTES => {
            return Err(wrong(lake, format!("it has {} bytes", entry.bytes)).into());
        }
        Some(_) => {}
    }
    let bytes = lake.read(&path).await?;
    let Some(note) = parse(lake, bytes.as_ref())? else { return Ok(None) };
    let mut found = AskedOfLake::default();
    for line in &note.asked {
        let selection = line.selection().map_err(|reason| wrong(lake, reason))?;
        found.asked.push(Asked { name: line.name(), selection });
    }
    found.forgotten = note.forgotten.iter().map(Line::words).collect();
    Ok(Some(found))
}

/// Notes what is asked of a lake. A lake that cannot be written is no failure here: of it nothing new can be asked.
///
/// # Errors
/// When the store fails, or the object is none of ours.
pub(crate) async fn note(lake: &Lake, selections: &[Selection]) -> Result<(), EngineError> {
    let change = |note: &mut Note| selections.iter().for_each(|selection| note.add(Line::of(selection)));
    let known = parse(lake, lake.read(&lake.asked_path()).await?.as_ref())?;
    if let Some(mut known) = known {
        let before = known.clone();
        change(&mut known);
        if known == before {
            return Ok(());
        }
    }
    match update(lake, change).await {
        Err(error) if error.forbids_writing() => {
            tracing::warn!(cause = %chain(&error), "what is asked of the lake is not noted");
            Ok(())
        }
        other => Ok(other?),
    }
}

/// Forgets what has this name. Returns whether there was something.
///
/// # Errors
/// When the lake cannot be written.
pub(crate) async fn forget(lake: &Lake, name: &str) -> Result<bool, EngineError> {
    if asked(lake).await?.is_none_or(|found| found.asked.iter().all(|asked| asked.name != name)) {
        return Ok(false);
    }
    let mut is_some = false;
    update(lake, |note| is_some = note.forget(name)).await?;
    Ok(is_some)
}

async fn update(lake: &Lake, mut change: impl FnMut(&mut Note)) -> Result<(), LakeError> {
    lake.update(&lake.asked_path(), |old| {
        let mut note = parse(lake, old)?.unwrap_or_default();
        note.format_version = FORMAT_VERSION;
        change(&mut note);
        Ok(Bytes::from(crate::runs::summary::text(&note)))
    })
    .await
}

fn wrong(lake: &Lake, reason: String) -> LakeError {
    let reason = format!("{reason}; delete it, and a verdict is about the venues' whole lists");
    LakeError::WrongTable { path: lake.asked_path().to_string(), reason }
}

fn parse(lake: &Lake, bytes: Option<&Bytes>) -> Result<Option<Note>, LakeError> {
    let Some(bytes) = bytes else { return Ok(None) };
    let note: Note = serde_json::from_slice(bytes).map_err(|error| wrong(lake, error.to_string()))?;
    if note.format_version > FORMAT_VERSION {
        return Err(LakeError::Newer { path: lake.asked_path().to_string(), found: note.format_version });
    }
    Ok(Some(note))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        let [venue, first, last] = text.split(' ').collect::<Vec<_>>()[..] else { panic!("{text}") };
        Line {
            venues: vec![venue.to_owned()],
            instrument_types: Vec::new(),
            data_types: vec!["trades".to_owned()],
            instruments: Vec::new(),
            max_instruments: None,
            first_day: format!("2024-03-{first}"),
            last_day: format!("2024-03-{last}"),
        }
    }

    #[test]
    fn what_was_asked_only_grows_and_days_that_touch_are_one_range() {
        for (asked, expected) in [
            (&["A 01 02", "A 01 02"][..], &["A 01 02"][..]),
            (&["A 01 02", "A 03 04"], &["A 01 04"]),
            (&["A 03 04", "A 01 02"], &["A 01 04"]),
            (&["A 01 02", "A 04 05"], &["A 01 02", "A 04 05"]),
            (&["A 01 02", "A 04 05", "A 03 03"], &["A 01 05"]),
            (&["A 01 09", "A 03 04"], &["A 01 09"]),
            (&["A 01 02", "B 02 03"], &["A 01 02", "B 02 03"]),
        ] {
            let mut note = Note::default();
            asked.iter().for_each(|text| note.add(line(text)));
            assert_eq!(note.asked, expected.iter().map(|text| line(text)).collect::<Vec<_>>(), "{asked:?}");
        }
    }

    #[test]
    fn what_is_forgotten_is_named_until_it_is_asked_for_again() {
        let mut note = Note::default();
        ["A 01 02", "A 04 05", "B 01 01"].iter().for_each(|text| note.add(line(text)));
        assert!(!note.forget("asked-00000000"));
        assert!(note.forget(&line("A 01 02").name()));
        assert_eq!((note.asked.clone(), note.forgotten.len()), (vec![line("B 01 01")], 2));
        note.add(line("A 04 04"));
        assert!(note.forgotten.is_empty());
    }
}
