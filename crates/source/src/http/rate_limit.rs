//! How fast the vendor is asked: requests at once, requests in a minute, bytes in a day.
//!
//! One [`RateLimiter`] is shared by everything that asks. How many requests run at once follows what the vendor stands: after
//! an answer that says "too much" half as many, then one more after each round that went well. Its word on when to ask
//! again holds for all. What the user allows is never exceeded: requests by a window of the last minute, bytes by what
//! each answer says of its length before its body is read. Where several processes share what is allowed, a [`SharedBudget`]
//! gives it out in slices.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// The window of requests.
const MINUTE: Duration = Duration::from_secs(60);

/// What the user allows this process to take of the vendor's account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Requests in any sixty seconds; null: no limit.
    pub requests_per_minute: Option<u32>,
    /// Bytes of answers in a UTC day, as they come over the wire; null: no limit.
    pub bytes_per_day: Option<u64>,
}

/// The day's bytes are used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsedUp {
    /// What is allowed in a day.
    pub bytes_per_day: u64,
}

/// What a ledger is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BudgetRequest {
    /// Requests that wait for their turn.
    pub requests: u32,
    /// Bytes that are to come.
    pub bytes: u64,
    /// An earlier slice by its id, and how many of its requests were not sent.
    pub unused: Option<(u64, u32)>,
}

/// What a ledger gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BudgetGrant {
    /// Sets it apart from the other slices of this process.
    pub id: u64,
    /// Requests that may be sent; none: there are no more now.
    pub requests: u32,
    /// For how long they may be sent.
    pub valid: Duration,
    /// How long to wait before asking again, where there were none.
    pub wait: Duration,
    /// Bytes that may come; none: the day's are used up, or what is left does not suffice.
    pub bytes: u64,
    /// Days since 1970 for which the bytes are.
    pub day: u64,
}

/// Why a ledger could not be asked.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// Gives out slices of what several processes may take together.
pub trait SharedBudget: Send + Sync + std::fmt::Debug {
    /// Takes a slice.
    fn take(
        &self,
        want: BudgetRequest,
    ) -> Pin<Box<dyn Future<Output = Result<BudgetGrant, Source>> + Send + '_>>;
}

/// Why a request may not be sent, or a body not be read.
#[derive(Debug)]
pub enum Refusal {
    /// The day's bytes are used up.
    UsedUp(UsedUp),
    /// The ledger could not be asked.
    SharedBudget(Source),
}

impl From<UsedUp> for Refusal {
    fn from(used: UsedUp) -> Refusal {
        Refusal::UsedUp(used)
    }
}

/// Shared by all requests of a process.
#[derive(Debug)]
pub struct RateLimiter {
    budget: Budget,
    /// Who else takes of the budget; null: nobody.
    ledger: Option<Arc<dyn SharedBudget>>,
    /// One asks the ledger for requests at a time, and one for bytes; the others take of what it gave.
    asking: [tokio::sync::Mutex<()>; 2],
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    /// Requests that may run at once; without a bound until the vendor has complained.
    at_once: usize,
    in_flight: usize,
    /// Good answers since `at_once` last changed.
    good: usize,
    /// Counts the cuts, so that one crowd of refused requests cuts once.
    cuts: u64,
    /// No request before this moment.
    not_before: Option<Instant>,
    /// When the requests of the last minute were sent.
    sent: VecDeque<Instant>,
    /// Days since 1970, and the bytes of that day: those that came, and those that are promised to answers in hand.
    day: u64,
    bytes: u64,
    promised: u64,
    /// What the ledger gave: of requests the newest slice, what is left of it, and its end; of bytes the day's sum.
    slice: (u64, u32, Option<Instant>),
    given: u64,
    /// Requests that wait for the ledger.
    waiting: u32,
}

impl RateLimiter {
    /// Nothing was asked for yet.
    pub fn new(budget: Budget) -> Arc<RateLimiter> {
        RateLimiter::shared(budget, None)
    }

    /// The same, for a budget of which others take as well.
    pub fn shared(budget: Budget, ledger: Option<Arc<dyn SharedBudget>>) -> Arc<RateLimiter> {
        let state = State {
            at_once: usize::MAX,
            in_flight: 0,
            good: 0,
            cuts: 0,
            not_before: None,
            sent: VecDeque::new(),
            day: today(),
            bytes: 0,
            promised: 0,
            slice: (0, 0, None),
            given: 0,
            waiting: 0,
        };
        let (asking, changed) = (Default::default(), Notify::new());
        Arc::new(RateLimiter { budget, ledger, asking, state: Mutex::new(state), changed })
    }

