use super::*;
use crate::live::rule::Chain;

fn terms(rule: Rule, origin: Origin) -> Terms {
    Terms { rule, origin, depth: 100, is_recorded: false }
}

fn level(is_ask: bool, price: f64, amount: f64) -> LevelChange {
    LevelChange { is_snapshot: false, is_ask, price, amount }
}

fn range(first: i64, last: i64) -> Ids {
    Ids { first, last, previous: None }
}

fn chain(previous: i64, last: i64) -> Ids {
    Ids { first: last, last, previous: Some(previous) }
}

fn bid(price: f64, amount: f64) -> [LevelChange; 1] {
    [level(false, price, amount)]
}

/// A spot book that is live since second 1 with the id 10.
fn live() -> LiveBook {
    let mut book = LiveBook::new(terms(Rule::UpdateRange, Origin::Rest));
    book.opened(0);
    book.asked(SECOND);
    let step = book.snapshot(range(10, 10), SECOND, &[level(false, 9.0, 1.0), level(true, 11.0, 1.0)], true);
    assert_eq!((step.emit, step.loss, book.is_live(), book.ask_at()), (Emit::Merged, None, true, None));
    book
}

#[test]
fn a_missing_update_ends_the_book_until_the_next_snapshot() {
    let mut book = live();
    let step = book.update(range(15, 16), 3 * SECOND, &bid(9.0, 2.0));
    let loss = step.loss.unwrap();
    assert_eq!((loss.kind, loss.from, loss.to, loss.missing), ("sequence", SECOND, SECOND, Some(4)));
    assert_eq!(
        (loss.from_id.as_deref(), loss.to_id.as_deref(), loss.is_proven),
        (Some("10"), Some("15"), true)
    );
    assert_eq!((step.emit, book.is_live(), book.book().len()), (Emit::Nothing, false, 0));
    // Not at once, and nothing is held before it was asked for.
    assert!(book.ask_at().unwrap() > 3 * SECOND);
    assert_eq!(book.update(range(17, 17), 3 * SECOND, &bid(9.0, 3.0)), Step::default());
    book.asked(5 * SECOND);
    assert_eq!(book.update(range(20, 21), 6 * SECOND, &bid(8.0, 5.0)), Step::default());
    let step = book.snapshot(range(20, 20), 7 * SECOND, &bid(9.0, 7.0), true);
    let loss = step.loss.unwrap();
    assert_eq!((loss.from, loss.to, step.emit), (SECOND, 7 * SECOND, Emit::Merged));
    let merged: Vec<_> = book.merged().iter().map(|l| (l.is_snapshot, l.price, l.amount)).collect();
    assert_eq!(merged, [(true, 9.0, 7.0), (true, 8.0, 5.0)]);
    assert_eq!(book.known(), 21);
}

#[test]
fn pauses_double_to_a_minute_and_calm_ends_them() {
    let mut book = live();
    let (mut now, mut id, mut pauses) = (2 * SECOND, 10, Vec::new());
    for _ in 0..9 {
        id += 100;
        book.update(range(id, id), now, &bid(9.0, 1.0));
        let at = book.ask_at().unwrap();
        pauses.push((at - now) / SECOND);
        book.asked(at);
        now = at + SECOND;
        book.snapshot(range(id, id), now, &bid(9.0, 1.0), true);
    }
    assert!(pauses.is_sorted() && pauses[0] <= 2 && pauses[8] == 60, "{pauses:?}");
    now += 2 * CALM_US;
    book.update(range(id + 100, id + 100), now, &bid(9.0, 1.0));
    assert_eq!(book.ask_at(), Some(now + SECOND));
}

#[test]
fn a_snapshot_older_than_the_first_update_is_asked_for_again() {
    let mut book = LiveBook::new(terms(Rule::UpdateRange, Origin::Rest));
    book.opened(0);
    assert_eq!(book.ask_at(), Some(FIRST_US));
    book.update(range(50, 52), SECOND, &bid(9.0, 1.0));
    // With the first update a snapshot is wanted at once.
    assert_eq!(book.ask_at(), Some(SECOND));
    book.asked(SECOND);
    book.update(range(53, 53), SECOND + 1, &bid(8.0, 1.0));
    assert!(book.ask_at().unwrap() >= SECOND + ANSWER_US);
    let old = book.snapshot(range(40, 40), 2 * SECOND, &bid(7.0, 1.0), true);
    assert_eq!((old, book.is_live()), (Step::default(), false));
    assert!(book.ask_at().unwrap() <= 4 * SECOND);
    let new =
        book.snapshot(range(52, 52), 3 * SECOND, &[level(false, 9.0, 0.0), level(false, 7.0, 1.0)], true);
    assert_eq!((new.emit, new.loss, book.known()), (Emit::Merged, None, 53));
    let bids: Vec<_> = book.book().bids().collect();
    assert_eq!(bids, [(8.0, 1.0), (7.0, 1.0)]);
    // A later answer to an earlier question changes nothing.
    assert_eq!(book.snapshot(range(90, 90), 4 * SECOND, &bid(1.0, 1.0), true), Step::default());
}

#[test]
fn what_waits_is_bounded_and_a_hole_in_it_begins_anew() {
    let mut book = LiveBook::new(terms(Rule::UpdateRange, Origin::Rest));
    for id in 1..10_000 {
        book.update(range(id, id), id, &bid(9.0, 1.0));
    }
    assert!(book.held.iter().count() <= 2_000);
    let huge = vec![level(true, 1.0, 1.0); 200_000];
    book.update(range(10_000, 10_000), 1, &huge);
    assert_eq!(book.held.iter().count(), 0);
    book.update(range(20_000, 20_000), 1, &bid(9.0, 1.0));
    book.update(range(20_005, 20_005), 1, &bid(9.0, 2.0));
    assert_eq!(book.held.iter().count(), 1);
    assert_eq!(book.snapshot(range(20_000, 20_000), 2, &bid(9.0, 1.0), true), Step::default());
    assert!(!book.is_live());
}

