use super::*;

const ONE: ConnectionId = ConnectionId(0);
const SECOND: i64 = 1_000_000;

/// What is due of one stream, second by second, when it is acknowledged and brings data at given seconds.
fn told(
    has_answers: bool,
    has_pace: bool,
    accepted: Option<i64>,
    data: Option<i64>,
) -> Vec<(i64, &'static str)> {
    let mut streams = Streams::new(1, has_answers);
    let names = streams.opened(ONE, &["book:A".to_owned()], 0);
    streams.asked(ONE, &names, 0);
    let mut told = Vec::new();
    for second in 0..200 {
        let now = second * SECOND;
        if accepted == Some(second) {
            streams.accepted(ONE, "book:A", now);
        }
        let last = data.filter(|at| *at <= second).map(|_| now);
        for due in streams.tick(now, |_| false, |_| Data { last, has_pace }) {
            let what = match due {
                Due::Again(_, name) => {
                    streams.asked(ONE, &[name], now);
                    "again"
                }
                Due::Refused(..) => "refused",
                Due::Silent(_) => "silent",
                Due::Next(..) => "next",
            };
            told.push((second, what));
        }
        assert!(streams.due().is_none_or(|due| due > now), "{second}");
    }
    told
}

#[test]
fn a_stream_is_acknowledged_and_brings_something_or_that_is_told() {
    let never = None;
    for (name, has_answers, has_pace, accepted, data, expected) in [
        ("nothing at all", true, true, never, never, &[(10, "again"), (20, "refused")][..]),
        ("the second time", true, true, Some(12), Some(12), &[(10, "again")]),
        ("data is an acknowledgement", true, true, never, Some(3), &[]),
        ("at once", true, true, Some(1), Some(2), &[]),
        ("acknowledged and silent", true, true, Some(1), never, &[(61, "silent")]),
        ("a quiet kind", true, false, Some(1), never, &[]),
        ("an exchange that answers nothing", false, true, never, never, &[(60, "silent")]),
        ("and sends", false, true, never, Some(5), &[]),
        ("and is quiet", false, false, never, never, &[]),
    ] {
        assert_eq!(told(has_answers, has_pace, accepted, data), expected, "{name}");
    }
}

#[test]
fn texts_that_wait_to_be_sent_wait_for_no_answer() {
    let mut streams = Streams::new(1, true);
    let names = streams.opened(ONE, &["book:A".to_owned()], 0);
    streams.asked(ONE, &names, 0);
    assert!(streams.tick(15 * SECOND, |_| true, |_| Data::default()).is_empty());
    assert!(streams.tick(24 * SECOND, |_| false, |_| Data::default()).is_empty());
    assert_eq!(streams.tick(25 * SECOND, |_| false, |_| Data::default()).len(), 1);
}

#[test]
fn a_refused_stream_is_told_once_and_left_out_later() {
    let mut streams = Streams::new(1, true);
    let planned = ["book:A".to_owned(), "book:B".to_owned()];
    let names = streams.opened(ONE, &planned, 0);
    streams.asked(ONE, &names, 0);
    assert!(streams.refuse("book:A"));
    assert!(!streams.refuse("book:A"));
    assert_eq!(streams.closed(ONE, true, 100 * SECOND), None);
    assert_eq!(streams.opened(ONE, &planned, 200 * SECOND), ["book:B"]);
}

#[test]
fn a_request_that_fails_as_a_whole_is_halved_on_the_connection() {
    let mut streams = Streams::new(1, false);
    let planned: Vec<String> = ["a", "b", "bad", "c"].map(str::to_owned).to_vec();
    let mut asked = streams.opened(ONE, &planned, 0);
    streams.asked(ONE, &asked, 0);
    let (mut now, mut refused, mut good) = (0, Vec::new(), Vec::new());
    for _ in 0..20 {
        now += SECOND;
        let dues = match asked.iter().any(|stream| stream == "bad") {
            true => streams.failed(ONE, "no such code", now),
            false => {
                good.append(&mut asked);
                now += 5 * SECOND;
                streams.tick(now, |_| false, |_| Data::default())
            }
        };
        asked.clear();
        for due in dues {
            match due {
                Due::Refused(_, name, words) => refused.push((name, words)),
                Due::Next(_, names) => {
                    streams.asked(ONE, &names, now);
                    asked = names;
                }
                other => panic!("{other:?}"),
            }
        }
    }
    good.sort();
    assert_eq!(refused, [("bad".to_owned(), "no such code".to_owned())]);
    assert_eq!(good, ["a", "b", "c"]);
}
