//! zlib-rs, through flate2.

use flate2::{Decompress, FlushDecompress, Status};

use crate::{Damaged, Progress};

pub(crate) struct Zlib(Decompress);

impl Zlib {
    pub(crate) fn new() -> Zlib {
        Zlib(Decompress::new(false))
    }

    pub(crate) fn reset(&mut self) {
        self.0.reset(false);
    }

    pub(crate) fn inflate(&mut self, input: &[u8], output: &mut [u8]) -> Result<Progress, Damaged> {
        let (taken, given) = (self.0.total_in(), self.0.total_out());
        let status = self.0.decompress(input, output, FlushDecompress::None).map_err(|_| Damaged)?;
        Ok(Progress {
            taken: (self.0.total_in() - taken) as usize,
            given: (self.0.total_out() - given) as usize,
            is_end: status == Status::StreamEnd,
        })
    }
}
