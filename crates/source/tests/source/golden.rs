//! Each data type once: the vendor's header row and a few rows in; schema, first row, last row and counts out.

use mtdh_core::DataType;
use mtdh_source::tardis::csv::Expectation;

use crate::{decode, line};

struct Golden {
    data_type: DataType,
    header: String,
    /// Columns of the lake: name and type, `?` where the cell may be null.
    schema: String,
    rows: Vec<String>,
    first: String,
    last: String,
}

fn check(golden: &Golden) {
    let table = golden.data_type.table();
    let file = format!("{}\n{}\n", golden.header, golden.rows.join("\n"));
    let expectation = Expectation {
        exchange: Some("deribit".to_owned()),
        symbol: None,
        day: Some("2024-03-01".parse().unwrap()),
    };
    let decoded = decode(table, &expectation, [file.as_bytes()]).unwrap();
    decoded.check_conservation();
    let fields = &table.schema().fields()[1..];
    for batch in &decoded.batches {
        for (field, array) in fields.iter().zip(&batch.columns) {
            assert_eq!(array.data_type(), field.data_type(), "{}", field.name());
        }
    }
    let schema: Vec<String> = fields
        .iter()
        .map(|f| format!("{} {}{}", f.name(), short(f.data_type()), if f.is_nullable() { "?" } else { "" }))
        .collect();
    assert_eq!(schema.join(", "), golden.schema, "{}", golden.data_type);
    assert_eq!(table.csv_header(), golden.header);
    let rows = decoded.rows(table);
    assert_eq!((rows.len(), decoded.rejects.len()), (golden.rows.len(), 0), "{:?}", decoded.rejects);
    assert_eq!(line(&rows[0]), golden.first, "first row of {}", golden.data_type);
    assert_eq!(line(rows.last().unwrap()), golden.last, "last row of {}", golden.data_type);
}

fn short(arrow_type: &arrow_schema::DataType) -> String {
    match arrow_type.to_string().as_str() {
        "Timestamp(µs, \"UTC\")" => "time".to_owned(),
        "Float64" => "float".to_owned(),
        "Utf8" => "text".to_owned(),
        "Dictionary(Int32, Utf8)" => "word".to_owned(),
        "Boolean" => "flag".to_owned(),
        other => other.to_owned(),
    }
}

fn golden(data_type: DataType, columns: [&str; 2], rows: &[&str], first: &str, last: &str) -> Golden {
    let [header, schema] = columns;
    Golden {
        data_type,
        header: format!("exchange,symbol,timestamp,local_timestamp,{header}"),
        schema: format!("timestamp time, local_timestamp time, {schema}"),
        rows: rows.iter().map(|row| format!("deribit,{row}")).collect(),
        first: first.to_owned(),
        last: last.to_owned(),
    }
}

#[test]
fn trades() {
    check(&golden(
        DataType::Trades,
        ["id,side,price,amount", "id text?, side word, price float, amount float"],
        &[
            "BTC-PERPETUAL,1709251200100000,1709251200123456,9863668e-1b2c-4d5e-8f90-a1b2c3d4e5f6,buy,61234.5,10",
            "BTC-PERPETUAL,1709251201100000,1709251201123456,,sell,61234,250.25",
            "BTC-PERPETUAL,1709251199900000,1709251202000001,9007199254740993,unknown,1e-7,0",
        ],
        "1709251200100000 1709251200123456 9863668e-1b2c-4d5e-8f90-a1b2c3d4e5f6 buy 61234.5 10",
        "1709251199900000 1709251202000001 9007199254740993 unknown 0.0000001 0",
    ));
}

#[test]
fn liquidations() {
    check(&golden(
        DataType::Liquidations,
        ["id,side,price,amount", "id text?, side word, price float, amount float"],
        &[
            "ETH-PERPETUAL,1709251200100000,1709251200123456,ETH-77,sell,3400.05,1",
            "ETH-PERPETUAL,1709337599999999,1709337599999999,,buy,3399,1200",
        ],
        "1709251200100000 1709251200123456 ETH-77 sell 3400.05 1",
        "1709337599999999 1709337599999999 - buy 3399 1200",
    ));
}

#[test]
fn incremental_book_l2() {
    check(&golden(
        DataType::IncrementalBookL2,
        ["is_snapshot,side,price,amount", "is_snapshot flag, side word, price float, amount float"],
        &[
            "BTC-PERPETUAL,1709251200100000,1709251200123456,true,ask,61235,18640",
            "BTC-PERPETUAL,1709251200100000,1709251200123456,true,bid,61234.5,0",
            "BTC-PERPETUAL,1709251200200000,1709251200223456,false,ask,61235,0",
        ],
        "1709251200100000 1709251200123456 true ask 61235 18640",
        "1709251200200000 1709251200223456 false ask 61235 0",
    ));
}

/// `cell(level, place)` for each cell of each level; places are ask price, ask amount, bid price, bid amount.
fn levels(depth: usize, cell: impl Fn(usize, usize) -> String) -> Vec<String> {
    (0..depth).flat_map(|level| (0..4).map(move |place| (level, place))).map(|(l, p)| cell(l, p)).collect()
}

