//! Limits on requests and bytes, and how several processes share them.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// The user's limits for requests to the vendor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Requests in any 60 seconds; `None` for no limit.
    pub requests_per_minute: Option<u32>,
    /// Bytes of response bodies per UTC day, as transferred; `None` for no limit.
    pub bytes_per_day: Option<u64>,
}

/// The daily byte budget is exhausted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsedUp {
    /// The budget, bytes per UTC day.
    pub bytes_per_day: u64,
}

/// A request to a [`SharedBudget`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BudgetRequest {
    /// Number of waiting requests.
    pub requests: u32,
    /// Bytes needed.
    pub bytes: u64,
    /// An earlier grant to return: its id, and the number of its unused requests. `None` if there is none.
    pub unused: Option<(u64, u32)>,
}

/// The answer of a [`SharedBudget`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BudgetGrant {
    /// Identifies the grant among those of this process.
    pub id: u64,
    /// Number of requests that may be sent; 0 if none are available now.
    pub requests: u32,
    /// How long the requests are valid.
    pub valid: Duration,
    /// How long to wait before the next request to the budget, if none are available.
    pub wait: Duration,
    /// Number of granted bytes; 0 if the daily budget is exhausted or the rest is not sufficient.
    pub bytes: u64,
    /// The UTC day of the bytes, as days since 1970-01-01.
    pub day: u64,
}

/// Why a [`SharedBudget`] is not available.
pub type BudgetError = Box<dyn std::error::Error + Send + Sync>;

/// Grants slices of a budget shared by several processes.
pub trait SharedBudget: Send + Sync + std::fmt::Debug {
    /// Requests a slice.
    ///
    /// # Errors
    /// If the budget cannot be read or written.
    fn take(
        &self,
        request: BudgetRequest,
    ) -> Pin<Box<dyn Future<Output = Result<BudgetGrant, BudgetError>> + Send + '_>>;
}

/// Why a request may not be sent or a body not be read.
#[derive(Debug)]
pub enum Refusal {
    /// The daily byte budget is exhausted.
    UsedUp(UsedUp),
    /// The shared budget is not available.
    SharedBudget(BudgetError),
}

impl From<UsedUp> for Refusal {
    fn from(used: UsedUp) -> Refusal {
        Refusal::UsedUp(used)
    }
}
