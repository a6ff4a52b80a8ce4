//! What a bucket's refusals mean.

use object_store::Error as StoreError;

/// The status of an answer that is an error, which the store's client tells in words alone.
pub(crate) fn refused_status(text: &str) -> Option<u16> {
    let (_, after) = text.split_once("status code: ")?;
    after.get(..3)?.parse().ok()
}

/// Whether a store does not know what it was asked to do: asking again is in vain.
pub(crate) fn is_unknown_there(error: &StoreError) -> bool {
    refused_status(&error.to_string()) == Some(501)
        || matches!(error, StoreError::NotImplemented { .. } | StoreError::NotSupported { .. })
}

/// Whether a store understood a request and will not do it: neither an outage nor a matter of rights.
pub(crate) fn says_no(error: &StoreError) -> bool {
    match refused_status(&error.to_string()) {
        Some(401 | 403 | 408 | 429) => false,
        Some(status) if (400..500).contains(&status) => true,
        _ => is_unknown_there(error),
    }
}
