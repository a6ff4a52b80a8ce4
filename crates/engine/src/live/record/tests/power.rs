//! A machine that loses its power while it records: what was not brought to the disk is gone.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use mtdh_lake::live::{Piece, SegmentReader};

use super::*;

/// The variables that name the child's lake, and where the exchange is.
const FOLDER: &str = "MTDH_TEST_LAKE";
const ADDRESSES: [&str; 2] = ["MTDH_TEST_WEBSOCKET", "MTDH_TEST_REST"];
/// Where the child notes what it brought to the disk, below its lake.
const NOTES: &str = "notes";
/// How often the power is cut: twice, or as often as this variable says.
const CUTS: &str = "MTDH_TEST_POWER_CUTS";

/// Notes how far a file is brought to the disk, in place of doing so: what was written before the call.
fn noted(file: &File) -> io::Result<()> {
    let of = file.metadata()?;
    // A slow disk: what is made of lines that are not there yet is found out.
    std::thread::sleep(Duration::from_millis(100));
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap_or_default());
    let mut notes = fs::OpenOptions::new().append(true).create(true).open(folder.join(NOTES))?;
    // The note of a kill in the middle of this is torn, and counts for nothing.
    notes.write_all(format!("{} {}\n", of.ino(), of.len()).as_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child of the test below"]
async fn record_until_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let [websocket, rest] = ADDRESSES.map(|name| std::env::var(name).unwrap());
    let (lake, options) = (local(folder.as_ref()), options(&websocket, &rest, Duration::from_millis(700)));
    let wanted = wanted_of(&["BTCUSDT"], &[DataType::Trades, DataType::IncrementalBookL2]);
    let mut prepared = prepare(&lake, &wanted, &options).await.unwrap();
    prepared[0].settings.sync = noted;
    let stop = CancellationToken::new();
    // Ends by itself.
    let limit = tokio::time::timeout(Duration::from_secs(20), record(&lake, prepared, &stop, |_| {}));
    let _ended = limit.await;
}

/// The arrivals of all lines of a capture that are whole, microseconds since the Unix epoch, UTC.
fn arrivals(bytes: Vec<u8>) -> Vec<i64> {
    let Ok(mut reader) = SegmentReader::unsealed(bytes.into()) else { return Vec::new() };
    let mut arrivals = Vec::new();
    while let Ok(Some(piece)) = reader.next() {
        match piece {
            Piece::Line(_, line) => arrivals.push(line.arrived),
            Piece::Lost(_) => break,
        }
    }
    arrivals
}

/// Cuts off all that was not brought to the disk, or leaves any part of it or zeros in its place. How much was lost, microseconds.
fn cut(lake: &Path, is_all: bool, random: &mut fastrand::Rng) -> i64 {
    let mut noted: HashMap<u64, u64> = HashMap::new();
    for line in fs::read_to_string(lake.join(NOTES)).unwrap_or_default().lines() {
        let number = |text: &str| text.parse::<u64>().ok();
        let numbers = line.split_once(' ').and_then(|(file, length)| Some((number(file)?, number(length)?)));
        let Some((file, length)) = numbers else { continue };
        let of = noted.entry(file).or_insert(0);
        *of = length.max(*of);
    }
    let mut lost = 0;
    let days = fs::read_dir(lake.join("live_capture").join(EXCHANGE)).unwrap();
    for entry in days.map(|entry| entry.unwrap().path()) {
        // A claim is not brought to the disk: any part of it may be there.
        if entry.is_file() {
            let claim = fs::read(&entry).unwrap();
            fs::write(&entry, &claim[..random.usize(..=claim.len())]).unwrap();
            continue;
        }
        for path in fs::read_dir(entry).unwrap().map(|file| file.unwrap().path()) {
            if path.extension().is_none_or(|ending| ending != "open") {
                continue;
            }
            let mut bytes = fs::read(&path).unwrap();
            let synced = noted.get(&fs::metadata(&path).unwrap().ino()).copied().unwrap_or(0) as usize;
            assert!(synced <= bytes.len());
            let before = arrivals(bytes.clone());
            bytes.truncate(if is_all { synced } else { random.usize(synced..=bytes.len()) });
            if random.bool() && synced < bytes.len() {
                let hole = random.usize(synced..bytes.len());
                bytes[hole..].fill(0);
            }
            fs::write(&path, &bytes).unwrap();
            // What is certain to be there, so that the promise does not depend on chance.
            let kept = arrivals(bytes[..synced].to_vec());
            let last = |lines: &[i64]| lines.last().copied();
            if let Some(end) = last(&before) {
                lost = lost.max(end - last(&kept).unwrap_or(before[0]));
            }
        }
    }
    lost
}

/// How many parts a lake has of these two days.
async fn parts(folder: &Path) -> usize {
    let (lake, mut count) = (local(folder), 0);
    let today = Day::containing_us(clock::now()).unwrap();
    for day in [today.previous(), today] {
        for partition in lake.partitions_with_parts(day).await.unwrap() {
            count += lake.list_parts(&partition).await.unwrap().len();
        }
    }
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_loses_its_power_loses_a_second_and_doubles_nothing() {
    let cuts = std::env::var(CUTS).ok().map_or(2, |text| text.parse().unwrap());
    let playing = exchange(2_000).await;
    let mut random = fastrand::Rng::new();
    let seed = random.get_seed();
    let folder = tempfile::tempdir().unwrap();
    let (websocket, rest) = (playing.ws_url(EXCHANGE), playing.rest_url(EXCHANGE));
    let (mut sessions, mut most) = (0, 0);
    for round in 0..cuts {
        let name = format!("round {round} of seed {seed}");
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "live::record::tests::power::record_until_killed", "--ignored", "--nocapture"])
            .env(FOLDER, folder.path())
            .envs(ADDRESSES.into_iter().zip([&websocket, &rest]))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(random.u64(600..1_500))).await;
        // Every second time just when a part is there: its lines must be.
        let (is_at_part, parts) = (round % 2 == 0, parts(folder.path()).await);
        for _ in 0..1_000 {
            if !is_at_part || self::parts(folder.path()).await > parts {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        most = most.max(cut(folder.path(), is_at_part, &mut random));
        assert!(most <= 1_000_000, "{name}: {most} us are lost");
        // The next start seals, makes the rows, and records.
        let lake = local(folder.path());
        let options = options(&websocket, &rest, Duration::from_millis(100));
        let wanted = wanted_of(&["BTCUSDT"], &[DataType::Trades, DataType::IncrementalBookL2]);
        let prepared = prepare(&lake, &wanted, &options).await.unwrap();
        let stop = CancellationToken::new();
        let (ended, summary) = tokio::join!(
            async {
                tokio::time::sleep(Duration::from_millis(400)).await;
                stop.cancel();
            },
            record(&lake, prepared, &stop, |_| {})
        );
        let () = ended;
        let summary = summary.unwrap().venues.remove(0);
        assert_eq!(summary.failures, Vec::<String>::new(), "{name}");
        let again = rebuilt(&lake).await;
        assert_eq!((again.differ.len(), again.made), (0, 0), "{name}: {again:?}");
        assert_eq!(
            again.equal,
            self::parts(folder.path()).await as u64,
            "{name}: each part is of lines that are there"
        );
        let ids = ids(&lake).await;
        assert!(ids.values().all(|ids| are_whole(ids)), "{name}: a trade is missing or there twice");
        sessions = sessions.max(ids.len());
    }
    assert!(sessions > cuts, "sessions before and after cuts: {sessions}");
    println!("power was cut {cuts} times: at most {} ms were lost", most / 1_000);
}
