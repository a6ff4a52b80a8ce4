//! Writing rows through a buffer, and when they arrive.

use std::io::{self, Write};

use mtdh_core::DataType;
use mtdh_core::day::DAY_US;

use super::Plan;
use crate::generate::decimal::{Decimal, write_integer};
use crate::generate::market::Stamp;
use crate::generate::rng::Rng;

const BUFFER_BYTES: usize = 256 << 10;

/// Writes CSV cells.
pub(super) struct Pen<W: Write> {
    out: W,
    buffer: Vec<u8>,
}

impl<W: Write> Pen<W> {
    /// Begins a file with the header row of its type.
    pub(super) fn new(out: W, data_type: DataType) -> Pen<W> {
        let mut buffer = Vec::with_capacity(BUFFER_BYTES + 4096);
        buffer.extend_from_slice(data_type.table().csv_header().as_bytes());
        buffer.push(b'\n');
        Pen { out, buffer }
    }

    /// The first four cells of a row.
    pub(super) fn start(&mut self, prefix: &[u8], at: Stamp) {
        self.buffer.extend_from_slice(prefix);
        write_integer(at.exchange_us, &mut self.buffer);
        self.buffer.push(b',');
        write_integer(at.local_us, &mut self.buffer);
    }

    pub(super) fn cell(&mut self, text: &[u8]) {
        self.buffer.push(b',');
        self.buffer.extend_from_slice(text);
    }

    pub(super) fn number(&mut self, number: Decimal) {
        self.buffer.push(b',');
        number.write(&mut self.buffer);
    }

    /// A number, or an empty cell.
    pub(super) fn optional(&mut self, number: Option<Decimal>) {
        match number {
            Some(number) => self.number(number),
            None => self.buffer.push(b','),
        }
    }

    /// Ends a row.
    pub(super) fn end(&mut self) -> io::Result<()> {
        self.buffer.push(b'\n');
        if self.buffer.len() >= BUFFER_BYTES {
            self.out.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Ends the file.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.out.flush()
    }
}

/// The first two cells of every row of an instrument, with their commas.
pub(super) fn prefix(exchange: &str, cell: &str) -> Vec<u8> {
    format!("{exchange},{cell},").into_bytes()
}

/// Moments of the rows of a day: spread evenly, with some scatter, never falling.
pub(super) struct Moments {
    start_us: i64,
    rows: u64,
    latency_us: i64,
    clock_us: i64,
    last_us: i64,
}

impl Moments {
    pub(super) fn new(plan: &Plan<'_>) -> Moments {
        let start_us = plan.day.start_us();
        let (latency_us, clock_us) = (plan.profile.latency_us, plan.profile.clock_us);
        Moments { start_us, rows: plan.rows.max(1), latency_us, clock_us, last_us: start_us }
    }

    /// The moment of a row, its number counted from 0.
    pub(super) fn at(&mut self, row: u64, rng: &mut Rng) -> Stamp {
        let even = (u128::from(row) * DAY_US as u128 / u128::from(self.rows)) as i64;
        let scatter = rng.below((DAY_US as u64 / self.rows / 2).max(1)) as i64;
        let local_us = (self.start_us + even + scatter).max(self.last_us).min(self.start_us + DAY_US - 1);
        self.last_us = local_us;
        let sent_us = local_us - self.latency_us - rng.below(self.latency_us as u64) as i64;
        Stamp { exchange_us: sent_us - sent_us.rem_euclid(self.clock_us), local_us }
    }
}
