//! The buckets, their objects and the uploads in progress.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::conditions::Conditions;
use super::error::GcsError;
use super::listing::{Page, Query, list_page};
use super::object::Object;
use super::uploads::{MultipartUpload, ResumableUpload};
use crate::server::world::World;
use crate::sync::lock;

/// All buckets.
#[derive(Debug)]
pub(crate) struct Buckets {
    world: Arc<World>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    buckets: BTreeMap<String, Bucket>,
    multiparts: HashMap<String, MultipartUpload>,
    resumables: HashMap<String, ResumableUpload>,
    last_generation: i64,
    uploads: u64,
}

#[derive(Debug, Default)]
struct Bucket {
    objects: BTreeMap<String, Arc<Object>>,
    /// The last change, for stale listings.
    last_change: Option<LastChange>,
}

#[derive(Clone, Debug)]
struct LastChange {
    name: String,
    /// The object before the change; `None`: there was none.
    before: Option<Arc<Object>>,
}

impl Bucket {
    /// Replaces an object, or removes it.
    fn set(&mut self, name: &str, object: Option<Arc<Object>>) {
        let before = match object {
            Some(object) => self.objects.insert(name.to_owned(), object),
            None => self.objects.remove(name),
        };
        self.last_change = Some(LastChange { name: name.to_owned(), before });
    }
}

impl State {
    fn bucket(&mut self, name: &str) -> Result<&mut Bucket, GcsError> {
        self.buckets.get_mut(name).ok_or(GcsError::NoSuchBucket)
    }
}

impl Buckets {
    /// Creates a store without buckets.
    pub(crate) fn new(world: Arc<World>) -> Buckets {
        Buckets { world, state: Mutex::default() }
    }

    /// Creates an empty bucket. Returns false if it exists already.
    pub(crate) fn create_bucket(&self, name: &str) -> bool {
        let mut state = lock(&self.state);
        let is_new = !state.buckets.contains_key(name);
        if is_new {
            state.buckets.insert(name.to_owned(), Bucket::default());
        }
        is_new
    }

    /// Deletes an empty bucket.
    ///
    /// # Errors
    /// Fails when it does not exist or is not empty.
    pub(super) fn delete_bucket(&self, name: &str) -> Result<(), GcsError> {
        let mut state = lock(&self.state);
        if !state.bucket(name)?.objects.is_empty() {
            return Err(GcsError::BucketNotEmpty);
        }
        state.buckets.remove(name);
        Ok(())
    }

    /// Returns the names of all buckets, sorted.
    pub(super) fn bucket_names(&self) -> Vec<String> {
        lock(&self.state).buckets.keys().cloned().collect()
    }

    /// Checks that a bucket exists.
    ///
    /// # Errors
    /// Fails when it does not.
    pub(super) fn check_bucket(&self, bucket: &str) -> Result<(), GcsError> {
        lock(&self.state).bucket(bucket).map(|_| ())
    }

    /// Returns the names and bytes of a bucket's objects, sorted by name; empty when the bucket does not exist.
    pub(crate) fn objects(&self, bucket: &str) -> Vec<(String, Bytes)> {
        let state = lock(&self.state);
        let objects = state.buckets.get(bucket).into_iter().flat_map(|bucket| &bucket.objects);
        objects.map(|(name, object)| (name.clone(), object.bytes.clone())).collect()
    }

    /// Counts a bucket's uploads that were begun and neither completed nor aborted.
    pub(crate) fn unfinished_uploads(&self, bucket: &str) -> usize {
        let state = lock(&self.state);
        state.multiparts.values().filter(|upload| upload.bucket == bucket).count()
            + state.resumables.values().filter(|upload| upload.bucket == bucket).count()
    }

    /// Stores an object under a new generation.
    ///
    /// # Errors
    /// Fails when the bucket does not exist, or a condition does not hold.
    pub(super) fn put_object(
        &self,
        (bucket, name): (&str, &str),
        mut object: Object,
        conditions: &Conditions,
    ) -> Result<Arc<Object>, GcsError> {
        let now_us = self.world.now_us();
        let mut state = lock(&self.state);
        conditions.check(state.bucket(bucket)?.objects.get(name).map(Arc::as_ref))?;
        state.last_generation = (state.last_generation + 1).max(now_us);
        object.generation = state.last_generation;
        object.created_us = now_us;
        let object = Arc::new(object);
        state.bucket(bucket)?.set(name, Some(Arc::clone(&object)));
        Ok(object)
    }

