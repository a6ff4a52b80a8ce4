//! Who records what into a lake, so that no two recorders record the same: the second refuses, and names the first.
//!
//! Two places say it. A file beside the captures is locked while its recorder lives; the system releases the lock of a dead process, so
//! that a restart in the same folder goes on at once. An object of the lake has all recorders of an exchange, each with a beat that it
//! renews. Who cannot see the file, as it is on another machine, waits until the beat has stood still for a whole lease by its own clock.
//!
//! Recorders of different symbols, or of different data types of the same, may run beside each other.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use mtdh_lake::live::SessionId;
use mtdh_lake::{Lake, LakeError, LakePath};
use mtdh_source::live::clock;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::mark::{self, Life, Mark};
use crate::EngineError;
use crate::live::LiveError;
use crate::live::plan::SessionPlan;

/// A recorder on another machine is taken for dead when its beat stood still for so long.
pub(super) const LEASE: Duration = Duration::from_secs(30);
/// A lease that another program wrote counts no longer than this.
const LONGEST: Duration = Duration::from_secs(600);

/// What a recorder says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claim {
    /// The vendor's exchange id.
    pub exchange: String,
    /// Its session, by which captures are named.
    pub session: String,
    /// Process and machine.
    pub holder: String,
    /// When it began, UTC.
    pub since: String,
    /// Where it writes captures.
    pub folder: String,
    /// Symbols as the exchange writes them.
    pub symbols: Vec<String>,
    /// Names of data types.
    pub data_types: Vec<String>,
    /// After so many seconds without a new beat it counts as dead.
    pub seconds: u64,
    /// How often it was renewed.
    pub beat: u64,
    /// The parts of all rows that arrived before this time are in the lake, microseconds since the Unix epoch, UTC.
    pub brought_us: i64,
}

impl Claim {
    /// What a session is to record.
    pub fn new(plan: &SessionPlan, session: &SessionId, folder: &Path, lease: Duration) -> Claim {
        Claim {
            exchange: plan.exchange.clone(),
            session: session.to_string(),
            holder: mark::own_name(),
            since: crate::runs::summary::now(),
            folder: std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()).display().to_string(),
            symbols: plan.symbols.clone(),
            data_types: plan.data_types.clone(),
            seconds: lease.as_secs(),
            beat: 0,
            brought_us: clock::now(),
        }
    }

    /// The symbols of which both record the same.
    pub fn shared(&self, other: &Claim) -> Vec<String> {
        let is_shared = |symbol: &&String| other.symbols.contains(symbol);
        match self.data_types.iter().any(|of| other.data_types.contains(of)) {
            true => self.symbols.iter().filter(is_shared).cloned().collect(),
            false => Vec::new(),
        }
    }

    /// Whether its recorder lives, as far as its file says.
    pub fn life(&self) -> Life {
        mark::life(&mark::path(Path::new(&self.folder), &self.exchange, &self.session))
    }
}

/// A claim that is held.
pub(super) struct Held {
    lake: Lake,
    own: Claim,
    mark: Mark,
    brought: AtomicI64,
}

/// When beats of others were first seen.
pub(super) type Seen = BTreeMap<String, (u64, Instant)>;

impl Held {
    /// Takes a claim. `tell` hears of whom it waits for.
    ///
    /// # Errors
    /// [`LiveError::Held`] if another recorder records the same; else if the lake or the disk refuses.
    pub async fn take(lake: &Lake, own: Claim, tell: impl Fn(String)) -> Result<Held, EngineError> {
        // Texts and numbers alone always make JSON.
        let content = serde_json::to_vec_pretty(&own).unwrap_or_default();
        let path = mark::path(Path::new(&own.folder), &own.exchange, &own.session);
        let mark = Mark::new(path, &content).map_err(|source| LiveError::Scratch { source })?;
        let brought = AtomicI64::new(own.brought_us);
        let held = Held { lake: lake.clone(), own, mark, brought };
        match held.enter(tell).await {
            Ok(()) => Ok(held),
            Err(error) => {
                held.mark.remove();
                Err(error)
            }
        }
    }

    async fn enter(&self, tell: impl Fn(String)) -> Result<(), EngineError> {
        let (mut seen, mut is_told) = (Seen::new(), false);
        loop {
            let mut met: Option<Claim> = None;
            self.change(|claims| {
                claims.retain(|other| other.life() != Life::Dead && !is_silent(other, &seen));
                met = self.other(claims);
                if met.is_none() && !claims.iter().any(|of| of.session == self.own.session) {
                    claims.push(self.own.clone());
                }
            })
            .await?;
            let Some(other) = met else { return Ok(()) };
            let (beat, _) = *seen.entry(other.session.clone()).or_insert((other.beat, Instant::now()));
            if other.life() == Life::Alive || other.beat != beat {
                let symbols = self.own.shared(&other);
                let Claim { exchange, holder, since, session, .. } = other;
                return Err(LiveError::Held { exchange, symbols, holder, since, session }.into());
            }
            if !is_told {
                is_told = true;
                tell(format!(
                    "{} recorded the same since {} and may be dead; waiting for a sign of it, for at most {} s",
                    other.holder,
                    other.since,
                    lease(&other).as_secs()
                ));
            }
            tokio::time::sleep((lease(&other) / 30).max(Duration::from_millis(100))).await;
        }
    }

