//! Bodies that come too slowly are given up: a server that sends a byte now and then would hold a worker for ever.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, timeout};

/// Over how long the pace is measured.
const WINDOW: Duration = Duration::from_secs(60);

/// What must come at least in such a time: 1 KiB a second.
const LEAST_BYTES: u64 = 60 * 1024;

/// A body that came too slowly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it came too slowly: {bytes} bytes in {} s", WINDOW.as_secs())]
pub(super) struct TooSlow {
    bytes: u64,
}

/// How a body comes. Only waiting for the server counts, not what is done between two pieces.
#[derive(Debug, Default)]
pub(super) struct Drip {
    waited: Duration,
    bytes: u64,
}

impl Drip {
    /// Waits for the next piece of a body.
    pub async fn watch<T, E>(
        &mut self,
        next: impl Future<Output = Result<Option<T>, E>>,
    ) -> Result<Result<Option<T>, E>, TooSlow>
    where
        T: AsRef<[u8]>,
    {
        tokio::pin!(next);
        loop {
            let started = Instant::now();
            let piece = timeout(WINDOW.saturating_sub(self.waited), &mut next).await;
            self.waited += started.elapsed();
            if let Ok(Ok(Some(bytes))) = &piece {
                self.bytes += bytes.as_ref().len() as u64;
            }
            if self.waited >= WINDOW {
                let bytes = std::mem::take(&mut self.bytes);
                self.waited = Duration::ZERO;
                // A body that has come to its end was quick enough.
                if bytes < LEAST_BYTES && !matches!(piece, Ok(Ok(None))) {
                    return Err(TooSlow { bytes });
                }
            }
            if let Ok(piece) = piece {
                return Ok(piece);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a body is taken that comes in so many pieces of so many bytes, with such a pause before each.
    async fn is_taken(pieces: usize, bytes: usize, pause: Duration) -> bool {
        let mut drip = Drip::default();
        for _ in 0..pieces {
            let piece = async {
                tokio::time::sleep(pause).await;
                Ok::<_, ()>(Some(vec![0; bytes]))
            };
            if drip.watch(piece).await.is_err() {
                return false;
            }
        }
        drip.watch(async { Ok::<Option<Vec<u8>>, ()>(None) }).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_below_the_least_pace_is_given_up() {
        let seconds = Duration::from_secs;
        for (pieces, bytes, pause, expected) in [
            (200, 1, seconds(1), false),
            (200, 1000, seconds(1), false),
            (200, 1100, seconds(1), true),
            (20, 40_000, seconds(40), false),
            (20, 70_000, seconds(40), true),
            (50, 1, seconds(1), true),
            (1, 1 << 20, seconds(61), false),
        ] {
            assert_eq!(
                is_taken(pieces, bytes, pause).await,
                expected,
                "{pieces} of {bytes} bytes, {pause:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_done_between_pieces_does_not_count() {
        let mut drip = Drip::default();
        for _ in 0..100 {
            assert!(drip.watch(async { Ok::<_, ()>(Some([0])) }).await.is_ok());
            tokio::time::sleep(WINDOW).await;
        }
    }
}
