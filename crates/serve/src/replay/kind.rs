//! What a replay can be asked for: the words of `dataTypes`.

use mtdh_core::DataType;
use mtdh_core::nearest::nearest;

/// A type of message. The order is that of messages which arrived at the same microsecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Trade,
    BookChange,
    DerivativeTicker,
    Liquidation,
    OptionSummary,
    BookTicker,
    /// Computed from book changes, or from the snapshots of the lake.
    BookSnapshot,
    /// Computed from trades.
    TradeBar,
}

impl Kind {
    /// Those that are stored rows.
    pub(super) const STORED: [Kind; 6] = [
        Kind::Trade,
        Kind::BookChange,
        Kind::DerivativeTicker,
        Kind::Liquidation,
        Kind::OptionSummary,
        Kind::BookTicker,
    ];

    /// The word of `dataTypes` and of the member `type`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Trade => "trade",
            Kind::BookChange => "book_change",
            Kind::DerivativeTicker => "derivative_ticker",
            Kind::Liquidation => "liquidation",
            Kind::OptionSummary => "option_summary",
            Kind::BookTicker => "book_ticker",
            Kind::BookSnapshot => "book_snapshot",
            Kind::TradeBar => "trade_bar",
        }
    }

    /// The messages that rows of a data type are, as they are; `None`: there are none of it.
    pub(super) fn of(data_type: DataType) -> Option<Kind> {
        Kind::STORED.into_iter().find(|kind| kind.data_type() == data_type)
    }

    /// The data type of the lake that it is made of.
    pub(super) fn data_type(self) -> DataType {
        match self {
            Kind::Trade | Kind::TradeBar => DataType::Trades,
            Kind::BookChange | Kind::BookSnapshot => DataType::IncrementalBookL2,
            Kind::DerivativeTicker => DataType::DerivativeTicker,
            Kind::Liquidation => DataType::Liquidations,
            Kind::OptionSummary => DataType::OptionsChain,
            Kind::BookTicker => DataType::BookTicker,
        }
    }
}

/// What ends a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BarUnit {
    /// Milliseconds of the exchange's clock.
    Time,
    /// The sum of amounts.
    Volume,
    /// The number of trades.
    Tick,
}

/// Bars that are computed from trades.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BarRule {
    pub(super) name: String,
    pub(super) unit: BarUnit,
    pub(super) interval: f64,
}

/// Snapshots that are computed from a book.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BookRule {
    pub(super) name: String,
    pub(super) depth: usize,
    /// Milliseconds; 0: whenever a level changed.
    pub(super) interval_ms: f64,
    /// Prices are rounded to multiples of this: bids down, asks up.
    pub(super) grouping: Option<f64>,
}

/// One of `dataTypes`.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Wanted {
    Stored(Kind),
    Bars(BarRule),
    Book(BookRule),
}

/// The deepest computed book.
const MOST_LEVELS: usize = 1_000;

/// The words, for errors.
const WORDS: &str = "trade, book_change, derivative_ticker, liquidation, option_summary, book_ticker, quote, quote_1s, \
                     book_snapshot_5_100ms, book_snapshot_5_grouped10_1s, trade_bar_1m, trade_bar_100ticks, trade_bar_1000vol";

impl Wanted {
    /// The type of its messages.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Wanted::Stored(kind) => *kind,
            Wanted::Bars(_) => Kind::TradeBar,
            Wanted::Book(_) => Kind::BookSnapshot,
        }
    }

    /// Reads a word of `dataTypes`.
    ///
    /// # Errors
    /// The words that say what is wrong with it.
    pub(super) fn parse(word: &str) -> Result<Wanted, String> {
        if let Some(kind) = Kind::STORED.into_iter().find(|kind| kind.name() == word) {
            return Ok(Wanted::Stored(kind));
        }
        if let Some(rest) = word.strip_prefix("trade_bar_") {
            return bars(word, rest).map(Wanted::Bars);
        }
        if let Some(rest) = word.strip_prefix("book_snapshot_") {
            return snapshots(word, rest).map(Wanted::Book);
        }
        let quote = |interval_ms| {
            Ok(Wanted::Book(BookRule { name: word.to_owned(), depth: 1, interval_ms, grouping: None }))
        };
        match word.strip_prefix("quote") {
            Some("") => return quote(0.0),
            Some(rest) if rest.starts_with('_') => return quote(milliseconds(word, &rest[1..])?),
            _ => {}
        }
        Err(format!("there is no data type \"{word}\"{}; there are {WORDS}", meant(word)))
    }
}

/// The word that may be meant by one of the lake's, or by a slip.
fn meant(word: &str) -> String {
    let of_lake = Kind::STORED.into_iter().find(|kind| kind.data_type().name() == word);
    let by_spelling = || nearest(word, Kind::STORED.map(Kind::name), 1).pop();
    let meant = of_lake.map(Kind::name).or_else(by_spelling);
    meant.map(|word| format!(", do you mean \"{word}\"?")).unwrap_or_default()
}

fn bars(word: &str, rest: &str) -> Result<BarRule, String> {
    // The order of the tests is tardis-machine's: `ms` and `ticks` end in `s`.
    let units = [
        ("ticks", BarUnit::Tick, 1.0),
        ("ms", BarUnit::Time, 1.0),
        ("s", BarUnit::Time, 1e3),
        ("m", BarUnit::Time, 6e4),
        ("vol", BarUnit::Volume, 1.0),
    ];
    let found =
        units.into_iter().find_map(|(end, unit, factor)| Some((rest.strip_suffix(end)?, unit, factor)));
    let Some((number, unit, factor)) = found else {
        return Err(format!(
            "invalid data type: {word}; bars end in ms, s, m, ticks or vol, such as trade_bar_1m"
        ));
    };
    let interval =
        positive(number).ok_or_else(|| format!("invalid interval: {number}, data type: {word}"))?;
    Ok(BarRule { name: word.to_owned(), unit, interval: interval * factor })
}

