use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use mtdh_core::DataType;
use mtdh_source::live::rows::StreamId;
use mtdh_source::live::venue::{Addresses, Offer};

use super::*;

/// A venue whose messages are `ack`, `t ID`, a trade, and anything else, which cannot be read. Its feed wants to tick every ten
/// seconds, and gives a row of its own at midnight.
struct Fake;

static FAKE: Fake = Fake;

#[derive(Default)]
struct FakeFeed {
    stream: Option<StreamId>,
    last: Option<i64>,
    due: Option<i64>,
}

impl Venue for Fake {
    fn exchange(&self) -> &'static str {
        "fake"
    }

    fn offers(&self) -> &'static [Offer] {
        &[]
    }

    fn addresses(&self) -> Addresses {
        Addresses { websockets: &["wss://fake.example"], rest: None }
    }

    fn limits(&self) -> &'static mtdh_source::live::limits::Limits {
        &mtdh_source::live::limits::BINANCE
    }

    fn is_experimental(&self) -> bool {
        true
    }

    fn plan(&self, _want: &Want) -> Vec<Connection> {
        vec![Connection { endpoint: 0, path: String::new(), streams: vec!["t".to_owned()] }]
    }

    fn feed(&'static self, _want: &Want, _connections: &[Connection]) -> Box<dyn Feed> {
        Box::new(FakeFeed::default())
    }
}

impl FakeFeed {
    fn row(&mut self, id: i64, at: i64, out: &mut Out) {
        let stream = *self.stream.get_or_insert_with(|| out.rows.stream("S", DataType::Trades));
        out.rows.group(stream, |rows| {
            rows.column(0).push_time(at);
            rows.column(1).push_time(at);
            rows.column(2).push_text(id.to_string().as_bytes());
            rows.column(3).push_category(0);
            rows.column(4).push_number(1.0);
            rows.column(5).push_number(1.0);
            rows.end_row();
        });
    }
}

impl Feed for FakeFeed {
    fn opened(&mut self, connection: ConnectionId, now: i64, out: &mut Out) {
        out.sends.push((connection, Send::Text("subscribe".to_owned())));
        self.due.get_or_insert(now + 10_000_000);
    }

    fn message(&mut self, _: ConnectionId, frame: Frame<'_>, arrived: i64, out: &mut Out) {
        let Frame::Data(bytes) = frame else { return };
        match bytes.split_at_checked(2) {
            Some((b"t ", id)) => {
                let id: i64 = std::str::from_utf8(id).unwrap().parse().unwrap();
                if self.last.is_none_or(|last| last < id) {
                    self.last = Some(id);
                    self.row(id, arrived, out);
                }
            }
            Some((b"ac", _)) => out.accepted += 1,
            _ => out.unread += 1,
        }
    }

    fn answer(&mut self, _: &str, status: u16, _: &[u8], arrived: i64, out: &mut Out) {
        self.row(i64::from(status), arrived, out);
    }

    fn closed(&mut self, _: ConnectionId, _: Closed, _: i64, _: &mut Out) {}

    fn tick(&mut self, now: i64, _: &mut Out) {
        self.due = Some(now + 10_000_000);
        self.last = self.last.map(|last| last.max(0));
    }

    fn due(&self) -> Option<i64> {
        self.due
    }

    fn midnight(&mut self, now: i64, out: &mut Out) {
        self.row(-1, now, out);
    }
}

const NOON: i64 = 1_709_294_400_000_000;
const SECOND: i64 = 1_000_000;

fn machine() -> Machine {
    let want = Want { symbols: vec!["S".to_owned()], data_types: vec![DataType::Trades], ..Want::default() };
    Machine::new(&FAKE, want.clone(), FAKE.plan(&want))
}

fn opened(lane: u32) -> Input<'static> {
    Input::Opened { lane, connection: 0 }
}

fn data(lane: u32, text: &str) -> Input<'_> {
    Input::Data { lane, bytes: text.as_bytes() }
}

/// Ids and arrivals of the rows.
fn rows(machine: &mut Machine) -> Vec<(String, i64)> {
    let taken = machine.take_rows();
    let mut rows = Vec::new();
    for (_, batch) in taken.batches {
        let ids = batch.column(2).as_string::<i32>().clone();
        let times = batch.column(1).as_primitive::<TimestampMicrosecondType>().clone();
        rows.extend((0..batch.num_rows()).map(|row| (ids.value(row).to_owned(), times.value(row))));
    }
    rows
}

