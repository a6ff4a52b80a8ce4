//! How many messages of a recording become columns in a second of this processor: `live_messages EXCHANGE FILE.gz [ROUNDS]`, where the
//! file has `<local ns> <message>` a line. The fastest of the rounds counts. What it is held against is in `scripts/bench_live.sh`.

use std::io::{Read, Write};

use mtdh_core::DataType;
use mtdh_source::live::feed::{ConnectionId, Frame};
use mtdh_source::live::out::Out;
use mtdh_source::live::recording::Line;
use mtdh_source::live::venue::Want;
use mtdh_source::live::venues;

/// Columns are taken after so many messages, as a recorder takes them.
const BATCH: usize = 10_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(exchange), Some(file)) = (arguments.next(), arguments.next()) else {
        return Err("usage: live_messages EXCHANGE FILE.gz [ROUNDS]".into());
    };
    let rounds: usize = arguments.next().map_or(Ok(9), |rounds| rounds.parse())?;
    let venue = venues::find(&exchange).ok_or("no such exchange")?;
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(std::fs::File::open(file)?).read_to_end(&mut text)?;
    let mut messages: Vec<(i64, Vec<u8>)> = Vec::new();
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        if let Line::Received(at, message) = Line::read(line)? {
            messages.push((at, message.into_owned()));
        }
    }
    let data_types = vec![DataType::Trades, DataType::IncrementalBookL2, DataType::BookTicker];
    let want = Want { data_types, ..Want::default() };
    let (mut best, mut rows) = (u64::MAX, 0);
    for _ in 0..rounds {
        let mut feed = venue.feed(&want, &[]);
        let mut out = Out::default();
        rows = 0;
        let before = cpu_ns()?;
        for batch in messages.chunks(BATCH) {
            for (at, message) in batch {
                feed.message(ConnectionId(0), Frame::Data(message), *at, &mut out);
            }
            rows += out.rows.take().batches.iter().map(|(_, batch)| batch.num_rows()).sum::<usize>();
        }
        best = best.min(cpu_ns()? - before);
        if out.unread > 0 || !out.gaps.is_empty() {
            return Err(format!("{} messages unread, {} gaps", out.unread, out.gaps.len()).into());
        }
    }
    let per_second = messages.len() as f64 * 1e9 / best as f64;
    writeln!(
        std::io::stdout(),
        "{exchange} columns {} messages {rows} rows {per_second:.0} messages/s of CPU",
        messages.len()
    )?;
    Ok(())
}

/// Time that this thread was on a processor, nanoseconds.
fn cpu_ns() -> Result<u64, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split(' ').next().unwrap_or_default().parse()?)
}
