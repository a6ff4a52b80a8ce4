//! Runs of a saved plan by many workers: shards, leases, takeover, one budget, and how far all of it is.
//!
//! There is no coordinator. What workers must agree on are objects of the lake below `runs/{run_id}/`:
//! the plan ([`saved_plan`]), a progress object per shard and holder ([`lease`]), and what was taken of the vendor's
//! account ([`ledger`]). [`worker`] is what one process does, [`monitor`] what anybody can see.

pub mod monitor;
pub mod saved_plan;
pub mod worker;
