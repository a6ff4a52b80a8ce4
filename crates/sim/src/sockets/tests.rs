//! Every form beside the recording or the example that it is from: names, their order, and the kinds of the values.

#[path = "../../../core/tests/shared/recorded.rs"]
mod recorded;

use std::collections::HashMap;
use std::fmt;
use std::io::{BufRead as _, BufReader};

use flate2::read::MultiGzDecoder;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::market::Market;
use super::market::universe::Symbols;
use super::template::Form;
use super::template::scene::Scene;
use super::venues::{self, VENUES};
use crate::generate::market::ladder::Side;
use crate::generate::universe::listing::{Kind, Listing};

/// What a JSON value is made of, with names in order.
#[derive(Clone, Debug, PartialEq)]
enum Shape {
    Null,
    Truth,
    Number,
    Text,
    List(Vec<Shape>),
    Members(Vec<(String, Shape)>),
}

struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::Truth)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::Number)
    }

    fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
        Ok(Shape::Text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Shape, A::Error> {
        let mut all = Vec::new();
        while let Some(one) = list.next_element()? {
            all.push(one);
        }
        Ok(Shape::List(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        let mut all = Vec::new();
        while let Some(one) = map.next_entry()? {
            all.push(one);
        }
        Ok(Shape::Members(all))
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Shape, D::Error> {
        deserializer.deserialize_any(ShapeVisitor)
    }
}

impl Shape {
    fn of(text: &str) -> Shape {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    fn member(&self, name: &str) -> Option<&Shape> {
        let Shape::Members(all) = self else { return None };
        all.iter().find(|(known, _)| known == name).map(|(_, shape)| shape)
    }

    /// Where ours differs from theirs. A list may have another length; a null of theirs may be anything.
    fn difference(&self, theirs: &Shape, at: &str) -> Option<String> {
        match (self, theirs) {
            (_, Shape::Null) => None,
            (Shape::List(ours), Shape::List(theirs)) => ours.iter().enumerate().find_map(|(i, one)| {
                let other = theirs.get(i).or(theirs.last())?;
                one.difference(other, &format!("{at}/{i}"))
            }),
            (Shape::Members(ours), Shape::Members(theirs)) => {
                let names =
                    |all: &[(String, Shape)]| all.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
                if names(ours) != names(theirs) {
                    return Some(format!("{at}: {:?}, theirs {:?}", names(ours), names(theirs)));
                }
                ours.iter()
                    .zip(theirs)
                    .find_map(|((name, one), (_, other))| one.difference(other, &format!("{at}/{name}")))
            }
            _ if self == theirs => None,
            _ => Some(format!("{at}: {self:?}, theirs {theirs:?}")),
        }
    }
}

/// The example of a source. `None`: the recordings are not here.
fn example(source: &str) -> Option<String> {
    let mut words = source.splitn(3, ' ');
    let (kind, place, rest) = (words.next()?, words.next()?, words.next().unwrap_or_default());
    match kind {
        "cited" => Some(rest.split_once(' ')?.1.to_owned()),
        "native" => {
            let path = recorded::recorded("native/native_to_normalized.ndjson")?;
            let text = std::fs::read_to_string(path).unwrap();
            let line = text.lines().nth(place.parse().unwrap()).unwrap();
            let native: HashMap<String, Box<serde_json::value::RawValue>> =
                serde_json::from_str(line).unwrap();
            Some(native["native"].get().to_owned())
        }
        "recorded" => {
            let path = recorded::recorded(&format!("live/{place}"))?;
            let reader = BufReader::new(MultiGzDecoder::new(std::fs::File::open(path).unwrap()));
            let is_it = |line: &String| line.contains(rest) && !line.contains(" <- ");
            let line = reader.lines().map(Result::unwrap).skip(1).find(is_it);
            let line = line.unwrap_or_else(|| panic!("{place} has nothing like {rest}"));
            let start = line.find(['{', '[']).unwrap();
            Some(line[start..].trim_end_matches('\'').to_owned())
        }
        _ => panic!("no source: {source}"),
    }
}

/// Values for the fields that an answer is given.
fn given(venue: &str, name: &str) -> &'static str {
    match (venue, name) {
        ("upbit", "streams") => r#"{"type":"a","codes":["b"]}"#,
        (_, "streams" | "topics" | "failed") => r#""a""#,
        (_, "success") => "true",
        (_, "result") => r#"["a"]"#,
        (_, "arg") => r#"{"channel":"a","instId":"b"}"#,
        (_, "request") => r#"{"op":"a","args":["b"]}"#,
        (_, "data") => r#"{"method":"a","subscription":{"type":"a","coin":"b"}}"#,
        (_, "channels") => r#"{"name":"a","product_ids":["b"]}"#,
        (_, "method" | "op") => "subscribe",
        _ => "1",
    }
}

/// The instrument that a form is tried with.
fn instrument(symbols: &Symbols, kind: &str) -> Market {
    let is_option = kind.ends_with("option");
    let fits = |(listing, _): &(&Listing, &str)| (listing.kind == Kind::Option) == is_option;
    let (listing, symbol) = symbols.iter().find(fits).or_else(|| symbols.iter().next()).unwrap();
    let now_us = 1_790_000_000_000_000;
    let mut market = Market::open(
        listing.clone(),
        symbol.to_owned(),
        "any",
        1,
        super::market::Numbering::Contiguous,
        now_us,
    );
    for step in 1..4_000 {
        market.step(now_us + step * 100_000);
        let has = |side| market.moved.iter().any(|moved| moved.side == side);
        if step > 5 && !market.prints.is_empty() && has(Side::Bid) && has(Side::Ask) {
            return market;
        }
    }
    panic!("{symbol} never trades")
}

fn written(venue: &str, form: &Form, kind: &str, market: &Market, text: &str) -> String {
    if text.contains("<$") && !kind.starts_with("unit") {
        let names = text.split("<$").skip(1).map(|rest| rest.split_once('>').unwrap().0);
        let fields: Vec<(&str, &str)> = names.map(|name| (name, given(venue, name))).collect();
        return form.answer(kind, &fields);
    }
    let scene = Scene {
        market,
        print: market.prints.first(),
        moved: &market.moved,
        bids: &market.bids,
        asks: &market.asks,
        stream: "a",
        label: "b",
        is_micro: kind.ends_with("_simple"),
        is_stamped: false,
        has_checksum: false,
    };
    let mut out = Vec::new();
    assert!(form.write(kind, &scene, &mut out), "{venue} {kind}");
    String::from_utf8(out).unwrap()
}

#[test]
fn every_form_is_that_of_its_source() {
    let mut compared = 0;
    let mut wrong = Vec::new();
    for venue in VENUES {
        let form = venues::find(venue).unwrap().1.form();
        let symbols = Symbols::of(venue, 1, 1_790_000_000_000_000, &[]);
        let file = if venue.starts_with("okex") { "okx" } else { venue };
        let path = format!("{}/src/sockets/templates/{file}.txt", env!("CARGO_MANIFEST_DIR"));
        for line in std::fs::read_to_string(path).unwrap().lines().filter(|line| !line.starts_with('#')) {
            let parts: Vec<&str> = line.splitn(3, " | ").collect();
            let [kind, source, text] = parts[..] else { panic!("{line}") };
            // Parts of others, which are compared there.
            if ["wrap", "level", "unit"].iter().any(|part| kind.starts_with(part)) {
                continue;
            }
            let Some(theirs) = example(source) else { continue };
            let (ours, theirs) = (
                Shape::of(&written(venue, &form, kind, &instrument(&symbols, kind), text)),
                Shape::of(&theirs),
            );
            let inner = theirs.member("stream").and_then(|_| theirs.member("data"));
            wrong.extend(ours.difference(inner.unwrap_or(&theirs), &format!("{venue} {kind}")));
            compared += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared > 40, "{compared}");
}

#[test]
fn a_wrong_form_is_found() {
    let theirs = Shape::of(r#"{"a":1,"b":["x",2],"c":null}"#);
    for (ours, is_same) in [
        (r#"{"a":2,"b":["y",3],"c":"z"}"#, true),
        (r#"{"b":["y",3],"a":2,"c":1}"#, false),
        (r#"{"a":"2","b":["y",3],"c":1}"#, false),
        (r#"{"a":2,"b":[3,"y"],"c":1}"#, false),
        (r#"{"a":2,"b":["y",3]}"#, false),
    ] {
        assert_eq!(Shape::of(ours).difference(&theirs, "").is_none(), is_same, "{ours}");
    }
}
