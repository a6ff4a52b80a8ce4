//! What the headers Accept and Accept-Encoding say (RFC 9110, 12.5): ranges with weights, of which the most specific counts.

use axum::http::{HeaderMap, HeaderName};

/// What a client says of something it may be sent.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(crate) struct Wish {
    /// From 0, which means never, to 1.
    pub weight: f32,
    /// How closely the range names it: 2 by its name, 1 by its kind, 0 as anything.
    pub closeness: u8,
}

/// The ranges of a header, in its order, each with its weight. A weight that is none counts as not given.
pub(crate) fn ranges<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<(&'a str, f32)> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let range = |part: &'a str| {
        let mut pieces = part.split(';').map(str::trim);
        let what = pieces.next().unwrap_or_default();
        let weight = pieces.find_map(|piece| {
            let (name, value) = piece.split_once('=')?;
            name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse::<f32>().ok())?
        });
        (what, weight.filter(|weight| (0.0..=1.0).contains(weight)).unwrap_or(1.0))
    };
    values.flat_map(|text| text.split(',')).map(range).filter(|(what, _)| !what.is_empty()).collect()
}

/// What ranges say of a name; `kind` is the range of all of its kind, such as `text/*`, `any` that of all. `None`: nothing.
pub(crate) fn wish(ranges: &[(&str, f32)], names: &[&str], kind: &str, any: &str) -> Option<Wish> {
    let closeness = |what: &str| match () {
        () if names.iter().any(|name| name.eq_ignore_ascii_case(what)) => Some(2),
        () if kind.eq_ignore_ascii_case(what) => Some(1),
        () if any == what => Some(0),
        () => None,
    };
    let said = ranges.iter().filter_map(|(what, weight)| Some((closeness(what)?, *weight)));
    // Of two ranges alike the first counts.
    let closest = said.reduce(|best, next| if next.0 > best.0 { next } else { best });
    closest.map(|(closeness, weight)| Wish { weight, closeness })
}

#[cfg(test)]
mod tests {
    use axum::http::header;

    use super::*;

    #[test]
    fn the_most_specific_range_counts() {
        for (value, expected) in [
            ("text/csv", Some((1.0, 2))),
            ("TEXT/CSV;header=present;Q=0.5", Some((0.5, 2))),
            ("text/*;q=0.3", Some((0.3, 1))),
            ("*/*", Some((1.0, 0))),
            ("*/*, text/csv;q=0", Some((0.0, 2))),
            ("text/csv;q=0.1, text/*, */*", Some((0.1, 2))),
            ("text/csv;q=2", Some((1.0, 2))),
            ("text/csv;q=nan", Some((1.0, 2))),
            ("image/png", None),
            ("", None),
            (" , ;q=1", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, value.parse().unwrap());
            let found = wish(&ranges(&headers, &header::ACCEPT), &["text/csv"], "text/*", "*/*");
            assert_eq!(found.map(|wish| (wish.weight, wish.closeness)), expected, "{value}");
        }
    }
}
