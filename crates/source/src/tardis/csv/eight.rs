//! Eight bytes of text at a time, the first in the lowest byte of a word.
//!
//! Where something is looked for, its bytes are marked by their highest bits. A borrow or a carry may mark bytes behind the first mark
//! wrongly; the first one is always right.

const HIGH: u64 = each(0x80);

const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The first eight bytes; `None` if there are fewer.
#[inline(always)]
pub(super) fn word(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|chunk| u64::from_le_bytes(*chunk))
}

/// The bits of a number of bytes below eight.
#[inline(always)]
pub(super) fn first_bytes(count: u32) -> u64 {
    (1 << (8 * count)) - 1
}

/// How many bytes come before the first mark; 8 if there is none.
#[inline(always)]
pub(super) fn before_mark(marks: u64) -> u32 {
    marks.trailing_zeros() / 8
}

/// What the digits of a word stand for, a byte each, and the marks of what is no digit.
#[inline(always)]
pub(super) fn digits(word: u64) -> (u64, u64) {
    let digits = word ^ each(b'0');
    // Ten and more reach the highest bit, or have it.
    (digits, (digits.wrapping_add(each(0x80 - 10)) | digits) & HIGH)
}

/// The number that eight digits make, a byte each: three multiplications instead of eight.
#[inline(always)]
pub(super) fn number(digits: u64) -> u64 {
    let pairs = (digits.wrapping_mul(10) + (digits >> 8)) & 0x00FF_00FF_00FF_00FF;
    let fours = (pairs.wrapping_mul(100) + (pairs >> 16)) & 0x0000_FFFF_0000_FFFF;
    (fours.wrapping_mul(10_000) + (fours >> 32)) & 0xFFFF_FFFF
}

/// The number that eight characters make; `None` if one is no digit.
#[inline(always)]
pub(super) fn eight_digits(word: u64) -> Option<u64> {
    let (digits, odd) = digits(word);
    (odd == 0).then(|| number(digits))
}

/// The marks of what ends a plain text cell, or makes it none: commas, line ends, and bytes that are not ASCII.
#[inline(always)]
pub(super) fn text_ends(word: u64) -> u64 {
    let zero_bytes = |word: u64| word.wrapping_sub(each(1)) & !word;
    (zero_bytes(word ^ each(b',')) | zero_bytes(word ^ each(b'\n')) | word) & HIGH
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_mark_is_right(bytes in prop::array::uniform8(prop_oneof![
            4 => b'0'..=b'9',
            1 => prop::sample::select(b",.\n\r-/:\"\x00\x7f\x80\xac\xb0\xff\x8a".to_vec()),
            1 => any::<u8>(),
        ])) {
            let word = u64::from_le_bytes(bytes);
            let before = |is_wanted: fn(u8) -> bool| bytes.iter().position(|b| is_wanted(*b)).unwrap_or(8);
            prop_assert_eq!(before_mark(digits(word).1) as usize, before(|b| !b.is_ascii_digit()));
            let ends_text = |b: u8| b == b',' || b == b'\n' || !b.is_ascii();
            prop_assert_eq!(before_mark(text_ends(word)) as usize, before(ends_text));
            let text = std::str::from_utf8(&bytes).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
            prop_assert_eq!(eight_digits(word), text.map(|text| text.parse().unwrap()));
        }
    }
}
