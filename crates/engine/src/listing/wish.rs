//! What a user wants listed, and what was found of it.

use std::collections::BTreeSet;

use mtdh_core::key::InstrumentType;
use mtdh_core::partition::{Origin, Status};
use mtdh_core::{DataType, DayRange};

use super::{Listed, What};
use crate::selection::{Filter, Selection};

/// What a user wants listed.
#[derive(Clone, Debug, Default)]
pub struct ListWish {
    /// What.
    pub what: What,
    /// Filters; one that is not set filters nothing.
    pub filter: Filter,
    /// Days; `None`: all.
    pub days: Option<DayRange>,
    /// Whose data.
    pub origin: Origin,
    /// All that the lake has, whatever its lake.toml wants.
    pub everything: bool,
    /// Whether the vendor may be asked about a venue that neither the program nor the lake knows.
    pub asks_vendor: bool,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct ListFound {
    /// The things, each once.
    pub listed: Vec<Listed>,
    /// The sets of lake.toml that it is about; `None`: it is about all that the wish selects.
    pub sets: Option<Vec<String>>,
    /// Notes for people, one sentence each.
    pub notes: Vec<String>,
    /// Names that were asked for and that nothing has, each with names that may be meant.
    pub unknown: Vec<(String, Vec<String>)>,
}

impl ListFound {
    /// Objects that cannot be trusted, with the reasons.
    pub fn unreadable(&self) -> impl Iterator<Item = &str> {
        self.listed.iter().filter_map(|one| match &one.status {
            Some(Err(reason)) => Some(reason.as_str()),
            _ => None,
        })
    }

    /// Whether all of it can be trusted, and whatever was named is there.
    pub fn is_clean(&self) -> bool {
        let is_nothing = self.sets.as_ref().is_some_and(Vec::is_empty);
        !is_nothing && self.unknown.is_empty() && self.unreadable().next().is_none()
    }

    /// Partitions with rows.
    pub fn stored(&self) -> usize {
        self.listed.iter().filter(|one| matches!(one.status, Some(Ok(Status::Stored)))).count()
    }
}

/// The selection of a wish that no set narrows: a filter that is not set filters nothing, so that the lake is shown as it is.
pub(crate) fn shown_as_it_is(filter: &Filter, mut selection: Selection) -> Selection {
    if filter.data_types.is_empty() {
        selection.data_types = DataType::ALL.to_vec();
    }
    if filter.instrument_types.is_empty() {
        selection.instrument_types = InstrumentType::ALL.to_vec();
    }
    selection
}

/// Names of a selection that nothing has.
pub(crate) fn unknown_names(selection: &Selection, listed: &[Listed]) -> Vec<String> {
    let keys: BTreeSet<_> = listed.iter().filter_map(|one| one.key.as_ref()).collect();
    let unknown = selection.patterns.iter().filter(|pattern| !keys.iter().any(|key| pattern.matches(key)));
    unknown.map(ToString::to_string).collect::<BTreeSet<String>>().into_iter().collect()
}
