//! Certificates.

use std::path::Path;

use mtdh_core::Day;
use mtdh_core::certificate::{Certificate, Hash};
use mtdh_core::partition::Origin;
use mtdh_lake::read::DigestBy;

use super::{Context, Work};
use crate::certify::compare::{Verification, compare};
use crate::certify::kept::{KeptCertificate, document_of, kept};
use crate::certify::{Certified, certificate_of, parsed, read_certificate};
use crate::check::lake::now_us;
use crate::error::EngineError;
use crate::runs::phase;
use crate::selection::Selection;
use crate::validate::leaves::Leaves;
use crate::validate::{Depth, reason_not_to_write, validate};

/// How to make a certificate, or to compare with one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CertifyBy {
    /// By the objects' footers, which say the digests of their data.
    #[default]
    Footers,
    /// By every byte of the objects.
    Bytes,
}

impl Context {
    /// Validates the selection and makes a certificate of it. Writes the days' reports as a validation does, if it may.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, selection: mtdh_engine::Selection) -> Result<(), Box<dyn std::error::Error>> {
    /// use mtdh_engine::CertifyBy;
    /// let certified = context.certify(&selection, CertifyBy::Footers).await?;
    /// std::fs::write("lake.json", &certified.bytes)?;
    /// println!("{}", certified.digest);
    /// # Ok(())
    /// # }
    /// ```
    pub fn certify<'a>(&'a self, selection: &'a Selection, by: CertifyBy) -> Work<'a, Certified> {
        Box::pin(async move {
            if self.lake.origin() == Origin::Live {
                return Err(EngineError::CertifiedRecordings);
            }
            if selection.max_instruments.is_some() {
                return Err(EngineError::CertifiedLimit);
            }
            let selection = &self.with_venues_of_tables(selection).await?;
            let mut notes = Vec::new();
            let phase = phase::days("reading instrument tables", selection.days);
            for day in selection.days.days() {
                let _day_done = phase.item();
                notes.extend(self.look_again(day, selection).await?);
            }
            drop(phase);
            let certified_us = now_us();
            let are_bytes_proved = by == CertifyBy::Bytes;
            let depth = match Day::containing_us(certified_us) {
                Some(today) if are_bytes_proved => Depth::Bytes { today },
                _ => Depth::Listing,
            };
            let mut leaves = Leaves::new(are_bytes_proved);
            let source = self.instrument_source();
            let report = validate(&self.lake, &source, selection, depth, Some(&mut leaves)).await?;
            let certificate = certificate_of(
                selection,
                self.lake.origin(),
                leaves,
                &report,
                certified_us,
                are_bytes_proved,
            );
            let (bytes, digest) = certificate.to_bytes();
            // What is handed out can be used: longer names and lists than a certificate has are refused here too.
            parsed(&bytes).map_err(EngineError::NotCertifiable)?;
            let kept = self.lake.keep_certificate(&certificate.root, &bytes).await.map_err(EngineError::from);
            notes.extend(
                reason_not_to_write(kept)?
                    .map(|reason| format!("the lake keeps no copy of the certificate: {reason}")),
            );
            Ok(Certified { certificate, bytes, digest, report, notes })
        })
    }

    /// The certificates that the lake keeps, the newest first. They are untrusted: one that cannot be used is listed with the reason.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// for certificate in context.certificates().await? {
    ///     println!("{}: {:?}", certificate.root, certificate.content().map(|content| &content.verdict));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn certificates(&self) -> Work<'_, Vec<KeptCertificate>> {
        Box::pin(async {
            self.lake.check_readable().await?;
            kept(&self.lake).await
        })
    }

    /// The document of a certificate that the lake keeps, by its root or digest or their first eight signs and more; `None`: there is
    /// none, or several.
    pub fn certificate<'a>(&'a self, name: &'a str) -> Work<'a, Option<Vec<u8>>> {
        Box::pin(document_of(&self.lake, name))
    }

    /// As [`Context::verify_certificate`], of a document.
    pub fn verify_document<'a>(&'a self, document: &'a [u8], by: CertifyBy) -> Work<'a, Verification> {
        Box::pin(async move {
            let (certificate, digest) = parsed(document).map_err(EngineError::NotCertificate)?;
            self.compare_with(&certificate, digest, by).await
        })
    }

    /// Compares the lake with the certificate in a file, which anybody may have written. Writes nothing.
    pub fn verify_certificate<'a>(&'a self, file: &'a Path, by: CertifyBy) -> Work<'a, Verification> {
        Box::pin(async move {
            let (certificate, digest) = read_certificate(file)?;
            self.compare_with(&certificate, digest, by).await
        })
    }

    async fn compare_with(
        &self,
        certificate: &Certificate,
        digest: Hash,
        by: CertifyBy,
    ) -> Result<Verification, EngineError> {
        self.lake.check_readable().await?;
        let by = match by {
            CertifyBy::Footers => DigestBy::Footer,
            CertifyBy::Bytes => DigestBy::Bytes,
        };
        compare(&self.lake.with_origin(certificate.origin), certificate, digest, by).await
    }
}