fn snapshots(word: &str, rest: &str) -> Result<BookRule, String> {
    let parts: Vec<&str> = rest.split('_').collect();
    let (depth, grouping, interval) = match parts[..] {
        [depth, interval] => (depth, None, interval),
        [depth, grouping, interval] if grouping.starts_with("grouped") => {
            (depth, Some(&grouping["grouped".len()..]), interval)
        }
        _ => {
            return Err(format!(
                "invalid data type: {word}; write book_snapshot_LEVELS_INTERVAL such as book_snapshot_5_100ms, or \
                 book_snapshot_5_grouped10_1s"
            ));
        }
    };
    let levels = depth.parse::<usize>().ok().filter(|levels| (1..=MOST_LEVELS).contains(levels));
    let depth = levels.ok_or_else(|| {
        format!("invalid depth: {depth}, data type: {word}; a book has 1 to {MOST_LEVELS} levels here")
    })?;
    let step =
        |text: &str| positive(text).ok_or_else(|| format!("invalid grouping: {text}, data type: {word}"));
    Ok(BookRule {
        name: word.to_owned(),
        depth,
        interval_ms: milliseconds(word, interval)?,
        grouping: grouping.map(step).transpose()?,
    })
}

/// The milliseconds of an interval such as `100ms`, `1s` or `1m`.
fn milliseconds(word: &str, text: &str) -> Result<f64, String> {
    let units = [("ms", 1.0), ("s", 1e3), ("m", 6e4)];
    let found = units.into_iter().find_map(|(end, factor)| Some((text.strip_suffix(end)?, factor)));
    let interval = found.and_then(|(number, factor)| {
        let is_zero = !number.is_empty() && number.bytes().all(|byte| byte == b'0');
        if is_zero { Some(0.0) } else { Some(positive(number)? * factor) }
    });
    interval.ok_or_else(|| format!("invalid interval: {text}, data type: {word}; write 0ms, 100ms, 1s or 5m"))
}

/// A number above 0 of digits and a point.
fn positive(text: &str) -> Option<f64> {
    let is_plain = text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number: f64 = is_plain.then(|| text.parse().ok()).flatten()?;
    (number > 0.0 && number.is_finite()).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_tardis_machine_reads_them() {
        let shown = |wanted: Wanted| match wanted {
            Wanted::Stored(kind) => format!("{kind:?}"),
            Wanted::Bars(BarRule { unit, interval, .. }) => format!("{unit:?} {interval}"),
            Wanted::Book(BookRule { depth, interval_ms, grouping, .. }) => {
                let step = grouping.map(|step| format!(" by {step}")).unwrap_or_default();
                format!("{depth} levels{step} each {interval_ms}")
            }
        };
        for (word, expected) in [
            ("trade", "Trade"),
            ("book_change", "BookChange"),
            ("derivative_ticker", "DerivativeTicker"),
            ("liquidation", "Liquidation"),
            ("option_summary", "OptionSummary"),
            ("book_ticker", "BookTicker"),
            ("trade_bar_1m", "Time 60000"),
            ("trade_bar_10s", "Time 10000"),
            ("trade_bar_250ms", "Time 250"),
            ("trade_bar_0.5s", "Time 500"),
            ("trade_bar_100ticks", "Tick 100"),
            ("trade_bar_2000vol", "Volume 2000"),
            ("trade_bar_0.5vol", "Volume 0.5"),
            ("book_snapshot_5_0ms", "5 levels each 0"),
            ("book_snapshot_10_1s", "10 levels each 1000"),
            ("book_snapshot_3_grouped0.5_2m", "3 levels by 0.5 each 120000"),
            ("quote", "1 levels each 0"),
            ("quote_10s", "1 levels each 10000"),
        ] {
            assert_eq!(Wanted::parse(word).map(shown), Ok(expected.to_owned()), "{word}");
        }
    }

    #[test]
    fn a_word_that_means_nothing_is_refused_with_a_reason() {
        for (word, reason) in [
            ("", "there is no data type \"\""),
            ("trades", "do you mean \"trade\"?"),
            ("incremental_book_L2", "do you mean \"book_change\"?"),
            ("options_chain", "do you mean \"option_summary\"?"),
            ("Trade", "do you mean \"trade\"?"),
            ("instrument", "there is no data type \"instrument\"; there are trade,"),
            ("quotes", "there is no data type \"quotes\""),
            ("quote_", "invalid interval: , data type: quote_"),
            ("trade_bar_m", "invalid interval: , data type: trade_bar_m"),
            ("trade_bar_0m", "invalid interval: 0"),
            ("trade_bar_-1m", "invalid interval: -1"),
            ("trade_bar_1e3s", "invalid interval: 1e3"),
            ("trade_bar_infm", "invalid interval: inf"),
            ("trade_bar_1h", "invalid data type: trade_bar_1h"),
            ("book_snapshot_5", "invalid data type: book_snapshot_5"),
            ("book_snapshot_0_1s", "invalid depth: 0"),
            ("book_snapshot_9999999_1s", "invalid depth: 9999999"),
            ("book_snapshot_5_1h", "invalid interval: 1h"),
            ("book_snapshot_5_10_1s", "invalid data type: book_snapshot_5_10_1s"),
            ("book_snapshot_5_grouped0_1s", "invalid grouping: 0"),
        ] {
            let error = Wanted::parse(word).unwrap_err();
            assert!(error.contains(reason), "{word}: {error}");
        }
    }
}
