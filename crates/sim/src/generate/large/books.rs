//! Large files of order books: level changes, snapshots, quotes.

use std::io::{self, Write};

use super::plan::Plan;
use super::singles::step_price;
use super::writer::{CsvWriter, Timestamps, prefix};
use crate::generate::decimal::Decimal;
use crate::generate::rng::Rng;

/// Levels per side of the first snapshot.
const SNAPSHOT_LEVELS: i64 = 1_000;

/// Writes a snapshot, then changes near the price, several per message.
pub(super) fn changes<W: Write>(plan: &Plan<'_>, writer: &mut CsvWriter<W>) -> io::Result<()> {
    let mut rng = plan.rng();
    let mut timestamps = Timestamps::new(plan);
    let prefix = prefix(plan.profile.id, &plan.listing.cell());
    let mut tick = plan.tick;
    let snapshot_rows = plan.rows.min(2 * SNAPSHOT_LEVELS as u64);
    let at = timestamps.at(0, &mut rng);
    for row in 0..snapshot_rows as i64 {
        let (side, tick): (&[u8], i64) = if row < SNAPSHOT_LEVELS {
            (b"ask", tick + 1 + row)
        } else {
            (b"bid", tick - 1 - (row - SNAPSHOT_LEVELS))
        };
        writer.start(&prefix, at);
        writer.cell(b"true");
        writer.cell(side);
        writer.number(plan.price(tick));
        writer.number(plan.amount(&mut rng));
        writer.end()?;
    }
    let mut row = snapshot_rows;
    while row < plan.rows {
        let at = timestamps.at(row, &mut rng);
        tick = step_price(tick, plan.tick, &mut rng);
        let together = 1 + rng.below(12);
        for _ in 0..together.min(plan.rows - row) {
            let away = 1 + (400.0 * rng.unit() * rng.unit()) as i64;
            let is_ask = rng.chance(5_000);
            writer.start(&prefix, at);
            writer.cell(b"false");
            writer.cell(if is_ask { b"ask" } else { b"bid" });
            writer.number(plan.price(if is_ask { tick + away } else { tick - away }));
            writer.number(if rng.chance(3_500) { Decimal::new(0, 0) } else { plan.amount(&mut rng) });
            writer.end()?;
            row += 1;
        }
    }
    Ok(())
}

/// A price and an amount as text, reused for many rows.
#[derive(Clone, Debug, Default)]
struct LevelText {
    text: Vec<u8>,
    /// Offset of the amount.
    amount_at: usize,
}

impl LevelText {
    fn set(&mut self, price: Decimal, amount: Decimal) {
        self.text.clear();
        price.write(&mut self.text);
        self.text.push(b',');
        self.amount_at = self.text.len();
        amount.write(&mut self.text);
    }

    fn set_amount(&mut self, amount: Decimal) {
        self.text.truncate(self.amount_at);
        amount.write(&mut self.text);
    }
}

/// Writes book snapshots. One amount changes per row; prices change now and then.
pub(super) fn snapshots<W: Write>(
    plan: &Plan<'_>,
    depth: usize,
    writer: &mut CsvWriter<W>,
) -> io::Result<()> {
    let mut rng = plan.rng();
    let mut timestamps = Timestamps::new(plan);
    let prefix = prefix(plan.profile.id, &plan.listing.cell());
    let mut tick = plan.tick;
    let mut levels = vec![LevelText::default(); depth * 2];
    for row in 0..plan.rows {
        let at = timestamps.at(row, &mut rng);
        if row == 0 || rng.chance(1_000) {
            tick = step_price(tick, plan.tick, &mut rng);
            set_prices(plan, tick, &mut levels, &mut rng);
        }
        let place = (levels.len() as f64 * rng.unit() * rng.unit()) as usize;
        levels[place].set_amount(plan.amount(&mut rng));
        writer.start(&prefix, at);
        for level in &levels {
            writer.cell(&level.text);
        }
        writer.end()?;
    }
    Ok(())
}

/// Sets all levels: asks and bids alternate, best first.
fn set_prices(plan: &Plan<'_>, tick: i64, levels: &mut [LevelText], rng: &mut Rng) {
    let (mut ask, mut bid) = (tick, tick);
    for pair in levels.chunks_mut(2) {
        ask += rng.between(1, 6);
        bid -= rng.between(1, 6);
        for (level, tick) in pair.iter_mut().zip([ask, bid]) {
            level.set(plan.price(tick), plan.amount(rng));
        }
    }
}

/// Writes quotes: the best level of both sides.
pub(super) fn quotes<W: Write>(plan: &Plan<'_>, writer: &mut CsvWriter<W>) -> io::Result<()> {
    let mut rng = plan.rng();
    let mut timestamps = Timestamps::new(plan);
    let prefix = prefix(plan.profile.id, &plan.listing.cell());
    let mut tick = plan.tick;
    for row in 0..plan.rows {
        let at = timestamps.at(row, &mut rng);
        tick = step_price(tick, plan.tick, &mut rng);
        writer.start(&prefix, at);
        writer.number(plan.amount(&mut rng));
        writer.number(plan.price(tick + 1));
        writer.number(plan.price(tick));
        writer.number(plan.amount(&mut rng));
        writer.end()?;
    }
    Ok(())
}
