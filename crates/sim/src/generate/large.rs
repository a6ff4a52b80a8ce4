//! Files as large as the largest real ones, for benchmarks.
//!
//! Unlike those of `files`, their rows follow no market. They have the right columns, are sorted by local timestamp and
//! spread over the day, but trades do not match a book. Start with [`write_large`].

mod books;
mod options;
mod plan;
mod singles;
mod writer;

use std::io::{self, Write};

use mtdh_core::{DataType, Day};

use crate::config::{Config, Size};
use crate::generate::market::Source;
use crate::generate::market::value::Value;
use crate::generate::universe::listing::{Kind, Listing};
use crate::generate::universe::profile::{all, find};
use crate::generate::universe::{Universe, profile};
use plan::Plan;
use writer::CsvWriter;

/// Writes the uncompressed CSV text of a file with `rows` rows.
///
/// The same arguments produce the same bytes on every machine. A release build writes several million rows per second.
///
/// An unknown symbol is priced like bitcoin in dollars. [`DataType::OptionsChain`] ignores the symbol: its rows cover
/// all options of the exchange on that day, or Deribit's if the exchange has none.
///
/// # Errors
/// Fails when `out` fails.
pub fn write_large(
    data_type: DataType,
    rows: u64,
    seed: u64,
    exchange: &str,
    symbol: &str,
    day: Day,
    out: impl Write,
) -> io::Result<()> {
    let contracts_since = Some(crate::config::ContractsSince(day.plus(-1)));
    let options = crate::config::Options { contracts_since, ..crate::config::Options::default() };
    let now = chrono::DateTime::from_timestamp_micros(day.end_us()).unwrap_or_default();
    let config = Config { seed, now, size: Size::Realistic, options, ..Config::default() };
    let mut writer = CsvWriter::new(out, data_type);
    if data_type == DataType::OptionsChain {
        let offers_options = |universe: &Universe| universe.members(Kind::Option, day).next().is_some();
        let universe = Universe::of(&config, exchange).filter(|universe| offers_options(universe));
        if let Some(universe) = universe.or_else(|| Universe::of(&config, "deribit")) {
            options::write(&universe, seed, day, rows, &mut writer)?;
        }
        return writer.finish();
    }
    let universe = Universe::of(&config, exchange);
    let known = universe.as_deref().and_then(|universe| universe.by_dataset(symbol));
    let profile = find(exchange).unwrap_or(&all()[0]);
    let stranger =
        Listing::new(symbol.to_owned(), Kind::Perpetual, "BTC", "USDT", profile::day("2019-01-01"));
    let listing = known.unwrap_or(&stranger);
    let source = Source { profile, listing, seed, size: config.size, issue: 0 };
    let tick = tick(source, day);
    let plan = Plan { profile, listing, seed, day, rows, tick };
    match data_type {
        DataType::Trades | DataType::Liquidations => singles::trades(&plan, &mut writer)?,
        DataType::DerivativeTicker => singles::tickers(&plan, &mut writer)?,
        DataType::IncrementalBookL2 => books::changes(&plan, &mut writer)?,
        DataType::BookSnapshot5 => books::snapshots(&plan, 5, &mut writer)?,
        DataType::BookSnapshot25 => books::snapshots(&plan, 25, &mut writer)?,
        DataType::Quotes | DataType::BookTicker => books::quotes(&plan, &mut writer)?,
        DataType::OptionsChain => {}
    }
    writer.finish()
}

fn tick(source: Source<'_>, day: Day) -> i64 {
    let price = Value::of(source.listing, source.seed).at(day.start_us());
    ((price / source.listing.price_step.to_f64()).round() as i64).max(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::universe::profile::day;

    fn text(data_type: DataType, rows: u64, seed: u64) -> String {
        let mut out = Vec::new();
        write_large(data_type, rows, seed, "binance-futures", "BTCUSDT", day("2024-03-02"), &mut out)
            .unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_type_has_as_many_rows_as_asked_in_order_within_the_day() {
        let on = day("2024-03-02");
        for data_type in DataType::ALL {
            for rows in [0, 1, 7, 5_000] {
                let text = text(data_type, rows, 1);
                let mut lines = text.lines();
                let header = lines.next().unwrap();
                assert_eq!(header, data_type.table().csv_header());
                let mut before = on.start_us();
                let mut count = 0;
                for line in lines {
                    let cells: Vec<&str> = line.split(',').collect();
                    assert_eq!(cells.len(), header.split(',').count(), "{line}");
                    let local_us: i64 = cells[3].parse().unwrap();
                    assert!(local_us >= before && local_us < on.end_us(), "{data_type}: {line}");
                    before = local_us;
                    count += 1;
                }
                assert_eq!(count, rows, "{data_type}");
            }
        }
    }

    #[test]
    fn the_seed_makes_the_difference() {
        assert_eq!(text(DataType::Trades, 100, 1), text(DataType::Trades, 100, 1));
        assert_ne!(text(DataType::Trades, 100, 1), text(DataType::Trades, 100, 2));
    }
}
