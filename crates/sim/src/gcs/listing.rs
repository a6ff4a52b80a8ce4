//! Listings of objects: by prefix, grouped by delimiter, in pages.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::object::Object;
use crate::hex::lower_hex;

/// The parameters of a listing.
#[derive(Clone, Debug, Default)]
pub(super) struct Query {
    pub(super) prefix: String,
    pub(super) delimiter: String,
    /// Lists names after this one.
    pub(super) after: Option<String>,
    /// Lists this name and those after it.
    pub(super) from: Option<String>,
    /// Lists names before this one.
    pub(super) until: Option<String>,
    /// Continuation: the `next` of the page before, or a name after which to continue.
    pub(super) token: Option<String>,
    /// Most entries of the page.
    pub(super) limit: usize,
}

/// A page of a listing.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Objects by name.
    pub(super) objects: Vec<(String, Arc<Object>)>,
    /// Common prefixes of names, up to and including the delimiter.
    pub(super) prefixes: Vec<String>,
    /// Continuation token of the next page; `None` on the last page.
    pub(super) next: Option<String>,
}

/// Most entries of a page.
pub(super) const MAX_ENTRIES: usize = 1000;

/// Lists a page of the objects.
pub(super) fn list_page(objects: &BTreeMap<String, Arc<Object>>, query: &Query) -> Page {
    let mut page = Page::default();
    let mut start = first_bound(query);
    while let Some((name, object)) = objects.range::<String, _>((start.clone(), Bound::Unbounded)).next() {
        let is_past_end = query.until.as_ref().is_some_and(|until| name >= until);
        if is_past_end || (!name.starts_with(&query.prefix) && *name > query.prefix) {
            break;
        }
        if page.objects.len() + page.prefixes.len() == query.limit.min(MAX_ENTRIES) {
            page.next = Some(format_token(&start));
            break;
        }
        start = match common_prefix(name, query) {
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
    let resumed = query.token.as_deref().and_then(parse_token);
    let from = [Some(&query.prefix), query.from.as_ref(), resumed.as_ref()].into_iter().flatten().max();
    let after = query.after.as_ref().or(query.token.as_ref().filter(|_| resumed.is_none()));
    match (after, from) {
        (Some(after), from) if from.is_none_or(|from| after >= from) => Bound::Excluded(after.clone()),
        (_, from) => from.map_or(Bound::Unbounded, |from| Bound::Included(from.clone())),
    }
}

const TOKEN: &str = "page~";

/// Formats the start of the next page as a token for both APIs.
fn format_token(start: &Bound<String>) -> String {
    let first = match start {
        Bound::Included(name) => name.clone(),
        Bound::Excluded(name) => format!("{name}\0"),
        Bound::Unbounded => String::new(),
    };
    format!("{TOKEN}{}", lower_hex(first.as_bytes()))
}

/// Parses the name in a token. `None`: the text is a name, as old clients of the XML API send it.
fn parse_token(text: &str) -> Option<String> {
    let digits = text.strip_prefix(TOKEN)?.as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    String::from_utf8(digits.chunks(2).map(byte).collect::<Option<Vec<u8>>>()?).ok()
}

/// Returns a name up to its first delimiter after the prefix. `None`: there is no delimiter.
fn common_prefix(name: &str, query: &Query) -> Option<String> {
    if query.delimiter.is_empty() {
        return None;
    }
    let rest = &name[query.prefix.len()..];
    let end = rest.find(&query.delimiter)? + query.delimiter.len();
    Some(name[..query.prefix.len() + end].to_owned())
}

/// Returns a text that sorts after all texts with this prefix.
fn successor(text: &str) -> String {
    format!("{text}\u{10ffff}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gcs::object::Attributes;

    fn bucket(names: &[&str]) -> BTreeMap<String, Arc<Object>> {
        let object = Arc::new(Object::from_parts("x".into(), Attributes::default(), 1));
        names.iter().map(|name| (name.to_string(), Arc::clone(&object))).collect()
    }

    /// Every entry of all pages, page by page.
    fn list(objects: &BTreeMap<String, Arc<Object>>, query: Query) -> Vec<String> {
        let mut entries = Vec::new();
        let mut token = None;
        loop {
            let page = list_page(objects, &Query { token: token.clone(), ..query.clone() });
            assert!(page.objects.len() + page.prefixes.len() <= query.limit);
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
        for limit in 1..12 {
            let query = |prefix: &str, delimiter: &str| Query {
                prefix: prefix.to_owned(),
                delimiter: delimiter.to_owned(),
                limit,
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
