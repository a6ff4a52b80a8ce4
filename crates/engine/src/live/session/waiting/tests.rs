//! Rows come back as they went, in their order, and never take more memory than they may.

use mtdh_core::{DataType, Day};
use mtdh_source::live::venue::Want;
use mtdh_source::live::venues;

use super::*;
use crate::live::events::{self, session_gap};
use crate::live::machine::Input;
use crate::live::maker::Maker;
use crate::live::plan::SessionPlan;

const START: i64 = 1_732_000_000_000_000;
const SYMBOLS: [&str; 3] = ["BTCUSDT", "ETHUSDT", "SOLUSDT"];

/// Stretches of so many trades each, of several symbols, in order.
fn stretches(sizes: &[u64]) -> Vec<Stretch> {
    let venue = venues::find("binance").unwrap();
    let want = Want {
        symbols: SYMBOLS.map(str::to_owned).to_vec(),
        data_types: vec![DataType::Trades],
        ..Want::default()
    };
    let plan = SessionPlan::new(venue, &want, Default::default(), Day::containing_us(START).unwrap());
    let (mut maker, mut number, mut made) = (Maker::new(venue, &plan), 0, Vec::new());
    let mut line = |maker: &mut Maker, line: mtdh_lake::live::Line<'_>| {
        number += 1;
        maker.line(number, &line)
    };
    let opened = Input::Opened { lane: 0, connection: 0 };
    line(&mut maker, events::line(START, &opened, "").unwrap());
    let mut id = 0;
    for size in sizes {
        for _ in 0..*size {
            id += 1;
            let (at, symbol) = (START + id as i64 * 1_000, SYMBOLS[id as usize % SYMBOLS.len()]);
            let (ms, name) = (at / 1_000, symbol.to_lowercase());
            let text = format!(
                r#"{{"stream":"{name}@trade","data":{{"e":"trade","E":{ms},"s":"{symbol}","t":{id},"p":"{id}.5","q":"1.0","T":{ms},"m":true,"M":true}}}}"#
            );
            line(&mut maker, events::line(at, &Input::Data { lane: 0, bytes: text.as_bytes() }, "").unwrap());
            if id % 7 == 0 {
                maker.collect();
            }
        }
        let at = START + id as i64 * 1_000;
        line(&mut maker, events::gap(at, &session_gap("clock", at, at, "the clock was set".to_owned())));
        made.extend(line(&mut maker, events::word(at, events::PART, "")));
    }
    made
}

/// What a stretch has, with the rows of a partition together.
fn content(stretch: &Stretch) -> String {
    let mut text = format!("{:?} {:?} {:?}", stretch.lines, stretch.times, stretch.gaps);
    for ((day, data_type, key), rows) in &stretch.rows {
        let all =
            arrow_select::concat::concat_batches(data_type.table().row_schema(), &rows.batches).unwrap();
        text += &format!("\n{day} {data_type} {key} {} {} {all:?}", rows.symbol, rows.is_carried);
    }
    text
}

#[test]
fn rows_come_back_as_they_went_and_take_no_more_memory_than_they_may() {
    let folder = tempfile::tempdir().unwrap();
    let sizes = [50, 300, 20, 400, 1, 150, 90, 600, 30, 200];
    let expected: Vec<String> = stretches(&sizes).iter().map(content).collect();
    let largest = stretches(&sizes).iter().map(bytes_of).max().unwrap();
    // The bound, how many are put before one is taken, and whether some must have waited on the disk.
    for (most, ahead, is_on_disk) in [
        (usize::MAX, 10, false),
        (largest * 20, 10, false),
        (largest, 10, true),
        (largest, 1, false),
        (largest / 2, 3, true),
        (1, 10, true),
        (0, 1, false),
    ] {
        let name = format!("{most} bytes, {ahead} ahead");
        let waiting = Waiting::new(most, usize::MAX, folder.path());
        let (mut put, mut taken, mut on_disk) = (std::collections::VecDeque::new(), Vec::new(), 0);
        let mut take = |waits: Waits| {
            let (stretch, _share) = waits.taken().unwrap();
            taken.push(content(&stretch));
        };
        for stretch in stretches(&sizes) {
            let Ok(waits) = waiting.put(stretch) else { panic!("{name}: refused") };
            on_disk += usize::from(waits.is_on_disk());
            put.push_back(waits);
            if put.len() >= ahead {
                take(put.pop_front().unwrap());
            }
        }
        put.into_iter().for_each(&mut take);
        assert_eq!(taken, expected, "{name}");
        assert_eq!(on_disk > 0, is_on_disk, "{name}: {on_disk} were on the disk");
        assert!(waiting.rows().peak() <= most.max(largest), "{name}: {}", waiting.rows().peak());
        assert_eq!(waiting.rows().held.load(Ordering::Acquire), 0, "{name}: all is given back");
        assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "{name}: the file has no name");
    }
}

#[test]
fn the_file_is_empty_again_when_nothing_waits() {
    let folder = tempfile::tempdir().unwrap();
    let waiting = Waiting::new(0, usize::MAX, folder.path());
    let mut lengths = Vec::new();
    for _ in 0..3 {
        let mut waits: Vec<Waits> =
            stretches(&[100, 200, 300]).into_iter().map(|one| waiting.put(one).ok().unwrap()).collect();
        lengths.push(waiting.pile.bytes());
        // The first is in memory, and taken last: the order in which they are taken does not matter to the file.
        waits.reverse();
        waits.into_iter().for_each(|waits| drop(waits.taken().unwrap()));
        assert_eq!(waiting.pile.bytes(), 0);
    }
    assert!(lengths[0] > 0 && lengths.iter().all(|length| *length == lengths[0]), "{lengths:?}");
}

#[test]
fn what_cannot_wait_comes_back_whole() {
    let folder = tempfile::tempdir().unwrap();
    let gone = folder.path().join("gone");
    let expected: Vec<String> = stretches(&[10, 20]).iter().map(content).collect();
    // No room for gaps; no disk.
    for (gaps, place, is_disk) in [(0, folder.path(), false), (usize::MAX, gone.as_path(), true)] {
        let waiting = Waiting::new(0, gaps, place);
        let _gap = waiting.gaps().take(1);
        let mut made = stretches(&[10, 20]).into_iter();
        let first = waiting.put(made.next().unwrap()).ok().unwrap();
        let back = match waiting.put(made.next().unwrap()) {
            Err(Refused::Full(stretch)) if !is_disk => stretch,
            Err(Refused::Disk(stretch, _)) if is_disk => stretch,
            Ok(_) | Err(_) => panic!("it must be refused"),
        };
        assert_eq!(content(&back), expected[1]);
        // There is room in memory again.
        drop(first.taken().unwrap());
        let again = waiting.put(back).ok().unwrap();
        assert_eq!(content(&again.taken().unwrap().0), expected[1]);
    }
}
