//! Exports in the layout of Hive.

use super::{Context, Work};
use crate::hive::run::export;
use crate::hive::{HiveReport, HiveRequest, HiveWish};
use crate::selection::Filter;
use crate::want::Narrowing;

impl Context {
    /// What a wish means at this lake: what its `lake.toml` wants, narrowed; else what the filters say, measured against them or,
    /// without filters, against what was ever asked of the lake. Returns also the names of the sets of `lake.toml` that it is about.
    /// The place is left open.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// use mtdh_engine::hive::{HiveRequest, HiveWish};
    /// let (request, sets) = context.hive_request(&HiveWish::default()).await?;
    /// let request = HiveRequest { place: "hive".to_owned(), ..request };
    /// println!("{} sets: {:?}", sets.len(), context.export_hive(&request).await?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn hive_request<'a>(&'a self, wish: &'a HiveWish) -> Work<'a, (HiveRequest, Vec<String>)> {
        Box::pin(async move {
            let request = HiveRequest { tables: wish.tables(), ..HiveRequest::default() };
            let by = Narrowing { filter: wish.filter.clone(), days: wish.days };
            let wanted = if wish.everything { None } else { self.chosen(&by).await? };
            if let Some(sets) = wanted {
                let names = sets.iter().map(|chosen| chosen.name.clone()).collect();
                let selections = sets.into_iter().map(|chosen| wish.narrowed(chosen.selection));
                let selections: Vec<_> = selections.collect();
                return Ok((HiveRequest { measured: selections.clone(), selections, ..request }, names));
            }
            let asked = if is_empty(&wish.filter) { self.asked(&by).await? } else { None };
            let measured = match asked {
                Some(found) => found.asked.into_iter().map(|one| one.selection).collect(),
                None => vec![wish.filter.of_lake(wish.days.unwrap_or_else(HiveWish::every_day))?],
            };
            Ok((HiveRequest { selections: vec![wish.selection()?], measured, ..request }, Vec::new()))
        })
    }

    /// Exports the vendor's data under names and folders that every system and reader of Hive's layout takes: as links to the lake's
    /// objects, as copies, or as one file a venue, type and day. Goes on where an earlier run ended, and does again only what changed.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, selection: mtdh_engine::Selection) -> Result<(), mtdh_engine::EngineError> {
    /// use mtdh_engine::hive::{HiveRequest, HiveTables};
    /// let (place, tables) = ("gs://BUCKET/hive".to_owned(), HiveTables::all());
    /// let request = HiveRequest { place, selections: vec![selection], tables, ..HiveRequest::default() };
    /// let report = context.export_hive(&request).await?;
    /// println!("{} tables", report.tables.len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn export_hive<'a>(&'a self, request: &'a HiveRequest) -> Work<'a, HiveReport> {
        Box::pin(export(&self.lake, request))
    }
}

/// Whether no filter is set.
fn is_empty(filter: &Filter) -> bool {
    let Filter { venues, instrument_types, data_types, instruments, universe, max_instruments } = filter;
    venues.is_empty()
        && instrument_types.is_empty()
        && data_types.is_empty()
        && instruments.is_empty()
        && universe.is_none()
        && max_instruments.is_none()
}
