//! Inflating: raw deflate data (RFC 1951) by one of two libraries, behind one safe type. What is around the data, as the headers and
//! checksums of gzip, is not read here.
//!
//! zlib-rs is always there. With the feature `isal` ISA-L is there too, and is what is used. ISA-L accepts some descriptions of codes
//! that zlib-rs refuses as incomplete: what is inflated needs a checksum beside it.

#[cfg(feature = "isal")]
mod isal;
mod zlib;

/// A library that inflates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    /// zlib-rs: Rust, on every machine.
    ZlibRs,
    /// Intel's Intelligent Storage Acceleration Library.
    #[cfg(feature = "isal")]
    Isal,
}

impl Library {
    /// Those of this build; the last one is used.
    #[cfg(not(feature = "isal"))]
    pub const ALL: &[Library] = &[Library::ZlibRs];
    /// Those of this build; the last one is used.
    #[cfg(feature = "isal")]
    pub const ALL: &[Library] = &[Library::ZlibRs, Library::Isal];
    /// The one that is used.
    pub const USED: Library = Library::ALL[Library::ALL.len() - 1];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Library::ZlibRs => "zlib-rs",
            #[cfg(feature = "isal")]
            Library::Isal => "ISA-L",
        }
    }
}

/// How far one call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the input that are done with: none behind the end of the data is among them.
    pub taken: usize,
    /// Bytes of the output that were written.
    pub given: usize,
    /// The data ended, and all of it was given.
    pub is_end: bool,
}

/// The data is no deflate data. None of what was given may be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the compressed data is damaged")]
pub struct Damaged;

/// Inflates one piece of deflate data after the other.
pub struct Inflate(State);

enum State {
    ZlibRs(zlib::Zlib),
    #[cfg(feature = "isal")]
    Isal(isal::Isal),
}

impl Inflate {
    /// By the library that is used.
    #[allow(clippy::new_without_default, reason = "it allocates tables; nobody needs one by the way")]
    pub fn new() -> Inflate {
        Inflate::by(Library::USED)
    }

    /// By a library of this build.
    pub fn by(library: Library) -> Inflate {
        Inflate(match library {
            Library::ZlibRs => State::ZlibRs(zlib::Zlib::new()),
            #[cfg(feature = "isal")]
            Library::Isal => State::Isal(isal::Isal::new()),
        })
    }

    /// Forgets the data so far, so that the next call begins anew.
    pub fn reset(&mut self) {
        match &mut self.0 {
            State::ZlibRs(zlib) => zlib.reset(),
            #[cfg(feature = "isal")]
            State::Isal(isal) => isal.reset(),
        }
    }

    /// Inflates from `input` into `output` until one of them or the data ends. With input and room for output it comes further, or
    /// the data is damaged.
    ///
    /// # Errors
    /// When the data is damaged.
    pub fn inflate(&mut self, input: &[u8], output: &mut [u8]) -> Result<Progress, Damaged> {
        match &mut self.0 {
            State::ZlibRs(zlib) => zlib.inflate(input, output),
            #[cfg(feature = "isal")]
            State::Isal(isal) => isal.inflate(input, output),
        }
    }
}
