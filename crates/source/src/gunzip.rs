//! Checked inflating: every gzip member to its end, each with its checksum and length.

use std::io::{self, BufRead, Read};

use flate2::bufread::MultiGzDecoder;

/// What is wrong with gzip data. None of it may be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GzipError {
    /// It ends inside a member.
    #[error("the gzip data ends early")]
    Truncated,
    /// A checksum, a length or the coding itself does not fit, or bytes follow that are no member.
    #[error("the gzip data is damaged")]
    Damaged,
}

/// Reads the plain bytes of gzip data of one or more members.
///
/// Reading gives `Ok(0)` only after the trailer of the last member was found right. Errors carry a [`GzipError`].
pub struct Gunzip<R>(MultiGzDecoder<R>);

impl<R: BufRead> Gunzip<R> {
    /// Inflates what `compressed` gives.
    pub fn new(compressed: R) -> Gunzip<R> {
        Gunzip(MultiGzDecoder::new(compressed))
    }
}

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => io::Error::new(error.kind(), GzipError::Truncated),
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                io::Error::new(error.kind(), GzipError::Damaged)
            }
            _ => error,
        })
    }
}

/// Whether data begins as gzip does.
pub fn is_gzip(start: &[u8]) -> bool {
    start.starts_with(&[0x1f, 0x8b])
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gz(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn gunzip(bytes: &[u8]) -> Result<String, GzipError> {
        let mut text = String::new();
        match Gunzip::new(bytes).read_to_string(&mut text) {
            Ok(_) => Ok(text),
            Err(error) => Err(*error.get_ref().unwrap().downcast_ref::<GzipError>().unwrap()),
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
        ] {
            assert_eq!(gunzip(&bytes), expected, "{name}");
        }
    }
}
