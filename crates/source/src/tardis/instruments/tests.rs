//! The instruments of a day, from the vendor's answers as JSON.

use mtdh_core::expectation::NotExpected;

use super::*;
use crate::tardis::metadata::Terms;
use crate::tardis::metadata::model::{DatasetSymbol, ExchangeDetails, InstrumentInfo};

fn details() -> ExchangeDetails {
    serde_json::from_value(serde_json::json!({
        "id": "deribit",
        "availableSymbols": [
            {"id": "BTC-PERPETUAL", "type": "perpetual", "availableSince": "2019-03-30T00:00:00.000Z"},
            {"id": "BTC-1MAR24-60000-C", "type": "option", "availableSince": "2024-02-27T00:00:00.000Z",
             "availableTo": "2024-03-02T00:00:00.000Z"},
            {"id": "BTC-FS-29MAR24_PERP", "type": "combo", "availableSince": "2024-02-01T00:00:00.000Z"},
            {"id": "BTC-X", "type": "dividend", "availableSince": "2024-02-01T00:00:00.000Z"},
            {"id": "OPTIONS", "type": "option", "availableSince": "2020-03-01T00:00:00.000Z"}
        ],
        "datasets": {
            "exportedUntil": "2024-03-03T00:00:00.000Z",
            "symbols": [
                {"id": "BTC-PERPETUAL", "type": "perpetual", "availableSince": "2019-03-30T00:00:00.000Z",
                 "availableTo": "2024-03-03T00:00:00.000Z", "dataTypes": ["trades", "quotes", "order_flow"],
                 "stats": {"trades": 100, "bookChanges": 200}},
                {"id": "BTC-1MAR24-60000-C", "type": "option", "availableSince": "2024-02-27T00:00:00.000Z",
                 "availableTo": "2024-03-02T00:00:00.000Z", "dataTypes": ["trades"]},
                {"id": "OPTIONS", "type": "option", "availableSince": "2020-03-01T00:00:00.000Z",
                 "dataTypes": ["trades", "options_chain"]}
            ]
        }
    }))
    .unwrap()
}

fn lists(details: ExchangeDetails, terms: Option<&Terms>) -> Lists {
    Lists::of(details, terms.cloned())
}

fn on(day: &str) -> InstrumentListing {
    list_instruments(&lists(details(), None), day.parse().unwrap())
}

#[test]
fn life_spans_and_data_types_are_the_vendors() {
    let keys = |day| on(day).instruments.iter().map(|i| i.key.to_string()).collect::<Vec<_>>();
    let (perp, option) = ("DERIBIT:PERP:BTC-USD", "DERIBIT:OPTION:BTC-USD-240301-60000-CALL");
    assert_eq!(keys("2024-01-01"), [perp]);
    assert_eq!(keys("2024-03-01")[..2], [perp, option]);
    assert_eq!(keys("2024-03-02")[0], perp);
    assert!(!keys("2024-03-02").contains(&option.to_owned()), "availableTo is exclusive");
    let day = on("2024-03-01");
    assert_eq!(day.instruments[0].data_types, [DataType::Trades, DataType::Quotes]);
    assert_eq!(day.instruments[1].data_types, [DataType::Trades, DataType::OptionsChain]);
    assert_eq!(day.instruments[0].available_to_us, None, "the end of the export is not the end of its life");
    assert_eq!(day.instruments[0].trades_total, Some(100));
    let left_out = day.left_out.iter().map(|(reason, left)| (*reason, left.examples.join(", ")));
    assert_eq!(
        left_out.collect::<Vec<_>>(),
        [(NotExpected::UnknownDataType, "order_flow of BTC-PERPETUAL".to_owned()),]
    );
}

/// The listing of a day after a change of what the vendor says.
fn changed(change: impl Fn(&mut ExchangeDetails), terms: Option<&Terms>) -> InstrumentListing {
    let mut details = details();
    change(&mut details);
    list_instruments(&lists(details, terms), "2024-03-01".parse().unwrap())
}

