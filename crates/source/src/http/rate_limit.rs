//! Rate limits: concurrent requests, requests per minute, bytes per day.
//!
//! All requests of a process share one [`RateLimiter`]. Concurrency adapts to the server (additive increase, multiplicative
//! decrease): an overload response halves it, each successful round increases it by one. A `Retry-After` applies to all
//! requests. The user's budget is never exceeded: requests are counted over a sliding minute, and the bytes of a response are
//! reserved before its body is read. If several processes share a budget, a [`SharedBudget`] grants it in slices.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::budget::Refusal;
pub use super::budget::{Budget, BudgetError, BudgetGrant, BudgetRequest, SharedBudget, UsedUp};

/// The window of the request limit.
const MINUTE: Duration = Duration::from_secs(60);

/// The rate limiter shared by all requests of a process.
#[derive(Debug)]
pub struct RateLimiter {
    budget: Budget,
    /// The budget shared with other processes; `None` if it is not shared.
    shared_budget: Option<Arc<dyn SharedBudget>>,
    /// Held while requests are requested from the shared budget: one caller at a time, the others use its grant.
    requesting_requests: tokio::sync::Mutex<()>,
    /// Held while bytes are requested from the shared budget.
    requesting_bytes: tokio::sync::Mutex<()>,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    /// The largest number of concurrent requests; unlimited until the first overload response.
    max_in_flight: usize,
    in_flight: usize,
    /// Successful responses since `max_in_flight` last changed.
    successes: usize,
    /// Number of reductions, so that a group of concurrent overload responses reduces only once.
    reductions: u64,
    /// No request is sent before this time.
    not_before: Option<Instant>,
    /// The send times of the last minute.
    sent: VecDeque<Instant>,
    /// The UTC day of the counters, as days since 1970-01-01.
    day: u64,
    /// Bytes of the day, received and reserved.
    bytes: u64,
    /// Bytes reserved for responses that are being read.
    reserved: u64,
    /// The newest grant of requests from the shared budget.
    slice: Slice,
    /// Bytes granted by the shared budget on this day.
    granted: u64,
    /// Requests that wait for the shared budget.
    waiting: u32,
}

/// A grant of requests.
#[derive(Debug, Default)]
struct Slice {
    id: u64,
    /// Requests not sent yet.
    left: u32,
    /// When it expires; `None` if there is no grant.
    end: Option<Instant>,
}

impl RateLimiter {
    /// A limiter for one process.
    pub fn new(budget: Budget) -> Arc<RateLimiter> {
        RateLimiter::shared(budget, None)
    }

    /// A limiter whose budget is shared with other processes.
    pub fn shared(budget: Budget, shared_budget: Option<Arc<dyn SharedBudget>>) -> Arc<RateLimiter> {
        let state = State {
            max_in_flight: usize::MAX,
            in_flight: 0,
            successes: 0,
            reductions: 0,
            not_before: None,
            sent: VecDeque::new(),
            day: today(),
            bytes: 0,
            reserved: 0,
            slice: Slice::default(),
            granted: 0,
            waiting: 0,
        };
        Arc::new(RateLimiter {
            budget,
            shared_budget,
            requesting_requests: tokio::sync::Mutex::default(),
            requesting_bytes: tokio::sync::Mutex::default(),
            state: Mutex::new(state),
            changed: Notify::new(),
        })
    }

    /// Waits until a request may be sent.
    ///
    /// # Errors
    /// If the daily byte budget is exhausted, or the shared budget is not available.
    pub async fn acquire(self: &Arc<RateLimiter>) -> Result<RequestPermit, Refusal> {
        loop {
            let permit = self.admit().await?;
            self.acquire_request().await?;
            // A `Retry-After` may have arrived while it waited for the shared budget.
            if self.shared_budget.is_none()
                || self.state().not_before.is_none_or(|moment| moment <= Instant::now())
            {
                return Ok(permit);
            }
        }
    }

