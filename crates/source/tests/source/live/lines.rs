//! The vendor's raw recordings through the feeds.

use std::io::Read;

use mtdh_core::DataType;
use mtdh_source::live::feed::Feed;
use mtdh_source::live::out::Out;
use mtdh_source::live::rows::Rows;
use mtdh_source::live::venue::Want;
use mtdh_source::live::venues;
use mtdh_source::tardis::slices::{Lines, feed_lines};

use super::Fed;
use super::play::told;
use crate::recorded::recorded;

fn feed(exchange: &str) -> Fed {
    let want = Want { data_types: DataType::ALL.to_vec(), is_recorded: true, ..Want::default() };
    Fed::new(venues::find(exchange).unwrap(), &want)
}

#[test]
fn an_empty_line_is_a_disconnect_and_what_follows_is_given_out() {
    let text = concat!(
        r#"2026-09-01T00:00:00.0000001Z {"arg":{"channel":"books","instId":"X-SWAP"},"action":"snapshot","data":[{"asks":[["101","2","0","1"]],"bids":[],"ts":"1788220800000","checksum":0,"prevSeqId":-1,"seqId":10}]}"#,
        "\r\n",
        "no line of a recording\n",
        "\n\n",
        r#"2026-09-01T00:00:09.5Z {"arg":{"channel":"books","instId":"X-SWAP"},"action":"update","data":[{"asks":[],"bids":[["99","1","0","1"]],"ts":"1788220809000","checksum":0,"prevSeqId":20,"seqId":21}]}"#,
        "\n",
        r#"2026-09-01T00:00:10.5Z {"arg":{"channel":"liquidations","instId":"X-SWAP","generated":true},"data":[{"bkLoss":"0","bkPx":"5","side":"buy","sz":"12","ts":"1788220810000"}]}"#,
    );
    let mut fed = feed("okex-swap");
    let mut lines_told = Vec::new();
    let mut times = Vec::new();
    let Fed { feed, out, .. } = &mut fed;
    let lines = feed_lines(&mut text.as_bytes(), feed.as_mut(), out, &mut |_, at| {
        times.push(at);
        Ok(())
    });
    let last = 1_788_220_810_500_000;
    assert_eq!(lines.unwrap(), Lines { messages: 3, disconnects: 1, unknown: 1, last });
    assert_eq!(times, [1_788_220_800_000_000, 1_788_220_809_500_000, last]);
    lines_told.extend(told(&mut fed, "okex-swap"));
    assert_eq!(
        lines_told,
        [
            "book X-SWAP bids  asks 101.0@2.0",
            "change X-SWAP bids 99.0@1.0 asks ",
            "liquidation X-SWAP - buy 5 12",
            "gap disconnect all open suspected",
            "gap disconnect all closed suspected",
        ]
    );
}

#[test]
fn an_error_of_the_reader_or_the_caller_ends_it() {
    let mut fed = feed("upbit");
    let line = b"2026-09-01T00:00:00.0Z {}\n".as_slice();
    let failed = std::io::Error::other("no room");
    let mut failed = Some(failed);
    let Fed { feed, out, .. } = &mut fed;
    let result = feed_lines(&mut &*line, feed.as_mut(), out, &mut |_, _| failed.take().map_or(Ok(()), Err));
    assert_eq!(result.unwrap_err().to_string(), "no room");
}

#[test]
fn a_recording_gives_the_same_rows_in_any_of_its_forms() {
    let Some(path) = recorded("live/cryptofeed_OKX.ws.1.0.gz") else { return };
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    // The same messages as the vendor's recorder would write them.
    let slice: String = text
        .lines()
        .filter_map(|line| line.split_once(": ").filter(|(at, _)| at.parse::<f64>().is_ok()))
        .map(|(at, message)| {
            let (second, fraction) = at.split_once('.').unwrap();
            let second: i64 = second.parse().unwrap();
            let moment = mtdh_core::moment::TimeValue::of_us(second * 1_000_000).unwrap().to_string();
            format!("{}.{fraction:0<7}Z {message}\n", moment.trim_end_matches('Z'))
        })
        .collect();
    let read = |text: &str| {
        let mut fed = feed("okex-swap");
        fed.out = Out { rows: Rows::with_groups(), ..Out::default() };
        let feed: &mut dyn Feed = fed.feed.as_mut();
        let lines = feed_lines(&mut text.as_bytes(), feed, &mut fed.out, &mut |_, _| Ok(())).unwrap();
        assert_eq!((lines.unknown, lines.disconnects), (0, 0));
        let taken = fed.out.rows.take();
        (lines.messages, taken.groups, taken.batches)
    };
    let (whole, again) = (read(&text), read(&slice));
    assert!(whole.0 > 400 && whole.1.len() > 360, "{} {}", whole.0, whole.1.len());
    assert!(whole == again);
}
