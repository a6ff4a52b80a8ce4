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
        [
            (NotExpected::UnknownDataType, "order_flow of BTC-PERPETUAL".to_owned()),
            (NotExpected::UnknownType, "BTC-X of type `dividend`".to_owned())
        ]
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
        (&api as Change<'_>, Some(&terms), "DERIBIT:PERP:BTC-USD"),
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
