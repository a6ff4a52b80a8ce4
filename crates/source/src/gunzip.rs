//! Gzip decompression that verifies every member: its end, checksum and length.
//!
//! The framing (RFC 1952) is parsed here instead of in `flate2`, whose checksum took 5 % of a conversion: `crc32fast` uses the
//! processor's instructions. The data within is inflated by `mtdh_inflate`, whose tests include this file to hold each library to it.

use std::io::{self, BufRead, Read};

use mtdh_inflate::{Damaged, Inflate, Progress};

/// Why gzip data is invalid. None of its output may be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GzipError {
    /// It ends inside a member.
    #[error("the gzip data ends early")]
    Truncated,
    /// A checksum, a length or the compressed data is wrong, or the data is followed by bytes that are not a member.
    #[error("the gzip data is damaged")]
    Damaged,
}

impl From<Damaged> for GzipError {
    fn from(_: Damaged) -> GzipError {
        GzipError::Damaged
    }
}

impl From<GzipError> for io::Error {
    fn from(error: GzipError) -> io::Error {
        let kind = match error {
            GzipError::Truncated => io::ErrorKind::UnexpectedEof,
            GzipError::Damaged => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, error)
    }
}

/// Decompresses gzip data of one or more members.
///
/// Reading returns `Ok(0)` only after the trailer of the last member was verified. Errors contain a [`GzipError`].
pub struct Gunzip<R> {
    compressed: R,
    place: Place,
    inflate: Inflate,
    checksum: crc32fast::Hasher,
    /// Plain bytes of the member so far, modulo 2^32.
    length: u32,
    /// Members begun.
    members: u64,
}

/// The next part of the data.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    FirstHeader,
    Body,
    Trailer,
    /// Another member, or the end.
    NextHeader,
    End,
}

impl<R: BufRead> Gunzip<R> {
    /// Decompresses `compressed`.
    pub fn new(compressed: R) -> Gunzip<R> {
        Gunzip::by(Inflate::new(), compressed)
    }

    /// Decompresses `compressed` by `inflate`.
    pub(crate) fn by(inflate: Inflate, compressed: R) -> Gunzip<R> {
        Gunzip {
            compressed,
            place: Place::FirstHeader,
            inflate,
            checksum: crc32fast::Hasher::new(),
            length: 0,
            members: 0,
        }
    }

    /// The members begun so far. The bytes of one read are all of one member: the last one begun.
    pub fn members(&self) -> u64 {
        self.members
    }

    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        let truncated = |error: io::Error| match error.kind() {
            io::ErrorKind::UnexpectedEof => GzipError::Truncated.into(),
            _ => error,
        };
        self.compressed.read_exact(&mut bytes).map_err(truncated)?;
        Ok(bytes)
    }

    /// Reads a member's header. Optional fields are skipped; the header checksum is verified if there is one.
    fn read_header(&mut self) -> io::Result<()> {
        let [checked, extra, name, comment, reserved] = [2, 4, 8, 16, 0xe0];
        let fixed = self.take::<10>()?;
        let flags = fixed[3];
        if !is_gzip(&fixed) || fixed[2] != 8 || flags & reserved != 0 {
            return Err(GzipError::Damaged.into());
        }
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&fixed);
        if flags & extra != 0 {
            let length = self.take::<2>()?;
            checksum.update(&length);
            for _ in 0..u16::from_le_bytes(length) {
                checksum.update(&self.take::<1>()?);
            }
        }
        for _ in 0..(flags & (name | comment)).count_ones() {
            loop {
                let byte = self.take::<1>()?;
                checksum.update(&byte);
                if byte == [0] {
                    break;
                }
            }
        }
        if flags & checked != 0 && self.take::<2>()? != (checksum.finalize() as u16).to_le_bytes() {
            return Err(GzipError::Damaged.into());
        }
        self.inflate.reset();
        self.checksum.reset();
        self.length = 0;
        self.members += 1;
        Ok(())
    }

    /// Decompresses into `buffer`. Returns 0 bytes if the input so far yields no output.
    fn read_body(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let input = self.compressed.fill_buf()?;
        if input.is_empty() {
            return Err(GzipError::Truncated.into());
        }
        let Progress { taken, given, is_end } =
            self.inflate.inflate(input, buffer).map_err(GzipError::from)?;
        self.compressed.consume(taken);
        self.checksum.update(&buffer[..given]);
        self.length = self.length.wrapping_add(given as u32);
        if is_end {
            self.place = Place::Trailer;
        } else if taken == 0 && given == 0 {
            // No progress despite input and room for output: the data is invalid.
            return Err(GzipError::Damaged.into());
        }
        Ok(given)
    }

    fn check_trailer(&mut self) -> io::Result<()> {
        let [a, b, c, d, length @ ..] = self.take::<8>()?;
        let is_right = u32::from_le_bytes([a, b, c, d]) == self.checksum.clone().finalize()
            && u32::from_le_bytes(length) == self.length;
        is_right.then_some(()).ok_or_else(|| GzipError::Damaged.into())
    }
}

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match self.place {
                Place::FirstHeader => {
                    self.read_header()?;
                    self.place = Place::Body;
                }
                Place::Body => match self.read_body(buffer)? {
                    0 => {}
                    given => return Ok(given),
                },
                Place::Trailer => {
                    self.check_trailer()?;
                    self.place = Place::NextHeader;
                }
                Place::NextHeader if self.compressed.fill_buf()?.is_empty() => self.place = Place::End,
                Place::NextHeader => {
                    self.read_header()?;
                    self.place = Place::Body;
                }
                Place::End => return Ok(0),
            }
        }
    }
}

