//! A listener that breaks off again and again, while a recorder with a tiny memory goes on and is killed, has each row once.

use std::collections::BTreeMap;
use std::time::Duration;

use mtdh_core::{DataType, Day};
use mtdh_lake::live::{CaptureWriter, Session, SessionId, recover};
use mtdh_source::live::venue::{Venue, Want};
use mtdh_source::live::venues;

use super::*;
use crate::live::events;
use crate::live::hub::event::{Cursor, Entry, Event};
use crate::live::hub::filter::Filter;
use crate::live::hub::{Ask, Limits, Start};
use crate::live::machine::Input;
use crate::live::session::publish::Publisher;

const START: i64 = 1_732_000_000_000_000;

/// A recorder without sockets: what arrives becomes a line and rows as in a session.
struct Recorder {
    writer: CaptureWriter,
    maker: Maker,
    publisher: Publisher,
    at: i64,
    /// The line of each trade's id.
    lines: Vec<(u64, u64)>,
}

fn venue() -> &'static dyn Venue {
    venues::find("binance").unwrap()
}

impl Recorder {
    fn new(folder: &std::path::Path, hub: &Arc<Hub>) -> Recorder {
        let at = hub.opened() + 1_000;
        let want = Want {
            symbols: vec!["BTCUSDT".to_owned()],
            data_types: vec![DataType::Trades],
            ..Want::default()
        };
        let plan = SessionPlan::new(venue(), &want, BTreeMap::new(), Day::containing_us(at).unwrap());
        let session = SessionId::new(at, 7).unwrap();
        let publisher = Publisher::new(hub.clone(), venue(), session.as_str(), &plan);
        let capture =
            Session { id: session, venue: "binance".to_owned(), addresses: Vec::new(), plan: plan.text() };
        let mut maker = Maker::new(venue(), &plan);
        maker.follow();
        let writer = CaptureWriter::new(folder, capture).unwrap();
        let mut recorder = Recorder { writer, maker, publisher, at, lines: Vec::new() };
        recorder.take(&Input::Opened { lane: 0, connection: 0 });
        recorder
    }

    fn take(&mut self, input: &Input<'_>) -> u64 {
        self.at += 1_000;
        let line = events::line(self.at, input, "").unwrap();
        let number = self.writer.append(&line).unwrap();
        self.maker.pass_to(line.arrived);
        self.publisher.passed(self.maker.groups());
        let _stretch = self.maker.line(number, &line);
        self.publisher.came(number, line.arrived, self.maker.groups());
        let todo = self.maker.take_todo();
        self.maker.collect();
        self.publisher.publish(&mut self.maker, &todo.gaps);
        number
    }

    fn trade(&mut self, id: u64) {
        let at = self.at / 1_000;
        let text = format!(
            r#"{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{at},"s":"BTCUSDT","t":{id},"p":"{id}.5","q":"1.0","T":{at},"m":true,"M":true}}}}"#
        );
        let line = self.take(&Input::Data { lane: 0, bytes: text.as_bytes() });
        self.lines.push((id, line));
    }

    /// Ids of trades that survive a kill.
    fn written(&self) -> Vec<u64> {
        let end = self.writer.written_line();
        self.lines.iter().filter(|(_, line)| *line < end).map(|(id, _)| *id).collect()
    }
}

fn id(entry: &Entry) -> Option<u64> {
    let Event::Rows(rows) = &entry.event else { return None };
    let prices = arrow_array::cast::AsArray::as_primitive::<arrow_array::types::Float64Type>(
        rows.batch.column_by_name("price").unwrap(),
    );
    Some(prices.value(rows.first) as u64)
}

