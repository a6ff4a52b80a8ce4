//! Which captures are removed, and which are not.

use mtdh_core::partition::{Origin, Partition};
use mtdh_lake::tables::comparisons::ComparisonLine;

use super::super::claim::{Claim, Held};
use super::super::prune::prune;
use super::*;
use crate::live::rebuild::{finish_day, partitions_with_parts};

fn compared(partition: &Partition) -> ComparisonLine {
    ComparisonLine {
        day: partition.day,
        key: partition.key.clone(),
        data_type: partition.data_type,
        difference: None,
        rows: [1, 1],
        compared: 1,
        equal: 1,
        unexplained: 0,
        objects: [None, None],
        compared_us: 0,
    }
}

fn segments(folder: &Path) -> usize {
    let days = std::fs::read_dir(folder.join(EXCHANGE)).unwrap().map(|day| day.unwrap().path());
    days.filter(|day| day.is_dir()).map(|day| std::fs::read_dir(day).unwrap().count()).sum()
}

/// Step by step a session comes to where its captures are no longer needed; before each step they are asked about, and stay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn captures_go_when_their_rows_are_in_objects_that_were_compared_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let playing = exchange(500).await;
    let lake = local(folder.path());
    let captures = lake.capture_folder().unwrap();
    let options = options(&playing.ws_url(EXCHANGE), &playing.rest_url(EXCHANGE), Duration::from_millis(300));
    let prepared = prepare(&lake, &wanted_of(&["BTCUSDT"], &[DataType::Trades]), &options).await.unwrap();
    let plan = prepared[0].plan.clone();
    let stop = CancellationToken::new();
    let (_, summary) = tokio::join!(
        async {
            tokio::time::sleep(Duration::from_millis(900)).await;
            stop.cancel();
        },
        record(&lake, prepared, &stop, |_| {})
    );
    let session = summary.unwrap().venues.remove(0).session;
    let days = lake.captured_days(EXCHANGE).await.unwrap();
    let (first, last) = (days[0], days[days.len() - 1]);
    let there = segments(&captures);
    assert!(there > 0);
    let later = last.plus(15);
    let asked = async |today: Day| prune(&lake, &captures, 14, today).await.unwrap();
    let stay = |why: &str| {
        format!("the captures of session {session} of {EXCHANGE} ({}) stay: {why}", {
            let dates: Vec<String> = days.iter().map(Day::to_string).collect();
            dates.join(", ")
        })
    };
    // Not old yet: nothing is said.
    assert_eq!(asked(last.plus(14)).await, Vec::<String>::new());
    assert_eq!(asked(later).await, [stay(&format!("{first} has parts that are not joined"))]);
    let partitions = partitions_with_parts(&lake, last).await.unwrap();
    for day in &days {
        assert_eq!(finish_day(&lake, *day).await.unwrap().1, Vec::<String>::new());
    }
    let why = format!("{first} was not compared with the vendor's files");
    assert_eq!(asked(later).await, [stay(&why)]);
    for day in &days {
        let line = compared(&Partition { day: *day, ..partitions[0].clone() });
        lake.update_comparisons(*day, &[line]).await.unwrap();
    }
    // A session that runs again under this name, for a moment.
    let open = "it has not ended, or not all of it is in the lake";
    let own = Claim::new(&plan, &session.parse().unwrap(), &captures, Duration::from_secs(600));
    let held = Held::take(&lake, own, |_| {}).await.unwrap();
    assert_eq!(asked(later).await, [stay(open)]);
    // It is dead, and left something.
    held.end(false).await;
    assert_eq!(asked(later).await, [stay(open)]);
    std::fs::remove_file(captures.join(EXCHANGE).join(format!("{session}.claim"))).unwrap();
    // Its objects are of other sessions.
    let live = lake.with_origin(Origin::Live);
    let mut objects = Vec::new();
    for day in &days {
        for (partition, entry) in live.list_partitions(*day, DataType::Trades).await.unwrap() {
            objects.push((partition, live.read(&entry.path).await.unwrap().unwrap()));
            live.delete(&entry.path).await.unwrap();
        }
    }
    assert_eq!(asked(later).await, [stay(&format!("no object of {first} has rows of it"))]);
    assert_eq!(segments(&captures), there, "all is there");
    for (partition, bytes) in objects {
        live.put(&live.partition_path(&partition), &bytes).await.unwrap();
    }
    let told = asked(later).await;
    assert!(told.len() == 1 && told[0].starts_with("removed the captures of session"), "{told:?}");
    assert_eq!(segments(&captures), 0);
    assert_eq!(asked(later).await, Vec::<String>::new());
}
