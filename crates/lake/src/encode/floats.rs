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

use super::{Finished, PAGE_ROWS, PageCompressor, Pages, bits_for, push_definition, push_run};

/// Largest number of distinct values in a dictionary: 1 MiB, which a reader of a single page has to read too.
const MAX_DISTINCT: usize = 1 << 17;

/// The numbers of one row group's column, in order.
pub(crate) struct NumberChunk {
    is_nullable: bool,
    /// Whether each row has a number; `None`: no null so far, as in most columns.
    validity: Option<Vec<bool>>,
    rows: usize,
    numbers: Numbers,
}

/// The numbers of the rows that are not null.
enum Numbers {
    /// Indices into a dictionary.
    Places(Vec<u32>, Dictionary),
    /// The numbers themselves, because too many are distinct.
    Plain(Vec<f64>),
}

impl NumberChunk {
    pub fn new(is_nullable: bool) -> NumberChunk {
        let numbers = Numbers::Places(Vec::new(), Dictionary::new());
        NumberChunk { is_nullable, validity: None, rows: 0, numbers }
    }

    /// Appends an array of floats.
    pub fn write(&mut self, array: &ArrayRef) -> Result<(), ParquetError> {
        let Some(array) = array.as_primitive_opt::<Float64Type>() else {
            return Err(ParquetError::General("a column of numbers is no array of floats".to_owned()));
        };
        if array.null_count() == 0 {
            self.push_all(array.values());
        } else {
            let before = self.rows;
            let validity = self.validity.get_or_insert_with(|| vec![true; before]);
            validity.extend((0..array.len()).map(|row| array.is_valid(row)));
            let numbers: Vec<f64> = array.iter().flatten().collect();
            self.push_all(&numbers);
        }
        self.rows += array.len();
        if let Some(validity) = &mut self.validity {
            validity.resize(self.rows, true);
        }
        Ok(())
    }

    fn push_all(&mut self, numbers: &[f64]) {
        let mut rest = numbers;
        if let Numbers::Places(places, dictionary) = &mut self.numbers {
            places.reserve(rest.len());
            while let Some((number, after)) = rest.split_first() {
                places.push(dictionary.place(*number));
                rest = after;
                if dictionary.numbers.len() > MAX_DISTINCT {
                    let plain = places.iter().map(|place| dictionary.numbers[*place as usize]).collect();
                    self.numbers = Numbers::Plain(plain);
                    break;
                }
            }
        }
        if let Numbers::Plain(plain) = &mut self.numbers {
            plain.extend_from_slice(rest);
        }
    }

    /// Encodes the chunk.
    pub fn finish(
        self,
        column: ColumnDescPtr,
        compressor: &mut PageCompressor,
    ) -> Result<Finished, ParquetError> {
        let NumberChunk { is_nullable, validity, rows, numbers } = self;
        let mut pages = Pages::new(Some(compressor));
        let numbers = match numbers {
            Numbers::Places(places, dictionary) if dictionary.numbers.len() * 2 > places.len() => {
                Numbers::Plain(places.iter().map(|place| dictionary.numbers[*place as usize]).collect())
            }
            numbers => numbers,
        };
        let bits = match &numbers {
            Numbers::Places(_, dictionary) => {
                let plain = dictionary.numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
                pages.push_dictionary(plain, dictionary.numbers.len())?;
                // Whole bytes: packing to the bit would hide repetition from the compressor.
                bits_for(dictionary.numbers.len()).next_multiple_of(8)
            }
            Numbers::Plain(_) => 0,
        };
        let mut given = 0;
        for start in (0..rows).step_by(PAGE_ROWS) {
            let end = (start + PAGE_ROWS).min(rows);
            let valid = validity.as_ref().map(|v| &v[start..end]);
            let count = valid.map_or(end - start, |v| v.iter().filter(|is_valid| **is_valid).count());
            let mut body = Vec::new();
            if is_nullable {
                push_definition(&mut body, valid, end - start);
            }
            let encoding = match &numbers {
                Numbers::Places(places, _) => {
                    body.push(bits as u8);
                    push_run(&mut body, &places[given..given + count], bits);
                    Encoding::RLE_DICTIONARY
                }
                Numbers::Plain(plain) => {
                    body.extend(plain[given..given + count].iter().flat_map(|n| n.to_le_bytes()));
                    Encoding::PLAIN
                }
            };
            pages.push_data(body, end - start, encoding)?;
            given += count;
        }
        let different = match &numbers {
            Numbers::Places(_, dictionary) => &dictionary.numbers,
            Numbers::Plain(plain) => plain,
        };
        pages.finish(column, statistics(different, (rows - given) as u64))
    }
}

/// Minimum and maximum. Parquet allows no NaN there, and needs the sign of zero that widens the range.
fn statistics(numbers: &[f64], nulls: u64) -> Statistics {
    let numbers = || numbers.iter().copied().filter(|n| !n.is_nan());
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

impl Dictionary {
    fn new() -> Dictionary {
        Dictionary { numbers: Vec::new(), slots: vec![EMPTY; 64], last: None }
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
            self.slots = vec![EMPTY; self.slots.len() * 2];
            for place in 0..self.numbers.len() {
                let slot = self.slot_of(self.numbers[place].to_bits());
                self.slots[slot] = place as u32;
            }
        }
        place
    }
}
