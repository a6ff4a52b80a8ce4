//! Finding what a lake has: listings, venues, runs, the size of a plan.

use mtdh_core::error::chain;
use mtdh_core::partition::Origin;
use mtdh_core::venue::{is_known, unknown};
use mtdh_core::{Day, DayRange};

use super::{Context, Work};
use crate::check::lake::now_us;
use crate::download::plan::Plan;
use crate::download::size::{PlanSize, size};
use crate::error::EngineError;
use crate::fleet::saved_plan::{check_name, runs_like};
use crate::listing::wish::{ListFound, ListWish, shown_as_it_is, unknown_names};
use crate::listing::{Listed, What, list};
use crate::runs::list::{RunLine, line, list as runs};
use crate::selection::Selection;
use crate::venues::{VenueLine, venues};
use crate::want::Narrowing;

/// Every day that a lake can have: tomorrow's instruments may be known today.
fn every_day() -> DayRange {
    let earliest = mtdh_core::want::earliest();
    let tomorrow = Day::containing_us(now_us()).map_or(earliest, |today| today.plus(1));
    DayRange::new(earliest, tomorrow).unwrap_or(DayRange::of(earliest))
}

impl Context {
    /// What the lake has of some selections, each thing once, by day, type and key. A selection without venues means every venue.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, selection: mtdh_engine::Selection) -> Result<(), mtdh_engine::EngineError> {
    /// use mtdh_engine::listing::{By, ListedGroup, What};
    /// let listed = context.list(What::Partitions, &[selection]).await?;
    /// for group in ListedGroup::all(&listed, &[By::Month, By::Venue]) {
    ///     println!("{:?}: {} objects, {} bytes", group.names, group.objects, group.bytes);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn list<'a>(&'a self, what: What, selections: &'a [Selection]) -> Work<'a, Vec<Listed>> {
        Box::pin(async move {
            self.lake.check_readable().await?;
            list(&self.lake, what, selections).await
        })
    }

    /// What the lake has of a user's wish: of what is wanted, if anybody wrote that down, else of all that the wish selects. Recordings
    /// and reports are never what is wanted.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// use mtdh_engine::listing::{By, table::ListTable, wish::ListWish};
    /// let wish = ListWish { everything: true, ..ListWish::default() };
    /// let found = context.list_wish(&wish).await?;
    /// println!("{:?}", ListTable::groups(wish.what, &[By::Venue], &found.listed));
    /// # Ok(())
    /// # }
    /// ```
    pub fn list_wish<'a>(&'a self, wish: &'a ListWish) -> Work<'a, ListFound> {
        Box::pin(async move {
            let ListWish { what, filter, days, origin, everything, asks_vendor } = wish;
            let lake = &self.lake.with_origin(*origin);
            let is_of_days = *what == What::Reports;
            if is_of_days && !filter.is_empty() {
                return Err(EngineError::ReportsOfInstruments);
            }
            self.lake.check_readable().await?;
            let is_apart = *everything || is_of_days || *origin == Origin::Live;
            let by = Narrowing { filter: filter.clone(), days: *days };
            let wanted = if is_apart { None } else { self.chosen(&by).await? };
            if let Some(sets) = wanted {
                let (names, of): (Vec<String>, Vec<Selection>) =
                    sets.into_iter().map(|chosen| (chosen.name, chosen.selection)).unzip();
                let listed = list(lake, *what, &of).await?;
                return Ok(ListFound { listed, sets: Some(names), ..ListFound::default() });
            }
            let days = days.unwrap_or_else(every_day);
            let there = lake.days_with_partitions().await?;
            let there: Vec<_> = there.into_iter().filter(|day| days.contains(*day)).collect();
            let notes = match asks_vendor {
                true => self.check_venues(&filter.venues, &there).await?,
                false => Vec::new(),
            };
            let selection = shown_as_it_is(filter, filter.of_lake(days)?);
            let listed = list(lake, *what, std::slice::from_ref(&selection)).await?;
            let has = |venue: &str| {
                listed.iter().any(|one| one.key.as_ref().is_some_and(|key| key.venue() == venue))
            };
            let unheard = filter.venues.iter().find(|venue| !is_known(venue) && !has(venue));
            if let Some(venue) = unheard.filter(|_| !asks_vendor) {
                return Err(EngineError::UnknownVenue { unknown: unknown(venue), cause: None });
            }
            let names = unknown_names(&selection, &listed);
            let meant = match &names[..] {
                [] => Vec::new(),
                names => self.suggest(&names.iter().map(String::as_str).collect::<Vec<_>>(), None).await?,
            };
            Ok(ListFound { listed, sets: None, notes, unknown: names.into_iter().zip(meant).collect() })
        })
    }

    /// Every venue, and why the vendor's list could not be had; `None`: it could, or the vendor was not to be asked. There need be no
    /// lake.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// for venue in context.venues(false).await?.0.iter().filter(|venue| venue.days > 0) {
    ///     println!("{}: {} days", venue.venue, venue.days);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn venues(&self, asks_vendor: bool) -> Work<'_, (Vec<VenueLine>, Option<String>)> {
        Box::pin(async move {
            let (listed, cause) = match asks_vendor {
                true => match self.metadata.exchanges_soon().await {
                    Ok(listed) => (listed, None),
                    Err(error) => (Vec::new(), Some(chain(&error))),
                },
                false => (Vec::new(), None),
            };
            let is_there = match self.lake.check_readable().await {
                Ok(()) => true,
                Err(mtdh_lake::LakeError::NoFolder(_)) => false,
                Err(error) => return Err(error.into()),
            };
            Ok((venues(is_there.then_some(&self.lake), &listed).await?, cause))
        })
    }

    /// Every run in one line, the newest first.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// for run in context.run_lines().await? {
    ///     println!("{}: {}, {}", run.run, run.state, run.what);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn run_lines(&self) -> Work<'_, Vec<RunLine>> {
        Box::pin(async move {
            self.lake.check_readable().await?;
            runs(&self.lake).await
        })
    }

    /// One run in one line. Fails with [`EngineError::NoRecord`], which suggests others, when there is none.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// println!("{}", context.run_line("march").await?.state);
    /// # Ok(())
    /// # }
    /// ```
    pub fn run_line<'a>(&'a self, run: &'a str) -> Work<'a, RunLine> {
        Box::pin(async move {
            check_name(run)?;
            self.lake.check_readable().await?;
            if run.starts_with('_') || self.lake.run_objects(run).await?.is_empty() {
                return Err(EngineError::NoRecord {
                    run_id: run.to_owned(),
                    suggestions: runs_like(&self.lake, run).await,
                });
            }
            line(&self.lake, run).await
        })
    }

    /// How much a plan would receive, and how long the limits that are set make it take.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, plan: mtdh_engine::download::plan::Plan) -> Result<(), mtdh_engine::EngineError> {
    /// println!("{} bytes", context.plan_size(&plan).await?.bytes);
    /// # Ok(())
    /// # }
    /// ```
    pub fn plan_size<'a>(&'a self, plan: &'a Plan) -> Work<'a, PlanSize> {
        Box::pin(size(&self.lake, plan, &self.budget))
    }
}
