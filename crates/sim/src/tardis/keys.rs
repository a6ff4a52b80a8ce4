//! The API keys that the simulated vendor knows.

use mtdh_core::Day;
use serde_json::{Value, json};

use crate::generate::times::iso;
use crate::generate::universe::profile;
use crate::generate::universe::profile::day;

/// A key that may see everything.
pub const FULL_KEY: &str = "TD.sim-full-access";

/// A key whose time is over: 401 with code 11, and an empty list of accesses.
pub const EXPIRED_KEY: &str = "TD.sim-expired";

/// A key for the files of `binance` and `binance-futures` of 2024-01-01 to 2024-02-29 alone; it may not read the
/// metadata of instruments.
pub const LIMITED_KEY: &str = "TD.sim-limited";

const LIMITED_EXCHANGES: [&str; 2] = ["binance", "binance-futures"];
const LIMITED_FIRST: &str = "2024-01-01";
const LIMITED_END: &str = "2024-03-01";

/// What a key is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// No key.
    Anonymous,
    /// No such key.
    Unknown,
    Expired,
    Limited,
    Full,
}

/// What a key is good for.
pub(crate) fn access(key: Option<&str>) -> Access {
    match key {
        None => Access::Anonymous,
        Some(FULL_KEY) => Access::Full,
        Some(LIMITED_KEY) => Access::Limited,
        Some(EXPIRED_KEY) => Access::Expired,
        Some(_) => Access::Unknown,
    }
}

/// Why a request is refused: status is always 401.
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

/// Whether a file may be read.
///
/// # Errors
/// Why not.
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

/// Whether the instruments of an exchange may be read; BitMEX' are open to everybody.
///
/// # Errors
/// Why not.
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

/// The answer to `/api-key-info`.
///
/// # Errors
/// When there is no key, or no such key.
pub(crate) fn describe(access: Access, now_us: i64) -> Result<Value, Unauthorized> {
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
