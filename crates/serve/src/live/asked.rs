//! What a client of our own form wants: filters as parameters, or as the channels of the predecessor.

use std::collections::BTreeSet;
use std::sync::Arc;

use mtdh_core::DataType;
use mtdh_core::candle::Timeframe;
use mtdh_core::nearest::nearest;
use mtdh_engine::live::hub::event::Cursor;
use mtdh_engine::live::hub::filter::{Filter, Wanted};
use mtdh_engine::live::hub::{Ask, Hub, Start};

use crate::api::parameters::Given;
use crate::problem::Problem;

/// Words of `type` beside the data types.
const CANDLES: &str = "candles";
const NOTES: &str = "notes";

/// Channels of one request.
const MOST_CHANNELS: usize = 1_000;

/// Reads what a client wants. `behind` is where it left off, as a header says it; the parameter `after` says the same.
///
/// # Errors
/// When a name is unknown or a text means nothing.
pub(super) fn read(hub: &Arc<Hub>, given: &Given, behind: Option<&str>) -> Result<Ask, Problem> {
    let names = |name| -> Option<BTreeSet<String>> {
        given.text(name).map(|list| words(list).map(str::to_owned).collect())
    };
    let exchanges: Option<BTreeSet<String>> =
        names("exchange").map(|list| list.iter().map(|name| name.to_ascii_lowercase()).collect());
    check_exchanges(hub, exchanges.as_ref())?;
    let symbols = names("symbol").map(|list| list.iter().map(|name| name.to_uppercase()).collect());
    let mut filters = match given.text("channels") {
        None => vec![Filter { names: symbols.clone(), ..typed(given)? }],
        Some(list) => {
            if given.text("type").is_some() || given.text("symbol").is_some() {
                let detail = "channels say symbols and types; give either them, or `symbol` and `type`";
                return Err(Problem::parameter("channels", detail));
            }
            channels(list)?
        }
    };
    for filter in &mut filters {
        filter.exchanges.clone_from(&exchanges);
    }
    let start = match given.text("after").or(behind) {
        None => Start::Now,
        Some(text) => {
            let cursor: Result<Cursor, _> = text.parse();
            Start::Behind(cursor.map_err(|error| Problem::parameter("after", error.to_string()))?)
        }
    };
    Ok(Ask { filters, start, is_conflated: given.text("conflate") == Some("true") })
}

fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|word| !word.is_empty())
}

fn check_exchanges(hub: &Hub, exchanges: Option<&BTreeSet<String>>) -> Result<(), Problem> {
    let known: Vec<String> = hub.status().venues.into_iter().map(|venue| venue.exchange).collect();
    let unknown = exchanges.into_iter().flatten().find(|exchange| !known.contains(exchange));
    let Some(unknown) = unknown else { return Ok(()) };
    let detail = format!("`{unknown}` is not recorded here");
    Err(Problem::parameter("exchange", detail)
        .with("suggestions", nearest(unknown, known.iter().map(String::as_str), 3))
        .with("allowed", known))
}

/// The filter of `type` and `timeframe`; without them everything.
fn typed(given: &Given) -> Result<Filter, Problem> {
    let timeframes = match given.text("timeframe") {
        None => Wanted::All,
        Some(list) => Wanted::Some(words(list).map(timeframe).collect::<Result<_, _>>()?),
    };
    let Some(list) = given.text("type") else {
        return Ok(Filter { candles: timeframes, ..Filter::all() });
    };
    let mut types: Vec<DataType> = Vec::new();
    let (mut has_candles, mut has_notes) = (false, false);
    for word in words(list) {
        match word {
            CANDLES => has_candles = true,
            NOTES => has_notes = true,
            word => types.push(data_type("type", word)?),
        }
    }
    Ok(Filter {
        rows: Wanted::Some(types),
        candles: if has_candles { timeframes } else { Wanted::None },
        has_notes,
        ..Filter::default()
    })
}

fn data_type(parameter: &str, word: &str) -> Result<DataType, Problem> {
    word.parse().map_err(|error: mtdh_core::table::UnknownDataType| {
        Problem::parameter(parameter, format!("{error}, and {CANDLES}, {NOTES}"))
    })
}

fn timeframe(text: &str) -> Result<Timeframe, Problem> {
    text.parse().map_err(|error: mtdh_core::candle::timeframe::ParseTimeframeError| {
        Problem::parameter("timeframe", error.to_string())
    })
}

/// The channels of the predecessor: `candles:SYMBOL:TIMEFRAME` and `ticks:SYMBOL:TYPE`, whose symbol may be a key with colons.
fn channels(list: &str) -> Result<Vec<Filter>, Problem> {
    let all: Vec<&str> = words(list).collect();
    if all.is_empty() || all.len() > MOST_CHANNELS {
        let detail = format!("{} channels; one request has 1 to {MOST_CHANNELS}", all.len());
        return Err(Problem::parameter("channels", detail));
    }
    all.into_iter().map(channel).collect()
}

fn channel(text: &str) -> Result<Filter, Problem> {
    let parts = text.split_once(':').and_then(|(kind, rest)| {
        let (symbol, last) = rest.rsplit_once(':')?;
        Some((kind, symbol, last))
    });
    let wrong = || {
        let detail = format!("`{text}` is no channel; write candles:SYMBOL:TIMEFRAME or ticks:SYMBOL:TYPE");
        Problem::parameter("channels", detail)
    };
    let (kind, symbol, last) = parts.filter(|(_, symbol, _)| !symbol.is_empty()).ok_or_else(wrong)?;
    let names = (symbol != "*").then(|| BTreeSet::from([symbol.to_uppercase()]));
    match kind {
        "candles" => {
            let candles = if last == "*" { Wanted::All } else { Wanted::Some(vec![timeframe(last)?]) };
            Ok(Filter { names, candles, ..Filter::default() })
        }
        "ticks" => {
            let rows =
                if last == "*" { Wanted::All } else { Wanted::Some(vec![data_type("channels", last)?]) };
            Ok(Filter { names, rows, ..Filter::default() })
        }
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_of_the_predecessor_are_read() {
        for (text, expected) in [
            ("candles:BTCUSDT:1m", Ok((Some("BTCUSDT"), 0, 1))),
            ("ticks:btcusdt:trades", Ok((Some("BTCUSDT"), 1, 0))),
            ("ticks:DERIBIT:PERP:BTC-USD:trades", Ok((Some("DERIBIT:PERP:BTC-USD"), 1, 0))),
            ("ticks:*:trades", Ok((None, 1, 0))),
            ("candles:BTCUSDT:7m", Err("`7m` is not a timeframe")),
            ("ticks:BTCUSDT:trade", Err("unknown data type `trade`")),
            ("bars:BTCUSDT:1m", Err("is no channel")),
            ("candles:BTCUSDT", Err("is no channel")),
            ("ticks::trades", Err("is no channel")),
            ("", Err("is no channel")),
        ] {
            let count = |wanted: bool| usize::from(wanted);
            let got = channel(text).map_err(|problem| problem.detail);
            match (got, expected) {
                (Ok(filter), Ok((name, rows, candles))) => {
                    let names = filter.names.and_then(|names| names.into_iter().next());
                    assert_eq!(names.as_deref(), name, "{text}");
                    let has = (filter.rows != Wanted::None, filter.candles != Wanted::None);
                    assert_eq!((count(has.0), count(has.1)), (rows, candles), "{text}");
                }
                (Err(detail), Err(words)) => assert!(detail.contains(words), "{text}: {detail}"),
                (got, _) => panic!("{text}: {got:?}"),
            }
        }
    }
}
