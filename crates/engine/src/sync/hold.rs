//! Who brings a lake to what is wanted: one process at a time.
//!
//! The hold is one object, changed only on condition that it is as it was read, on a disk, on GCS and on S3. Its holder renews it
//! many times in a lease. Another process watches it by its own clock: one renewal, and the holder lives; none in a whole lease, and
//! the other takes it. A holder that finds another one stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use mtdh_core::footer::FORMAT_VERSION;
use mtdh_lake::{Lake, LakeError};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::check::lake::now_us;
use crate::error::EngineError;

/// Renewals in a lease.
const BEATS: u32 = 12;

/// Time after which a process that waits for a silent holder says so.
const SAID_AFTER: Duration = Duration::from_secs(2);

/// The longest lease that another process is granted, seconds: the limit of the setting.
const LONGEST: f64 = 86_400.0;

/// The object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Note {
    #[serde(default)]
    format_version: u32,
    /// Machine, process, and a part that makes it unique.
    holder: String,
    /// Renewals, of all holders.
    beat: u64,
    /// Seconds without a renewal after which another process may take over.
    seconds: f64,
    /// Whether the holder goes on.
    is_held: bool,
    /// What came out of it last.
    #[serde(default)]
    last: LastSync,
}

/// What came of the runs before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LastSync {
    /// Start of the last run that succeeded, microseconds since the Unix epoch, UTC; `None`: there is none.
    pub success_us: Option<i64>,
    /// End of the last run, microseconds since the Unix epoch, UTC; `None`: there is none.
    pub ended_us: Option<i64>,
    /// Its verdict, a word; `None`: there is none.
    pub verdict: Option<String>,
}

/// What a process does that finds another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// It ends.
    None,
    /// It waits until the other has ended.
    Endless,
}

/// The hold on a lake.
pub(super) struct Hold {
    lake: Lake,
    holder: String,
    began_us: i64,
    is_lost: Arc<AtomicBool>,
    renewal: JoinHandle<()>,
    /// What came of the runs before.
    pub last: LastSync,
}

impl Hold {
    /// Takes the hold. `stop` ends the waiting, and is cancelled when the hold is lost.
    ///
    /// # Errors
    /// [`EngineError::SyncRuns`] when another process has it, and the store's.
    pub async fn take(
        lake: &Lake,
        holder: &str,
        lease: Duration,
        patience: Patience,
        stop: &CancellationToken,
    ) -> Result<Option<Hold>, EngineError> {
        loop {
            let (seen, note) = read(lake).await?;
            if note.is_held && !is_silent(lake, &note, patience, stop).await? {
                if stop.is_cancelled() {
                    return Ok(None);
                }
                continue;
            }
            let own = Note {
                format_version: FORMAT_VERSION,
                holder: holder.to_owned(),
                beat: note.beat.wrapping_add(1),
                seconds: lease.as_secs_f64(),
                is_held: true,
                last: note.last,
            };
            let is_same = |old: Option<&Note>| {
                old.is_none_or(|old| old.holder == note.holder && old.beat == note.beat)
                    && old.is_some() == seen
            };
            if change(lake, |old| is_same(old).then(|| own.clone())).await? {
                return Ok(Some(Hold::start(lake.clone(), own, lease, stop.clone())));
            }
        }
    }

    fn start(lake: Lake, note: Note, lease: Duration, stop: CancellationToken) -> Hold {
        let is_lost = Arc::new(AtomicBool::new(false));
        let (holder, last) = (note.holder, note.last);
        let renewal = renew(lake.clone(), holder.clone(), lease, is_lost.clone(), stop);
        Hold { lake, holder, began_us: now_us(), is_lost, renewal: tokio::spawn(renewal), last }
    }

    /// Whether another process has it now.
    pub fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Relaxed)
    }

    /// Gives the hold back and notes what came of it. `is_success`: the lake is as is wanted.
    ///
    /// # Errors
    /// The store's; [`EngineError::SyncTaken`] when another process has it.
    pub async fn end(self, verdict: &str, is_success: bool) -> Result<LastSync, EngineError> {
        self.renewal.abort();
        let last = LastSync {
            success_us: if is_success { Some(self.began_us) } else { self.last.success_us },
            ended_us: Some(now_us()),
            verdict: Some(verdict.to_owned()),
        };
        let ended = |old: &Note| Note {
            is_held: false,
            beat: old.beat.wrapping_add(1),
            last: last.clone(),
            ..old.clone()
        };
        let is_own = change(&self.lake, |old| old.filter(|n| n.holder == self.holder).map(ended)).await?;
        if is_own { Ok(last) } else { Err(EngineError::SyncTaken) }
    }
}

