//! Edits of JSON documents, for faults of the metadata API.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An edit of a JSON document.
///
/// `at` is a path of members such as `/datasets/symbols/id=BTCUSDT/dataTypes`. A part `NAME=TEXT` selects the first
/// element of a list whose member NAME is TEXT; `*` selects every element. A path that does not exist changes nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum JsonEdit {
    /// Replaces a value, or adds a member.
    Set {
        /// Path of the value.
        at: String,
        /// The new value.
        value: Value,
    },
    /// Removes a member, or the selected elements.
    Remove {
        /// Path of the value.
        at: String,
    },
    /// Appends an element to a list.
    Append {
        /// Path of the list.
        at: String,
        /// The new element.
        value: Value,
    },
    /// Truncates a list.
    Keep {
        /// Path of the list.
        at: String,
        /// Number of elements that remain.
        count: usize,
    },
}

impl JsonEdit {
    /// Creates a [`JsonEdit::Set`].
    pub fn set(at: &str, value: impl Into<Value>) -> JsonEdit {
        JsonEdit::Set { at: at.to_owned(), value: value.into() }
    }

    /// Creates a [`JsonEdit::Remove`].
    pub fn remove(at: &str) -> JsonEdit {
        JsonEdit::Remove { at: at.to_owned() }
    }

    /// Creates a [`JsonEdit::Append`].
    pub fn append(at: &str, value: impl Into<Value>) -> JsonEdit {
        JsonEdit::Append { at: at.to_owned(), value: value.into() }
    }

    fn apply(&self, document: &mut Value) {
        match self {
            JsonEdit::Set { at, value } => {
                visit_parents(document, &path_parts(at), &mut |parent, last| set_value(parent, last, value));
            }
            JsonEdit::Remove { at } => visit_parents(document, &path_parts(at), &mut remove_value),
            JsonEdit::Append { at, value } => change_lists(document, at, |list| list.push(value.clone())),
            JsonEdit::Keep { at, count } => change_lists(document, at, |list| list.truncate(*count)),
        }
    }
}

/// Applies edits to a JSON text. A text that is no JSON is returned unchanged.
pub(crate) fn apply_edits(body: &[u8], edits: &[JsonEdit]) -> Vec<u8> {
    let Ok(mut document) = serde_json::from_slice::<Value>(body) else { return body.to_vec() };
    for edit in edits {
        edit.apply(&mut document);
    }
    document.to_string().into_bytes()
}

fn path_parts(at: &str) -> Vec<&str> {
    at.split('/').filter(|part| !part.is_empty()).collect()
}

fn set_value(parent: &mut Value, last: &str, value: &Value) {
    if let Value::Object(members) = parent {
        members.insert(last.to_owned(), value.clone());
        return;
    }
    for element in selected_elements(parent, last) {
        *element = value.clone();
    }
}

fn remove_value(parent: &mut Value, last: &str) {
    match parent {
        Value::Object(members) => {
            members.remove(last);
        }
        Value::Array(list) => list.retain(|element| !is_selected(element, last)),
        _ => {}
    }
}

fn change_lists(document: &mut Value, at: &str, mut change: impl FnMut(&mut Vec<Value>)) {
    visit_parents(document, &path_parts(at), &mut |parent, last| {
        for child in children(parent, last) {
            if let Some(list) = child.as_array_mut() {
                change(list);
            }
        }
    });
}

/// Calls `act` with every value that contains the last part of a path, and with that part.
fn visit_parents(value: &mut Value, parts: &[&str], act: &mut dyn FnMut(&mut Value, &str)) {
    match parts {
        [] => {}
        [last] => act(value, last),
        [first, rest @ ..] => {
            for child in children(value, first) {
                visit_parents(child, rest, act);
            }
        }
    }
}

/// Returns the member of an object, or the selected elements of a list.
fn children<'a>(value: &'a mut Value, part: &str) -> Vec<&'a mut Value> {
    match value {
        Value::Object(members) => members.get_mut(part).into_iter().collect(),
        list => selected_elements(list, part),
    }
}

fn selected_elements<'a>(list: &'a mut Value, part: &str) -> Vec<&'a mut Value> {
    let all = list.as_array_mut().into_iter().flatten();
    let selected = all.filter(|element| is_selected(element, part));
    if part == "*" { selected.collect() } else { selected.take(1).collect() }
}

fn is_selected(element: &Value, part: &str) -> bool {
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
                String::from_utf8(apply_edits(document, std::slice::from_ref(&edit))).unwrap(),
                expected,
                "{edit:?}"
            );
        }
        assert_eq!(apply_edits(b"no JSON", &[JsonEdit::remove("/a")]), b"no JSON");
    }
}
