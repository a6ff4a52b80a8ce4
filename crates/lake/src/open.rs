//! Opens a store from a URL: a local folder, `gs://bucket` or `s3://bucket`.

use std::path::PathBuf;
use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, Checksum};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::multipart::MultipartStore;
use object_store::path::Path as StorePath;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};

use crate::error::LakeError;

/// Settings of a lake that its URL does not contain. Contains no secrets.
#[derive(Clone, Debug, Default)]
pub struct LakeOptions {
    /// A service account's key file for `gs://`; `None`: what Google's libraries find (the environment, the application
    /// default credentials, the metadata server).
    pub gcp_credentials: Option<PathBuf>,
    /// Address of a simulated GCS, used without credentials (`STORAGE_EMULATOR_HOST`); `None`: GCS itself.
    pub gcs_emulator: Option<String>,
}

/// A store that is accessed over the network.
pub(crate) struct Remote {
    pub store: Arc<dyn ObjectStore>,
    pub multipart: Arc<dyn MultipartStore>,
    /// Path inside the bucket, below which the lake lies.
    pub prefix: StorePath,
    /// Whether an object's entity tag is the MD5 of its bytes.
    pub etag_is_md5: bool,
}

/// The location of a lake.
pub(crate) enum Place {
    Local(PathBuf),
    Remote(Remote),
}

pub(crate) fn place(url: &str, options: &LakeOptions) -> Result<Place, LakeError> {
    let bad = |reason: String| LakeError::BadUrl { url: url.to_owned(), reason };
    match Address::parse(url, std::env::home_dir()).map_err(bad)? {
        Address::Folder(folder) => Ok(Place::Local(folder)),
        Address::Gcs(bucket, prefix) => {
            // The bucket may be right although the file is not, and the client's error is about the bucket.
            let key_file = options.gcp_credentials.as_ref().filter(|_| options.gcs_emulator.is_none());
            if let Some(path) = key_file {
                let failed = |source| LakeError::KeyFile { path: path.clone(), source };
                std::fs::File::open(path).map_err(failed)?;
            }
            gcs(&bucket, prefix, options).map(Place::Remote)
        }
        Address::S3(bucket, prefix) => s3(&bucket, prefix).map(Place::Remote),
    }
    .map_err(|error: object_store::Error| bad(error.to_string()))
}

/// A parsed lake URL.
#[derive(Debug, PartialEq)]
enum Address {
    Folder(PathBuf),
    /// A bucket, and the prefix of the lake in it.
    Gcs(String, StorePath),
    S3(String, StorePath),
}

impl Address {
    /// Parses a URL, or a folder as typed in a shell: `~` is `home`. Percent signs are decoded in a `file:` URL; in a folder
    /// or a bucket's prefix they are literal, as in the tools of both.
    fn parse(url: &str, home: Option<PathBuf>) -> Result<Address, String> {
        if url.is_empty() {
            return Err("it is empty".to_owned());
        }
        if url.contains('\0') {
            return Err("it holds a NUL".to_owned());
        }
        match scheme(url) {
            Some(("gs", rest)) => {
                bucket_and_prefix(rest).map(|(bucket, prefix)| Address::Gcs(bucket, prefix))
            }
            Some(("s3", rest)) => bucket_and_prefix(rest).map(|(bucket, prefix)| Address::S3(bucket, prefix)),
            Some(("file", rest)) => file_url(rest).map(Address::Folder),
            Some(_) => Err("its scheme is not known".to_owned()),
            None => folder(url, home).map(Address::Folder),
        }
    }
}

/// The scheme of a lake URL, and the text after the colon. A folder has none; a folder that looks as if it had one is written
/// with `./`.
fn scheme(url: &str) -> Option<(&'static str, &str)> {
    let (name, rest) = url.split_once(':')?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let known = ["gs", "s3", "file"].into_iter().find(|known| name.eq_ignore_ascii_case(known));
    match known {
        Some(known) => Some((known, rest)),
        None if rest.starts_with("//") && name.chars().all(is_name) => Some(("", rest)),
        None => None,
    }
}

