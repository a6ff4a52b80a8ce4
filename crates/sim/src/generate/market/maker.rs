//! Generates a market's day: sessions, steps of the book, and the messages of each step.

use mtdh_core::Day;

use super::MarketDay;
use super::black;
use super::clock::{Session, pause, sessions, stamp};
use super::ladder::{Fill, Ladder, SIDES, Shape, Side, Step};
use super::message::{Best, BookMessage, Source, Stamp, Taker, Trade, TradeNumber};
use super::option::{self, MarketState};
use super::tape::{TradeIds, repeat_last, uuid};
use super::ticker::Ticker;
use super::value::{Value, years};
use crate::config::Size;
use crate::generate::rng::Rng;
use crate::generate::universe::assets::Tier;
use crate::generate::universe::listing::{Kind, Listing};
use crate::generate::universe::profile::LiquidationId;

const DAY_US: f64 = mtdh_core::day::DAY_US as f64;

/// Chance in 10,000 that a quiet instrument has no messages in a day.
const SILENT: u64 = 300;
/// Chance in 10,000 that updates precede the first snapshot of a day.
const EARLY: u64 = 3_000;
/// Chance in 10,000 that the last level of a snapshot's side has the amount 0.
const ZERO_AMOUNT: u64 = 500;
/// Chance in 10,000 that one side of a snapshot is missing.
const ONE_SIDED: u64 = 200;
/// Chance in 10,000 that a fill is a liquidation.
const LIQUIDATION: u64 = 150;

impl MarketDay {
    /// Generates a market's day. The same source and day produce the same messages.
    pub(crate) fn generate(source: Source<'_>, day: Day) -> MarketDay {
        let mut maker = Maker::new(source, day);
        let sessions = sessions(source, day, &mut maker.rng);
        let is_silent = source.listing.tier == Tier::Tail && maker.rng.chance(SILENT);
        if !is_silent {
            let steps = steps_of_day(&maker, day);
            for session in sessions {
                maker.run(session, steps);
            }
        }
        maker.day
    }
}

struct Maker<'a> {
    source: Source<'a>,
    rng: Rng,
    value: Value,
    shape: Shape,
    ladder: Ladder,
    step: Step,
    trade_ids: TradeIds,
    ticker: Ticker,
    last_tick: Option<i64>,
    open_interest: i64,
    day: MarketDay,
}

