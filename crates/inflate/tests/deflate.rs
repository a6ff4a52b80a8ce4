//! Every library of the build against data of every kind, cut in any way: the same bytes, and the exact end.
#![allow(clippy::unwrap_used)]

use std::io::Write;

use flate2::{Compress, Compression, FlushCompress, Status};
use mtdh_inflate::{Damaged, Inflate, Library};

/// Bytes behind the data, of which none may be taken. They are more than a library reads ahead.
const BEHIND: [u8; 40] = [0xa5; 40];

fn deflate(plain: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// In blocks of `length` plain bytes, each flushed by an empty stored block.
fn in_blocks(plain: &[u8], length: usize) -> Vec<u8> {
    let (mut compress, mut bytes) =
        (Compress::new(Compression::best(), false), Vec::with_capacity(plain.len() * 2 + 1000));
    for block in plain.chunks(length) {
        compress.compress_vec(block, &mut bytes, FlushCompress::Full).unwrap();
    }
    assert_eq!(compress.compress_vec(&[], &mut bytes, FlushCompress::Finish).unwrap(), Status::StreamEnd);
    bytes
}

fn rows(count: u32) -> Vec<u8> {
    (0..count)
        .flat_map(|n| format!("{},{}\n", 1_700_000_000 + n, n.wrapping_mul(2_654_435_761) >> 12).into_bytes())
        .collect()
}

/// Plain bytes and what they are compressed to, by what it is.
fn kinds() -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    let mut random = fastrand::Rng::with_seed(1);
    let noise: Vec<u8> = (0..100_000).map(|_| random.u8(..)).collect();
    // Each copy is as far back as a copy can be.
    let far = [&noise[..32_768], &noise[..32_768], &noise[..32_768], &noise[..32_768]].concat();
    let (zeros, text) = (vec![0; 1_000_000], rows(20_000));
    let of = |plain: &[u8], level| (plain.to_vec(), deflate(plain, level));
    [
        ("nothing", of(b"", 6)),
        ("nothing, stored", of(b"", 0)),
        ("a byte", of(b"x", 6)),
        ("fixed codes", of(b"a,b\n1,2\n1,2\n", 6)),
        ("stored", of(&text, 0)),
        ("quick", of(&text, 1)),
        ("usual", of(&text, 6)),
        ("best", of(&text, 9)),
        ("noise", of(&noise, 6)),
        ("far copies", of(&far, 9)),
        ("one byte again and again", of(&zeros, 9)),
        ("small blocks", (text[..20_000].to_vec(), in_blocks(&text[..20_000], 100))),
        ("large blocks", (text.clone(), in_blocks(&text, 70_001))),
    ]
    .map(|(name, (plain, bytes))| (name, plain, bytes))
    .into()
}

/// Inflates with at most so many bytes of input and output a call. Gives the plain bytes and how many were taken; `None` where the
/// data did not end.
fn cut(
    inflate: &mut Inflate,
    bytes: &[u8],
    input: usize,
    output: usize,
) -> Result<(Vec<u8>, Option<usize>), Damaged> {
    let (mut plain, mut buffer, mut at) = (Vec::new(), vec![0; output], 0);
    while at < bytes.len() {
        let end = bytes.len().min(at + input);
        let progress = inflate.inflate(&bytes[at..end], &mut buffer)?;
        plain.extend_from_slice(&buffer[..progress.given]);
        at += progress.taken;
        if progress.is_end {
            return Ok((plain, Some(at)));
        }
        assert!(progress.taken + progress.given > 0, "it stands still at {at}");
    }
    Ok((plain, None))
}

#[test]
fn the_cutting_changes_nothing_and_nothing_behind_the_end_is_taken() {
    for &library in Library::ALL {
        let mut inflate = Inflate::by(library);
        for (name, plain, bytes) in kinds() {
            let with_more = [&bytes[..], &BEHIND].concat();
            for input in [1, 2, 3, 7, 8, 9, 64, 4096, usize::MAX / 2] {
                for output in [1, 2, 7, 258, 4096, 32_768, 65_536, 300_000] {
                    // A call for each byte of large ones takes long and shows nothing new.
                    if plain.len() / output > 10_000 || bytes.len() / input > 50_000 {
                        continue;
                    }
                    inflate.reset();
                    let (given, taken) = cut(&mut inflate, &with_more, input, output).unwrap();
                    assert!(given == plain, "{library:?}, {name}: {input} {output}");
                    assert_eq!(taken, Some(bytes.len()), "{library:?}, {name}: {input} {output}");
                }
            }
        }
    }
}

#[test]
fn random_cuts_change_nothing() {
    let mut random = fastrand::Rng::with_seed(2);
    for (name, plain, bytes) in kinds() {
        let with_more = [&bytes[..], &BEHIND].concat();
        for (&library, _) in
            Library::ALL.iter().flat_map(|library| (0..20).map(move |round| (library, round)))
        {
            let (mut inflate, mut given, mut at) = (Inflate::by(library), Vec::new(), 0);
            loop {
                let end = with_more.len().min(at + (1 << random.u32(0..14)) + random.usize(0..9) - 1);
                // At times there is no input, or no room.
                let mut buffer =
                    vec![0; ((1 << random.u32(0..17)) + random.usize(0..9)) * random.usize(0..9).min(1)];
                let progress = inflate.inflate(&with_more[at..end], &mut buffer).unwrap();
                given.extend_from_slice(&buffer[..progress.given]);
                at += progress.taken;
                if progress.is_end {
                    break;
                }
            }
            assert!(given == plain && at == bytes.len(), "{library:?}, {name}");
        }
    }
}

#[test]
fn what_is_cut_short_never_ends() {
    for &library in Library::ALL {
        let mut inflate = Inflate::by(library);
        for (name, plain, bytes) in kinds() {
            let step = 1 + bytes.len() / 100;
            for length in (0..bytes.len()).step_by(step).chain(bytes.len().saturating_sub(20)..bytes.len()) {
                inflate.reset();
                let (given, taken) = cut(&mut inflate, &bytes[..length], 1000, 70_000).unwrap();
                assert!(taken.is_none() && plain.starts_with(&given), "{library:?}, {name}: {length} bytes");
            }
        }
    }
}

#[test]
fn what_is_no_deflate_data_is_refused_and_forgotten() {
    for &library in Library::ALL {
        let mut inflate = Inflate::by(library);
        for (name, bytes) in [
            ("a kind of block that is none", vec![0x07, 0, 0]),
            ("a stored block whose length does not fit", vec![0x01, 5, 0, 5, 0, 1, 2, 3, 4, 5]),
            ("more lengths than there are", vec![0xfd, 0xff, 0xff, 0xff, 0xff, 0xff]),
            // A fixed code for a copy of three bytes, one byte back, at the beginning.
            ("a copy from before the beginning", vec![0x03, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ] {
            inflate.reset();
            assert_eq!(cut(&mut inflate, &bytes, 100, 100), Err(Damaged), "{library:?}: {name}");
            inflate.reset();
            let (given, _) = cut(&mut inflate, &deflate(b"right", 6), 100, 100).unwrap();
            assert_eq!(given, b"right", "{library:?}, after {name}");
        }
    }
}

#[test]
fn a_build_says_what_it_has() {
    let names: Vec<&str> = Library::ALL.iter().map(|one| one.name()).collect();
    let expected: &[&str] = if cfg!(feature = "isal") { &["zlib-rs", "ISA-L"] } else { &["zlib-rs"] };
    assert_eq!(names, expected);
    assert_eq!(Library::USED.name(), names[names.len() - 1]);
}
