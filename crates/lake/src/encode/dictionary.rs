//! Chunks of categories: `side`, `type`, `instrument_key`.
//!
//! The general writer looks up each value in a hash table, although the batch already has an index for it. Here the indices
//! are packed directly. They are not compressed: a row takes a bit or two.

use std::collections::HashMap;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef};
use parquet::basic::Encoding;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescPtr;

use super::{Finished, PAGE_ROWS, PagePress, bits_for, push_run};

/// The categories of one row group's column, in order.
pub(crate) struct WordChunk {
    words: Vec<String>,
    place_of_word: HashMap<String, u32>,
    /// The index of each row's category in `words`.
    rows: Vec<u32>,
}

impl WordChunk {
    pub fn new() -> WordChunk {
        WordChunk { words: Vec::new(), place_of_word: HashMap::new(), rows: Vec::new() }
    }

    /// Appends a dictionary array of strings without nulls.
    pub fn write(&mut self, array: &ArrayRef) -> Result<(), ParquetError> {
        let dictionary = array.as_dictionary_opt::<Int32Type>().filter(|d| d.null_count() == 0);
        let texts = dictionary.and_then(|d| d.values().as_string_opt::<i32>());
        let (Some(dictionary), Some(texts)) = (dictionary, texts) else {
            return Err(ParquetError::General(
                "a column of words holds nulls or is no dictionary of strings".to_owned(),
            ));
        };
        let mut places: Vec<Option<u32>> = vec![None; texts.len()];
        self.rows.reserve(dictionary.len());
        for index in dictionary.keys().values() {
            let index = *index as usize;
            let place = match places[index] {
                Some(place) => place,
                None => *places[index].insert(self.place(texts.value(index))),
            };
            self.rows.push(place);
        }
        Ok(())
    }

    fn place(&mut self, word: &str) -> u32 {
        if let Some(place) = self.place_of_word.get(word) {
            return *place;
        }
        let place = self.words.len() as u32;
        self.words.push(word.to_owned());
        self.place_of_word.insert(word.to_owned(), place);
        place
    }

    /// Encodes the chunk.
    pub fn finish<'a>(
        &mut self,
        column: ColumnDescPtr,
        press: &'a mut PagePress,
    ) -> Result<Finished<'a>, ParquetError> {
        let mut pages = press.plain();
        let mut dictionary = pages.page();
        for word in &self.words {
            dictionary.extend((word.len() as u32).to_le_bytes());
            dictionary.extend(word.as_bytes());
        }
        pages.push_dictionary(dictionary, self.words.len())?;
        let bits = bits_for(self.words.len());
        for rows in self.rows.chunks(PAGE_ROWS) {
            let mut page = pages.page();
            page.push(bits as u8);
            push_run(&mut page, rows, bits);
            pages.push_data(page, rows.len(), Encoding::RLE_DICTIONARY)?;
        }
        let bound = |word: Option<&String>| word.map(|w| ByteArray::from(w.as_str()));
        let (min, max) = (bound(self.words.iter().min()), bound(self.words.iter().max()));
        pages.finish(column, Statistics::byte_array(min, max, None, Some(0), false))
    }

    /// Forgets the finished chunk, and keeps its room.
    pub fn clear(&mut self) {
        let WordChunk { words, place_of_word, rows } = self;
        words.clear();
        place_of_word.clear();
        rows.clear();
    }
}
