//! The fields of the forms: what each is of a market, a trade or a level.

use super::number::{Style, integer, write};
use super::scene::Scene;
use super::{Form, checksum};
use crate::generate::decimal::Decimal;
use crate::generate::market::ladder::{Level, Side};
use crate::generate::times::iso;
use crate::generate::universe::listing::Kind;
use crate::sockets::market::book::{Action, Moved};

/// A field. Times are of the venue's clock at the step.
#[derive(Clone, Copy, Debug)]
pub(in crate::sockets) enum Field {
    /// `$name`: given by the code that answers.
    Given(&'static str),
    Known(fn(&Form, &Scene<'_>, &mut Vec<u8>)),
}

impl Field {
    /// Returns the field of a name.
    ///
    /// # Panics
    /// Panics if there is none; a test reads all forms.
    pub(super) fn of(name: &'static str) -> Field {
        if let Some(given) = name.strip_prefix('$') {
            return Field::Given(given);
        }
        let known = FIELDS.iter().find(|(known, _)| *known == name);
        Field::Known(known.unwrap_or_else(|| panic!("there is no field {name}")).1)
    }

    pub(super) fn write(self, form: &Form, scene: &Scene<'_>, out: &mut Vec<u8>) {
        if let Field::Known(write) = self {
            write(form, scene, out);
        }
    }
}

type Write = fn(&Form, &Scene<'_>, &mut Vec<u8>);

/// The fields by name.
const FIELDS: &[(&str, Write)] = &[
    ("stream", |_, s, out| out.extend_from_slice(s.stream.as_bytes())),
    ("label", |_, s, out| out.extend_from_slice(s.label.as_bytes())),
    ("symbol", |_, s, out| out.extend_from_slice(s.market.symbol.as_bytes())),
    ("pair", |_, s, out| {
        out.extend_from_slice(s.market.symbol.split('_').next().unwrap_or_default().as_bytes())
    }),
    ("inst_type", |_, s, out| {
        out.extend_from_slice(match s.market.listing.kind {
            Kind::Spot => b"SPOT",
            Kind::Perpetual => b"SWAP",
            Kind::Option => b"OPTION",
            Kind::Future | Kind::Combo => b"FUTURES",
        });
    }),
    ("base", |_, s, out| out.extend_from_slice(s.market.listing.base.as_bytes())),
    ("family", |_, s, out| {
        let parts: Vec<&str> = s.market.symbol.split('-').take(2).collect();
        out.extend_from_slice(parts.join("-").as_bytes());
    }),
    // Times.
    ("event", |_, s, out| time(s, s.is_micro || s.is_stamped, out)),
    ("time", |_, s, out| time(s, s.is_micro, out)),
    ("ms", |_, s, out| integer(s.market.at_us / 1_000, out)),
    ("second_ms", |_, s, out| integer(s.market.at_us / 1_000_000 * 1_000, out)),
    ("iso", |_, s, out| out.extend_from_slice(iso(s.market.at_us).as_bytes())),
    ("iso_us", |_, s, out| iso_us(s.market.at_us, out)),
    ("date", |_, s, out| out.extend_from_slice(&iso(s.market.at_us).as_bytes()[..10])),
    ("clock", |_, s, out| out.extend_from_slice(&iso(s.market.at_us).as_bytes()[11..19])),
    ("funding_ms", |_, s, out| integer(s.market.funding_us() / 1_000, out)),
    ("funding_next_ms", |_, s, out| integer(s.market.funding_us() / 1_000 + 28_800_000, out)),
    ("funding_iso", |_, s, out| out.extend_from_slice(iso(s.market.funding_us()).as_bytes())),
    ("day_ago_ms", |_, s, out| integer(s.market.at_us / 1_000 - 86_400_000, out)),
    // Trades.
    ("id", |_, s, out| integer(id(s), out)),
    ("first_id", |_, s, out| integer(id(s) - 1_000, out)),
    ("seq", |_, s, out| integer(id(s) - 500_000, out)),
    ("uuid", |_, s, out| uuid(s, "trade", out)),
    ("order", |_, s, out| uuid(s, "order", out)),
    ("other_order", |_, s, out| uuid(s, "other", out)),
    ("hash", |_, s, out| {
        let word = |n: &str| crate::generate::rng::hash(id(s) as u64, &[&s.market.symbol, n]);
        out.extend_from_slice(
            format!("0x{:016x}{:016x}{:016x}{:016x}", word("a"), word("b"), word("c"), word("d")).as_bytes(),
        );
    }),
    ("huge_id", |_, s, out| integer(s.market.at_us / 1_000_000 * 10_000_000 + id(s) % 10_000_000, out)),
    ("price", |f, s, out| price(f, s, s.print.map_or(s.market.last, |p| p.tick), out)),
    ("amount", |f, s, out| amount(f, s, s.print.map_or(1, |p| p.lots), out)),
    ("maker", |_, s, out| out.extend_from_slice(if is_buy(s) { b"false" } else { b"true" })),
    ("side", |_, s, out| out.extend_from_slice(if is_buy(s) { b"buy" } else { b"sell" })),
    ("maker_side", |_, s, out| out.extend_from_slice(if is_buy(s) { b"sell" } else { b"buy" })),
    ("pos_side", |_, s, out| out.extend_from_slice(if is_buy(s) { b"short" } else { b"long" })),
    ("Side", |_, s, out| out.extend_from_slice(if is_buy(s) { b"Buy" } else { b"Sell" })),
    ("MakerSide", |_, s, out| out.extend_from_slice(if is_buy(s) { b"Sell" } else { b"Buy" })),
    ("SIDE", |_, s, out| out.extend_from_slice(if is_buy(s) { b"BUY" } else { b"SELL" })),
    ("BID_ASK", |_, s, out| out.extend_from_slice(if is_buy(s) { b"BID" } else { b"ASK" })),
    ("B_A", |_, s, out| out.extend_from_slice(if is_buy(s) { b"B" } else { b"A" })),
    // The ids of the book.
    ("first", |_, s, out| integer(s.market.ids.first, out)),
    ("last", |_, s, out| integer(s.market.ids.last, out)),
    ("before", |_, s, out| integer(s.market.ids.before, out)),
    ("checksum", |_, s, out| integer(if s.has_checksum { checksum::okx(s) } else { 0 }, out)),
    ("crc", |_, s, out| integer(checksum::kraken(s), out)),
    // Levels.
    ("bids", |f, s, out| moved(f, s, Some(Side::Bid), out)),
    ("asks", |f, s, out| moved(f, s, Some(Side::Ask), out)),
    ("changes", |f, s, out| moved(f, s, None, out)),
    ("all_bids", |f, s, out| whole(f, s, s.bids, Side::Bid, out)),
    ("all_asks", |f, s, out| whole(f, s, s.asks, Side::Ask, out)),
    ("all", |f, s, out| {
        let (mut asks, mut bids) = (Vec::new(), Vec::new());
        whole(f, s, s.asks, Side::Ask, &mut asks);
        whole(f, s, s.bids, Side::Bid, &mut bids);
        out.extend_from_slice(&asks);
        out.extend_from_slice(if asks.is_empty() || bids.is_empty() { b"" } else { b"," });
        out.extend_from_slice(&bids);
    }),
    ("pair_bids", |f, s, out| by(f, s, "level_pair", s.bids, Side::Bid, out)),
    ("pair_asks", |f, s, out| by(f, s, "level_pair", s.asks, Side::Ask, out)),
    ("stamped", |f, s, out| levels(f, s, "level_stamped", s.moved.iter(), out)),
    ("resized", |f, s, out| levels(f, s, "level_resized", s.moved.iter(), out)),
    ("removed", |f, s, out| levels(f, s, "level_removed", s.moved.iter(), out)),
    ("units", |f, s, out| units(f, s, out)),
    ("ask_total", |f, s, out| amount(f, s, s.asks.iter().map(|l| l.lots).sum(), out)),
    ("bid_total", |f, s, out| amount(f, s, s.bids.iter().map(|l| l.lots).sum(), out)),
    // The best levels.
    ("bid", |f, s, out| price(f, s, best(s.market.bids.first()).tick, out)),
    ("bid_amount", |f, s, out| amount(f, s, best(s.market.bids.first()).lots, out)),
    ("ask", |f, s, out| price(f, s, best(s.market.asks.first()).tick, out)),
    ("ask_amount", |f, s, out| amount(f, s, best(s.market.asks.first()).lots, out)),
    ("best_bids", |f, s, out| whole(f, s, &s.market.bids[..s.market.bids.len().min(1)], Side::Bid, out)),
    ("best_asks", |f, s, out| whole(f, s, &s.market.asks[..s.market.asks.len().min(1)], Side::Ask, out)),
    // The derivative's numbers.
    ("last_price", |f, s, out| price(f, s, s.market.last, out)),
    ("mark", |f, s, out| write(s.market.mark(), f.price, out)),
    ("mark8", |_, s, out| write(s.market.mark(), Style::Fixed(8), out)),
    ("index", |f, s, out| write(s.market.index(), f.price, out)),
    ("index8", |_, s, out| write(s.market.index(), Style::Fixed(8), out)),
    ("funding", |_, s, out| write(s.market.funding_rate(0), Style::Step, out)),
    ("funding_short", |_, s, out| write(s.market.funding_rate(0), Style::Short, out)),
    ("funding_next", |_, s, out| write(s.market.funding_rate(1), Style::Short, out)),
    ("open_interest", |f, s, out| write(s.market.open_interest(), f.amount, out)),
    // An option's.
    ("strike", |_, s, out| {
        write(s.market.listing.option.map_or(Decimal::new(0, 0), |o| o.strike), Style::Short, out)
    }),
    ("bid_iv", |_, s, out| volatility(s.market.option.bid_volatility, 1, out)),
    ("ask_iv", |_, s, out| volatility(s.market.option.ask_volatility, 1, out)),
    ("mark_iv", |_, s, out| volatility(s.market.option.mark_volatility, 1, out)),
    ("bid_vol", |_, s, out| volatility(s.market.option.bid_volatility, 100, out)),
    ("ask_vol", |_, s, out| volatility(s.market.option.ask_volatility, 100, out)),
    ("mark_vol", |_, s, out| volatility(s.market.option.mark_volatility, 100, out)),
    ("option_mark", |_, s, out| write(s.market.option.mark.unwrap_or(Decimal::new(0, 0)), Style::Short, out)),
    ("underlying", |_, s, out| {
        write(s.market.option.underlying.unwrap_or(Decimal::new(0, 0)), Style::Short, out)
    }),
    ("underlying_index", |_, s, out| {
        let name = crate::generate::market::option::underlying_index(&s.market.listing);
        out.extend_from_slice(name.as_bytes());
    }),
    ("delta", |_, s, out| greek(s, 0, out)),
    ("gamma", |_, s, out| greek(s, 1, out)),
    ("vega", |_, s, out| greek(s, 2, out)),
    ("theta", |_, s, out| greek(s, 3, out)),
    ("rho", |_, s, out| greek(s, 4, out)),
    // A level's, in the forms named `level…`.
    ("p", |f, s, out| price(f, s, level(s).level.tick, out)),
    ("q", |f, s, out| amount(f, s, level(s).level.lots, out)),
    ("orders", |_, s, out| integer((level(s).level.lots % 9 + 1) * i64::from(level(s).level.lots > 0), out)),
    ("action", |_, s, out| {
        out.extend_from_slice(match level(s).action {
            Action::New => b"new",
            Action::Change => b"change",
            Action::Delete => b"delete",
        })
    }),
    ("book_side", |_, s, out| {
        out.extend_from_slice(if level(s).side == Side::Bid { b"buy" } else { b"sell" })
    }),
    ("BookSide", |_, s, out| {
        out.extend_from_slice(if level(s).side == Side::Bid { b"Buy" } else { b"Sell" })
    }),
    ("level_id", |_, s, out| integer(8_800_000_000 - level(s).level.tick, out)),
];

fn time(scene: &Scene<'_>, is_micro: bool, out: &mut Vec<u8>) {
    integer(if is_micro { scene.market.at_us } else { scene.market.at_us / 1_000 }, out);
}

fn iso_us(us: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(&iso(us).as_bytes()[..23]);
    out.extend_from_slice(format!("{:03}Z", us.rem_euclid(1_000)).as_bytes());
}

fn id(scene: &Scene<'_>) -> i64 {
    scene.print.map_or(scene.market.last_trade(), |print| print.id)
}

fn is_buy(scene: &Scene<'_>) -> bool {
    scene.print.is_some_and(|print| print.is_buy)
}

fn uuid(scene: &Scene<'_>, word: &str, out: &mut Vec<u8>) {
    let [high, low] = ["high", "low"]
        .map(|half| crate::generate::rng::hash(id(scene) as u64, &[&scene.market.symbol, word, half]));
    let text = format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    );
    out.extend_from_slice(text.as_bytes());
}

fn price(form: &Form, scene: &Scene<'_>, tick: i64, out: &mut Vec<u8>) {
    write(scene.market.listing.price(tick), form.price, out);
}

fn amount(form: &Form, scene: &Scene<'_>, lots: i64, out: &mut Vec<u8>) {
    write(scene.market.listing.amount(lots), form.amount, out);
}

fn best(level: Option<&Level>) -> Level {
    level.copied().unwrap_or(Level { tick: 0, lots: 0 })
}

/// The level of a form named `level…`.
fn level(scene: &Scene<'_>) -> Moved {
    let nothing = Moved { side: Side::Bid, level: Level { tick: 0, lots: 0 }, action: Action::Delete };
    scene.moved.first().copied().unwrap_or(nothing)
}

fn volatility(percent: Option<Decimal>, divisor: i64, out: &mut Vec<u8>) {
    let percent = percent.unwrap_or(Decimal::new(0, 0));
    let scale = percent.scale + if divisor == 100 { 2 } else { 0 };
    write(Decimal::new(percent.mantissa, scale), Style::Short, out);
}

fn greek(scene: &Scene<'_>, place: usize, out: &mut Vec<u8>) {
    write(scene.market.option.greeks.map_or(Decimal::new(0, 0), |greeks| greeks[place]), Style::Short, out);
}

/// Appends levels by a form, with commas.
fn levels<'a>(
    form: &Form,
    scene: &Scene<'_>,
    kind: &str,
    each: impl Iterator<Item = &'a Moved>,
    out: &mut Vec<u8>,
) {
    let Some(template) = form.get(kind) else { return };
    for (i, moved) in each.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        let scene = Scene { moved: std::slice::from_ref(moved), ..*scene };
        template.write(form, &scene, out);
    }
}

fn moved(form: &Form, scene: &Scene<'_>, side: Option<Side>, out: &mut Vec<u8>) {
    let of_side = |moved: &&Moved| side.is_none_or(|side| side == moved.side);
    levels(form, scene, "level", scene.moved.iter().filter(of_side), out);
}

fn whole(form: &Form, scene: &Scene<'_>, side: &[Level], of: Side, out: &mut Vec<u8>) {
    by(form, scene, "level", side, of, out);
}

fn by(form: &Form, scene: &Scene<'_>, kind: &str, side: &[Level], of: Side, out: &mut Vec<u8>) {
    let as_new: Vec<Moved> =
        side.iter().map(|level| Moved { side: of, level: *level, action: Action::New }).collect();
    levels(form, scene, kind, as_new.iter(), out);
}

/// Upbit's pairs of an ask and a bid, by the form `unit`: the two ends of a pair are `ask`, `bid` of a scene of their own.
fn units(form: &Form, scene: &Scene<'_>, out: &mut Vec<u8>) {
    let Some(template) = form.get(if scene.is_micro { "unit_simple" } else { "unit" }) else { return };
    for (i, (ask, bid)) in scene.asks.iter().zip(scene.bids).enumerate() {
        if i > 0 {
            out.push(b',');
        }
        let mut pieces = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
        price(form, scene, ask.tick, &mut pieces[0]);
        price(form, scene, bid.tick, &mut pieces[1]);
        amount(form, scene, ask.lots, &mut pieces[2]);
        amount(form, scene, bid.lots, &mut pieces[3]);
        let mut pieces = pieces.into_iter();
        template.write_given(|_| pieces.next(), out);
    }
}
