//! Error kinds shared by all crates, and the formatting of an error with its causes.
//!
//! Front ends map [`ErrorKind`] to exit statuses, HTTP statuses and exceptions, and add their own advice.

use std::error::Error;

/// The kind of an error: what the caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The named thing does not exist: a lake, a run, an exchange, an instrument table.
    NotFound,
    /// The other side refused: credentials are missing, wrong or insufficient.
    Refused,
    /// A quota, or the user's daily limit, is exhausted. Retry later.
    UsedUp,
    /// A transient failure of the network, the store or another process. The same call may succeed soon.
    Busy,
    /// The request is invalid: a wrong address or name, or a contradiction. The caller must change it.
    Invalid,
    /// The caller cancelled the operation.
    Interrupted,
    /// Stored or received data is corrupt, or was written by a newer version of the program.
    Damaged,
    /// The machine failed: a full disk, a file that cannot be written.
    Failed,
}

/// Formats an error and its causes in one line. A cause whose text already occurs in the line is omitted, because some
/// libraries include their source in their own text.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Link {
        text: &'static str,
        #[source]
        source: Option<Box<Link>>,
    }

    #[test]
    fn a_chain_is_one_line_and_repeats_nothing() {
        let link = |text, source: Option<Link>| Link { text, source: source.map(Box::new) };
        let error =
            link("cannot open a", Some(link("disk failed: bad sector", Some(link("bad sector", None)))));
        assert_eq!(chain(&error), "cannot open a: disk failed: bad sector");
    }
}
