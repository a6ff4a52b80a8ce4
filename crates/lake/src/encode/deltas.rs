//! Integers as differences: Parquet's `DELTA_BINARY_PACKED`.
//!
//! Differences of successive numbers are stored in blocks. A block has its smallest difference and four miniblocks of 32
//! numbers, each packed with the bits that its largest remainder needs.

use super::push_varint;

const BLOCK: usize = 128;
const PIECE: usize = 32;

/// Appends the numbers of one page.
pub(super) fn push_deltas(buffer: &mut Vec<u8>, numbers: &[i64]) {
    push_varint(buffer, BLOCK as u64);
    push_varint(buffer, (BLOCK / PIECE) as u64);
    push_varint(buffer, numbers.len() as u64);
    push_signed(buffer, numbers.first().copied().unwrap_or(0));
    let mut deltas = [0; BLOCK];
    for start in (1..numbers.len()).step_by(BLOCK) {
        let end = (start + BLOCK).min(numbers.len());
        let deltas = &mut deltas[..end - start];
        // Differences of distant numbers wrap around, and wrap back when they are decoded.
        for (delta, pair) in deltas.iter_mut().zip(numbers[start - 1..end].windows(2)) {
            *delta = pair[1].wrapping_sub(pair[0]);
        }
        let smallest = deltas.iter().copied().min().unwrap_or(0);
        push_signed(buffer, smallest);
        let widths = buffer.len();
        buffer.extend([0; BLOCK / PIECE]);
        for (number, piece) in deltas.chunks(PIECE).enumerate() {
            let mut left = [0; PIECE];
            let mut all_bits = 0;
            for (left, delta) in left.iter_mut().zip(piece) {
                *left = delta.wrapping_sub(smallest) as u64;
                all_bits |= *left;
            }
            let width = u64::BITS - all_bits.leading_zeros();
            buffer[widths + number] = width as u8;
            push_packed(buffer, &left, width);
        }
    }
}

/// Zigzag encoding: maps small signed numbers to small unsigned ones.
fn push_signed(buffer: &mut Vec<u8>, number: i64) {
    push_varint(buffer, ((number << 1) ^ (number >> 63)) as u64);
}

/// Packs the low `width` bits of each number, the first in the lowest bits: four bytes for each bit of width.
fn push_packed(buffer: &mut Vec<u8>, numbers: &[u64; PIECE], width: u32) {
    let (mut word, mut filled) = (0_u64, 0);
    for number in numbers {
        word |= number << filled;
        filled += width;
        if filled >= u64::BITS {
            buffer.extend(word.to_le_bytes());
            filled -= u64::BITS;
            // The bits of the number that did not fit; none if it ended with the word.
            word = number.unbounded_shr(width - filled);
        }
    }
    buffer.extend(&word.to_le_bytes()[..filled.div_ceil(8) as usize]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_what_the_format_says() {
        // The example of Parquet's description of the encoding, with blocks of 128 numbers.
        for (numbers, expected) in [
            (vec![], vec![0x80, 1, 4, 0, 0]),
            (vec![-1], vec![0x80, 1, 4, 1, 1]),
            (vec![1, 2, 3, 4, 5], vec![0x80, 1, 4, 5, 2, 2, 0, 0, 0, 0]),
            (
                vec![7, 5, 3, 1, 2, 3, 4, 5],
                [vec![0x80, 1, 4, 8, 14, 3, 2, 0, 0, 0], vec![0b1100_0000, 0b0011_1111], vec![0; 6]].concat(),
            ),
        ] {
            let mut buffer = Vec::new();
            push_deltas(&mut buffer, &numbers);
            assert_eq!(buffer, expected, "{numbers:?}");
        }
    }
}