/// Records so many trades, a few at a time, and writes now and then.
async fn recording(mut recorder: Recorder, first: u64, trades: u64, is_killed: bool) -> Recorder {
    let mut random = fastrand::Rng::with_seed(first);
    for id in first..first + trades {
        recorder.trade(id);
        if random.u32(0..7) == 0 {
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        if random.u32(0..40) == 0 {
            recorder.writer.write().unwrap();
        }
        if random.u32(0..900) == 0 {
            recorder.writer.seal().unwrap();
        }
    }
    if !is_killed {
        recorder.writer.write().unwrap();
    }
    recorder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_breaks_off_has_each_row_once_also_behind_the_memory_and_another_recorder() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(&folder.path().display().to_string(), &mtdh_lake::LakeOptions::default()).unwrap();
    let captures = lake.capture_folder().unwrap();
    let mut random = fastrand::Rng::with_seed(16);
    let (mut cursor, mut got, mut expected, mut breaks) = (None::<Cursor>, Vec::new(), Vec::new(), 0);
    const TRADES: u64 = 2_000;
    for run in 0..3_u64 {
        let is_killed = run < 2;
        let hub = Hub::new(Limits { memory_events: 3, ..Limits::default() }, START + run as i64 * 60_000_000);
        recover(&captures).unwrap();
        hub.read_older_with(Arc::new(Captures::new(&lake, captures.clone(), &hub)));
        let ask = |cursor: &Option<Cursor>| {
            let start = cursor.clone().map_or(Start::Now, Start::Behind);
            hub.listen(Ask { filters: vec![Filter::all()], start, is_conflated: false })
        };
        let mut listener = ask(&cursor);
        if cursor.is_none() {
            // Who begins now, and takes nothing before the tiny memory forgets, would be told so: it begins before there is anything.
            let begun = tokio::time::timeout(Duration::from_millis(1), listener.take(1)).await;
            assert!(begun.is_err(), "nothing is recorded yet");
        }
        let recorder = Recorder::new(&captures, &hub);
        let recording = tokio::spawn(recording(recorder, run * TRADES, TRADES, is_killed));
        let mut left = random.u64(1..300);
        let end = (run + 1) * TRADES - 1;
        // What is killed is not waited for to its end: the listener was somewhere.
        let until = if is_killed { end - 900 } else { end };
        while got.last().is_none_or(|last| *last < until) {
            let taken = tokio::time::timeout(Duration::from_secs(20), listener.take(random.usize(1..50)));
            let taken = taken.await.expect("rows stop coming");
            assert_eq!(taken.lost, None, "after {:?}", got.last());
            for entry in &taken.entries {
                got.extend(id(entry));
                let known = cursor.get_or_insert_with(Cursor::default);
                known.advance(hub.opened(), entry);
                left = left.saturating_sub(1);
            }
            // The position as a client gives it back.
            cursor = cursor.map(|cursor| cursor.to_string().parse().unwrap());
            if left == 0 && cursor.is_some() {
                left = random.u64(1..300);
                breaks += 1;
                listener = ask(&cursor);
            }
        }
        let recorder = recording.await.unwrap();
        expected.extend(recorder.written());
    }
    let doubled: Vec<_> = got.windows(2).filter(|pair| pair[0] >= pair[1]).collect();
    assert!(doubled.is_empty(), "{doubled:?}");
    let first = got[0];
    let lacks: Vec<u64> =
        expected.iter().filter(|id| **id >= first && got.binary_search(id).is_err()).copied().collect();
    assert!(lacks.is_empty(), "{lacks:?}");
    assert!(breaks >= 20, "{breaks} breaks");

    // Where captures are gone, it is told.
    std::fs::remove_dir_all(&captures).unwrap();
    let hub = Hub::new(Limits::default(), START + 600_000_000);
    hub.read_older_with(Arc::new(Captures::new(&lake, captures, &hub)));
    let start = Start::Behind(cursor.unwrap());
    let mut listener = hub.listen(Ask { filters: vec![Filter::all()], start, is_conflated: false });
    assert_eq!(listener.take(9).await.lost, Some(crate::live::hub::Lost::Restarted));
}
