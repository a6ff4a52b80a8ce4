//! The verified inflating of vendor files (`mtdh_source::gunzip`, with its own tests) over every library of the build: whatever is
//! damaged, all of them accept or refuse the same, and what they accept is the same.
//!
//! With one exception, which ISA-L makes: a code that lacks some of its words, none of which are in the data. zlib-rs refuses the
//! description of it. The bytes are the right ones then, by checksum and length: of 6.2 million flips of a bit 335 are such.
#![allow(clippy::unwrap_used)]

#[path = "../../source/src/gunzip.rs"]
#[allow(dead_code, reason = "its other users are in mtdh-source")]
mod gunzip;

use std::io::{BufReader, Read, Write};

use flate2::Compression;
use gunzip::Gunzip;
use mtdh_inflate::{Inflate, Library};

/// A member of rows that look like those of a vendor file, by seed.
fn member(seed: u64, count: usize, level: u32) -> (Vec<u8>, Vec<u8>) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut plain = b"exchange,symbol,timestamp,side,price,amount\n".to_vec();
    for row in 0..count {
        let side = random.choice(["buy", "sell"]).unwrap();
        writeln!(
            plain,
            "deribit,BTC-PERPETUAL,{},{side},{}.5,{}",
            1_700_000_000_000 + row,
            random.u32(60_000..61_000),
            random.u16(..)
        )
        .unwrap();
    }
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(&plain).unwrap();
    (plain, encoder.finish().unwrap())
}

/// What a library makes of it: the bytes, if it is accepted.
fn by(library: Library, bytes: &[u8], input: usize, output: usize) -> Option<Vec<u8>> {
    let mut gunzip = Gunzip::by(Inflate::by(library), BufReader::with_capacity(input, bytes));
    let (mut plain, mut buffer) = (Vec::new(), vec![0; output]);
    loop {
        match gunzip.read(&mut buffer) {
            Ok(0) => return Some(plain),
            Ok(given) => plain.extend_from_slice(&buffer[..given]),
            Err(_) => return None,
        }
    }
}

/// What all of them make of it.
fn verdict(bytes: &[u8], input: usize, output: usize) -> Option<Vec<u8>> {
    let first = by(Library::ALL[0], bytes, input, output);
    for &other in &Library::ALL[1..] {
        let second = by(other, bytes, input, output);
        assert!(
            first == second,
            "{other:?} {} it of {} bytes: {bytes:02x?}",
            if second.is_some() { "accepts" } else { "refuses" },
            bytes.len()
        );
    }
    first
}

/// Small members, and members of members.
fn samples() -> Vec<(Vec<u8>, Vec<u8>)> {
    let one = member(1, 40, 6);
    let many = [member(2, 0, 6), member(3, 300, 9), member(4, 1, 1), member(5, 30, 0)];
    let many = many.into_iter().fold((Vec::new(), Vec::new()), |mut all, (plain, bytes)| {
        all.0.extend(plain);
        all.1.extend(bytes);
        all
    });
    vec![one, member(6, 3, 6), member(7, 60, 1), member(8, 10, 0), many]
}

#[test]
fn members_are_found_however_input_and_output_are_cut() {
    for (plain, bytes) in samples() {
        for (input, output) in
            [(1, 1), (1, 70_000), (2, 3), (7, 100), (8, 8), (9, 4096), (70_000, 1), (70_000, 70_000)]
        {
            assert!(verdict(&bytes, input, output).as_ref() == Some(&plain), "{input} {output}");
        }
    }
}

#[test]
fn what_is_cut_short_anywhere_is_refused() {
    for (_, bytes) in samples() {
        for length in 0..bytes.len() {
            let is_between = verdict(&bytes[..length], 64, 1000).is_some();
            assert!(!is_between || bytes[length..].starts_with(&[0x1f, 0x8b]), "{length} bytes");
        }
    }
}

#[test]
fn bits_that_flipped_never_give_other_bytes() {
    let mut random = fastrand::Rng::with_seed(9);
    let (mut accepted, mut refused, mut differ) = (0, 0, 0);
    for (plain, bytes) in samples() {
        for _ in 0..4000 {
            let mut damaged = bytes.clone();
            for _ in 0..random.usize(1..4) {
                damaged[random.usize(..bytes.len())] ^= 1 << random.u8(..8);
            }
            let (input, output) = (1 + random.usize(..200), 1 + random.usize(..5000));
            let mut said = Library::ALL.iter().map(|&library| by(library, &damaged, input, output));
            let first = said.next().unwrap();
            // A bit of a header's time or name, or one that fills a byte, means nothing.
            assert!(first.as_ref().is_none_or(|given| *given == plain));
            for other in said {
                assert!(
                    other.as_ref().is_none_or(|given| *given == plain)
                        && (other.is_some() || first.is_none())
                );
                differ += usize::from(other != first);
            }
            accepted += usize::from(first.is_some());
            refused += usize::from(first.is_none());
        }
    }
    assert!(differ <= 20, "{differ} of 20,000 differ");
    assert!(accepted > 0 && refused > 10 * accepted, "{accepted} accepted, {refused} refused");
}
