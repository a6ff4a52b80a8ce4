//! Buckets.
use bytes::Bytes;
#[derive(Debug, Default)]
pub(crate) struct Buckets {}
impl Buckets {
    pub(crate) fn create(&self, _name: &str) {}
    pub(crate) fn contents(&self, _name: &str) -> Vec<(String, Bytes)> {
        Vec::new()
    }
}
