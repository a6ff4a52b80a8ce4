//! Operations on partitions, candles and rejected rows of a lake: no caller outside needs their paths.

use std::collections::BTreeSet;

use mtdh_core::candle::Timeframe;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::{Origin, Partition};
use mtdh_core::{DataType, Day};
use object_store::path::Path;

use crate::error::LakeError;
use crate::object::{Entry, WriteMode};
use crate::stage::StagedObject;
use crate::store::Lake;
use crate::tables::reports::Available;

impl Lake {
    /// The path of a partition, existing or not. For messages, and for callers that open the file themselves.
    pub fn partition_path(&self, partition: &Partition) -> Path {
        self.layout().partition(partition)
    }

    /// The path of the candles of an instrument, day and timeframe, existing or not.
    pub fn candles_path(&self, day: Day, timeframe: Timeframe, key: &InstrumentKey) -> Path {
        self.layout().candles(day, timeframe, key)
    }

    /// The path of an object of data, of either origin, or of a part of a recording, that a text from outside names; `None`: the lake has
    /// no such place, see [`crate::Layout::parse_data`].
    pub fn data_path(&self, text: &str) -> Option<Path> {
        let live = self.with_origin(Origin::Live).layout();
        let part = || Path::parse(text).ok().filter(|path| live.parse_part(path).is_some());
        self.layout().parse_data(text).or_else(|| live.parse_data(text)).or_else(part)
    }

    /// The object that a line of the day's report describes.
    pub fn available_entry(&self, available: &Available) -> Entry {
        let path = self.layout().partition(&available.partition);
        Entry { path, bytes: available.bytes, identity: available.identity.clone() }
    }

