//! What the numbers of a lake's candles mean: trades sent again, finality, what is not known, units, sources of options.

use mtdh_core::DataType::{self, BookSnapshot5, DerivativeTicker, Liquidations, OptionsChain, Trades};
use mtdh_core::check::Group;
use mtdh_core::instrument::{AmountUnit, Instrument};
use mtdh_core::partition::Shard;
use mtdh_engine::candles::{Fill, Remake, Timeframe};

use crate::lake_support::{HandMade, KEY, day, listed};

const TODAY: &str = "2024-03-01";
const OPTION: &str = "DERIBIT:OPTION:BTC-USD-240329-60000-CALL";

fn timeframe(text: &str) -> Timeframe {
    text.parse().unwrap()
}

/// The lines of a footer's inputs that are not of stored objects.
async fn unstored(lake: &HandMade, of: &str) -> Vec<String> {
    let inputs = lake.facts(timeframe("24h"), of).await.inputs;
    inputs.into_iter().filter(|line| !line.contains("stored") && !line.contains("empty")).collect()
}

#[tokio::test]
async fn a_trade_that_is_sent_again_counts_once_across_midnight_too() {
    let lake = HandMade::new();
    // The last trade before midnight comes again after it, and so does the first of the day.
    lake.put(Trades, KEY, "2024-02-29", "a", &["-10,-9,1,buy,9,1", "0,-0.5,2,buy,10,1"]).await;
    let own = [
        "-10,1,1,buy,9,1",
        "0,2,2,buy,10,1",
        "60,61,3,sell,11,2",
        "60,62,3,sell,11,2",
        // The same id with another content counts, and so does a trade without one.
        "60,63,3,sell,11,5",
        "60,64,,sell,11,2",
        "60,65,,sell,11,2",
        "86399,86400.1,9,buy,20,1",
    ];
    lake.put(Trades, KEY, TODAY, "b", &own).await;
    lake.put(Trades, KEY, "2024-03-02", "c", &["86399,86400.2,9,buy,20,1", "86399,86400.3,8,buy,20,1"]).await;
    let minute = timeframe("1m");
    let summary = lake.make(&[minute, timeframe("24h")]).await;
    assert_eq!((summary.trades, summary.repeated_trades), (7, 3));
    let columns = ["timestamp", "trade_count", "repeated_trades", "volume", "delay_max"];
    assert_eq!(
        lake.cells(minute, KEY, &columns),
        ["0 1 1 1 -500", "60 4 1 11 5000", "86340 2 1 2 1300"],
        "the first arrival counts"
    );
    let check = crate::candle_checks::check(&lake, &[Group::Aggregation]).await;
    assert_eq!(check.findings, []);
}

#[tokio::test]
async fn a_candle_is_final_where_a_neighbour_has_its_trades_or_is_known_to_have_none() {
    let from = |on: &str| Instrument { available_from_us: day(on).start_us(), ..listed(KEY) };
    let to = |on: &str| Instrument { available_to_us: Some(day(on).start_us()), ..listed(KEY) };
    let by_name = |on: &str| Instrument {
        data_types: vec![Trades],
        ..Instrument::of_name(KEY.parse().unwrap(), "deribit", "BTC-PERPETUAL", day(on))
    };
    let other = || listed("DERIBIT:PERP:ETH-USD");
    let quotes = || Instrument { data_types: vec![DataType::Quotes], ..listed(KEY) };
    let withdrawn = || Instrument { withdrawn_data_types: vec![Trades], ..quotes() };
    let no_table: Option<Vec<Instrument>> = None;
    for (what, before, own, after, words) in [
        ("nothing is known", no_table.clone(), None, None, ["not_known", "not_known"]),
        (
            "it is listed",
            Some(vec![listed(KEY)]),
            Some(vec![listed(KEY)]),
            Some(vec![listed(KEY)]),
            ["missing", "missing"],
        ),
        // A table may be without combos, or of a folder.
        ("tables without it", Some(vec![other()]), None, Some(vec![other()]), ["not_known", "not_known"]),
        ("it began and ended", Some(vec![other()]), Some(vec![from(TODAY)]), None, ["none", "not_known"]),
        ("it ended", None, Some(vec![to("2024-03-02")]), Some(vec![other()]), ["not_known", "none"]),
        (
            "a folder names its own day only",
            None,
            Some(vec![by_name(TODAY)]),
            None,
            ["not_known", "not_known"],
        ),
        (
            "a folder has other files of it",
            Some(vec![Instrument { data_types: vec![DataType::Quotes], ..by_name("2024-02-29") }]),
            None,
            None,
            ["not_known", "not_known"],
        ),
        (
            "the vendor has no trades of it",
            Some(vec![quotes()]),
            None,
            Some(vec![withdrawn()]),
            ["none", "not_known"],
        ),
    ] {
        let lake = HandMade::new();
        lake.trades(KEY, TODAY, "b", &[(5, 6, 4.0), (86_395, 86_396, 5.0)]).await;
        for (on, rows) in [("2024-02-29", before), (TODAY, own), ("2024-03-02", after)] {
            if let Some(rows) = rows {
                lake.table_of(on, rows).await;
            }
        }
        lake.make(&[timeframe("1m"), timeframe("24h")]).await;
        let expected = [format!("trades 2024-02-29 {}", words[0]), format!("trades 2024-03-02 {}", words[1])];
        let told: Vec<String> =
            unstored(&lake, KEY).await.into_iter().filter(|l| l.starts_with("trades")).collect();
        assert_eq!(told, expected, "{what}");
        let is_final = words.map(|word| (word == "none").to_string());
        assert_eq!(lake.cells(timeframe("1m"), KEY, &["is_final"]), is_final, "{what}");
    }
}

