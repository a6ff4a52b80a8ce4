//! What is wanted of a lake, and bringing it there.

use mtdh_core::want::{Wanted, WantedSet, with_set, without_set};

use super::{Context, Work};
use crate::check::lake::now_us;
use crate::error::EngineError;
use crate::selection::Selection;
use crate::sync::{LastSync, SyncOptions, SyncReport, last, sync};
use crate::want::{AskedOfLake, Chosen, Narrowing, asked, chosen, forget, narrowed, note, within};

impl Context {
    /// What the lake is for; `None`: nobody wrote it down.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// for (name, set) in context.wanted().await?.unwrap_or_default().sets {
    ///     println!("{name}: {} from {} until {}", set.venues.join(" "), set.from, set.until);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn wanted(&self) -> Work<'_, Option<Wanted>> {
        Box::pin(async { Ok(self.lake.wanted().await?) })
    }

    /// The same, as it is written.
    pub fn wanted_text(&self) -> Work<'_, Option<String>> {
        Box::pin(async { Ok(self.lake.wanted_text().await?) })
    }

    /// Writes down one more set. Fails when there is another one of this name.
    pub fn want<'a>(&'a self, name: &'a str, set: &'a WantedSet) -> Work<'a, ()> {
        Box::pin(async move {
            // What is refused anyway makes no lake.
            let text = self.lake.wanted_text().await?.unwrap_or_default();
            with_set(&text, name, set).map_err(EngineError::WantEdit)?;
            self.lake.check_writable().await?;
            Ok(self.lake.change_wanted(|text| with_set(text, name, set)).await?)
        })
    }

    /// Takes out a set, or forgets what was asked for under this name. What the lake has of it stays.
    pub fn unwant<'a>(&'a self, name: &'a str) -> Work<'a, ()> {
        Box::pin(async move {
            self.lake.check_writable().await?;
            if forget(&self.lake, name).await? {
                return Ok(());
            }
            Ok(self.lake.change_wanted(|text| without_set(text, name)).await?)
        })
    }

    /// The wanted sets as selections of the days that have ended, narrowed; `None`: nobody wrote down what is wanted.
    pub fn chosen<'a>(&'a self, by: &'a Narrowing) -> Work<'a, Option<Vec<Chosen>>> {
        Box::pin(async move {
            let Some(wanted) = self.lake.wanted().await? else { return Ok(None) };
            chosen(&wanted, by, now_us()).map(Some)
        })
    }

    /// What was ever asked of the lake, narrowed; `None`: nothing was noted.
    pub fn asked<'a>(&'a self, by: &'a Narrowing) -> Work<'a, Option<AskedOfLake>> {
        Box::pin(async move {
            let Some(mut found) = asked(&self.lake).await? else { return Ok(None) };
            let mut kept = Vec::new();
            for mut one in found.asked {
                let Some(days) = within(one.selection.days, by.days) else { continue };
                let selection = Selection { days, ..one.selection };
                if let Some(selection) = narrowed(selection, &by.filter, &one.name)? {
                    one.selection = selection;
                    kept.push(one);
                }
            }
            found.asked = kept;
            Ok(Some(found))
        })
    }

    /// Notes what is asked of the lake: a verdict is about it where nobody wrote down what is wanted.
    pub fn note_asked<'a>(&'a self, selections: &'a [Selection]) -> Work<'a, ()> {
        Box::pin(note(&self.lake, selections))
    }

    /// Brings the lake to what is wanted. Fails when another process is at it.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// use mtdh_engine::sync::{Patience, Retention, SyncOptions};
    /// use mtdh_engine::want::Narrowing;
    /// let sets = context.chosen(&Narrowing::default()).await?.unwrap_or_default();
    /// let options = SyncOptions {
    ///     holder: "this process".to_owned(),
    ///     lease: std::time::Duration::from_secs(60),
    ///     patience: Patience::None,
    ///     retention: Retention::Careful,
    ///     break_certificates: false,
    ///     slots: 16,
    ///     progress: Default::default(),
    ///     stop: Default::default(),
    ///     on_step: &|set, step| println!("{set}: {}", step.name()),
    /// };
    /// println!("{}", context.sync(&sets, options).await?.verdict);
    /// # Ok(())
    /// # }
    /// ```
    pub fn sync<'a>(&'a self, sets: &'a [Chosen], options: SyncOptions<'a>) -> Work<'a, SyncReport> {
        Box::pin(sync(self, sets, options))
    }

    /// What came of the last sync, and when the lake was last as is wanted.
    pub fn last_sync(&self) -> Work<'_, LastSync> {
        Box::pin(last(self))
    }
}
