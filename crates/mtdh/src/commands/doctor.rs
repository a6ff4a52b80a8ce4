//! `mtdh doctor`: whether settings, vendor, key, lake, disk and clock are fit for a run, a line each.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use chrono::{DateTime, Utc};
use mtdh_engine::doctor::{Access, LakeState, Reached};
use mtdh_engine::{INFLATER, LakeError, MetadataError, chain};
use serde::Serialize;

use crate::exit::Outcome;
use crate::hints::hint;
use crate::output::{Rows, many, note, print, size};
use crate::session::Session;
use crate::settings::{Setting, Settings};

/// A clock that is further off than this confuses signatures of requests, and which day has ended.
const MOST_CLOCK_SECONDS: u64 = 60;
/// Below this a disk is nearly full: one busy day of an exchange needs more.
const LEAST_FREE_BYTES: u64 = 5_000_000_000;

/// What was found about one thing.
#[derive(Debug, Serialize)]
struct Line {
    subject: &'static str,
    /// `ok`, `note` or `fault`.
    state: &'static str,
    found: String,
    /// What to do; `None`: nothing.
    remedy: Option<String>,
}

impl Line {
    fn ok(subject: &'static str, found: String) -> Line {
        Line { subject, state: "ok", found, remedy: None }
    }

    fn note(subject: &'static str, found: String, remedy: &str) -> Line {
        Line { subject, state: "note", found, remedy: Some(remedy.to_owned()) }
    }

    fn fault(subject: &'static str, error: anyhow::Error) -> Line {
        let (found, remedy) = (chain(error.as_ref()), hint(&error));
        Line { subject, state: "fault", found, remedy }
    }
}

pub async fn run(session: &Session<'_>, settings: &Settings) -> Result<Outcome> {
    let mut lines = vec![Line::ok(
        "version",
        format!(
            "mtdh {} on {} {}, inflates by {INFLATER}",
            env!("CARGO_PKG_VERSION"),
            std::env::consts::OS,
            std::env::consts::ARCH
        ),
    )];
    lines.extend(settings.shown().into_iter().filter(|(_, _, origin)| origin != "default").map(set));
    match session.context() {
        Err(error) => lines.push(Line::fault("settings", error)),
        Ok(context) => {
            let found = context.examine().await;
            match found.vendor {
                Some(reached) => vendor(reached, &mut lines),
                None => {
                    lines.push(Line::ok("vendor", "not asked: vendor files come from a folder".to_owned()))
                }
            }
            lines.push(key(found.key));
            lines.push(lake(context.lake_url(), found.lake));
            let folder = context.lake_folder().map_or_else(std::env::temp_dir, Path::to_owned);
            lines.extend(disk(&folder));
        }
    }
    let mut rows = Rows::new(&["subject", "state", "found"]);
    rows.rows = lines
        .iter()
        .map(|line| vec![line.subject.to_owned(), line.state.to_owned(), line.found.clone()])
        .collect();
    print(session.format, &rows, &lines)?;
    for line in &lines {
        if let Some(remedy) = &line.remedy {
            note(&format!("{}: {remedy}", line.subject));
        }
    }
    let faults = lines.iter().filter(|line| line.state == "fault").count();
    note(&match faults {
        0 => "nothing is in the way of a run".to_owned(),
        faults => format!("{} in the way of a run", many(faults as u64, "fault")),
    });
    Ok(if faults == 0 { Outcome::Clean } else { Outcome::Unfit })
}

fn set((setting, value, origin): (&Setting, String, String)) -> Line {
    Line::ok("setting", format!("{} = {value} ({origin})", setting.name))
}

