//! Instrument tables.

use mtdh_core::Day;
use mtdh_core::error::chain;
use mtdh_core::instrument::Instrument;
use mtdh_core::venue::{exchange_of_venue, is_known, unknown};
use mtdh_source::tardis::datasets::Archive;

use super::{Context, Work};
use crate::error::EngineError;
use crate::instruments::{InstrumentsReport, Removed, write_instruments};
use crate::names::suggestions;
use crate::query::newest_table;
use crate::rekey::{RekeyOptions, RekeyReport, rekey};
use crate::runs::phase;
use crate::selection::Selection;

impl Context {
    /// Writes the instrument tables of the selection's days and, for a range of days, the aggregate.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, selection: mtdh_engine::Selection) -> Result<(), mtdh_engine::EngineError> {
    /// use mtdh_engine::instruments::Removed;
    /// let report = context.write_instruments(&selection, Removed::Keep).await?;
    /// println!("{} days", report.days.len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn write_instruments<'a>(
        &'a self,
        selection: &'a Selection,
        removed: Removed,
    ) -> Work<'a, InstrumentsReport> {
        Box::pin(
            async move { write_instruments(&self.lake, &self.instrument_source(), selection, removed).await },
        )
    }

    /// Moves the lake to the instrument keys of this version: day tables, objects, candles, reports and open plans.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// use mtdh_engine::rekey::RekeyOptions;
    /// let report = context.rekey(&RekeyOptions { dry_run: true, ..RekeyOptions::default() }).await?;
    /// println!("{} objects would move", report.moved.len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn rekey<'a>(&'a self, options: &'a RekeyOptions) -> Work<'a, RekeyReport> {
        Box::pin(async move { rekey(&self.lake, &self.instrument_source(), options).await })
    }

    /// The instruments of a day; `None`: of the newest day that has a table.
    ///
    /// Fails with [`EngineError::NoInstruments`] or [`EngineError::NoInstrumentTable`] when there is no such table.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// let (day, instruments) = context.instruments(None).await?;
    /// println!("{} instruments on {day}", instruments.len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn instruments(&self, day: Option<Day>) -> Work<'_, (Day, Vec<Instrument>)> {
        Box::pin(async move {
            self.lake.check_readable().await?;
            let newest = || async { Ok::<_, EngineError>(self.lake.days_with_instruments().await?.pop()) };
            let day = match day {
                Some(day) => day,
                None => newest().await?.ok_or(EngineError::NoInstrumentTable)?,
            };
            let phase = phase::begin("reading instrument tables", "day", 1);
            let _day_done = phase.item();
            let rows = self.lake.instruments(day).await?.ok_or(EngineError::NoInstruments(day))?;
            Ok((day, rows))
        })
    }

    /// Rows of an instrument table in the form that a lake stores; `mtdh schema instruments` describes the columns.
    pub fn instruments_as_table(rows: &[Instrument]) -> arrow_array::RecordBatch {
        mtdh_lake::tables::instruments::as_table(rows)
    }

    /// Checks venues that this program does not know: a day's table in the lake, the folder of vendor files or the vendor's list
    /// must have them. Returns a note for people about each.
    ///
    /// Fails with [`EngineError::UnknownVenue`] when nobody knows a venue.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// for note in context.check_venues(&["A-NEW-ONE".to_owned()], &[]).await? {
    ///     println!("{note}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn check_venues<'a>(&'a self, venues: &'a [String], days: &'a [Day]) -> Work<'a, Vec<String>> {
        Box::pin(async move {
            let mut notes = Vec::new();
            for venue in venues.iter().filter(|venue| !is_known(venue)) {
                let who = self.knows_venue(venue, days).await?;
                notes.push(format!(
                    "mtdh does not know the venue {venue}, but {who}; its symbols are named by the general rules"
                ));
            }
            Ok(notes)
        })
    }

    /// Who knows a venue, in words.
    async fn knows_venue(&self, venue: &str, days: &[Day]) -> Result<&'static str, EngineError> {
        let exchange = exchange_of_venue(venue);
        if let Archive::Folder(folder) = &*self.archive
            && folder.files().any(|file| file.exchange == exchange)
        {
            return Ok("the folder has files of it");
        }
        for day in days {
            // A table that cannot be read is another verb's failure.
            let table = self.lake.day_table(*day).await.unwrap_or_default();
            if table.is_some_and(|table| table.knows(venue)) {
                return Ok("the lake's tables have it");
            }
        }
        let cause = match self.metadata.lists_exchange(&exchange).await {
            Ok(true) => return Ok("the vendor lists it"),
            Ok(false) => None,
            Err(error) => Some(chain(&error)),
        };
        Err(EngineError::UnknownVenue { unknown: unknown(venue), cause })
    }

    /// Suggests keys for each misspelt name or vendor's symbol, from a day's instrument table; `None`: from the newest. The table is
    /// read once for all names.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// let keys = context.suggest(&["BTC-PERP"], None).await?;
    /// println!("perhaps {}", keys[0].join(" or "));
    /// # Ok(())
    /// # }
    /// ```
    pub fn suggest<'a>(&'a self, names: &'a [&'a str], day: Option<Day>) -> Work<'a, Vec<Vec<String>>> {
        Box::pin(async move {
            let table = match day {
                Some(day) => self.lake.instruments(day).await?.unwrap_or_default(),
                None => newest_table(&self.lake).await?,
            };
            Ok(names.iter().map(|name| suggestions(name, &table)).collect())
        })
    }
}