/// What came of the runs before, without taking part.
///
/// # Errors
/// When the store fails.
pub(super) async fn last(lake: &Lake) -> Result<LastSync, EngineError> {
    Ok(read(lake).await?.1.last)
}

/// Watches a holder: true once it was silent for a lease, false once it has ended.
async fn is_silent(
    lake: &Lake,
    note: &Note,
    patience: Patience,
    stop: &CancellationToken,
) -> Result<bool, EngineError> {
    let lease = Duration::from_secs_f64(note.seconds);
    let mut beat = (note.holder.clone(), note.beat);
    let (mut since, mut is_said) = (Instant::now(), false);
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(false),
            () = tokio::time::sleep(pause(lease)) => {}
        }
        let (_, now) = read(lake).await?;
        if !now.is_held {
            return Ok(false);
        }
        if beat != (now.holder.clone(), now.beat) {
            if patience == Patience::None {
                return Err(EngineError::SyncRuns { holder: now.holder });
            }
            (beat, since) = ((now.holder, now.beat), Instant::now());
        }
        if since.elapsed() >= lease {
            return Ok(true);
        }
        if since.elapsed() >= SAID_AFTER && !is_said {
            let (holder, seconds) = (&beat.0, note.seconds);
            tracing::warn!(
                holder,
                seconds,
                "waiting: the process that held the lake last may be dead, and loses it when it is silent"
            );
            is_said = true;
        }
    }
}

fn pause(lease: Duration) -> Duration {
    (lease / BEATS).max(Duration::from_millis(20))
}

async fn renew(
    lake: Lake,
    holder: String,
    lease: Duration,
    is_lost: Arc<AtomicBool>,
    stop: CancellationToken,
) {
    let mut renewed = Instant::now();
    loop {
        tokio::time::sleep(pause(lease)).await;
        let beat = |old: &Note| Note { beat: old.beat.wrapping_add(1), ..old.clone() };
        match change(&lake, |old| old.filter(|n| n.is_held && n.holder == holder).map(beat)).await {
            Ok(true) => renewed = Instant::now(),
            Err(error) if renewed.elapsed() < lease => {
                tracing::warn!(cause = %mtdh_core::error::chain(&error), "the hold on the lake is not renewed");
            }
            Ok(false) | Err(_) => {
                is_lost.store(true, Ordering::Relaxed);
                stop.cancel();
                return;
            }
        }
    }
}

/// The object as it is, and whether there is one. Its content is checked before it is used.
async fn read(lake: &Lake) -> Result<(bool, Note), LakeError> {
    let bytes = lake.read(&lake.sync_note_path()).await?;
    Ok((bytes.is_some(), parse(lake, bytes.as_ref())?.unwrap_or_default()))
}

fn parse(lake: &Lake, bytes: Option<&Bytes>) -> Result<Option<Note>, LakeError> {
    let path = || lake.sync_note_path().to_string();
    let wrong = |reason: String| LakeError::WrongTable {
        path: path(),
        reason: format!("{reason}; delete it while nothing brings the lake to what is wanted"),
    };
    let Some(bytes) = bytes else { return Ok(None) };
    let note: Note = serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
    match note.seconds {
        _ if note.format_version > FORMAT_VERSION => {
            Err(LakeError::Newer { path: path(), found: note.format_version })
        }
        seconds if !(0.0..=LONGEST).contains(&seconds) => {
            Err(wrong(format!("its lease is {seconds} s, and the longest is {LONGEST}")))
        }
        _ if note.holder.len() > 300 => Err(wrong("the name of its holder is too long".to_owned())),
        _ => Ok(Some(note)),
    }
}

