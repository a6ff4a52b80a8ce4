//! Tests of names: keys, venues, symbols of every exchange, and lists of instruments.

// Helpers of tests are tests too, which clippy does not see.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

mod candles;
mod certificates;
mod checks;
mod contracts;
mod defects;
mod documents;
mod exchange_lists;
mod key_page;
mod keys;
mod lists;
mod misspellings;
mod real_candles;
mod real_symbols;
#[path = "../shared/recorded.rs"]
mod recorded;
mod symbols_of_exchanges;
mod symbols_of_further_exchanges;
mod times;
mod universes;
mod venues;
mod want;

use mtdh_core::Day;
use mtdh_core::key::InstrumentType;
use mtdh_core::symbol::{Listed, Named, Names};
use mtdh_core::venue::venue_of_exchange;

/// The day of `YYYY-MM-DD`.
fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// Names a symbol by itself; `kind` is the vendor's word.
fn name(exchange: &str, id: &str, kind: &str, since: Option<Day>) -> Named {
    let kind = InstrumentType::of_vendor(kind).unwrap_or(InstrumentType::Unknown);
    Names::new(exchange).name(&Listed { since, ..Listed::new(id, kind) })
}

/// One line for what a name says: `TYPE:SYMBOL`, then the settlement asset, then `inverse`.
fn line(named: &Named) -> String {
    let (_, key) = named.key.as_str().split_once(':').unwrap();
    let settle = named.settle.as_deref().map(|asset| format!(" {asset}")).unwrap_or_default();
    format!("{key}{settle}{}", if named.inverse == Some(true) { " inverse" } else { "" })
}

/// The form that a symbol has in the vendor's files.
fn dataset_form(id: &str) -> String {
    id.to_uppercase().replace(['/', ':'], "-")
}

/// Checks symbols of an exchange, in API form and in dataset form: id, the vendor's type, and what [`line`] says.
fn check(exchange: &str, cases: &[(&str, &str, &str)]) {
    for (id, kind, expected) in cases {
        for form in [(*id).to_owned(), dataset_form(id)] {
            let named = name(exchange, &form, kind, None);
            assert_eq!(line(&named), *expected, "{exchange} {form}");
            assert_eq!(named.key.venue(), venue_of_exchange(exchange));
        }
    }
}
