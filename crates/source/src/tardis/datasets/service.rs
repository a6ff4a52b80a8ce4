//! The vendor's file service: complete files, the vendor's statement that there is none, and conditional requests.
//!
//! An interrupted download is resumed if the server sent a strong entity tag and returns the rest of the same version.
//! Otherwise it starts again; two versions are never mixed.

use std::path::Path;
use std::sync::Mutex;

use md5::{Digest, Md5};
use mtdh_core::footer::End;
use reqwest::header::{
    CONTENT_RANGE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, IF_RANGE, RANGE,
};
use reqwest::{StatusCode, Url};

use super::{Answer, join};
use crate::gunzip::is_gzip;
use crate::http::retry::RetryPolicy;
use crate::http::{HttpClient, HttpError, HttpResponse, redacted_url};
use crate::spool::{SpoolWriter, SpooledFile, hex};
use crate::tardis::vendor_file::VendorFile;

/// A client for the file service.
#[derive(Clone, Debug)]
pub struct Datasets {
    http: HttpClient,
    base: Url,
    policy: RetryPolicy,
}

/// Called with the size of each chunk of a body as it arrives.
type OnBytes<'a> = &'a (dyn Fn(u64) + Send + Sync);

impl Datasets {
    /// Files below `base`, for example `https://datasets.tardis.dev/v1`.
    pub fn new(http: HttpClient, base: Url, policy: RetryPolicy) -> Datasets {
        Datasets { http, base, policy }
    }

    pub(super) async fn fetch(
        &self,
        file: &VendorFile,
        refetch: u32,
        spool: &Path,
        on_bytes: OnBytes<'_>,
    ) -> Result<Answer, HttpError> {
        let fetched = self.get(file, refetch, None, spool, on_bytes).await;
        fetched.map(|answer| answer.expect("an unconditional request always has an answer"))
    }

    /// Fetches a file; `None` if it still has the entity tag `unless`.
    pub(super) async fn get_unless(
        &self,
        file: &VendorFile,
        unless: Option<&str>,
        spool: &Path,
    ) -> Result<Option<Answer>, HttpError> {
        self.get(file, 0, unless, spool, &|_| {}).await
    }

    /// Fetches a file, or the vendor's statement that there is none; `None` if it still has the entity tag `unless`.
    async fn get(
        &self,
        file: &VendorFile,
        refetch: u32,
        unless: Option<&str>,
        spool: &Path,
        on_bytes: OnBytes<'_>,
    ) -> Result<Option<Answer>, HttpError> {
        let url = join(&self.base, &file.url_path())?;
        // Keeps the received part of an interrupted download for the next attempt.
        let begun: Mutex<Option<Body>> = Mutex::new(None);
        let ask = |attempt| self.attempt(&url, refetch + attempt - 1, unless, &begun, spool, on_bytes);
        match self.policy.run(ask).await {
            Ok(spooled) => Ok(spooled.map(Answer::File)),
            Err(error) => match absence(&error) {
                Some(reason) => Ok(Some(Answer::Absent { reason })),
                None => Err(error),
            },
        }
    }

    async fn attempt(
        &self,
        url: &Url,
        earlier_attempts: u32,
        unless: Option<&str>,
        waiting: &Mutex<Option<Body>>,
        spool: &Path,
        on_bytes: OnBytes<'_>,
    ) -> Result<Option<SpooledFile>, HttpError> {
        let mut url = url.clone();
        if earlier_attempts > 0 {
            // As in the vendor's own clients, so that no cache serves a damaged copy twice.
            url.set_query(Some(&format!("retryAttempt={earlier_attempts}")));
        }
        let take = || waiting.lock().ok().and_then(|mut begun| begun.take());
        let keep = |body: Option<Body>| {
            if let Ok(mut begun) = waiting.lock() {
                *begun = body;
            }
        };
        let begun = take();
        let mut headers = begun.as_ref().map(Body::rest).unwrap_or_default();
        if let (None, Some(etag)) = (&begun, unless.and_then(|etag| HeaderValue::from_str(etag).ok())) {
            headers.insert(IF_NONE_MATCH, etag);
        }
        let is_conditional = headers.contains_key(IF_NONE_MATCH);
        let mut response = match self.http.get(&url, headers).await {
            Ok(response) => response,
            // The server cannot send the rest, because the file has changed. The next attempt starts again.
            Err(error) if begun.is_some() && error.status_and_code().is_some_and(|(s, _)| s == 416) => {
                return Err(error.into_transient());
            }
            Err(error) => {
                keep(begun);
                return Err(error);
            }
        };
        if response.status() == StatusCode::NOT_MODIFIED {
            let nothing = self.http.wrong_content(&url, "a file, as was asked for", b"not modified");
            return if is_conditional { Ok(None) } else { Err(nothing) };
        }
        let mut body = match (response.status(), begun) {
            (StatusCode::PARTIAL_CONTENT, Some(begun)) if begun.is_continued_by(&response) => begun,
            (StatusCode::PARTIAL_CONTENT, _) => {
                let range = response.header(CONTENT_RANGE).unwrap_or_default().to_owned();
                return Err(self.http.wrong_content(&url, "the rest of the file", range.as_bytes()));
            }
            _ => Body::begin(&response, spool),
        };
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    body.write(&chunk)
                        .map_err(|source| HttpError::Disk { url: redacted_url(&url), source })?;
                    on_bytes(chunk.len() as u64);
                    // An error page with status 200 is recognised by its first bytes, however small the chunks are.
                    if body.bytes() >= GZIP_MAGIC_BYTES && !is_gzip(&body.start) {
                        break;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    keep(Some(body).filter(Body::can_resume));
                    return Err(error);
                }
            }
        }
        if !is_gzip(&body.start) {
            return Err(self.http.wrong_content(&url, "a gzip file", &body.start));
        }
        let spooled = body.finish().map_err(|incomplete| HttpError::NotWhole {
            url: redacted_url(&url),
            reason: incomplete.to_string(),
        })?;
        Ok(Some(spooled))
    }
}

