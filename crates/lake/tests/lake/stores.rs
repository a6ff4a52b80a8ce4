//! The stores that every test of storage runs on.

use std::io::Write;

use mtdh_lake::{Lake, LakeError, LakeOptions, LakePath, WriteMode};
use mtdh_sim::{Config, Fault, Sim, Size};

pub const BUCKET: &str = "lake";

/// Runs a test on an empty lake of every kind: in a folder, at the root of a bucket, below a prefix of one.
pub async fn on_each_store(test: impl AsyncFn(&Lake)) {
    let folder = tempfile::tempdir().unwrap();
    test(&local(folder.path().join("not/yet/there"))).await;
    for url in ["gs://lake", "gs://lake/team a/lake~1", "gs://lake/a%20b/c"] {
        let sim = bucket(Vec::new()).await;
        test(&remote(&sim, url)).await;
    }
}

pub fn local(folder: impl AsRef<std::path::Path>) -> Lake {
    Lake::open(folder.as_ref().to_str().unwrap(), &LakeOptions::default()).unwrap()
}

/// A world with one empty bucket.
pub async fn bucket(faults: Vec<Fault>) -> Sim {
    let sim = Sim::start(Config { faults, size: Size::Small, ..Config::default() }).await.unwrap();
    sim.create_bucket(BUCKET);
    sim
}

pub fn remote(sim: &Sim, url: &str) -> Lake {
    let options = LakeOptions { gcs_emulator: Some(sim.gcs_url()), ..LakeOptions::default() };
    Lake::open(url, &options).unwrap()
}

/// The same lake as another process sees it.
pub fn opened_again(lake: &Lake, sim: Option<&Sim>) -> Lake {
    sim.map_or_else(|| local(lake.url()), |sim| remote(sim, lake.url()))
}

pub fn path(text: &str) -> LakePath {
    LakePath::parse(text).unwrap()
}

pub async fn publish(lake: &Lake, name: &str, content: &[u8], existing: WriteMode) -> Result<(), LakeError> {
    let mut stage = lake.stage()?;
    stage.write_all(content).unwrap();
    lake.publish(&path(name), stage, existing).await.map(drop)
}

pub async fn content(lake: &Lake, name: &str) -> Option<Vec<u8>> {
    lake.read(&path(name)).await.unwrap().map(|bytes| bytes.to_vec())
}

/// An error and its causes.
pub fn words(error: &LakeError) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |e| e.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
