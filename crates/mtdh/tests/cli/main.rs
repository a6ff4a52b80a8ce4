//! The program as a user meets it: a process with arguments, exit status, stdout and stderr, a lake on the disk, and a
//! vendor on a socket.

mod damaged_files;
mod kill;
mod layers;
mod main_job;
mod stage;
mod wrong_calls;
