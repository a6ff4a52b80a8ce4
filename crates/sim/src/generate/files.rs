//! Tardis' dataset files: which exist, and their contents.
//!
//! Not for HTTP: that is `tardis::datasets`. Start with [`find`].

pub(crate) mod gzip;
mod merge;
mod rows;

use std::sync::Arc;

use mtdh_core::{DataType, Day};

use crate::config::{Config, EmptyFile, Size};
use crate::generate::market::{MarketDay, Source};
use crate::generate::universe::listing::{Kind, Listing};
use crate::generate::universe::{Subject, Universe, exported_until};
use rows::Rows;

/// The name of a file: exchange, data type, day, and symbol as in its URL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FileName {
    pub(crate) exchange: String,
    pub(crate) data_type: DataType,
    pub(crate) day: Day,
    pub(crate) symbol: String,
}

/// Why a file does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No such exchange.
    UnknownExchange,
    /// No such symbol; `hint` is a similar one that exists.
    UnknownSymbol { hint: Option<String> },
    /// The symbol has no files of this type, only of the offered ones.
    NoSuchDataType { offered: Vec<DataType> },
    /// The symbol has files, but not of this day. The available range excludes its end; microseconds since the Unix
    /// epoch, UTC.
    Outside { since_us: i64, to_us: i64 },
    /// The day is not exported yet. The available range is as in `Outside`.
    NotExported { since_us: i64, to_us: i64 },
}

/// A file that exists.
#[derive(Clone, Debug)]
pub(crate) struct File {
    universe: Arc<Universe>,
    name: FileName,
    seed: u64,
    size: Size,
    empty: EmptyFile,
}

/// Finds a file at the configured time.
///
/// # Errors
/// Fails when it does not exist.
pub(crate) fn find(config: &Config, name: FileName) -> Result<File, Refusal> {
    let universe = Universe::of(config, &name.exchange).ok_or(Refusal::UnknownExchange)?;
    let profile = universe.profile;
    let now_us = config.now.timestamp_micros();
    let Some(subject) = universe.subject(&name.symbol).filter(|s| is_announced(*s, now_us)) else {
        let meant = name.symbol.replace(['/', ':'], "-").to_uppercase();
        return Err(Refusal::UnknownSymbol { hint: universe.subject(&meant).map(|_| meant) });
    };
    let offered = subject.data_types(profile);
    if !offered.contains(&name.data_type) {
        return Err(Refusal::NoSuchDataType { offered });
    }
    let (since_us, to_us) = subject.available(profile, now_us);
    if name.day.start_us() >= exported_until(profile, now_us) && profile.end_day().is_none() {
        return Err(Refusal::NotExported { since_us, to_us });
    }
    if name.day.end_us() <= since_us || name.day.start_us() >= to_us {
        return Err(Refusal::Outside { since_us, to_us });
    }
    Ok(File { universe, name, seed: config.seed, size: config.size, empty: config.options.empty_file })
}

/// Whether a symbol is listed in the metadata.
fn is_announced(subject: Subject<'_>, now_us: i64) -> bool {
    match subject {
        Subject::One(listing) => listing.since_us <= now_us,
        Subject::Group(_) => true,
    }
}

impl File {
    /// Generates the CSV text of a version of the file; versions are counted from 0.
    pub(crate) fn csv(&self, issue: u32) -> Vec<u8> {
        let rows = match self.universe.subject(&self.name.symbol) {
            Some(Subject::One(listing)) => self.rows(listing, issue),
            Some(Subject::Group(kind)) => self.group_rows(kind, issue),
            None => Rows::default(),
        };
        if rows.is_empty() && self.empty == EmptyFile::NoBytes {
            return Vec::new();
        }
        let mut text = self.name.data_type.table().csv_header().into_bytes();
        text.push(b'\n');
        rows.append_to(&mut text);
        text
    }

    fn rows(&self, listing: &Listing, issue: u32) -> Rows {
        let source = self.source(listing, issue);
        rows::write(self.name.data_type, source, &MarketDay::generate(source, self.name.day))
    }

    fn group_rows(&self, kind: Kind, issue: u32) -> Rows {
        let members = self.universe.members(kind, self.name.day);
        merge::merge_by_arrival(members.map(|listing| self.rows(listing, issue)).collect())
    }

    fn source<'a>(&'a self, listing: &'a Listing, issue: u32) -> Source<'a> {
        Source { profile: self.universe.profile, listing, seed: self.seed, size: self.size, issue }
    }
}