    /// Waits for admission among this process's requests.
    async fn admit(self: &Arc<RateLimiter>) -> Result<RequestPermit, Refusal> {
        loop {
            // Registered before the check, so that no change in between is missed.
            let changed = self.changed.notified();
            let wait = {
                let mut state = self.state();
                state.turn_day(today());
                match self.budget.bytes_per_day {
                    Some(bytes_per_day) if state.bytes >= bytes_per_day => {
                        return Err(UsedUp { bytes_per_day }.into());
                    }
                    _ => {}
                }
                let requests_per_minute =
                    self.budget.requests_per_minute.filter(|_| self.shared_budget.is_none());
                match state.admit(Instant::now(), requests_per_minute) {
                    Admission::Now => {
                        return Ok(RequestPermit {
                            limiter: self.clone(),
                            reductions: state.reductions,
                            reserved: 0,
                            is_settled: false,
                        });
                    }
                    Admission::At(moment) => Some(moment),
                    Admission::AfterAnother => None,
                }
            };
            match wait {
                Some(moment) => tokio::time::sleep_until(moment).await,
                None => changed.await,
            }
        }
    }

    /// Waits for one request of the shared budget, if there is one.
    async fn acquire_request(&self) -> Result<(), Refusal> {
        let Some(shared_budget) =
            self.shared_budget.as_ref().filter(|_| self.budget.requests_per_minute.is_some())
        else {
            return Ok(());
        };
        let _waiting = Waiting::new(self);
        let _requesting = self.requesting_requests.lock().await;
        loop {
            let request = {
                let mut state = self.state();
                let Slice { id, left, end } = state.slice;
                if left > 0 && end.is_some_and(|end| Instant::now() < end) {
                    state.slice.left -= 1;
                    return Ok(());
                }
                state.slice = Slice::default();
                BudgetRequest {
                    requests: state.waiting,
                    bytes: 0,
                    unused: Some((id, left)).filter(|_| left > 0),
                }
            };
            // The validity counts from before the request, to be safe.
            let requested = Instant::now();
            let grant = shared_budget.take(request).await.map_err(Refusal::SharedBudget)?;
            if grant.requests > 0 {
                let end = Some(requested + grant.valid);
                self.state().slice = Slice { id: grant.id, left: grant.requests, end };
            } else {
                tokio::time::sleep(grant.wait).await;
            }
        }
    }

    /// Makes sure that the shared budget has granted `bytes` beyond those received or reserved. No other request can use them
    /// until the guard is dropped.
    async fn acquire_bytes(&self, bytes: u64) -> Result<Option<tokio::sync::MutexGuard<'_, ()>>, Refusal> {
        let (Some(shared_budget), Some(limit)) = (&self.shared_budget, self.budget.bytes_per_day) else {
            return Ok(None);
        };
        let requesting = self.requesting_bytes.lock().await;
        let missing = {
            let mut state = self.state();
            state.turn_day(today());
            state.bytes.saturating_add(bytes).saturating_sub(state.granted)
        };
        if missing == 0 {
            return Ok(Some(requesting));
        }
        let request = BudgetRequest { bytes: missing, ..BudgetRequest::default() };
        let grant = shared_budget.take(request).await.map_err(Refusal::SharedBudget)?;
        if grant.bytes == 0 {
            return Err(UsedUp { bytes_per_day: limit }.into());
        }
        let mut state = self.state();
        state.turn_day(grant.day);
        state.granted += grant.bytes;
        Ok(Some(requesting))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the lock is held, and the counters would stay valid if something did.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn max_in_flight(&self) -> usize {
        self.state().max_in_flight
    }
}

/// When a request may be sent.
#[derive(Debug, PartialEq, Eq)]
enum Admission {
    Now,
    /// Not before this time.
    At(Instant),
    /// After another request has ended.
    AfterAnother,
}