fn vendor(reached: Result<Reached, MetadataError>, lines: &mut Vec<Line>) {
    let Reached { exchanges, clock_ahead } = match reached {
        Ok(reached) => reached,
        Err(error) => return lines.push(Line::fault("vendor", error.into())),
    };
    lines.push(Line::ok("vendor", format!("answers, and lists {}", many(exchanges as u64, "exchange"))));
    lines.push(match clock_ahead {
        None => Line::note(
            "clock",
            "not compared: the vendor's answer has no time".to_owned(),
            "compare it yourself: date -u",
        ),
        Some(ahead) if ahead.unsigned_abs() > MOST_CLOCK_SECONDS => {
            let side = if ahead > 0 { "ahead of" } else { "behind" };
            let seconds = ahead.unsigned_abs();
            let remedy = "set this machine's clock: a day is over, and a signature is valid, by it";
            Line { state: "fault", ..Line::note("clock", format!("{seconds} s {side} the vendor's"), remedy) }
        }
        Some(ahead) => Line::ok("clock", format!("{} s from the vendor's", ahead.unsigned_abs())),
    });
}

fn key(found: Option<Result<Vec<Access>, MetadataError>>) -> Line {
    match found {
        None => Line::note(
            "key",
            "not set: first days of months only".to_owned(),
            "to read other days, set TARDIS_API_KEY in the environment or in .env",
        ),
        Some(Err(error)) => Line::fault("key", error.into()),
        Some(Ok(covered)) if covered.is_empty() => {
            let remedy = "renew it, or set another one: first days of months need none";
            Line {
                state: "fault",
                ..Line::note("key", "it covers nothing: it has expired".to_owned(), remedy)
            }
        }
        Some(Ok(covered)) => Line::ok("key", coverage(&covered)),
    }
}

/// What a key covers, as `PLAN of EXCHANGES, from DAY until DAY`; the days are the first and the last of all its exchanges.
fn coverage(covered: &[Access]) -> String {
    let mut plans: BTreeMap<&str, Vec<&Access>> = BTreeMap::new();
    for of in covered {
        plans.entry(if of.plan.is_empty() { "a plan" } else { &of.plan }).or_default().push(of);
    }
    let day = |time: DateTime<Utc>| time.date_naive().to_string();
    let plan = |(plan, all): (&str, Vec<&Access>)| {
        let exchanges = match all.as_slice() {
            few @ ([_] | [_, _] | [_, _, _]) => {
                few.iter().map(|of| of.exchange.as_str()).collect::<Vec<_>>().join(", ")
            }
            all => many(all.len() as u64, "exchange"),
        };
        let from = all
            .iter()
            .map(|of| of.from)
            .min()
            .flatten()
            .map_or_else(String::new, |t| format!(", from {}", day(t)));
        let to = all.iter().map(|of| of.to).collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max());
        let to = to.map_or_else(String::new, |time| format!(" until {}", day(time)));
        format!("{plan} of {exchanges}{from}{to}")
    };
    format!("valid; it covers {}", plans.into_iter().map(plan).collect::<Vec<_>>().join("; "))
}

fn lake(url: &str, state: LakeState) -> Line {
    let url = mtdh_core::text::without_credentials(url);
    match state {
        LakeState::Usable { days } => Line::ok(
            "lake",
            format!("{url} can be listed, written and changed; it has {}", many(days as u64, "day")),
        ),
        LakeState::ReadOnly { days, reason } => Line::note(
            "lake",
            format!(
                "{url} can be read and not written ({}); it has {}",
                chain(&reason),
                many(days as u64, "day")
            ),
            "nothing to do for reading; for a download, give these credentials the right to write",
        ),
        LakeState::Unusable(error) => {
            let error: LakeError = error;
            Line::fault("lake", error.into())
        }
    }
}

/// The free room where objects are made; none where the system does not tell.
fn disk(folder: &Path) -> Option<Line> {
    let place = folder.ancestors().find(|folder| folder.exists())?;
    let stat = rustix::fs::statvfs(place).ok()?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let found = format!("{} free at {}", size(free), place.display());
    Some(if free < LEAST_FREE_BYTES {
        Line::note(
            "disk",
            found,
            "a busy day of an exchange needs several gigabytes: make room, or name another folder",
        )
    } else {
        Line::ok("disk", found)
    })
}