#[tokio::test]
async fn what_the_table_lists_and_the_lake_lacks_is_named_and_nothing_is_taken_for_none() {
    let inputs = vec![Trades, Liquidations, DerivativeTicker, BookSnapshot5];
    let columns = ["liquidation_count", "is_liquidations_final", "is_ticker_final", "is_book_final"];
    let lake = HandMade::new();
    for on in ["2024-02-29", TODAY, "2024-03-02"] {
        lake.trades(KEY, on, on, &[(5, 6, 4.0)]).await;
        lake.table_of(on, vec![Instrument { data_types: inputs.clone(), ..listed(KEY) }]).await;
    }
    let frame = [timeframe("24h")];
    let summary = lake.make(&frame).await;
    assert!(!summary.is_clean());
    let lacking = ["liquidations", "derivative_ticker", "book_snapshot_5"];
    assert_eq!(summary.lacking, lacking.map(|name| format!("{TODAY} {KEY} {name}")));
    assert_eq!(unstored(&lake, KEY).await, lacking.map(|name| format!("{name} {TODAY} missing")));
    assert_eq!(lake.cells(frame[0], KEY, &columns), ["- - - -"]);
    assert!(!lake.make(&frame).await.is_clean(), "what is up to date lacks them all the same");
    // The type starts later: absent. What happened is not known.
    lake.absent(Liquidations, KEY, TODAY).await;
    lake.put(DerivativeTicker, KEY, TODAY, "t", &["5,6,,0.001,,7,,,"]).await;
    let summary = lake.make(&frame).await;
    assert_eq!(summary.lacking, [format!("{TODAY} {KEY} book_snapshot_5")]);
    assert_eq!(lake.cells(frame[0], KEY, &columns), ["- - false -"], "of tickers the neighbours are missing");
    // A file without rows: there were none.
    lake.put(Liquidations, KEY, TODAY, "l", &[]).await;
    lake.put(BookSnapshot5, KEY, TODAY, "b", &[]).await;
    let summary = lake.make(&frame).await;
    assert!(summary.is_clean(), "{:?}", summary.lacking);
    assert_eq!(lake.cells(frame[0], KEY, &columns), ["0 false false false"]);
    for on in ["2024-02-29", "2024-03-02"] {
        lake.absent(Liquidations, KEY, on).await;
        lake.put(DerivativeTicker, KEY, on, "t", &[]).await;
    }
    lake.make(&frame).await;
    assert_eq!(lake.cells(frame[0], KEY, &columns), ["0 true true false"]);
}

