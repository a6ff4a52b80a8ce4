//! The instruments of a recording, as candles and checks follow them.

use std::sync::Arc;

use mtdh_core::DataType;
use mtdh_core::candle::Valuation;
use mtdh_lake::Lake;

use super::candles::Follow;
use super::plan::{Keys, SessionPlan};
use crate::error::EngineError;

/// An instrument of a recording.
#[derive(Clone, Debug)]
pub struct Followed {
    pub(super) exchange: Arc<str>,
    pub(super) symbol: Arc<str>,
    pub(super) follow: Follow,
}

/// The instruments of plans, followed from now on. What their amounts are worth is read from the newest instrument table.
///
/// # Errors
/// When the lake cannot be read.
pub async fn followed<'a>(
    lake: &Lake,
    plans: impl IntoIterator<Item = &'a SessionPlan>,
    from_us: i64,
) -> Result<Vec<Followed>, EngineError> {
    let mut days = match lake.days_with_instruments().await {
        Ok(days) => days,
        Err(mtdh_lake::LakeError::NoFolder(_)) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    days.sort_unstable();
    let table = match days.last() {
        Some(day) => lake.instruments(*day).await?.unwrap_or_default(),
        None => Vec::new(),
    };
    let mut all = Vec::new();
    for plan in plans {
        let mut keys = Keys::of(plan);
        let data_types: Vec<DataType> = plan.want().data_types;
        for symbol in &plan.symbols {
            let key = keys.key(symbol);
            let row = table.iter().find(|row| row.key == key);
            let valuation = Valuation::of(&key, row).ok();
            let follow = Follow { key, from_us, data_types: data_types.clone(), valuation };
            let exchange = plan.exchange.as_str().into();
            all.push(Followed { exchange, symbol: symbol.as_str().into(), follow });
        }
    }
    Ok(all)
}
