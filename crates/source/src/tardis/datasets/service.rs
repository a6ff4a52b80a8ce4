//! The vendor's host of files: whole files, evidence that there is none, and whether a file is still the one it was.
//!
//! An answer that breaks off is continued where it broke off, when the server named a strong entity tag and gives the
//! rest of that very file. Otherwise it begins anew; never are two versions mixed.

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

/// The datasets host.
#[derive(Clone, Debug)]
pub struct Datasets {
    http: HttpClient,
    base: Url,
    policy: RetryPolicy,
}

/// Hears of each piece of a body as it comes.
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
        fetched.map(|answer| answer.expect("without a condition there is always an answer"))
    }

    /// What there is of a file, or nothing when it still has the entity tag `unless`.
    pub(super) async fn get_unless(
        &self,
        file: &VendorFile,
        unless: Option<&str>,
        spool: &Path,
    ) -> Result<Option<Answer>, HttpError> {
        self.get(file, 0, unless, spool, &|_| {}).await
    }

    /// A file, the evidence that there is none, or nothing when it still has the entity tag `unless`.
    async fn get(
        &self,
        file: &VendorFile,
        refetch: u32,
        unless: Option<&str>,
        spool: &Path,
        on_bytes: OnBytes<'_>,
    ) -> Result<Option<Answer>, HttpError> {
        let url = join(&self.base, &file.url_path())?;
        // What came of an answer that broke off waits here for the next attempt.
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
            // As the vendor's own clients do, so that no cache in between serves a damaged copy twice.
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
        let mut reply = match self.http.get(&url, headers).await {
            Ok(reply) => reply,
            // The server does not have the rest: it has another file now, and the next attempt begins anew.
            Err(error) if begun.is_some() && error.status_and_code().is_some_and(|(s, _)| s == 416) => {
                return Err(error.into_transient());
            }
            Err(error) => {
                keep(begun);
                return Err(error);
            }
        };
        if reply.status() == StatusCode::NOT_MODIFIED {
            let nothing = self.http.wrong_content(&url, "a file, as was asked for", b"not modified");
            return if is_conditional { Ok(None) } else { Err(nothing) };
        }
        let mut body = match (reply.status(), begun) {
            (StatusCode::PARTIAL_CONTENT, Some(begun)) if begun.is_continued_by(&reply) => begun,
            (StatusCode::PARTIAL_CONTENT, _) => {
                let range = reply.header(CONTENT_RANGE).unwrap_or_default().to_owned();
                return Err(self.http.wrong_content(&url, "the rest of the file", range.as_bytes()));
            }
            _ => Body::begin(&reply, spool),
        };
        loop {
            match reply.chunk().await {
                Ok(Some(chunk)) => {
                    body.write(&chunk)
                        .map_err(|source| HttpError::Disk { url: redacted_url(&url), source })?;
                    on_bytes(chunk.len() as u64);
                    // A page with status 200 is told from a file by its first bytes, however few come at once.
                    if body.bytes() >= GZIP_MAGIC_BYTES && !is_gzip(&body.start) {
                        break;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    keep(Some(body).filter(Body::can_go_on));
                    return Err(error);
                }
            }
        }
        if !is_gzip(&body.start) {
            return Err(self.http.wrong_content(&url, "a gzip file", &body.start));
        }
        let spooled =
            body.whole().map_err(|reason| HttpError::NotWhole { url: redacted_url(&url), reason })?;
        Ok(Some(spooled))
    }
}

/// What came of a file so far.
struct Body {
    spooling: SpoolWriter,
    etag: Option<String>,
    /// The whole file's length, where the server said it.
    length: Option<u64>,
    /// The vendor's MD5 of it with that of what came, where the server said no length: of large files of several parts the
    /// vendor's own may be another, which their length proves all the same.
    md5: Option<(String, Md5)>,
    /// The first bytes, for a message.
    start: Vec<u8>,
}

impl Body {
    fn begin(reply: &HttpResponse, spool: &Path) -> Body {
        let etag = reply.header(ETAG).map(str::to_owned);
        let length = reply.length();
        let told = reply.header(X_MD5).filter(|text| is_md5(text)).filter(|_| length.is_none());
        let md5 = told.map(|text| (text.to_ascii_lowercase(), Md5::new()));
        Body { spooling: SpoolWriter::new(spool), etag, length, md5, start: Vec::new() }
    }

    fn bytes(&self) -> u64 {
        self.spooling.bytes()
    }

    fn write(&mut self, chunk: &[u8]) -> std::io::Result<()> {
        let lacking = START_BYTES.saturating_sub(self.start.len());
        self.start.extend_from_slice(&chunk[..chunk.len().min(lacking)]);
        if let Some((_, md5)) = &mut self.md5 {
            md5.update(chunk);
        }
        self.spooling.write(chunk)
    }

    /// The file, once nothing more comes. A cut between two members of its gzip data shows nowhere but here. The error
    /// says what tells that it is not whole.
    fn whole(self) -> Result<SpooledFile, String> {
        let came = self.bytes();
        let end = match (self.length, self.md5) {
            (Some(length), _) if length != came => return Err(format!("{came} of {length} bytes came")),
            (Some(_), _) => End::Length,
            (None, None) => End::NotStated,
            (None, Some((told, md5))) => {
                let own = hex(&md5.finalize());
                if own != told {
                    return Err(format!(
                        "its length is not said, and its MD5 is {own}, not {told} as x-md5 says"
                    ));
                }
                End::Md5
            }
        };
        Ok(self.spooling.finish(self.etag, end))
    }

    /// A weak tag names files that mean the same, not the same bytes; without a length nobody knows what is lacking.
    fn can_go_on(&self) -> bool {
        let is_strong = self.etag.as_ref().is_some_and(|etag| etag.starts_with('"'));
        is_strong && self.length.is_some() && self.bytes() > 0
    }

    /// The headers that ask for the rest of this very file.
    fn rest(&self) -> HeaderMap {
        let range = HeaderValue::from_str(&format!("bytes={}-", self.bytes()));
        let etag = self.etag.as_deref().map(HeaderValue::from_str);
        match (range, etag) {
            (Ok(range), Some(Ok(etag))) => HeaderMap::from_iter([(RANGE, range), (IF_RANGE, etag)]),
            _ => HeaderMap::new(),
        }
    }

    /// Whether an answer begins where this ends, ends where the file does, and is of the same file.
    fn is_continued_by(&self, reply: &HttpResponse) -> bool {
        let (begin, Some(length)) = (self.bytes(), self.length) else { return false };
        let range = format!("bytes {begin}-{}/{length}", length - 1);
        reply.header(CONTENT_RANGE) == Some(range.as_str()) && reply.header(ETAG) == self.etag.as_deref()
    }
}

/// The vendor's header with a file's MD5.
const X_MD5: HeaderName = HeaderName::from_static("x-md5");

/// Whether a text is an MD5 as the vendor writes it. Stores write other things of files of several parts.
fn is_md5(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Bytes that tell gzip data.
const GZIP_MAGIC_BYTES: u64 = 2;
/// Bytes of a body that are kept for a message.
const START_BYTES: usize = 1024;

/// The vendor's code for a day outside of the symbol's life.
const OUTSIDE_OF_LIFE: i64 = 140;
/// The vendor's code for a symbol, or a symbol and data type, that it does not have.
const NO_SUCH_SYMBOL: i64 = 300;

/// The answers that say that a file does not exist: the vendor's own two codes. A 404 is none of them: a wrong address,
/// a gateway or a proxy answers so as well, and an absence is kept for good.
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
