//! The buckets and what is in them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::conditions::Conditions;
use super::error::GcsError;
use super::listing::{Page, Query, page};
use super::multipart::Multipart;
use super::object::Object;
use super::upload::Resumable;
use crate::lock;

/// All buckets of a world.
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    buckets: BTreeMap<String, Bucket>,
    multiparts: HashMap<String, Multipart>,
    resumables: HashMap<String, Resumable>,
    last_generation: i64,
    uploads: u64,
}

#[derive(Debug, Default)]
struct Bucket {
    objects: BTreeMap<String, Arc<Object>>,
    /// The name that changed last, and what it had before: for listings that are late.
    last_change: Option<(String, Option<Arc<Object>>)>,
}

impl Bucket {
    fn set(&mut self, name: &str, object: Option<Arc<Object>>) {
        let before = match object {
            Some(object) => self.objects.insert(name.to_owned(), object),
            None => self.objects.remove(name),
        };
        self.last_change = Some((name.to_owned(), before));
    }
}

impl State {
    fn bucket(&mut self, name: &str) -> Result<&mut Bucket, GcsError> {
        self.buckets.get_mut(name).ok_or(GcsError::NoSuchBucket)
    }
}

impl Buckets {
    /// Creates an empty bucket; false when there is one of that name.
    pub(crate) fn create(&self, name: &str) -> bool {
        let mut state = lock(&self.state);
        let is_new = !state.buckets.contains_key(name);
        if is_new {
            state.buckets.insert(name.to_owned(), Bucket::default());
        }
        is_new
    }

    /// Removes an empty bucket.
    pub(super) fn remove(&self, name: &str) -> Result<(), GcsError> {
        let mut state = lock(&self.state);
        if !state.bucket(name)?.objects.is_empty() {
            return Err(GcsError::BucketNotEmpty);
        }
        state.buckets.remove(name);
        Ok(())
    }

    pub(super) fn names(&self) -> Vec<String> {
        lock(&self.state).buckets.keys().cloned().collect()
    }

    /// That there is such a bucket.
    pub(super) fn check(&self, bucket: &str) -> Result<(), GcsError> {
        lock(&self.state).bucket(bucket).map(|_| ())
    }

    /// All objects of a bucket in order of their names.
    pub(crate) fn contents(&self, bucket: &str) -> Vec<(String, Bytes)> {
        let state = lock(&self.state);
        let objects = state.buckets.get(bucket).into_iter().flat_map(|bucket| &bucket.objects);
        objects.map(|(name, object)| (name.clone(), object.bytes.clone())).collect()
    }

    /// Uploads to a bucket that were begun and neither finished nor given up.
    pub(crate) fn unfinished(&self, bucket: &str) -> usize {
        let state = lock(&self.state);
        state.multiparts.values().filter(|upload| upload.bucket == bucket).count()
            + state.resumables.values().filter(|upload| upload.bucket == bucket).count()
    }

    /// Stores an object under a new generation.
    pub(super) fn put(
        &self,
        (bucket, name): (&str, &str),
        mut object: Object,
        conditions: &Conditions,
        now_us: i64,
    ) -> Result<Arc<Object>, GcsError> {
        let mut state = lock(&self.state);
        conditions.check(state.bucket(bucket)?.objects.get(name).map(Arc::as_ref))?;
        state.last_generation = (state.last_generation + 1).max(now_us);
        object.generation = state.last_generation;
        object.created_us = now_us;
        let object = Arc::new(object);
        state.bucket(bucket)?.set(name, Some(Arc::clone(&object)));
        Ok(object)
    }

    /// The object of a name, of a certain generation if one is given.
    pub(super) fn get(
        &self,
        (bucket, name): (&str, &str),
        generation: Option<i64>,
    ) -> Result<Arc<Object>, GcsError> {
        let mut state = lock(&self.state);
        let object = state.bucket(bucket)?.objects.get(name).ok_or(GcsError::NoSuchKey)?;
        if generation.is_some_and(|wanted| wanted != object.generation) {
            return Err(GcsError::NoSuchKey);
        }
        Ok(Arc::clone(object))
    }

    /// Replaces what is said of an object; its bytes and generation stay.
    pub(super) fn describe(
        &self,
        (bucket, name): (&str, &str),
        object: Object,
    ) -> Result<Arc<Object>, GcsError> {
        let object = Arc::new(Object { metageneration: object.metageneration + 1, ..object });
        lock(&self.state).bucket(bucket)?.set(name, Some(Arc::clone(&object)));
        Ok(object)
    }

    pub(super) fn delete(
        &self,
        (bucket, name): (&str, &str),
        conditions: &Conditions,
    ) -> Result<(), GcsError> {
        let mut state = lock(&self.state);
        let bucket = state.bucket(bucket)?;
        let current = bucket.objects.get(name).ok_or(GcsError::NoSuchKey)?;
        conditions.check(Some(current))?;
        bucket.set(name, None);
        Ok(())
    }

    /// A page of a bucket's objects, or of those before the last change.
    pub(super) fn list(&self, bucket: &str, query: &Query, is_stale: bool) -> Result<Page, GcsError> {
        let mut state = lock(&self.state);
        let bucket = state.bucket(bucket)?;
        let Some((name, before)) = bucket.last_change.clone().filter(|_| is_stale) else {
            return Ok(page(&bucket.objects, query));
        };
        let mut objects = bucket.objects.clone();
        match before {
            Some(object) => objects.insert(name, object),
            None => objects.remove(&name),
        };
        Ok(page(&objects, query))
    }

    /// Begins an upload in parts; its id.
    pub(super) fn begin_multipart(&self, upload: Multipart) -> Result<String, GcsError> {
        let mut state = lock(&self.state);
        state.bucket(&upload.bucket)?;
        state.uploads += 1;
        let id = format!("parts-{:08}", state.uploads);
        state.multiparts.insert(id.clone(), upload);
        Ok(id)
    }

    /// Works on an upload in parts.
    pub(super) fn with_multipart<T>(
        &self,
        id: &str,
        work: impl FnOnce(&mut Multipart) -> Result<T, GcsError>,
    ) -> Result<T, GcsError> {
        work(lock(&self.state).multiparts.get_mut(id).ok_or(GcsError::NoSuchUpload)?)
    }

    /// Ends an upload in parts.
    pub(super) fn end_multipart(&self, id: &str) -> Result<(), GcsError> {
        lock(&self.state).multiparts.remove(id).map(|_| ()).ok_or(GcsError::NoSuchUpload)
    }

    /// Begins a resumable upload; its id.
    pub(super) fn begin_resumable(&self, upload: Resumable) -> Result<String, GcsError> {
        let mut state = lock(&self.state);
        state.bucket(&upload.bucket)?;
        state.uploads += 1;
        let id = format!("resumable-{:08}", state.uploads);
        state.resumables.insert(id.clone(), upload);
        Ok(id)
    }

    /// Works on a resumable upload.
    pub(super) fn with_resumable<T>(
        &self,
        id: &str,
        work: impl FnOnce(&mut Resumable) -> Result<T, GcsError>,
    ) -> Result<T, GcsError> {
        work(lock(&self.state).resumables.get_mut(id).ok_or(GcsError::NoSuchUpload)?)
    }

    /// Ends a resumable upload.
    pub(super) fn end_resumable(&self, id: &str) -> Result<Resumable, GcsError> {
        lock(&self.state).resumables.remove(id).ok_or(GcsError::NoSuchUpload)
    }
}
