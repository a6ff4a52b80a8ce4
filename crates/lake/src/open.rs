//! From a URL to a store: a local folder, `gs://bucket` or `s3://bucket`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, Checksum};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::multipart::MultipartStore;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};

use crate::error::LakeError;

/// What a lake's URL does not say. Nothing here is a secret.
#[derive(Clone, Debug, Default)]
pub struct LakeOptions {
    /// A service account's key file for `gs://`; without it, what Google's libraries find: the environment's, the
    /// application default credentials, the metadata server.
    pub gcp_credentials: Option<PathBuf>,
    /// Address of a stand-in for GCS, which is asked without credentials (`STORAGE_EMULATOR_HOST`).
    pub gcs_emulator: Option<String>,
}

/// A store that objects are put to over the network.
pub(crate) struct Remote {
    pub store: Arc<dyn ObjectStore>,
    pub multipart: Arc<dyn MultipartStore>,
    /// Path inside the bucket, below which the lake lies.
    pub prefix: String,
    /// Whether an object's entity tag is the MD5 of its bytes.
    pub etag_is_md5: bool,
}

/// Where a lake lies.
pub(crate) enum Place {
    Local(PathBuf),
    Remote(Remote),
}

pub(crate) fn place(url: &str, options: &LakeOptions) -> Result<Place, LakeError> {
    let bad = |reason: String| LakeError::BadUrl { url: url.to_owned(), reason };
    if let Some(rest) = url.strip_prefix("gs://") {
        let (bucket, prefix) = bucket_and_prefix(rest).ok_or_else(|| bad("it names no bucket".to_owned()))?;
        return gcs(bucket, prefix, options).map(Place::Remote).map_err(|e| bad(e.to_string()));
    }
    if let Some(rest) = url.strip_prefix("s3://") {
        let (bucket, prefix) = bucket_and_prefix(rest).ok_or_else(|| bad("it names no bucket".to_owned()))?;
        return s3(bucket, prefix).map(Place::Remote).map_err(|e| bad(e.to_string()));
    }
    let folder = url.strip_prefix("file://").unwrap_or(url);
    if folder.contains("://") {
        return Err(bad("its scheme is not known".to_owned()));
    }
    if folder.is_empty() {
        return Err(bad("it is empty".to_owned()));
    }
    Ok(Place::Local(Path::new(folder).to_owned()))
}

fn bucket_and_prefix(rest: &str) -> Option<(&str, &str)> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    (!bucket.is_empty()).then_some((bucket, prefix.trim_matches('/')))
}

fn gcs(bucket: &str, prefix: &str, options: &LakeOptions) -> object_store::Result<Remote> {
    // A stand-in is asked without the credentials that the environment may name.
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
        // The form in which object_store takes another address and no credentials.
        builder = builder.with_service_account_key(format!(
            r#"{{"gcs_base_url":"{scheme}{}","disable_oauth":true,"client_email":"","private_key":"","private_key_id":""}}"#,
            address.trim_end_matches('/')
        ));
    }
    let store = Arc::new(builder.build()?);
    Ok(Remote { store: store.clone(), multipart: store, prefix: prefix.to_owned(), etag_is_md5: true })
}

fn s3(bucket: &str, prefix: &str) -> object_store::Result<Remote> {
    // The SHA-256 goes along with each upload and S3 checks it; its entity tags are no MD5 where a key encrypts.
    let store = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_retry(retries())
        .with_client_options(client_options())
        .with_checksum_algorithm(Checksum::SHA256)
        .build()?;
    let store = Arc::new(store);
    Ok(Remote { store: store.clone(), multipart: store, prefix: prefix.to_owned(), etag_is_md5: false })
}

fn client_options() -> ClientOptions {
    // TLS stays verified; plain http is for stand-ins on this machine, whose addresses say http.
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
