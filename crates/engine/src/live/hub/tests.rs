//! What a listener gets: everything from where it began, each once, in order, or that it lacks something.

use arrow_array::RecordBatch;
use mtdh_core::DataType;
use mtdh_source::row_builder::RowBuilder;

use super::event::{Cursor, DisconnectEvent, Position, RowsEvent};
use super::filter::Wanted;
use super::*;

fn hub(limits: Limits) -> Arc<Hub> {
    Hub::new(limits, 1_700_000_000_000_000)
}

fn position(line: u64) -> Position {
    Position { session: "deribit-1".into(), line }
}

/// A trade at a price that is its line.
fn trade(hub: &Hub, symbol: &str, line: u64) -> Event {
    let stream = hub.stream("deribit", symbol, DataType::Trades, None);
    let mut rows = RowBuilder::new(DataType::Trades.table());
    rows.column(0).push_time(1_700_000_000_000_000 + line as i64);
    rows.column(1).push_time(1_700_000_000_000_500 + line as i64);
    rows.column(2).push_text(line.to_string().as_bytes());
    rows.column(3).push_category(0);
    rows.column(4).push_number(line as f64);
    rows.column(5).push_number(1.5);
    rows.end_row();
    event(stream, rows, line)
}

/// Changes of a book: snapshot, ask, price, amount.
fn change(hub: &Hub, line: u64, levels: &[(bool, bool, f64, f64)]) -> Event {
    let stream = hub.stream("deribit", "BTC-PERPETUAL", DataType::IncrementalBookL2, None);
    let mut rows = RowBuilder::new(DataType::IncrementalBookL2.table());
    for (is_snapshot, is_ask, price, amount) in levels {
        rows.column(0).push_time(line as i64);
        rows.column(1).push_time(line as i64 + 5);
        rows.column(2).push_flag(*is_snapshot);
        rows.column(3).push_category(usize::from(*is_ask));
        rows.column(4).push_number(*price);
        rows.column(5).push_number(*amount);
        rows.end_row();
    }
    event(stream, rows, line)
}

fn quote(hub: &Hub, symbol: &str, line: u64) -> Event {
    let stream = hub.stream("deribit", symbol, DataType::BookTicker, None);
    let mut rows = RowBuilder::new(DataType::BookTicker.table());
    rows.column(0).push_time(line as i64);
    rows.column(1).push_time(line as i64);
    (2..6).for_each(|column| rows.column(column).push_number(line as f64));
    rows.end_row();
    event(stream, rows, line)
}

fn event(stream: Arc<Stream>, mut builder: RowBuilder, line: u64) -> Event {
    let rows = builder.rows();
    let schema = stream.data_type.table().row_schema().clone();
    let batch = Arc::new(RecordBatch::try_new(schema, builder.take()).unwrap());
    Event::Rows(RowsEvent { stream, batch, first: 0, rows, arrived: line as i64, position: position(line) })
}

fn ask(filter: Filter, start: Start) -> Ask {
    Ask { filters: vec![filter], start, is_conflated: false }
}

/// What a listener has now, until nothing comes.
async fn drained(listener: &mut Listener) -> (Vec<Arc<Entry>>, u64, Option<Lost>) {
    let (mut all, mut conflated, mut lost) = (Vec::new(), 0, None);
    while let Ok(taken) = tokio::time::timeout(Duration::from_millis(20), listener.take(7)).await {
        conflated += taken.conflated;
        all.extend(taken.entries);
        if taken.lost.is_some() {
            lost = taken.lost;
            break;
        }
    }
    (all, conflated, lost)
}

fn lines(entries: &[Arc<Entry>]) -> Vec<u64> {
    let line = |entry: &Arc<Entry>| match &entry.event {
        Event::Rows(rows) => Some(rows.position.line),
        _ => None,
    };
    entries.iter().filter_map(line).collect()
}

#[tokio::test(start_paused = true)]
async fn who_comes_late_begins_with_the_book_and_misses_no_change_of_it() {
    let hub = hub(Limits::default());
    hub.publish(change(&hub, 0, &[(true, false, 9.0, 1.0), (true, true, 10.0, 2.0)]));
    hub.publish(change(&hub, 1, &[(false, false, 9.5, 3.0)]));
    hub.publish(trade(&hub, "BTC-PERPETUAL", 2));
    let mut listener = hub.listen(ask(Filter::all(), Start::Now));
    hub.publish(change(&hub, 3, &[(false, false, 9.0, 0.0)]));
    let (entries, ..) = drained(&mut listener).await;
    assert_eq!(lines(&entries), [1, 3]);
    let text = String::from_utf8(line(&entries[0]).to_vec()).unwrap();
    let rows: Vec<&str> = text.lines().map(|row| row.split_once("\"is_snapshot\":").unwrap().1).collect();
    assert_eq!(
        rows,
        [
            r#"true,"side":"bid","price":9.5,"amount":3.0}"#,
            r#"true,"side":"bid","price":9.0,"amount":1.0}"#,
            r#"true,"side":"ask","price":10.0,"amount":2.0}"#
        ]
    );
    // Its number is that of the last event before it, from which one goes on without the trade.
    assert_eq!(entries[0].number, 3);
    hub.publish(Event::Disconnect(DisconnectEvent {
        exchange: "deribit".into(),
        symbols: Vec::new(),
        arrived: 4,
        position: position(3),
    }));
    let mut after = hub.listen(ask(Filter::all(), Start::Now));
    assert!(drained(&mut after).await.0.is_empty(), "a book from before a disconnect");
}

