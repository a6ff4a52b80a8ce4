//! Retries reads whose answer broke off. object_store retries requests and resumes the bodies of objects, but gives up when
//! the body of a listing or of an error ends early.

use std::error::Error;
use std::time::Duration;

use object_store::client::{HttpError, HttpErrorKind};

/// Total number of attempts.
const ATTEMPTS: u32 = 4;

/// Runs a read, and repeats it if the answer broke off.
///
/// # Errors
/// The error of the last attempt, or the first error of another kind.
pub(crate) async fn again<T, F: Future<Output = object_store::Result<T>>>(
    mut read: impl FnMut() -> F,
) -> object_store::Result<T> {
    let mut attempt = 1;
    loop {
        match read().await {
            Err(error) if attempt < ATTEMPTS && broke_off(&error) => {
                tracing::warn!(attempt, %error, "reading again");
                tokio::time::sleep(Duration::from_millis(100 << attempt).mul_f64(fastrand::f64())).await;
                attempt += 1;
            }
            outcome => return outcome,
        }
    }
}

fn broke_off(error: &object_store::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<HttpError>().is_some_and(|e| e.kind() == HttpErrorKind::Interrupted) {
            return true;
        }
        cause = error.source();
    }
    false
}
