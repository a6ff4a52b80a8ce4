//! A buffered CSV writer, and the timestamps of its rows.

use std::io::{self, Write};

use mtdh_core::DataType;
use mtdh_core::day::DAY_US;

use super::plan::Plan;
use crate::generate::decimal::{Decimal, write_integer};
use crate::generate::market::Stamp;
use crate::generate::rng::Rng;

const BUFFER_BYTES: usize = 256 << 10;

/// A buffered CSV writer.
pub(super) struct CsvWriter<W: Write> {
    out: W,
    buffer: Vec<u8>,
}

impl<W: Write> CsvWriter<W> {
    /// Begins a file with the header row of a data type.
    pub(super) fn new(out: W, data_type: DataType) -> CsvWriter<W> {
        let mut buffer = Vec::with_capacity(BUFFER_BYTES + 4096);
        buffer.extend_from_slice(data_type.table().csv_header().as_bytes());
        buffer.push(b'\n');
        CsvWriter { out, buffer }
    }

    /// Begins a row with its first four cells.
    pub(super) fn start(&mut self, prefix: &[u8], at: Stamp) {
        self.buffer.extend_from_slice(prefix);
        write_integer(at.exchange_us, &mut self.buffer);
        self.buffer.push(b',');
        write_integer(at.local_us, &mut self.buffer);
    }

    /// Writes a text cell.
    pub(super) fn cell(&mut self, text: &[u8]) {
        self.buffer.push(b',');
        self.buffer.extend_from_slice(text);
    }

    /// Writes a number.
    pub(super) fn number(&mut self, number: Decimal) {
        self.buffer.push(b',');
        number.write(&mut self.buffer);
    }

    /// Writes a number, or an empty cell.
    pub(super) fn optional(&mut self, number: Option<Decimal>) {
        match number {
            Some(number) => self.number(number),
            None => self.buffer.push(b','),
        }
    }

    /// Ends a row.
    ///
    /// # Errors
    /// Fails when the output fails.
    pub(super) fn end(&mut self) -> io::Result<()> {
        self.buffer.push(b'\n');
        if self.buffer.len() >= BUFFER_BYTES {
            self.out.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// Fails when the output fails.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.out.flush()
    }
}

/// Returns the first two cells of an instrument's rows, with their commas.
pub(super) fn prefix(exchange: &str, cell: &str) -> Vec<u8> {
    format!("{exchange},{cell},").into_bytes()
}

/// Timestamps of the rows of a day: evenly spread with some scatter; local timestamps never decrease.
pub(super) struct Timestamps {
    start_us: i64,
    rows: u64,
    latency_us: i64,
    clock_us: i64,
    last_us: i64,
}

impl Timestamps {
    /// Starts at the beginning of the day.
    pub(super) fn new(plan: &Plan<'_>) -> Timestamps {
        let start_us = plan.day.start_us();
        let (latency_us, clock_us) = (plan.profile.latency_us, plan.profile.clock_us);
        Timestamps { start_us, rows: plan.rows.max(1), latency_us, clock_us, last_us: start_us }
    }

    /// Returns the timestamps of a row; rows are counted from 0.
    pub(super) fn at(&mut self, row: u64, rng: &mut Rng) -> Stamp {
        let even = (u128::from(row) * DAY_US as u128 / u128::from(self.rows)) as i64;
        let scatter = rng.below((DAY_US as u64 / self.rows / 2).max(1)) as i64;
        let local_us = (self.start_us + even + scatter).max(self.last_us).min(self.start_us + DAY_US - 1);
        self.last_us = local_us;
        let sent_us = local_us - self.latency_us - rng.below(self.latency_us as u64) as i64;
        Stamp { exchange_us: sent_us - sent_us.rem_euclid(self.clock_us), local_us }
    }
}
