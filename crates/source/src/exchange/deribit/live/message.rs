//! The fields of Deribit's messages, taken in one pass.

use mtdh_core::book::LevelChange;

use crate::live::json::{Cursor, Scalar, Taken};

/// What a message of JSON-RPC has.
#[derive(Default)]
pub struct Message<'a> {
    /// `method`, such as `subscription` or `heartbeat`.
    pub method: &'a [u8],
    /// `params.channel`.
    pub channel: &'a [u8],
    /// `params.type` of a heartbeat.
    pub kind: &'a [u8],
    /// `params.data`, as it stands.
    pub data: Option<&'a [u8]>,
    /// `id` of an answer.
    pub id: Option<i64>,
    /// `result`, as it stands.
    pub result: Option<&'a [u8]>,
    /// The words of an error.
    pub error: Option<Scalar<'a>>,
}

impl<'a> Message<'a> {
    /// Takes a message.
    pub fn read(text: &'a [u8]) -> Taken<Message<'a>> {
        let mut message = Message::default();
        let mut cursor = Cursor::new(text);
        cursor.object(|key, value| {
            match key {
                b"method" => message.method = text_of(value.scalar_or_skip()?),
                b"id" => message.id = value.scalar_or_skip()?.integer(),
                b"result" => message.result = Some(value.skip()?),
                b"error" if value.peek() == Some(b'{') => {
                    message.error = Some(Scalar::Null);
                    value.object(|key, value| {
                        match key {
                            b"message" => message.error = Some(value.scalar_or_skip()?),
                            _ => drop(value.skip()?),
                        }
                        Ok(())
                    })?;
                }
                b"params" if value.peek() == Some(b'{') => value.object(|key, value| {
                    match key {
                        b"channel" => message.channel = text_of(value.scalar_or_skip()?),
                        b"type" => message.kind = text_of(value.scalar_or_skip()?),
                        b"data" => message.data = Some(value.skip()?),
                        _ => drop(value.skip()?),
                    }
                    Ok(())
                })?,
                _ => drop(value.skip()?),
            }
            Ok(())
        })?;
        cursor.end()?;
        Ok(message)
    }
}

fn text_of(scalar: Scalar<'_>) -> &[u8] {
    if let Scalar::Text(text) = scalar { text } else { b"" }
}

/// A trade.
#[derive(Default)]
pub struct TradeFields<'a> {
    pub symbol: &'a [u8],
    pub id: Option<&'a str>,
    pub sequence: Option<u64>,
    pub is_sell: bool,
    pub price: Option<f64>,
    pub amount: Option<f64>,
    pub time: Option<i64>,
    /// `T`, `M` or `MT`; empty: no liquidation.
    pub liquidation: &'a [u8],
}

impl<'a> TradeFields<'a> {
    /// Takes the trades of a message.
    pub fn read(data: &'a [u8], mut each: impl FnMut(&TradeFields<'a>)) -> Taken<()> {
        Cursor::new(data).array(|item| {
            let mut trade = TradeFields::default();
            item.object(|key, value| {
                match key {
                    b"instrument_name" => trade.symbol = text_of(value.scalar_or_skip()?),
                    b"trade_id" => trade.id = value.scalar_or_skip()?.text(),
                    b"trade_seq" => {
                        trade.sequence =
                            value.scalar_or_skip()?.integer().and_then(|seq| u64::try_from(seq).ok());
                    }
                    b"direction" => trade.is_sell = value.scalar_or_skip()?.is("sell"),
                    b"price" => trade.price = value.scalar_or_skip()?.number(),
                    b"amount" => trade.amount = value.scalar_or_skip()?.number(),
                    b"timestamp" => trade.time = value.scalar_or_skip()?.integer(),
                    b"liquidation" => trade.liquidation = text_of(value.scalar_or_skip()?),
                    _ => drop(value.skip()?),
                }
                Ok(())
            })?;
            each(&trade);
            Ok(())
        })
    }
}

/// A book message, without its levels.
#[derive(Default)]
pub struct BookFields<'a> {
    pub symbol: &'a [u8],
    pub is_snapshot: bool,
    pub time: Option<i64>,
    pub change: Option<i64>,
    pub previous: Option<i64>,
}