/// Changes the object; `to` returns `None` to leave it as it is. Returns whether it was changed.
async fn change(lake: &Lake, to: impl Fn(Option<&Note>) -> Option<Note>) -> Result<bool, LakeError> {
    let mut is_changed = false;
    lake.update(&lake.sync_note_path(), |old| {
        let note = parse(lake, old)?;
        let new = to(note.as_ref());
        is_changed = new.is_some();
        match (new, old) {
            (Some(new), _) => Ok(Bytes::from(crate::runs::summary::text(&new))),
            (None, Some(old)) => Ok(old.clone()),
            // Nothing is to be written, and nothing is there: it was removed while it was held.
            (None, None) => Err(LakeError::Changed { path: lake.sync_note_path().to_string() }),
        }
    })
    .await
    .map(|()| is_changed)
    .or_else(|error| if error.is_changed() { Ok(false) } else { Err(error) })
}

#[cfg(test)]
mod tests {
    use mtdh_lake::LakeOptions;

    use super::*;

    const LEASE: Duration = Duration::from_millis(240);

    fn lake(folder: &tempfile::TempDir) -> Lake {
        Lake::open(&folder.path().display().to_string(), &LakeOptions::default()).unwrap()
    }

    async fn take(lake: &Lake, name: &str) -> Result<Hold, EngineError> {
        let stop = CancellationToken::new();
        Ok(Hold::take(lake, name, LEASE, Patience::None, &stop).await?.unwrap())
    }

    #[tokio::test]
    async fn a_note_that_cannot_be_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let lake = lake(&folder);
        for (text, reason) in [
            ("{", "EOF"),
            (r#"{"holder":"a","beat":1,"seconds":-1,"is_held":true}"#, "lease"),
            (r#"{"holder":"a","beat":1,"seconds":1e300,"is_held":true}"#, "lease"),
            (r#"{"format_version":999,"holder":"a","beat":1,"seconds":1,"is_held":true}"#, "version 999"),
        ] {
            lake.put(&lake.sync_note_path(), text.as_bytes()).await.unwrap();
            let error = take(&lake, "one").await.err().unwrap();
            assert!(mtdh_core::error::chain(&error).contains(reason), "{text} {error:?}");
        }
    }

    #[tokio::test]
    async fn a_living_holder_is_named_and_a_dead_one_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let lake = lake(&folder);
        let first = take(&lake, "first").await.unwrap();
        let busy = take(&lake, "second").await.err().unwrap();
        assert!(matches!(&busy, EngineError::SyncRuns { holder } if holder == "first"), "{busy:?}");
        // It is killed: nothing renews, nothing is given back.
        first.renewal.abort();
        let second = take(&lake, "second").await.unwrap();
        assert!(matches!(first.end("complete", true).await, Err(EngineError::SyncTaken)));
        let last = second.end("not_complete", false).await.unwrap();
        assert_eq!((last.success_us, last.verdict.as_deref()), (None, Some("not_complete")));
        let third = take(&lake, "third").await.unwrap();
        let began = third.began_us;
        assert_eq!(third.end("complete", true).await.unwrap().success_us, Some(began));
        let fourth = take(&lake, "fourth").await.unwrap();
        let last = fourth.end("not_complete", false).await.unwrap();
        assert_eq!(last.success_us, Some(began), "a failure keeps when it last succeeded");
    }

    #[tokio::test]
    async fn who_is_replaced_stops() {
        let folder = tempfile::tempdir().unwrap();
        let lake = lake(&folder);
        let stop = CancellationToken::new();
        let hold = Hold::take(&lake, "first", LEASE, Patience::None, &stop).await.unwrap().unwrap();
        let other = Note { holder: "other".to_owned(), is_held: true, seconds: 1.0, ..Note::default() };
        assert!(change(&lake, |_| Some(other.clone())).await.unwrap());
        stop.cancelled().await;
        assert!(hold.is_lost());
    }

    #[tokio::test]
    async fn who_waits_goes_on_when_the_other_has_ended() {
        let folder = tempfile::tempdir().unwrap();
        let lake = lake(&folder);
        let first = take(&lake, "first").await.unwrap();
        let stop = CancellationToken::new();
        let (second, ended) =
            tokio::join!(Hold::take(&lake, "second", LEASE, Patience::Endless, &stop), async {
                tokio::time::sleep(LEASE).await;
                first.end("complete", true).await
            });
        assert!(ended.is_ok() && second.unwrap().is_some());
    }
}
