//! A stream as a venue names it, and the forms of its messages.

/// What a stream is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sockets) enum What {
    Trade,
    Liquidation,
    Book,
    Best,
    Ticker,
    Option,
}

impl What {
    /// Returns its name in faults and logs.
    pub(in crate::sockets) fn name(self) -> &'static str {
        match self {
            What::Trade => "trade",
            What::Liquidation => "liquidation",
            What::Book => "book",
            What::Best => "best",
            What::Ticker => "ticker",
            What::Option => "option",
        }
    }
}

/// A stream.
#[derive(Clone, Debug)]
pub(in crate::sockets) struct Topic {
    /// Its name in messages, as the client wrote it.
    pub(in crate::sockets) name: String,
    /// What messages say they are of, where that is not the instrument.
    pub(in crate::sockets) label: String,
    pub(in crate::sockets) what: What,
    /// The form of the first message after a subscription.
    pub(in crate::sockets) first: Option<&'static str>,
    /// The form of each message; of a book with `splits`, followed by `_new`, `_change`, `_delete`.
    pub(in crate::sockets) every: &'static str,
    /// The form of a trade that is a liquidation, where it has its own.
    pub(in crate::sockets) liquidation: Option<&'static str>,
    /// Whether each kind of change is a message of its own.
    pub(in crate::sockets) splits: bool,
    /// Levels of a side.
    pub(in crate::sockets) depth: usize,
    /// Instruments, by their symbols.
    pub(in crate::sockets) symbols: Vec<String>,
    /// Whether messages are wrapped by the form `wrap` and a closing brace.
    pub(in crate::sockets) is_wrapped: bool,
    /// Whether times are in microseconds; for Upbit, whether keys are short.
    pub(in crate::sockets) is_micro: bool,
}

impl Topic {
    /// A stream of one instrument.
    pub(in crate::sockets) fn new(name: &str, symbol: &str, what: What, every: &'static str) -> Topic {
        Topic {
            name: name.to_owned(),
            label: String::new(),
            what,
            first: None,
            every,
            liquidation: None,
            splits: false,
            depth: usize::MAX,
            symbols: vec![symbol.to_owned()],
            is_wrapped: false,
            is_micro: false,
        }
    }

    /// The same with a first message.
    pub(in crate::sockets) fn first(mut self, kind: &'static str) -> Topic {
        self.first = Some(kind);
        self
    }

    /// What tells streams apart whose messages differ.
    pub(super) fn key(&self) -> String {
        format!("{}\n{}{}{}", self.name, self.is_wrapped, self.is_micro, self.every)
    }
}
