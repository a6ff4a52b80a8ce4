//! Assigns rows to instruments by their exchange and symbol cells.
//!
//! The only place that does so: code after the decoder does not compare the spelling of cells.

use std::collections::HashMap;

use mtdh_core::footer::Tally;

use super::{DecodeError, Expectation};

/// An instrument of a file and its row counts. All spellings of one dataset symbol are one instrument. Its rows keep the order
/// of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowName {
    /// The exchange cell.
    pub exchange: String,
    /// The symbol cell, as spelt in the first row.
    pub symbol: String,
    /// Counts and ranges of the rows.
    pub tally: Tally,
    pub(super) last_local_timestamp: i64,
}

/// The instruments of a file.
pub(super) struct Names {
    expectation: Expectation,
    all: Vec<RowName>,
    /// By the exchange cell, then by the symbol cell, as they are spelt. Nested, so that a lookup allocates nothing.
    by_spelling: HashMap<Vec<u8>, HashMap<Vec<u8>, u32>>,
    /// By exchange and dataset symbol.
    by_symbol: HashMap<(String, String), u32>,
    last: u32,
}

impl Names {
    /// An empty list that accepts only the expected exchange and symbol, if given.
    pub(super) fn new(expectation: Expectation) -> Names {
        let (by_spelling, by_symbol) = (HashMap::new(), HashMap::new());
        Names { expectation, all: Vec::new(), by_spelling, by_symbol, last: 0 }
    }

    /// All instruments, in order of appearance.
    pub(super) fn all(&self) -> &[RowName] {
        &self.all
    }

    pub(super) fn get_mut(&mut self, index: u32) -> &mut RowName {
        &mut self.all[index as usize]
    }

    /// The index of the instrument of a row with these cells.
    pub(super) fn of(&mut self, exchange: &[u8], symbol: &[u8], line: u64) -> Result<u32, DecodeError> {
        if let Some(last) = self.all.get(self.last as usize)
            && last.symbol.as_bytes() == symbol
            && last.exchange.as_bytes() == exchange
        {
            return Ok(self.last);
        }
        let known = self.by_spelling.get(exchange).and_then(|symbols| symbols.get(symbol)).copied();
        self.last = match known {
            Some(index) => index,
            None => self.add_spelling(exchange, symbol, line)?,
        };
        Ok(self.last)
    }

    /// Adds a new spelling, of a known or a new instrument.
    fn add_spelling(&mut self, exchange: &[u8], symbol: &[u8], line: u64) -> Result<u32, DecodeError> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (exchange_text, symbol_text) = (text(exchange), text(symbol));
        if let Some(expected) = self.expectation.exchange.as_ref().filter(|e| e.as_bytes() != exchange) {
            return Err(DecodeError::WrongExchange {
                line,
                found: exchange_text,
                expected: expected.clone(),
            });
        }
        let of_files = dataset_symbol(&symbol_text);
        if let Some(expected) = self.expectation.symbol.as_ref().filter(|e| of_files != **e) {
            return Err(DecodeError::WrongSymbol { line, found: symbol_text, expected: expected.clone() });
        }
        let next = self.all.len() as u32;
        let index = *self.by_symbol.entry((exchange_text.clone(), of_files)).or_insert(next);
        if index == next {
            self.all.push(RowName {
                exchange: exchange_text,
                symbol: symbol_text,
                tally: Tally::default(),
                last_local_timestamp: i64::MIN,
            });
        }
        self.by_spelling.entry(exchange.to_vec()).or_default().insert(symbol.to_vec(), index);
        Ok(index)
    }
}

/// Converts a symbol as spelt in rows or in the API to the dataset symbol of the vendor's URLs.
pub fn dataset_symbol(symbol: &str) -> String {
    symbol.replace(['/', ':'], "-").to_uppercase()
}
