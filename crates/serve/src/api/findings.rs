//! What checks found, as the lake keeps it.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::BoxFuture;
use mtdh_core::key::InstrumentType;
use mtdh_core::universe::KeyPattern;
use mtdh_core::{DataType, DayRange};
use mtdh_engine::Day;
use mtdh_engine::check::kept::KeptLine;
use serde_json::{Value, json};

use super::coverage::{page_of, range};
use super::scrub::scrubbed;
use super::status::{document, rfc3339};
use super::{Answered, Ask};
use crate::findings::{Kept, days};
use crate::problem::Problem;
use crate::state::now_us;

/// The filters of a request.
struct Filters {
    venues: Vec<String>,
    kinds: Vec<InstrumentType>,
    types: Vec<DataType>,
    patterns: Vec<KeyPattern>,
    groups: Vec<String>,
    check: Option<String>,
    severities: Vec<String>,
    objects: Option<String>,
}

impl Filters {
    fn of(ask: &Ask) -> Filters {
        let text = |name: &str| ask.given.text(name).map(str::to_owned);
        Filters {
            venues: ask.given.list("venue").iter().map(|venue| venue.to_ascii_uppercase()).collect(),
            kinds: ask.given.list("instrument_type").iter().filter_map(|text| text.parse().ok()).collect(),
            types: ask.given.list("type").iter().filter_map(|text| text.parse().ok()).collect(),
            patterns: ask.given.list("key").iter().map(|text| KeyPattern::new(text)).collect(),
            groups: ask.given.list("group"),
            check: text("check"),
            severities: ask.given.list("severity"),
            objects: text("objects"),
        }
    }

    /// Whether a line is about what is meant. What is of a day as a whole is of no venue, key or type.
    fn takes_subject(&self, kept: &KeptLine) -> bool {
        let subject = &kept.line.subject;
        let key = subject.key.as_ref();
        (self.venues.is_empty() || key.is_some_and(|key| self.venues.iter().any(|v| v == key.venue())))
            && (self.kinds.is_empty() || key.is_some_and(|key| self.kinds.contains(&key.instrument_type())))
            && (self.types.is_empty() || subject.data_type.is_some_and(|t| self.types.contains(&t)))
            && (self.patterns.is_empty()
                || key.is_some_and(|key| self.patterns.iter().any(|p| p.matches(key))))
    }

    fn takes_group(&self, group: &str) -> bool {
        self.groups.is_empty() || self.groups.iter().any(|wanted| wanted == group)
    }

    fn takes(&self, kept: &Kept<'_>) -> bool {
        let found = kept.found;
        self.check.as_ref().is_none_or(|check| *check == found.check)
            && (self.severities.is_empty() || self.severities.iter().any(|s| s == found.severity.name()))
            && self.objects.as_ref().is_none_or(|objects| objects == kept.objects())
            && kept.kept.line.groups.iter().any(|group| self.takes_group(group))
    }
}

/// A line of a report of checks as a document.
pub(super) fn line_document(kept: &KeptLine) -> Value {
    let line = &kept.line;
    let key = line.subject.key.as_ref();
    let mut answer = json!({
        "day": line.day.to_string(),
        "venue": key.map(|key| key.venue()),
        "instrument_type": key.map(|key| key.instrument_type().name()),
        "key": key.map(|key| key.as_str()),
        "type": line.subject.data_type.map(DataType::name),
        "checked_at": rfc3339(line.run.checked_us),
        "made_by": line.run.made_by,
        "range": [line.run.first_day.to_string(), line.run.last_day.to_string()],
        "selection": line.run.selection,
        "settings": line.run.settings,
        "objects": if kept.is_current { "current" } else { "older" },
    });
    match &line.found {
        None => {
            answer["groups"] = json!(line.groups);
            answer["rows_read"] = line.rows.into();
        }
        Some(found) => {
            answer["group"] = line.groups.first().cloned().into();
            answer["check"] = found.check.as_str().into();
            answer["severity"] = found.severity.name().into();
            answer["from"] = found.range_us.map(|range| rfc3339(range.0)).into();
            answer["to"] = found.range_us.map(|range| rfc3339(range.1)).into();
            answer["count"] = found.count.into();
            answer["cause"] = found.cause.as_deref().into();
            answer["explanation"] = found.explanation.as_deref().map(scrubbed).into();
            answer["examples"] = found.examples.iter().map(|text| scrubbed(text)).collect();
        }
    }
    answer
}

/// What a group of checks looked at.
#[derive(Default)]
struct Looked {
    things: u64,
    older: u64,
    first_us: Option<i64>,
    last_us: Option<i64>,
}

/// Without a start, days that were checked and have nothing belong to the range too: all of them may be missing.
async fn widened(ask: &Ask, range: Option<DayRange>) -> Result<Option<DayRange>, Problem> {
    if ask.given.days("start")?.is_some() {
        return Ok(range);
    }
    let checked = ask.state.context.checked_days().await?;
    let days = || checked.iter().copied().chain(range.iter().flat_map(|range| [range.first(), range.last()]));
    let last = match ask.given.days("end")? {
        Some(end) => Some(end.last()),
        None => days().max(),
    };
    Ok(days().min().zip(last).and_then(|(first, last)| DayRange::new(first, last).ok()))
}

pub(super) fn list(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let filters = Filters::of(&ask);
        let (skip, limit) = page_of(&ask)?;
        let range = widened(&ask, range(&ask).await?).await?;
        let seen = match range {
            Some(range) => days(&ask.state, range).await?,
            None => Vec::new(),
        };
        let lines =
            || seen.iter().flat_map(|day| day.lines.iter()).filter(|kept| filters.takes_subject(kept));
        let mut checked: BTreeMap<&str, Looked> = BTreeMap::new();
        for kept in lines().filter(|kept| kept.line.found.is_none()) {
            for group in kept.line.groups.iter().filter(|group| filters.takes_group(group)) {
                let looked = checked.entry(group.as_str()).or_default();
                let at = kept.line.run.checked_us;
                looked.things += 1;
                looked.older += u64::from(!kept.is_current);
                looked.first_us = Some(looked.first_us.map_or(at, |first| first.min(at)));
                looked.last_us = looked.last_us.max(Some(at));
            }
        }
        let group = |(group, looked): (&str, Looked)| {
            json!({
                "group": group, "things": looked.things, "older": looked.older,
                "first_checked_at": looked.first_us.map(rfc3339), "last_checked_at": looked.last_us.map(rfc3339),
            })
        };
        let meant = || lines().filter(|kept| Kept::of(kept).is_some_and(|kept| filters.takes(&kept)));
        let total = meant().count();
        let page: Vec<Value> = meant().skip(skip).take(limit).map(line_document).collect();
        let next = (skip + page.len() < total && !page.is_empty())
            .then(|| ask.next(&(skip + page.len()).to_string()));
        let has_lines: BTreeSet<Day> =
            seen.iter().filter(|day| !day.lines.is_empty()).map(|day| day.day).collect();
        let of_lake = ask.state.context.days().await?;
        let unchecked: Vec<String> = of_lake
            .into_iter()
            .filter(|day| range.is_some_and(|range| range.contains(*day)) && !has_lines.contains(day))
            .map(|day| day.to_string())
            .collect();
        Ok(document(&json!({
            "as_of": rfc3339(seen.iter().map(|day| day.as_of_us).min().unwrap_or_else(now_us)),
            "total": total,
            "findings": page,
            "next": next,
            "checked": checked.into_iter().map(group).collect::<Vec<_>>(),
            "unchecked_days": unchecked,
        })))
    })
}