fn ids(machine: &mut Machine) -> Vec<String> {
    rows(machine).into_iter().map(|(id, _)| id).collect()
}

#[test]
fn a_disconnect_lasts_from_the_last_message_to_the_first_row() {
    let mut machine = machine();
    machine.take(NOON, opened(0));
    assert_eq!(machine.take_todo().sends, [(0, Send::Text("subscribe".to_owned()))]);
    machine.take(NOON + 1, data(0, "t 1"));
    machine.take(NOON + 5, Input::Closed { lane: 0, by_us: false });
    let told: Vec<_> = machine.take_todo().gaps.iter().map(|gap| (gap.kind, gap.from, gap.to)).collect();
    assert_eq!(told, [("disconnect", NOON + 1, NOON + 1)], "told at once, as open");
    machine.take(NOON + 9, opened(0));
    machine.take(NOON + 10, data(0, "ack"));
    assert_eq!(machine.take_todo().gaps, []);
    machine.take(NOON + 11, data(0, "t 2"));
    let told: Vec<_> = machine.take_todo().gaps.iter().map(|gap| (gap.kind, gap.from, gap.to)).collect();
    assert_eq!(told, [("disconnect", NOON + 1, NOON + 11)], "and again when it ended");
    assert_eq!(ids(&mut machine), ["1", "2"]);
}

#[test]
fn times_never_fall_and_deadlines_come_before_what_is_not_earlier() {
    let mut machine = machine();
    machine.take(NOON, opened(0));
    machine.take(NOON + 7, data(0, "t 1"));
    machine.take(NOON + 3, data(0, "t 2"));
    assert_eq!(rows(&mut machine), [("1".to_owned(), NOON + 7), ("2".to_owned(), NOON + 7)]);
    assert_eq!(machine.due(), Some(NOON + 10 * SECOND));
    machine.take(NOON + 10 * SECOND, Input::Time);
    assert_eq!(machine.due(), Some(NOON + 20 * SECOND));
    machine.take(NOON + 45 * SECOND, data(0, "t 3"));
    assert_eq!(machine.due(), Some(NOON + 50 * SECOND), "each deadline took its turn at its own time");
}

#[test]
fn a_clock_that_wakes_the_session_changes_nothing() {
    let events: Vec<(i64, Input<'_>)> = vec![
        (NOON, opened(0)),
        (NOON + 25 * SECOND, data(0, "t 1")),
        (NOON + 43_199 * SECOND, data(0, "t 2")),
        (NOON + 43_201 * SECOND, data(0, "t 3")),
    ];
    let mut calm = machine();
    let mut woken = machine();
    for (at, event) in &events {
        calm.take(*at, *event);
        while let Some(due) = woken.due().filter(|due| due <= at) {
            woken.take(due, Input::Time);
        }
        woken.take(*at, *event);
    }
    let (calm, woken) = (rows(&mut calm), rows(&mut woken));
    assert_eq!(calm, woken);
    let midnight = NOON + 43_200 * SECOND;
    assert_eq!(calm[2], ("-1".to_owned(), midnight), "the day begins with what is known: {calm:?}");
}

#[test]
fn a_message_that_was_read_before_the_session_woke_keeps_its_time() {
    let mut machine = machine();
    machine.take(NOON, opened(0));
    machine.take(NOON + 9 * SECOND, Input::Time);
    machine.take(NOON + 5 * SECOND, data(0, "t 1"));
    assert_eq!(rows(&mut machine), [("1".to_owned(), NOON + 5 * SECOND)], "nothing was due at nine seconds");
    machine.take(NOON + 12 * SECOND, Input::Time);
    assert_eq!(machine.last(), NOON + 10 * SECOND, "what was due took its turn");
    machine.take(NOON + 8 * SECOND, data(0, "t 2"));
    assert_eq!(
        rows(&mut machine),
        [("2".to_owned(), NOON + 10 * SECOND)],
        "after it, as when it is read again"
    );
}

