//! Mutations of JSON documents, by seed: members that are lost, renamed, null, of another type or another one's; elements that are
//! lost or there twice; bytes that are others. Not for what becomes of them: that is `metadata_faults`.

use serde_json::{Map, Value, json};

/// Random numbers of a seed (SplitMix64).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of `0..count`.
    pub fn below(&mut self, count: usize) -> usize {
        (self.next() % count.max(1) as u64) as usize
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// A document, and the text that it is sent as; once bytes of the text are others, it is no document any more.
#[derive(Clone)]
pub enum Document {
    Json(Value),
    Text(String),
}

impl Document {
    pub fn text(&self) -> String {
        match self {
            Document::Json(value) => value.to_string(),
            Document::Text(text) => text.clone(),
        }
    }
}

/// Members that decide what is expected, and words that they may have.
const MEMBERS: [&str; 16] = [
    "id",
    "type",
    "availableSince",
    "availableTo",
    "dataTypes",
    "symbols",
    "availableSymbols",
    "datasets",
    "exportedUntil",
    "exportedFrom",
    "exchange",
    "baseCurrency",
    "quoteCurrency",
    "expiry",
    "strikePrice",
    "optionType",
];
const TYPES: [&str; 9] =
    ["spot", "perpetual", "future", "option", "combo", "prediction", "Perpetual", "dividend", ""];
const DATA_TYPES: [&str; 7] =
    ["trades", "quotes", "derivative_ticker", "options_chain", "trade_v2", "TRADES", ""];
const MOMENTS: [&str; 14] = [
    "2024-03-01T00:00:00.000Z",
    "2024-03-01T12:00:00.000Z",
    "2024-03-02T00:00:00.000Z",
    "2024-02-29T23:59:59.999Z",
    "2019-03-30T00:00:00Z",
    "1969-12-31T23:59:59Z",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999Z",
    "+262142-12-31T23:59:59Z",
    "-262143-01-01T00:00:00Z",
    "2024-02-30T00:00:00.000Z",
    "2024-03-01",
    "2024-03-01T00:00:00+23:59",
    "soon",
];
const EXCHANGES: [&str; 6] = ["deribit", "okex-swap", "binance", "OKEX-SWAP", "no-such", "a/../b"];
const ODD_TEXTS: [&str; 9] = [
    "\u{0}",
    "\u{1b}[2J",
    "\u{202e}CTB",
    "a\nb",
    "BTC\u{200b}-PERPETUAL",
    "../../x",
    "%2e%2e%2f",
    "🙂",
    "' OR 1=1",
];

/// Mutates a document at one place; says what was done.
pub fn mutate(document: &mut Document, numbers: &mut Numbers) -> String {
    let Document::Json(value) = document else { return "nothing: it is no document any more".to_owned() };
    if numbers.below(20) == 0 {
        let (text, what) = mutate_text(value.to_string(), numbers);
        *document = Document::Text(text);
        return what;
    }
    let places = places(value);
    if places.is_empty() {
        return "nothing: nothing is in it".to_owned();
    }
    let named: Vec<&String> =
        places.iter().filter(|p| MEMBERS.contains(&p.rsplit('/').next().unwrap_or_default())).collect();
    let elements: Vec<&String> = places.iter().filter(|p| is_element(p)).collect();
    // Members that decide something come more often than they are many.
    let place = match numbers.below(10) {
        0..6 if !named.is_empty() => (*numbers.pick(&named)).clone(),
        6..9 if !elements.is_empty() => (*numbers.pick(&elements)).clone(),
        _ => numbers.pick(&places).clone(),
    };
    let what = mutate_place(value, &place, numbers);
    format!("{place}: {what}")
}

fn is_element(place: &str) -> bool {
    place.rsplit('/').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()))
}

/// Every place of a document but its root, as JSON pointers.
fn places(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = vec![(String::new(), value)];
    while let Some((place, value)) = left.pop() {
        if !place.is_empty() {
            found.push(place.clone());
        }
        match value {
            Value::Object(members) => {
                left.extend(members.iter().map(|(name, v)| (format!("{place}/{name}"), v)))
            }
            Value::Array(list) => {
                left.extend(list.iter().enumerate().map(|(n, v)| (format!("{place}/{n}"), v)))
            }
            _ => {}
        }
    }
    found.sort();
    found
}

