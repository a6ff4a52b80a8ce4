//! The state that all servers share: configuration and clock, fault counts, the request log, the stop signal.
//!
//! Not for the state of one server: that belongs to its handler.

use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use crate::config::{Config, Options};
use crate::server::fault::{Fault, Host};
use crate::server::request_log::RequestLog;
use crate::sync::lock;

/// The shared state of one simulator.
#[derive(Debug)]
pub(crate) struct World {
    config: Mutex<Arc<Config>>,
    /// For each fault of the configuration, how many requests have matched it.
    fault_counts: Mutex<Vec<u32>>,
    /// All requests so far.
    pub(crate) log: RequestLog,
    /// Becomes true when the simulator stops.
    pub(crate) stopped: watch::Sender<bool>,
}

impl World {
    /// Creates the state from a configuration.
    pub(crate) fn new(config: Config) -> World {
        World {
            config: Mutex::new(Arc::new(config)),
            fault_counts: Mutex::default(),
            log: RequestLog::default(),
            stopped: watch::Sender::new(false),
        }
    }

    /// Returns the current configuration.
    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&lock(&self.config))
    }

    /// Returns the simulated time, microseconds since the Unix epoch, UTC.
    pub(crate) fn now_us(&self) -> i64 {
        self.config().now.timestamp_micros()
    }

    /// Sets the simulated clock.
    pub(crate) fn set_now(&self, now: DateTime<Utc>) {
        let mut config = lock(&self.config);
        *config = Arc::new(Config { now, ..Config::clone(&config) });
    }

    /// Replaces all faults and restarts the counting of attempts.
    pub(crate) fn set_faults(&self, faults: Vec<Fault>) {
        let mut config = lock(&self.config);
        *config = Arc::new(Config { faults, ..Config::clone(&config) });
        lock(&self.fault_counts).clear();
        self.log.reset_attempts();
    }

    /// Replaces the options.
    pub(crate) fn set_options(&self, options: Options) {
        let mut config = lock(&self.config);
        *config = Arc::new(Config { options, ..Config::clone(&config) });
    }

    /// Counts a request against every fault that matches it, and returns the first fault that applies.
    pub(crate) fn next_fault(&self, host: Host, method: &str, url: &str, attempt: u32) -> Option<Fault> {
        let config = lock(&self.config);
        let mut counts = lock(&self.fault_counts);
        counts.resize(config.faults.len(), 0);
        for (fault, count) in config.faults.iter().zip(counts.iter_mut()) {
            if fault.matches(host, method, url, attempt) {
                *count += 1;
                if fault.requests.contains(*count) {
                    return Some(fault.clone());
                }
            }
        }
        None
    }
}
