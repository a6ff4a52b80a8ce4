//! The API keys of the simulated Tardis and their access rights.

use mtdh_core::Day;
use serde_json::{Value, json};

use crate::generate::times::iso;
use crate::generate::universe::profile;
use crate::generate::universe::profile::day;

/// An API key with access to everything.
pub const FULL_KEY: &str = "TD.sim-full-access";

/// An expired API key: 401 with code 11, and an empty list from `/api-key-info`.
pub const EXPIRED_KEY: &str = "TD.sim-expired";

/// An API key for the files of `binance` and `binance-futures` from 2024-01-01 to 2024-02-29, both included. It has no
/// access to the metadata of instruments.
pub const LIMITED_KEY: &str = "TD.sim-limited";

const LIMITED_EXCHANGES: [&str; 2] = ["binance", "binance-futures"];
const LIMITED_FIRST: &str = "2024-01-01";
const LIMITED_END: &str = "2024-03-01";

/// The access rights of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// No key.
    Anonymous,
    /// Not a known key.
    Unknown,
    /// [`EXPIRED_KEY`].
    Expired,
    /// [`LIMITED_KEY`].
    Limited,
    /// [`FULL_KEY`].
    Full,
}

/// Returns the access rights of a key.
pub(crate) fn access(key: Option<&str>) -> Access {
    match key {
        None => Access::Anonymous,
        Some(FULL_KEY) => Access::Full,
        Some(LIMITED_KEY) => Access::Limited,
        Some(EXPIRED_KEY) => Access::Expired,
        Some(_) => Access::Unknown,
    }
}

/// The error of a refused request. Its status is 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unauthorized {
    pub(crate) code: i64,
    pub(crate) message: &'static str,
}

const NO_KEY: Unauthorized = Unauthorized {
    code: 10,
    message: "an API key is needed; without one only the first day of each month is free",
};
const BAD_KEY: Unauthorized = Unauthorized { code: 10, message: "there is no such API key" };
const EXPIRED: Unauthorized = Unauthorized { code: 11, message: "this API key has expired" };
const OUTSIDE_PLAN: Unauthorized =
    Unauthorized { code: 12, message: "this API key's plan does not include the exchange or the day" };

/// Checks access to a file.
///
/// # Errors
/// Fails when the access rights do not cover it.
pub(crate) fn may_read_file(access: Access, exchange: &str, file_day: Day) -> Result<(), Unauthorized> {
    let in_plan = LIMITED_EXCHANGES.contains(&exchange)
        && file_day >= day(LIMITED_FIRST)
        && file_day < day(LIMITED_END);
    match access {
        Access::Full => Ok(()),
        Access::Limited if in_plan || file_day.day_of_month() == 1 => Ok(()),
        Access::Limited => Err(OUTSIDE_PLAN),
        Access::Expired => Err(EXPIRED),
        Access::Unknown => Err(BAD_KEY),
        Access::Anonymous if file_day.day_of_month() == 1 => Ok(()),
        Access::Anonymous => Err(NO_KEY),
    }
}

/// Checks access to the instruments of an exchange. Those of BitMEX are public.
///
/// # Errors
/// Fails when the access rights do not cover them.
pub(crate) fn may_read_instruments(access: Access, exchange: &str) -> Result<(), Unauthorized> {
    match access {
        _ if exchange == "bitmex" => Ok(()),
        Access::Full => Ok(()),
        Access::Limited => Err(OUTSIDE_PLAN),
        Access::Expired => Err(EXPIRED),
        Access::Unknown => Err(BAD_KEY),
        Access::Anonymous => Err(Unauthorized { message: "an API key is needed", ..NO_KEY }),
    }
}

/// Builds the response to `/api-key-info`.
///
/// # Errors
/// Fails without a key, or with an unknown one.
pub(crate) fn describe_access(access: Access, now_us: i64) -> Result<Value, Unauthorized> {
    let entry = |exchange: &str, from_us: i64, to_us: i64, plan: &str| json!({"exchange": exchange, "accessType": "all", "from": iso(from_us), "to": iso(to_us), "symbols": [], "dataPlan": plan});
    match access {
        Access::Anonymous => Err(NO_KEY),
        Access::Unknown => Err(BAD_KEY),
        Access::Expired => Ok(json!([])),
        Access::Full => {
            Ok(profile::all().iter().map(|p| entry(p.id, p.first_day().start_us(), now_us, "pro")).collect())
        }
        Access::Limited => {
            let (from_us, to_us) = (day(LIMITED_FIRST).start_us(), day(LIMITED_END).start_us());
            Ok(LIMITED_EXCHANGES.iter().map(|exchange| entry(exchange, from_us, to_us, "academic")).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_read_what() {
        for (key, exchange, on, code) in [
            (None, "deribit", "2024-03-01", None),
            (None, "deribit", "2024-03-02", Some(10)),
            (Some(FULL_KEY), "deribit", "2024-03-02", None),
            (Some(EXPIRED_KEY), "deribit", "2024-03-01", Some(11)),
            (Some("TD.guess"), "deribit", "2024-03-01", Some(10)),
            (Some(LIMITED_KEY), "binance", "2024-02-29", None),
            (Some(LIMITED_KEY), "binance", "2024-03-02", Some(12)),
            (Some(LIMITED_KEY), "deribit", "2024-02-29", Some(12)),
        ] {
            let refused = may_read_file(access(key), exchange, day(on)).err().map(|e| e.code);
            assert_eq!(refused, code, "{key:?} {exchange} {on}");
        }
    }
}