/// Why a received body is not the complete file.
#[derive(Debug, thiserror::Error)]
enum Incomplete {
    /// Fewer or more bytes than announced.
    #[error("received {received} of {length} bytes")]
    Length { received: u64, length: u64 },
    /// Another MD5 than announced, for a body without a length.
    #[error("the length is not stated, and the MD5 is {computed} instead of {announced} (x-md5)")]
    Md5 { computed: String, announced: String },
}

/// The received part of a file.
struct Body {
    spool: SpoolWriter,
    etag: Option<String>,
    /// The length of the complete file, if the server stated it.
    length: Option<u64>,
    /// The MD5 announced by the server and that of the received bytes. Only used if there is no length: the vendor's MD5 of
    /// large multipart files may be a different value.
    md5: Option<(String, Md5)>,
    /// The first bytes, for a message.
    start: Vec<u8>,
}

impl Body {
    fn begin(response: &HttpResponse, spool: &Path) -> Body {
        let etag = response.header(ETAG).map(str::to_owned);
        let length = response.length();
        let announced = response.header(X_MD5).filter(|text| is_md5(text)).filter(|_| length.is_none());
        let md5 = announced.map(|text| (text.to_ascii_lowercase(), Md5::new()));
        Body { spool: SpoolWriter::new(spool), etag, length, md5, start: Vec::new() }
    }

    fn bytes(&self) -> u64 {
        self.spool.bytes()
    }

    fn write(&mut self, chunk: &[u8]) -> std::io::Result<()> {
        let room = START_BYTES.saturating_sub(self.start.len());
        self.start.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if let Some((_, md5)) = &mut self.md5 {
            md5.update(chunk);
        }
        self.spool.write(chunk)
    }

    /// Verifies that the file is complete. A truncation between two gzip members is detected only here.
    fn finish(self) -> Result<SpooledFile, Incomplete> {
        let received = self.bytes();
        let end = match (self.length, self.md5) {
            (Some(length), _) if length != received => return Err(Incomplete::Length { received, length }),
            (Some(_), _) => End::Length,
            (None, None) => End::NotStated,
            (None, Some((announced, md5))) => {
                let computed = hex(&md5.finalize());
                if computed != announced {
                    return Err(Incomplete::Md5 { computed, announced });
                }
                End::Md5
            }
        };
        Ok(self.spool.finish(self.etag, end))
    }

    /// Whether the download can be resumed. A weak tag does not identify the exact bytes, and without a length the missing
    /// part is unknown.
    fn can_resume(&self) -> bool {
        let is_strong = self.etag.as_ref().is_some_and(|etag| etag.starts_with('"'));
        is_strong && self.length.is_some() && self.bytes() > 0
    }

    /// The headers of a request for the rest of the same version.
    fn rest(&self) -> HeaderMap {
        let range = HeaderValue::from_str(&format!("bytes={}-", self.bytes()));
        let etag = self.etag.as_deref().map(HeaderValue::from_str);
        match (range, etag) {
            (Ok(range), Some(Ok(etag))) => HeaderMap::from_iter([(RANGE, range), (IF_RANGE, etag)]),
            _ => HeaderMap::new(),
        }
    }

    /// Whether a response is the rest of the same version: it starts where this part ends, and ends with the file.
    fn is_continued_by(&self, response: &HttpResponse) -> bool {
        let (begin, Some(length)) = (self.bytes(), self.length) else { return false };
        let range = format!("bytes {begin}-{}/{length}", length - 1);
        response.header(CONTENT_RANGE) == Some(range.as_str())
            && response.header(ETAG) == self.etag.as_deref()
    }
}

/// The vendor's header with a file's MD5.
const X_MD5: HeaderName = HeaderName::from_static("x-md5");

/// Whether a text is a plain MD5. Object stores use other values for multipart files.
fn is_md5(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Length of the gzip magic number.
const GZIP_MAGIC_BYTES: u64 = 2;
/// Bytes of a body kept for a message.
const START_BYTES: usize = 1024;

/// The vendor's code for a day outside of the symbol's lifetime.
const OUTSIDE_OF_LIFE: i64 = 140;
/// The vendor's code for an unknown symbol, or a data type that the symbol does not have.
const NO_SUCH_SYMBOL: i64 = 300;

/// Whether an error states that the file does not exist: only the vendor's two codes do. A 404 does not, because wrong URLs,
/// gateways and proxies return it too, and an absence is stored permanently.
fn absence(error: &HttpError) -> Option<String> {
    let HttpError::Status { status: 400, code: Some(code), message, .. } = error else { return None };
    let is_absence = matches!(*code, OUTSIDE_OF_LIFE | NO_SUCH_SYMBOL);
    is_absence.then(|| format!("status 400, code {code}: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Peer;

    #[test]
    fn only_the_vendors_own_words_are_evidence_of_absence() {
        let error = |status, code| HttpError::Status {
            peer: Peer::Tardis,
            url: "u".into(),
            status,
            code,
            message: "m".into(),
            retry_after: None,
            is_transient: false,
        };
        for (status, code, expected) in [
            (400, Some(140), true),
            (400, Some(300), true),
            (404, Some(1), false),
            (404, Some(140), false),
            (400, Some(7), false),
            (400, None, false),
            (404, None, false),
            (500, Some(140), false),
        ] {
            assert_eq!(absence(&error(status, code)).is_some(), expected, "{status} {code:?}");
        }
    }
}