fn mutate_place(root: &mut Value, place: &str, numbers: &mut Numbers) -> String {
    let (parent, last) = place.rsplit_once('/').unwrap_or_default();
    let last = last.to_owned();
    let old = root.pointer(place).cloned().unwrap_or_default();
    let siblings: Vec<Value> = same_members(root, place);
    let Some(parent) = root.pointer_mut(parent) else { return "nothing".to_owned() };
    // What is refused at once, as a member that lacks, comes less often than what is believed.
    match numbers.below(32) {
        0..3 => {
            remove(parent, &last);
            "removed".to_owned()
        }
        3 => rename(parent, &last, numbers),
        4 => set(parent, &last, Value::Null),
        5 => set(parent, &last, of_other_type(&old, numbers)),
        6..12 => twice(parent, &last, numbers),
        12..18 => set(parent, &last, numbers.pick(&siblings).clone()),
        18..21 => swap_dates(parent, &last),
        21..24 => cut(parent, &last, numbers),
        _ => set(parent, &last, likely(&last, &old, numbers)),
    }
}

/// What elements of the same list have in the place of a member.
fn same_members(root: &Value, place: &str) -> Vec<Value> {
    let parts: Vec<&str> = place.split('/').collect();
    let Some(at) =
        parts.iter().rposition(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
    else {
        return vec![Value::Null];
    };
    let rest = parts[at + 1..].iter().map(|part| format!("/{part}")).collect::<String>();
    let list = root.pointer(&parts[..at].join("/")).and_then(Value::as_array);
    let values: Vec<Value> = list.into_iter().flatten().filter_map(|v| v.pointer(&rest)).cloned().collect();
    if values.is_empty() { vec![Value::Null] } else { values }
}

fn remove(parent: &mut Value, last: &str) {
    match parent {
        Value::Object(members) => drop(members.remove(last)),
        Value::Array(list) => {
            if let Some(place) = last.parse::<usize>().ok().filter(|place| *place < list.len()) {
                list.remove(place);
            }
        }
        _ => {}
    }
}

fn set(parent: &mut Value, last: &str, value: Value) -> String {
    let what = format!("set to {}", value.to_string().chars().take(80).collect::<String>());
    match parent {
        Value::Object(members) => drop(members.insert(last.to_owned(), value)),
        Value::Array(list) => {
            let place = last.parse::<usize>().ok();
            place.and_then(|place| list.get_mut(place)).into_iter().for_each(|it| *it = value.clone());
        }
        _ => {}
    }
    what
}

/// A member under another name, or in another case.
fn rename(parent: &mut Value, last: &str, numbers: &mut Numbers) -> String {
    let Value::Object(members) = parent else {
        remove(parent, last);
        return "removed".to_owned();
    };
    let Some(value) = members.remove(last) else { return "nothing".to_owned() };
    let name = match numbers.below(3) {
        0 => last.to_lowercase() + "_",
        1 => last.to_uppercase(),
        _ => (*numbers.pick(&MEMBERS)).to_owned(),
    };
    members.insert(name.clone(), value);
    format!("renamed to {name}")
}

/// An element once more, there or at the end, with one of its members changed as often as not.
fn twice(parent: &mut Value, last: &str, numbers: &mut Numbers) -> String {
    let Value::Array(list) = parent else { return "nothing".to_owned() };
    let place = last.parse::<usize>().unwrap_or(0).min(list.len().saturating_sub(1));
    let Some(mut again) = list.get(place).cloned() else { return "nothing".to_owned() };
    let mut what = "there twice".to_owned();
    if let (Value::Object(members), 0) = (&mut again, numbers.below(2)) {
        let names: Vec<String> = members.keys().cloned().collect();
        if !names.is_empty() {
            let name = numbers.pick(&names).clone();
            let value = likely(&name, &members[&name].clone(), numbers);
            what = format!("there twice, the second time with {name} {value}");
            members.insert(name, value);
        }
    }
    let at = if numbers.below(2) == 0 { place + 1 } else { list.len() };
    list.insert(at, again);
    what
}

/// The first and the last moment of an element change places.
fn swap_dates(parent: &mut Value, last: &str) -> String {
    let element = match parent {
        Value::Array(list) => last.parse::<usize>().ok().and_then(|place| list.get_mut(place)),
        object => Some(object),
    };
    let Some(Value::Object(members)) = element else { return "nothing".to_owned() };
    let take = |members: &mut Map<String, Value>, name: &str| members.remove(name);
    let (since, to) = (take(members, "availableSince"), take(members, "availableTo"));
    members.extend(to.map(|to| ("availableSince".to_owned(), to)));
    members.extend(since.map(|since| ("availableTo".to_owned(), since)));
    "its dates are swapped".to_owned()
}

/// A list, or the list that an element is in, ends early.
fn cut(parent: &mut Value, last: &str, numbers: &mut Numbers) -> String {
    if !parent.is_array() && !parent.get(last).is_some_and(Value::is_array) {
        return set(parent, last, json!(""));
    }
    let list = match parent {
        Value::Array(list) => Some(list),
        object => object.get_mut(last).and_then(Value::as_array_mut),
    };
    let Some(list) = list else { return "nothing".to_owned() };
    let keep = numbers.below(list.len() + 1);
    list.truncate(keep);
    format!("the list ends after {keep}")
}

fn of_other_type(old: &Value, numbers: &mut Numbers) -> Value {
    let all = [
        json!(true),
        json!(7),
        json!("7"),
        json!([]),
        json!({}),
        json!([old]),
        json!({"id": old}),
        deep(400),
    ];
    numbers.pick(&all).clone()
}

fn deep(levels: usize) -> Value {
    (0..levels).fold(Value::Null, |inner, _| json!([inner]))
}

/// Another value of the kind that a member of this name has.
fn likely(name: &str, old: &Value, numbers: &mut Numbers) -> Value {
    let texts = |of: &[&str], numbers: &mut Numbers| json!(*numbers.pick(of));
    match name {
        "type" => texts(&TYPES, numbers),
        "dataTypes" => (0..numbers.below(4)).map(|_| texts(&DATA_TYPES, numbers)).collect(),
        "availableSince" | "availableTo" | "exportedUntil" | "exportedFrom" | "expiry" => {
            texts(&MOMENTS, numbers)
        }
        "exchange" => texts(&EXCHANGES, numbers),
        _ => match old {
            Value::Number(_) => {
                let all =
                    [json!(0), json!(-1), json!(u64::MAX), json!(1e308), json!(5e-324), json!(i64::MIN)];
                numbers.pick(&all).clone()
            }
            Value::Bool(is) => json!(!is),
            Value::String(text) => other_text(text, numbers),
            other => of_other_type(other, numbers),
        },
    }
}

fn other_text(text: &str, numbers: &mut Numbers) -> Value {
    match numbers.below(6) {
        0 => json!(text.to_lowercase()),
        1 => json!(format!("{text} ")),
        2 => json!(format!("{text}{}", numbers.pick(&ODD_TEXTS))),
        3 => json!(text.chars().skip(1).collect::<String>()),
        4 => json!(text.repeat(1 + numbers.below(60))),
        _ => json!(*numbers.pick(&ODD_TEXTS)),
    }
}

/// Some bytes of a text are others, or it ends early.
fn mutate_text(text: String, numbers: &mut Numbers) -> (String, String) {
    let mut bytes = text.into_bytes();
    let at = numbers.below(bytes.len());
    let what = match numbers.below(5) {
        0 => {
            bytes.truncate(at);
            format!("the text ends after {at} bytes")
        }
        1 => {
            bytes.remove(at);
            format!("byte {at} is lost")
        }
        2 => {
            let end = (at + 1 + numbers.below(40)).min(bytes.len());
            let piece: Vec<u8> = bytes[at..end].to_vec();
            bytes.splice(at..at, piece);
            format!("bytes {at} to {end} come twice")
        }
        3 => {
            bytes.splice(at..at, *b"1e400");
            format!("1e400 stands at byte {at}")
        }
        _ => {
            let bit = numbers.below(8);
            bytes[at] ^= 1 << bit;
            format!("bit {bit} of byte {at} is the other one")
        }
    };
    (String::from_utf8_lossy(&bytes).into_owned(), what)
}