#[test]
fn a_successor_takes_over_without_a_hole_and_without_repetition() {
    let mut machine = machine();
    machine.take(NOON, opened(0));
    machine.take(NOON + 1, data(0, "t 1"));
    machine.take(NOON + SECOND, opened(1));
    assert_eq!(machine.take_todo().sends.last(), Some(&(1, Send::Text("subscribe".to_owned()))));
    machine.take(NOON + SECOND + 1, data(0, "t 2"));
    machine.take(NOON + SECOND + 2, data(1, "t 2"));
    machine.take(NOON + SECOND + 3, data(1, "t 3"));
    assert_eq!(ids(&mut machine), ["1", "2"], "the successor is only listened to");
    machine.take(NOON + 7 * SECOND, data(0, "t 4"));
    assert_eq!(machine.take_todo().retired, [0]);
    assert_eq!(ids(&mut machine), ["3"], "it took over before the message, which is of the old one");
    machine.take(NOON + 7 * SECOND + 1, data(1, "t 4"));
    machine.take(NOON + 7 * SECOND + 2, Input::Closed { lane: 0, by_us: true });
    machine.take(NOON + 7 * SECOND + 3, data(1, "t 5"));
    assert_eq!(ids(&mut machine), ["4", "5"]);
    assert_eq!(machine.take_todo().gaps, []);
}

#[test]
fn a_successor_takes_over_at_once_when_the_old_one_breaks() {
    let mut machine = machine();
    machine.take(NOON, opened(0));
    machine.take(NOON + 1, data(0, "t 1"));
    machine.take(NOON + 2, opened(1));
    machine.take(NOON + 3, data(1, "t 2"));
    machine.take(NOON + 4, Input::Closed { lane: 0, by_us: false });
    assert_eq!(ids(&mut machine), ["1", "2"]);
    let todo = machine.take_todo();
    assert_eq!((todo.gaps, todo.retired), (vec![], vec![0]), "its link is not to come back");
    machine.take(NOON + 5, data(1, "t 3"));
    assert_eq!(ids(&mut machine), ["3"]);
}

#[test]
fn a_successor_that_breaks_changes_nothing() {
    let mut machine = machine();
    machine.take(NOON, opened(0));
    machine.take(NOON + 2, opened(1));
    machine.take(NOON + 3, data(1, "t 1"));
    machine.take(NOON + 4, Input::Closed { lane: 1, by_us: false });
    machine.take(NOON + 60 * SECOND, data(0, "t 1"));
    assert_eq!(ids(&mut machine), ["1"]);
    assert!(machine.take_todo().retired.is_empty());
}

#[test]
fn a_feed_that_can_read_nothing_is_given_up() {
    for (bad, is_given_up) in [(500, false), (501, true)] {
        let mut machine = machine();
        machine.take(NOON, opened(0));
        for message in 0..1000 {
            let text = if message < bad { "?" } else { "ack" };
            machine.take(NOON + message, data(0, text));
        }
        assert_eq!(machine.is_given_up(), is_given_up, "{bad} of 1000");
        let gaps: Vec<_> = machine.take_todo().gaps.iter().map(|gap| gap.kind).collect();
        assert_eq!(gaps, if is_given_up { vec!["unread"] } else { vec![] });
        machine.take(NOON + 2000, data(0, "t 9"));
        assert_eq!(ids(&mut machine).len(), usize::from(!is_given_up));
        assert_eq!(machine.counts().unread, bad as u64);
    }
}

#[test]
fn what_was_made_before_a_feed_is_given_up_stays_and_the_loss_begins_with_what_could_not_be_read() {
    let mut machine = machine();
    machine.take(NOON, opened(0));
    for message in 0..1000 {
        let text = if message < 300 { format!("t {message}") } else { "?".to_owned() };
        machine.take(NOON + message, data(0, &text));
    }
    assert!(machine.is_given_up());
    let gaps: Vec<_> = machine.take_todo().gaps.iter().map(|gap| (gap.kind, gap.from, gap.to)).collect();
    assert_eq!(gaps, [("unread", NOON + 299, NOON + 299)], "it never ends");
    machine.take(NOON + 2000, data(0, "t 900"));
    assert_eq!((machine.rows(), machine.groups(), machine.counts().rows), (300, 300, 0));
    assert_eq!((ids(&mut machine).len(), machine.rows(), machine.counts().rows), (300, 0, 300));
    machine.take(NOON + 3000, data(0, "t 901"));
    assert_eq!(ids(&mut machine), Vec::<String>::new());
}
