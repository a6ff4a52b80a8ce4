//! Large files of types whose rows stand alone: trades, liquidations, derivative tickers.

use std::io::{self, Write};

use super::Plan;
use super::pen::{Moments, Pen, prefix};
use crate::generate::decimal::Decimal;
use crate::generate::rng::Rng;
use crate::generate::times::HOUR_US;

/// Trades: now and then several of one message.
pub(super) fn trades<W: Write>(plan: &Plan<'_>, pen: &mut Pen<W>) -> io::Result<()> {
    let mut rng = plan.rng();
    let mut moments = Moments::new(plan);
    let prefix = prefix(plan.profile.id, &plan.listing.cell());
    let mut tick = plan.tick;
    let mut id = 4_000_000_000;
    let mut row = 0;
    while row < plan.rows {
        let at = moments.at(row, &mut rng);
        let side: &[u8] = if rng.chance(5_000) { b"buy" } else { b"sell" };
        tick = stroll(tick, plan.tick, &mut rng);
        let together = 1 + if rng.chance(2_000) { rng.below(4) } else { 0 };
        for _ in 0..together.min(plan.rows - row) {
            pen.start(&prefix, at);
            id += 1;
            pen.number(Decimal::new(id, 0));
            pen.cell(side);
            pen.number(plan.price(tick));
            pen.number(plan.amount(&mut rng));
            pen.end()?;
            row += 1;
        }
    }
    Ok(())
}

/// Derivative tickers: a price that moves, the rest seldom.
pub(super) fn tickers<W: Write>(plan: &Plan<'_>, pen: &mut Pen<W>) -> io::Result<()> {
    const FUNDING_US: i64 = 8 * HOUR_US;
    let mut rng = plan.rng();
    let mut moments = Moments::new(plan);
    let prefix = prefix(plan.profile.id, &plan.listing.cell());
    let mut tick = plan.tick;
    let mut rate = Decimal::new(10_000, 8);
    let mut open_interest = plan.listing.amount(plan.listing.usual_lots * 900);
    for row in 0..plan.rows {
        let at = moments.at(row, &mut rng);
        tick = stroll(tick, plan.tick, &mut rng);
        if rng.chance(500) {
            rate = Decimal::new(rng.between(-3_000, 12_000), 8);
            open_interest = plan.listing.amount(plan.listing.usual_lots * rng.between(800, 1_000));
        }
        pen.start(&prefix, at);
        pen.number(Decimal::new(at.local_us - at.local_us.rem_euclid(FUNDING_US) + FUNDING_US, 0));
        pen.number(rate);
        pen.cell(b"");
        pen.number(open_interest);
        pen.number(plan.price(tick));
        let fine = Decimal::new(
            plan.price(tick).mantissa * 100 + rng.between(-900, 900),
            plan.listing.price_step.scale + 2,
        );
        pen.number(fine);
        pen.number(Decimal::new(fine.mantissa + rng.between(-300, 300), fine.scale));
        pen.end()?;
    }
    Ok(())
}

/// One step of a price that never gets far from where it began.
pub(super) fn stroll(tick: i64, home: i64, rng: &mut Rng) -> i64 {
    let pull = (home - tick) / 4_096;
    (tick + pull + rng.between(-3, 3)).max(1)
}
