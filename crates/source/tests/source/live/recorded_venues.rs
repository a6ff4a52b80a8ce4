//! Recorded traffic of OKX, Bybit and Upbit, whole and with planted damage.

use std::collections::BTreeMap;

use mtdh_core::DataType;
use mtdh_source::live::venues;
use serde_json::Value;

use super::Fed;
use super::recordings::{feed, received};
use crate::cells;
use crate::recorded::recorded;

const OKX: &str = "live/cryptofeed_OKX.ws.1.0.gz";

fn groups(fed: &Fed, taken: &mtdh_source::live::rows::Taken, data_type: DataType) -> usize {
    taken.groups.iter().filter(|group| fed.out.rows.name(group.stream).data_type == data_type).count()
}

#[test]
fn okx_has_290_books_whose_checksums_are_right() {
    let Some(path) = recorded(OKX) else { return };
    let messages = received(&path);
    let (fed, taken) = feed(venues::find("okex-swap").unwrap(), &messages);
    assert_eq!(fed.out.unread, 0, "{:?}", fed.out.unread_texts);
    assert!(fed.out.gaps.is_empty(), "{:?}", &fed.out.gaps[..1]);
    assert_eq!(groups(&fed, &taken, DataType::IncrementalBookL2), 290);
    assert_eq!(groups(&fed, &taken, DataType::Trades), 74);
}

/// The messages of books, each with its instrument.
fn books(messages: Vec<(i64, Vec<u8>)>) -> Vec<(String, (i64, Vec<u8>))> {
    let instrument = |text: &[u8]| -> Option<String> {
        let message: Value = serde_json::from_slice(text).ok()?;
        message["action"].as_str()?;
        Some(message["arg"]["instId"].as_str()?.to_owned())
    };
    messages.into_iter().filter_map(|message| Some((instrument(&message.1)?, message))).collect()
}

/// Those of one instrument without the one at `lost`, as they would have arrived.
fn without(books: &[(String, (i64, Vec<u8>))], lost: usize) -> Vec<(i64, Vec<u8>)> {
    let same = books.iter().enumerate().filter(|(at, (name, _))| *name == books[lost].0 && *at != lost);
    same.map(|(_, (_, message))| message.clone()).collect()
}

#[test]
fn okx_looks_at_each_checksum() {
    let Some(path) = recorded(OKX) else { return };
    let books = books(received(&path));
    let okx = venues::find("okex-swap").unwrap();
    for (place, (name, (at, text))) in books.iter().enumerate() {
        let mut changed = text.clone();
        let sum = memchr::memmem::find(text, br#""checksum":"#).unwrap() + br#""checksum":"#.len();
        let digit = changed[sum..].iter_mut().find(|byte| byte.is_ascii_digit()).unwrap();
        *digit = if *digit == b'1' { b'2' } else { b'1' };
        let before = books[..place].iter().filter(|(of, _)| of == name).map(|(_, message)| message.clone());
        let (fed, _) = feed(okx, &before.chain([(*at, changed)]).collect::<Vec<_>>());
        let is_snapshot = memchr::memmem::find(text, br#""snapshot""#).is_some();
        // A book that never began has no loss to tell: it is asked for.
        let kinds: Vec<_> = fed.out.gaps.iter().map(|gap| (gap.kind, gap.is_proven)).collect();
        let expected: &[(&str, bool)] = if is_snapshot { &[] } else { &[("checksum", true)] };
        assert_eq!(kinds, expected, "{place}");
    }
}

/// The 25 best levels of both sides after each message.
fn tops(messages: &[(i64, Vec<u8>)]) -> Vec<Vec<String>> {
    let mut sides: [BTreeMap<u64, String>; 2] = Default::default();
    let after = |(_, text): &(i64, Vec<u8>)| {
        let message: Value = serde_json::from_slice(text).unwrap();
        if message["action"] == "snapshot" {
            sides = Default::default();
        }
        for (side, key) in sides.iter_mut().zip(["asks", "bids"]) {
            for level in message["data"][0][key].as_array().unwrap() {
                let (price, size) = (level[0].as_str().unwrap(), level[1].as_str().unwrap());
                let order = price.parse::<f64>().unwrap().to_bits();
                if size.parse() == Ok(0.0) {
                    side.remove(&order);
                } else {
                    side.insert(order, format!("{price}:{size}"));
                }
            }
        }
        sides[0].values().take(25).chain(sides[1].values().rev().take(25)).cloned().collect()
    };
    messages.iter().map(after).collect()
}

#[test]
fn okx_shows_each_lost_update_that_changed_the_best_levels() {
    let Some(path) = recorded(OKX) else { return };
    let books = books(received(&path));
    let (mut shown, mut hidden) = (0, 0);
    for lost in 0..books.len() {
        let message = &books[lost].1.1;
        if memchr::memmem::find(message, br#""snapshot""#).is_some() {
            continue;
        }
        let whole: Vec<_> = books
            .iter()
            .filter(|(name, _)| *name == books[lost].0)
            .map(|(_, message)| message.clone())
            .collect();
        let rest = without(&books, lost);
        let at = whole.iter().position(|(_, text)| text == message).unwrap();
        let mut expected = tops(&whole);
        expected.remove(at);
        let is_provable = expected != tops(&rest);
        let (fed, _) = feed(venues::find("okex-swap").unwrap(), &rest);
        assert_eq!(fed.out.gaps.iter().any(|gap| gap.kind == "checksum"), is_provable, "{lost}");
        *(if is_provable { &mut shown } else { &mut hidden }) += 1;
    }
    eprintln!("{shown} lost updates show, {hidden} changed no level that a later checksum holds");
    assert!(shown > 200);
}

#[test]
fn bybits_old_books_and_trades_are_whole() {
    let Some(path) = recorded("live/cryptofeed_BYBIT.ws.26.0.gz") else { return };
    let (fed, taken) = feed(venues::find("bybit").unwrap(), &received(&path));
    assert_eq!(fed.out.unread, 0, "{:?}", fed.out.unread_texts);
    assert!(fed.out.gaps.is_empty(), "{:?}", &fed.out.gaps[..1]);
    assert_eq!(groups(&fed, &taken, DataType::IncrementalBookL2), 1_018);
    assert_eq!(groups(&fed, &taken, DataType::Trades), 150);
}

#[test]
fn upbit_keeps_ids_that_no_float_holds() {
    let Some(path) = recorded("live/cryptofeed_UPBIT.ws.62.0.gz") else { return };
    let (fed, taken) = feed(venues::find("upbit").unwrap(), &received(&path));
    assert_eq!(fed.out.unread, 0, "{:?}", fed.out.unread_texts);
    assert!(fed.out.gaps.is_empty(), "{:?}", &fed.out.gaps[..1]);
    assert_eq!(groups(&fed, &taken, DataType::IncrementalBookL2), 145);
    let mut ids: Vec<u64> = Vec::new();
    for (stream, batch) in &taken.batches {
        if fed.out.rows.name(*stream).data_type == DataType::Trades {
            let column = &DataType::Trades.table().columns[2];
            ids.extend(
                cells(column.kind, batch.column(2)).into_iter().map(|id| id.unwrap().parse::<u64>().unwrap()),
            );
        }
    }
    assert_eq!(ids.len(), 304);
    assert!(
        ids.iter().any(|id| *id > 1 << 53 && *id as f64 as u64 != *id) || ids.iter().any(|id| *id > 1 << 53)
    );
}
