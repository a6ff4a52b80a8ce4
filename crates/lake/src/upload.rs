//! Publishing to a bucket: one request for small objects, parts for large ones, each verified by the store's checksum.

use std::io::Read;

use bytes::Bytes;
use futures::TryStreamExt;
use md5::{Digest, Md5};
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectStoreExt, PutMode};

use crate::answers::is_unknown_there;
use crate::error::LakeError;
use crate::object::WriteMode;
use crate::open::Remote;
use crate::stage::Content;

/// Up to this size an object is uploaded in one request.
const SINGLE_BYTES: u64 = 16 << 20;
/// Size of a part of a larger object; GCS and S3 require at least 5 MiB and at most 10,000 parts.
const PART_BYTES: usize = 16 << 20;

/// Attempts of a create-only put: object_store itself retries only what may be retried blindly.
const CREATE_ATTEMPTS: u32 = 4;

/// Uploads an object and returns its entity tag; `None`: the same object existed.
pub(crate) async fn put(
    remote: &Remote,
    path: &Path,
    content: Content,
    existing: WriteMode,
) -> Result<Option<String>, LakeError> {
    let failed = |source| LakeError::Disk { path: std::env::temp_dir(), source };
    let bytes = match content {
        Content::Memory(bytes) => Bytes::from(bytes),
        Content::File(file, _) => {
            let size = file.as_file().metadata().map_err(failed)?.len();
            if size > SINGLE_BYTES {
                let reader = std::fs::File::open(file.path()).map_err(failed)?;
                return put_in_parts(remote, path, reader, size, existing).await;
            }
            std::fs::read(file.path()).map_err(failed)?.into()
        }
    };
    match existing {
        WriteMode::Create => create(remote, path, &bytes).await,
        WriteMode::Overwrite => replace(remote, path, &bytes).await,
    }
}

/// Overwrites an object; retried while another request on the name is in progress (S3's 409).
async fn replace(remote: &Remote, path: &Path, bytes: &Bytes) -> Result<Option<String>, LakeError> {
    let mut attempt = 1;
    loop {
        match remote.store.put(path, bytes.clone().into()).await {
            Ok(result) => return check(remote, path, result.e_tag, bytes).await,
            Err(error @ StoreError::AlreadyExists { .. }) if attempt < CREATE_ATTEMPTS => {
                tracing::warn!(%path, attempt, cause = %error, "publishing again");
                pause(attempt).await;
                attempt += 1;
            }
            Err(source) => return Err(LakeError::Store { path: path.to_string(), source }),
        }
    }
}

/// A create-only put. A conflict counts only if the object is then found: a store with two concurrent requests on one name
/// (S3's 409) may refuse both, and the name is still free.
async fn create(remote: &Remote, path: &Path, bytes: &Bytes) -> Result<Option<String>, LakeError> {
    let mut attempt = 1;
    loop {
        let refused = match conditional(remote, path, bytes, PutMode::Create).await {
            Ok(result) => return check(remote, path, result.e_tag, bytes).await,
            Err(refused @ StoreError::AlreadyExists { .. }) => refused,
            Err(source) => return Err(LakeError::Store { path: path.to_string(), source }),
        };
        match has_bytes(remote, path, bytes).await? {
            Some(true) => return Ok(None),
            Some(false) => return Err(LakeError::Exists { path: path.to_string() }),
            None if attempt == CREATE_ATTEMPTS => {
                return Err(LakeError::Store { path: path.to_string(), source: refused });
            }
            None => {
                tracing::warn!(%path, attempt, cause = %refused, "said to be there, and is not; publishing again");
                pause(attempt).await;
                attempt += 1;
            }
        }
    }
}

/// A conditional put. After a lost reply the next attempt finds the result of the one before; the caller then compares.
pub(crate) async fn conditional(
    remote: &Remote,
    path: &Path,
    bytes: &Bytes,
    mode: PutMode,
) -> object_store::Result<object_store::PutResult> {
    let mut attempt = 1;
    loop {
        match remote.store.put_opts(path, bytes.clone().into(), mode.clone().into()).await {
            Err(error @ StoreError::Generic { .. })
                if attempt < CREATE_ATTEMPTS && !is_unknown_there(&error) =>
            {
                tracing::warn!(%path, attempt, cause = %error, "publishing again");
                pause(attempt).await;
                attempt += 1;
            }
            outcome => return outcome,
        }
    }
}

async fn pause(attempt: u32) {
    tokio::time::sleep(std::time::Duration::from_millis(200 << attempt).mul_f64(0.5 + fastrand::f64() / 2.0))
        .await;
}

/// Whether the existing object has these bytes; `None`: there is none.
async fn has_bytes(remote: &Remote, path: &Path, bytes: &Bytes) -> Result<Option<bool>, LakeError> {
    let failed = |source| LakeError::Store { path: path.to_string(), source };
    let there = match remote.store.get(path).await {
        Err(StoreError::NotFound { .. }) => return Ok(None),
        other => other.map_err(failed)?,
    };
    if there.meta.size != bytes.len() as u64 {
        return Ok(Some(false));
    }
    Ok(Some(there.bytes().await.map_err(failed)? == *bytes))
}

