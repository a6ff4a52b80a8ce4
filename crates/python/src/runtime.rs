//! The runtime that all calls share, and waiting for work with an ear for Ctrl-C.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// The runtime, and the process that made it.
static RUNTIME: Mutex<Option<(u32, Arc<Runtime>)>> = Mutex::new(None);

/// How often Ctrl-C and callbacks are looked after while work goes on.
const TICK: Duration = Duration::from_millis(100);

/// How long interrupted work may take to end by itself.
const GRACE: Duration = Duration::from_millis(1400);

/// The runtime of this process. After a fork the child makes its own: the threads of its parent's are not there.
pub fn runtime() -> PyResult<Arc<Runtime>> {
    let mut held = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    let process = std::process::id();
    if let Some((owner, runtime)) = &*held
        && *owner == process
    {
        return Ok(runtime.clone());
    }
    let made = Arc::new(tokio::runtime::Builder::new_multi_thread().enable_all().build()?);
    let former = held.replace((process, made.clone()));
    // Ending it would wait for threads that are not there.
    std::mem::forget(former);
    Ok(made)
}

/// Waits for work without the interpreter's lock. Ctrl-C cancels `stop` and gives the work time to end, then raises
/// `KeyboardInterrupt`. `tick` is called ten times a second; its error ends the work the same way.
pub fn wait<T: Send>(
    py: Python<'_>,
    work: impl Future<Output = T> + Send,
    stop: &CancellationToken,
    mut tick: impl FnMut(Python<'_>) -> PyResult<()>,
) -> PyResult<T> {
    let runtime = runtime()?;
    let mut work = Box::pin(work);
    loop {
        if let Some(done) = done_in(py, &runtime, TICK, work.as_mut()) {
            return Ok(done);
        }
        if let Err(interrupt) = py.check_signals().and_then(|()| tick(py)) {
            stop.cancel();
            done_in(py, &runtime, GRACE, work.as_mut());
            return Err(interrupt);
        }
    }
}

/// As [`wait`], for work that is dropped when it is interrupted.
pub fn wait_briefly<T: Send>(py: Python<'_>, work: impl Future<Output = T> + Send) -> PyResult<T> {
    let runtime = runtime()?;
    let mut work = Box::pin(work);
    loop {
        if let Some(done) = done_in(py, &runtime, TICK, work.as_mut()) {
            return Ok(done);
        }
        py.check_signals()?;
    }
}

/// Works for so long without the interpreter's lock; `None`: it is not done.
fn done_in<T: Send>(
    py: Python<'_>,
    runtime: &Runtime,
    time: Duration,
    work: Pin<&mut (impl Future<Output = T> + Send)>,
) -> Option<T> {
    py.detach(|| runtime.block_on(async { tokio::time::timeout(time, work).await.ok() }))
}