impl<'a> BookFields<'a> {
    /// Takes a book message; its levels are laid out.
    pub fn read(data: &'a [u8], levels: &mut Vec<LevelChange>) -> Taken<BookFields<'a>> {
        let mut book = BookFields::default();
        Cursor::new(data).object(|key, value| {
            match key {
                b"instrument_name" => book.symbol = text_of(value.scalar_or_skip()?),
                b"type" => book.is_snapshot = value.scalar_or_skip()?.is("snapshot"),
                b"timestamp" => book.time = value.scalar_or_skip()?.integer(),
                b"change_id" => book.change = value.scalar_or_skip()?.integer(),
                b"prev_change_id" => book.previous = value.scalar_or_skip()?.integer(),
                b"bids" => side(value, false, levels)?,
                b"asks" => side(value, true, levels)?,
                _ => drop(value.skip()?),
            }
            Ok(())
        })?;
        Ok(book)
    }
}

/// Levels `["new"|"change"|"delete", price, amount]`.
fn side(value: &mut Cursor<'_>, is_ask: bool, levels: &mut Vec<LevelChange>) -> Taken<()> {
    value.array(|level| {
        let mut parts = [Scalar::Null; 3];
        let mut place = 0;
        let before = *level;
        level.array(|part| {
            match parts.get_mut(place) {
                Some(slot) => *slot = part.scalar()?,
                None => drop(part.skip()?),
            }
            place += 1;
            Ok(())
        })?;
        let amount = if parts[0].is("delete") { Some(0.0) } else { parts[2].number() };
        let (Some(price), Some(amount)) = (parts[1].number(), amount) else {
            return Err(before.unreadable());
        };
        levels.push(LevelChange { is_snapshot: false, is_ask, price, amount });
        Ok(())
    })
}

/// A ticker. Numbers that are null are `None`.
#[derive(Default)]
pub struct TickerFields<'a> {
    pub symbol: &'a [u8],
    pub time: Option<i64>,
    pub is_active_combo: bool,
    pub has_greeks: bool,
    pub funding: Option<f64>,
    pub index_price: Option<f64>,
    pub mark_price: Option<f64>,
    pub mark_iv: Option<f64>,
    pub open_interest: Option<f64>,
    pub last_price: Option<f64>,
    /// Price, amount, volatility.
    pub bid: [Option<f64>; 3],
    /// Price, amount, volatility.
    pub ask: [Option<f64>; 3],
    pub underlying_price: Option<f64>,
    pub underlying_index: Option<&'a str>,
    /// Delta, gamma, vega, theta, rho.
    pub greeks: [Option<f64>; 5],
}

impl<'a> TickerFields<'a> {
    /// Takes a ticker.
    pub fn read(data: &'a [u8]) -> Taken<TickerFields<'a>> {
        let mut ticker = TickerFields::default();
        Cursor::new(data).object(|key, value| {
            if key == b"greeks" && value.peek() == Some(b'{') {
                ticker.has_greeks = true;
                return value.object(|key, value| {
                    let number = value.scalar_or_skip()?.number();
                    match key {
                        b"delta" => ticker.greeks[0] = number,
                        b"gamma" => ticker.greeks[1] = number,
                        b"vega" => ticker.greeks[2] = number,
                        b"theta" => ticker.greeks[3] = number,
                        b"rho" => ticker.greeks[4] = number,
                        _ => {}
                    }
                    Ok(())
                });
            }
            let scalar = value.scalar_or_skip()?;
            match key {
                b"instrument_name" => ticker.symbol = text_of(scalar),
                b"timestamp" => ticker.time = scalar.integer(),
                b"combo_state" => ticker.is_active_combo = scalar.is("active"),
                b"current_funding" => ticker.funding = scalar.number(),
                b"index_price" => ticker.index_price = scalar.number(),
                b"mark_price" => ticker.mark_price = scalar.number(),
                b"mark_iv" => ticker.mark_iv = scalar.number(),
                b"open_interest" => ticker.open_interest = scalar.number(),
                b"last_price" => ticker.last_price = scalar.number(),
                b"best_bid_price" => ticker.bid[0] = scalar.non_zero(),
                b"best_bid_amount" => ticker.bid[1] = scalar.non_zero(),
                b"bid_iv" => ticker.bid[2] = scalar.non_zero(),
                b"best_ask_price" => ticker.ask[0] = scalar.non_zero(),
                b"best_ask_amount" => ticker.ask[1] = scalar.non_zero(),
                b"ask_iv" => ticker.ask[2] = scalar.non_zero(),
                b"underlying_price" => ticker.underlying_price = scalar.number(),
                b"underlying_index" => ticker.underlying_index = scalar.text(),
                _ => {}
            }
            Ok(())
        })?;
        Ok(ticker)
    }
}
