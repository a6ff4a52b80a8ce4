//! One WebSocket: reads what the client says, writes what the venue sends, keeps its times.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::{mpsc, watch};

use super::clock::wall_us;
use super::fault::Occasion;
use super::frame::{self, Reader, Received, opcode};
use super::hub::Batch;
use super::inject::{Act, Injector};
use super::protocol::{Session, Talk};
use super::venue::Venue;

/// Bytes that are written at once.
const MAX_WRITE: usize = 256 << 10;

/// The writing side of a connection.
struct Pen {
    write: OwnedWriteHalf,
    waiting: Arc<AtomicUsize>,
    /// `None`: the venue has no faults of messages.
    injector: Option<Injector>,
    is_half_open: bool,
    /// Whether Binance's messages are wrapped.
    is_wrapped: bool,
    /// When an announced end comes.
    ends_us: Option<i64>,
}

/// Why a connection is over.
#[derive(Debug, PartialEq, Eq)]
enum Over {
    Ended,
}

/// Runs a connection until it ends. `first` is sent in one segment with the first frames where a fault wants that.
pub(super) async fn run(
    venue: Arc<Venue>,
    stream: TcpStream,
    mut session: Session,
    rest: Vec<u8>,
    handshake: String,
    mut stopped: watch::Receiver<bool>,
) -> io::Result<()> {
    let joins_first = venue.strikes_connection("frame_with_handshake", session.link);
    let (mut batches, waiting) = venue.hub().connect(session.link);
    let (mut read, write) = stream.into_split();
    let injector = venue
        .faults
        .has(venue.id, Occasion::Message)
        .then(|| Injector::new(venue.id, session.link, Arc::clone(&venue.faults)));
    let is_wrapped = venue.id.starts_with("binance") && !session.is_raw;
    let mut pen = Pen { write, waiting, injector, is_half_open: false, is_wrapped, ends_us: None };
    talk(&venue, &mut session, |talk, venue| venue.protocol.greet(talk));
    let mut first = handshake.into_bytes();
    if joins_first {
        let opcode = if venue.id == "upbit" { opcode::BINARY } else { opcode::TEXT };
        frame::push(
            &mut first,
            opcode,
            br#"{"event":"welcome","e":"welcome","type":"welcome","channel":"status"}"#,
        );
    }
    pen.write.write_all(&first).await?;
    let mut reader = Reader::default();
    reader.add(&rest);
    let mut bytes = Vec::with_capacity(16 << 10);
    let second = venue.clock.real(1_000_000).clamp(Duration::from_millis(2), Duration::from_millis(50));
    let mut timer = tokio::time::interval(second);
    let mut seconds = 0;
    let result = loop {
        let step = tokio::select! {
            came = read.read_buf(&mut bytes), if !pen.is_half_open => match came {
                Ok(0) | Err(_) => Err(Over::Ended),
                Ok(_) => {
                    reader.add(&bytes);
                    bytes.clear();
                    hear(&venue, &mut session, &mut reader)
                }
            },
            batch = batches.recv() => match batch {
                Some(batch) => pen.deliver(&venue, &mut session, batch, &mut batches).await,
                None => Err(Over::Ended),
            },
            _ = timer.tick() => {
                let now_s = venue.clock.elapsed_us() / 1_000_000;
                if now_s > seconds && !pen.is_half_open {
                    seconds = now_s;
                    talk(&venue, &mut session, |talk, venue| {
                        talk.keep_time();
                        venue.protocol.tick(talk);
                    });
                }
                pen.keep_time(&venue, session.link).await
            },
            _ = stopped.changed() => {
                pen.close(1_001, "stopped").await;
                Err(Over::Ended)
            }
        };
        if step.is_err() {
            break Ok(());
        }
    };
    venue.hub().disconnect(session.link);
    let mut left = Vec::new();
    batches.close();
    while let Ok(batch) = batches.try_recv() {
        left.push(batch);
    }
    if let Some(injector) = &mut pen.injector {
        injector.finish(&left, venue.clock.now_us());
    }
    result
}

