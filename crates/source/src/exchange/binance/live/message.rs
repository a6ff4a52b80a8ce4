//! The fields of Binance's messages, taken in one pass.

use mtdh_core::book::LevelChange;

use crate::live::json::{Cursor, Scalar, Taken};

/// What a message has of the fields that are used. The letters are Binance's.
#[derive(Default)]
pub struct Message<'a> {
    /// `stream` of a combined connection.
    pub stream: &'a [u8],
    /// `e`: the kind of event.
    pub event: &'a [u8],
    /// `s`, or `symbol`.
    pub symbol: &'a [u8],
    /// `E`.
    pub event_time: Option<i64>,
    /// `T`.
    pub time: Option<i64>,
    /// `t`: a trade's id, as it stands.
    pub id: Option<Scalar<'a>>,
    /// `p`.
    pub price: Option<f64>,
    /// `q`.
    pub amount: Option<f64>,
    /// `m`.
    pub is_sell: Option<bool>,
    /// `X`.
    pub origin: &'a [u8],
    /// `U`.
    pub first: Option<i64>,
    /// `u`.
    pub last: Option<i64>,
    /// `pu`.
    pub previous: Option<i64>,
    /// `lastUpdateId`.
    pub snapshot: Option<i64>,
    /// `b`, `B`, `a`, `A` as numbers.
    pub bid: [Option<f64>; 2],
    /// See `bid`.
    pub ask: [Option<f64>; 2],
    /// `i`.
    pub index: Option<Scalar<'a>>,
    /// `r`.
    pub rate: Option<f64>,
    /// `c`.
    pub close: Option<f64>,
    /// `openInterest`.
    pub open_interest: Option<f64>,
    /// Whether there is an order in `o`; its fields are in those of the same letter.
    pub has_order: bool,
    /// `S` of the order.
    pub side: &'a [u8],
    /// `z` of the order.
    pub filled: Option<f64>,
    /// `result`, `error` or `code` of an answer.
    pub is_answer: bool,
    /// `id` of an answer.
    pub request: Option<i64>,
    /// The words of an error.
    pub error: Option<Scalar<'a>>,
}

impl<'a> Message<'a> {
    /// Takes a message; `level` is given the levels: whether ask, price, amount.
    pub fn read(text: &'a [u8], levels: &mut Vec<LevelChange>) -> Taken<Message<'a>> {
        let mut message = Message::default();
        let mut cursor = Cursor::new(text);
        cursor.object(|key, value| {
            match key {
                b"stream" => message.stream = bytes(value.scalar()?),
                b"data" if value.peek() == Some(b'{') => {
                    value.object(|key, value| message.field(key, value, levels))?;
                }
                _ => message.field(key, value, levels)?,
            }
            Ok(())
        })?;
        cursor.end()?;
        Ok(message)
    }

    #[inline]
    fn field(&mut self, key: &'a [u8], value: &mut Cursor<'a>, levels: &mut Vec<LevelChange>) -> Taken<()> {
        match key {
            b"e" => self.event = bytes(value.scalar_or_skip()?),
            b"E" => self.event_time = value.scalar_or_skip()?.integer(),
            b"s" | b"symbol" => self.symbol = bytes(value.scalar_or_skip()?),
            b"T" => self.time = value.scalar_or_skip()?.integer(),
            b"t" => self.id = Some(value.scalar_or_skip()?),
            b"p" => self.price = value.scalar_or_skip()?.number(),
            b"q" => self.amount = value.scalar_or_skip()?.number(),
            b"m" => self.is_sell = flag(value.scalar_or_skip()?),
            b"X" => self.origin = bytes(value.scalar_or_skip()?),
            b"U" => self.first = value.scalar_or_skip()?.integer(),
            b"u" => self.last = value.scalar_or_skip()?.integer(),
            b"pu" => self.previous = value.scalar_or_skip()?.integer(),
            b"lastUpdateId" => self.snapshot = value.scalar_or_skip()?.integer(),
            b"b" | b"bids" if value.peek() == Some(b'[') => side(value, false, levels)?,
            b"a" | b"asks" if value.peek() == Some(b'[') => side(value, true, levels)?,
            b"b" => self.bid[0] = value.scalar_or_skip()?.number(),
            b"B" => self.bid[1] = value.scalar_or_skip()?.number(),
            b"a" => self.ask[0] = value.scalar_or_skip()?.number(),
            b"A" => self.ask[1] = value.scalar_or_skip()?.number(),
            b"i" => self.index = Some(value.scalar_or_skip()?),
            b"r" => self.rate = value.scalar_or_skip()?.number(),
            b"c" => self.close = value.scalar_or_skip()?.number(),
            b"openInterest" => self.open_interest = value.scalar_or_skip()?.number(),
            b"o" if value.peek() == Some(b'{') => {
                self.has_order = true;
                value.object(|key, value| self.order_field(key, value))?;
            }
            b"result" | b"code" => {
                self.is_answer = true;
                value.skip()?;
            }
            b"error" if value.peek() == Some(b'{') => {
                self.is_answer = true;
                value.object(|key, value| {
                    match key {
                        b"msg" => self.error = Some(value.scalar_or_skip()?),
                        _ => drop(value.skip()?),
                    }
                    Ok(())
                })?;
                self.error.get_or_insert(Scalar::Null);
            }
            b"error" | b"msg" => {
                self.is_answer = true;
                self.error = Some(value.scalar_or_skip()?);
            }
            b"id" => self.request = value.scalar_or_skip()?.integer(),
            _ => drop(value.skip()?),
        }
        Ok(())
    }

    fn order_field(&mut self, key: &'a [u8], value: &mut Cursor<'a>) -> Taken<()> {
        match key {
            b"s" => self.symbol = bytes(value.scalar_or_skip()?),
            b"S" => self.side = bytes(value.scalar_or_skip()?),
            b"p" => self.price = value.scalar_or_skip()?.number(),
            b"X" => self.origin = bytes(value.scalar_or_skip()?),
            b"z" => self.filled = value.scalar_or_skip()?.number(),
            b"T" => self.time = value.scalar_or_skip()?.integer(),
            _ => drop(value.skip()?),
        }
        Ok(())
    }

    /// The part of the stream's name before the first `@`.
    pub fn stream_symbol(&self) -> &'a [u8] {
        self.stream.split(|byte| *byte == b'@').next().unwrap_or_default()
    }

    /// The part of the stream's name between the first `@` and the next one.
    pub fn channel(&self) -> &'a [u8] {
        self.stream.split(|byte| *byte == b'@').nth(1).unwrap_or_default()
    }
}

#[inline]
fn bytes(scalar: Scalar<'_>) -> &[u8] {
    match scalar {
        Scalar::Text(text) => text,
        _ => b"",
    }
}

fn flag(scalar: Scalar<'_>) -> Option<bool> {
    if let Scalar::Flag(flag) = scalar { Some(flag) } else { None }
}

#[inline]
fn side(value: &mut Cursor<'_>, is_ask: bool, levels: &mut Vec<LevelChange>) -> Taken<()> {
    value.array(|level| {
        let (price, amount) = level.pair()?;
        levels.push(LevelChange { is_snapshot: false, is_ask, price, amount });
        Ok(())
    })
}
