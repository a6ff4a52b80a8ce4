//! The table of gaps: what live recordings lost, or may have lost. One object per venue and day.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use bytes::Bytes;
use mtdh_core::key::InstrumentKey;
use mtdh_core::{DataType, Day};
use object_store::path::Path;

use crate::error::LakeError;
use crate::store::Lake;
use crate::tables::columns::{Described, Kind, TableReader, filled, optional, required, to_table};
use crate::tables::report_file::{bytes_of, table, wrong};

/// A row of the table of gaps: something that was lost, or may have been.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GapRow {
    /// The recording session that noticed it.
    pub session: String,
    /// Local time from which on something may be lacking: arrival of the last good message, microseconds since the Unix epoch, UTC.
    pub from_us: i64,
    /// What happened: `disconnect`, `sequence`, `checksum`, `silence`, `refused`, `overload`, `crash`, `clock`, `late_snapshot`, `unread`.
    pub kind: String,
    /// The number of the connection; `None`: all of the session.
    pub connection: Option<u32>,
    /// The symbol as the exchange writes it; `None`: all of the connection.
    pub symbol: Option<String>,
    /// The data type; `None`: all of the symbol or connection.
    pub data_type: Option<DataType>,
    /// The instrument; `None`: no symbol, or one that has no key.
    pub key: Option<InstrumentKey>,
    /// Local time of the first good message after it; equal to `from_us`: it is still open.
    pub to_us: i64,
    /// The last id before it, as the exchange writes it; `None`: there are no ids.
    pub from_id: Option<String>,
    /// The first id after it; `None`: as `from_id`.
    pub to_id: Option<String>,
    /// How many messages or rows are missing; `None`: no id says it.
    pub missing: Option<u64>,
    /// Whether the messages prove a loss; otherwise it is suspected.
    pub is_proven: bool,
    /// More, for people; may be empty.
    pub detail: String,
}

impl GapRow {
    /// Whether another row is about the same gap: it is told again when it ends.
    pub fn is_same_gap(&self, other: &GapRow) -> bool {
        identity(self) == identity(other)
    }
}

const TIME: &str = "microseconds since the Unix epoch, UTC";

/// The columns of a table of gaps.
#[rustfmt::skip]
pub(crate) static COLUMNS: [Described<(String, GapRow)>; 15] = [
    required("venue", Kind::Text, "", "the vendor's exchange id", |(venue, _)| venue.as_str().into()),
    required("session", Kind::Text, "", "the recording session that noticed it", |(_, row)| row.session.as_str().into()),
    optional("connection", Kind::Count, "", "the number of the connection within the session; null: all of the session", |(_, row)| row.connection.map(u64::from).into()),
    optional("symbol", Kind::Text, "", "the symbol as the exchange writes it; null: all of the connection", |(_, row)| row.symbol.as_deref().into()),
    optional("instrument_key", Kind::Text, "", "the key; null: no symbol, or one that has no key", |(_, row)| row.key.as_ref().map(InstrumentKey::as_str).into()),
    optional("data_type", Kind::Text, "", "the data type; null: all of the symbol or connection", |(_, row)| row.data_type.map(DataType::name).into()),
    required("kind", Kind::Text, "", "what happened: `disconnect`, `sequence` (ids), `checksum`, `silence`, `refused` (a subscription), `overload` (own reading was stopped), `crash` (own process), `clock` (a step of more than a second), `late_snapshot` or `unread` (messages, so many that no rows are made any more)", |(_, row)| row.kind.as_str().into()),
    required("from_local", Kind::Time, TIME, "arrival of the last good message before it", |(_, row)| Some(row.from_us).into()),
    required("to_local", Kind::Time, TIME, "arrival of the first good message after it; equal to `from_local`: it is still open, or has no length", |(_, row)| Some(row.to_us).into()),
    optional("from_id", Kind::Text, "", "the last id before it, as the exchange writes it; null: there are no ids", |(_, row)| row.from_id.as_deref().into()),
    optional("to_id", Kind::Text, "", "the first id after it; null: as `from_id`", |(_, row)| row.to_id.as_deref().into()),
    optional("missing", Kind::Count, "messages", "how many are missing, by their ids; null: no id says it", |(_, row)| row.missing.into()),
    filled("is_proven", Kind::Flag, "", "whether the messages prove a loss; false: it is suspected", |(_, row)| Some(row.is_proven).into()),
    required("detail", Kind::Text, "", "more, for people; may be empty", |(_, row)| row.detail.as_str().into()),
    filled("schema_version", Kind::Count, "", "version of the columns of the program that wrote the row", |_| Some(1_u64).into()),
];