fn book_snapshot(data_type: DataType, depth: usize) {
    let header = levels(depth, |level, place| {
        format!("{}[{level}].{}", ["asks", "bids"][place / 2], ["price", "amount"][place % 2])
    });
    let schema = levels(depth, |level, place| {
        format!("{}_{}_{} float?", ["ask", "bid"][place / 2], ["price", "amount"][place % 2], level + 1)
    });
    let full = levels(depth, |level, place| (100 + 4 * level + place).to_string());
    let one_sided = levels(depth, |level, place| match place / 2 {
        0 => format!("{}.5", level + place),
        _ => String::new(),
    });
    let nulls = |cells: &[String]| {
        let cells = cells.iter().map(|cell| if cell.is_empty() { "-" } else { cell });
        cells.collect::<Vec<_>>().join(" ")
    };
    let times = ["1709251200100000,1709251200123456", "1709251260100000,1709251260123456"];
    check(&golden(
        data_type,
        [&header.join(","), &schema.join(", ")],
        &[
            &format!("BTC-PERPETUAL,{},{}", times[0], full.join(",")),
            &format!("BTC-PERPETUAL,{},{}", times[1], one_sided.join(",")),
        ],
        &format!("{} {}", times[0].replace(',', " "), nulls(&full)),
        &format!("{} {}", times[1].replace(',', " "), nulls(&one_sided)),
    ));
}

#[test]
fn book_snapshot_5() {
    book_snapshot(DataType::BookSnapshot5, 5);
}

#[test]
fn book_snapshot_25() {
    book_snapshot(DataType::BookSnapshot25, 25);
}

#[test]
fn quotes_and_book_ticker_put_amounts_outside() {
    for data_type in [DataType::Quotes, DataType::BookTicker] {
        check(&golden(
            data_type,
            [
                "ask_amount,ask_price,bid_price,bid_amount",
                "ask_amount float?, ask_price float?, bid_price float?, bid_amount float?",
            ],
            &[
                "BTC-PERPETUAL,1709251200100000,1709251200123456,2.6,61235,61234.5,10.0",
                "BTC-PERPETUAL,1709251200200000,1709251200223456,,,61234.5,806",
            ],
            "1709251200100000 1709251200123456 2.6 61235 61234.5 10",
            "1709251200200000 1709251200223456 - - 61234.5 806",
        ));
    }
}

#[test]
fn derivative_ticker() {
    check(&golden(
        DataType::DerivativeTicker,
        [
            "funding_timestamp,funding_rate,predicted_funding_rate,open_interest,last_price,index_price,mark_price",
            "funding_timestamp time?, funding_rate float?, predicted_funding_rate float?, open_interest float?, \
             last_price float?, index_price float?, mark_price float?",
        ],
        &[
            "BTC-PERPETUAL,1709251200100000,1709251200123456,,,,,,,",
            "BTC-PERPETUAL,1709251200200000,1709251200223456,1709280000000000,-0.0000125,,37614.69,,61230.01,61231",
        ],
        "1709251200100000 1709251200123456 - - - - - - -",
        "1709251200200000 1709251200223456 1709280000000000 -0.0000125 - 37614.69 - 61230.01 61231",
    ));
}

#[test]
fn options_chain() {
    check(&golden(
        DataType::OptionsChain,
        [
            "type,strike_price,expiration,open_interest,last_price,bid_price,bid_amount,bid_iv,ask_price,ask_amount,\
             ask_iv,mark_price,mark_iv,underlying_index,underlying_price,delta,gamma,vega,theta,rho",
            "type word, strike_price float, expiration time, open_interest float?, last_price float?, \
             bid_price float?, bid_amount float?, bid_iv float?, ask_price float?, ask_amount float?, ask_iv float?, \
             mark_price float?, mark_iv float?, underlying_index text?, underlying_price float?, delta float?, \
             gamma float?, vega float?, theta float?, rho float?",
        ],
        &[
            "BTC-29MAR24-60000-C,1709251200100000,1709251200123456,call,60000,1711699200000000,0.1,0.0295,0.0205,\
             15.1,,0.0235,15.2,68.94,0.02210436,62.89,SYN.BTC-29MAR24,61756.36,-0.61752,0.00103,2.25,-53.06,-0.228",
            "XRP_USDC-29MAR24-0D55-P,1709251200200000,1709251200223456,put,0.55,1711699200000000,,,,,,,,,,,,,,,,,",
        ],
        "1709251200100000 1709251200123456 call 60000 1711699200000000 0.1 0.0295 0.0205 15.1 - 0.0235 15.2 68.94 \
         0.02210436 62.89 SYN.BTC-29MAR24 61756.36 -0.61752 0.00103 2.25 -53.06 -0.228",
        "1709251200200000 1709251200223456 put 0.55 1711699200000000 - - - - - - - - - - - - - - - - -",
    ));
}
