//! One dictionary for each column of categories of an output.
//!
//! Batches of several objects have dictionaries of their own, and may have a word twice. Readers of a stream keep the last
//! dictionary that came, and pandas refuses one with a word twice. Here a word keeps its place from the first batch that has it.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray, Int32Array, RecordBatch, StringArray};
use arrow_schema::ArrowError;

/// The words of each column so far.
#[derive(Default)]
pub(super) struct Vocabularies(Vec<Vocabulary>);

#[derive(Default)]
struct Vocabulary {
    words: Vec<String>,
    place_of_word: HashMap<String, i32>,
    /// The words as an array; `None`: some came since it was made.
    array: Option<ArrayRef>,
}

impl Vocabularies {
    /// The same rows, with the words of all batches so far in each dictionary.
    ///
    /// # Errors
    /// When the batch has other columns than those before.
    pub fn unified(&mut self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        self.0.resize_with(batch.num_columns(), Vocabulary::default);
        let columns = batch.columns().iter().zip(&mut self.0).map(|(array, vocabulary)| {
            let words = array.as_dictionary_opt::<Int32Type>();
            let texts = words.and_then(|words| words.values().as_string_opt::<i32>());
            match words.zip(texts) {
                Some((words, texts)) => vocabulary.column(words, texts),
                None => Ok(array.clone()),
            }
        });
        RecordBatch::try_new(batch.schema(), columns.collect::<Result<Vec<_>, _>>()?)
    }
}

impl Vocabulary {
    fn column(
        &mut self,
        words: &DictionaryArray<Int32Type>,
        texts: &StringArray,
    ) -> Result<ArrayRef, ArrowError> {
        let mut places: Vec<Option<i32>> = vec![None; texts.len()];
        let keys: Int32Array = words
            .keys()
            .iter()
            .map(|key| {
                let key = key? as usize;
                match places[key] {
                    Some(place) => Some(place),
                    None => Some(*places[key].insert(self.place(texts.value(key)))),
                }
            })
            .collect();
        let array = self.array.get_or_insert_with(|| Arc::new(StringArray::from(self.words.clone())));
        Ok(Arc::new(DictionaryArray::try_new(keys, array.clone())?))
    }

    fn place(&mut self, word: &str) -> i32 {
        if let Some(place) = self.place_of_word.get(word) {
            return *place;
        }
        let place = self.words.len() as i32;
        self.words.push(word.to_owned());
        self.place_of_word.insert(word.to_owned(), place);
        self.array = None;
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_keeps_its_place_and_is_there_once() {
        let batch = |words: &[&str], keys: &[Option<i32>]| {
            let words: ArrayRef = Arc::new(StringArray::from(words.to_vec()));
            let column: ArrayRef = Arc::new(DictionaryArray::new(Int32Array::from(keys.to_vec()), words));
            RecordBatch::try_from_iter_with_nullable([("word", column, true)]).unwrap()
        };
        let mut vocabularies = Vocabularies::default();
        for (words, keys, expected_words, expected_keys) in [
            (
                &["b", "a", "b"][..],
                &[Some(0), Some(1), Some(2)][..],
                &["b", "a"][..],
                &[Some(0), Some(1), Some(0)][..],
            ),
            (&["c", "a"], &[Some(1), None, Some(1)], &["b", "a"], &[Some(1), None, Some(1)]),
            (&["c"], &[Some(0)], &["b", "a", "c"], &[Some(2)]),
        ] {
            let unified = vocabularies.unified(&batch(words, keys)).unwrap();
            let column = unified.column(0).as_dictionary::<Int32Type>();
            let found: Vec<&str> = column.values().as_string::<i32>().iter().flatten().collect();
            assert_eq!(found, expected_words);
            assert_eq!(column.keys().iter().collect::<Vec<_>>(), expected_keys);
        }
    }
}
