//! Gzip compression in one member or several, and decompression.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};

/// Compresses a text. Each member contains `member_bytes` of it; `None`: one member contains all.
pub(crate) fn compress(text: &[u8], member_bytes: Option<usize>) -> Bytes {
    let size = member_bytes.unwrap_or(text.len()).max(1);
    if text.is_empty() {
        return member(text).into();
    }
    text.chunks(size).flat_map(member).collect::<Vec<u8>>().into()
}

/// Decompresses all members.
///
/// # Errors
/// Fails when the stream is damaged or incomplete.
pub(crate) fn decompress(stream: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    MultiGzDecoder::new(stream).read_to_end(&mut text)?;
    Ok(text)
}

/// Creates an encoder whose output depends on its input only.
pub(crate) fn encoder<W: Write>(out: W) -> GzEncoder<W> {
    GzBuilder::new().mtime(0).operating_system(255).write(out, Compression::fast())
}

fn member(text: &[u8]) -> Vec<u8> {
    let mut encoder = encoder(Vec::with_capacity(text.len() / 4 + 64));
    let written = encoder.write_all(text).and_then(|()| encoder.finish());
    written.unwrap_or_else(|e| panic!("writing to memory cannot fail: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_decompress_to_the_whole() {
        let text = b"timestamp,price\n1,2\n3,4\n";
        for member_bytes in [None, Some(1), Some(7), Some(1000)] {
            assert_eq!(decompress(&compress(text, member_bytes)).unwrap(), text);
        }
        assert_eq!(decompress(&compress(b"", None)).unwrap(), b"");
    }
}
