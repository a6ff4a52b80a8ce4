//! The usage of each API key: its address, requests and bytes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use mtdh_core::Day;

use crate::config::Budget;
use crate::sync::lock;

/// Why a request has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// The key is in use from another address for this many more seconds.
    OtherAddress { seconds: u64 },
    /// A limit is used up for this many more seconds.
    Budget { seconds: u64 },
}

/// Seconds for which a key stays bound to the address that used it last.
const HELD_SECONDS: u64 = 900;

const MINUTE: Duration = Duration::from_secs(60);

/// The usage of all keys. Requests without a key share one account.
#[derive(Debug, Default)]
pub(crate) struct KeyUse {
    accounts: Mutex<HashMap<String, Account>>,
}

#[derive(Debug, Default)]
struct Account {
    /// The address that used the key last, and when.
    holder: Option<(IpAddr, Instant)>,
    /// Start of the current minute, real time.
    minute: Option<Instant>,
    /// Requests in the current minute.
    requests: u32,
    /// The current day, simulated time.
    day: Option<Day>,
    /// Bytes of files in the current day.
    bytes: u64,
}

impl KeyUse {
    /// Counts a request at `now_us`, the simulated time in microseconds since the Unix epoch, UTC.
    ///
    /// # Errors
    /// Fails when the key is in use from another address, or a limit is used up.
    pub(crate) fn count_request(
        &self,
        key: Option<&str>,
        peer: IpAddr,
        budget: &Budget,
        now_us: i64,
    ) -> Result<(), Wait> {
        let mut accounts = lock(&self.accounts);
        let account = accounts.entry(key.unwrap_or_default().to_owned()).or_default();
        if key.is_some() {
            account.bind_address(peer)?;
        }
        account.count_request(budget)?;
        account.check_bytes(budget, now_us)
    }

    /// Counts the bytes of a file.
    pub(crate) fn count_bytes(&self, key: Option<&str>, bytes: u64) {
        let mut accounts = lock(&self.accounts);
        accounts.entry(key.unwrap_or_default().to_owned()).or_default().bytes += bytes;
    }

    /// Clears the usage of all keys.
    pub(crate) fn clear(&self) {
        lock(&self.accounts).clear();
    }
}

impl Account {
    fn bind_address(&mut self, peer: IpAddr) -> Result<(), Wait> {
        let now = Instant::now();
        if let Some((holder, since)) = self.holder
            && holder != peer
        {
            let left = HELD_SECONDS.saturating_sub(now.duration_since(since).as_secs());
            if left > 0 {
                return Err(Wait::OtherAddress { seconds: left });
            }
        }
        self.holder = Some((peer, now));
        Ok(())
    }

    fn count_request(&mut self, budget: &Budget) -> Result<(), Wait> {
        let Some(limit) = budget.requests_per_minute else { return Ok(()) };
        let now = Instant::now();
        let minute = *self.minute.get_or_insert(now);
        let since = now.duration_since(minute);
        if since >= MINUTE {
            self.minute = Some(now);
            self.requests = 0;
        }
        self.requests += 1;
        if self.requests > limit {
            return Err(Wait::Budget { seconds: MINUTE.saturating_sub(since).as_secs() + 1 });
        }
        Ok(())
    }

    fn check_bytes(&mut self, budget: &Budget, now_us: i64) -> Result<(), Wait> {
        let today = Day::containing_us(now_us);
        if self.day != today {
            self.day = today;
            self.bytes = 0;
        }
        match (budget.bytes_per_day, today) {
            (Some(limit), Some(today)) if self.bytes >= limit => {
                Err(Wait::Budget { seconds: ((today.end_us() - now_us) / 1_000_000) as u64 + 1 })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));

    #[test]
    fn a_key_belongs_to_one_address() {
        let keys = KeyUse::default();
        let budget = Budget::default();
        assert_eq!(keys.count_request(Some("k"), HERE, &budget, 0), Ok(()));
        assert!(matches!(
            keys.count_request(Some("k"), THERE, &budget, 0),
            Err(Wait::OtherAddress { seconds: 890..=900 })
        ));
        assert_eq!(keys.count_request(Some("k"), HERE, &budget, 0), Ok(()));
        assert_eq!(keys.count_request(None, THERE, &budget, 0), Ok(()));
    }

    #[test]
    fn budgets_run_out_and_come_back() {
        let keys = KeyUse::default();
        let budget = Budget { requests_per_minute: Some(2), bytes_per_day: None };
        assert_eq!(keys.count_request(None, HERE, &budget, 0), Ok(()));
        assert_eq!(keys.count_request(None, HERE, &budget, 0), Ok(()));
        assert!(matches!(keys.count_request(None, HERE, &budget, 0), Err(Wait::Budget { seconds: 1..=61 })));
        let budget = Budget { requests_per_minute: None, bytes_per_day: Some(10) };
        keys.count_bytes(None, 10);
        assert!(matches!(keys.count_request(None, HERE, &budget, 0), Err(Wait::Budget { .. })));
        assert_eq!(keys.count_request(None, HERE, &budget, mtdh_core::day::DAY_US), Ok(()));
    }
}