    /// Returns an object. `generation`: the version that it must have; `None`: any.
    ///
    /// # Errors
    /// Fails when there is no such bucket or object.
    pub(super) fn get_object(
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

    /// Replaces the attributes of an object; its bytes and generation stay.
    ///
    /// # Errors
    /// Fails when the bucket does not exist.
    pub(super) fn update_object(
        &self,
        (bucket, name): (&str, &str),
        object: Object,
    ) -> Result<Arc<Object>, GcsError> {
        let object = Arc::new(Object { metageneration: object.metageneration + 1, ..object });
        lock(&self.state).bucket(bucket)?.set(name, Some(Arc::clone(&object)));
        Ok(object)
    }

    /// Deletes an object.
    ///
    /// # Errors
    /// Fails when there is no such bucket or object, or a condition does not hold.
    pub(super) fn delete_object(
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

    /// Lists a page of a bucket's objects; a stale listing shows the state before the last change.
    ///
    /// # Errors
    /// Fails when the bucket does not exist.
    pub(super) fn list_objects(&self, bucket: &str, query: &Query, is_stale: bool) -> Result<Page, GcsError> {
        let mut state = lock(&self.state);
        let bucket = state.bucket(bucket)?;
        let Some(LastChange { name, before }) = bucket.last_change.clone().filter(|_| is_stale) else {
            return Ok(list_page(&bucket.objects, query));
        };
        let mut objects = bucket.objects.clone();
        match before {
            Some(object) => objects.insert(name, object),
            None => objects.remove(&name),
        };
        Ok(list_page(&objects, query))
    }

    /// Begins a multipart upload and returns its id.
    ///
    /// # Errors
    /// Fails when the bucket does not exist.
    pub(super) fn begin_multipart(&self, upload: MultipartUpload) -> Result<String, GcsError> {
        let mut state = lock(&self.state);
        state.bucket(&upload.bucket)?;
        state.uploads += 1;
        let id = format!("parts-{:08}", state.uploads);
        state.multiparts.insert(id.clone(), upload);
        Ok(id)
    }

    /// Calls a function with a multipart upload.
    ///
    /// # Errors
    /// Fails when the upload does not exist, or the function fails.
    pub(super) fn with_multipart<T>(
        &self,
        id: &str,
        work: impl FnOnce(&mut MultipartUpload) -> Result<T, GcsError>,
    ) -> Result<T, GcsError> {
        work(lock(&self.state).multiparts.get_mut(id).ok_or(GcsError::NoSuchUpload)?)
    }

    /// Removes a multipart upload.
    ///
    /// # Errors
    /// Fails when it does not exist.
    pub(super) fn end_multipart(&self, id: &str) -> Result<(), GcsError> {
        lock(&self.state).multiparts.remove(id).map(|_| ()).ok_or(GcsError::NoSuchUpload)
    }

    /// Begins a resumable upload and returns its id.
    ///
    /// # Errors
    /// Fails when the bucket does not exist.
    pub(super) fn begin_resumable(&self, upload: ResumableUpload) -> Result<String, GcsError> {
        let mut state = lock(&self.state);
        state.bucket(&upload.bucket)?;
        state.uploads += 1;
        let id = format!("resumable-{:08}", state.uploads);
        state.resumables.insert(id.clone(), upload);
        Ok(id)
    }

    /// Calls a function with a resumable upload.
    ///
    /// # Errors
    /// Fails when the upload does not exist, or the function fails.
    pub(super) fn with_resumable<T>(
        &self,
        id: &str,
        work: impl FnOnce(&mut ResumableUpload) -> Result<T, GcsError>,
    ) -> Result<T, GcsError> {
        work(lock(&self.state).resumables.get_mut(id).ok_or(GcsError::NoSuchUpload)?)
    }

    /// Removes a resumable upload and returns it.
    ///
    /// # Errors
    /// Fails when it does not exist.
    pub(super) fn end_resumable(&self, id: &str) -> Result<ResumableUpload, GcsError> {
        lock(&self.state).resumables.remove(id).ok_or(GcsError::NoSuchUpload)
    }
}
