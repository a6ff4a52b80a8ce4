//! A hash that is the same on every machine and in every version.

/// Maps a name to an index below `count`. The result is the same on every machine and never changes.
pub fn stable_index(name: &str, count: u32) -> u32 {
    (stable_hash(name.as_bytes()) % u64::from(count.max(1))) as u32
}

/// A hash of a text. The result is the same on every machine and never changes.
pub(crate) fn stable_hash_of(text: &str) -> u64 {
    stable_hash(text.as_bytes())
}

/// FNV-1a with the finalizer of SplitMix64, so that the low bits are suitable for a modulus.
fn stable_hash(bytes: &[u8]) -> u64 {
    let fnv = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3));
    let a = (fnv ^ (fnv >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let b = (a ^ (a >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    b ^ (b >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_does_not_change() {
        for (name, expected) in [
            ("", 0xF52A_15E9_A9B5_E89B_u64),
            ("deribit/trades/2024/03/01/BTC-PERPETUAL", 0x859A_D1C3_F4C2_836B),
        ] {
            assert_eq!(stable_hash(name.as_bytes()), expected, "{name}");
        }
    }
}