#[tokio::test]
async fn an_option_has_mark_price_and_open_interest_of_the_chain() {
    let lake = HandMade::new();
    lake.trades(OPTION, TODAY, "t", &[(5, 6, 0.03)]).await;
    let chain = |at: i64, arrival: i64, interest: &str, mark: &str| {
        format!("{at},{arrival},call,60000,1000000,{interest},,,,,,,,{mark},,BTC-29MAR24,62000,,,,,")
    };
    let rows = [chain(10, 11, "5", "0.031"), chain(9, 12, "", "0.03")];
    lake.put(OptionsChain, OPTION, TODAY, "c", &[&rows[0], &rows[1]]).await;
    let units = Instrument {
        amount_unit: Some(AmountUnit::Base),
        price_currency: Some("BTC".into()),
        settle: Some("BTC".into()),
        inverse: Some(true),
        data_types: vec![Trades, OptionsChain],
        ..listed(OPTION)
    };
    lake.table_of(TODAY, vec![units]).await;
    let minute = timeframe("1m");
    lake.make(&[minute]).await;
    let columns = ["mark_price", "open_interest", "index_price", "base_volume", "quote_volume", "vwap"];
    assert_eq!(lake.cells(minute, OPTION, &columns), ["0.03 5 - 0.1 0.003 0.03"]);
    let units = lake.facts(minute, OPTION).await.units;
    let told = [units.price_currency, units.amount_unit, units.settle, units.volumes];
    assert_eq!(told, ["BTC", "base", "BTC", "linear"].map(|text| Some(text.to_owned())));
}

#[tokio::test]
async fn what_a_number_is_in_is_told_and_what_is_not_known_has_no_number() {
    let contracts = Instrument {
        amount_unit: Some(AmountUnit::Contracts),
        price_currency: Some("USDT".into()),
        inverse: Some(false),
        settle: Some("USDT".into()),
        ..listed(KEY)
    };
    let changing = Instrument {
        contract_size: Some(1000.0),
        changes_at_us: vec![day(TODAY).start_us() + 30_000_000],
        contract_sizes_after: vec![100.0],
        ..contracts.clone()
    };
    let lake = HandMade::new();
    lake.put(Trades, KEY, TODAY, "b", &["5,6,1,buy,2,1", "40,41,2,buy,4,1"]).await;
    let minute = timeframe("1m");
    for (row, cells, size, volumes) in [
        (contracts.clone(), "2 - - -", None, "not known: its contract size is not known"),
        (
            changing,
            "2 1100 2400 2.1818181818181817",
            Some("1000, 100 from 2024-03-01T00:00:30.000000Z"),
            "linear",
        ),
        (Instrument { contract_size: Some(10.0), ..contracts }, "2 20 60 3", Some("10"), "linear"),
    ] {
        lake.table_of(TODAY, vec![row]).await;
        // Another table makes the candles again: the footer says so.
        assert_eq!(lake.make(&[minute]).await.objects, 1);
        assert_eq!(lake.cells(minute, KEY, &["volume", "base_volume", "quote_volume", "vwap"]), [cells]);
        let units = lake.facts(minute, KEY).await.units;
        assert_eq!((units.contract_size.as_deref(), units.volumes.as_deref()), (size, Some(volumes)));
    }
}

#[tokio::test]
async fn a_trade_that_no_candle_can_have_is_counted() {
    let lake = HandMade::new();
    const D: i64 = 86_400;
    let rows = [(-2 * D + 5, 1, 1.0), (-5, 2, 1.0), (5, 6, 2.0), (3 * D, 7, 3.0), (2 * D - 1, 8, 3.0)];
    lake.trades(KEY, TODAY, "b", &rows).await;
    let summary = lake.make(&[timeframe("1m")]).await;
    assert_eq!((summary.trades, summary.trades_outside, summary.trades_in_no_candle), (1, 4, 2));
}

#[tokio::test]
async fn candles_of_an_older_version_are_made_again_and_told_until_then() {
    let lake = HandMade::new();
    lake.trades(KEY, TODAY, "b", &[(5, 6, 4.0)]).await;
    let minute = timeframe("1m");
    let plan = lake.plan(&[minute], Fill::None, Shard::WHOLE, Remake::Outdated).await;
    lake.run(plan).await;
    lake.age(minute, KEY).await;
    let found = crate::candle_checks::check(&lake, &[Group::Aggregation]).await.findings;
    let says = |text: &str| found.iter().any(|f| f.found.examples[0].contains(text));
    assert!(says("they must be made again"), "{found:?}");
    assert_eq!(lake.make(&[minute]).await.objects, 1);
}
