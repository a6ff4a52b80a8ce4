//! Locks and blocking work, as every part of the simulator uses them.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex. A poisoned mutex is used as it is: the panic is reported where it happened.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs CPU-bound work on a blocking thread, off the async runtime. A panic of the work is resumed in the caller.
pub(crate) async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down, and the caller's task with it.
            Err(_) => std::future::pending().await,
        },
    }
}