    /// The parts of all rows that arrived before this time are in the lake, microseconds since the Unix epoch, UTC. Others hear it with the
    /// next renewal.
    pub fn brought(&self, us: i64) {
        self.brought.store(us, Ordering::Release);
    }

    /// Renews the claim for ever, every third of a lease. Ends if another recorder has taken it over: who.
    pub async fn keep(&self) -> String {
        loop {
            tokio::time::sleep(lease(&self.own) / 3).await;
            match self.renew().await {
                Ok(None) => {}
                Ok(Some(other)) => return format!("{} records the same since {}", other.holder, other.since),
                Err(error) => {
                    let error = mtdh_core::error::chain(&error);
                    tracing::warn!(
                        exchange = self.own.exchange,
                        error,
                        "the lake does not say that this recorder lives"
                    );
                }
            }
        }
    }

    /// Says that this recorder lives. Who has taken its place, if somebody has, while the lake heard nothing of it.
    async fn renew(&self) -> Result<Option<Claim>, LakeError> {
        let mut met = None;
        self.change(|claims| match claims.iter_mut().find(|of| of.session == self.own.session) {
            Some(own) => (own.beat, own.brought_us) = (own.beat + 1, self.brought.load(Ordering::Acquire)),
            None => {
                met = self.other(claims);
                if met.is_none() {
                    claims.push(self.own.clone());
                }
            }
        })
        .await?;
        Ok(met)
    }

    /// Ends the claim. All that the session recorded is in the lake, or it is not, and the next recorder sees to it.
    pub async fn end(self, is_all_there: bool) {
        let change = self.change(|claims| claims.retain(|of| of.session != self.own.session));
        // A lake that does not hear it sees that the file is locked no more, or waits for the lease.
        if let Ok(Err(error)) = tokio::time::timeout(GOODBYE, change).await {
            tracing::debug!(error = %mtdh_core::error::chain(&error), "the lake did not hear that this recorder ended");
        }
        if is_all_there {
            self.mark.remove();
        }
    }

    /// Another recorder of the same that is not known to be dead.
    fn other(&self, claims: &[Claim]) -> Option<Claim> {
        let is_other =
            |other: &&Claim| other.session != self.own.session && !self.own.shared(other).is_empty();
        let mut others = claims.iter().filter(is_other).filter(|other| other.life() != Life::Dead);
        let first = others.next()?;
        Some(others.find(|other| other.life() == Life::Alive).unwrap_or(first).clone())
    }

    async fn change(&self, mut change: impl FnMut(&mut Vec<Claim>)) -> Result<(), LakeError> {
        let path = self.lake.layout().recorders(&self.own.exchange);
        let changed = |old: Option<&Bytes>| {
            let mut claims = read(&path, old)?;
            change(&mut claims);
            // Texts and numbers alone always make JSON.
            Ok(serde_json::to_vec_pretty(&claims).unwrap_or_default().into())
        };
        self.lake.update(&path, changed).await
    }
}

/// The lake has so long to hear that a recorder ended.
const GOODBYE: Duration = Duration::from_secs(3);

/// The sessions of an exchange whose recorders are not known to be dead.
///
/// # Errors
/// If the lake cannot be read.
pub(super) async fn living(lake: &Lake, exchange: &str) -> Result<Vec<String>, LakeError> {
    let path = lake.layout().recorders(exchange);
    let claims = read(&path, lake.read(&path).await?.as_ref())?;
    Ok(claims.into_iter().filter(|claim| claim.life() != Life::Dead).map(|claim| claim.session).collect())
}

/// The time before which all recorders that may live have brought their rows into the lake, microseconds since the Unix epoch, UTC. `seen`
/// is kept between calls: a beat that stands still for a lease is a dead one's.
///
/// # Errors
/// If the lake cannot be read.
pub(super) async fn all_brought(lake: &Lake, seen: &mut Seen) -> Result<i64, LakeError> {
    let mut brought = i64::MAX;
    for exchange in lake.captured_venues().await? {
        let path = lake.layout().recorders(&exchange);
        for claim in read(&path, lake.read(&path).await?.as_ref())? {
            let first = seen.entry(claim.session.clone()).or_insert((claim.beat, Instant::now()));
            if first.0 != claim.beat {
                *first = (claim.beat, Instant::now());
            }
            if claim.life() != Life::Dead && !is_silent(&claim, seen) {
                brought = brought.min(claim.brought_us);
            }
        }
    }
    Ok(brought)
}

fn read(path: &LakePath, bytes: Option<&Bytes>) -> Result<Vec<Claim>, LakeError> {
    let Some(bytes) = bytes else { return Ok(Vec::new()) };
    serde_json::from_slice(bytes).map_err(|error| {
        let reason = format!("{error}; delete it once no recorder runs");
        LakeError::WrongTable { path: path.to_string(), reason }
    })
}

fn lease(claim: &Claim) -> Duration {
    Duration::from_secs(claim.seconds).min(LONGEST)
}

fn is_silent(claim: &Claim, seen: &Seen) -> bool {
    claim.life() == Life::Unknown
        && seen
            .get(&claim.session)
            .is_some_and(|(beat, at)| *beat == claim.beat && at.elapsed() >= lease(claim))
}