impl<'a> Maker<'a> {
    fn new(source: Source<'a>, day: Day) -> Maker<'a> {
        let listing = source.listing;
        let words = [source.profile.id, &listing.id, &day.to_string(), &source.issue.to_string()];
        let mut rng = Rng::new(source.seed, &words);
        let value = Value::of(listing, source.seed);
        let target = tick(source, &value, day.start_us());
        let shape = shape(source.listing, target);
        let ladder = Ladder::new(shape, target, &mut rng);
        let open_interest = rng.below(40 * listing.usual_lots as u64) as i64;
        Maker {
            source,
            rng,
            value,
            shape,
            ladder,
            step: Step::default(),
            trade_ids: TradeIds::new(source, day),
            ticker: Ticker::new(source),
            last_tick: None,
            open_interest,
            day: MarketDay::default(),
        }
    }

    /// Generates a session, from the subscription to the next interruption.
    fn run(&mut self, session: Session, steps_of_day: f64) {
        if session.follows_midnight && self.rng.chance(EARLY) {
            self.early_updates(session);
        }
        self.subscribe(session.from_us);
        let length = (session.to_us - session.from_us) as f64;
        let steps = steps_of_day * length / DAY_US;
        if steps < 0.5 {
            return;
        }
        let mean_us = length / steps;
        let mut us = session.from_us + pause(mean_us, &mut self.rng);
        while us < session.to_us {
            self.advance(us);
            us += pause(mean_us, &mut self.rng);
        }
    }

    /// Generates updates from the connection of the day before.
    fn early_updates(&mut self, session: Session) {
        let midnight_us = session.from_us - session.from_us.rem_euclid(mtdh_core::day::DAY_US);
        let mut us = midnight_us;
        for _ in 0..self.rng.between(1, 4) {
            us += self.rng.between(1_000, 60_000);
            self.move_book(us);
        }
    }

    /// Generates the messages after a subscription: the whole book, and the last trades again.
    fn subscribe(&mut self, us: i64) {
        if !self.day.trades.is_empty() && self.rng.chance(5_000) {
            let repeated = repeat_last(&self.day.trades, us);
            self.day.trades.extend(repeated);
        }
        let target = self.target(us);
        self.ladder = Ladder::new(self.shape, target, &mut self.rng);
        let is_one_sided = self.rng.chance(ONE_SIDED);
        let dropped = if is_one_sided { Some(SIDES[self.rng.below(2) as usize]) } else { None };
        for side in SIDES.into_iter().filter(|side| Some(*side) != dropped) {
            let start = self.day.changes.len();
            let levels =
                self.ladder.levels(side).iter().map(|level| super::ladder::Change { side, level: *level });
            self.day.changes.extend(levels);
            if self.rng.chance(ZERO_AMOUNT)
                && let Some(last) = self.day.changes[start..].last_mut()
            {
                last.level.lots = 0;
            }
        }
        self.end_message(us, true);
        self.publish_best(us);
        if self.is_option() {
            self.publish_option(us);
        }
    }

    /// Generates one step of the market.
    fn advance(&mut self, us: i64) {
        let kind = self.source.listing.kind;
        if kind == Kind::Option && self.rng.chance(5_000) {
            return self.publish_option(us);
        }
        if kind.is_derivative() && self.rng.chance(3_000) {
            return self.publish_ticker(us);
        }
        self.move_book(us);
        let mut at = stamp(self.source.profile, us, &mut self.rng);
        if self.source.profile.has_ordered_trades {
            let before = self.day.trades.last().map_or(i64::MIN, |trade| trade.at.exchange_us);
            at.exchange_us = at.exchange_us.max(before);
        }
        let fills = std::mem::take(&mut self.step.fills);
        for fill in &fills {
            self.trade(at, fill);
        }
        self.step.fills = fills;
    }

    /// Moves the book and adds the message. The fills stay in the step.
    fn move_book(&mut self, us: i64) {
        let target = self.target(us);
        self.step.clear();
        self.ladder.step(target, &mut self.rng, &mut self.step);
        let is_quiet = self.source.listing.tier == Tier::Tail;
        if self.rng.chance(if is_quiet { 400 } else { 3_500 }) {
            let side = SIDES[self.rng.below(2) as usize];
            self.ladder.take_best(side, &mut self.rng, &mut self.step);
        }
        if self.step.changes.is_empty() {
            return;
        }
        self.step.changes.sort_by_key(|change| change.side == Side::Bid);
        self.day.changes.extend(&self.step.changes);
        self.end_message(us, false);
        self.publish_best(us);
    }

    fn end_message(&mut self, us: i64, is_snapshot: bool) {
        let mut at = stamp(self.source.profile, us, &mut self.rng);
        if self.source.profile.has_untimed_book {
            at.exchange_us = at.local_us;
        }
        let end = self.day.changes.len();
        if self.day.book.last().map_or(0, |message| message.end) < end {
            self.day.book.push(BookMessage { at, is_snapshot, end });
        }
    }

    fn publish_best(&mut self, us: i64) {
        let at = stamp(self.source.profile, us, &mut self.rng);
        let best = Best { at, bid: self.ladder.best(Side::Bid), ask: self.ladder.best(Side::Ask) };
        let same = |before: &Best| (before.bid, before.ask) == (best.bid, best.ask);
        if !self.day.best.last().is_some_and(same) {
            self.day.best.push(best);
        }
    }

    fn publish_ticker(&mut self, us: i64) {
        let state = self.ticker.update(self.source, &self.value, us, self.last_tick, &mut self.rng);
        if let Some(state) = state {
            let mut at = stamp(self.source.profile, us, &mut self.rng);
            if self.source.profile.has_untimed_ticker {
                at.exchange_us = at.local_us;
            }
            self.day.tickers.push((at, state));
        }
    }

    fn publish_option(&mut self, us: i64) {
        let market = MarketState {
            bid: self.ladder.best(Side::Bid),
            ask: self.ladder.best(Side::Ask),
            last: self.last_tick,
            open_interest: self.open_interest,
        };
        let state = option::publish(self.source.listing, &self.value, us, market, &mut self.rng);
        self.day.options.push((stamp(self.source.profile, us, &mut self.rng), state));
    }

    fn trade(&mut self, at: Stamp, fill: &Fill) {
        let profile = self.source.profile;
        let side = if fill.side == Side::Ask { Taker::Buy } else { Taker::Sell };
        let is_unknown = profile.has_unknown_sides && self.rng.chance(100);
        let taker = if is_unknown { Taker::Unknown } else { side };
        let id = self.trade_ids.next(&mut self.rng);
        let trade = Trade { at, id, taker, tick: fill.level.tick, lots: fill.level.lots };
        self.day.trades.push(trade);
        self.last_tick = Some(fill.level.tick);
        self.open_interest = (self.open_interest + self.rng.between(-1, 1) * fill.level.lots).max(0);
        if let Some(style) = profile.liquidation_id
            && self.rng.chance(LIQUIDATION)
        {
            let id = match style {
                LiquidationId::Empty => TradeNumber::None,
                LiquidationId::Trade => id,
                LiquidationId::Order => uuid(&mut self.rng),
            };
            self.day.liquidations.push(Trade { id, ..trade });
        }
    }

    fn target(&mut self, us: i64) -> i64 {
        let jitter = self.rng.between(-self.shape.gap / 2, self.shape.gap / 2);
        let target = tick(self.source, &self.value, us) + jitter;
        self.shape.lowest.map_or(target, |lowest| target.max(lowest - 1))
    }

    fn is_option(&self) -> bool {
        matches!(self.value, Value::Option { .. })
    }
}

fn tick(source: Source<'_>, value: &Value, us: i64) -> i64 {
    (value.at(us) / source.listing.price_step.to_f64()).round() as i64
}

/// Returns the shape of an instrument's book around a price in price steps.
pub(crate) fn shape(listing: &Listing, target: i64) -> Shape {
    let (depth, share) = match (listing.kind, listing.tier) {
        (Kind::Option | Kind::Combo, _) => (6, 0.02),
        (_, Tier::Major) => (40, 0.000_04),
        (_, Tier::Middle) => (30, 0.000_1),
        (_, Tier::Minor) => (20, 0.000_4),
        (_, Tier::Tail) => (10, 0.001),
    };
    let gap = ((target.abs() as f64 * share) as i64).max(1);
    let lowest = (listing.kind != Kind::Combo).then_some(1);
    Shape { depth, gap, lots: listing.usual_lots, lowest }
}

/// Returns the number of steps of a whole day.
fn steps_of_day(maker: &Maker<'_>, day: Day) -> f64 {
    let mut rng = maker.rng.clone();
    let realistic = match maker.source.listing.tier {
        Tier::Major => rng.between(9_000, 13_000),
        Tier::Middle => rng.between(2_000, 3_500),
        Tier::Minor => rng.between(300, 800),
        Tier::Tail => quiet_steps(maker, day, &mut rng),
    };
    match maker.source.size {
        Size::Realistic => realistic as f64,
        Size::Small => (realistic as f64 / 10.0).min(150.0),
    }
}

/// Returns the number of steps of a quiet instrument. Options near the money have the most, far ones few or none.
fn quiet_steps(maker: &Maker<'_>, day: Day, rng: &mut Rng) -> i64 {
    let noon_us = day.start_us() + mtdh_core::day::DAY_US / 2;
    let far = match &maker.value {
        Value::Option { terms, expiry_us, .. } => {
            let forward = maker.value.index(noon_us) * maker.value.premium(noon_us);
            black::distance(terms, forward, years(noon_us, *expiry_us))
        }
        _ => 1.5,
    };
    if far < 0.7 {
        rng.between(80, 200)
    } else if far < 2.0 {
        rng.between(10, 60)
    } else {
        rng.between(0, 20)
    }
}