    /// Waits for a request's turn.
    ///
    /// # Errors
    /// When the day's bytes are used up, or the ledger cannot be asked.
    pub async fn enter(self: &Arc<RateLimiter>) -> Result<RequestPermit, Refusal> {
        loop {
            let pass = self.turn().await?;
            self.take_request().await?;
            // While it waited for the ledger, the vendor may have said when to ask again.
            if self.ledger.is_none() || self.state().not_before.is_none_or(|moment| moment <= Instant::now())
            {
                return Ok(pass);
            }
        }
    }

    /// Waits for a turn among this process's requests.
    async fn turn(self: &Arc<RateLimiter>) -> Result<RequestPermit, Refusal> {
        loop {
            // Registered before looking, so that no change in between is missed.
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
                let requests_per_minute = self.budget.requests_per_minute.filter(|_| self.ledger.is_none());
                match state.turn(Instant::now(), requests_per_minute) {
                    Admission::Now => {
                        return Ok(RequestPermit {
                            pace: self.clone(),
                            cuts: state.cuts,
                            promised: 0,
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

    /// Waits for one request of a slice, where a ledger gives them out.
    async fn take_request(&self) -> Result<(), Refusal> {
        let Some(ledger) = self.ledger.as_ref().filter(|_| self.budget.requests_per_minute.is_some()) else {
            return Ok(());
        };
        let _waiting = Waiting::new(self);
        let _asking = self.asking[0].lock().await;
        loop {
            let want = {
                let mut state = self.state();
                let (id, left, end) = state.slice;
                if left > 0 && end.is_some_and(|end| Instant::now() < end) {
                    state.slice.1 -= 1;
                    return Ok(());
                }
                state.slice = (0, 0, None);
                BudgetRequest {
                    requests: state.waiting,
                    bytes: 0,
                    unused: Some((id, left)).filter(|_| left > 0),
                }
            };
            // The slice's time runs from before it was asked for.
            let asked = Instant::now();
            let slice = ledger.take(want).await.map_err(Refusal::SharedBudget)?;
            if slice.requests > 0 {
                self.state().slice = (slice.id, slice.requests, Some(asked + slice.valid));
            } else {
                tokio::time::sleep(slice.wait).await;
            }
        }
    }

    /// Makes sure that the ledger has given so many bytes beyond those that came or are promised. Nobody else counts on
    /// them before the guard is dropped.
    async fn take_bytes(&self, bytes: u64) -> Result<Option<tokio::sync::MutexGuard<'_, ()>>, Refusal> {
        let (Some(ledger), Some(limit)) = (&self.ledger, self.budget.bytes_per_day) else { return Ok(None) };
        let asking = self.asking[1].lock().await;
        let lacking = {
            let mut state = self.state();
            state.turn_day(today());
            state.bytes.saturating_add(bytes).saturating_sub(state.given)
        };
        if lacking == 0 {
            return Ok(Some(asking));
        }
        let want = BudgetRequest { bytes: lacking, ..BudgetRequest::default() };
        let slice = ledger.take(want).await.map_err(Refusal::SharedBudget)?;
        if slice.bytes == 0 {
            return Err(UsedUp { bytes_per_day: limit }.into());
        }
        let mut state = self.state();
        state.turn_day(slice.day);
        state.given += slice.bytes;
        Ok(Some(asking))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held, and its numbers stay right if something did.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn at_once(&self) -> usize {
        self.state().at_once
    }
}

/// When a request may be sent.
#[derive(Debug, PartialEq, Eq)]
enum Admission {
    Now,
    At(Instant),
    AfterAnother,
}

impl State {
    fn turn(&mut self, now: Instant, requests_per_minute: Option<u32>) -> Admission {
        if let Some(moment) = self.not_before.filter(|moment| *moment > now) {
            return Admission::At(moment);
        }
        if self.in_flight >= self.at_once {
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

    /// A new day begins with what is promised to answers in hand.
    fn turn_day(&mut self, today: u64) {
        if today != self.day {
            self.day = today;
            self.bytes = self.promised;
            self.given = 0;
        }
    }
}

/// Counts a request that waits for the ledger, until it is dropped.
struct Waiting<'a> {
    pace: &'a RateLimiter,
}

impl Waiting<'_> {
    fn new(pace: &RateLimiter) -> Waiting<'_> {
        pace.state().waiting += 1;
        Waiting { pace }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.pace.state().waiting -= 1;
    }
}

/// A request's permission. Dropped without a word (an answer that broke off, a cancelled request), it counts as
/// neither good nor bad.
#[derive(Debug)]
pub struct RequestPermit {
    pace: Arc<RateLimiter>,
    cuts: u64,
    promised: u64,
    is_settled: bool,
}

impl RequestPermit {
    /// Sets aside the bytes of an answer that says how long it is.
    ///
    /// # Errors
    /// When they do not fit into what is left of the day, or the ledger cannot be asked.
    pub async fn promise(&mut self, bytes: u64) -> Result<(), Refusal> {
        let pace = self.pace.clone();
        let _asking = pace.take_bytes(bytes).await?;
        let mut state = pace.state();
        state.turn_day(today());
        match self.pace.budget.bytes_per_day {
            Some(limit) if state.bytes.saturating_add(bytes) > limit => {
                return Err(UsedUp { bytes_per_day: limit }.into());
            }
            _ => {}
        }
        state.bytes += bytes;
        state.promised += bytes;
        self.promised += bytes;
        Ok(())
    }

    /// Counts bytes that came.
    ///
    /// # Errors
    /// When they were not promised and the day's are used up, or the ledger cannot be asked.
    pub async fn came(&mut self, bytes: u64) -> Result<(), Refusal> {
        let expected = bytes.min(self.promised);
        let pace = self.pace.clone();
        let _asking = match bytes - expected {
            0 => None,
            further => pace.take_bytes(further).await?,
        };
        self.promised -= expected;
        let mut state = pace.state();
        state.promised -= expected;
        state.bytes += bytes - expected;
        match self.pace.budget.bytes_per_day {
            Some(limit) if bytes > expected && state.bytes > limit => {
                Err(UsedUp { bytes_per_day: limit }.into())
            }
            _ => Ok(()),
        }
    }

    /// The vendor answered as it should.
    pub fn good(&mut self) {
        if std::mem::replace(&mut self.is_settled, true) {
            return;
        }
        let mut state = self.pace.state();
        if state.at_once == usize::MAX {
            return;
        }
        state.good += 1;
        if state.good >= state.at_once {
            state.good = 0;
            state.at_once += 1;
            drop(state);
            self.pace.changed.notify_waiters();
        }
    }

    /// The vendor said that it is too much, or that it is not well; and when to ask again.
    pub fn bad(&mut self, retry_after: Option<Duration>) {
        self.is_settled = true;
        let mut state = self.pace.state();
        if let Some(moment) = retry_after.and_then(|wait| Instant::now().checked_add(wait)) {
            state.not_before = state.not_before.max(Some(moment));
        }
        // Those that were sent before the last cut say nothing about it.
        if self.cuts == state.cuts {
            state.cuts += 1;
            state.good = 0;
            state.at_once = (state.in_flight.min(state.at_once) / 2).max(1);
            tracing::debug!(at_once = state.at_once, "fewer requests at once");
        }
    }
}

impl Drop for RequestPermit {
    fn drop(&mut self) {
        let mut state = self.pace.state();
        state.in_flight -= 1;
        // What was promised and did not come is free again.
        state.promised -= self.promised;
        state.bytes = state.bytes.saturating_sub(self.promised);
        drop(state);
        self.pace.changed.notify_waiters();
    }
}

/// Days since 1970, UTC.
fn today() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs() / 86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(requests_per_minute: Option<u32>, bytes_per_day: Option<u64>) -> Arc<RateLimiter> {
        RateLimiter::new(Budget { requests_per_minute, bytes_per_day })
    }

    #[tokio::test(start_paused = true)]
    async fn no_minute_has_more_requests_than_allowed() {
        let pace = pace(Some(3), None);
        let start = Instant::now();
        let mut at = Vec::new();
        for _ in 0..7 {
            drop(pace.enter().await.unwrap());
            at.push((Instant::now() - start).as_secs());
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(at, [0, 1, 2, 60, 61, 62, 120]);
    }

    #[tokio::test(start_paused = true)]
    async fn half_as_many_after_a_complaint_and_one_more_after_each_good_round() {
        let pace = pace(None, None);
        let mut crowd = Vec::new();
        for _ in 0..8 {
            crowd.push(pace.enter().await.unwrap());
        }
        crowd.iter_mut().for_each(|pass| pass.bad(None));
        assert_eq!(pace.at_once(), 4, "one crowd cuts once");
        drop(crowd);
        for expected in [5, 6] {
            for _ in 1..expected {
                pace.enter().await.unwrap().good();
            }
            assert_eq!(pace.at_once(), expected);
        }
        for _ in 0..9 {
            pace.enter().await.unwrap().bad(None);
        }
        assert_eq!(pace.at_once(), 1, "never none");
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_waits_for_another_to_end() {
        let pace = pace(None, None);
        pace.enter().await.unwrap().bad(None);
        let first = pace.enter().await.unwrap();
        let second = tokio::spawn({
            let pace = pace.clone();
            async move { pace.enter().await.is_ok() }
        });
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert!(!second.is_finished());
        drop(first);
        assert!(second.await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn the_vendors_word_on_when_to_ask_again_holds_for_all() {
        let pace = pace(None, None);
        let start = Instant::now();
        pace.enter().await.unwrap().bad(Some(Duration::from_secs(30)));
        pace.enter().await.unwrap().good();
        assert_eq!((Instant::now() - start).as_secs(), 30);
    }

    #[tokio::test]
    async fn the_days_bytes_are_never_exceeded() {
        let pace = pace(None, Some(100));
        let mut pass = pace.enter().await.unwrap();
        assert!(matches!(pass.promise(101).await, Err(Refusal::UsedUp(UsedUp { bytes_per_day: 100 }))));
        pass.promise(70).await.unwrap();
        let mut other = pace.enter().await.unwrap();
        assert!(other.promise(31).await.is_err(), "70 are promised");
        pass.came(20).await.unwrap();
        drop(pass);
        other.promise(80).await.unwrap();
        other.came(80).await.unwrap();
        assert!(pace.enter().await.is_err(), "all 100 came");
    }

    #[tokio::test]
    async fn bytes_that_nobody_announced_count_as_they_come() {
        let pace = pace(None, Some(100));
        let mut pass = pace.enter().await.unwrap();
        pass.came(100).await.unwrap();
        assert!(pass.came(1).await.is_err());
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
        ) -> Pin<Box<dyn Future<Output = Result<BudgetGrant, Source>> + Send + '_>> {
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
        let pace = RateLimiter::shared(budget, Some(script.clone()));
        let start = Instant::now();
        drop(pace.enter().await.unwrap());
        drop(pace.enter().await.unwrap());
        tokio::time::advance(Duration::from_secs(2)).await;
        drop(pace.enter().await.unwrap());
        assert_eq!((Instant::now() - start).as_secs(), 32, "the ledger's word on when to ask again holds");
        assert!(matches!(pace.enter().await, Err(Refusal::SharedBudget(_))));
        let unused: Vec<_> = script.wants.lock().unwrap().iter().map(|want| want.unused).collect();
        assert_eq!(unused, [None, Some((1, 1)), None, None]);
    }

    #[tokio::test]
    async fn bytes_are_taken_of_the_ledger_before_they_come() {
        let slice = |bytes| BudgetGrant { bytes, day: today(), ..BudgetGrant::default() };
        let slices = VecDeque::from([slice(100), slice(50), slice(0)]);
        let script = Arc::new(Script { slices: Mutex::new(slices), wants: Mutex::default() });
        let budget = Budget { requests_per_minute: None, bytes_per_day: Some(1_000) };
        let pace = RateLimiter::shared(budget, Some(script.clone()));
        let mut pass = pace.enter().await.unwrap();
        pass.promise(80).await.unwrap();
        pass.came(80).await.unwrap();
        pass.came(20).await.unwrap();
        pass.promise(40).await.unwrap();
        let used = pass.promise(11).await;
        assert!(matches!(used, Err(Refusal::UsedUp(UsedUp { bytes_per_day: 1_000 }))), "{used:?}");
        let wants: Vec<u64> = script.wants.lock().unwrap().iter().map(|want| want.bytes).collect();
        assert_eq!(wants, [80, 40, 1]);
    }

    #[test]
    fn a_new_day_begins_with_what_is_promised() {
        let pace = pace(None, Some(100));
        let mut state = pace.state();
        (state.bytes, state.promised) = (90, 30);
        let tomorrow = state.day + 1;
        state.turn_day(tomorrow);
        assert_eq!(state.bytes, 30);
    }
}
