//! The program as a user meets it: a process with arguments, exit status, stdout and stderr, a lake on the disk, and a
//! vendor on a socket.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its stage has failed")]

mod bits;
mod border;
mod budget;
mod candles;
mod checks;
mod damaged_files;
mod endings;
mod expectation;
mod fleet;
mod groups;
mod interrupt;
mod kill;
mod layers;
mod main_job;
mod phases;
mod recheck;
mod row_checks;
mod secrets;
mod seeing;
mod snapshots;
mod stage;
mod stores;
mod together;
mod wrong_calls;
