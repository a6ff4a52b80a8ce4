//! Interprets the error answers of a bucket.

use object_store::Error as StoreError;

/// The status of an error answer, which the store's client has in its message only.
pub(crate) fn refused_status(text: &str) -> Option<u16> {
    let (_, after) = text.split_once("status code: ")?;
    after.get(..3)?.parse().ok()
}

/// Whether a store does not support a request: retrying is useless.
pub(crate) fn is_unknown_there(error: &StoreError) -> bool {
    refused_status(&error.to_string()) == Some(501)
        || matches!(error, StoreError::NotImplemented { .. } | StoreError::NotSupported { .. })
}

/// Whether a store understood a request and refuses it: neither an outage nor a lack of permission.
pub(crate) fn says_no(error: &StoreError) -> bool {
    match refused_status(&error.to_string()) {
        Some(401 | 403 | 408 | 429) => false,
        Some(status) if (400..500).contains(&status) => true,
        _ => is_unknown_there(error),
    }
}
