//! What an error means to whoever called, whichever crate it came from; and an error with its causes as one line.
//!
//! Exit statuses, HTTP statuses and exceptions are tables over [`ErrorKind`]. What a user can type about an error is the
//! business of each front end.

use std::error::Error;

/// What a caller can do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// What was named does not exist: a lake, a run, an exchange, an instrument table.
    NotFound,
    /// The other side refused: credentials lack, are wrong, or do not cover what was asked for.
    Refused,
    /// A quota, or what the user allows in a day, is used up. It can go on later.
    UsedUp,
    /// The network, the store or another process is in the way for now. The same call may succeed soon.
    Busy,
    /// What was asked for cannot be: an address, a name, a contradiction. The caller must change it.
    Invalid,
    /// The caller ended it.
    Interrupted,
    /// Something stored or received cannot be trusted, or a newer version of the program wrote it.
    Damaged,
    /// The machine failed: a full disk, a file that cannot be written.
    Failed,
}

/// An error and its causes in one line. A cause whose words the line already has is left out: some libraries print their
/// source as a part of themselves.
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
