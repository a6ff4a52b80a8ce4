//! A running simulated world.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use mtdh_core::{DataType, Day};
use tokio::task::JoinSet;

use crate::config::Config;
use crate::generate::files::FileName;
use crate::server::control;
use crate::server::fault::Fault;
use crate::server::front::ask::Door;
use crate::server::front::serve;
use crate::server::request_log::Request;
use crate::server::wire::Listener;
use crate::server::world::{Addresses, World};

/// A running simulated world: servers on loopback ports of the current tokio runtime. They end when it is dropped.
#[derive(Debug)]
pub struct Sim {
    world: Arc<World>,
    addresses: Addresses,
    servers: JoinSet<()>,
}

impl Sim {
    /// Starts the servers.
    ///
    /// # Errors
    /// When a port cannot be had.
    pub async fn start(config: Config) -> io::Result<Sim> {
        let port = config.port;
        let world = Arc::new(World::new(config));
        let mut servers = JoinSet::new();
        let mut open = Vec::with_capacity(4);
        for (door, port) in
            [(Door::Vendor, port), (Door::Store, None), (Door::Gcs, None), (Door::Binance, None)]
        {
            let listener = Listener::bind(port, world.stopped.subscribe()).await?;
            open.push(listener.address()?);
            servers.spawn(serve(Arc::clone(&world), door, listener));
        }
        let listener = Listener::bind(None, world.stopped.subscribe()).await?;
        let control = listener.address()?;
        servers.spawn(control::serve(Arc::clone(&world), listener));
        let addresses =
            Addresses { vendor: open[0], store: open[1], gcs: open[2], binance: open[3], control };
        let addresses = *world.addresses.get_or_init(|| addresses);
        Ok(Sim { world, addresses, servers })
    }

    /// Base URL of the vendor's metadata, `http://127.0.0.1:PORT/v1`.
    pub fn api_url(&self) -> String {
        format!("{}/v1", url(self.addresses.vendor))
    }

    /// Base URL of the vendor's files, `http://127.0.0.1:PORT/v1`.
    pub fn datasets_url(&self) -> String {
        self.api_url()
    }

    /// Root URL of the bucket's server, for its XML and its JSON clients alike.
    pub fn gcs_url(&self) -> String {
        url(self.addresses.gcs)
    }

    /// Root URL of Binance's candles: `/api/v3/klines`, `/fapi/v1/klines`, `/dapi/v1/klines`.
    pub fn binance_url(&self) -> String {
        url(self.addresses.binance)
    }

    /// Root URL under which the running world is told of faults: see `control`.
    pub fn control_url(&self) -> String {
        url(self.addresses.control)
    }

    /// All requests so far, in the order in which their answers were ready.
    pub fn requests(&self) -> Vec<Request> {
        self.world.log.entries()
    }

    /// Forgets all requests, and what keys have used; attempts are counted from 1 again.
    pub fn clear_requests(&self) {
        self.world.log.clear();
        self.world.key_use.clear();
    }

    /// Sets the world's clock.
    pub fn set_now(&self, now: DateTime<Utc>) {
        self.world.set_now(now);
    }

    /// Replaces all faults; attempts are counted from 1 again.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        self.world.set_faults(faults);
    }

    /// Lets the vendor issue a file anew: from now on it has other rows and another ETag.
    pub fn reissue(&self, exchange: &str, data_type: DataType, day: Day, symbol: &str) {
        let (exchange, symbol) = (exchange.to_owned(), symbol.to_owned());
        self.world.reissue(FileName { exchange, data_type, day, symbol });
    }

    /// Creates an empty bucket; one that exists stays as it is.
    pub fn create_bucket(&self, name: &str) {
        self.world.buckets.create(name);
    }

    /// The names and contents of a bucket's objects in order of their names; nothing when there is no such bucket.
    pub fn bucket_objects(&self, name: &str) -> Vec<(String, Bytes)> {
        self.world.buckets.contents(name)
    }

    /// Uploads to a bucket that were begun and neither finished nor given up.
    pub fn unfinished_uploads(&self, name: &str) -> usize {
        self.world.buckets.unfinished(name)
    }

    /// Ends all servers and waits until their ports are free.
    pub async fn stop(mut self) {
        self.world.stopped.send_replace(true);
        self.servers.shutdown().await;
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.world.stopped.send_replace(true);
    }
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}