fn rows(table: &RecordBatch) -> Result<Vec<GapRow>, String> {
    let cells = TableReader::of(table, &COLUMNS);
    let (session, kind) = (cells.text("session")?, cells.text("kind")?);
    let (connection, symbol) = (cells.count("connection")?, cells.text("symbol")?);
    let (key, data_type) = (cells.text("instrument_key")?, cells.text("data_type")?);
    let (from, to) = (cells.time("from_local")?, cells.time("to_local")?);
    let (from_id, to_id) = (cells.text("from_id")?, cells.text("to_id")?);
    let (missing, is_proven, detail) =
        (cells.count("missing")?, cells.flag("is_proven")?, cells.text("detail")?);
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let read = |row| {
        Some(GapRow {
            session: session(row)?.to_owned(),
            from_us: from(row)?,
            kind: kind(row)?.to_owned(),
            connection: connection(row).map(u32::try_from).transpose().ok()?,
            symbol: owned(symbol(row)),
            data_type: data_type(row).map(str::parse).transpose().ok()?,
            key: key(row).map(str::parse).transpose().ok()?,
            to_us: to(row)?,
            from_id: owned(from_id(row)),
            to_id: owned(to_id(row)),
            missing: missing(row),
            is_proven: is_proven(row)?,
            detail: detail(row)?.to_owned(),
        })
    };
    (0..table.num_rows()).map(|row| read(row).ok_or_else(|| format!("row {row} is no gap"))).collect()
}

/// What makes two rows the same gap: it is given again when it ends.
type Identity<'a> = (&'a str, Option<u32>, Option<&'a str>, Option<DataType>, &'a str, i64);

fn identity(row: &GapRow) -> Identity<'_> {
    (&row.session, row.connection, row.symbol.as_deref(), row.data_type, &row.kind, row.from_us)
}

/// The rows after newer ones were added: a gap that is given again replaces what was known of it.
fn merged(old: Vec<GapRow>, new: &[GapRow]) -> Vec<GapRow> {
    let by_identity: BTreeMap<Identity<'_>, &GapRow> =
        old.iter().chain(new).map(|row| (identity(row), row)).collect();
    by_identity.into_values().cloned().collect()
}

impl Lake {
    /// The gaps of a venue and day, by session and time; none if the lake has no table of them.
    ///
    /// # Errors
    /// When the store fails, or the table cannot be trusted: it cannot be made again but from the captures.
    pub async fn gaps(&self, day: Day, venue: &str) -> Result<Vec<GapRow>, LakeError> {
        let path = self.layout().gaps(day, venue);
        match self.read(&path).await? {
            Some(bytes) => read(bytes, &path),
            None => Ok(Vec::new()),
        }
    }

    /// The gaps of all venues of a day, by venue.
    ///
    /// # Errors
    /// As [`Lake::gaps`], and when the store cannot be listed.
    pub async fn gaps_of_day(&self, day: Day) -> Result<BTreeMap<String, Vec<GapRow>>, LakeError> {
        let mut found = BTreeMap::new();
        for entry in self.list(&self.layout().gaps_of_day(day)).await? {
            if let Some((_, venue)) = self.layout().parse_gaps(&entry.path) {
                let rows = self.gaps(day, &venue).await?;
                found.insert(venue, rows);
            }
        }
        Ok(found)
    }

