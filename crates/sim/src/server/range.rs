//! The `Range` header with a single range.

/// A parsed `Range` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Range {
    /// From one byte to another, both included.
    Part { first: u64, last: u64 },
    /// Beyond the end of the body.
    Beyond,
    /// Not a single byte range; the header is ignored.
    Unreadable,
}

/// Parses a `Range` header for a body of `length` bytes.
pub(crate) fn parse_range(header: &str, length: u64) -> Range {
    let Some((first, last)) = header.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Range::Unreadable;
    };
    let (first, last) = match (first.trim(), last.trim()) {
        ("", suffix) => match suffix.parse::<u64>() {
            Ok(0) => return Range::Beyond,
            Ok(count) => (length.saturating_sub(count), length.saturating_sub(1)),
            Err(_) => return Range::Unreadable,
        },
        (first, "") => match first.parse() {
            Ok(first) => (first, length.saturating_sub(1)),
            Err(_) => return Range::Unreadable,
        },
        (first, last) => match (first.parse(), last.parse::<u64>()) {
            (Ok(first), Ok(last)) if first <= last => (first, last.min(length.saturating_sub(1))),
            _ => return Range::Unreadable,
        },
    };
    if first >= length { Range::Beyond } else { Range::Part { first, last } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_ten_bytes() {
        for (header, expected) in [
            ("bytes=0-", Range::Part { first: 0, last: 9 }),
            ("bytes=3-5", Range::Part { first: 3, last: 5 }),
            ("bytes=3-500", Range::Part { first: 3, last: 9 }),
            ("bytes=-4", Range::Part { first: 6, last: 9 }),
            ("bytes=-40", Range::Part { first: 0, last: 9 }),
            ("bytes=10-", Range::Beyond),
            ("bytes=-0", Range::Beyond),
            ("bytes=5-3", Range::Unreadable),
            ("bytes=0-1,4-5", Range::Unreadable),
            ("items=0-1", Range::Unreadable),
        ] {
            assert_eq!(parse_range(header, 10), expected, "{header}");
        }
        assert_eq!(parse_range("bytes=0-", 0), Range::Beyond);
    }
}
