//! Rows of several instruments: which objects are chosen, what is told to be missing, order, columns, limits and worth.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type};
use futures::TryStreamExt;
use mtdh_core::DataType;
use mtdh_core::clock::Clock;
use mtdh_core::day::DAY_US;
use mtdh_core::partition::{Origin, Origins, Partition};
use mtdh_engine::query::{Form, ReadRequest, TickTable, count};
use mtdh_engine::{Config, Context, EngineError};
use mtdh_lake::live::PartName;
use mtdh_lake::{StagedObject, WriteMode};

use crate::lake_support::{HandMade, KEY, day};

const ETH: &str = "DERIBIT:PERP:ETH-USD";
const COMBO: &str = "DERIBIT:COMBO:BTC-FS-29MAR24_PERP";
const SPOT: &str = "BINANCE:SPOT_PAIR:BTC-USDT";
const DAY: i64 = 86_400;

fn context(lake: &HandMade) -> Context {
    let lake = lake.folder.path().display().to_string();
    Context::open(&Config { lake, ..Config::default() }).unwrap()
}

/// A request for trades of some instruments from midnight of a day of March 2024 for some days.
fn request(instruments: &[&str], first: i64, days: i64) -> ReadRequest {
    let start = day("2024-03-01").start_us() + (first - 1) * DAY_US;
    ReadRequest {
        table: TickTable::Ticks(DataType::Trades),
        instruments: instruments.iter().map(|text| (*text).to_owned()).collect(),
        within_us: start..start + days * DAY_US,
        clock: Clock::Arrival,
        columns: None,
        limit: None,
        has_worth: false,
        origins: Origins::default(),
    }
}

/// Two days: of the first a table and three objects, of the second a table and one object, of the third nothing.
async fn lake() -> HandMade {
    let lake = HandMade::new();
    lake.table("2024-03-01", &[KEY, ETH, COMBO, SPOT]).await;
    lake.table("2024-03-02", &[KEY, ETH]).await;
    lake.trades(KEY, "2024-03-01", "a", &[(1, 1, 10.0), (2, 3, 11.0)]).await;
    lake.trades(COMBO, "2024-03-01", "b", &[(1, 1, 20.0)]).await;
    lake.trades(SPOT, "2024-03-01", "c", &[(1, 1, 30.0)]).await;
    lake.trades(KEY, "2024-03-02", "d", &[(DAY, DAY, 12.0)]).await;
    lake
}

async fn rows(context: &Context, request: &ReadRequest) -> Vec<(String, f64)> {
    let chosen = context.choose(request).await.unwrap();
    for form in [Form::STREAM, Form::whole()] {
        let batches: Vec<_> =
            context.rows(request, chosen.objects.clone(), form).unwrap().try_collect().await.unwrap();
        let mut rows = Vec::new();
        for batch in &batches {
            let keys = batch.column_by_name("instrument_key").unwrap().as_dictionary::<Int32Type>();
            let keys = keys.downcast_dict::<arrow_array::StringArray>().unwrap();
            let prices = batch.column_by_name("price").unwrap().as_primitive::<Float64Type>();
            let key = |key: Option<&str>| key.unwrap().to_owned();
            rows.extend(keys.into_iter().map(key).zip(prices.values().iter().copied()));
        }
        if form.waiting.is_none() {
            return rows;
        }
    }
    unreachable!("one of the forms keeps all rows")
}