impl State {
    fn admit(&mut self, now: Instant, requests_per_minute: Option<u32>) -> Admission {
        if let Some(moment) = self.not_before.filter(|moment| *moment > now) {
            return Admission::At(moment);
        }
        if self.in_flight >= self.max_in_flight {
            return Admission::AfterAnother;
        }
        if let Some(limit) = requests_per_minute {
            while self.sent.front().is_some_and(|sent| *sent + MINUTE <= now) {
                self.sent.pop_front();
            }
            match self.sent.front() {
                Some(first) if self.sent.len() >= limit.max(1) as usize => {
                    return Admission::At(*first + MINUTE);
                }
                _ => self.sent.push_back(now),
            }
        }
        self.in_flight += 1;
        Admission::Now
    }

    /// Resets the counters on a new day, except for the reserved bytes.
    fn turn_day(&mut self, today: u64) {
        if today != self.day {
            self.day = today;
            self.bytes = self.reserved;
            self.granted = 0;
        }
    }
}

/// Counts a request that waits for the shared budget, until dropped.
struct Waiting<'a> {
    limiter: &'a RateLimiter,
}

impl Waiting<'_> {
    fn new(limiter: &RateLimiter) -> Waiting<'_> {
        limiter.state().waiting += 1;
        Waiting { limiter }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.limiter.state().waiting -= 1;
    }
}

/// The permission to send one request. If dropped without a result (an interrupted response, a cancelled request), it counts as
/// neither success nor overload.
#[derive(Debug)]
pub struct RequestPermit {
    limiter: Arc<RateLimiter>,
    /// [`State::reductions`] when the request was admitted.
    reductions: u64,
    reserved: u64,
    is_settled: bool,
}

impl RequestPermit {
    /// Reserves the bytes of a response with a known length.
    ///
    /// # Errors
    /// If they exceed the rest of the daily budget, or the shared budget is not available.
    pub async fn reserve_bytes(&mut self, bytes: u64) -> Result<(), Refusal> {
        let limiter = self.limiter.clone();
        let _requesting = limiter.acquire_bytes(bytes).await?;
        let mut state = limiter.state();
        state.turn_day(today());
        match self.limiter.budget.bytes_per_day {
            Some(limit) if state.bytes.saturating_add(bytes) > limit => {
                return Err(UsedUp { bytes_per_day: limit }.into());
            }
            _ => {}
        }
        state.bytes += bytes;
        state.reserved += bytes;
        self.reserved += bytes;
        Ok(())
    }

    /// Counts received bytes.
    ///
    /// # Errors
    /// If they were not reserved and exceed the daily budget, or the shared budget is not available.
    pub async fn record_bytes(&mut self, bytes: u64) -> Result<(), Refusal> {
        let expected = bytes.min(self.reserved);
        let limiter = self.limiter.clone();
        let _requesting = match bytes - expected {
            0 => None,
            further => limiter.acquire_bytes(further).await?,
        };
        self.reserved -= expected;
        let mut state = limiter.state();
        state.reserved -= expected;
        state.bytes += bytes - expected;
        match self.limiter.budget.bytes_per_day {
            Some(limit) if bytes > expected && state.bytes > limit => {
                Err(UsedUp { bytes_per_day: limit }.into())
            }
            _ => Ok(()),
        }
    }

    /// Records a successful response.
    pub fn record_success(&mut self) {
        if std::mem::replace(&mut self.is_settled, true) {
            return;
        }
        let mut state = self.limiter.state();
        if state.max_in_flight == usize::MAX {
            return;
        }
        state.successes += 1;
        if state.successes >= state.max_in_flight {
            state.successes = 0;
            state.max_in_flight += 1;
            drop(state);
            self.limiter.changed.notify_waiters();
        }
    }

