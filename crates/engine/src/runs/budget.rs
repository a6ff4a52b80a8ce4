//! A budget shared by all workers of a run: they lease slices of it from one object of the lake.
//!
//! A slice of requests is valid for two seconds and counts for a minute longer. So no sixty seconds have more requests than
//! allowed, whenever within its validity they are sent. A worker returns the unused requests of a slice with its next slice.
//! Bytes are taken before they are received; the bytes of a killed worker's slice are lost for that day.
//!
//! Times are those of the machines' wall clocks, which are assumed to agree within one second.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use mtdh_core::footer::FORMAT_VERSION;
use mtdh_lake::{Lake, LakeError, LakePath};
use mtdh_source::http::rate_limit::{Budget, BudgetError, BudgetGrant, BudgetRequest, SharedBudget};
use serde::{Deserialize, Serialize};

/// How long a slice of requests is valid.
const VALID: Duration = Duration::from_secs(2);
/// Largest difference between the machines' clocks.
const SKEW: Duration = Duration::from_secs(1);
const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 86_400_000;

/// A run's budget in the lake.
#[derive(Debug)]
pub struct RunBudget {
    lake: Lake,
    path: LakePath,
    budget: Budget,
    holder: String,
}

/// What was taken, as stored in the lake.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Taken {
    /// Version of the format of everything in a lake.
    #[serde(default)]
    format_version: u32,
    /// Slices of requests that still count.
    requests: Vec<TakenRequests>,
    /// Day of `bytes`, in days since 1970, UTC.
    day: u64,
    /// Bytes of that day that were taken, used or not.
    bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct TakenRequests {
    /// Who took it.
    holder: String,
    /// When, in milliseconds since 1970; it identifies a slice of its holder.
    at_ms: u64,
    /// How many.
    count: u32,
}

impl RunBudget {
    /// The budget of a run. `holder` distinguishes this worker from all others.
    pub fn new(lake: Lake, run_id: &str, budget: Budget, holder: String) -> RunBudget {
        let path = lake.budget_path(run_id);
        RunBudget { lake, path, budget, holder }
    }

    async fn take(&self, want: BudgetRequest) -> Result<BudgetGrant, LakeError> {
        let mut slice = BudgetGrant::default();
        let wrong = |e: serde_json::Error| LakeError::WrongTable {
            path: self.path.to_string(),
            reason: e.to_string(),
        };
        let change = |old: Option<&Bytes>| {
            let mut taken: Taken = match old {
                Some(bytes) => serde_json::from_slice(bytes).map_err(wrong)?,
                None => Taken::default(),
            };
            if taken.format_version > FORMAT_VERSION {
                let (path, found) = (self.path.to_string(), taken.format_version);
                return Err(LakeError::Newer { path, found });
            }
            taken.format_version = FORMAT_VERSION;
            slice = taken.give(&self.budget, &self.holder, &want, now_ms());
            serde_json::to_vec(&taken).map(Bytes::from).map_err(wrong)
        };
        self.lake.update(&self.path, change).await?;
        Ok(slice)
    }
}

impl SharedBudget for RunBudget {
    fn take(
        &self,
        want: BudgetRequest,
    ) -> Pin<Box<dyn Future<Output = Result<BudgetGrant, BudgetError>> + Send + '_>> {
        Box::pin(
            async move { RunBudget::take(self, want).await.map_err(|error| Box::new(error) as BudgetError) },
        )
    }
}

