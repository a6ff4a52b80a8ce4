//! A recorder that a test plays: rows of one exchange, a message a line of its capture.

use std::sync::Arc;

use mtdh_engine::DataType;
use mtdh_engine::live::hub::event::{DisconnectEvent, Event, HealthEvent, Position, RowsEvent, State};
use mtdh_engine::live::hub::{Hub, Limits};
use mtdh_engine::live::lines::{LineHints, LineReader};

pub const EXCHANGE: &str = "deribit";
pub const SYMBOL: &str = "BTC-PERPETUAL";
pub const KEY: &str = "DERIBIT:PERP:BTC-USD";
/// 2026-11-30T12:00:00Z.
pub const START: i64 = 1_796_040_000_000_000;

pub struct Recorder {
    pub hub: Arc<Hub>,
    line: u64,
}

impl Recorder {
    pub fn with(limits: Limits) -> Recorder {
        let hub = Hub::new(limits, START);
        for data_type in [DataType::Trades, DataType::IncrementalBookL2, DataType::BookTicker] {
            hub.stream(EXCHANGE, SYMBOL, data_type, Some(KEY));
        }
        let recorder = Recorder { hub, line: 0 };
        recorder.health(State::Recording, "", 0);
        recorder
    }

    pub fn new() -> Recorder {
        Recorder::with(Limits::default())
    }

    /// Publishes the rows of a message, each written as its columns in JSON without the times.
    pub fn rows(&mut self, data_type: DataType, rows: &[String]) -> i64 {
        self.line += 1;
        let at = START + self.line as i64 * 1_000;
        let hints = LineHints { key: KEY.parse().ok(), data_type: Some(data_type), ..LineHints::default() };
        let mut reader = LineReader::new(hints);
        for row in rows {
            let line = format!("{{\"timestamp\":{at},\"local_timestamp\":{},{row}}}", at + 250);
            reader.read(&line, at).unwrap();
        }
        let (_, batch) = reader.take_rows().pop().unwrap();
        let stream = self.hub.stream(EXCHANGE, SYMBOL, data_type, Some(KEY));
        self.hub.publish(Event::Rows(RowsEvent {
            stream,
            rows: batch.num_rows(),
            batch: Arc::new(batch),
            first: 0,
            arrived: at + 250,
            position: self.position(),
        }));
        at
    }

    /// A trade of an amount, whose id is its line.
    pub fn trade(&mut self, price: f64, amount: f64) {
        let id = self.line + 1;
        let row = format!("\"id\":\"{id}\",\"side\":\"buy\",\"price\":{price},\"amount\":{amount}");
        self.rows(DataType::Trades, &[row]);
    }

    pub fn book(&mut self, is_snapshot: bool, levels: &[(&str, f64, f64)]) {
        let row = |(side, price, amount): &(&str, f64, f64)| {
            format!("\"is_snapshot\":{is_snapshot},\"side\":\"{side}\",\"price\":{price},\"amount\":{amount}")
        };
        self.rows(DataType::IncrementalBookL2, &levels.iter().map(row).collect::<Vec<_>>());
    }

    pub fn quote(&mut self, bid: f64) {
        let row =
            format!("\"bid_price\":{bid},\"bid_amount\":1,\"ask_price\":{},\"ask_amount\":2", bid + 1.0);
        self.rows(DataType::BookTicker, &[row]);
    }

    pub fn disconnect(&self) {
        self.hub.publish(Event::Disconnect(DisconnectEvent {
            exchange: EXCHANGE.into(),
            symbols: vec![SYMBOL.into()],
            arrived: START + self.line as i64 * 1_000 + 500,
            position: self.position(),
        }));
    }

    pub fn health(&self, state: State, detail: &str, errors: u32) {
        self.hub.publish(Event::Health(HealthEvent {
            exchange: EXCHANGE.into(),
            state,
            detail: detail.to_owned(),
            errors,
            given: START + self.line as i64 * 1_000,
        }));
    }

    fn position(&self) -> Position {
        Position { session: "deribit-1".into(), line: self.line }
    }
}
