//! The server: one port for all venues, told apart by the first part of the path.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::clock::{Clock, wall_us};
use super::config::{Pace, SocketConfig};
use super::connection;
use super::fault::Faults;
use super::http::{Answer, Head};
use super::log::{Breach, Log, Truth};
use super::venue::{Handshake, Venue};
use super::venues::VENUES;

/// Most connections at the same time.
const MAX_CONNECTIONS: usize = 4_096;
/// The first part of the paths at which a test asks: `stand-in/still`, from where on no market moves and nothing new is sent, and
/// `stand-in/book/VENUE/SYMBOL`, the book as it is.
const OWN: &str = "stand-in";

/// Running venues. They listen on one loopback port, run on the current tokio runtime, and stop when this is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    venues: Arc<BTreeMap<&'static str, Arc<Venue>>>,
    faults: Arc<Faults>,
    breaches: Arc<Log<Breach>>,
    stopped: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Server {
    /// Starts the venues of a configuration.
    ///
    /// # Errors
    /// Fails when the port cannot be bound, when there is no such venue, or when a log cannot be created.
    pub async fn start(config: SocketConfig) -> io::Result<Server> {
        let create = |path: &Option<std::path::PathBuf>| path.as_ref().map(File::create).transpose();
        let faults = Arc::new(Faults::new(config.faults.clone(), Log::new(create(&config.truth)?)));
        let breaches = Arc::new(Log::new(create(&config.breaches)?));
        let clock = Clock::start(config.start_us.unwrap_or_else(wall_us), config.speed);
        let listener = TcpListener::bind(("127.0.0.1", config.port.unwrap_or(0))).await?;
        let config = Arc::new(config);
        let mut names: Vec<&str> = config.venues.iter().map(String::as_str).collect();
        if names.is_empty() {
            names = VENUES.to_vec();
        }
        let mut venues = BTreeMap::new();
        for name in names {
            let venue = Venue::new(name, &config, clock, &faults, &breaches)?.ok_or_else(|| {
                let known = VENUES.join(", ");
                io::Error::new(io::ErrorKind::InvalidInput, format!("no venue {name}; there are {known}"))
            })?;
            venues.insert(venue.id, Arc::new(venue));
        }
        let (stopped, until) = watch::channel(false);
        let venues = Arc::new(venues);
        let is_still = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for venue in venues.values() {
            tasks.spawn(move_markets(Arc::clone(venue), config.pace, Arc::clone(&is_still)));
        }
        let address = listener.local_addr()?;
        tasks.spawn(accept(listener, Arc::clone(&venues), until, is_still));
        Ok(Server { address, venues, faults, breaches, stopped, tasks })
    }

    /// Tardis' ids of the venues that are played.
    pub fn venues(&self) -> impl Iterator<Item = &'static str> {
        self.venues.keys().copied()
    }

    /// Base of a venue's WebSockets, `ws://127.0.0.1:PORT/VENUE`; the venue's own path follows.
    pub fn ws_url(&self, venue: &str) -> String {
        format!("ws://{}/{venue}", self.address)
    }

    /// Base of a venue's REST, `http://127.0.0.1:PORT/VENUE`; the venue's own path follows.
    pub fn rest_url(&self, venue: &str) -> String {
        format!("http://{}/{venue}", self.address)
    }

    /// The faults that happened so far, and what clients missed.
    pub fn truth(&self) -> Vec<Truth> {
        self.faults.truth.all()
    }

    /// The limits that clients broke so far.
    pub fn breaches(&self) -> Vec<Breach> {
        self.breaches.all()
    }

    /// Ends all connections and waits until the port is free.
    pub async fn stop(mut self) {
        self.stopped.send_replace(true);
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.tasks.shutdown().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.send_replace(true);
    }
}

/// Moves a venue's markets until they are to stand still.
async fn move_markets(venue: Arc<Venue>, pace: Pace, is_still: Arc<AtomicBool>) {
    while !is_still.load(Ordering::Relaxed) {
        let is_busy = venue.hub().tick();
        match pace {
            Pace::Natural => tokio::time::sleep(Duration::from_millis(5)).await,
            Pace::PerSecond(_) => pause(Duration::from_micros(200)).await,
            Pace::Most if is_busy => tokio::task::yield_now().await,
            Pace::Most => pause(Duration::from_micros(200)).await,
        }
    }
}

/// A pause shorter than a step of the runtime's clock, which is a millisecond: messages at a rate come one by one, not in bursts.
async fn pause(pause: Duration) {
    let slept = tokio::task::spawn_blocking(move || std::thread::sleep(pause)).await;
    if slept.is_err() {
        // The runtime ends.
        std::future::pending::<()>().await;
    }
}

async fn accept(
    listener: TcpListener,
    venues: Arc<BTreeMap<&'static str, Arc<Venue>>>,
    stopped: watch::Receiver<bool>,
    is_still: Arc<AtomicBool>,
) {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut tasks = JoinSet::new();
    loop {
        while tasks.try_join_next().is_some() {}
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else { continue };
        let (venues, stopped, is_still) = (Arc::clone(&venues), stopped.clone(), Arc::clone(&is_still));
        tasks.spawn(async move {
            if let Err(error) = serve(stream, &venues, stopped, &is_still).await {
                tracing::debug!(%error, "a connection ends");
            }
            drop(permit);
        });
    }
}

/// Answers a test.
fn tell(path: &str, venues: &BTreeMap<&'static str, Arc<Venue>>, is_still: &AtomicBool) -> Answer {
    let parts: Vec<&str> = path.splitn(4, '/').skip(1).collect();
    let told = match parts[..] {
        ["still"] => {
            is_still.store(true, Ordering::Relaxed);
            Some("{}".to_owned())
        }
        ["book", venue, symbol] => venues.get(venue).and_then(|venue| venue.hub().book(symbol)),
        _ => None,
    };
    told.map_or_else(|| Answer::error(404, r#"{"error":"no such market was ever asked for"}"#), Answer::json)
}

/// Reads the head of a request and answers it, or opens a WebSocket.
async fn serve(
    mut stream: TcpStream,
    venues: &BTreeMap<&'static str, Arc<Venue>>,
    mut stopped: watch::Receiver<bool>,
    is_still: &AtomicBool,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let head = tokio::time::timeout(Duration::from_secs(10), Head::read(&mut stream)).await;
    let Some(mut head) = head.map_err(io::Error::other)?? else { return Ok(()) };
    let path = head.path.clone();
    let (name, path) = match path[1.min(path.len())..].split_once('/') {
        Some((name, rest)) => (name.to_owned(), format!("/{rest}")),
        None => (path[1.min(path.len())..].to_owned(), String::new()),
    };
    if name == OWN {
        return tell(&path, venues, is_still).send(&mut stream).await;
    }
    let Some(venue) = venues.get(name.as_str()) else {
        return Answer::error(404, r#"{"error":"the first part of the path is a venue"}"#)
            .send(&mut stream)
            .await;
    };
    if head.header("upgrade").is_none() {
        return venue.rest(&head, &path).send(&mut stream).await;
    }
    match venue.shake(&head, &path) {
        Handshake::Open(session, answer) => {
            let rest = std::mem::take(&mut head.rest);
            connection::run(Arc::clone(venue), stream, session, rest, answer, stopped).await
        }
        Handshake::Refused(answer) => answer.send(&mut stream).await,
        Handshake::Hangs => {
            let hung = tokio::time::timeout(Duration::from_secs(120), stopped.changed()).await;
            tracing::debug!(?hung, "a handshake hung");
            Ok(())
        }
    }
}
