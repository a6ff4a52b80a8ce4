//! How many messages of a recording become columns, and JSON, in a second of this processor: `live_messages EXCHANGE FILE.gz [ROUNDS]`,
//! where the file has `<local ns> <message>` a line. A feed makes rows of them, of which columns are taken; for JSON also groups, each
//! of which is written as `/ws-stream-normalized` sends it. Hub and sockets are not in it. The fastest of the rounds counts. What it is
//! held against is in `scripts/bench_live.sh`.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::sync::Arc;

use mtdh_engine::DataType;
use mtdh_engine::live::hub::event::{Position, RowsEvent, Stream};
use mtdh_engine::live::hub::{Hub, Limits};
use mtdh_serve::{Named, RowMessages};
use mtdh_source::live::feed::{ConnectionId, Frame};
use mtdh_source::live::out::Out;
use mtdh_source::live::recording::Line;
use mtdh_source::live::rows::{Rows, StreamId, Taken};
use mtdh_source::live::venue::Want;
use mtdh_source::live::venues;

/// Columns are taken after so many messages, as a recorder takes them that writes only parts.
const PART: usize = 10_000;

/// For JSON, after so many: about as many as a busy recorder takes together for those who listen, which is 256 KiB of them.
const TOGETHER: usize = 1_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(exchange), Some(file)) = (arguments.next(), arguments.next()) else {
        return Err("usage: live_messages EXCHANGE FILE.gz [ROUNDS]".into());
    };
    let rounds: usize = arguments.next().map_or(Ok(9), |rounds| rounds.parse())?;
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(std::fs::File::open(file)?).read_to_end(&mut text)?;
    let mut messages: Vec<(i64, Vec<u8>)> = Vec::new();
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        if let Line::Received(at, message) = Line::read(line)? {
            messages.push((at, message.into_owned()));
        }
    }
    for is_json in [false, true] {
        let made: Result<Vec<Made>, _> = (0..rounds).map(|_| round(&exchange, &messages, is_json)).collect();
        let Some(made) = made?.into_iter().min_by_key(|made| made.ns) else { continue };
        let what = match is_json {
            false => format!("columns {} messages {} rows", messages.len(), made.rows),
            true => format!("json {} messages {} made, {} bytes,", messages.len(), made.lines, made.bytes),
        };
        let per_second = messages.len() as f64 * 1e9 / made.ns as f64;
        writeln!(std::io::stdout(), "{exchange} {what} {per_second:.0} messages/s of CPU")?;
    }
    Ok(())
}

/// What a round made.
#[derive(Default)]
struct Made {
    rows: usize,
    lines: usize,
    bytes: usize,
    /// Time on a processor, nanoseconds.
    ns: u64,
}

fn round(
    exchange: &str,
    messages: &[(i64, Vec<u8>)],
    is_json: bool,
) -> Result<Made, Box<dyn std::error::Error>> {
    let data_types = vec![DataType::Trades, DataType::IncrementalBookL2, DataType::BookTicker];
    let want = Want { data_types, ..Want::default() };
    let mut feed = venues::find(exchange).ok_or("no such exchange")?.feed(&want, &[]);
    let rows = if is_json { Rows::with_groups() } else { Rows::default() };
    let mut out = Out { rows, ..Out::default() };
    let mut writing = Writing::new(exchange);
    let mut made = Made::default();
    let before = cpu_ns()?;
    for together in messages.chunks(if is_json { TOGETHER } else { PART }) {
        for (at, message) in together {
            feed.message(ConnectionId(0), Frame::Data(message), *at, &mut out);
        }
        let taken = out.rows.take();
        made.rows += taken.batches.iter().map(|(_, batch)| batch.num_rows()).sum::<usize>();
        if is_json {
            writing.write(&out.rows, taken, &mut made);
        }
    }
    made.ns = cpu_ns()? - before;
    if out.unread > 0 || !out.gaps.is_empty() {
        return Err(format!("{} messages unread, {} gaps", out.unread, out.gaps.len()).into());
    }
    Ok(made)
}

/// What a recorder and a client of it hold: streams, their names in messages, and the writer.
struct Writing {
    hub: Arc<Hub>,
    exchange: String,
    session: Arc<str>,
    streams: HashMap<StreamId, (Arc<Stream>, Named)>,
    line: u64,
    messages: RowMessages,
}

impl Writing {
    fn new(exchange: &str) -> Writing {
        Writing {
            hub: Hub::new(Limits::default(), 0),
            exchange: exchange.to_owned(),
            session: "bench".into(),
            streams: HashMap::new(),
            line: 0,
            messages: RowMessages::default(),
        }
    }

    /// Writes the messages that rows make.
    fn write(&mut self, rows: &Rows, taken: Taken, made: &mut Made) {
        let batches: HashMap<_, _> =
            taken.batches.into_iter().map(|(stream, batch)| (stream, Arc::new(batch))).collect();
        for group in &taken.groups {
            let (hub, exchange) = (&self.hub, &self.exchange);
            let (stream, named) = self.streams.entry(group.stream).or_insert_with(|| {
                let name = rows.name(group.stream);
                let named = Named { symbol: name.symbol.to_uppercase(), exchange: exchange.clone() };
                (hub.stream(exchange, &name.symbol, name.data_type, None), named)
            });
            self.line += 1;
            let event = RowsEvent {
                stream: stream.clone(),
                batch: batches[&group.stream].clone(),
                first: group.first as usize,
                rows: group.rows as usize,
                arrived: 0,
                position: Position { session: self.session.clone(), line: self.line },
            };
            let text = self.messages.text(&event, named);
            made.lines += memchr::memchr_iter(b'\n', &text).count();
            made.bytes += text.len();
        }
    }
}

/// Time that this thread was on a processor, nanoseconds.
fn cpu_ns() -> Result<u64, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split(' ').next().unwrap_or_default().parse()?)
}
