//! What a client has used of Binance's limit on requests.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::lock;

const MINUTE: Duration = Duration::from_secs(60);

/// Weight of one request for candles.
const OF_CANDLES: u32 = 2;
/// Weight that a client may use in a minute.
const MOST: u32 = 6_000;

/// The weight that was used in the running minute of real time.
#[derive(Debug, Default)]
pub(crate) struct Weight {
    used: Mutex<Option<(Instant, u32)>>,
}

impl Weight {
    /// Counts a request; what is used now.
    ///
    /// # Errors
    /// The seconds until the minute ends, when all is used.
    pub(super) fn spend(&self) -> Result<u32, u64> {
        let now = Instant::now();
        let mut used = lock(&self.used);
        let (since, before) =
            used.filter(|(since, _)| now.duration_since(*since) < MINUTE).unwrap_or((now, 0));
        let total = before + OF_CANDLES;
        *used = Some((since, total));
        if total > MOST {
            Err(MINUTE.saturating_sub(now.duration_since(since)).as_secs() + 1)
        } else {
            Ok(total)
        }
    }
}
