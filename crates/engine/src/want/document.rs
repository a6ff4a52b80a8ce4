//! What is wanted as a JSON document, the same for every front end.

use mtdh_core::want::{Wanted, WantedSet};
use serde_json::{Value, json};

/// Every field of every set.
pub fn document(wanted: &Wanted) -> Value {
    let texts = |items: Vec<String>| Value::from(items);
    let sets = wanted.sets.iter().map(|(name, set): (&String, &WantedSet)| {
        json!({
            "set": name,
            "venues": set.venues,
            "instrument_types": texts(set.instrument_types.iter().map(ToString::to_string).collect()),
            "instruments": set.instruments,
            "universe": set.universe,
            "data_types": texts(set.data_types.iter().map(ToString::to_string).collect()),
            "max_instruments": set.max_instruments,
            "from": set.from.to_string(),
            "until": set.until.to_string(),
            "candles": texts(set.candles.iter().map(ToString::to_string).collect()),
            "checks": texts(set.checks.iter().map(ToString::to_string).collect()),
            "parameters": set.parameters,
            "keep_days": set.keep_days,
            "export_grace_hours": set.export_grace_hours,
        })
    });
    sets.collect()
}
