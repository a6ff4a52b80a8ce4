//! The certificates that a lake keeps, for whoever looks for one. They are untrusted.

use mtdh_core::certificate::{Certificate, Hash};
use mtdh_core::error::chain;
use mtdh_lake::{Entry, Lake};
use serde::Serialize;

use super::parsed;
use crate::error::EngineError;

/// A certificate that a lake keeps.
#[derive(Clone, Debug, Serialize)]
pub struct KeptCertificate {
    /// The root of the tree in its name, in hexadecimal digits.
    pub root: String,
    /// The size of the document, bytes.
    pub bytes: u64,
    /// What it says; `Err`: why it cannot be used.
    #[serde(flatten)]
    pub said: Said,
}

/// What a certificate says, or why it cannot be used.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Said {
    /// What it says.
    Content(Box<Content>),
    /// Why it cannot be used.
    Problem {
        /// The reason.
        problem: String,
    },
}

/// What a certificate says.
#[derive(Clone, Debug, Serialize)]
pub struct Content {
    /// SHA-256 of the document without its last line, which people quote.
    pub digest: String,
    /// When it was made, microseconds since the Unix epoch, UTC.
    pub certified_us: i64,
    /// The verdict of the validation.
    pub verdict: String,
    /// Its first day.
    pub first_day: String,
    /// Its last day.
    pub last_day: String,
    /// Venues of its selection.
    pub venues: Vec<String>,
    /// Instrument types of its selection; empty: all but combos.
    pub instrument_types: Vec<&'static str>,
    /// Data types of its selection.
    pub data_types: Vec<&'static str>,
    /// Keys and patterns of its selection; empty: all.
    pub instruments: Vec<String>,
    /// The partitions that it names.
    pub partitions: u64,
    /// Those of them that have an object.
    pub objects: u64,
    /// Those that were missing.
    pub missing: u64,
    /// Whether every byte of the objects was read when it was made.
    pub are_bytes_proved: bool,
}

impl KeptCertificate {
    /// What it says; `None`: it cannot be used.
    pub fn content(&self) -> Option<&Content> {
        match &self.said {
            Said::Content(content) => Some(content),
            Said::Problem { .. } => None,
        }
    }

    /// Why it cannot be used; `None`: it can.
    pub fn problem(&self) -> Option<&str> {
        match &self.said {
            Said::Content(_) => None,
            Said::Problem { problem } => Some(problem),
        }
    }
}

/// The certificates of a lake, the newest first; those that cannot be used come last.
///
/// # Errors
/// When the lake cannot be read. A document that is no certificate is no error.
pub(crate) async fn kept(lake: &Lake) -> Result<Vec<KeptCertificate>, EngineError> {
    let mut kept = Vec::new();
    for entry in lake.certificates().await? {
        let Some(root) = lake.certificate_root(&entry) else { continue };
        let said = match lake.certificate_bytes(&entry).await? {
            None => continue,
            Some(Ok(bytes)) => parsed(&bytes),
            Some(Err(error)) => Err(error),
        };
        let said = match said {
            Ok((certificate, digest)) => Said::Content(Box::new(content(&certificate, digest))),
            Err(error) => Said::Problem { problem: chain(&error) },
        };
        kept.push(KeptCertificate { root: root.to_string(), bytes: entry.bytes, said });
    }
    kept.sort_by_key(|one| std::cmp::Reverse(one.content().map(|content| content.certified_us)));
    Ok(kept)
}

/// The document of a certificate by its root or its digest, or the first signs of one of them; `None`: there is none, or several.
///
/// # Errors
/// When the lake cannot be read.
pub(crate) async fn document_of(lake: &Lake, name: &str) -> Result<Option<Vec<u8>>, EngineError> {
    let name = name.strip_prefix("sha256:").unwrap_or(name).to_ascii_lowercase();
    let all = kept(lake).await?;
    let is_meant = |one: &&KeptCertificate| {
        let digest = one.content().map_or("", |content| &content.digest);
        one.root.starts_with(&name) || digest.starts_with(&name)
    };
    let meant: Vec<&KeptCertificate> = all.iter().filter(is_meant).collect();
    let ([one], true) = (&meant[..], name.len() >= SHORTEST) else { return Ok(None) };
    let is_of = |entry: &Entry| lake.certificate_root(entry).is_some_and(|root| root.to_string() == one.root);
    let Some(entry) = lake.certificates().await?.into_iter().find(is_of) else { return Ok(None) };
    Ok(lake.certificate_bytes(&entry).await?.and_then(Result::ok).map(|bytes| bytes.to_vec()))
}

/// Fewer signs of a digest name nothing.
const SHORTEST: usize = 8;

fn content(certificate: &Certificate, digest: Hash) -> Content {
    let Certificate { scope, counts, .. } = certificate;
    Content {
        digest: digest.to_string(),
        certified_us: certificate.certified_us,
        verdict: certificate.verdict.clone(),
        first_day: scope.days.first().to_string(),
        last_day: scope.days.last().to_string(),
        venues: scope.venues.clone(),
        instrument_types: scope.instrument_types.iter().map(|kind| kind.name()).collect(),
        data_types: scope.data_types.iter().map(|data_type| data_type.name()).collect(),
        instruments: scope.instruments.clone(),
        partitions: counts.partitions(),
        objects: counts.objects(),
        missing: counts.missing,
        are_bytes_proved: certificate.are_bytes_proved,
    }
}
