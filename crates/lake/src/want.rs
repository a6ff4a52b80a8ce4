//! `lake.toml` in the lake: read within bounds, changed on condition that nobody else changed it in between.

use bytes::Bytes;
use mtdh_core::want::{EditError, MOST_BYTES, WantError, Wanted, text_of};

use crate::error::LakeError;
use crate::store::Lake;

impl Lake {
    /// What the lake is for; `None`: nobody wrote it down.
    ///
    /// # Errors
    /// When the store fails, or the file cannot be used: with the line and the field.
    pub async fn wanted(&self) -> Result<Option<Wanted>, LakeError> {
        let Some(bytes) = self.wanted_bytes().await? else { return Ok(None) };
        Ok(Some(Wanted::parse_bytes(&bytes)?))
    }

    /// The same, as it is written.
    ///
    /// # Errors
    /// When the store fails, or it is too large or no text.
    pub async fn wanted_text(&self) -> Result<Option<String>, LakeError> {
        let Some(bytes) = self.wanted_bytes().await? else { return Ok(None) };
        Ok(Some(text_of(&bytes)?.to_owned()))
    }

    /// Changes what the lake is for. `change` gets the text, which is empty if there is none, and returns the new one; of two that
    /// change it at once, the later one is asked again with what the other wrote.
    ///
    /// # Errors
    /// When the store fails, `change` fails, or others are faster each time.
    pub async fn change_wanted(
        &self,
        mut change: impl FnMut(&str) -> Result<String, EditError>,
    ) -> Result<(), LakeError> {
        // Others write the file too: its size is known before it is read.
        self.wanted_bytes().await?;
        self.update(&self.layout().wanted(), |old| {
            let text = old.map(|bytes| text_of(bytes)).transpose()?.unwrap_or_default();
            Ok(Bytes::from(change(text)?))
        })
        .await
    }

    async fn wanted_bytes(&self) -> Result<Option<Bytes>, LakeError> {
        let path = self.layout().wanted();
        match self.entry(&path).await? {
            None => Ok(None),
            Some(entry) if entry.bytes > MOST_BYTES as u64 => {
                let reason = format!("it has {} bytes, and at most {MOST_BYTES} are read", entry.bytes);
                Err(WantError { line: None, field: String::new(), reason }.into())
            }
            Some(_) => self.read(&path).await,
        }
    }
}