    /// An object as it is now; `None`: it is gone.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn object(&self, entry: &Entry) -> Result<Option<Entry>, LakeError> {
        self.entry(&entry.path).await
    }

    /// The object of a partition; `None`: there is none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn partition_entry(&self, partition: &Partition) -> Result<Option<Entry>, LakeError> {
        self.entry(&self.layout().partition(partition)).await
    }

    /// Every day that the lake has partitions of, in order.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn days_with_partitions(&self) -> Result<Vec<Day>, LakeError> {
        self.days_below(&self.layout().all_partitions()).await
    }

    /// Every day that the lake has an instrument table of, in order.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn days_with_instruments(&self) -> Result<Vec<Day>, LakeError> {
        self.days_below(&self.layout().instrument_days()).await
    }

    /// Every day that the lake has candles of, in order.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn days_with_candles(&self) -> Result<Vec<Day>, LakeError> {
        self.days_below(&self.layout().all_candles()).await
    }

    async fn days_below(&self, folder: &Path) -> Result<Vec<Day>, LakeError> {
        let folders = self.folders(folder).await?;
        Ok(folders.iter().filter_map(|folder| self.layout().parse_day_folder(folder)).collect())
    }

    /// The partitions of a day and data type with an object in the listing. The objects are not read.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn list_partitions(
        &self,
        day: Day,
        data_type: DataType,
    ) -> Result<Vec<(Partition, Entry)>, LakeError> {
        let found = self.list_partitions_of(day, data_type, |_| true).await?.into_iter();
        Ok(found.map(|(key, entry)| (Partition { day, data_type, key }, entry)).collect())
    }

    /// As [`Lake::list_partitions`], only of wanted instruments.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn list_partitions_of(
        &self,
        day: Day,
        data_type: DataType,
        is_wanted: impl Fn(&InstrumentKey) -> bool,
    ) -> Result<Vec<(InstrumentKey, Entry)>, LakeError> {
        self.list_keys(&self.layout().day_and_type(day, data_type), is_wanted).await
    }

    /// The candles of a day and timeframe, only of wanted instruments.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn list_candles_of(
        &self,
        day: Day,
        timeframe: Timeframe,
        is_wanted: impl Fn(&InstrumentKey) -> bool,
    ) -> Result<Vec<(InstrumentKey, Entry)>, LakeError> {
        self.list_keys(&self.layout().candle_folder(day, timeframe), is_wanted).await
    }

    /// The venues that the lake has partitions of on a day, sorted.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn venues(&self, day: Day) -> Result<Vec<String>, LakeError> {
        let entries = self.list(&self.layout().day_of_partitions(day)).await?;
        let partitions = entries.iter().filter_map(|entry| self.layout().parse_partition(&entry.path));
        let venues: BTreeSet<String> = partitions.map(|p| p.key.venue().to_owned()).collect();
        Ok(venues.into_iter().collect())
    }

    /// The partitions of a day with the bytes of their objects, by listing alone.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn sizes(&self, day: Day) -> Result<Vec<(Partition, u64)>, LakeError> {
        let entries = self.list(&self.layout().day_of_partitions(day)).await?.into_iter();
        let named = |entry: Entry| Some((self.layout().parse_partition(&entry.path)?, entry.bytes));
        Ok(entries.filter_map(named).collect())
    }

    /// The candles of a day, of one timeframe or of all.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn list_candles(
        &self,
        day: Day,
        timeframe: Option<Timeframe>,
    ) -> Result<Vec<(Timeframe, InstrumentKey, Entry)>, LakeError> {
        let folder = match timeframe {
            Some(timeframe) => self.layout().candle_folder(day, timeframe),
            None => self.layout().day_of_candles(day),
        };
        let named = |entry: Entry| {
            let (_, timeframe, key) = self.layout().parse_candles(&entry.path)?;
            Some((timeframe, key, entry))
        };
        Ok(self.list(&folder).await?.into_iter().filter_map(named).collect())
    }

    /// The rejected rows of a partition; `None`: there are none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn quarantine_entry(&self, partition: &Partition) -> Result<Option<Entry>, LakeError> {
        self.entry(&self.layout().quarantine(partition)).await
    }

    /// The instrument table of a day and its reports: those that there are.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn tables_of_day(&self, day: Day) -> Result<Vec<Entry>, LakeError> {
        let layout = self.layout();
        let paths = [
            layout.instruments(day),
            layout.missing_report(day),
            layout.available_report(day),
            layout.check_report(day),
            layout.identities(day),
        ];
        let mut entries = Vec::new();
        for path in paths {
            entries.extend(self.entry(&path).await?);
        }
        Ok(entries)
    }

    /// The tables and reports of days, and the certificates, each with its name in [`crate::tables::all`], where it has one, and its
    /// day, if it is of one.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn reports(&self) -> Result<Vec<(&'static str, Option<Day>, Entry)>, LakeError> {
        let mut reports = Vec::new();
        for (name, folder) in self.layout().reports() {
            for entry in self.list(&folder).await? {
                reports.push((name, self.layout().day_of(&entry.path), entry));
            }
        }
        Ok(reports)
    }

    /// Publishes a partition. Returns the object's identity, as [`Entry::identity`].
    ///
    /// # Errors
    /// As [`Lake::publish`].
    pub async fn publish_partition(
        &self,
        partition: &Partition,
        object: StagedObject,
        mode: WriteMode,
    ) -> Result<Option<String>, LakeError> {
        self.publish(&self.layout().partition(partition), object, mode).await
    }

    /// Stores the rejected rows of a partition, in place of earlier ones.
    ///
    /// # Errors
    /// As [`Lake::publish`].
    pub async fn put_quarantine(&self, partition: &Partition, lines: &[u8]) -> Result<(), LakeError> {
        self.put(&self.layout().quarantine(partition), lines).await
    }

    /// Removes the rejected rows of a partition, if there are any.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn delete_quarantine(&self, partition: &Partition) -> Result<(), LakeError> {
        self.delete(&self.layout().quarantine(partition)).await
    }

    /// Stores the rejected rows of a grouped file that name no instrument.
    ///
    /// # Errors
    /// As [`Lake::publish`].
    pub async fn put_grouped_quarantine(
        &self,
        day: Day,
        data_type: DataType,
        venue: &str,
        symbol: &str,
        lines: &[u8],
    ) -> Result<(), LakeError> {
        self.put(&self.layout().group_quarantine(day, data_type, venue, symbol), lines).await
    }
}
