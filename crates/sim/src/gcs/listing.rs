//! Lists of objects: by prefix, cut at a delimiter, page by page.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::object::Object;
use crate::server::file_cache::hex;

/// What to list.
#[derive(Clone, Debug, Default)]
pub(super) struct Query {
    pub(super) prefix: String,
    pub(super) delimiter: String,
    /// Only names after this one.
    pub(super) after: Option<String>,
    /// Only names from this one on.
    pub(super) from: Option<String>,
    /// Only names before this one.
    pub(super) until: Option<String>,
    /// Where the page before ended: the `next` of its answer, or a name after which to go on.
    pub(super) token: Option<String>,
    pub(super) most: usize,
}

/// A page of a list.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) objects: Vec<(String, Arc<Object>)>,
    /// Beginnings of names up to the delimiter.
    pub(super) prefixes: Vec<String>,
    /// Where the next page begins; nothing on the last one.
    pub(super) next: Option<String>,
}

/// Most entries of a page.
pub(super) const MOST: usize = 1000;

/// A page of the objects.
pub(super) fn page(objects: &BTreeMap<String, Arc<Object>>, query: &Query) -> Page {
    let mut page = Page::default();
    let mut start = first_bound(query);
    while let Some((name, object)) = objects.range::<String, _>((start.clone(), Bound::Unbounded)).next() {
        let is_past_end = query.until.as_ref().is_some_and(|until| name >= until);
        if is_past_end || (!name.starts_with(&query.prefix) && *name > query.prefix) {
            break;
        }
        if page.objects.len() + page.prefixes.len() == query.most.min(MOST) {
            page.next = Some(token(&start));
            break;
        }
        start = match cut(name, query) {
            Some(common) => {
                let beyond = successor(&common);
                page.prefixes.push(common);
                Bound::Included(beyond)
            }
            None => {
                page.objects.push((name.clone(), Arc::clone(object)));
                Bound::Excluded(name.clone())
            }
        };
    }
    page
}

fn first_bound(query: &Query) -> Bound<String> {
    let resumed = query.token.as_deref().and_then(read_token);
    let from = [Some(&query.prefix), query.from.as_ref(), resumed.as_ref()].into_iter().flatten().max();
    let after = query.after.as_ref().or(query.token.as_ref().filter(|_| resumed.is_none()));
    match (after, from) {
        (Some(after), from) if from.is_none_or(|from| after >= from) => Bound::Excluded(after.clone()),
        (_, from) => from.map_or(Bound::Unbounded, |from| Bound::Included(from.clone())),
    }
}

const TOKEN: &str = "page~";

/// The beginning of the next page as text that every face can carry.
fn token(start: &Bound<String>) -> String {
    let first = match start {
        Bound::Included(name) => name.clone(),
        Bound::Excluded(name) => format!("{name}\0"),
        Bound::Unbounded => String::new(),
    };
    format!("{TOKEN}{}", hex(first.as_bytes()))
}

/// The name in a token; nothing when the text is a name itself, as old clients of the XML face send it.
fn read_token(text: &str) -> Option<String> {
    let digits = text.strip_prefix(TOKEN)?.as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    String::from_utf8(digits.chunks(2).map(byte).collect::<Option<Vec<u8>>>()?).ok()
}

/// The beginning of a name up to the delimiter, if it has one after the prefix.
fn cut(name: &str, query: &Query) -> Option<String> {
    if query.delimiter.is_empty() {
        return None;
    }
    let rest = &name[query.prefix.len()..];
    let end = rest.find(&query.delimiter)? + query.delimiter.len();
    Some(name[..query.prefix.len() + end].to_owned())
}

/// The first text after all that begin with this one.
fn successor(text: &str) -> String {
    format!("{text}\u{10ffff}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gcs::object::About;

    fn bucket(names: &[&str]) -> BTreeMap<String, Arc<Object>> {
        let object = Arc::new(Object::of_parts("x".into(), About::default(), 1));
        names.iter().map(|name| (name.to_string(), Arc::clone(&object))).collect()
    }

    /// Every entry of all pages, each page with the size of `most`.
    fn list(objects: &BTreeMap<String, Arc<Object>>, query: Query) -> Vec<String> {
        let mut entries = Vec::new();
        let mut token = None;
        loop {
            let page = page(objects, &Query { token: token.clone(), ..query.clone() });
            assert!(page.objects.len() + page.prefixes.len() <= query.most);
            let mut names: Vec<String> =
                page.objects.into_iter().map(|(name, _)| name).chain(page.prefixes).collect();
            names.sort();
            entries.extend(names);
            token = page.next;
            if token.is_none() {
                return entries;
            }
        }
    }

    #[test]
    fn pages_of_any_size_list_the_same() {
        let objects = bucket(&["a", "a/1", "a/2", "a/b/3", "b", "b/", "c/é", "d:e/f", "z"]);
        for most in 1..12 {
            let query = |prefix: &str, delimiter: &str| Query {
                prefix: prefix.to_owned(),
                delimiter: delimiter.to_owned(),
                most,
                ..Query::default()
            };
            assert_eq!(list(&objects, query("", "")).len(), objects.len());
            assert_eq!(list(&objects, query("", "/")), ["a", "a/", "b", "b/", "c/", "d:e/", "z"]);
            assert_eq!(list(&objects, query("a/", "/")), ["a/1", "a/2", "a/b/"]);
            assert_eq!(list(&objects, query("a/", "")), ["a/1", "a/2", "a/b/3"]);
            assert_eq!(list(&objects, query("none", "/")), [""; 0]);
            let after = Query { after: Some("a/2".to_owned()), ..query("a/", "") };
            assert_eq!(list(&objects, after), ["a/b/3"]);
            let between = Query { from: Some("a/2".into()), until: Some("c".into()), ..query("", "") };
            assert_eq!(list(&objects, between), ["a/2", "a/b/3", "b", "b/"]);
        }
    }
}
