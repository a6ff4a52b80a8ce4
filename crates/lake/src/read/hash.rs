//! BLAKE3 of files: the parts of a large one are hashed at the same time, and joined as the hash's tree is.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use blake3::hazmat::{
    ChainingValue, HasherExt, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root,
};
use parquet::errors::ParquetError;

use super::file::{check, disk, read_cached};
use crate::spread::Spread;

/// Bytes that are read at once: they are hashed while they are in the processor's cache.
const PIECE_BYTES: usize = 128 << 10;

/// Bytes of a part, which one thread hashes: a whole subtree of the hash, or a smaller file.
const PART_BYTES: u64 = 4 << 20;

/// The hash of the first bytes of a file, which must stay the version of this identity.
///
/// # Errors
/// When the disk fails, or the file changed.
pub(super) async fn of_file(
    file: &Arc<File>,
    bytes: u64,
    identity: Option<&str>,
) -> Result<blake3::Hash, ParquetError> {
    if bytes <= PIECE_BYTES as u64
        && let Some(piece) = read_cached(file, &(0..bytes))
    {
        check(file, identity)?;
        return Ok(blake3::hash(&piece));
    }
    let parts = (0..bytes.div_ceil(PART_BYTES)).map(|part| part * PART_BYTES);
    let at_once = std::thread::available_parallelism().map_or(2, usize::from);
    let mut hashed = Spread::new(parts, at_once, |start| {
        let (file, end) = (file.clone(), bytes.min(start + PART_BYTES));
        async move {
            let read = tokio::task::spawn_blocking(move || {
                let mut hasher = blake3::Hasher::new();
                hasher.set_input_offset(start);
                read(&file, start..end, |piece| _ = hasher.update(piece))?;
                Ok((start, hasher))
            });
            read.await.unwrap_or_else(|error| Err(ParquetError::External(Box::new(error))))
        }
    });
    let mut values = vec![ChainingValue::default(); bytes.div_ceil(PART_BYTES) as usize];
    let mut whole = None;
    while let Some(part) = hashed.next().await {
        let (start, hasher) = part?;
        if bytes <= PART_BYTES {
            whole = Some(hasher.finalize());
        } else {
            values[(start / PART_BYTES) as usize] = hasher.finalize_non_root();
        }
    }
    check(file, identity)?;
    Ok(match whole {
        Some(hash) => hash,
        None if bytes == 0 => blake3::hash(&[]),
        None => {
            let left = left_subtree_len(bytes);
            let parts = (left / PART_BYTES) as usize;
            let (left, right) = (joined(&values[..parts], left), joined(&values[parts..], bytes - left));
            merge_subtrees_root(&left, &right, Mode::Hash)
        }
    })
}

/// The value of a subtree of these parts.
fn joined(parts: &[ChainingValue], bytes: u64) -> ChainingValue {
    if let [part] = parts {
        return *part;
    }
    let left = left_subtree_len(bytes);
    let (first, last) = parts.split_at((left / PART_BYTES) as usize);
    merge_subtrees_non_root(&joined(first, left), &joined(last, bytes - left), Mode::Hash)
}

fn read(file: &File, range: Range<u64>, mut take: impl FnMut(&[u8])) -> Result<(), ParquetError> {
    let mut buffer = vec![0; PIECE_BYTES.min((range.end - range.start) as usize)];
    let mut at = range.start;
    while at < range.end {
        let length = buffer.len().min((range.end - at) as usize);
        let piece = &mut buffer[..length];
        file.read_exact_at(piece, at).map_err(disk)?;
        take(piece);
        at += length as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn parts_join_to_the_hash_of_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let content: Vec<u8> = (0..5 * PART_BYTES as usize + 77).map(|i| (i * i / 251) as u8).collect();
        std::fs::write(&path, &content).unwrap();
        let file = Arc::new(File::open(&path).unwrap());
        let (part, piece) = (PART_BYTES, PIECE_BYTES as u64);
        let all = content.len() as u64;
        for bytes in [0, 1, piece, piece + 1, part - 1, part, part + 1, 2 * part, 3 * part + 5, 4 * part, all]
        {
            let hash = of_file(&file, bytes, None).await.unwrap();
            assert_eq!(hash, blake3::hash(&content[..bytes as usize]), "{bytes}");
        }
        assert!(of_file(&file, all + 1, None).await.is_err());
        assert!(of_file(&file, all, Some("another")).await.is_err());
    }
}
