//! Two recorders of one lake.

use mtdh_lake::live::SessionId;

use super::super::claim::{Claim, Held};
use super::super::mark::{self, Life};
use super::*;

fn session(number: u32) -> SessionId {
    SessionId::new(1_732_000_000_000_000, number).unwrap()
}

fn claim(number: u32, folder: &Path, symbols: &[&str], data_types: &[&str], seconds: u64) -> Claim {
    let texts = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Claim {
        exchange: EXCHANGE.to_owned(),
        session: session(number).to_string(),
        holder: format!("recorder {number}"),
        since: "2026-11-30T10:00:00.000Z".to_owned(),
        folder: folder.display().to_string(),
        symbols: texts(symbols),
        data_types: texts(data_types),
        seconds,
        beat: 0,
        brought_us: 0,
    }
}

#[tokio::test]
async fn a_second_recorder_of_the_same_refuses_and_names_the_first() {
    // The symbols and data types of the second beside BTCUSDT and ETHUSDT's trades and books, and what it shares.
    for (symbols, data_types, shared) in [
        (&["BTCUSDT", "ETHUSDT"][..], &["trades", "incremental_book_L2"][..], Some("BTCUSDT, ETHUSDT")),
        (&["ETHUSDT", "SOLUSDT"], &["trades"], Some("ETHUSDT")),
        (&["SOLUSDT"], &["trades"], None),
        (&["BTCUSDT"], &["liquidations"], None),
    ] {
        for is_same_folder in [true, false] {
            let (lake_folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let lake = local(lake_folder.path());
            let own = lake.capture_folder().unwrap();
            let both = ["BTCUSDT", "ETHUSDT"];
            let first = claim(1, &own, &both, &["trades", "incremental_book_L2"], 600);
            let first = Held::take(&lake, first, |_| {}).await.unwrap();
            let folder = if is_same_folder { own.as_path() } else { other.path() };
            let second = Held::take(&lake, claim(2, folder, symbols, data_types, 600), |_| {}).await;
            let told = second.as_ref().err().map(ToString::to_string);
            let expected = shared.map(|shared| {
                format!(
                    "recorder 1 has recorded {shared} of {EXCHANGE} into this lake since 2026-11-30T10:00:00.000Z (session {}); \
                     end it, or record other symbols, or into another lake",
                    session(1)
                )
            });
            assert_eq!(told, expected);
            assert_eq!(
                mark::life(&mark::path(folder, EXCHANGE, session(2).as_str())),
                if shared.is_some() { Life::Unknown } else { Life::Alive },
                "who is refused leaves no file"
            );
            first.end(true).await;
            if shared.is_some() {
                let third = claim(3, folder, symbols, data_types, 600);
                Held::take(&lake, third, |_| {}).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn a_dead_recorder_blocks_nobody() {
    let (lake_folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let lake = local(lake_folder.path());
    let own = lake.capture_folder().unwrap();
    let of = |number, folder: &Path, seconds| claim(number, folder, &["BTCUSDT"], &["trades"], seconds);
    // Killed: its file is there, and not locked. The next goes on at once, though the lease is long.
    let killed = Held::take(&lake, of(1, &own, 600), |_| panic!("nobody is waited for")).await.unwrap();
    drop(killed);
    let next = Held::take(&lake, of(2, &own, 1), |_| panic!("nobody is waited for")).await.unwrap();
    // Killed on another machine, whose folder is not there any more: the lease is waited for.
    let gone = mark::path(&own, EXCHANGE, session(2).as_str());
    std::fs::remove_file(gone).unwrap();
    drop(next);
    let told = std::sync::Mutex::new(Vec::new());
    let heard = |text: String| told.lock().unwrap().push(text);
    let third = Held::take(&lake, of(3, other.path(), 1), heard).await.unwrap();
    let told = told.into_inner().unwrap();
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("recorder 2") && told[0].contains("at most 1 s"), "{told:?}");
    // One that lives on another machine renews, so that nobody takes its place; one that comes back meets who did.
    std::fs::remove_file(mark::path(other.path(), EXCHANGE, session(3).as_str())).unwrap();
    let fourth = of(4, &own, 1);
    tokio::select! {
        other = third.keep() => panic!("{other}"),
        refused = Held::take(&lake, fourth, |_| {}) => {
            assert!(refused.err().unwrap().to_string().starts_with("recorder 3 "));
        }
    }
    let path = lake.layout().recorders(EXCHANGE);
    let fifth = of(5, &own, 600);
    lake.put(&path, &serde_json::to_vec(&[fifth]).unwrap()).await.unwrap();
    assert_eq!(third.keep().await, "recorder 5 records the same since 2026-11-30T10:00:00.000Z");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_that_begin_at_once_records() {
    let folder = tempfile::tempdir().unwrap();
    let lake = local(folder.path());
    let own = lake.capture_folder().unwrap();
    let takes = (1..9).map(|number| {
        // Each as another process sees the lake.
        let (lake, own) = (local(folder.path()), own.clone());
        tokio::spawn(async move {
            Held::take(&lake, claim(number, &own, &["BTCUSDT"], &["trades"], 600), |_| {}).await
        })
    });
    let taken = futures::future::join_all(takes.collect::<Vec<_>>()).await;
    let held: Vec<Held> = taken.into_iter().filter_map(|one| one.unwrap().ok()).collect();
    assert_eq!(held.len(), 1);
    let files = std::fs::read_dir(own.join(EXCHANGE)).unwrap().count();
    assert_eq!(files, 1, "who was refused leaves no file");
    drop(lake);
}

#[tokio::test]
async fn a_list_that_no_recorder_wrote_is_refused_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let lake = local(folder.path());
    let path = lake.layout().recorders(EXCHANGE);
    lake.put(&path, b"[{}]").await.unwrap();
    let own = claim(1, &lake.capture_folder().unwrap(), &["BTCUSDT"], &["trades"], 600);
    let refused = Held::take(&lake, own, |_| {}).await.err().unwrap();
    let text = mtdh_core::error::chain(&refused);
    assert!(text.contains(path.as_ref()) && text.contains("delete it once no recorder runs"), "{text}");
}
