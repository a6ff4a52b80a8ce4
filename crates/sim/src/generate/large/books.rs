//! Large files of books: changes of levels, the best levels, the best of them.

use std::io::{self, Write};

use super::Plan;
use super::pen::{Moments, Pen, prefix};
use super::singles::stroll;
use crate::generate::decimal::Decimal;
use crate::generate::rng::Rng;

/// Levels on a side of a snapshot.
const SNAPSHOT_LEVELS: i64 = 1_000;

/// A snapshot, then changes near the price, several in a message.
pub(super) fn changes<W: Write>(plan: &Plan<'_>, pen: &mut Pen<W>) -> io::Result<()> {
    let mut rng = plan.rng();
    let mut moments = Moments::new(plan);
    let prefix = prefix(plan.profile.id, &plan.listing.cell());
    let mut tick = plan.tick;
    let snapshot_rows = plan.rows.min(2 * SNAPSHOT_LEVELS as u64);
    let at = moments.at(0, &mut rng);
    for row in 0..snapshot_rows as i64 {
        let (side, tick): (&[u8], i64) = if row < SNAPSHOT_LEVELS {
            (b"ask", tick + 1 + row)
        } else {
            (b"bid", tick - 1 - (row - SNAPSHOT_LEVELS))
        };
        pen.start(&prefix, at);
        pen.cell(b"true");
        pen.cell(side);
        pen.number(plan.price(tick));
        pen.number(plan.amount(&mut rng));
        pen.end()?;
    }
    let mut row = snapshot_rows;
    while row < plan.rows {
        let at = moments.at(row, &mut rng);
        tick = stroll(tick, plan.tick, &mut rng);
        let together = 1 + rng.below(12);
        for _ in 0..together.min(plan.rows - row) {
            let away = 1 + (400.0 * rng.unit() * rng.unit()) as i64;
            let is_ask = rng.chance(5_000);
            pen.start(&prefix, at);
            pen.cell(b"false");
            pen.cell(if is_ask { b"ask" } else { b"bid" });
            pen.number(plan.price(if is_ask { tick + away } else { tick - away }));
            pen.number(if rng.chance(3_500) { Decimal::new(0, 0) } else { plan.amount(&mut rng) });
            pen.end()?;
            row += 1;
        }
    }
    Ok(())
}

/// A price and an amount as text, written once for many rows.
#[derive(Clone, Debug, Default)]
struct LevelText {
    text: Vec<u8>,
    /// Where the amount begins.
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

/// The best levels, in which one amount changes at a time and the prices now and then.
pub(super) fn snapshots<W: Write>(plan: &Plan<'_>, depth: usize, pen: &mut Pen<W>) -> io::Result<()> {
    let mut rng = plan.rng();
    let mut moments = Moments::new(plan);
    let prefix = prefix(plan.profile.id, &plan.listing.cell());
    let mut tick = plan.tick;
    let mut levels = vec![LevelText::default(); depth * 2];
    for row in 0..plan.rows {
        let at = moments.at(row, &mut rng);
        if row == 0 || rng.chance(1_000) {
            tick = stroll(tick, plan.tick, &mut rng);
            set_prices(plan, tick, &mut levels, &mut rng);
        }
        let place = (levels.len() as f64 * rng.unit() * rng.unit()) as usize;
        levels[place].set_amount(plan.amount(&mut rng));
        pen.start(&prefix, at);
        for level in &levels {
            pen.cell(&level.text);
        }
        pen.end()?;
    }
    Ok(())
}

/// Asks and bids by turns, best first.
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

/// The best level of both sides.
pub(super) fn quotes<W: Write>(plan: &Plan<'_>, pen: &mut Pen<W>) -> io::Result<()> {
    let mut rng = plan.rng();
    let mut moments = Moments::new(plan);
    let prefix = prefix(plan.profile.id, &plan.listing.cell());
    let mut tick = plan.tick;
    for row in 0..plan.rows {
        let at = moments.at(row, &mut rng);
        tick = stroll(tick, plan.tick, &mut rng);
        pen.start(&prefix, at);
        pen.number(plan.amount(&mut rng));
        pen.number(plan.price(tick + 1));
        pen.number(plan.price(tick));
        pen.number(plan.amount(&mut rng));
        pen.end()?;
    }
    Ok(())
}
