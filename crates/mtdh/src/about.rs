//! What a verb is about: what is wanted of the lake, narrowed by flags; else what was asked of it; else what flags say.

use anyhow::{Result, bail};
use mtdh_core::DayRange;
use mtdh_core::want::WantedSet;
use mtdh_engine::want::Narrowing;
use mtdh_engine::{Context, EngineError, Filter, Selection};

use crate::args::FilterArgs;
use crate::output::{many, note};
use crate::session::check_venues;

/// What a verb is about.
pub struct About {
    /// One or more selections.
    pub selections: Vec<Selection>,
    /// The sets of `lake.toml` behind them, in the same order. Empty: flags or earlier runs say what it is about.
    pub sets: Vec<WantedSet>,
    /// The names of these sets, each with its days.
    pub names: Vec<String>,
    /// What it is about, in words for people; `None`: what the flags say.
    pub plain: Option<String>,
}

/// What a verb is about without a `lake.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Without {
    /// What was ever asked of the lake, if no filter is given: a verdict.
    Asked,
    /// What the flags say.
    Flags,
}

/// Whether a verb is about what is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// It is, if anybody wrote that down.
    Wanted,
    /// It is about all that the flags select.
    Everything,
}

impl Scope {
    /// By the flag `--everything`.
    pub fn of(everything: bool) -> Scope {
        if everything { Scope::Everything } else { Scope::Wanted }
    }
}

/// Decides what a verb is about, says it, and checks the venues. `by_flags` makes the selection of the flags alone.
///
/// # Errors
/// When the lake cannot be read, nothing is left, or days are needed and not given.
pub async fn about(
    context: &Context,
    filters: &FilterArgs,
    days: Option<DayRange>,
    scope: Scope,
    without: Without,
    by_flags: fn(&Filter, DayRange) -> Result<Selection, EngineError>,
) -> Result<About> {
    let filter = filters.filter();
    if scope == Scope::Wanted {
        let by = Narrowing { filter: filter.clone(), days };
        if let Some(about) = wanted(context, &by).await? {
            return Ok(about);
        }
        if without == Without::Asked
            && filters.is_empty()
            && let Some(about) = asked(context, &by).await?
        {
            return Ok(about);
        }
    }
    let Some(days) = days else {
        bail!("--start-date is needed: the lake has no lake.toml that says what is wanted of it");
    };
    let selection = by_flags(&filter, days)?;
    check_venues(context, &selection).await?;
    Ok(About { selections: vec![selection], sets: Vec::new(), names: Vec::new(), plain: None })
}

async fn wanted(context: &Context, by: &Narrowing) -> Result<Option<About>> {
    let Some(sets) = context.chosen(by).await? else { return Ok(None) };
    if sets.is_empty() {
        bail!(
            "nothing that lake.toml wants is left by these flags; --everything is about all that they select"
        );
    }
    let mut about = About { selections: Vec::new(), sets: Vec::new(), names: Vec::new(), plain: None };
    for chosen in sets {
        check_venues(context, &chosen.selection).await?;
        let days = chosen.selection.days;
        about.names.push(format!("{} {} to {}", chosen.name, days.first(), days.last()));
        about.selections.push(chosen.selection);
        about.sets.push(chosen.set);
    }
    let plain = format!("about what lake.toml wants: {}", about.names.join("; "));
    note(&plain);
    about.plain = Some(plain);
    Ok(Some(about))
}

async fn asked(context: &Context, by: &Narrowing) -> Result<Option<About>> {
    let Some(found) = context.asked(by).await? else { return Ok(None) };
    for line in &found.forgotten {
        note(&format!("forgotten, so that nothing is said of it: {line}"));
    }
    if found.asked.is_empty() {
        return Ok(None);
    }
    let count = many(found.asked.len() as u64, "selection");
    let plain = format!("about what was asked of this lake, {count}");
    note(&format!("{plain}; --everything is about the venues' whole lists"));
    let selections: Vec<Selection> = found.asked.into_iter().map(|asked| asked.selection).collect();
    for selection in &selections {
        check_venues(context, selection).await?;
    }
    Ok(Some(About { selections, sets: Vec::new(), names: Vec::new(), plain: Some(plain) }))
}

impl About {
    /// From the first day of all to the last.
    pub fn days(&self) -> Option<DayRange> {
        let first = self.selections.iter().map(|selection| selection.days.first()).min()?;
        let last = self.selections.iter().map(|selection| selection.days.last()).max()?;
        DayRange::new(first, last).ok()
    }

    /// The shortest time in which each set lets a missing export pass, hours; `None`: flags say what it is about.
    pub fn export_grace_hours(&self) -> Option<u32> {
        self.sets.iter().map(|set| set.export_grace_hours).min()
    }
}
