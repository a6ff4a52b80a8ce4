//! ISA-L: the one place with `unsafe`.
//!
//! ISA-L reads up to eight bytes ahead into a word of bits, over the end of the data too. [`Isal::inflate`] hands such bytes back.

#![expect(unsafe_code, reason = "ISA-L is C")]

use std::ptr;

use isal_sys::igzip_lib::{self as lib, inflate_state};

use crate::{Damaged, Progress};

/// Of one call: ISA-L counts in 32 bits, at times signed ones.
const MOST_BYTES: usize = 1 << 30;

/// The state is large (87 kB, tables and a window), and does not move.
pub(crate) struct Isal(Box<inflate_state>);

// SAFETY: the state belongs to this value alone. Its two pointers are those of the last call, and null between calls.
unsafe impl Send for Isal {}

impl Isal {
    pub(crate) fn new() -> Isal {
        // SAFETY: the state is made of integers, arrays and unions of integers, and pointers, for all of which zeros are a value.
        let mut state = unsafe { Box::<inflate_state>::new_zeroed().assume_init() };
        // SAFETY: the pointer is to a whole state, which is written only.
        unsafe { lib::isal_inflate_init(&raw mut *state) };
        Isal(state)
    }

    pub(crate) fn reset(&mut self) {
        // SAFETY: the pointer is to a whole state, initialised by `new`.
        unsafe { lib::isal_inflate_reset(&raw mut *self.0) };
    }

    pub(crate) fn inflate(&mut self, input: &[u8], output: &mut [u8]) -> Result<Progress, Damaged> {
        let input = &input[..input.len().min(MOST_BYTES)];
        let room = output.len().min(MOST_BYTES);
        let state = &mut *self.0;
        // ISA-L does not write where it reads, though its type says so.
        state.next_in = input.as_ptr().cast_mut();
        state.avail_in = input.len() as u32;
        state.next_out = output.as_mut_ptr();
        state.avail_out = room as u32;
        // SAFETY: the state was initialised by `new`. `next_in` is readable for `avail_in` bytes and `next_out` writable for
        // `avail_out`, which both outlive the call; ISA-L stays within them, and uses nothing else but the state.
        let status = unsafe { lib::isal_inflate(state) };
        state.next_in = ptr::null_mut();
        state.next_out = ptr::null_mut();
        if status != lib::ISAL_DECOMP_OK as i32 {
            return Err(Damaged);
        }
        let mut taken = input.len() - state.avail_in as usize;
        taken -= hand_back(state, taken);
        Ok(Progress {
            taken,
            given: room - state.avail_out as usize,
            is_end: state.block_state == lib::isal_block_state_ISAL_BLOCK_FINISH,
        })
    }
}

/// Takes the whole bytes out of the word of bits that the last call read without need, of the `taken` that it read. Gives their number.
///
/// Where it stopped for want of input there are none: it needs all of them and one bit more. So what is left in the word by a call, but
/// for less than a byte, is of the data; and what is behind the end of the data was read by the call that came to the end.
fn hand_back(state: &mut inflate_state, taken: usize) -> usize {
    let is_at_end = state.block_state == lib::isal_block_state_ISAL_BLOCK_INPUT_DONE
        || state.block_state == lib::isal_block_state_ISAL_BLOCK_FINISH;
    let wants_input = state.avail_out > 0 && !is_at_end;
    // An unfinished header of a block is kept elsewhere, behind the word.
    if wants_input || state.tmp_in_size != 0 {
        return 0;
    }
    let bytes = taken.min(state.read_in_length.max(0) as usize / 8);
    state.read_in_length -= bytes as i32 * 8;
    state.read_in &= u64::MAX.checked_shr(64 - state.read_in_length as u32).unwrap_or(0);
    bytes
}
