//! Certificates: which data a lake holds, as a document for others, and whether theirs is the same.
//!
//! The verdict is that of a validation, see [`crate::validate`]. The document and its arithmetic are in
//! [`mtdh_core::certificate`].

pub mod compare;
pub mod kept;
pub mod named;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use mtdh_core::certificate::{Certificate, CertificateError, Hash, MOST_BYTES, Scope};
use mtdh_core::footer::FORMAT_VERSION;
use mtdh_core::partition::Origin;
use mtdh_core::table::SCHEMA_VERSION;
use mtdh_core::universe::KeyPattern;
use mtdh_lake::certificates::path_of;

use crate::error::{EngineError, FileError};
use crate::selection::Selection;
use crate::validate::ValidationReport;
use crate::validate::leaves::Leaves;
use crate::validate::verdict::Verdict;

pub use mtdh_core::certificate;

/// A certificate that was made.
#[derive(Debug)]
pub struct Certified {
    /// Its content.
    pub certificate: Certificate,
    /// The document.
    pub bytes: Vec<u8>,
    /// SHA-256 of the document without its last line, for quoting.
    pub digest: Hash,
    /// The validation behind it.
    pub report: ValidationReport,
    /// Notes for people, one sentence each.
    pub notes: Vec<String>,
}

/// The certificate of what was validated.
pub(crate) fn certificate_of(
    selection: &Selection,
    origin: Origin,
    leaves: Leaves,
    report: &ValidationReport,
    certified_us: i64,
    are_bytes_proved: bool,
) -> Certificate {
    let Leaves { groups, counts, grades, .. } = leaves;
    let mut certificate = Certificate {
        certified_us,
        mtdh: env!("CARGO_PKG_VERSION").to_owned(),
        format_version: FORMAT_VERSION,
        schema_version: SCHEMA_VERSION,
        origin,
        scope: scope(selection),
        verdict: report.verdict.name().to_owned(),
        counts,
        grades,
        are_bytes_proved,
        root: Hash([0; 32]),
        groups,
    };
    certificate.root = certificate.compute_root(|partition| path_of(origin, partition));
    certificate
}

/// The selection in its one spelling.
fn scope(selection: &Selection) -> Scope {
    let Selection { days, venues, instrument_types, data_types, patterns, .. } = selection;
    let mut scope = Scope {
        days: *days,
        venues: venues.clone(),
        instrument_types: instrument_types.clone(),
        data_types: data_types.clone(),
        instruments: patterns.iter().map(ToString::to_string).collect(),
    };
    scope.venues.sort();
    scope.venues.dedup();
    scope.instrument_types.sort_by_key(|kind| kind.name());
    scope.instrument_types.dedup();
    scope.data_types.sort_by_key(|data_type| data_type.name());
    scope.data_types.dedup();
    scope.instruments.sort();
    scope.instruments.dedup();
    scope
}

/// The selection of a certificate.
fn selection_of(scope: &Scope) -> Selection {
    let Scope { days, venues, instrument_types, data_types, instruments } = scope.clone();
    let patterns = instruments.iter().map(|text| KeyPattern::new(text)).collect();
    Selection { days, venues, instrument_types, data_types, patterns, max_instruments: None }
}

/// Reads a certificate that anybody may have written. Returns also its own digest.
///
/// # Errors
/// When the file cannot be read, or is not a certificate that can be used.
pub fn read_certificate(file: &Path) -> Result<(Certificate, Hash), EngineError> {
    let open = || -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(file)?.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = open().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => FileError::Missing.of(file),
        _ => FileError::Read(error).of(file),
    })?;
    parsed(&bytes).map_err(|error| FileError::Certificate(error).of(file))
}

/// A certificate that anybody may have written, and its own digest.
pub(crate) fn parsed(bytes: &[u8]) -> Result<(Certificate, Hash), CertificateError> {
    let (certificate, digest) = Certificate::parse(bytes, path_of)?;
    let wrong = |text: String| CertificateError::Contradicts(text);
    let Some(verdict) = Verdict::from_name(&certificate.verdict) else {
        return Err(wrong(format!("there is no verdict `{}`", certificate.verdict)));
    };
    let (counts, said) = (&certificate.counts, verdict.name());
    let waits = counts.not_exported_yet > 0;
    let can_be = match verdict {
        Verdict::Complete => counts.missing == 0 && !waits && counts.objects() > 0,
        Verdict::CompleteUpTo => counts.missing == 0 && waits && counts.objects() > 0,
        Verdict::NotExportedYet => counts.missing == 0 && waits,
        Verdict::NothingExpected => counts.missing == 0 && !waits,
        Verdict::NotComplete | Verdict::NeedsDecision => true,
    };
    if !can_be {
        return Err(wrong(format!("its verdict is {said}, which its counts do not allow")));
    }
    let selection = selection_of(&certificate.scope);
    if selection.patterns.iter().map(ToString::to_string).ne(certificate.scope.instruments.iter().cloned()) {
        return Err(wrong("a pattern of its selection is not spelled as patterns are".to_owned()));
    }
    let other = {
        let mut partitions = certificate.partitions().map(|(group, entry)| group.partition(entry));
        partitions.find(|partition| !selection.takes_partition(partition))
    };
    match other {
        Some(other) => Err(wrong(format!("it names {other}, which its selection does not take"))),
        None => Ok((certificate, digest)),
    }
}
