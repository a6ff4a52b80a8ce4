//! A running simulator: starts the servers, connects them to their listeners, and is the API of tests.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use mtdh_core::{DataType, Day};
use tokio::task::JoinSet;

use crate::config::{Config, Options};
use crate::exchange::binance::Binance;
use crate::gcs::Gcs;
use crate::gcs::store::Buckets;
use crate::generate::files::FileName;
use crate::generate::issues::Issues;
use crate::server::control::{self, Control};
use crate::server::fault::Fault;
use crate::server::front::{Door, serve};
use crate::server::request_log::Request;
use crate::server::wire::Listener;
use crate::server::world::World;
use crate::tardis::api::{self, Api};
use crate::tardis::datasets::Datasets;
use crate::tardis::datasets::archive::Archive;
use crate::tardis::datasets::links::Links;
use crate::tardis::datasets::store::ObjectStore;
use crate::tardis::key_use::KeyUse;

/// A running simulator. Its servers listen on loopback ports, run on the current tokio runtime, and stop when it is
/// dropped.
#[derive(Debug)]
pub struct Sim {
    state: Arc<State>,
    addresses: Addresses,
    servers: JoinSet<()>,
}

/// The state that tests and the control API change while the servers run.
#[derive(Debug)]
struct State {
    world: Arc<World>,
    key_use: Arc<KeyUse>,
    issues: Arc<Issues>,
    buckets: Arc<Buckets>,
}

/// Where the servers listen. The object store's address is in its links only.
#[derive(Clone, Copy, Debug)]
struct Addresses {
    tardis: SocketAddr,
    gcs: SocketAddr,
    binance: SocketAddr,
    control: SocketAddr,
}

impl Sim {
    /// Starts all servers.
    ///
    /// # Errors
    /// Fails when a port cannot be bound.
    pub async fn start(config: Config) -> io::Result<Sim> {
        let port = config.port;
        let world = Arc::new(World::new(config));
        let bind = |port| Listener::bind(port, world.stopped.subscribe());
        let tardis = bind(port).await?;
        let store = bind(None).await?;
        let gcs = bind(None).await?;
        let binance = bind(None).await?;
        let control = bind(None).await?;
        let addresses = Addresses {
            tardis: tardis.address()?,
            gcs: gcs.address()?,
            binance: binance.address()?,
            control: control.address()?,
        };
        let state = Arc::new(State {
            key_use: Arc::default(),
            issues: Arc::default(),
            buckets: Arc::new(Buckets::new(Arc::clone(&world))),
            world,
        });
        let doors = state.doors(store.address()?);
        let mut servers = JoinSet::new();
        for (door, listener) in doors.into_iter().zip([tardis, store, gcs, binance]) {
            servers.spawn(serve(Arc::clone(&state.world), door, listener));
        }
        servers.spawn(control::serve(Arc::clone(&state) as Arc<dyn Control>, control));
        Ok(Sim { state, addresses, servers })
    }

    /// Base URL of Tardis' metadata API, `http://127.0.0.1:PORT/v1`.
    pub fn api_url(&self) -> String {
        format!("{}/v1", url(self.addresses.tardis))
    }

    /// Base URL of Tardis' dataset files, `http://127.0.0.1:PORT/v1`.
    pub fn datasets_url(&self) -> String {
        self.api_url()
    }

    /// Root URL of the GCS server, for clients of the XML API and of the JSON API.
    pub fn gcs_url(&self) -> String {
        url(self.addresses.gcs)
    }

    /// Root URL of Binance's REST API: `/api/v3/klines`, `/fapi/v1/klines`, `/dapi/v1/klines`.
    pub fn binance_url(&self) -> String {
        url(self.addresses.binance)
    }

    /// Root URL of the control API, with which other processes set faults and options and read the requests.
    pub fn control_url(&self) -> String {
        url(self.addresses.control)
    }

    /// Returns all requests so far, in the order in which their responses were ready.
    pub fn requests(&self) -> Vec<Request> {
        self.state.world.log.entries()
    }

    /// Clears the request log and the usage of all API keys. Attempts are counted from 1 again.
    pub fn clear_requests(&self) {
        self.state.clear_requests();
    }

    /// Sets the simulated clock.
    pub fn set_now(&self, now: DateTime<Utc>) {
        self.state.world.set_now(now);
    }

    /// Replaces all faults. Attempts are counted from 1 again.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        self.state.world.set_faults(faults);
    }

    /// Reissues a file of Tardis: from now on it has other rows and another ETag.
    pub fn reissue(&self, exchange: &str, data_type: DataType, day: Day, symbol: &str) {
        let (exchange, symbol) = (exchange.to_owned(), symbol.to_owned());
        let now_us = self.state.world.now_us();
        self.state.issues.reissue(FileName { exchange, data_type, day, symbol }, now_us);
    }

    /// Creates an empty bucket. An existing bucket stays as it is.
    pub fn create_bucket(&self, name: &str) {
        self.state.buckets.create_bucket(name);
    }

    /// Returns the names and contents of a bucket's objects, sorted by name; empty if there is no such bucket.
    pub fn bucket_objects(&self, name: &str) -> Vec<(String, Bytes)> {
        self.state.buckets.objects(name)
    }

    /// Counts a bucket's uploads that were begun and neither completed nor aborted.
    pub fn unfinished_uploads(&self, name: &str) -> usize {
        self.state.buckets.unfinished_uploads(name)
    }

    /// Stops all servers and waits until their ports are free.
    pub async fn stop(mut self) {
        self.state.world.stopped.send_replace(true);
        self.servers.shutdown().await;
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.state.world.stopped.send_replace(true);
    }
}

impl State {
    /// Creates the servers behind their doors: Tardis, its object store, GCS, Binance.
    fn doors(&self, store: SocketAddr) -> [Door; 4] {
        let world = || Arc::clone(&self.world);
        let archive = Arc::new(Archive::new(world(), Arc::clone(&self.issues)));
        let links = Links::new(world(), store);
        let api = Api::new(world(), Arc::clone(&self.key_use));
        let datasets = Datasets::new(world(), Arc::clone(&self.key_use), Arc::clone(&archive), links.clone());
        let object_store = ObjectStore::new(world(), archive, links);
        let gcs = Gcs::new(world(), Arc::clone(&self.buckets));
        let binance = Binance::new(world(), Arc::clone(&self.issues));
        [
            Door::new(Arc::new(datasets)).with_route(api::serves, Arc::new(api)),
            Door::new(Arc::new(object_store)),
            Door::new(Arc::new(gcs)),
            Door::new(Arc::new(binance)),
        ]
    }
}

impl Control for State {
    fn set_faults(&self, faults: Vec<Fault>) {
        self.world.set_faults(faults);
    }

    fn set_options(&self, options: Options) {
        self.world.set_options(options);
    }

    fn requests(&self) -> Vec<Request> {
        self.world.log.entries()
    }

    fn clear_requests(&self) {
        self.world.log.clear();
        self.key_use.clear();
    }

    fn unfinished_uploads(&self, bucket: &str) -> usize {
        self.buckets.unfinished_uploads(bucket)
    }
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}
