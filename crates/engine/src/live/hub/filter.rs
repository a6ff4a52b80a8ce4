//! Which events somebody wants.

use std::collections::BTreeSet;

use mtdh_core::DataType;
use mtdh_core::candle::Timeframe;

use super::event::{Event, Stream};

/// What is wanted of an exchange, or of all. An event must pass every part that is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Vendor's ids of exchanges, lower case; `None`: all.
    pub exchanges: Option<BTreeSet<String>>,
    /// Symbols as rows write them, upper case, or instrument keys; `None`: all.
    pub names: Option<BTreeSet<String>>,
    /// Data types of rows.
    pub rows: Wanted<DataType>,
    /// Timeframes of candles.
    pub candles: Wanted<Timeframe>,
    /// Whether gaps, findings and health are wanted too. Disconnects always come: books begin anew behind them.
    pub has_notes: bool,
}

/// Which of several kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Wanted<T> {
    /// None.
    #[default]
    None,
    /// All.
    All,
    /// These.
    Some(Vec<T>),
}

impl<T: PartialEq> Wanted<T> {
    /// Whether this one is wanted.
    pub fn has(&self, one: &T) -> bool {
        match self {
            Wanted::None => false,
            Wanted::All => true,
            Wanted::Some(these) => these.contains(one),
        }
    }
}

impl Filter {
    /// Everything.
    pub fn all() -> Filter {
        Filter { rows: Wanted::All, candles: Wanted::All, has_notes: true, ..Filter::default() }
    }

    /// Whether rows of a stream pass.
    pub fn takes_rows_of(&self, stream: &Stream) -> bool {
        self.rows.has(&stream.data_type)
            && self.takes_exchange(&stream.exchange)
            && self.takes_name(&stream.symbol, stream.key.as_deref())
    }

    /// Whether an event passes.
    pub fn takes(&self, event: &Event) -> bool {
        if let Event::Rows(of) = event {
            return self.takes_rows_of(&of.stream);
        }
        self.takes_exchange(event.exchange())
            && match event {
                Event::Rows(_) => false,
                Event::Disconnect(of) => {
                    of.symbols.is_empty() || of.symbols.iter().any(|symbol| self.takes_name(symbol, None))
                }
                Event::Candle(of) => {
                    self.candles.has(&of.timeframe) && self.takes_name(&of.symbol, Some(&of.key))
                }
                Event::Gap(of) => {
                    let symbol = of.gap.symbol.as_deref();
                    self.has_notes
                        && symbol.is_none_or(|symbol| self.takes_name(symbol, of.key.as_deref()))
                        && of.gap.data_type.is_none_or(|data_type| self.rows.has(&data_type))
                }
                Event::Finding(of) => {
                    self.has_notes && of.symbol.as_ref().is_none_or(|symbol| self.takes_name(symbol, None))
                }
                Event::Health(_) => self.has_notes,
            }
    }

    /// Whether anything of an exchange may pass.
    pub(super) fn takes_exchange(&self, exchange: &str) -> bool {
        self.exchanges.as_ref().is_none_or(|exchanges| exchanges.contains(exchange))
    }

    fn takes_name(&self, symbol: &str, key: Option<&str>) -> bool {
        let Some(names) = &self.names else { return true };
        let is_named = names.contains(symbol) || key.is_some_and(|key| names.contains(key));
        // Few symbols have lower-case letters.
        is_named
            || symbol.bytes().any(|byte| byte.is_ascii_lowercase()) && names.contains(&symbol.to_uppercase())
    }
}
