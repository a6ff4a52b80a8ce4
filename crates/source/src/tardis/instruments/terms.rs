//! The contract terms of a moment, from the vendor's current terms and its list of changes.
//!
//! The vendor claims that its changes of `contractMultiplier` are complete; of the other terms it may lack some.
//! Source: <https://docs.tardis.dev/api/instruments-metadata-api>.

use mtdh_core::Day;

use crate::tardis::metadata::model::{Change, InstrumentInfo};

/// The terms in force at a time, microseconds since the Unix epoch, UTC: of each term the first change after it that names the
/// term, else the current value. Without changes of its own.
pub(super) fn in_force(contract: &InstrumentInfo, at_us: i64) -> InstrumentInfo {
    let mut later: Vec<&Change> =
        contract.changes.iter().filter(|change| change.until.timestamp_micros() > at_us).collect();
    later.sort_by_key(|change| change.until);
    macro_rules! term {
        ($name:ident) => {
            later.iter().find_map(|change| change.$name.clone()).or_else(|| contract.$name.clone())
        };
    }
    macro_rules! always_stated {
        ($name:ident) => {
            later.iter().find_map(|change| change.$name.clone()).unwrap_or_else(|| contract.$name.clone())
        };
    }
    InstrumentInfo {
        id: contract.id.clone(),
        dataset_id: contract.dataset_id.clone(),
        alias_for: contract.alias_for.clone(),
        available_since: contract.available_since,
        available_to: contract.available_to,
        exchange: contract.exchange.clone(),
        kind: always_stated!(kind),
        base_currency: contract.base_currency.clone(),
        quote_currency: always_stated!(quote_currency),
        contract_type: term!(contract_type),
        expiry: term!(expiry),
        price_increment: term!(price_increment),
        min_trade_amount: term!(min_trade_amount),
        inverse: term!(inverse),
        quanto: term!(quanto),
        contract_multiplier: term!(contract_multiplier),
        settlement_currency: term!(settlement_currency),
        strike_price: contract.strike_price.clone(),
        option_type: contract.option_type.clone(),
        changes: Vec::new(),
    }
}

/// The type that a change states for a time; `None` if none does, so that the lists' type holds.
pub(super) fn stated_kind(contract: &InstrumentInfo, at_us: i64) -> Option<String> {
    let later = contract.changes.iter().filter(|c| c.until.timestamp_micros() > at_us && c.kind.is_some());
    later.min_by_key(|change| change.until)?.kind.clone()
}

/// The UTC day of the expiry that a change states for a time; `None` if none does.
pub(super) fn stated_expiry(contract: &InstrumentInfo, at_us: i64) -> Option<Day> {
    let later = contract.changes.iter().filter(|c| c.until.timestamp_micros() > at_us && c.expiry.is_some());
    Day::containing_us(later.min_by_key(|change| change.until)?.expiry?.timestamp_micros())
}

/// The times within a half-open range at which a term changes, ascending, each with the terms from then on.
pub(super) fn changes_within(
    contract: &InstrumentInfo,
    from_us: i64,
    to_us: i64,
) -> Vec<(i64, InstrumentInfo)> {
    let mut times: Vec<i64> = contract.changes.iter().map(|change| change.until.timestamp_micros()).collect();
    times.sort_unstable();
    times.dedup();
    let mut before = in_force(contract, from_us);
    let mut changes = Vec::new();
    for at_us in times.into_iter().filter(|us| *us > from_us && *us < to_us) {
        let now = in_force(contract, at_us);
        if differ(&before, &now) {
            changes.push((at_us, now.clone()));
        }
        before = now;
    }
    changes
}

/// Whether terms differ that a table has.
fn differ(a: &InstrumentInfo, b: &InstrumentInfo) -> bool {
    let words = |c: &InstrumentInfo| {
        let (contract_type, settle) = (c.contract_type.clone(), c.settlement_currency.clone());
        (c.kind.clone(), c.quote_currency.clone(), contract_type, settle, c.expiry, c.inverse, c.quanto)
    };
    let numbers = |c: &InstrumentInfo| [c.price_increment, c.min_trade_amount, c.contract_multiplier];
    words(a) != words(b) || numbers(a) != numbers(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us(text: &str) -> i64 {
        text.parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp_micros()
    }

    fn contract(changes: serde_json::Value) -> InstrumentInfo {
        serde_json::from_value(serde_json::json!({
            "id": "X", "type": "perpetual", "baseCurrency": "X", "quoteCurrency": "USDT", "contractMultiplier": 1,
            "priceIncrement": 0.1, "contractType": "linear_perpetual", "inverse": false, "changes": changes,
        }))
        .unwrap()
    }

    #[test]
    fn of_each_term_the_first_later_change_that_names_it_holds() {
        let first =
            serde_json::json!({"until": "2022-06-07T00:00:00Z", "contractMultiplier": 10, "makerFee": 1});
        let second = serde_json::json!({"until": "2023-01-01T00:00:00Z", "contractMultiplier": 5, "priceIncrement": 0.5,
            "inverse": true, "type": "future", "expiry": "2023-03-31T08:00:00Z", "quoteCurrency": "USD"});
        for changes in [[&first, &second], [&second, &first]] {
            let contract = contract(serde_json::json!(changes));
            for (at, size, tick, inverse, kind, quote) in [
                ("2022-06-06T23:59:59Z", 10.0, 0.5, true, "future", "USD"),
                ("2022-06-07T00:00:00Z", 5.0, 0.5, true, "future", "USD"),
                ("2022-12-31T00:00:00Z", 5.0, 0.5, true, "future", "USD"),
                ("2023-01-01T00:00:00Z", 1.0, 0.1, false, "perpetual", "USDT"),
            ] {
                let now = in_force(&contract, us(at));
                let numbers = (now.contract_multiplier, now.price_increment, now.inverse);
                assert_eq!(numbers, (Some(size), Some(tick), Some(inverse)), "{at}");
                assert_eq!((now.kind.as_str(), now.quote_currency.as_str()), (kind, quote), "{at}");
                assert_eq!(now.expiry.is_some(), kind == "future", "{at}");
                let stated = stated_kind(&contract, us(at));
                assert_eq!(stated.as_deref(), (kind == "future").then_some("future"), "{at}");
            }
        }
    }

    #[test]
    fn a_change_within_the_day_is_one_where_a_term_of_the_table_differs() {
        let changes = serde_json::json!([
            {"until": "2022-06-07T08:00:00Z", "contractMultiplier": 10},
            {"until": "2022-06-07T09:00:00Z", "makerFee": 0.1},
            {"until": "2022-06-07T10:00:00Z", "contractMultiplier": 5},
            {"until": "2022-06-07T11:00:00Z", "contractMultiplier": 1},
            {"until": "2022-06-08T00:00:00Z", "contractMultiplier": 1},
        ]);
        let contract = contract(changes);
        let (from, to) = (us("2022-06-07T00:00:00Z"), us("2022-06-08T00:00:00Z"));
        let found = changes_within(&contract, from, to);
        let sizes: Vec<_> = found.iter().map(|(at, terms)| (*at, terms.contract_multiplier)).collect();
        let hour = 3_600_000_000;
        assert_eq!(sizes, [(from + 8 * hour, Some(5.0)), (from + 10 * hour, Some(1.0))]);
        assert!(
            changes_within(&contract, from + 10 * hour, to).is_empty(),
            "what holds from the start on is no change"
        );
    }
}
