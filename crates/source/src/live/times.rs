//! The times of messages.

/// A time in microseconds or milliseconds since the Unix epoch, told apart by its size as the vendor's client does it: above 10^15 it is
/// microseconds. Microseconds, UTC.
#[inline]
pub fn stamp(time: i64) -> i64 {
    if time > 1_000_000_000_000_000 { time } else { time.saturating_mul(1_000) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_and_microseconds() {
        for (time, expected) in [
            (1_723_161_255_208, 1_723_161_255_208_000),
            (1_723_161_255_208_123, 1_723_161_255_208_123),
            (0, 0),
            (i64::MIN, i64::MIN),
        ] {
            assert_eq!(stamp(time), expected);
        }
    }
}