    /// Changes the rows of the table of a venue and day.
    ///
    /// # Errors
    /// As [`Lake::gaps`].
    pub async fn change_gaps(
        &self,
        day: Day,
        venue: &str,
        change: impl Fn(Vec<GapRow>) -> Vec<GapRow>,
    ) -> Result<(), LakeError> {
        let path = self.layout().gaps(day, venue);
        self.update(&path, |old| {
            let old = old.map(|bytes| read(bytes.clone(), &path)).transpose()?.unwrap_or_default();
            let mut rows = change(old);
            rows.sort();
            let rows: Vec<(String, GapRow)> = rows.into_iter().map(|row| (venue.to_owned(), row)).collect();
            bytes_of(&to_table(&COLUMNS, &rows), &path)
        })
        .await
    }

    /// Adds gaps to the table of a venue and day. A gap is told by session, connection, symbol, data type, kind and start: one that
    /// is given again replaces the former row, so that adding the same rows twice changes nothing.
    ///
    /// # Errors
    /// As [`Lake::gaps`].
    pub async fn add_gaps(&self, day: Day, venue: &str, new: &[GapRow]) -> Result<(), LakeError> {
        self.change_gaps(day, venue, |old| merged(old, new)).await
    }
}

fn read(bytes: Bytes, path: &Path) -> Result<Vec<GapRow>, LakeError> {
    rows(&table(bytes, path)?).map_err(wrong(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(from: i64, to: i64) -> GapRow {
        GapRow {
            session: "a".into(),
            from_us: from,
            kind: "sequence".into(),
            connection: Some(3),
            symbol: Some("BTC-PERPETUAL".into()),
            data_type: Some(DataType::Trades),
            key: "DERIBIT:PERP:BTC-USD".parse().ok(),
            to_us: to,
            from_id: Some("9007199254740993".into()),
            to_id: Some("9007199254740995".into()),
            missing: Some(1),
            is_proven: true,
            detail: "ids".into(),
        }
    }

    #[tokio::test]
    async fn gaps_read_back_and_are_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(folder.path().to_str().unwrap(), &Default::default()).unwrap();
        let day = "2024-03-01".parse().unwrap();
        assert_eq!(lake.gaps(day, "deribit").await.unwrap(), []);
        let bare = GapRow {
            connection: None,
            symbol: None,
            data_type: None,
            key: None,
            from_id: None,
            to_id: None,
            missing: None,
            is_proven: false,
            kind: "crash".into(),
            ..row(5, 5)
        };
        lake.add_gaps(day, "deribit", &[row(7, 7), bare.clone()]).await.unwrap();
        let path = folder.path().join(lake.layout().gaps(day, "deribit").as_ref());
        // The end of a gap replaces its beginning, whatever the order and however often.
        lake.add_gaps(day, "deribit", &[row(7, 9)]).await.unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for again in [vec![row(7, 9), bare.clone()], vec![bare.clone()], vec![]] {
            lake.add_gaps(day, "deribit", &again).await.unwrap();
            assert!(std::fs::read(&path).unwrap() == bytes);
        }
        assert_eq!(lake.gaps(day, "deribit").await.unwrap(), [bare.clone(), row(7, 9)]);
        lake.add_gaps(day, "binance-futures", std::slice::from_ref(&bare)).await.unwrap();
        let all = lake.gaps_of_day(day).await.unwrap();
        assert_eq!(all.keys().collect::<Vec<_>>(), ["binance-futures", "deribit"]);
        // What cannot be made again is not made again in silence.
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        assert!(lake.gaps(day, "deribit").await.unwrap_err().is_distrust());
        assert!(lake.add_gaps(day, "deribit", &[bare]).await.unwrap_err().is_distrust());
    }
}