fn folder(text: &str, home: Option<PathBuf>) -> Result<PathBuf, String> {
    let Some(rest) = text.strip_prefix('~') else { return Ok(PathBuf::from(text)) };
    if !(rest.is_empty() || rest.starts_with('/')) {
        return Err(format!(
            "the home of another user is not looked up; write it out, or ./{text} for a folder of that name"
        ));
    }
    let home = home.filter(|home| home.is_absolute());
    let home = home.ok_or("it begins in the home folder, and HOME does not say where that is")?;
    Ok(home.join(rest.trim_start_matches('/')))
}

/// The folder of `file:/x`, `file:///x` or `file://localhost/x`.
fn file_url(rest: &str) -> Result<PathBuf, String> {
    let path = match rest.strip_prefix("//") {
        None => rest,
        Some(rest) => match rest.find('/').map(|at| rest.split_at(at)) {
            Some((host, path)) if host.is_empty() || host.eq_ignore_ascii_case("localhost") => path,
            _ => {
                return Err(
                    "a file: URL names a folder of this machine from its root, as file:///folder does"
                        .to_owned(),
                );
            }
        },
    };
    if !path.starts_with('/') {
        return Err("a file: URL names a folder from the root, as file:///folder does".to_owned());
    }
    if path.contains(['?', '#']) {
        return Err("in a file: URL `?` is written %3F and `#` %23".to_owned());
    }
    let decoded = percent_decode(path).filter(|path| !path.contains('\0'));
    decoded.map(PathBuf::from).ok_or_else(|| "its percent signs do not spell a path".to_owned())
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut pieces = text.split('%');
    bytes.extend(pieces.next()?.bytes());
    for piece in pieces {
        let digits = piece.get(..2).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend(piece[2..].bytes());
    }
    String::from_utf8(bytes).ok()
}

/// The bucket and prefix after the colon of a URL. A prefix whose parts are not plain names is refused: the store would take
/// them literally, or its client as another prefix.
fn bucket_and_prefix(rest: &str) -> Result<(String, StorePath), String> {
    let rest = rest.strip_prefix("//").ok_or("two slashes and the bucket follow its scheme")?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err("it names no bucket".to_owned());
    }
    let prefix = match prefix {
        "" => return Ok((bucket.to_owned(), StorePath::default())),
        prefix => prefix.strip_suffix('/').unwrap_or(prefix),
    };
    if let Some(part) = prefix.split('/').find(|part| matches!(*part, "" | "." | "..")) {
        return Err(format!("`{part}` is no part of a prefix"));
    }
    let parsed = StorePath::parse(prefix).map_err(|error| error.to_string())?;
    Ok((bucket.to_owned(), parsed))
}

fn gcs(bucket: &str, prefix: StorePath, options: &LakeOptions) -> object_store::Result<Remote> {
    // A simulated server is used without the credentials of the environment.
    let builder = match &options.gcs_emulator {
        Some(_) => GoogleCloudStorageBuilder::new(),
        None => GoogleCloudStorageBuilder::from_env(),
    };
    let mut builder =
        builder.with_bucket_name(bucket).with_retry(retries()).with_client_options(client_options());
    if let Some(path) = options.gcp_credentials.as_ref().filter(|_| options.gcs_emulator.is_none()) {
        builder = builder.with_service_account_path(path.to_string_lossy());
    }
    if let Some(address) = &options.gcs_emulator {
        let scheme = if address.contains("://") { "" } else { "http://" };
        // The format in which object_store takes another address and no credentials.
        builder = builder.with_service_account_key(format!(
            r#"{{"gcs_base_url":"{scheme}{}","disable_oauth":true,"client_email":"","private_key":"","private_key_id":""}}"#,
            address.trim_end_matches('/')
        ));
    }
    let store = Arc::new(builder.build()?);
    Ok(Remote { store: store.clone(), multipart: store, prefix, etag_is_md5: true })
}

