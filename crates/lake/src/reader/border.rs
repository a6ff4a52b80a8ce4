//! Catches panics of the Parquet decoder, which reads unverified bytes of files without checksums.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::pin::Pin;
use std::sync::Once;
use std::task::{Context, Poll};

use futures::Stream;
use parquet::errors::ParquetError;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Runs `decode`; a panic becomes an error, and nothing is printed.
///
/// # Errors
/// When `decode` fails or panics.
pub(crate) fn caught<T>(decode: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    quietly(decode).unwrap_or_else(Err)
}

fn quietly<T>(decode: impl FnOnce() -> T) -> Result<T, ParquetError> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |panic| {
            if !INSIDE.get() {
                usual(panic);
            }
        }));
    });
    let before = INSIDE.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(decode));
    INSIDE.set(before);
    outcome.map_err(|panic| {
        let words = panic.downcast_ref::<String>().map(String::as_str);
        let words = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
        ParquetError::General(format!("it cannot be decoded: {}", words.lines().next().unwrap_or_default()))
    })
}

/// A stream of batches with caught panics. It ends with the first one.
pub(crate) struct Caught<S> {
    stream: Option<S>,
}

impl<S> Caught<S> {
    pub fn new(stream: S) -> Caught<S> {
        Caught { stream: Some(stream) }
    }
}

impl<T, S: Stream<Item = Result<T, ParquetError>> + Unpin> Stream for Caught<S> {
    type Item = Result<T, ParquetError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(None) };
        match quietly(|| Pin::new(stream).poll_next(context)) {
            Ok(polled) => polled,
            Err(error) => {
                self.stream = None;
                Poll::Ready(Some(Err(error)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_with_its_words() {
        let error = caught(|| -> Result<(), ParquetError> { panic!("index {} out of range", 3) });
        assert!(error.unwrap_err().to_string().contains("cannot be decoded: index 3 out of range"));
        assert_eq!(caught(|| Ok(1)).unwrap(), 1);
    }
}