/// [`has_bytes`] for an object that is not held in memory.
async fn same_file_or_conflict(remote: &Remote, path: &Path, reader: impl Read) -> Result<(), LakeError> {
    let failed = |source| LakeError::Store { path: path.to_string(), source };
    let disk = |source| LakeError::Disk { path: std::env::temp_dir(), source };
    let mut ours = std::io::BufReader::with_capacity(1 << 20, reader);
    let mut there = remote.store.get(path).await.map_err(failed)?.into_stream();
    let mut piece = Vec::new();
    while let Some(theirs) = there.try_next().await.map_err(failed)? {
        piece.resize(theirs.len(), 0);
        ours.read_exact(&mut piece).map_err(disk)?;
        if piece != theirs {
            return Err(LakeError::Exists { path: path.to_string() });
        }
    }
    Ok(())
}

/// Checks an uploaded object and removes it if it is damaged. Returns the tag of one that is not.
async fn check(
    remote: &Remote,
    path: &Path,
    etag: Option<String>,
    bytes: &Bytes,
) -> Result<Option<String>, LakeError> {
    if has_arrived(remote, path, etag.as_deref(), bytes).await? {
        return Ok(etag);
    }
    let name = path.to_string();
    remote.store.delete(path).await.map_err(|source| LakeError::Store { path: name.clone(), source })?;
    Err(LakeError::Damaged { path: name, found: tag(etag.as_deref()), sent: md5_hex(bytes) })
}

/// Whether the stored object is what was sent: by the entity tag, if it is the MD5. If it is not (a bucket whose objects are
/// encrypted with the customer's key), the object is read back.
pub(crate) async fn has_arrived(
    remote: &Remote,
    path: &Path,
    etag: Option<&str>,
    bytes: &Bytes,
) -> Result<bool, LakeError> {
    if !remote.etag_is_md5 || tag(etag) == md5_hex(bytes) {
        return Ok(true);
    }
    match has_bytes(remote, path, bytes).await? {
        Some(is_same) => Ok(is_same),
        None => Err(LakeError::Vanished { path: path.to_string() }),
    }
}

fn tag(etag: Option<&str>) -> String {
    etag.unwrap_or_default().trim_matches('"').to_lowercase()
}

/// Whether an object's bytes differ from its entity tag, where that is an MD5.
pub(crate) fn is_misread(remote: &Remote, etag: Option<&str>, bytes: &Bytes) -> bool {
    let found = tag(etag);
    remote.etag_is_md5 && is_md5(&found) && found != md5_hex(bytes)
}

async fn put_in_parts(
    remote: &Remote,
    path: &Path,
    mut reader: impl Read,
    size: u64,
    existing: WriteMode,
) -> Result<Option<String>, LakeError> {
    let failed = |source| LakeError::Store { path: path.to_string(), source };
    // Multipart uploads have no create-only mode. Two writers of one partition write the same bytes, so the worst that this
    // check can miss is the same object written twice.
    if existing == WriteMode::Create {
        match remote.store.head(path).await {
            Ok(there) if there.size == size => {
                return same_file_or_conflict(remote, path, reader).await.map(|()| None);
            }
            Ok(_) => return Err(LakeError::Exists { path: path.to_string() }),
            Err(StoreError::NotFound { .. }) => {}
            Err(source) => return Err(failed(source)),
        }
    }
    let id = remote.multipart.create_multipart(path).await.map_err(failed)?;
    let uploaded = upload_parts(remote, path, &id, &mut reader, size).await;
    let completed = match uploaded {
        Ok(parts) => {
            let put = remote.multipart.complete_multipart(path, &id, parts).await;
            put.map(|put| put.e_tag).map_err(failed)
        }
        Err(error) => Err(error),
    };
    if completed.is_err()
        && let Err(error) = remote.multipart.abort_multipart(path, &id).await
    {
        tracing::warn!(%path, %error, "parts of an unfinished upload stay behind; a lifecycle rule removes them");
    }
    completed
}

async fn upload_parts(
    remote: &Remote,
    path: &Path,
    id: &object_store::MultipartId,
    reader: &mut impl Read,
    size: u64,
) -> Result<Vec<object_store::multipart::PartId>, LakeError> {
    let mut parts = Vec::new();
    let mut left = size as usize;
    while left > 0 {
        let mut part = vec![0; left.min(PART_BYTES)];
        let read = reader.read_exact(&mut part);
        read.map_err(|source| LakeError::Disk { path: std::env::temp_dir(), source })?;
        left -= part.len();
        let sent = md5_hex(&part);
        let put = remote.multipart.put_part(path, id, parts.len(), Bytes::from(part).into()).await;
        let done = put.map_err(|source| LakeError::Store { path: path.to_string(), source })?;
        let found = tag(Some(&done.content_id));
        if remote.etag_is_md5 && is_md5(&found) && found != sent {
            return Err(LakeError::Damaged { path: path.to_string(), found, sent });
        }
        parts.push(done);
    }
    Ok(parts)
}

fn is_md5(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

pub(crate) fn md5_hex(bytes: &[u8]) -> String {
    Md5::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}