#[test]
fn updates_that_stay_old_are_a_loss_at_last() {
    let mut book = live();
    for nth in 1..STALE {
        assert_eq!(book.update(range(5, 5), i64::from(nth), &bid(9.0, 1.0)), Step::default());
    }
    let loss = book.update(range(5, 5), 2 * SECOND, &bid(9.0, 1.0)).loss.unwrap();
    assert_eq!((loss.is_proven, loss.missing), (false, None));
    assert!(!book.is_live());
}

#[test]
fn a_streams_snapshot_replaces_the_book_and_a_recording_goes_on_after_a_loss() {
    for (is_recorded, before, after, is_live) in
        [(false, Emit::Nothing, Emit::Nothing, false), (true, Emit::Given, Emit::Given, true)]
    {
        let rule = Rule::PreviousId(Chain::Deribit);
        let mut book = LiveBook::new(Terms { is_recorded, ..terms(rule, Origin::Stream) });
        book.opened(0);
        assert_eq!(book.update(chain(1, 2), 1, &bid(9.0, 1.0)).emit, before);
        let snapshot: Vec<_> = bid(9.0, 1.0).map(|l| LevelChange { is_snapshot: true, ..l }).to_vec();
        assert_eq!(book.snapshot(chain(0, 5), 2, &snapshot, false).emit, Emit::Given);
        assert_eq!(book.update(chain(5, 6), 3, &bid(8.0, 1.0)), Step { emit: Emit::Given, loss: None });
        let lost = book.update(chain(7, 8), 4, &bid(7.0, 1.0));
        assert!(lost.loss.is_some());
        assert_eq!((lost.emit, book.is_live()), (after, is_live));
        let again = book.snapshot(chain(0, 20), 5, &snapshot, false);
        assert_eq!((again.emit, again.loss.is_some()), (Emit::Given, !is_recorded));
        assert_eq!(book.book().len(), 1);
    }
}

#[test]
fn without_the_streams_snapshot_rest_is_asked_after_three_seconds() {
    let mut book = LiveBook::new(terms(Rule::PreviousId(Chain::Okx), Origin::StreamElseRest));
    book.opened(SECOND);
    book.update(chain(10, 12), SECOND + 1, &bid(9.0, 1.0));
    assert_eq!(book.ask_at(), Some(SECOND + FIRST_US));
    book.asked(SECOND + FIRST_US);
    let step = book.snapshot(chain(0, 11), 5 * SECOND, &bid(7.0, 2.0), true);
    assert_eq!((step.emit, book.known(), book.is_live()), (Emit::Merged, 12, true));
}

#[test]
fn a_snapshot_that_is_late_is_a_loss_from_the_first_update_to_it() {
    for (origin, by_rest) in [(Origin::Stream, false), (Origin::Rest, true), (Origin::StreamElseRest, true)] {
        for (last, expected) in [(LATE_US - 1, None), (LATE_US, Some(SECOND))] {
            let mut book = LiveBook::new(terms(Rule::PreviousId(Chain::Okx), origin));
            book.opened(0);
            assert_eq!(book.update(chain(10, 11), SECOND, &bid(9.0, 1.0)).loss, None, "{origin:?}");
            let told = book.update(chain(11, 12), SECOND + last, &bid(9.0, 2.0)).loss;
            assert_eq!(
                told.map(|loss| (loss.kind, loss.from, loss.to)),
                expected.map(|from| ("late_snapshot", from, from))
            );
            assert_eq!(book.update(chain(12, 13), SECOND + last, &bid(9.0, 3.0)).loss, None, "told once");
            let ended = book.snapshot(chain(0, 13), 20 * SECOND, &bid(9.0, 3.0), by_rest).loss;
            assert_eq!(ended.map(|loss| (loss.from, loss.to)), expected.map(|from| (from, 20 * SECOND)));
        }
    }
    // After a loss that was told nothing more is late, and a new connection begins anew.
    let mut book = live();
    assert!(book.update(range(15, 16), 3 * SECOND, &bid(9.0, 2.0)).loss.is_some());
    book.asked(4 * SECOND);
    for at in 4..30 {
        assert_eq!(book.update(range(17, 17), at * SECOND, &bid(9.0, 2.0)).loss, None);
    }
    let mut book = LiveBook::new(terms(Rule::Counter, Origin::Stream));
    for at in 0..20 {
        assert_eq!(book.update(range(at, at), at * 4 * SECOND, &bid(9.0, 2.0)).loss, None);
        book.closed();
    }
}

#[test]
fn a_book_keeps_no_more_levels_than_its_depth() {
    let mut book = LiveBook::new(Terms { depth: 2, ..terms(Rule::None, Origin::Stream) });
    let whole: Vec<_> =
        (0..9).map(|n| LevelChange { is_snapshot: true, ..level(true, f64::from(n), 1.0) }).collect();
    book.snapshot(Ids::default(), 1, &whole, false);
    assert_eq!(book.book().len(), 2);
    let more: Vec<_> = (20..40).map(|n| level(true, f64::from(n), 1.0)).collect();
    book.update(Ids::default(), 2, &more);
    let asks: Vec<_> = book.book().asks().map(|level| level.0).collect();
    assert_eq!(asks, [0.0, 1.0]);
    book.closed();
    assert!(!book.is_live() && book.book().is_empty() && book.ask_at().is_none());
}
