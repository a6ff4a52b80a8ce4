//! The program as a user meets it: a process with arguments, exit status, stdout and stderr, a lake on the disk, and a
//! vendor on a socket.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its stage has failed")]

mod border;
mod broken_targets;
mod budget;
mod candles;
mod certify;
mod check_stream;
mod checks;
mod checksums;
mod closed_outputs;
mod complete;
mod damaged_files;
mod doctor;
mod expectation;
mod find;
mod fleet;
mod gate;
mod get;
mod groups;
mod interrupt;
mod kill;
mod layers;
mod main_job;
mod metrics_and_logs;
mod next;
mod phases;
mod progress;
mod recheck;
#[path = "../../../core/tests/shared/recorded.rs"]
#[allow(dead_code)] // of recorded data nothing is read here
mod recorded;
mod rekey;
mod row_checks;
mod secrets;
mod snapshots;
mod stores;
mod strangers;
mod support;
mod sync;
mod times;
mod together;
mod vendor_facts;
mod why;
mod wrong_calls;
