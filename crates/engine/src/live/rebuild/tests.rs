//! A recording that was killed and made again from its captures is the one that was not: rows, gaps, candles, findings. A day of two
//! recorders lacks what both lack. What brought nothing all day is empty, unless something was lost.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use mtdh_core::partition::Status;
use mtdh_lake::LakeOptions;
use mtdh_lake::live::{CaptureWriter, Line, Session};
use mtdh_source::live::venue::Want;
use mtdh_source::live::venues;

use super::*;
use crate::live::again::OfExchange;
use crate::live::analysis::{LiveAnalysis, Told};
use crate::live::events;
use crate::live::followed::followed;
use crate::live::hub::event::Event;
use crate::live::hub::filter::Filter;
use crate::live::hub::{Ask, Hub, Limits, Listener, Start};
use crate::live::machine::Input;
use crate::live::maker::Maker;
use crate::live::plan::{PlannedAnalysis, SessionPlan};
use crate::live::session::publish::Publisher;

const S: i64 = 1_000_000;

fn day() -> Day {
    "2024-11-19".parse().unwrap()
}

fn lake(folder: &Path) -> Lake {
    Lake::open(&folder.display().to_string(), &LakeOptions::default()).unwrap()
}

/// A recorder without sockets, and who brings its work into the lake and follows it.
struct Recorder {
    lake: Lake,
    of: Of,
    keys: Keys,
    maker: Maker,
    writer: CaptureWriter,
    publisher: Publisher,
    listener: Listener,
    analysis: OfExchange,
    told: Vec<(i64, Told)>,
    /// Parts that are brought into the lake before it is killed; `None`: all, with gaps and findings.
    parts: Option<usize>,
    made: usize,
}

impl Recorder {
    async fn new(lake: &Lake, began: i64, number: u32, symbols: &[&str], parts: Option<usize>) -> Recorder {
        let venue = venues::find("binance").unwrap();
        let want = Want {
            symbols: symbols.iter().map(|of| (*of).to_owned()).collect(),
            data_types: vec![DataType::Trades],
            ..Want::default()
        };
        let mut plan = SessionPlan::new(venue, &want, BTreeMap::new(), Day::containing_us(began).unwrap());
        plan.analysis = Some(PlannedAnalysis { candles: vec!["1m".to_owned()], has_checks: true });
        let id = SessionId::new(began, number).unwrap();
        let session =
            Session { id: id.clone(), venue: "binance".to_owned(), addresses: Vec::new(), plan: plan.text() };
        let hub = Hub::new(Limits::default(), began);
        let publisher = Publisher::new(hub.clone(), venue, id.as_str(), &plan);
        let ask = Ask { filters: vec![Filter::all()], start: Start::Now, is_conflated: false };
        let (candles, checks) = again::settings(plan.analysis.as_ref().unwrap());
        let mut analysis = LiveAnalysis::new(candles, checks, began);
        for of in followed(lake, [&plan], began).await.unwrap() {
            analysis.follow(&of.follow);
        }
        let mut maker = Maker::new(venue, &plan);
        maker.follow();
        let of = Of { venue, session: id, plan_hash: session.plan_hash() };
        let writer = CaptureWriter::new(&lake.capture_folder().unwrap(), session).unwrap();
        Recorder {
            lake: lake.clone(),
            of,
            keys: Keys::of(&plan),
            maker,
            writer,
            publisher,
            listener: hub.listen(ask),
            analysis: OfExchange::new(analysis),
            told: Vec::new(),
            parts,
            made: 0,
        }
    }

    fn is_alive(&self) -> bool {
        self.parts.is_none_or(|parts| self.made < parts)
    }

    async fn line(&mut self, line: Line<'_>, lost: &[mtdh_source::live::out::Gap]) {
        let number = self.writer.append(&line).unwrap();
        self.maker.pass_to(line.arrived);
        self.publisher.passed(self.maker.groups());
        let stretch = self.maker.line(number, &line);
        self.publisher.came(number, line.arrived, self.maker.groups());
        let mut gaps = self.maker.take_todo().gaps;
        self.maker.collect();
        self.publisher.publish(&mut self.maker, &gaps);
        lost.iter().for_each(|gap| self.publisher.lost(gap));
        gaps.extend(lost.iter().cloned());
        if self.parts.is_none() {
            add_gaps(&self.lake, &self.of, &mut self.keys, &gaps).await.unwrap();
        }
        if let Some(stretch) = stretch {
            if self.is_alive() {
                parts::publish(&self.lake, &self.of, &stretch).await.unwrap();
            }
            self.made += 1;
            self.writer.write().unwrap();
            self.writer.seal().unwrap();
        }
        while let Ok(taken) = tokio::time::timeout(std::time::Duration::ZERO, self.listener.take(64)).await {
            for entry in taken.entries {
                match &entry.event {
                    Event::Rows(rows) => {
                        let told = &mut self.told;
                        self.analysis.rows(rows, |at, one| told.push((at, one))).unwrap();
                    }
                    Event::Gap(gap) => self.analysis.gap(gap),
                    _ => {}
                }
            }
        }
    }

