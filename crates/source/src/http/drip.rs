//! Aborts response bodies that arrive too slowly: a server that sends a byte now and then would block a worker forever.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, timeout};

/// The window over which the rate is measured.
const WINDOW: Duration = Duration::from_secs(60);

/// The smallest number of bytes in a window: 1 KiB/s.
const LEAST_BYTES: u64 = 60 * 1024;

/// Why the next chunk of a body could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ChunkError<E> {
    /// The connection failed.
    #[error(transparent)]
    Failed(E),
    /// The body arrives too slowly.
    #[error("the body arrives too slowly: {bytes} bytes in {} s", WINDOW.as_secs())]
    TooSlow { bytes: u64 },
}

/// The rate of a body. Only the time spent waiting for the server counts, not the time between two reads.
#[derive(Debug, Default)]
pub(super) struct Drip {
    waited: Duration,
    bytes: u64,
}

impl Drip {
    /// Waits for the next chunk of a body; `None` is its end.
    pub async fn watch<T, E>(
        &mut self,
        next: impl Future<Output = Result<Option<T>, E>>,
    ) -> Result<Option<T>, ChunkError<E>>
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
                // A body that has reached its end was fast enough.
                if bytes < LEAST_BYTES && !matches!(piece, Ok(Ok(None))) {
                    return Err(ChunkError::TooSlow { bytes });
                }
            }
            if let Ok(piece) = piece {
                return piece.map_err(ChunkError::Failed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a body is accepted that arrives in this many chunks of this many bytes, with this pause before each.
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
