//! Chunks of numbers: prices and amounts.
//!
//! Most columns get a dictionary, because prices and amounts repeat, often from one row to the next. If more than half of the
//! rows of a group have distinct numbers, or the dictionary would exceed its limit, the numbers are written in plain
//! encoding.

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef};
use parquet::basic::Encoding;
use parquet::errors::ParquetError;
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescPtr;

use super::validity::{Validity, count};
use super::{Finished, PAGE_ROWS, PagePress, bits_for, push_definition, push_run};

/// Largest number of distinct values in a dictionary: 1 MiB, which a reader of a single page has to read too.
const MAX_DISTINCT: usize = 1 << 17;

/// The numbers of one row group's column, in order.
pub(crate) struct NumberChunk {
    is_nullable: bool,
    validity: Validity,
    /// The numbers of the rows that are not null, as indices into the dictionary.
    places: Vec<u32>,
    dictionary: Dictionary,
    /// The numbers after those, once the dictionary is full.
    rest: Vec<f64>,
}

impl NumberChunk {
    pub fn new(is_nullable: bool) -> NumberChunk {
        NumberChunk {
            is_nullable,
            validity: Validity::default(),
            places: Vec::new(),
            dictionary: Dictionary::new(),
            rest: Vec::new(),
        }
    }

    /// Appends an array of floats.
    pub fn write(&mut self, array: &ArrayRef) -> Result<(), ParquetError> {
        let Some(array) = array.as_primitive_opt::<Float64Type>() else {
            return Err(ParquetError::General("a column of numbers is no array of floats".to_owned()));
        };
        let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
        match nulls {
            None => self.push_all(array.values()),
            Some(nulls) => {
                nulls.valid_slices().for_each(|(start, end)| self.push_all(&array.values()[start..end]));
            }
        }
        self.validity.push(array);
        Ok(())
    }

    fn push_all(&mut self, numbers: &[f64]) {
        let mut left = numbers;
        self.places.reserve(left.len());
        while !self.dictionary.is_full() {
            let Some((number, after)) = left.split_first() else { return };
            self.places.push(self.dictionary.place(*number));
            left = after;
        }
        self.rest.extend_from_slice(left);
    }

    /// Encodes the chunk.
    pub fn finish<'a>(
        &mut self,
        column: ColumnDescPtr,
        press: &'a mut PagePress,
    ) -> Result<Finished<'a>, ParquetError> {
        let NumberChunk { is_nullable, validity, places, dictionary, rest } = self;
        let mut pages = press.compressed();
        let different = &dictionary.numbers;
        let is_plain = dictionary.is_full() || different.len() * 2 > places.len();
        let mut bits = 0;
        if !is_plain {
            let mut page = pages.page();
            page.extend(different.iter().flat_map(|number| number.to_le_bytes()));
            pages.push_dictionary(page, different.len())?;
            // Whole bytes: packing to the bit would hide repetition from the compressor.
            bits = bits_for(different.len()).next_multiple_of(8);
        }
        let mut given = 0;
        for start in (0..validity.rows()).step_by(PAGE_ROWS) {
            let rows = PAGE_ROWS.min(validity.rows() - start);
            let valid = validity.of(start..start + rows);
            let end = given + count(valid, rows);
            let mut page = pages.page();
            if *is_nullable {
                push_definition(&mut page, valid, rows);
            }
            let placed = places.len();
            let encoding = if is_plain {
                let numbers =
                    places[given.min(placed)..end.min(placed)].iter().map(|p| different[*p as usize]);
                let rest = &rest[given.max(placed) - placed..end.max(placed) - placed];
                page.extend(numbers.chain(rest.iter().copied()).flat_map(f64::to_le_bytes));
                Encoding::PLAIN
            } else {
                page.push(bits as u8);
                push_run(&mut page, &places[given..end], bits);
                Encoding::RLE_DICTIONARY
            };
            pages.push_data(page, rows, encoding)?;
            given = end;
        }
        pages.finish(column, statistics(different, rest, (validity.rows() - given) as u64))
    }

    /// Forgets the finished chunk, and keeps its room.
    pub fn clear(&mut self) {
        let NumberChunk { is_nullable: _, validity, places, dictionary, rest } = self;
        validity.clear();
        places.clear();
        dictionary.clear();
        rest.clear();
    }
}

/// Minimum and maximum. Parquet allows no NaN there, and needs the sign of zero that widens the range.
fn statistics(different: &[f64], rest: &[f64], nulls: u64) -> Statistics {
    let numbers = || different.iter().chain(rest).copied().filter(|n| !n.is_nan());
    let min = numbers().reduce(f64::min).map(|n| if n == 0.0 { -0.0 } else { n });
    let max = numbers().reduce(f64::max).map(|n| if n == 0.0 { 0.0 } else { n });
    Statistics::double(min, max, None, Some(nulls), false)
}

/// Numbers and their indices, found by bit pattern. A hash table with one multiplication and linear probing that caches the
/// last number, because books repeat it.
struct Dictionary {
    numbers: Vec<f64>,
    /// Indices; `EMPTY` for free slots. The length is a power of two, at least twice that of `numbers`.
    slots: Vec<u32>,
    last: Option<(u64, u32)>,
}

const EMPTY: u32 = u32::MAX;

/// Slots of a dictionary without numbers.
const FIRST_SLOTS: usize = 64;

impl Dictionary {
    fn new() -> Dictionary {
        Dictionary { numbers: Vec::new(), slots: vec![EMPTY; FIRST_SLOTS], last: None }
    }

    /// Whether it takes no more numbers.
    #[inline]
    fn is_full(&self) -> bool {
        self.numbers.len() > MAX_DISTINCT
    }

    fn clear(&mut self) {
        self.numbers.clear();
        self.have_slots(FIRST_SLOTS);
        self.last = None;
    }

    /// Makes all slots free.
    fn have_slots(&mut self, count: usize) {
        self.slots.clear();
        self.slots.resize(count, EMPTY);
    }

    fn slot_of(&self, bits: u64) -> usize {
        let hash = bits.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let slots = self.slots.len();
        let mut slot = (hash >> (u64::BITS - slots.trailing_zeros())) as usize;
        loop {
            let place = self.slots[slot];
            if place == EMPTY || self.numbers[place as usize].to_bits() == bits {
                return slot;
            }
            slot = (slot + 1) & (slots - 1);
        }
    }

    #[inline]
    fn place(&mut self, number: f64) -> u32 {
        let bits = number.to_bits();
        if let Some((_, place)) = self.last.filter(|(last, _)| *last == bits) {
            return place;
        }
        let slot = self.slot_of(bits);
        let place = match self.slots[slot] {
            EMPTY => self.add(number, slot),
            place => place,
        };
        self.last = Some((bits, place));
        place
    }

    fn add(&mut self, number: f64, slot: usize) -> u32 {
        let place = self.numbers.len() as u32;
        self.numbers.push(number);
        self.slots[slot] = place;
        if self.numbers.len() * 2 > self.slots.len() {
            self.have_slots(self.slots.len() * 2);
            for place in 0..self.numbers.len() {
                let slot = self.slot_of(self.numbers[place].to_bits());
                self.slots[slot] = place as u32;
            }
        }
        place
    }
}
