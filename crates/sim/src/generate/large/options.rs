//! Large `options_chain` files: all options of an exchange.

use std::io::{self, Write};

use mtdh_core::Day;

use super::plan::Plan;
use super::writer::{CsvWriter, Timestamps, prefix};
use crate::generate::decimal::Decimal;
use crate::generate::market::ladder::Level;
use crate::generate::market::option::{MarketState, OptionState, publish, underlying_index};
use crate::generate::market::value::Value;
use crate::generate::rng::Rng;
use crate::generate::universe::Universe;
use crate::generate::universe::listing::{Kind, Listing};

/// An option: its constant cells as text, and its current numbers.
struct Quoted {
    prefix: Vec<u8>,
    terms: Vec<u8>,
    underlying_index: Vec<u8>,
    state: OptionState,
    price_step: Decimal,
}

/// Writes rows of all options that trade on a day. Options near the money have more rows.
pub(super) fn write<W: Write>(
    universe: &Universe,
    seed: u64,
    day: Day,
    rows: u64,
    writer: &mut CsvWriter<W>,
) -> io::Result<()> {
    let members: Vec<&Listing> = universe.members(Kind::Option, day).collect();
    let Some(first) = members.first() else { return Ok(()) };
    let plan = Plan { profile: universe.profile, listing: first, seed, day, rows, tick: 0 };
    let mut rng = plan.rng();
    let mut timestamps = Timestamps::new(&plan);
    let mut quoted: Vec<Quoted> =
        members.iter().map(|listing| new_quoted(&plan, listing, &mut rng)).collect();
    quoted.sort_by_key(|quoted| {
        quoted.state.greeks.map_or(i64::MAX, |[delta, ..]| (delta.mantissa.abs() - 50_000).abs())
    });
    for row in 0..rows {
        let at = timestamps.at(row, &mut rng);
        let place = (quoted.len() as f64 * rng.unit() * rng.unit().max(0.4)) as usize;
        let option = &mut quoted[place];
        option.vary(&mut rng);
        writer.start(&option.prefix, at);
        option.write(writer);
        writer.end()?;
    }
    Ok(())
}

fn new_quoted(plan: &Plan<'_>, listing: &Listing, rng: &mut Rng) -> Quoted {
    let value = Value::of(listing, plan.seed);
    let us = plan.day.start_us();
    let tick = (value.at(us) / listing.price_step.to_f64()) as i64;
    let spread = 1 + tick / 50;
    let level = |tick: i64, rng: &mut Rng| Level { tick, lots: rng.between(1, 200) };
    let market = MarketState {
        bid: (tick > spread).then(|| level(tick - spread, rng)),
        ask: Some(level(tick + spread, rng)),
        last: (!rng.chance(2_000)).then_some(tick),
        open_interest: rng.between(0, 5_000),
    };
    let mut terms = Vec::new();
    if let Some(option) = listing.option {
        terms.extend_from_slice(if option.is_call { b"call," } else { b"put," });
        option.strike.write(&mut terms);
        terms.push(b',');
        Decimal::new(option.expiry_us, 0).write(&mut terms);
    }
    Quoted {
        prefix: prefix(plan.profile.id, &listing.cell()),
        terms,
        underlying_index: underlying_index(listing).into_bytes(),
        state: publish(listing, &value, us, market, rng),
        price_step: listing.price_step,
    }
}

impl Quoted {
    /// Moves the numbers a little, as if the underlying had moved.
    fn vary(&mut self, rng: &mut Rng) {
        let bits = rng.next();
        let nudge = |number: &mut Decimal, place: u32, width: i64| {
            let step = (bits >> place) as i64 & (2 * width - 1);
            number.mantissa += step - width + i64::from(number.mantissa < width);
        };
        let state = &mut self.state;
        for (number, place) in
            [(&mut state.mark, 0), (&mut state.underlying, 12), (&mut state.mark_volatility, 20)]
        {
            if let Some(number) = number {
                nudge(number, place, 16);
            }
        }
        for (level, place) in [(&mut state.bid, 26), (&mut state.ask, 32)] {
            if let Some((price, amount)) = level {
                if bits >> place & 7 == 0 {
                    price.mantissa =
                        (price.mantissa + self.price_step.mantissa).max(self.price_step.mantissa);
                } else if bits >> place & 7 == 1 && price.mantissa > 2 * self.price_step.mantissa {
                    price.mantissa -= self.price_step.mantissa;
                }
                amount.mantissa = (amount.mantissa + (bits >> (place + 3) & 7) as i64 - 3).max(1);
            }
        }
        if let Some(greeks) = &mut state.greeks {
            for (place, greek) in greeks.iter_mut().enumerate() {
                nudge(greek, 40 + 4 * place as u32, 4);
            }
        }
    }

    fn write<W: Write>(&self, writer: &mut CsvWriter<W>) {
        let state = &self.state;
        writer.cell(&self.terms);
        writer.optional(state.open_interest);
        writer.optional(state.last);
        for (level, volatility) in [(state.bid, state.bid_volatility), (state.ask, state.ask_volatility)] {
            writer.optional(level.map(|(price, _)| price));
            writer.optional(level.map(|(_, amount)| amount));
            writer.optional(volatility);
        }
        writer.optional(state.mark);
        writer.optional(state.mark_volatility);
        writer.cell(&self.underlying_index);
        writer.optional(state.underlying);
        for place in 0..5 {
            writer.optional(state.greeks.map(|greeks| greeks[place]));
        }
    }
}