/// Lets a venue talk to a client, and hands over what it says.
fn talk(venue: &Venue, session: &mut Session, say: impl FnOnce(&mut Talk<'_>, &Venue)) {
    let mut hub = venue.hub();
    let now_us = venue.clock.now_us();
    let mut talk = Talk { hub: &mut hub, session, limits: venue.limits, breaches: &venue.breaches, now_us };
    if !talk.session.is_ended {
        say(&mut talk, venue);
    }
    hub.flush();
}

/// Answers what came.
fn hear(venue: &Venue, session: &mut Session, reader: &mut Reader) -> Result<(), Over> {
    loop {
        let Received { opcode, payload } = match reader.next() {
            Ok(Some(received)) => received,
            Ok(None) => return Ok(()),
            Err(broken) => {
                tracing::debug!(venue = venue.id, reason = broken.0, "a client breaks the protocol");
                return Err(Over::Ended);
            }
        };
        if opcode == opcode::CLOSE {
            talk(venue, session, |talk, _| talk.end(1_000, ""));
            continue;
        }
        talk(venue, session, |talk, venue| {
            talk.session.last_came_us = talk.now_us;
            let is_control = opcode >= opcode::CLOSE;
            let counts = !is_control || talk.limits.has_counted_pings;
            if counts && !talk.keeps_rate() {
                return talk.end(1_008, "Too many requests");
            }
            match opcode {
                opcode::PING => talk.hub.say(talk.session.link, opcode::PONG, &payload),
                // One without a payload is unsolicited, and does not count (live.md 2.1).
                opcode::PONG if !payload.is_empty() && talk.limits.pings_s.is_some() => {
                    talk.session.unanswered_us = None;
                }
                opcode::PONG => {}
                _ => venue.protocol.receive(&String::from_utf8_lossy(&payload), talk),
            }
        });
    }
}

impl Pen {
    /// Writes a batch, and those behind it that are there already.
    async fn deliver(
        &mut self,
        venue: &Venue,
        session: &mut Session,
        mut batch: Batch,
        batches: &mut mpsc::Receiver<Batch>,
    ) -> Result<(), Over> {
        loop {
            let bytes = batch.bytes.len();
            if batch.items.iter().any(|item| item.what.is_some()) {
                session.last_push_us = venue.clock.now_us();
            }
            let written = if self.injector.is_some() {
                self.write_with_faults(venue, &batch).await
            } else {
                self.write_plain(&mut batch, batches).await
            };
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            written?;
            if let Some((code, reason)) = batch.end {
                self.close(code, reason).await;
                return Err(Over::Ended);
            }
            match batches.try_recv() {
                Ok(next) => batch = next,
                Err(_) => return Ok(()),
            }
        }
    }

    async fn write_plain(
        &mut self,
        batch: &mut Batch,
        batches: &mut mpsc::Receiver<Batch>,
    ) -> Result<(), Over> {
        let mut more = 0;
        while batch.bytes.len() < MAX_WRITE && batch.end.is_none() {
            let Ok(next) = batches.try_recv() else { break };
            let start = batch.bytes.len();
            more += next.bytes.len();
            batch.bytes.extend_from_slice(&next.bytes);
            batch.items.extend(next.items.into_iter().map(|mut item| {
                item.end += start;
                item.stamp = item.stamp.map(|at| at + start);
                item
            }));
            batch.end = next.end;
        }
        let now = wall_us().to_string();
        for at in batch.items.iter().filter_map(|item| item.stamp) {
            // Both are 16 digits until the year 2286.
            if let Some(place) = batch.bytes.get_mut(at..at + now.len()) {
                place.copy_from_slice(now.as_bytes());
            }
        }
        let written = self.write.write_all(&batch.bytes).await.map_err(|_| Over::Ended);
        self.waiting.fetch_sub(more, Ordering::Relaxed);
        written
    }

    async fn write_with_faults(&mut self, venue: &Venue, batch: &Batch) -> Result<(), Over> {
        let (now_us, elapsed_us) = (venue.clock.now_us(), venue.clock.elapsed_us());
        let Some(injector) = &mut self.injector else { return Ok(()) };
        if batch.items.iter().any(|item| item.market >= injector.symbols.len()) {
            injector.symbols = venue.hub().markets.iter().map(|market| market.symbol.clone()).collect();
        }
        let acts = injector.process(batch, now_us, elapsed_us);
        self.act(venue, acts).await
    }

    async fn act(&mut self, venue: &Venue, acts: Vec<Act>) -> Result<(), Over> {
        for act in acts {
            if self.is_half_open {
                return Ok(());
            }
            match act {
                Act::Write(bytes) => self.write.write_all(&bytes).await.map_err(|_| Over::Ended)?,
                Act::WriteSlowly(bytes) => {
                    for byte in bytes {
                        self.write.write_all(&[byte]).await.map_err(|_| Over::Ended)?;
                        tokio::task::yield_now().await;
                    }
                }
                Act::Reset(bytes) => {
                    self.write.write_all(&bytes).await.map_err(|_| Over::Ended)?;
                    // So that what was written before is read before the reset.
                    tokio::time::sleep(Duration::from_millis(30)).await;
                    if let Err(error) = self.write.as_ref().set_zero_linger() {
                        tracing::warn!(%error, "a reset becomes a close");
                    }
                    return Err(Over::Ended);
                }
                Act::Close(code) => {
                    self.close(code, "").await;
                    return Err(Over::Ended);
                }
                Act::HalfOpen => self.is_half_open = true,
                Act::Announce(ends_us) => {
                    self.ends_us = Some(ends_us);
                    let ms = (venue.clock.now_us() / 1_000).to_string();
                    let mut text = venue.hub().form.answer("shutdown", &[("ms", &ms)]);
                    if self.is_wrapped {
                        text = format!(r#"{{"stream":"!serverShutdown","data":{text}}}"#);
                    }
                    // A venue that announces nothing just ends.
                    if text.is_empty() {
                        continue;
                    }
                    let mut bytes = Vec::new();
                    frame::push(&mut bytes, opcode::TEXT, text.as_bytes());
                    self.write.write_all(&bytes).await.map_err(|_| Over::Ended)?;
                }
            }
        }
        Ok(())
    }

    /// Writes what was delayed, and ends the connection when it is time or when the client is too slow.
    async fn keep_time(&mut self, venue: &Venue, link: u64) -> Result<(), Over> {
        if venue.hub().is_over(link) {
            self.close(1_008, "slow consumer").await;
            return Err(Over::Ended);
        }
        let now_us = venue.clock.now_us();
        if self.ends_us.is_some_and(|ends_us| ends_us <= now_us) {
            self.close(1_001, "announced").await;
            return Err(Over::Ended);
        }
        let acts = self.injector.as_mut().map_or(Vec::new(), |injector| injector.release(now_us));
        self.act(venue, acts).await
    }

    /// Sends a close frame, except for 1006, which is the lack of one.
    async fn close(&mut self, code: u16, reason: &str) {
        let mut bytes = Vec::new();
        if code != 1_006 {
            frame::push_close(&mut bytes, code, reason);
        }
        let written = async {
            self.write.write_all(&bytes).await?;
            self.write.shutdown().await
        };
        if let Ok(Err(error)) = tokio::time::timeout(Duration::from_secs(1), written).await {
            tracing::debug!(%error, "a client was gone before it was told");
        }
    }
}
