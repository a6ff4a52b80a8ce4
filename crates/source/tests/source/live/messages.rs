//! Rows as the vendor's normalised messages, to compare with.

use arrow_array::RecordBatch;
use mtdh_core::DataType;
use mtdh_core::table::Kind;
use mtdh_source::live::rows::{Rows, Taken};
use serde_json::{Map, Value, json};

use crate::cells;

/// The rows of each group as messages of the vendor's form: times are microseconds, what is not there is left out, numbers are floats.
pub fn messages(rows: &Rows, taken: &Taken, exchange: &str) -> Vec<Value> {
    let mut messages = Vec::new();
    for group in &taken.groups {
        let name = rows.name(group.stream);
        let batch = &taken.batches.iter().find(|(stream, _)| *stream == group.stream).unwrap().1;
        let range = group.first as usize..(group.first + group.rows) as usize;
        let rows: Vec<Map<String, Value>> = fields(batch, name.data_type, range);
        let head = |mut fields: Map<String, Value>, kind: &str| {
            fields.insert("type".to_owned(), json!(kind));
            fields.insert("symbol".to_owned(), json!(&*name.symbol));
            fields.insert("exchange".to_owned(), json!(exchange));
            Value::Object(fields)
        };
        match name.data_type {
            DataType::IncrementalBookL2 => messages.push(head(book_change(&rows), "book_change")),
            DataType::Trades => messages.extend(rows.into_iter().map(|row| head(row, "trade"))),
            DataType::Liquidations => messages.extend(rows.into_iter().map(|row| head(row, "liquidation"))),
            DataType::BookTicker => messages.extend(rows.into_iter().map(|row| head(row, "book_ticker"))),
            DataType::DerivativeTicker => {
                messages.extend(rows.into_iter().map(|row| head(row, "derivative_ticker")));
            }
            DataType::OptionsChain => {
                messages.extend(rows.into_iter().map(|row| head(row, "option_summary")))
            }
            DataType::BookSnapshot5 | DataType::BookSnapshot25 | DataType::Quotes => {}
        }
    }
    messages
}

fn book_change(rows: &[Map<String, Value>]) -> Map<String, Value> {
    let mut change = Map::new();
    for key in ["timestamp", "localTimestamp", "isSnapshot"] {
        change.insert(key.to_owned(), rows[0][key].clone());
    }
    for (side, key) in [("bid", "bids"), ("ask", "asks")] {
        let of_side = rows.iter().filter(|row| row["side"] == side);
        let levels: Vec<Value> =
            of_side.map(|row| json!({"price": row["price"], "amount": row["amount"]})).collect();
        change.insert(key.to_owned(), json!(levels));
    }
    change
}

fn fields(
    batch: &RecordBatch,
    data_type: DataType,
    range: std::ops::Range<usize>,
) -> Vec<Map<String, Value>> {
    let mut rows = vec![Map::new(); range.len()];
    for (column, array) in data_type.table().columns.iter().zip(batch.columns()) {
        let slice = array.slice(range.start, range.len());
        for (fields, text) in rows.iter_mut().zip(cells(column.kind, &slice)) {
            let Some(text) = text else { continue };
            let value = match column.kind {
                Kind::Time => json!(text.parse::<i64>().unwrap() as f64),
                Kind::Number => json!(text.parse::<f64>().unwrap()),
                Kind::Flag => json!(text == "true"),
                Kind::Text | Kind::Category(_) => json!(text),
            };
            fields.insert(vendor_name(data_type, &column.name), value);
        }
    }
    rows
}

/// The field of the vendor's message for a column of the lake.
fn vendor_name(data_type: DataType, column: &str) -> String {
    let named = match (data_type, column) {
        (DataType::OptionsChain, "type") => "optionType",
        (DataType::OptionsChain, "expiration") => "expirationDate",
        (DataType::OptionsChain, "bid_price") => "bestBidPrice",
        (DataType::OptionsChain, "bid_amount") => "bestBidAmount",
        (DataType::OptionsChain, "bid_iv") => "bestBidIV",
        (DataType::OptionsChain, "ask_price") => "bestAskPrice",
        (DataType::OptionsChain, "ask_amount") => "bestAskAmount",
        (DataType::OptionsChain, "ask_iv") => "bestAskIV",
        (DataType::OptionsChain, "mark_iv") => "markIV",
        _ => "",
    };
    if !named.is_empty() {
        return named.to_owned();
    }
    let mut words = column.split('_');
    let first = words.next().unwrap().to_owned();
    words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..])
}

/// A message of the vendor in the same form.
pub fn vendors(message: &Value) -> Value {
    let Value::Object(fields) = message else { panic!("{message}") };
    let mut same = Map::new();
    for (key, value) in fields {
        let value = match value {
            Value::Null => continue,
            // An empty name is an empty cell of a file, which is null.
            Value::String(text) if text.is_empty() => continue,
            Value::String(text) if key.to_lowercase().ends_with("timestamp") || key == "expirationDate" => {
                json!(instant_us(text) as f64)
            }
            other => floats(other),
        };
        same.insert(key.clone(), value);
    }
    Value::Object(same)
}

fn floats(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64().unwrap()),
        Value::Array(items) => Value::Array(items.iter().map(floats).collect()),
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), floats(value))).collect(),
        other => other.clone(),
    }
}

/// Microseconds of an ISO time.
pub fn instant_us(text: &str) -> i64 {
    let (day, time) = text.strip_suffix('Z').unwrap().split_once('T').unwrap();
    let day: mtdh_core::Day = day.parse().unwrap();
    let mut parts = time.split(':');
    let mut whole = || parts.next().unwrap().parse::<i64>().unwrap();
    let minutes = whole() * 60 + whole();
    let (seconds, fraction) = time.rsplit(':').next().unwrap().split_once('.').unwrap_or((time, ""));
    let fraction: i64 = format!("{fraction:0<6}").parse().unwrap();
    day.start_us() + minutes * 60_000_000 + seconds.parse::<i64>().unwrap() * 1_000_000 + fraction
}
