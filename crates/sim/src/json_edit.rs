//! Faults in what the vendor's metadata says: a document that is changed in some places before it is sent.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One change of a JSON document. A place is a path of members, as `/datasets/symbols/id=BTCUSDT/dataTypes`: a part
/// `NAME=TEXT` is the first element of a list whose member NAME is TEXT, `*` is every element. A place that is not
/// there is left alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum JsonEdit {
    /// The value there is another one; a member that lacks is added.
    Set {
        /// The place.
        at: String,
        /// The value.
        value: Value,
    },
    /// The member or element is gone.
    Remove {
        /// The place.
        at: String,
    },
    /// The list has one more element at its end.
    Append {
        /// The place of the list.
        at: String,
        /// The element.
        value: Value,
    },
    /// The list has its first elements only.
    Keep {
        /// The place of the list.
        at: String,
        /// How many.
        count: usize,
    },
}

impl JsonEdit {
    /// Sets the value at a place.
    pub fn set(at: &str, value: impl Into<Value>) -> JsonEdit {
        JsonEdit::Set { at: at.to_owned(), value: value.into() }
    }

    /// Removes what is at a place.
    pub fn remove(at: &str) -> JsonEdit {
        JsonEdit::Remove { at: at.to_owned() }
    }

    /// Adds an element to a list.
    pub fn append(at: &str, value: impl Into<Value>) -> JsonEdit {
        JsonEdit::Append { at: at.to_owned(), value: value.into() }
    }

    fn apply(&self, document: &mut Value) {
        match self {
            JsonEdit::Set { at, value } => walk(document, &parts(at), &mut |parent, last| match parent {
                Value::Object(members) => drop(members.insert(last.to_owned(), value.clone())),
                list => elements(list, last).into_iter().for_each(|element| *element = value.clone()),
            }),
            JsonEdit::Remove { at } => walk(document, &parts(at), &mut |parent, last| match parent {
                Value::Object(members) => drop(members.remove(last)),
                Value::Array(list) => list.retain(|element| !fits(element, last)),
                _ => {}
            }),
            JsonEdit::Append { at, value } => change_lists(document, at, |list| list.push(value.clone())),
            JsonEdit::Keep { at, count } => change_lists(document, at, |list| list.truncate(*count)),
        }
    }
}

/// A document with changes; what is no JSON stays as it is.
pub(crate) fn edited(body: &[u8], edits: &[JsonEdit]) -> Vec<u8> {
    let Ok(mut document) = serde_json::from_slice::<Value>(body) else { return body.to_vec() };
    edits.iter().for_each(|edit| edit.apply(&mut document));
    document.to_string().into_bytes()
}

fn parts(at: &str) -> Vec<&str> {
    at.split('/').filter(|part| !part.is_empty()).collect()
}

fn change_lists(document: &mut Value, at: &str, mut change: impl FnMut(&mut Vec<Value>)) {
    walk(document, &parts(at), &mut |parent, last| match parent {
        Value::Object(members) => {
            members.get_mut(last).and_then(Value::as_array_mut).into_iter().for_each(&mut change)
        }
        list => elements(list, last).into_iter().filter_map(Value::as_array_mut).for_each(&mut change),
    });
}

/// Gives every parent of the last part to `act`.
fn walk(value: &mut Value, parts: &[&str], act: &mut dyn FnMut(&mut Value, &str)) {
    match parts {
        [] => {}
        [last] => act(value, last),
        [first, rest @ ..] => match value {
            Value::Object(members) => members.get_mut(*first).into_iter().for_each(|v| walk(v, rest, act)),
            list => elements(list, first).into_iter().for_each(|v| walk(v, rest, act)),
        },
    }
}

fn elements<'a>(list: &'a mut Value, part: &str) -> Vec<&'a mut Value> {
    let all = list.as_array_mut().into_iter().flatten();
    let fitting = all.filter(|element| fits(element, part));
    if part == "*" { fitting.collect() } else { fitting.take(1).collect() }
}

fn fits(element: &Value, part: &str) -> bool {
    part == "*" || part.split_once('=').is_some_and(|(name, text)| element[name].as_str() == Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_and_changed() {
        let document = br#"{"id":"a","list":[{"id":"x","n":[1,2]},{"id":"y","n":[3]}]}"#;
        for (edit, expected) in [
            (JsonEdit::set("/id", "b"), r#"{"id":"b","list":[{"id":"x","n":[1,2]},{"id":"y","n":[3]}]}"#),
            (
                JsonEdit::set("/list/id=x/n", Value::Null),
                r#"{"id":"a","list":[{"id":"x","n":null},{"id":"y","n":[3]}]}"#,
            ),
            (JsonEdit::remove("/list/id=x"), r#"{"id":"a","list":[{"id":"y","n":[3]}]}"#),
            (JsonEdit::remove("/list/*/n"), r#"{"id":"a","list":[{"id":"x"},{"id":"y"}]}"#),
            (
                JsonEdit::append("/list/id=y/n", 4),
                r#"{"id":"a","list":[{"id":"x","n":[1,2]},{"id":"y","n":[3,4]}]}"#,
            ),
            (
                JsonEdit::Keep { at: "/list".to_owned(), count: 1 },
                r#"{"id":"a","list":[{"id":"x","n":[1,2]}]}"#,
            ),
            (
                JsonEdit::set("/nowhere/id=x/n", 1),
                r#"{"id":"a","list":[{"id":"x","n":[1,2]},{"id":"y","n":[3]}]}"#,
            ),
        ] {
            assert_eq!(
                String::from_utf8(edited(document, std::slice::from_ref(&edit))).unwrap(),
                expected,
                "{edit:?}"
            );
        }
        assert_eq!(edited(b"no JSON", &[JsonEdit::remove("/a")]), b"no JSON");
    }
}