    /// Records an overload or server error, with the response's `Retry-After`.
    pub fn record_overload(&mut self, retry_after: Option<Duration>) {
        self.is_settled = true;
        let mut state = self.limiter.state();
        if let Some(moment) = retry_after.and_then(|wait| Instant::now().checked_add(wait)) {
            state.not_before = state.not_before.max(Some(moment));
        }
        // Requests admitted before the last reduction do not reduce again.
        if self.reductions == state.reductions {
            state.reductions += 1;
            state.successes = 0;
            state.max_in_flight = (state.in_flight.min(state.max_in_flight) / 2).max(1);
            tracing::debug!(max_in_flight = state.max_in_flight, "reducing concurrent requests");
        }
    }
}

impl Drop for RequestPermit {
    fn drop(&mut self) {
        let mut state = self.limiter.state();
        state.in_flight -= 1;
        // Reserved bytes that were not received are free again.
        state.reserved -= self.reserved;
        state.bytes = state.bytes.saturating_sub(self.reserved);
        drop(state);
        self.limiter.changed.notify_waiters();
    }
}

/// The current UTC day, as days since 1970-01-01.
fn today() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs() / 86_400)
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use super::*;

    fn limiter(requests_per_minute: Option<u32>, bytes_per_day: Option<u64>) -> Arc<RateLimiter> {
        RateLimiter::new(Budget { requests_per_minute, bytes_per_day })
    }

    #[tokio::test(start_paused = true)]
    async fn no_minute_has_more_requests_than_allowed() {
        let limiter = limiter(Some(3), None);
        let start = Instant::now();
        let mut at = Vec::new();
        for _ in 0..7 {
            drop(limiter.acquire().await.unwrap());
            at.push((Instant::now() - start).as_secs());
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(at, [0, 1, 2, 60, 61, 62, 120]);
    }

    #[tokio::test(start_paused = true)]
    async fn half_as_many_after_a_complaint_and_one_more_after_each_good_round() {
        let limiter = limiter(None, None);
        let mut crowd = Vec::new();
        for _ in 0..8 {
            crowd.push(limiter.acquire().await.unwrap());
        }
        for permit in &mut crowd {
            permit.record_overload(None);
        }
        assert_eq!(limiter.max_in_flight(), 4, "one group reduces once");
        drop(crowd);
        for expected in [5, 6] {
            for _ in 1..expected {
                limiter.acquire().await.unwrap().record_success();
            }
            assert_eq!(limiter.max_in_flight(), expected);
        }
        for _ in 0..9 {
            limiter.acquire().await.unwrap().record_overload(None);
        }
        assert_eq!(limiter.max_in_flight(), 1, "never none");
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_waits_for_another_to_end() {
        let limiter = limiter(None, None);
        limiter.acquire().await.unwrap().record_overload(None);
        let first = limiter.acquire().await.unwrap();
        let second = tokio::spawn({
            let limiter = limiter.clone();
            async move { limiter.acquire().await.is_ok() }
        });
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert!(!second.is_finished());
        drop(first);
        assert!(second.await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn the_vendors_word_on_when_to_ask_again_holds_for_all() {
        let limiter = limiter(None, None);
        let start = Instant::now();
        limiter.acquire().await.unwrap().record_overload(Some(Duration::from_secs(30)));
        limiter.acquire().await.unwrap().record_success();
        assert_eq!((Instant::now() - start).as_secs(), 30);
    }

    #[tokio::test]
    async fn the_days_bytes_are_never_exceeded() {
        let limiter = limiter(None, Some(100));
        let mut permit = limiter.acquire().await.unwrap();
        assert!(matches!(
            permit.reserve_bytes(101).await,
            Err(Refusal::UsedUp(UsedUp { bytes_per_day: 100 }))
        ));
        permit.reserve_bytes(70).await.unwrap();
        let mut other = limiter.acquire().await.unwrap();
        assert!(other.reserve_bytes(31).await.is_err(), "70 are promised");
        permit.record_bytes(20).await.unwrap();
        drop(permit);
        other.reserve_bytes(80).await.unwrap();
        other.record_bytes(80).await.unwrap();
        assert!(limiter.acquire().await.is_err(), "all 100 came");
    }

    #[tokio::test]
    async fn bytes_that_nobody_announced_count_as_they_come() {
        let limiter = limiter(None, Some(100));
        let mut permit = limiter.acquire().await.unwrap();
        permit.record_bytes(100).await.unwrap();
        assert!(permit.record_bytes(1).await.is_err());
    }

    /// Gives what was set out for it, one slice after the other.
    #[derive(Debug, Default)]
    struct Script {
        slices: Mutex<VecDeque<BudgetGrant>>,
        wants: Mutex<Vec<BudgetRequest>>,
    }

    impl SharedBudget for Script {
        fn take(
            &self,
            want: BudgetRequest,
        ) -> Pin<Box<dyn Future<Output = Result<BudgetGrant, BudgetError>> + Send + '_>> {
            self.wants.lock().unwrap().push(want);
            let slice = self.slices.lock().unwrap().pop_front();
            Box::pin(async move { slice.ok_or_else(|| "no more".into()) })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn requests_are_sent_while_their_slice_is_valid_and_the_rest_is_given_back() {
        let slice = |id, requests, wait| BudgetGrant {
            id,
            requests,
            valid: Duration::from_secs(2),
            wait: Duration::from_secs(wait),
            ..BudgetGrant::default()
        };
        let slices = VecDeque::from([slice(1, 3, 0), slice(2, 0, 30), slice(3, 1, 0)]);
        let script = Arc::new(Script { slices: Mutex::new(slices), wants: Mutex::default() });
        let budget = Budget { requests_per_minute: Some(100), bytes_per_day: None };
        let limiter = RateLimiter::shared(budget, Some(script.clone()));
        let start = Instant::now();
        drop(limiter.acquire().await.unwrap());
        drop(limiter.acquire().await.unwrap());
        tokio::time::advance(Duration::from_secs(2)).await;
        drop(limiter.acquire().await.unwrap());
        assert_eq!(
            (Instant::now() - start).as_secs(),
            32,
            "the shared_budget's word on when to ask again holds"
        );
        assert!(matches!(limiter.acquire().await, Err(Refusal::SharedBudget(_))));
        let unused: Vec<_> = script.wants.lock().unwrap().iter().map(|want| want.unused).collect();
        assert_eq!(unused, [None, Some((1, 1)), None, None]);
    }

    #[tokio::test]
    async fn bytes_are_taken_of_the_ledger_before_they_come() {
        let slice = |bytes| BudgetGrant { bytes, day: today(), ..BudgetGrant::default() };
        let slices = VecDeque::from([slice(100), slice(50), slice(0)]);
        let script = Arc::new(Script { slices: Mutex::new(slices), wants: Mutex::default() });
        let budget = Budget { requests_per_minute: None, bytes_per_day: Some(1_000) };
        let limiter = RateLimiter::shared(budget, Some(script.clone()));
        let mut permit = limiter.acquire().await.unwrap();
        permit.reserve_bytes(80).await.unwrap();
        permit.record_bytes(80).await.unwrap();
        permit.record_bytes(20).await.unwrap();
        permit.reserve_bytes(40).await.unwrap();
        let used = permit.reserve_bytes(11).await;
        assert!(matches!(used, Err(Refusal::UsedUp(UsedUp { bytes_per_day: 1_000 }))), "{used:?}");
        let wants: Vec<u64> = script.wants.lock().unwrap().iter().map(|want| want.bytes).collect();
        assert_eq!(wants, [80, 40, 1]);
    }

    #[test]
    fn a_new_day_begins_with_what_is_promised() {
        let limiter = limiter(None, Some(100));
        let mut state = limiter.state();
        (state.bytes, state.reserved) = (90, 30);
        let tomorrow = state.day + 1;
        state.turn_day(tomorrow);
        assert_eq!(state.bytes, 30);
    }
}