fn files(details: &mut ExchangeDetails) -> &mut Vec<DatasetSymbol> {
    &mut details.datasets.as_mut().unwrap().symbols
}

fn examples(listing: &InstrumentListing, reason: NotExpected) -> String {
    listing.left_out.get(&reason).map(|left| left.examples.join(", ")).unwrap_or_default()
}

#[test]
fn a_symbol_that_is_listed_twice_is_one_with_all_that_either_line_says() {
    let usual = on("2024-03-01").instruments;
    let other = |symbol: &DatasetSymbol| DatasetSymbol {
        data_types: vec!["liquidations".to_owned()],
        available_to: "2020-01-01T00:00:00Z".parse().ok(),
        ..symbol.clone()
    };
    for place in [0, 3] {
        let twice = |details: &mut ExchangeDetails| {
            let again = other(&files(details)[0]);
            files(details).insert(place, again);
            let again = details.available_symbols[0].clone();
            details.available_symbols.insert(place, again);
        };
        let rows = changed(twice, None).instruments;
        assert_eq!(rows.len(), usual.len());
        let perp = rows.iter().find(|i| i.key == usual[0].key).unwrap();
        assert_eq!(perp.data_types, [DataType::Trades, DataType::Quotes, DataType::Liquidations]);
        assert_eq!(perp.available_to_us, None);
    }
}

