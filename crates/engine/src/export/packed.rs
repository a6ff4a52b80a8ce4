//! Text that is compressed as it is written.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use zstd::stream::write::Encoder as ZstdEncoder;

/// What text is compressed by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Packing {
    /// Nothing.
    #[default]
    Plain,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

/// How much time compression may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// About as much as making the text takes: for one who waits.
    Quick,
    /// As those programs usually do: for a file that is kept.
    Usual,
}

/// A writer that compresses what is written to it.
pub enum Packed<W: Write> {
    /// As it is.
    Plain(W),
    /// gzip.
    Gzip(Box<GzEncoder<W>>),
    /// Zstandard, with a checksum.
    Zstd(Box<ZstdEncoder<'static, W>>),
}

impl<W: Write> Packed<W> {
    /// Starts a text. The bytes of one text and effort are always the same: no time and no name is in them.
    ///
    /// # Errors
    /// When the library fails.
    pub fn new(packing: Packing, effort: Effort, out: W) -> io::Result<Packed<W>> {
        Ok(match (packing, effort) {
            (Packing::Plain, _) => Packed::Plain(out),
            (Packing::Gzip, Effort::Quick) => {
                Packed::Gzip(Box::new(GzEncoder::new(out, Compression::fast())))
            }
            (Packing::Gzip, Effort::Usual) => {
                Packed::Gzip(Box::new(GzEncoder::new(out, Compression::default())))
            }
            (Packing::Zstd, Effort::Quick) => Packed::Zstd(Box::new(ZstdEncoder::new(out, 1)?)),
            (Packing::Zstd, Effort::Usual) => {
                let mut encoder = ZstdEncoder::new(out, 3)?;
                encoder.include_checksum(true)?;
                Packed::Zstd(Box::new(encoder))
            }
        })
    }

    /// What it writes to.
    pub fn get_mut(&mut self) -> &mut W {
        match self {
            Packed::Plain(out) => out,
            Packed::Gzip(encoder) => encoder.get_mut(),
            Packed::Zstd(encoder) => encoder.get_mut(),
        }
    }

    /// Ends the text.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish(self) -> io::Result<W> {
        match self {
            Packed::Plain(out) => Ok(out),
            Packed::Gzip(encoder) => encoder.finish(),
            Packed::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Packed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Packed::Plain(out) => out.write(bytes),
            Packed::Gzip(encoder) => encoder.write(bytes),
            Packed::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Packed::Plain(out) => out.flush(),
            Packed::Gzip(encoder) => encoder.flush(),
            Packed::Zstd(encoder) => encoder.flush(),
        }
    }
}