fn s3(bucket: &str, prefix: StorePath) -> object_store::Result<Remote> {
    // Each upload carries its SHA-256, which S3 verifies. Entity tags are not an MD5 if objects are encrypted with a key.
    let store = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_retry(retries())
        .with_client_options(client_options())
        .with_checksum_algorithm(Checksum::SHA256)
        .build()?;
    let store = Arc::new(store);
    Ok(Remote { store: store.clone(), multipart: store, prefix, etag_is_md5: false })
}

fn client_options() -> ClientOptions {
    // TLS stays verified; plain http is for simulated servers on this machine, whose addresses use http.
    ClientOptions::new().with_allow_http(true)
}

fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: std::time::Duration::from_millis(100),
            max_backoff: std::time::Duration::from_secs(15),
            base: 2.0,
        },
        max_retries: 8,
        retry_timeout: std::time::Duration::from_secs(120),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_as_a_shells_user_expects_or_refused() {
        let folder = |path: &str| Ok(Address::Folder(path.into()));
        let gcs =
            |bucket: &str, prefix: &str| Ok(Address::Gcs(bucket.into(), StorePath::parse(prefix).unwrap()));
        let s3 =
            |bucket: &str, prefix: &str| Ok(Address::S3(bucket.into(), StorePath::parse(prefix).unwrap()));
        let refused = |words: &'static str| Err(words);
        for (url, expected) in [
            ("data", folder("data")),
            ("./gs:x", folder("./gs:x")),
            ("a:b/c", folder("a:b/c")),
            ("/x/a%20b", folder("/x/a%20b")),
            ("~", folder("/home/me")),
            ("~/x", folder("/home/me/x")),
            ("~//x", folder("/home/me/x")),
            ("./~/x", folder("./~/x")),
            ("x/~", folder("x/~")),
            ("~you/x", refused("another user")),
            ("file:/x", folder("/x")),
            ("file:///x", folder("/x")),
            ("FILE:///x", folder("/x")),
            ("file://localhost/x", folder("/x")),
            ("file:///a%20b/%C3%A9", folder("/a b/\u{e9}")),
            ("file:///a%2", refused("percent signs")),
            ("file:///a%zz", refused("percent signs")),
            ("file:///%ff", refused("percent signs")),
            ("file:///%00", refused("percent signs")),
            ("file:///a?b", refused("%3F")),
            ("file:x", refused("from the root")),
            ("file://x", refused("of this machine")),
            ("file://host/x", refused("of this machine")),
            ("file://", refused("of this machine")),
            ("gs://b", gcs("b", "")),
            ("gs://b/", gcs("b", "")),
            ("GS://b/a/c/", gcs("b", "a/c")),
            ("s3://b/team a/lake~1", s3("b", "team a/lake~1")),
            ("s3://b/a.b/..c", s3("b", "a.b/..c")),
            ("s3://b/a//b", refused("`` is no part")),
            ("s3://b//a", refused("`` is no part")),
            ("s3://b//", refused("`` is no part")),
            ("s3://b/a//", refused("`` is no part")),
            ("gs://b/./a", refused("`.` is no part")),
            ("gs://b/a/..", refused("`..` is no part")),
            ("gs://b/a\nb", refused("illegal character")),
            ("gs:b/a", refused("two slashes")),
            ("s3:/b/a", refused("two slashes")),
            ("gs:///a", refused("no bucket")),
            ("az://b", refused("scheme")),
            ("", refused("empty")),
            ("a\0b", refused("NUL")),
        ] {
            match (Address::parse(url, Some("/home/me".into())), expected) {
                (Ok(address), Ok(expected)) => assert_eq!(address, expected, "{url}"),
                (Err(reason), Err(words)) => assert!(reason.contains(words), "{url}: {reason}"),
                (found, expected) => panic!("{url}: {found:?}, and not {expected:?}"),
            }
        }
        assert!(Address::parse("~/x", None).is_err(), "nobody knows the home");
    }
}