    async fn input(&mut self, at: i64, input: &Input<'_>) {
        self.line(events::line(at, input, "").unwrap(), &[]).await;
    }

    async fn trade(&mut self, at: i64, symbol: &str, id: u64, happened: i64) {
        let ms = happened / 1_000;
        let name = symbol.to_lowercase();
        let text = format!(
            r#"{{"stream":"{name}@trade","data":{{"e":"trade","E":{ms},"s":"{symbol}","t":{id},"p":"{id}.5","q":"1.0","T":{ms},"m":true,"M":true}}}}"#
        );
        self.input(at, &Input::Data { lane: 0, bytes: text.as_bytes() }).await;
    }

    async fn part(&mut self, at: i64) {
        self.line(events::word(at, events::PART, ""), &[]).await;
    }

    /// Ends; what was killed before leaves what the disk has. Gives what was told.
    async fn end(mut self, at: i64) -> Vec<(i64, Told)> {
        match self.parts {
            None => {
                self.part(at).await;
                let last = self.analysis.last_us();
                let told = self.analysis.analysis.stop(last);
                self.told.extend(told.into_iter().map(|one| (last, one)));
                let lines = self.analysis.analysis.checks().unwrap().take_lines();
                checks::keep(&self.lake, lines).await.unwrap();
            }
            Some(_) => self.part(at).await,
        }
        for sealed in self.writer.take_sealed() {
            self.lake.upload_segment(&sealed).await.unwrap();
        }
        self.told
    }
}

/// What is in a lake beside captures, as bytes, by path; checks as lines without their run.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(of) = folders.pop() {
        for entry in std::fs::read_dir(of).unwrap().map(|entry| entry.unwrap().path()) {
            match entry.is_dir() {
                true => folders.push(entry),
                false => {
                    let name = entry.strip_prefix(folder).unwrap().display().to_string();
                    if name.starts_with("live_tick_data") || name.starts_with("live_gaps") {
                        found.insert(name, std::fs::read(entry).unwrap());
                    }
                }
            }
        }
    }
    found
}

async fn kept(lake: &Lake) -> Vec<String> {
    let lines = lake.with_origin(Origin::Live).checks(day()).await.unwrap().unwrap_or_default();
    let text = |line: &CheckLine| {
        format!("{:?} {:?} {:?} {} {:?}", line.subject, line.groups, line.found, line.rows, line.objects)
    };
    lines.iter().map(text).collect()
}

/// Twenty minutes of trades, with a hole in the ids, a trade that comes late, a connection that ends, and a stop of reading.
async fn recorded(folder: &Path, parts: Option<usize>) -> Vec<(i64, Told)> {
    let began = day().start_us() + 3_600 * S;
    let lake = lake(folder);
    let mut recorder = Recorder::new(&lake, began, 7, &["BTCUSDT"], parts).await;
    recorder.input(began, &Input::Opened { lane: 0, connection: 0 }).await;
    let mut at = began;
    for number in 0..2_400_u64 {
        at = began + number as i64 * S / 2 + 1_000;
        let id = if number < 500 { number } else { number + 3 };
        let happened = if number == 700 { at - 70 * S } else { at - 5_000 };
        match number {
            1_000 => recorder.input(at, &Input::Closed { lane: 0, by_us: false }).await,
            1_001..1_020 => {}
            1_020 => recorder.input(at, &Input::Opened { lane: 0, connection: 0 }).await,
            1_500 => {
                let gap = events::session_gap("overload", at - S / 4, at, "the disk was full".to_owned());
                recorder.line(events::gap(at, &gap), std::slice::from_ref(&gap)).await;
            }
            _ => recorder.trade(at, "BTCUSDT", id, happened).await,
        }
        if number % 400 == 399 {
            recorder.part(at).await;
        }
    }
    recorder.end(at + 1_000).await
}

