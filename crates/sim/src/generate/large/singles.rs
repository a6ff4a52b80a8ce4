//! Large files of data types without a book: trades, liquidations, derivative tickers.

use std::io::{self, Write};

use super::plan::Plan;
use super::writer::{CsvWriter, Timestamps, prefix};
use crate::generate::decimal::Decimal;
use crate::generate::rng::Rng;
use crate::generate::times::HOUR_US;

/// Writes trades, now and then several per message.
pub(super) fn trades<W: Write>(plan: &Plan<'_>, writer: &mut CsvWriter<W>) -> io::Result<()> {
    let mut rng = plan.rng();
    let mut timestamps = Timestamps::new(plan);
    let prefix = prefix(plan.profile.id, &plan.listing.cell());
    let mut tick = plan.tick;
    let mut id = 4_000_000_000;
    let mut row = 0;
    while row < plan.rows {
        let at = timestamps.at(row, &mut rng);
        let side: &[u8] = if rng.chance(5_000) { b"buy" } else { b"sell" };
        tick = step_price(tick, plan.tick, &mut rng);
        let together = 1 + if rng.chance(2_000) { rng.below(4) } else { 0 };
        for _ in 0..together.min(plan.rows - row) {
            writer.start(&prefix, at);
            id += 1;
            writer.number(Decimal::new(id, 0));
            writer.cell(side);
            writer.number(plan.price(tick));
            writer.number(plan.amount(&mut rng));
            writer.end()?;
            row += 1;
        }
    }
    Ok(())
}

/// Writes derivative tickers. Prices change in every row, the rest now and then.
pub(super) fn tickers<W: Write>(plan: &Plan<'_>, writer: &mut CsvWriter<W>) -> io::Result<()> {
    const FUNDING_US: i64 = 8 * HOUR_US;
    let mut rng = plan.rng();
    let mut timestamps = Timestamps::new(plan);
    let prefix = prefix(plan.profile.id, &plan.listing.cell());
    let mut tick = plan.tick;
    let mut rate = Decimal::new(10_000, 8);
    let mut open_interest = plan.listing.amount(plan.listing.usual_lots * 900);
    for row in 0..plan.rows {
        let at = timestamps.at(row, &mut rng);
        tick = step_price(tick, plan.tick, &mut rng);
        if rng.chance(500) {
            rate = Decimal::new(rng.between(-3_000, 12_000), 8);
            open_interest = plan.listing.amount(plan.listing.usual_lots * rng.between(800, 1_000));
        }
        writer.start(&prefix, at);
        writer.number(Decimal::new(at.local_us - at.local_us.rem_euclid(FUNDING_US) + FUNDING_US, 0));
        writer.number(rate);
        writer.cell(b"");
        writer.number(open_interest);
        writer.number(plan.price(tick));
        let fine = Decimal::new(
            plan.price(tick).mantissa * 100 + rng.between(-900, 900),
            plan.listing.price_step.scale + 2,
        );
        writer.number(fine);
        writer.number(Decimal::new(fine.mantissa + rng.between(-300, 300), fine.scale));
        writer.end()?;
    }
    Ok(())
}

/// Moves a price by a random step; it reverts to `home`.
pub(super) fn step_price(tick: i64, home: i64, rng: &mut Rng) -> i64 {
    let pull = (home - tick) / 4_096;
    (tick + pull + rng.between(-3, 3)).max(1)
}
