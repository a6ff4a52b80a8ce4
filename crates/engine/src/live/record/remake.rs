//! What recorders before left: their captures are sealed and brought into the lake, and their rows are made.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use mtdh_lake::Lake;
use mtdh_lake::live::{Found, Recovered, SessionId, found, recover};
use mtdh_source::live::clock;
use mtdh_source::live::out::Gap;

use super::claim::Claim;
use super::mark::{Mark, left};
use super::{Prepared, Progress, Tell};
use crate::EngineError;
use crate::live::LiveError;
use crate::live::events::session_gap;
use crate::live::parts::Of;
use crate::live::plan::{Keys, SessionPlan};
use crate::live::rebuild::{add_gaps, remake_session};
use crate::live::session::Told;
use crate::live::status::of_venue;

/// Seals what dead sessions left, brings it into the lake and makes its rows. When each venue's last session that died received last,
/// microseconds since the Unix epoch, UTC.
pub(super) async fn remake(
    lake: &Lake,
    prepared: &[Prepared],
    tell: &Tell,
) -> Result<BTreeMap<String, i64>, EngineError> {
    let mut crashed = BTreeMap::new();
    let Some(folder) = prepared.first().map(|of| of.settings.folder.clone()) else { return Ok(crashed) };
    let (recovered, left) = dead(&folder).await?;
    let mut sessions: BTreeSet<(String, SessionId)> = BTreeSet::new();
    for one in &recovered {
        sessions.insert((one.segment.name.venue.clone(), one.segment.name.session.clone()));
    }
    for one in &left {
        if let Ok(session) = one.claim.session.parse() {
            sessions.insert((one.claim.exchange.clone(), session));
        }
    }
    for (exchange, session) in &sessions {
        let claim = left.iter().find(|one| one.claim.session == session.as_str()).map(|one| &one.claim);
        let mut segments = found(&folder, exchange).map_err(|source| failed(exchange, source))?;
        segments.retain(|found| found.name.session == *session);
        for segment in &segments {
            lake.upload_found(segment).await?;
        }
        let last = last_of(lake, exchange, session, &recovered).await?;
        if let Some(last) = last {
            match claim.filter(|claim| !is_followed(claim, prepared)) {
                None => {
                    let of = crashed.entry(exchange.clone()).or_insert(last);
                    *of = (*of).max(last);
                }
                Some(_) => open_crash(lake, &segments, last).await?,
            }
        }
        let made = remake_session(lake, exchange, session).await;
        let what = match last {
            Some(_) => format!("session {session} did not end in good order"),
            None => format!("the lake lacked something of session {session}"),
        };
        let text = match &made {
            Ok(published) => {
                let of = recovered.iter().filter(|one| one.segment.name.session == *session);
                let cut: u64 = of.map(|one| one.cut_bytes).sum();
                format!(
                    "{what}: {cut} bytes were cut off, {} parts with {} rows were made of its captures",
                    published.made, published.rows
                )
            }
            Err(error) => {
                format!("{what}, and its rows cannot be made: {}", mtdh_core::error::chain(error))
            }
        };
        if let Some(of) = prepared.iter().find(|of| of.venue.exchange() == exchange) {
            tell(Progress { exchange: of.venue.exchange(), told: Told::Note(text) });
        }
        if made.is_ok()
            && let Some(one) = left.iter().find(|one| one.claim.session == session.as_str())
        {
            one.mark.remove();
        }
    }
    Ok(crashed)
}

/// What a recorder left that ended before all that it recorded was in the lake.
struct Left {
    claim: Claim,
    mark: Mark,
}

/// What dead recorders left in a folder.
async fn dead(folder: &Path) -> Result<(Vec<Recovered>, Vec<Left>), EngineError> {
    let folder = folder.to_owned();
    let look = move || {
        let files = left(&folder).map_err(|source| LiveError::Scratch { source })?;
        let read = |(mark, content): (Mark, Vec<u8>)| match serde_json::from_slice(&content) {
            Ok(claim) => Some(Left { claim, mark }),
            Err(error) => {
                // Torn by a loss of power: its captures are found without it.
                tracing::warn!(%error, "removed a claim that cannot be read");
                mark.remove();
                None
            }
        };
        let left = files.into_iter().filter_map(read).collect();
        Ok::<_, LiveError>((recover(&folder).map_err(|source| failed("dead sessions", source))?, left))
    };
    let looked = tokio::task::spawn_blocking(look).await;
    Ok(looked.unwrap_or_else(|error| Err(LiveError::Scratch { source: std::io::Error::other(error) }))?)
}

/// When a dead session received last; `None`: it ended in good order, or has no line.
async fn last_of(
    lake: &Lake,
    exchange: &str,
    session: &SessionId,
    recovered: &[Recovered],
) -> Result<Option<i64>, EngineError> {
    let own = recovered.iter().filter(|one| one.segment.name.session == *session);
    if let Some(last) = own.filter_map(|one| one.last).max() {
        return Ok(Some(last));
    }
    // Killed just after it had sealed a segment, and before it began the next one.
    let newest = of_venue(lake, exchange, clock::now()).await?;
    Ok(newest
        .filter(|newest| newest.session == session.as_str() && !newest.is_ended)
        .and_then(|newest| newest.last_us))
}

/// Writes down that the symbols of a session are recorded no more since it crashed: gaps without an end.
async fn open_crash(lake: &Lake, segments: &[Found], last: i64) -> Result<(), EngineError> {
    let Some(first) = segments.first() else { return Ok(()) };
    let failed = |source| failed(&first.name.venue, source);
    let reader = match first.read().map_err(failed)? {
        Some(so_far) => so_far.reader().map_err(failed)?,
        None => None,
    };
    let Some(session) = reader.map(|reader| reader.header().session.clone()) else { return Ok(()) };
    let Some(plan) = SessionPlan::parse(&session.plan) else { return Ok(()) };
    let Some(venue) = plan.venue() else { return Ok(()) };
    let gap = |symbol: &String| Gap {
        symbol: Some(symbol.clone()),
        ..session_gap(
            "crash",
            last,
            last,
            "its recorder did not end in good order, and none has followed".to_owned(),
        )
    };
    let gaps: Vec<Gap> = plan.symbols.iter().map(gap).collect();
    let of = Of { venue, plan_hash: session.plan_hash(), session: session.id };
    add_gaps(lake, &of, &mut Keys::of(&plan), &gaps).await
}

/// Whether what a dead recorder recorded is recorded again, if only in part: then a gap ends where it comes again.
fn is_followed(claim: &Claim, prepared: &[Prepared]) -> bool {
    let is_of = |of: &&Prepared| of.plan.exchange == claim.exchange;
    prepared.iter().filter(is_of).any(|of| {
        let plan = Claim {
            symbols: of.plan.symbols.clone(),
            data_types: of.plan.data_types.clone(),
            ..claim.clone()
        };
        !claim.shared(&plan).is_empty()
    })
}

fn failed(exchange: &str, source: mtdh_lake::live::CaptureError) -> LiveError {
    LiveError::Capture { exchange: exchange.to_owned(), source }
}