#[tokio::test(start_paused = true)]
async fn a_full_ring_keeps_what_is_whole_counts_the_rest_and_slows_nobody_else() {
    let hub = hub(Limits { waiting_events: 10, ..Limits::default() });
    let (mut slow, mut fast) =
        (hub.listen(ask(Filter::all(), Start::Now)), hub.listen(ask(Filter::all(), Start::Now)));
    assert!(drained(&mut slow).await.0.is_empty() && drained(&mut fast).await.0.is_empty());
    let mut got = Vec::new();
    for line in 0..30 {
        hub.publish(trade(&hub, "BTC-PERPETUAL", line));
        got.extend(lines(&drained(&mut fast).await.0));
    }
    assert_eq!(got, (0..30).collect::<Vec<_>>());
    let (entries, _, lost) = drained(&mut slow).await;
    assert_eq!((lines(&entries), lost), ((0..10).collect(), Some(Lost::Slow(20))));
}

#[tokio::test(start_paused = true)]
async fn a_cursor_goes_on_right_behind_what_one_has_or_says_that_it_is_gone() {
    let hub = hub(Limits { memory_events: 20, ..Limits::default() });
    for line in 0..30 {
        hub.publish(trade(&hub, "BTC-PERPETUAL", line));
    }
    let at = |hub: i64, number| Start::Behind(Cursor { hub, number, places: Vec::new() });
    let opened = hub.opened();
    for (start, begin, first) in [
        (at(opened, 30), Begin::Behind, None),
        (at(opened, 17), Begin::Behind, Some(17)),
        (at(opened, 10), Begin::Behind, Some(10)),
        (at(opened, 9), Begin::Later(Lost::Forgotten(1)), None),
        (at(opened, 31), Begin::Later(Lost::Restarted), None),
        (at(opened + 1, 20), Begin::Later(Lost::Restarted), None),
    ] {
        let mut listener = hub.listen(ask(Filter::all(), start.clone()));
        let (entries, ..) = drained(&mut listener).await;
        assert_eq!((listener.begin(), lines(&entries).first().copied()), (begin, first), "{start:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_states_that_wait_only_the_latest_is_kept_and_the_rest_is_told() {
    let hub = hub(Limits { waiting_events: 10, ..Limits::default() });
    let mut listener = hub.listen(Ask { is_conflated: true, ..ask(Filter::all(), Start::Now) });
    assert!(drained(&mut listener).await.0.is_empty());
    for line in 0..1_000 {
        hub.publish(quote(&hub, if line % 2 == 0 { "BTC-PERPETUAL" } else { "ETH-PERPETUAL" }, line));
        if line == 500 {
            hub.publish(trade(&hub, "BTC-PERPETUAL", 5_000));
        }
    }
    let (entries, conflated, lost) = drained(&mut listener).await;
    assert_eq!((lines(&entries), conflated, lost), (vec![5_000, 998, 999], 998, None));
}

#[tokio::test(start_paused = true)]
async fn a_filter_lets_through_what_it_names() {
    let hub = hub(Limits::default());
    let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    let of = |filter: Filter| hub.listen(ask(filter, Start::Now));
    hub.stream("deribit", "ETH-PERPETUAL", DataType::Trades, Some("DERIBIT:PERP:ETH-USD"));
    let trades = Filter { rows: Wanted::Some(vec![DataType::Trades]), ..Filter::default() };
    let mut listeners = [
        of(trades.clone()),
        of(Filter { names: names(&["BTC-PERPETUAL"]), ..trades.clone() }),
        of(Filter { names: names(&["DERIBIT:PERP:ETH-USD"]), ..trades.clone() }),
        of(Filter { exchanges: names(&["binance"]), ..trades }),
    ];
    for listener in &mut listeners {
        drained(listener).await;
    }
    hub.publish(trade(&hub, "BTC-PERPETUAL", 1));
    hub.publish(trade(&hub, "ETH-PERPETUAL", 2));
    hub.publish(quote(&hub, "BTC-PERPETUAL", 3));
    let mut got = Vec::new();
    for listener in &mut listeners {
        got.push(lines(&drained(listener).await.0));
    }
    assert_eq!(got, [vec![1, 2], vec![1], vec![2], vec![]]);
    let entry = Arc::new(Entry::of(Source::Hub, 1, 0, trade(&hub, "ETH-PERPETUAL", 7)));
    assert_eq!(
        line(&entry),
        "{\"event\":\"row\",\"data_type\":\"trades\",\"exchange\":\"deribit\",\"symbol\":\"ETH-PERPETUAL\",\
         \"instrument_key\":\"DERIBIT:PERP:ETH-USD\",\"timestamp\":\"2023-11-14T22:13:20.000007Z\",\
         \"local_timestamp\":\"2023-11-14T22:13:20.000507Z\",\"id\":\"7\",\"side\":\"buy\",\"price\":7.0,\"amount\":1.5}\n"
    );
    assert_eq!(line(&entry).as_ptr(), line(&entry).as_ptr(), "made twice");
}

/// A capture of the trades of one session, which is gone behind a line.
struct Captures(u64);

struct Trades(Arc<Hub>, std::ops::Range<u64>);

impl Older for Captures {
    fn sessions(&self) -> Result<Vec<Captured>, String> {
        let (exchange, session) = ("deribit".into(), "deribit-1".into());
        Ok(vec![Captured { exchange, session, began: 1_700_000_000_000_001 }])
    }

    fn rows(&self, of: &Captured) -> Box<dyn OlderRows> {
        assert_eq!(&*of.session, "deribit-1");
        Box::new(Trades(Hub::new(Limits::default(), 0), 0..self.0))
    }
}

impl OlderRows for Trades {
    fn next(&mut self) -> Result<Option<RowsEvent>, String> {
        let line = self.1.next().ok_or("gone")?;
        let Event::Rows(rows) = trade(&self.0, "BTC-PERPETUAL", line) else { unreachable!() };
        // No more is written than that.
        Ok((line < 100).then_some(rows))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_forgotten_is_read_from_captures_up_to_what_is_remembered() {
    for (captured, expected, lost) in [
        (1_000, Vec::new(), None),
        // The captures are gone before what is remembered.
        (8, vec![4, 5, 6, 7], Some(Lost::Forgotten(5))),
    ] {
        let hub = hub(Limits { memory_events: 20, ..Limits::default() });
        hub.read_older_with(Arc::new(Captures(captured)));
        for line in 0..30 {
            hub.publish(trade(&hub, "BTC-PERPETUAL", line));
        }
        let cursor: Cursor = format!("{}:5,deribit-1:3:0", hub.opened()).parse().unwrap();
        let mut listener = hub.listen(ask(Filter::all(), Start::Behind(cursor.clone())));
        let (entries, _, told) = drained(&mut listener).await;
        let expected: Vec<u64> = match lost {
            // What is written beyond what was published is given too, once.
            None => (4..100).collect(),
            Some(_) => expected,
        };
        assert_eq!((listener.begin(), lines(&entries), told), (Begin::Captured, expected, lost));
        for line in 30..101 {
            hub.publish(trade(&hub, "BTC-PERPETUAL", line));
        }
        if lost.is_none() {
            assert_eq!(lines(&drained(&mut listener).await.0), [100]);
        }
        // From each of them one goes on.
        let mut cursor = cursor;
        assert!(entries.iter().all(|entry| cursor.advance(hub.opened(), entry)));
        assert_eq!(cursor.places[0].position.line, lines(&entries).last().copied().unwrap());
    }
}

/// A gap that lasts is told when it begins, perhaps again, and when it ends: it is one. Two that last at the same time are two.
#[test]
fn a_gap_counts_once_however_often_it_is_told() {
    let hub = hub(Limits::default());
    let gap = |kind: &'static str, symbol: Option<&str>, from: i64, to: i64| {
        let gap = mtdh_source::live::out::Gap {
            connection: Some(mtdh_source::live::feed::ConnectionId(0)),
            symbol: symbol.map(str::to_owned),
            data_type: symbol.map(|_| DataType::Trades),
            kind,
            from,
            to,
            from_id: None,
            to_id: None,
            missing: None,
            is_proven: false,
            detail: String::new(),
        };
        Event::Gap(super::event::GapEvent {
            exchange: "deribit".into(),
            key: None,
            gap,
            position: position(1),
        })
    };
    for (kind, symbol, from, to) in [
        ("disconnect", None, 10, 10),
        ("disconnect", None, 10, 10),
        ("disconnect", None, 10, 20),
        ("disconnect", None, 10, 25),
        ("silence", Some("A"), 30, 30),
        ("silence", Some("B"), 30, 30),
        ("silence", Some("A"), 30, 40),
        ("silence", Some("A"), 50, 50),
        // One that is told at its end alone, and one that begins where it ended.
        ("sequence", Some("A"), 60, 70),
        ("sequence", Some("A"), 70, 80),
    ] {
        hub.publish(gap(kind, symbol, from, to));
    }
    let counted = hub.totals()[0].gaps.clone();
    assert_eq!(Vec::from_iter(counted), [("disconnect", 1), ("sequence", 2), ("silence", 3)]);
}
