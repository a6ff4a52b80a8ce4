//! Runs of a saved plan by many workers: shards, leases, takeover, a shared budget, and progress.
//!
//! There is no coordinator. Workers agree by objects of the lake below `runs/{run_id}/`: the plan ([`saved_plan`]), a
//! progress object per part and holder ([`lease`](crate::runs::lease)), and the usage of the vendor's account
//! ([`budget`](crate::runs::budget)). [`worker`] is one process of a run, [`monitor`] reports its progress to anybody.

pub mod monitor;
pub mod saved_plan;
pub mod worker;