impl Taken {
    fn give(&mut self, budget: &Budget, holder: &str, want: &BudgetRequest, now_ms: u64) -> BudgetGrant {
        let mut slice = BudgetGrant { id: now_ms, ..BudgetGrant::default() };
        let counts_ms = MINUTE_MS + (VALID + SKEW).as_millis() as u64;
        // A slice more than a minute in the future cannot be right, and would count for ever.
        let counts = |at_ms: u64| at_ms <= now_ms + MINUTE_MS && at_ms + counts_ms > now_ms;
        self.requests.retain(|taken| counts(taken.at_ms));
        if let Some((id, unused)) = want.unused {
            let own = self.requests.iter_mut().find(|taken| taken.holder == holder && taken.at_ms == id);
            if let Some(taken) = own {
                taken.count = taken.count.saturating_sub(unused);
            }
            self.requests.retain(|taken| taken.count > 0);
        }
        if let Some(limit) = budget.requests_per_minute.filter(|_| want.requests > 0) {
            let out = self.requests.iter().map(|taken| taken.count).fold(0, u32::saturating_add);
            // At most a fortieth of the minute's requests, so that no worker starves the others.
            let most = (limit / 40).max(1);
            let count = want.requests.min(most).min(limit.max(1).saturating_sub(out));
            if count > 0 {
                // Two slices of one holder in one millisecond would be confused.
                while self.requests.iter().any(|t| t.holder == holder && t.at_ms == slice.id) {
                    slice.id += 1;
                }
                self.requests.push(TakenRequests { holder: holder.to_owned(), at_ms: slice.id, count });
                (slice.requests, slice.valid) = (count, VALID);
            } else {
                let first = self.requests.iter().map(|taken| taken.at_ms).min().unwrap_or(now_ms);
                slice.wait = Duration::from_millis((first + counts_ms).saturating_sub(now_ms).max(1));
            }
        }
        if let Some(limit) = budget.bytes_per_day.filter(|_| want.bytes > 0) {
            let day = now_ms / DAY_MS;
            // Clocks may disagree about midnight, but not by a day.
            if day > self.day || self.day > day + 1 {
                (self.day, self.bytes) = (day, 0);
            }
            let left = limit.saturating_sub(self.bytes);
            if want.bytes <= left {
                // Somewhat more than requested, so that the object is not changed for every file.
                slice.bytes = want.bytes.max(limit / 2000).min(left);
                self.bytes += slice.bytes;
            }
            slice.day = self.day;
        }
        slice
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn want(requests: u32, bytes: u64) -> BudgetRequest {
        BudgetRequest { requests, bytes, unused: None }
    }

    proptest! {
        /// Requests are sent anywhere within their slices' validity, including its last instant.
        #[test]
        fn no_sixty_seconds_have_more_requests_than_allowed(
            limit in 1_u32..400,
            steps in proptest::collection::vec((1_u64..3_000, 0_usize..8, 1_u32..20, 0_u64..=2_000), 1..300),
        ) {
            let budget = Budget { requests_per_minute: Some(limit), bytes_per_day: None };
            let (mut taken, mut now, mut sent) = (Taken::default(), 1_000_000_u64, Vec::new());
            for (step, worker, requests, delay) in steps {
                now += step;
                let slice = taken.give(&budget, &format!("w{worker}"), &want(requests, 0), now);
                prop_assert!(slice.requests > 0 || slice.wait > Duration::ZERO);
                (0..slice.requests).for_each(|_| sent.push(now + delay));
            }
            sent.sort_unstable();
            for (place, first) in sent.iter().enumerate() {
                let within = sent[place..].iter().take_while(|at| **at < first + MINUTE_MS).count();
                prop_assert!(within <= limit as usize, "{within} of {limit}");
            }
        }

        #[test]
        fn a_days_bytes_are_given_out_once(
            limit in 1_u64..100_000,
            wants in proptest::collection::vec(1_u64..3_000, 1..200),
        ) {
            let budget = Budget { requests_per_minute: None, bytes_per_day: Some(limit) };
            let mut taken = Taken::default();
            let mut given = 0;
            for bytes in wants {
                let slice = taken.give(&budget, "w", &want(0, bytes), DAY_MS * 20_000);
                prop_assert!(slice.bytes == 0 && bytes > limit - given || slice.bytes >= bytes);
                given += slice.bytes;
            }
            prop_assert!(given <= limit);
            prop_assert!(taken.give(&budget, "w", &want(0, 1), DAY_MS * 20_001).bytes >= 1, "a new day");
        }
    }

    #[test]
    fn what_nobody_can_have_taken_holds_nobody_up() {
        let budget = Budget { requests_per_minute: Some(40), bytes_per_day: Some(1_000) };
        let request = |at_ms, count| TakenRequests { holder: "x".to_owned(), at_ms, count };
        let requests = vec![request(u64::MAX, u32::MAX), request(DAY_MS * 90_000, 40), request(0, 40)];
        let mut taken = Taken { requests, day: u64::MAX - 1, bytes: u64::MAX, ..Taken::default() };
        let slice = taken.give(&budget, "w", &want(1, 10), DAY_MS * 20_000);
        assert!(slice.requests == 1 && slice.bytes >= 10, "{slice:?}");
    }

    #[test]
    fn what_was_not_sent_is_given_back() {
        let budget = Budget { requests_per_minute: Some(40), bytes_per_day: None };
        let mut taken = Taken::default();
        for step in 0..40 {
            assert_eq!(taken.give(&budget, "a", &want(5, 0), 1_000 + step).requests, 1);
        }
        let full = taken.give(&budget, "b", &want(1, 0), 2_000);
        assert_eq!((full.requests, full.wait), (0, Duration::from_millis(1_000 + 63_000 - 2_000)));
        let others = BudgetRequest { unused: Some((1_007, 1)), ..want(1, 0) };
        assert_eq!(
            taken.give(&budget, "b", &others, 2_000).requests,
            0,
            "only its holder gives a slice back"
        );
        assert_eq!(taken.give(&budget, "a", &others, 2_000).requests, 1);
    }
}
