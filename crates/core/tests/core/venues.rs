//! Exchange ids and venue names.

use mtdh_core::venue::{
    DEFAULT_VENUES, EXCHANGES, exchange_of_venue, parse_any_venue, parse_venue, suggest, venue_of_exchange,
};
use proptest::prelude::*;

#[test]
fn venues_are_the_ids_in_upper_case_but_for_okx() {
    for (exchange, venue) in [
        ("binance", "BINANCE"),
        ("binance-futures", "BINANCE-FUTURES"),
        ("okex", "OKX"),
        ("okex-futures", "OKX-FUTURES"),
        ("okex-swap", "OKX-SWAP"),
        ("okex-options", "OKX-OPTIONS"),
        ("okex-spreads", "OKX-SPREADS"),
        ("okcoin", "OKCOIN"),
        ("a-new-one", "A-NEW-ONE"),
        ("okexchange", "OKEXCHANGE"),
    ] {
        assert_eq!(venue_of_exchange(exchange), venue);
        assert_eq!(exchange_of_venue(venue), exchange);
    }
}

#[test]
fn every_known_exchange_is_a_venue_by_both_names_in_any_case() {
    assert_eq!(EXCHANGES.len(), 64);
    for exchange in EXCHANGES {
        let venue = venue_of_exchange(exchange);
        assert_eq!(parse_venue(exchange), Ok(venue.clone()));
        assert_eq!(parse_venue(&exchange.to_uppercase()), Ok(venue.clone()));
        assert_eq!(parse_venue(&venue.to_lowercase()), Ok(venue));
    }
    for venue in DEFAULT_VENUES {
        assert_eq!(parse_venue(venue).as_deref(), Ok(*venue));
    }
}

#[test]
fn a_mistyped_venue_is_answered_with_the_nearest() {
    for (typed, expected) in [
        ("BINNANCE", "unknown venue `BINNANCE`; did you mean BINANCE?"),
        ("deribt", "unknown venue `deribt`; did you mean DERIBIT?"),
        ("okex-swaps", "unknown venue `okex-swaps`; did you mean OKX-SWAP?"),
        ("binance_futures", "unknown venue `binance_futures`; did you mean BINANCE-FUTURES?"),
        ("nasdaq", "unknown venue `nasdaq`"),
        ("", "unknown venue ``"),
    ] {
        assert_eq!(parse_venue(typed).unwrap_err().to_string(), expected);
    }
    for (typed, expected) in [
        ("okex-swap", Ok("OKX-SWAP".to_owned())),
        ("A-New-One", Ok("A-NEW-ONE".to_owned())),
        ("okx-next", Ok("OKX-NEXT".to_owned())),
        ("okex-next", Ok("OKX-NEXT".to_owned())),
        ("BINANCE FUTURES", Err("unknown venue `BINANCE FUTURES`; did you mean BINANCE-FUTURES?".to_owned())),
        ("../etc", Err("unknown venue `../etc`".to_owned())),
        ("", Err("unknown venue ``".to_owned())),
        ("--", Err("unknown venue `--`".to_owned())),
    ] {
        assert_eq!(parse_any_venue(typed).map_err(|unknown| unknown.to_string()), expected);
    }
    assert_eq!(suggest("bybit-spots").as_deref(), Some("BYBIT-SPOT"));
}

proptest! {
    #[test]
    fn the_two_names_lead_to_each_other(exchange in "(okex|okx|[a-z][a-z0-9]{0,8})(-[a-z0-9]{1,8}){0,2}") {
        prop_assert_eq!(exchange_of_venue(&venue_of_exchange(&exchange)), exchange);
    }
}