#[tokio::test]
async fn names_and_patterns_choose_objects_and_tell_what_is_missing() {
    let lake = lake().await;
    let context = context(&lake);
    type Case<'a> = (&'a [&'a str], i64, i64, &'a [f64], &'a [(&'a str, &'a str)]);
    let cases: &[Case<'_>] = &[
        (&[KEY], 1, 1, &[10.0, 11.0], &[]),
        // Ordered by day, then key; the table expects it on both days.
        (&[KEY, ETH], 1, 2, &[10.0, 11.0, 12.0], &[("2024-03-01", ETH), ("2024-03-02", ETH)]),
        (&[SPOT, KEY], 1, 1, &[30.0, 10.0, 11.0], &[]),
        (&["*:BTC-USD*"], 1, 1, &[30.0, 10.0, 11.0], &[]),
        (&["deribit:perp:*"], 1, 1, &[10.0, 11.0], &[("2024-03-01", ETH)]),
        // Combos only where they are named.
        (&["DERIBIT:*"], 1, 1, &[10.0, 11.0], &[("2024-03-01", ETH)]),
        (&["DERIBIT:COMBO:*"], 1, 1, &[20.0], &[]),
        // The second day's table knows nothing of the venue: it may be missing.
        (&[SPOT], 1, 2, &[30.0], &[("2024-03-02", SPOT)]),
        // A day without a table says nothing of a pattern.
        (
            &[KEY, "DERIBIT:*"],
            2,
            2,
            &[12.0],
            &[("2024-03-02", ETH), ("2024-03-03", KEY), ("2024-03-03", "DERIBIT:*")],
        ),
        // Longer than what is asked for day by day.
        (&[KEY], 1, 33, &[10.0, 11.0, 12.0], &[]),
    ];
    for (instruments, first, days, prices, missing) in cases {
        let request = request(instruments, *first, *days);
        let found: Vec<f64> = rows(&context, &request).await.into_iter().map(|(_, price)| price).collect();
        assert_eq!(found, *prices, "{instruments:?}");
        let chosen = context.choose(&request).await.unwrap();
        let told = chosen.missing.iter().map(|m| (m.day.to_string(), m.instrument.clone()));
        if *days < 31 {
            let missing = missing.iter().map(|(day, key)| ((*day).to_owned(), (*key).to_owned()));
            assert_eq!(told.collect::<Vec<_>>(), missing.collect::<Vec<_>>(), "{instruments:?}");
        } else {
            assert_eq!(told.count(), 31, "days without a table");
        }
        let counted = count(&lake.lake, &request, &chosen.objects).await.unwrap();
        assert_eq!(counted, prices.len() as u64, "{instruments:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_meant_is_an_error() {
    let lake = lake().await;
    let context = context(&lake);
    let unknown = context.choose(&request(&["DERIBIT:PERP:BTC-USDX"], 1, 1)).await.unwrap_err();
    assert!(
        matches!(&unknown, EngineError::UnknownInstrument { suggestions, .. } if suggestions[0] == KEY),
        "{unknown}"
    );
    let no_key = context.choose(&request(&["BTC-PERPETUAL"], 1, 1)).await.unwrap_err();
    assert!(matches!(no_key, EngineError::NotAKey { .. } | EngineError::BadKey(_)), "{no_key}");
    let columns = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    for wrong in [&["prize"][..], &[]] {
        let request = ReadRequest { columns: columns(wrong), ..request(&[KEY], 1, 1) };
        assert!(matches!(request.schema(), Err(EngineError::NoColumn { .. })), "{wrong:?}");
    }
    let twice = ReadRequest { columns: columns(&["price", "id", "price"]), ..request(&[KEY], 1, 1) };
    assert!(matches!(twice.schema(), Err(EngineError::ColumnTwice { name }) if name == "price"));
    let quotes =
        ReadRequest { table: TickTable::Ticks(DataType::Quotes), has_worth: true, ..request(&[KEY], 1, 1) };
    assert!(matches!(quotes.schema(), Err(EngineError::NoColumn { name, .. }) if name == "price"));
    let empty = HandMade::new();
    empty.trades(KEY, "2024-03-01", "a", &[(1, 1, 10.0)]).await;
    let path = empty.lake.partition_path(&mtdh_core::partition::Partition {
        day: day("2024-03-01"),
        data_type: DataType::Trades,
        key: KEY.parse().unwrap(),
    });
    empty.junk(&path).await;
    let context = self::context(&empty);
    let request = request(&[KEY], 1, 1);
    let chosen = context.choose(&request).await.unwrap();
    let read = context.rows(&request, chosen.objects, Form::STREAM).unwrap().try_collect::<Vec<_>>().await;
    assert!(matches!(read, Err(EngineError::Lake(error)) if error.is_distrust()));
}

#[tokio::test]
async fn columns_come_as_named_and_limits_hold_over_objects() {
    let lake = lake().await;
    let context = context(&lake);
    for (columns, limit, expected_columns, expected_rows) in [
        (None, Some(2), None, 2),
        (None, Some(0), None, 0),
        (Some(vec!["price", "instrument_key"]), Some(3), Some(vec!["price", "instrument_key"]), 3),
        (Some(vec!["amount"]), None, Some(vec!["amount"]), 4),
    ] {
        let names = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
        let request = ReadRequest { columns: columns.map(names), limit, ..request(&[KEY, SPOT], 1, 2) };
        let chosen = context.choose(&request).await.unwrap();
        let rows = context.rows(&request, chosen.objects, Form::STREAM).unwrap();
        let batches: Vec<_> = rows.try_collect().await.unwrap();
        assert_eq!(batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), expected_rows);
        for batch in batches {
            let found: Vec<String> = batch.schema().fields().iter().map(|f| f.name().clone()).collect();
            assert!(expected_columns.as_ref().is_none_or(|names| *names == found), "{found:?}");
        }
    }
}

#[tokio::test]
async fn worth_follows_from_the_days_table() {
    let lake = lake().await;
    let context = context(&lake);
    let request = ReadRequest {
        has_worth: true,
        columns: Some(vec!["instrument_key".to_owned()]),
        ..request(&[KEY, SPOT], 1, 1)
    };
    let chosen = context.choose(&request).await.unwrap();
    let reasons: Vec<bool> = chosen.objects.iter().map(|o| matches!(o.valuation, Some(Ok(_)))).collect();
    assert_eq!(
        reasons,
        [true, false],
        "of a spot pair it is known without a table; the other's row has no unit"
    );
    let batches: Vec<_> =
        context.rows(&request, chosen.objects, Form::STREAM).unwrap().try_collect().await.unwrap();
    let worth = |name: &str| {
        let column = |batch: &arrow_array::RecordBatch| {
            batch.column_by_name(name).unwrap().as_primitive::<Float64Type>().iter().collect::<Vec<_>>()
        };
        batches.iter().flat_map(column).collect::<Vec<_>>()
    };
    assert_eq!(worth("base_amount"), [Some(0.1), None, None]);
    assert_eq!(worth("quote_amount"), [Some(3.0), None, None]);
    assert_eq!(worth("settle_amount"), [None, None, None]);
}

/// Makes a recording of an object of the vendor, and removes the vendor's: a day that is joined, or a part of it.
async fn record(lake: &HandMade, of: &str, on: &str, lines: Option<std::ops::Range<u64>>) {
    let partition = Partition { day: day(on), data_type: DataType::Trades, key: of.parse().unwrap() };
    let path = lake.lake.partition_path(&partition);
    let bytes = lake.lake.read(&path).await.unwrap().unwrap();
    lake.lake.delete(&path).await.unwrap();
    let mut stage: StagedObject = lake.lake.stage().unwrap();
    std::io::Write::write_all(&mut stage, &bytes).unwrap();
    let Some(lines) = lines else {
        let live = lake.lake.with_origin(Origin::Live);
        live.publish_partition(&partition, stage, WriteMode::Create).await.unwrap();
        return;
    };
    let session = "20240301t000000x00000001".parse().unwrap();
    let part = PartName { partition, session, first: lines.start, last: lines.end };
    assert!(lake.lake.publish_part(&part, stage).await.unwrap());
}

#[tokio::test]
async fn recordings_stand_beside_the_vendors_data_and_where_both_are_the_vendors_count() {
    let lake = HandMade::new();
    for on in ["2024-03-01", "2024-03-02", "2024-03-03", "2024-03-04"] {
        lake.table(on, &[KEY, ETH]).await;
    }
    // The first day is recorded and joined, of the second there are two parts and an answer that there is no file, the third is of
    // both, the fourth of neither.
    lake.trades(KEY, "2024-03-01", "a", &[(1, 1, 10.0)]).await;
    record(&lake, KEY, "2024-03-01", None).await;
    lake.trades(KEY, "2024-03-02", "b", &[(DAY + 7, DAY + 7, 21.0)]).await;
    record(&lake, KEY, "2024-03-02", Some(10..19)).await;
    lake.trades(KEY, "2024-03-02", "c", &[(DAY, DAY, 20.0)]).await;
    record(&lake, KEY, "2024-03-02", Some(0..9)).await;
    lake.absent(DataType::Trades, KEY, "2024-03-02").await;
    lake.trades(KEY, "2024-03-03", "d", &[(2 * DAY, 2 * DAY, -30.0)]).await;
    record(&lake, KEY, "2024-03-03", None).await;
    lake.trades(KEY, "2024-03-03", "e", &[(2 * DAY, 2 * DAY, 30.0)]).await;
    let context = context(&lake);
    let live = Origins::Only(Origin::Live);
    type Case<'a> = (&'a str, Origins, &'a [f64], &'a [&'a str]);
    let cases: &[Case<'_>] = &[
        (KEY, Origins::default(), &[30.0], &["2024-03-01", "2024-03-04"]),
        (KEY, live, &[10.0, 20.0, 21.0, -30.0], &["2024-03-04"]),
        (KEY, Origins::Both, &[10.0, 20.0, 21.0, 30.0], &["2024-03-04"]),
        ("DERIBIT:PERP:BTC*", live, &[10.0, 20.0, 21.0, -30.0], &["2024-03-04"]),
        ("DERIBIT:PERP:BTC*", Origins::Both, &[10.0, 20.0, 21.0, 30.0], &["2024-03-04"]),
    ];
    for (instrument, origins, expected, missing) in cases {
        for clock in Clock::ALL {
            let request = ReadRequest { origins: *origins, clock, ..request(&[instrument], 1, 4) };
            let chosen = context.choose(&request).await.unwrap();
            let days: Vec<String> = chosen.missing.iter().map(|missing| missing.day.to_string()).collect();
            let prices: Vec<f64> = rows(&context, &request).await.into_iter().map(|row| row.1).collect();
            // By the exchange's clock a day beside is looked at too, and none has a table here.
            let days: Vec<&str> =
                days.iter().map(String::as_str).filter(|day| *day <= "2024-03-04").collect();
            assert_eq!((&prices[..], &days[..]), (*expected, *missing), "{instrument} {origins} {clock}");
            assert_eq!(count(&lake.lake, &request, &chosen.objects).await.unwrap(), expected.len() as u64);
        }
    }
}