/// Whether data starts with the gzip magic number.
pub fn is_gzip(start: &[u8]) -> bool {
    start.starts_with(&[0x1f, 0x8b])
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use mtdh_inflate::Library;

    use super::*;

    fn gz(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    /// What each library says, which must be the same.
    fn gunzip(bytes: &[u8]) -> Result<String, GzipError> {
        let mut said = Library::ALL.iter().map(|&library| {
            let mut text = String::new();
            match Gunzip::by(Inflate::by(library), bytes).read_to_string(&mut text) {
                Ok(_) => Ok(text),
                Err(error) => Err(*error.get_ref().unwrap().downcast_ref::<GzipError>().unwrap()),
            }
        });
        let first = said.next().unwrap();
        for other in said {
            assert_eq!(other, first);
        }
        first
    }

    /// A member with an extra field, a name, a comment and the header's checksum, which is spoiled by `wrong`.
    fn with_parts(wrong: u8) -> Vec<u8> {
        let builder = flate2::GzBuilder::new().extra(b"xx".to_vec()).filename("f").comment("c");
        let mut encoder = builder.write(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"a,b\n1,2\n").unwrap();
        let mut bytes = encoder.finish().unwrap();
        bytes[3] |= 2;
        let end = 10 + 2 + 2 + 2 + 2;
        let checksum = (crc32fast::hash(&bytes[..end]) as u16 ^ u16::from(wrong)).to_le_bytes();
        bytes.splice(end..end, checksum);
        bytes
    }

    /// Gives one byte at a time.
    struct Dripping<'a>(&'a [u8]);

    impl Read for Dripping<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.0.len().min(buffer.len()).min(1);
            self.0.read(&mut buffer[..length])
        }
    }

    #[test]
    fn the_cutting_of_the_input_and_of_the_output_changes_nothing() {
        let text: String =
            (0..20_000_u32).map(|n| format!("{},{}\n", n, n.wrapping_mul(2_654_435_761))).collect();
        let bytes = [gz(&text), gz(""), gz(&text)].concat();
        let cuts = [(1, 1), (1, 70_000), (7, 100), (70_000, 3), (70_000, 70_000)];
        for (&library, (input, output)) in Library::ALL.iter().flat_map(|one| cuts.map(|cut| (one, cut))) {
            let source: Box<dyn Read> =
                if input == 1 { Box::new(Dripping(&bytes)) } else { Box::new(&bytes[..]) };
            let compressed = io::BufReader::with_capacity(input, source);
            let mut gunzip = Gunzip::by(Inflate::by(library), compressed);
            let (mut plain, mut buffer) = (Vec::new(), vec![0; output]);
            loop {
                match gunzip.read(&mut buffer).unwrap() {
                    0 => break,
                    length => plain.extend_from_slice(&buffer[..length]),
                }
            }
            assert!(plain == [text.as_bytes(), text.as_bytes()].concat(), "{library:?} {input} {output}");
        }
    }

    #[test]
    fn every_member_is_read_to_its_end_and_checked() {
        let one = gz("a,b\n1,2\n");
        let flip = |at: usize| {
            let mut bytes = one.clone();
            bytes[at] ^= 1;
            bytes
        };
        for (name, bytes, expected) in [
            ("one member", one.clone(), Ok("a,b\n1,2\n".to_owned())),
            ("no content", gz(""), Ok(String::new())),
            ("two members", [gz("a\n"), gz("b\n")].concat(), Ok("a\nb\n".to_owned())),
            ("no bytes at all", vec![], Err(GzipError::Truncated)),
            ("cut in the trailer", one[..one.len() - 1].to_vec(), Err(GzipError::Truncated)),
            ("cut in the data", one[..14].to_vec(), Err(GzipError::Truncated)),
            ("wrong checksum", flip(one.len() - 8), Err(GzipError::Damaged)),
            ("wrong length", flip(one.len() - 1), Err(GzipError::Damaged)),
            ("junk behind", [one.clone(), b"junk junk junk".to_vec()].concat(), Err(GzipError::Damaged)),
            (
                "second member cut",
                [one.clone(), one[..one.len() - 2].to_vec()].concat(),
                Err(GzipError::Truncated),
            ),
            ("a page", b"<html></html>".to_vec(), Err(GzipError::Damaged)),
            ("every optional part", with_parts(0), Ok("a,b\n1,2\n".to_owned())),
            ("a header whose checksum does not fit", with_parts(1), Err(GzipError::Damaged)),
            ("another compression", [&one[..2], &[7], &one[3..]].concat(), Err(GzipError::Damaged)),
            ("a flag that means nothing", [&one[..3], &[0x20], &one[4..]].concat(), Err(GzipError::Damaged)),
            ("no deflate inside", [&one[..10], &[0xff; 40]].concat(), Err(GzipError::Damaged)),
            ("a second member that is none", [one.clone(), vec![0; 20]].concat(), Err(GzipError::Damaged)),
        ] {
            assert_eq!(gunzip(&bytes), expected, "{name}");
        }
    }
}