#[test]
fn the_type_is_that_of_most_lists_and_a_difference_is_counted() {
    let contract = serde_json::json!({"id": "BTC-PERPETUAL", "type": "perpetual", "baseCurrency": "BTC", "quoteCurrency": "USD"});
    let terms = Terms { instruments: vec![serde_json::from_value(contract).unwrap()], ..Terms::default() };
    let api = |details: &mut ExchangeDetails| details.available_symbols[0].kind = "combo".to_owned();
    let listed = |details: &mut ExchangeDetails| files(details)[0].kind = "combo".to_owned();
    type Change<'a> = &'a dyn Fn(&mut ExchangeDetails);
    for (change, terms, key) in [
        (&api as Change<'_>, Some(&terms), "DERIBIT:COMBO:BTC-PERPETUAL"),
        (&listed, Some(&terms), "DERIBIT:PERP:BTC-USD"),
        (&listed, None, "DERIBIT:PERP:BTC-USD"),
        (&api, None, "DERIBIT:COMBO:BTC-PERPETUAL"),
    ] {
        let listing = changed(change, terms);
        assert!(listing.instruments.iter().any(|i| i.key.to_string() == key), "{key}");
        assert!(examples(&listing, NotExpected::TypesDiffer).starts_with("BTC-PERPETUAL of type `"), "{key}");
    }
    assert_eq!(examples(&on("2024-03-01"), NotExpected::TypesDiffer), "");
}

#[test]
fn a_contract_is_found_where_the_list_of_files_alone_has_the_symbol() {
    let contract = serde_json::json!({"id": "btc-perpetual", "type": "perpetual", "baseCurrency": "BTC",
        "quoteCurrency": "USD", "contractMultiplier": 10});
    let contract: InstrumentInfo = serde_json::from_value(contract).unwrap();
    let size = |instruments| {
        let terms = Terms { instruments, ..Terms::default() };
        let alone = |details: &mut ExchangeDetails| drop(details.available_symbols.remove(0));
        let rows = changed(alone, Some(&terms)).instruments;
        rows.iter().find(|i| i.raw_symbol == "BTC-PERPETUAL").unwrap().contract_size
    };
    assert_eq!(size(vec![contract.clone()]), Some(10.0));
    let other = InstrumentInfo { id: "Btc-Perpetual".to_owned(), ..contract.clone() };
    assert_eq!(size(vec![contract, other]), None, "of two it is not known which");
}

#[test]
fn an_end_before_the_start_is_none() {
    let swapped = |details: &mut ExchangeDetails| {
        details.available_symbols.remove(0);
        let perp = &mut files(details)[0];
        let end = perp.available_to.replace(perp.available_since).unwrap();
        perp.available_since = end + chrono::TimeDelta::days(9);
    };
    let listing = changed(swapped, None);
    assert!(listing.instruments.iter().any(|i| i.raw_symbol == "BTC-PERPETUAL"));
}

#[test]
fn data_types_that_come_by_a_groups_file_alone_are_counted_when_their_word_is_not_known() {
    let renamed = |details: &mut ExchangeDetails| files(details)[2].data_types[1] = "chain_v2".to_owned();
    let left_out = examples(&changed(renamed, None), NotExpected::UnknownDataType);
    assert!(left_out.contains("chain_v2 of OPTIONS"), "{left_out}");
}

#[test]
fn a_day_is_exported_when_the_export_reaches_its_end() {
    for (day, expected) in [("2024-03-02", true), ("2024-03-03", false)] {
        assert_eq!(on(day).instruments[0].is_exported, expected, "{day}");
    }
}

/// Lists as the vendor sends them.
fn vendor(details: serde_json::Value, terms: Option<serde_json::Value>) -> Listing {
    let terms = terms.map(|terms| Terms {
        as_of: Some("2024-04-01".parse().unwrap()),
        instruments: serde_json::from_value(terms).unwrap(),
        ..Terms::default()
    });
    Listing::of(&Lists::of(serde_json::from_value(details).unwrap(), terms))
}

/// A symbol of a list, with its life in days.
fn symbol(id: &str, kind: &str, from: &str, to: Option<&str>) -> serde_json::Value {
    let mut symbol =
        serde_json::json!({"id": id, "type": kind, "availableSince": format!("{from}T00:00:00.000Z")});
    if let Some(to) = to {
        symbol["availableTo"] = format!("{to}T00:00:00.000Z").into();
    }
    symbol
}

fn file(id: &str, kind: &str, from: &str, to: &str, types: &[&str]) -> serde_json::Value {
    let mut symbol = symbol(id, kind, from, Some(to));
    symbol["dataTypes"] = serde_json::json!(types);
    symbol
}

fn exchange(id: &str, api: &[serde_json::Value], files: &[serde_json::Value]) -> serde_json::Value {
    serde_json::json!({"id": id, "availableSymbols": api,
        "datasets": {"exportedUntil": "2024-03-10T00:00:00.000Z", "symbols": files}})
}

/// Key, symbol and data types of the rows of a day.
fn rows(listing: &Listing, day: &str) -> Vec<String> {
    let words = |i: &Instrument| {
        let types: Vec<&str> = i.data_types.iter().map(|t| t.name()).collect();
        format!("{} {} {}", i.key, i.raw_symbol, types.join(",")).trim_end().to_owned()
    };
    listing.on(day.parse().unwrap()).instruments.iter().map(words).collect()
}

fn row(listing: &Listing, day: &str) -> Instrument {
    let rows = listing.on(day.parse().unwrap()).instruments;
    assert_eq!(rows.len(), 1, "{day}: {rows:?}");
    rows.into_iter().next().unwrap()
}

/// A swap, with further members of its terms.
fn swap(members: serde_json::Value) -> Listing {
    let id = "1INCH-USDT-SWAP";
    let mut terms = serde_json::json!({"id": id, "type": "perpetual", "baseCurrency": "1INCH", "quoteCurrency": "USDT",
        "contractType": "linear_perpetual", "inverse": false, "contractMultiplier": 1, "priceIncrement": 0.1,
        "minTradeAmount": 1});
    terms.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let files = [file(id, "perpetual", "2020-01-01", "2024-03-10", &["trades"])];
    let api = [symbol(id, "perpetual", "2020-01-01", None)];
    vendor(exchange("okex-swap", &api, &files), Some(serde_json::json!([terms])))
}

#[test]
fn terms_are_those_of_the_days_start_and_changes_within_the_day_are_told() {
    let listing = swap(serde_json::json!({"changes": [
        {"until": "2022-06-07T08:00:00.000Z", "contractMultiplier": 10, "priceIncrement": 0.5, "minTradeAmount": 2},
        {"until": "2023-01-01T00:00:00.000Z", "quoteCurrency": "USD", "settlementCurrency": "1INCH", "inverse": true,
         "contractType": "inverse_perpetual"},
    ]}));
    for (day, size, tick, least, contract_type, inverse, settle, price, changes) in [
        ("2022-06-06", 10.0, 0.5, 2.0, "inverse_perpetual", true, "1INCH", "USD", 0),
        ("2022-06-07", 10.0, 0.5, 2.0, "inverse_perpetual", true, "1INCH", "USD", 1),
        ("2022-06-08", 1.0, 0.1, 1.0, "inverse_perpetual", true, "1INCH", "USD", 0),
        ("2022-12-31", 1.0, 0.1, 1.0, "inverse_perpetual", true, "1INCH", "USD", 0),
        ("2023-01-01", 1.0, 0.1, 1.0, "linear_perpetual", false, "USDT", "USDT", 0),
    ] {
        let row = row(&listing, day);
        let numbers = (row.contract_size, row.tick_size, row.min_size);
        assert_eq!(numbers, (Some(size), Some(tick), Some(least)), "{day}");
        let words = (row.contract_type.as_deref(), row.inverse, row.settle.as_deref());
        assert_eq!(words, (Some(contract_type), Some(inverse), Some(settle)), "{day}");
        assert_eq!(row.price_currency.as_deref(), Some(price), "{day}");
        assert_eq!(row.changes_at_us.len(), changes, "{day}");
        if changes > 0 {
            let eight = day.parse::<Day>().unwrap().start_us() + 8 * 3_600_000_000;
            assert_eq!((row.changes_at_us, row.contract_sizes_after), (vec![eight], vec![1.0]));
        }
    }
    let unknown = swap(serde_json::json!({"contractMultiplier": null, "changes": [
        {"until": "2022-06-07T08:00:00.000Z", "priceIncrement": 0.5}]}));
    let day = row(&unknown, "2022-06-07");
    assert_eq!((day.changes_at_us.len(), day.contract_size, day.contract_sizes_after.len()), (1, None, 0));
}

#[test]
fn the_type_of_a_day_is_that_of_the_vendors_changes() {
    let listing =
        swap(serde_json::json!({"changes": [{"until": "2022-01-01T00:00:00.000Z", "type": "combo"}]}));
    assert_eq!(rows(&listing, "2021-12-31"), ["OKX-SWAP:COMBO:1INCH-USDT-SWAP 1INCH-USDT-SWAP trades"]);
    assert_eq!(rows(&listing, "2022-01-01"), ["OKX-SWAP:PERP:1INCH-USDT 1INCH-USDT-SWAP trades"]);
    let keys: Vec<String> = listing.instruments().iter().map(|i| i.key.to_string()).collect();
    assert_eq!(keys, ["OKX-SWAP:COMBO:1INCH-USDT-SWAP", "OKX-SWAP:PERP:1INCH-USDT"]);
}

#[test]
fn the_vendors_word_on_settlement_wins() {
    use serde_json::json;
    for (members, inverse, quanto, settle) in [
        (json!({"quoteCurrency": "USD"}), Some(false), Some(false), Some("USD")),
        (
            json!({"quoteCurrency": "USD", "inverse": true, "settlementCurrency": "1INCH"}),
            Some(true),
            Some(false),
            Some("1INCH"),
        ),
        (json!({"quoteCurrency": "USD", "inverse": true}), Some(true), Some(false), Some("1INCH")),
        (json!({"quoteCurrency": "USD", "inverse": null}), Some(false), Some(false), Some("USD")),
        (
            json!({"quoteCurrency": "USD", "inverse": null, "contractType": "inverse_perpetual"}),
            Some(true),
            Some(false),
            Some("1INCH"),
        ),
        (
            json!({"contractType": "quanto_perpetual", "quanto": true, "settlementCurrency": "BTC"}),
            Some(false),
            Some(true),
            Some("BTC"),
        ),
        (json!({"contractType": "quanto_perpetual", "quanto": true}), Some(false), Some(true), None),
    ] {
        let row = row(&swap(members.clone()), "2024-03-01");
        assert_eq!((row.inverse, row.quanto, row.settle.as_deref()), (inverse, quanto, settle), "{members}");
        assert_eq!(row.amount_unit.map(|unit| unit.name()), Some("contracts"), "{members}");
    }
}

#[test]
fn a_symbol_that_is_listed_again_has_two_lives() {
    let kind = "perpetual";
    let lives = [("2020-01-01", Some("2021-01-01")), ("2023-01-01", None)];
    let mut api: Vec<_> = lives.iter().map(|(from, to)| symbol("AAA-PERP", kind, from, *to)).collect();
    let mut files = vec![
        file("AAA-PERP", kind, "2020-01-01", "2021-01-01", &["trades"]),
        file("AAA-PERP", kind, "2023-01-01", "2024-03-10", &["trades", "quotes"]),
    ];
    for _ in 0..2 {
        let listing = vendor(exchange("ftx", &api, &files), None);
        let key = "FTX:PERP:AAA-USD AAA-PERP trades";
        assert_eq!(rows(&listing, "2020-06-01"), [key]);
        assert_eq!(rows(&listing, "2022-01-01"), Vec::<String>::new());
        assert_eq!(
            rows(&listing, "2024-03-01"),
            [format!("{key},quotes").replace("trades,quotes", "trades,quotes")]
        );
        assert!(listing.has_ended("AAA-PERP", "2022-01-01".parse().unwrap()));
        assert!(!listing.has_ended("AAA-PERP", "2024-03-01".parse().unwrap()));
        let end = row(&listing, "2020-06-01").available_to_us.and_then(Day::containing_us);
        assert_eq!(end.map(|day| day.to_string()).as_deref(), Some("2021-01-01"));
        api.reverse();
        files.reverse();
    }
    // On a day of both there is one row.
    let again = [symbol("AAA-PERP", kind, "2020-01-01", None), symbol("AAA-PERP", kind, "2020-01-01", None)];
    let mut again = again.to_vec();
    again[0]["availableTo"] = "2021-01-01T08:00:00.000Z".into();
    again[1]["availableSince"] = "2021-01-01T15:00:00.000Z".into();
    let listing = vendor(exchange("ftx", &again, &[]), None);
    assert_eq!(rows(&listing, "2021-01-01").len(), 1);
}

#[test]
fn a_file_has_one_instrument_and_its_other_names_are_aliases() {
    let api = [symbol("BTC/USD", "spot", "2020-01-01", None), symbol("BTC:USD", "spot", "2021-01-01", None)];
    let files = [file("BTC-USD", "spot", "2020-01-01", "2024-03-10", &["trades"])];
    let listing = vendor(exchange("ftx", &api, &files), None);
    assert_eq!(rows(&listing, "2024-03-01"), ["FTX:SPOT_PAIR:BTC-USD BTC/USD trades"]);
    assert!(row(&listing, "2024-03-01").aliases.contains(&"BTC:USD".to_owned()));
    // By the vendor's word, however they are spelt.
    let terms = |id: &str| serde_json::json!({"id": id, "datasetId": "OLD-USD", "type": "spot", "baseCurrency": "X", "quoteCurrency": "USD"});
    let api = [
        symbol("NEW/USD", "spot", "2022-01-01", None),
        symbol("OLD/USD", "spot", "2020-01-01", Some("2022-01-01")),
    ];
    let files = [file("OLD-USD", "spot", "2020-01-01", "2024-03-10", &["trades"])];
    let terms = serde_json::json!([terms("NEW/USD"), terms("OLD/USD")]);
    let listing = vendor(exchange("ftx", &api, &files), Some(terms));
    assert_eq!(rows(&listing, "2024-03-01"), ["FTX:SPOT_PAIR:OLD-USD OLD/USD trades"]);
    assert_eq!(rows(&listing, "2021-03-01"), ["FTX:SPOT_PAIR:OLD-USD OLD/USD trades"]);
}

#[test]
fn lists_are_joined_by_the_vendors_dataset_id() {
    let api = [symbol("1INCH.X/USD", "spot", "2020-01-01", None)];
    let files = [file("1INCH_X-USD", "spot", "2020-01-01", "2024-03-10", &["trades"])];
    let terms = serde_json::json!([{"id": "1INCH.X/USD", "datasetId": "1INCH_X-USD", "type": "spot", "baseCurrency": "1INCH",
        "quoteCurrency": "USD", "priceIncrement": 0.01}]);
    let joined = vendor(exchange("kraken", &api, &files), Some(terms.clone()));
    let joined = row(&joined, "2024-03-01");
    assert_eq!(
        (joined.raw_symbol.as_str(), joined.dataset_symbol.as_deref()),
        ("1INCH.X/USD", Some("1INCH_X-USD"))
    );
    assert_eq!((joined.tick_size, joined.data_types.len()), (Some(0.01), 1));
    // Where the API's list lacks the symbol, the file tells its terms too.
    let of_file = row(&vendor(exchange("kraken", &[], &files), Some(terms)), "2024-03-01");
    assert_eq!((of_file.raw_symbol.as_str(), of_file.tick_size), ("1INCH.X/USD", Some(0.01)));
    assert_eq!(of_file.key, joined.key);
    // A file that is another instrument's is not taken by its spelling.
    let api = [symbol("AAA-USD", "spot", "2020-01-01", None), symbol("BBB-USD", "spot", "2020-01-01", None)];
    let files = [file("AAA-USD", "spot", "2020-01-01", "2024-03-10", &["trades"])];
    let terms = serde_json::json!([{"id": "BBB-USD", "datasetId": "AAA-USD", "type": "spot", "baseCurrency": "BBB", "quoteCurrency": "USD"}]);
    let listing = vendor(exchange("ftx", &api, &files), Some(terms));
    assert_eq!(
        rows(&listing, "2024-03-01"),
        ["FTX:SPOT_PAIR:AAA-USD AAA-USD", "FTX:SPOT_PAIR:BBB-USD BBB-USD trades"]
    );
}

#[test]
fn the_later_of_two_ends_is_asked_for() {
    for (api_end, file_end) in [("2024-03-01", "2024-03-02"), ("2024-03-02", "2024-03-01")] {
        let api = [symbol("AAA-PERP", "perpetual", "2020-01-01", Some(api_end))];
        let files = [file("AAA-PERP", "perpetual", "2020-01-01", file_end, &["trades"])];
        let listing = vendor(exchange("ftx", &api, &files), None);
        assert_eq!(rows(&listing, "2024-03-01").len(), 1, "{api_end} {file_end}");
        assert_eq!(rows(&listing, "2024-03-02").len(), 0, "{api_end} {file_end}");
    }
}

#[test]
fn what_exists_only_in_a_group_is_expected_by_the_groups_dates_and_types() {
    let group = |kind: &str, id: &str, to: &str| {
        let mut group = file(id, kind, "2020-03-01", to, &["trades", "quotes", "options_chain"]);
        group["availableTo"] = format!("{to}T00:00:00.000Z").into();
        group
    };
    let own = "BTC-29MAR24-50000-C";
    let api = [
        symbol(own, "option", "2020-01-01", None),
        symbol("BTC-29MAR24-60000-C", "option", "2020-01-01", None),
    ];
    let files = [
        file(own, "option", "2020-01-01", "2024-03-10", &["trades"]),
        group("option", "OPTIONS", "2024-03-10"),
    ];
    let listing = vendor(exchange("deribit", &api, &files), None);
    let types = |day: &str| -> Vec<String> {
        let types = |row: String| row.rsplit(' ').next().unwrap().to_owned();
        rows(&listing, day).into_iter().map(types).collect()
    };
    assert_eq!(types("2024-03-01"), ["trades,options_chain", "trades,quotes,options_chain"]);
    assert_eq!(types("2020-02-29"), ["trades", "BTC-29MAR24-60000-C"], "the group begins later");
    let ended = [
        file(own, "option", "2020-01-01", "2024-03-10", &["trades"]),
        group("option", "OPTIONS", "2024-01-01"),
    ];
    let listing = vendor(exchange("deribit", &api, &ended), None);
    assert!(rows(&listing, "2024-03-01")[0].ends_with(" trades"));
    assert!(listing.on("2024-03-01".parse().unwrap()).instruments[1].data_types.is_empty());
}

#[test]
fn a_renamed_pair_goes_on_under_its_plain_key() {
    let api = [
        symbol("USDT_BTC", "spot", "2019-03-30", Some("2022-08-03")),
        symbol("BTC_USDT", "spot", "2022-08-02", None),
    ];
    let listing = vendor(exchange("poloniex", &api, &[]), None);
    let key = "POLONIEX:SPOT_PAIR:BTC-USDT";
    assert_eq!(rows(&listing, "2022-08-01"), [format!("{key} USDT_BTC")]);
    assert_eq!(rows(&listing, "2022-08-02"), [format!("{key} USDT_BTC"), format!("{key}~BTC_USDT BTC_USDT")]);
    assert_eq!(rows(&listing, "2022-08-03"), [format!("{key} BTC_USDT")]);
}

#[test]
fn a_closed_exchange_has_nothing_after_its_end() {
    for (end, day, is_exported) in [
        ("2024-03-01T00:00:00.000Z", None, true),
        ("2024-03-01T12:00:00.000Z", Some("2024-03-01"), true),
        ("2024-03-02T00:00:00.000Z", Some("2024-03-01"), true),
    ] {
        let mut details = exchange(
            "ftx",
            &[symbol("AAA-PERP", "perpetual", "2020-01-01", None)],
            &[file("AAA-PERP", "perpetual", "2020-01-01", "2024-03-10", &["trades"])],
        );
        details["datasets"]["exportedUntil"] = end.into();
        details["datasets"]["symbols"][0]["availableTo"] = end.into();
        for how in ["availableTo", "delisted"] {
            let mut details = details.clone();
            details[how] = if how == "delisted" { true.into() } else { end.into() };
            let listing = vendor(details, None);
            let found = listing.on("2024-03-01".parse().unwrap()).instruments;
            assert_eq!(
                found.iter().map(|i| i.is_exported).collect::<Vec<_>>(),
                vec![is_exported; usize::from(day.is_some())],
                "{end}"
            );
            let after = listing.on("2024-03-02".parse().unwrap());
            assert!(after.instruments.is_empty(), "{end}");
            assert_eq!(after.left_out[&NotExpected::Closed].count, 1, "{end}");
            assert!(listing.has_ended("AAA-PERP", "2024-03-02".parse().unwrap()), "{end}");
        }
    }
}

#[test]
fn an_end_of_the_exchange_that_its_export_contradicts_ends_no_row() {
    let mut details = exchange("ftx", &[symbol("AAA-PERP", "perpetual", "2020-01-01", None)], &[]);
    details["availableTo"] = "2019-03-30T00:00:00.000Z".into();
    let listing = vendor(details, None);
    let day = "2024-03-01".parse().unwrap();
    assert_eq!(listing.on(day).left_out[&NotExpected::Closed].count, 1);
    assert!(!listing.has_ended("AAA-PERP", day));
}

#[test]
fn no_symbol_is_left_out() {
    let api = [
        symbol("BTC_CW", "future", "2020-01-01", None),
        symbol("???", "perpetual", "2020-01-01", None),
        symbol("XYZ", "dividend", "2020-01-01", None),
    ];
    let listing = vendor(exchange("huobi-dm", &api, &[]), None);
    let found = listing.on("2024-03-01".parse().unwrap());
    assert_eq!(found.instruments.len(), 3);
    assert!(
        found.instruments.iter().all(|i| !i.canonical && i.native_reason.is_some()),
        "{:?}",
        found.instruments
    );
    assert!(
        found.instruments[2].key.as_str().starts_with("HUOBI-DM:UNKNOWN:"),
        "{}",
        found.instruments[2].key
    );
    assert!(found.left_out.is_empty(), "{:?}", found.left_out);
}