fn words(told: &[(i64, Told)]) -> Vec<String> {
    told.iter().map(|(at, one)| format!("{at} {one:?}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_recording_made_again_is_the_one_that_was_not_killed() {
    let whole = tempfile::tempdir().unwrap();
    let told = recorded(whole.path(), None).await;
    let expected = files(whole.path());
    let lines = kept(&lake(whole.path())).await;
    let finals = told.iter().filter(|(_, one)| matches!(one, Told::Candle(_))).count();
    assert!(finals > 15 && lines.iter().any(|line| line.contains("late_tick")), "{finals} {lines:?}");
    let gaps = lake(whole.path()).gaps(day(), "binance").await.unwrap();
    let kinds: Vec<&str> = gaps.iter().map(|gap| gap.kind.as_str()).collect();
    assert_eq!(kinds, ["sequence", "disconnect", "sequence", "sequence", "overload"], "{gaps:?}");
    for parts in [0, 2] {
        let killed = tempfile::tempdir().unwrap();
        recorded(killed.path(), Some(parts)).await;
        let of = lake(killed.path());
        assert_eq!(kept(&of).await, [] as [String; 0]);
        assert!(files(killed.path()).len() < expected.len());
        let again = Arc::new(Mutex::new(Vec::new()));
        let give = again.clone();
        again::day(&of, "binance", day(), move |at, one| give.lock().unwrap().push((at, one))).await.unwrap();
        assert_eq!(words(&again.lock().unwrap()), words(&told), "candles and findings");
        let rebuilt = rebuild_day(&of, "binance", day()).await.unwrap();
        assert_eq!(rebuilt.differ, [] as [String; 0]);
        assert_eq!((rebuilt.gaps_made, rebuilt.findings.is_some()), (5, true));
        assert_eq!(kept(&of).await, lines);
        let found = files(killed.path());
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        assert!(found == expected, "bytes");
        // A second time there is nothing to do.
        let rebuilt = rebuild_day(&of, "binance", day()).await.unwrap();
        assert_eq!((rebuilt.made, rebuilt.gaps_made), (0, 0), "{rebuilt:?}");
        assert!(files(killed.path()) == expected && kept(&of).await == lines);
    }
}

/// Two recorders of one day; each lacks a second of trades, told as a hole in the ids, and one second both lack.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_of_two_recorders_lacks_what_both_lack_and_is_made_again_alike() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path());
    let began = day().start_us() + 3_600 * S;
    for (number, from, holes, skew) in
        [(1_u32, 0_u64, [100..110, 300..310], 0), (2, 50, [200..210, 305..315], 3_000)]
    {
        let mut recorder =
            Recorder::new(&lake, began + from as i64 * S / 10, number, &["BTCUSDT"], None).await;
        let at = |id: u64| began + id as i64 * S / 10 + 10_000 + skew;
        recorder.input(at(from) - 5_000, &Input::Opened { lane: 0, connection: 0 }).await;
        for id in from..500 {
            if !holes.iter().any(|hole| hole.contains(&id)) {
                recorder.trade(at(id), "BTCUSDT", id, began + id as i64 * S / 10).await;
            }
            if id % 150 == 149 {
                recorder.part(at(id) + 1).await;
            }
        }
        recorder.end(at(500)).await;
    }
    let before = lake.gaps(day(), "binance").await.unwrap();
    assert_eq!(before.len(), 4, "{before:?}");
    let again = rebuild_day(&lake, "binance", day()).await.unwrap();
    assert_eq!((again.sessions, again.gaps_made, again.differ.as_slice()), (2, 0, [].as_slice()));
    assert_eq!(finish_day(&lake, day()).await.unwrap(), (1, Vec::new()));
    let live = lake.with_origin(Origin::Live);
    let [(_, entry)] = &live.list_partitions(day(), DataType::Trades).await.unwrap()[..] else { panic!() };
    let mut ids: Vec<u64> = Vec::new();
    live.read_slice(entry, i64::MIN..i64::MAX, &Default::default(), |batch| {
        let column = batch.column_by_name("id").unwrap();
        let texts = arrow_array::cast::AsArray::as_string::<i32>(column);
        ids.extend(texts.iter().map(|id| id.unwrap().parse::<u64>().unwrap()));
        Ok::<_, mtdh_lake::LakeError>(())
    })
    .await
    .unwrap();
    ids.sort_unstable();
    let expected: Vec<u64> = (0..500).filter(|id| !(305..310).contains(id)).collect();
    assert_eq!(ids, expected, "each once, and only those lack that both lack");
    let facts = live.footer(entry).await.unwrap().facts;
    let recording = facts.provenance.recording().unwrap().clone();
    assert_eq!(facts.tally.arrival_regressions, 0);
    // From the last trade that somebody has before the hole to the first behind it.
    let hole = (began + 304 * S / 10 + 13_000, began + 310 * S / 10 + 10_000);
    assert!(recording.gaps.iter().all(|gap| gap.range.0 <= hole.0 && hole.1 <= gap.range.1), "{recording:?}");
    let gaps = lake.gaps(day(), "binance").await.unwrap();
    assert!(!gaps.is_empty() && gaps.len() <= 2, "{gaps:?}");
    for gap in &gaps {
        let bounds = (began + 299 * S / 10, began + 316 * S / 10);
        assert!(bounds.0 <= gap.from_us && gap.to_us <= bounds.1, "{gap:?}");
    }
    let bytes = files(folder.path());
    let again = rebuild_day(&lake, "binance", day()).await.unwrap();
    assert_eq!((again.equal, again.made, again.gaps_made, again.differ.as_slice()), (1, 0, 0, [].as_slice()));
    finish_day(&lake, day()).await.unwrap();
    assert!(files(folder.path()) == bytes, "made again, a day is the same");
}

/// Of three symbols one trades, one is quiet, and of the third something may be lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_brought_nothing_all_day_is_empty_unless_something_was_lost() {
    for (name, from, to, empty) in [
        ("all day", -60 * S, 86_400 * S + 60 * S, 1),
        ("from its first minute on", 60 * S, 86_400 * S + 60 * S, 0),
        ("until before its end", -60 * S, 86_400 * S - 60 * S, 0),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let lake = lake(folder.path());
        let start = day().start_us();
        let mut recorder =
            Recorder::new(&lake, start + from, 1, &["BTCUSDT", "ETHUSDT", "XRPUSDT"], None).await;
        recorder.input(start + from, &Input::Opened { lane: 0, connection: 0 }).await;
        let hours: Vec<i64> = (0..24).map(|hour| start + hour * 3_600 * S + 120 * S).collect();
        for (number, at) in [start + from + S].into_iter().chain(hours).chain([start + to]).enumerate() {
            recorder.trade(at, "BTCUSDT", number as u64, at - 5_000).await;
        }
        recorder.end(start + to + S).await;
        let venue = venues::find("binance").unwrap();
        let mut keys = Keys::of(&SessionPlan::new(venue, &Want::default(), BTreeMap::new(), day()));
        let row = GapRow {
            session: "a".to_owned(),
            from_us: start + 5 * S,
            kind: "silence".to_owned(),
            connection: None,
            symbol: Some("XRPUSDT".to_owned()),
            data_type: Some(DataType::Trades),
            key: Some(keys.key("XRPUSDT")),
            to_us: start + 9 * S,
            from_id: None,
            to_id: None,
            missing: None,
            is_proven: false,
            detail: String::new(),
        };
        lake.add_gaps(day(), "binance", &[row]).await.unwrap();
        finish_day(&lake, day()).await.unwrap();
        let live = lake.with_origin(Origin::Live);
        let mut found = BTreeMap::new();
        for (partition, entry) in live.list_partitions(day(), DataType::Trades).await.unwrap() {
            let facts = live.footer(&entry).await.unwrap().facts;
            found.insert(partition.key.to_string(), facts.status);
        }
        let quiet = (empty == 1).then(|| (keys.key("ETHUSDT").to_string(), Status::Empty));
        let expected: BTreeMap<String, Status> =
            [(keys.key("BTCUSDT").to_string(), Status::Stored)].into_iter().chain(quiet).collect();
        assert_eq!(found, expected, "{name}");
        let bytes = files(folder.path());
        let again = rebuild_day(&lake, "binance", day()).await.unwrap();
        assert_eq!(
            (again.equal, again.made, again.differ.as_slice()),
            (1 + empty, 0, [].as_slice()),
            "{name}"
        );
        finish_day(&lake, day()).await.unwrap();
        assert!(files(folder.path()) == bytes, "{name}");
        // Validated: the quiet one is answered, the one with a gap is missing, and only all of the day is whole.
        let selection = crate::Selection {
            days: mtdh_core::DayRange::of(day()),
            venues: Vec::new(),
            instrument_types: Vec::new(),
            data_types: vec![DataType::Trades],
            patterns: Vec::new(),
            max_instruments: None,
        };
        let report =
            crate::live::judged::validate(&lake, &selection, crate::validate::Depth::Listing).await.unwrap();
        let counts = (report.totals.stored, report.totals.empty, report.totals.missing);
        assert_eq!(counts, (1, empty as usize, 2 - empty as usize), "{name}: {report:?}");
        assert_eq!(report.partial.is_empty(), empty == 1, "{name}: {report:?}");
        assert!(!report.is_complete());
        let silence =
            report.missing.iter().find(|of| of.instrument_key == keys.key("XRPUSDT").as_str()).unwrap();
        assert!(silence.reason.starts_with("nothing came: 1 silence of 4"), "{}", silence.reason);
    }
}
