//! The checker sees what it is for: each promise broken in a history, and the same one kept.

use super::*;

/// Times of the tests, in milliseconds.
fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn send(number: Number, is_told: bool) -> Send {
    Send {
        number,
        queue: 0,
        group: None,
        span: Span { asked: 1, told: is_told.then_some(2) },
        delay: Millis::ZERO,
        sequence: is_told.then_some(number),
    }
}

/// Message 1, sent and answered, or sent with an unknown outcome.
fn sent(is_told: bool) -> History {
    let mut history = History { position: 1000, ..History::default() };
    history.sent(vec![send(1, is_told)]);
    history
}

/// A receive at this position and time, for 1000 ms.
fn lease(count: u32, position: Position, from: u64) -> Lease {
    Lease {
        number: 1,
        queue: 0,
        asked: position,
        told: position + 1,
        index: 0,
        asked_at: at(from),
        told_at: at(from),
        sequence: 1,
        receive_count: count,
        sent_at: at(0),
        visibility_timeout: Millis::from_secs(1),
        until: at(from + 1000),
    }
}

fn delete(count: u32, position: Position, time: u64, outcome: Option<DeleteOutcome>) -> Delete {
    let span = Span { asked: position, told: outcome.map(|_| position + 1) };
    Delete { number: 1, receive_count: count, span, told_at: at(time), outcome, with: None }
}

fn change(count: u32, position: Position, time: u64, timeout: u64, outcome: Changed) -> Change {
    Change {
        number: 1,
        receive_count: count,
        span: Span { asked: position, told: Some(position + 1) },
        asked_at: at(time),
        timeout: Millis::new(timeout),
        outcome,
    }
}

#[track_caller]
fn finishes(mut history: History, expected: &[Promise]) {
    let broken: Vec<Promise> = history.finish().iter().map(|broken| broken.promise).collect();
    assert_eq!(broken, expected);
}

/// What is said of message 1 with these leases, changes and deletes, whether it is judged once at
/// the end or also before.
#[track_caller]
fn judge(leases: &[Lease], changes: &[Change], deletes: &[Delete], expected: &[Promise]) {
    for settles in [false, true] {
        let mut history = sent(true);
        leases.iter().cloned().for_each(|lease| history.leased(lease));
        changes.iter().cloned().for_each(|change| history.changed(change));
        deletes.iter().cloned().for_each(|delete| history.deleted(delete));
        if settles {
            history.settle();
        }
        finishes(history, expected);
    }
}

const DELETED: Option<DeleteOutcome> = Some(DeleteOutcome::Deleted);

#[test]
fn a_lost_message_is_seen() {
    finishes(sent(true), &[Promise::Lost]);
    // It may never have been accepted.
    finishes(sent(false), &[]);
    let mut shown = sent(false);
    shown.leased(lease(1, 10, 100));
    finishes(shown, &[Promise::Lost]);
    let gone = Some(DeleteOutcome::AlreadyDeleted);
    judge(&[lease(1, 10, 100)], &[], &[delete(1, 20, 200, gone)], &[Promise::Lost]);
    judge(&[lease(1, 10, 100)], &[], &[delete(1, 20, 200, DELETED)], &[]);
    judge(&[lease(1, 10, 100)], &[], &[delete(1, 20, 200, None)], &[]);
}

#[test]
fn a_resurrected_message_is_seen() {
    let (before, after) = (lease(1, 10, 100), lease(2, 30, 2000));
    let twice = || vec![before.clone(), after.clone()];
    judge(&twice(), &[], &[delete(1, 20, 200, DELETED)], &[Promise::Resurrected]);
    judge(&twice(), &[], &[delete(2, 40, 2100, DELETED)], &[]);
    judge(&twice(), &[], &[delete(1, 20, 200, None)], &[]);
    let fenced = delete(1, 31, 2000, DELETED);
    judge(&twice(), &[], &[fenced], &[Promise::Resurrected]);
    let gone = delete(1, 20, 200, Some(DeleteOutcome::AlreadyDeleted));
    let deletes = vec![gone, delete(2, 40, 2100, DELETED)];
    judge(&twice(), &[], &deletes, &[Promise::Resurrected]);
    let deletes = vec![delete(1, 20, 200, DELETED), delete(1, 30, 300, DELETED)];
    judge(&[before], &[], &deletes, &[Promise::Resurrected]);
}

#[test]
fn a_message_that_comes_back_after_it_was_forgotten_is_seen() {
    let mut history = sent(true);
    history.leased(lease(1, 10, 100));
    history.deleted(delete(1, 20, 200, DELETED));
    history.settle();
    assert!(history.lives.is_empty(), "there is nothing left to remember");
    history.leased(lease(2, 1001, 2000));
    finishes(history, &[Promise::Resurrected]);
}

#[test]
fn what_something_under_way_can_excuse_is_not_forgotten() {
    let mut history = sent(true);
    history.leased(lease(1, 10, 100));
    history.deleted(delete(1, 20, 200, DELETED));
    // Somebody asked before the delete was answered, and got the message.
    history.under_way.insert(15);
    history.settle();
    assert_eq!(history.lives.len(), 1);
    assert_eq!(history.ends(15), 1001);
    history.settle();
    assert!(history.lives.is_empty());
}

#[test]
fn an_invented_message_is_seen() {
    let mut stranger = History::default();
    stranger.leased(lease(1, 10, 100));
    finishes(stranger, &[Promise::Lost, Promise::Invented]);
    let done = || vec![delete(1, 20, 200, DELETED)];
    let other = Lease { sequence: 2, ..lease(1, 10, 100) };
    judge(&[other], &[], &done(), &[Promise::Invented]);
    let astray = Lease { queue: 1, ..lease(1, 10, 100) };
    judge(&[astray], &[], &done(), &[Promise::Invented]);
    let before_it_was_sent = Lease { asked: 0, told: 1, ..lease(1, 10, 100) };
    judge(&[before_it_was_sent], &[], &done(), &[Promise::Invented]);
}

#[test]
fn a_damaged_message_is_seen() {
    let mut history = History::default();
    history.damaged(7);
    assert_eq!(history.finish(), [Broken { promise: Promise::Damaged, number: 7 }]);
}

#[test]
fn a_message_that_comes_before_its_delay_is_over_is_seen() {
    for (delay, expected) in [(100, [].as_slice()), (101, &[Promise::Early])] {
        let mut history = History::default();
        history.sent(vec![Send { delay: Millis::new(delay), ..send(1, true) }]);
        history.leased(lease(1, 10, 100));
        history.deleted(delete(1, 20, 200, DELETED));
        finishes(history, expected);
    }
}

#[test]
fn overlapping_leases_are_seen() {
    let done = || vec![delete(2, 40, 3000, DELETED)];
    let overlap = [Promise::Overlap];
    let twice = |from| vec![lease(1, 10, 100), lease(2, 30, from)];
    judge(&twice(1099), &[], &done(), &overlap);
    judge(&twice(1100), &[], &done(), &[]);
    let back = || vec![change(1, 20, 500, 0, Changed::Until(at(500)))];
    judge(&twice(500), &back(), &done(), &[]);
    judge(&twice(499), &back(), &done(), &overlap);
    let longer = || vec![change(1, 20, 500, 1500, Changed::Until(at(2000)))];
    judge(&twice(1999), &longer(), &done(), &overlap);
    judge(&twice(2000), &longer(), &done(), &[]);
    let unknown = |timeout| vec![change(1, 20, 500, timeout, Changed::Unknown)];
    judge(&twice(600), &unknown(100), &done(), &[]);
    judge(&twice(549), &unknown(100), &done(), &overlap);
    judge(&twice(1099), &unknown(2000), &done(), &overlap);
}

#[test]
fn a_lease_lasts_for_the_clients_too() {
    let done = vec![delete(2, 40, 3000, DELETED)];
    // The broker says that it gave the second one late enough, but it was there before.
    let after = |told_at| Lease { told_at: at(told_at), ..lease(2, 30, 1100) };
    judge(&[lease(1, 10, 100), after(1049)], &[], &done, &[Promise::Overlap]);
    judge(&[lease(1, 10, 100), after(1050)], &[], &done, &[]);
}

#[test]
fn a_lease_that_ended_before_its_time_is_seen() {
    let stale = Some(DeleteOutcome::StaleLease);
    let deletes = |time| vec![delete(1, 20, time, stale), delete(9, 40, 5000, DELETED)];
    let broken = [Promise::EndedEarly];
    judge(&[lease(1, 10, 100)], &[], &deletes(1049), &broken);
    judge(&[lease(1, 10, 100)], &[], &deletes(1050), &[]);
    let done = || vec![delete(9, 40, 5000, DELETED)];
    let over = |time| vec![change(1, 20, time, 10, Changed::Over(at(time)))];
    judge(&[lease(1, 10, 100)], &over(1049), &done(), &broken);
    judge(&[lease(1, 10, 100)], &over(1050), &done(), &[]);
    let given_back = change(1, 15, 300, 0, Changed::Until(at(300)));
    judge(&[lease(1, 10, 100)], &[given_back], &deletes(350), &[]);
}

#[test]
fn a_receive_count_that_goes_back_is_seen() {
    let done = || vec![delete(9, 90, 9000, DELETED)];
    let broken = [Promise::CountWentBack];
    judge(&[lease(1, 10, 100), lease(1, 30, 2000)], &[], &done(), &broken);
    let back = vec![lease(2, 10, 100), lease(1, 30, 2000)];
    judge(&back, &[], &done(), &[Promise::Overlap, Promise::CountWentBack]);
    judge(&[lease(1, 10, 100), lease(4, 30, 2000)], &[], &done(), &[]);
    judge(&[lease(0, 10, 100)], &[], &done(), &broken);
}

/// Messages 1 and 2 of one group, received in these answers and at these places, 1 deleted by a
/// request of that position.
fn group(one: (Position, usize), two: (Position, usize), deleted: Position) -> History {
    let mut history = History { position: 1000, ..History::default() };
    let member = |number| Send { group: Some(1), ..send(number, true) };
    history.sent(vec![member(1), member(2)]);
    let received = |number, (asked, index), count| Lease {
        number,
        index,
        sequence: number,
        ..lease(count, asked, 100)
    };
    history.leased(received(1, one, 1));
    history.deleted(delete(1, deleted, 200, DELETED));
    history.leased(received(2, two, 1));
    history.deleted(Delete { number: 2, ..delete(1, 90, 9000, DELETED) });
    history
}

#[test]
fn a_group_out_of_order_is_seen() {
    let broken = [Promise::OutOfOrder];
    finishes(group((10, 0), (30, 0), 20), &[]);
    finishes(group((10, 0), (30, 0), 40), &broken);
    finishes(group((10, 0), (10, 1), 40), &[]);
    finishes(group((10, 1), (10, 0), 40), &broken);
    let mut settled = group((10, 0), (30, 0), 40);
    settled.settle();
    finishes(settled, &broken);
}

#[test]
fn a_request_that_is_there_in_part_is_seen() {
    for (seen, expected) in [(0, [].as_slice()), (1, &[Promise::Torn]), (2, &[])] {
        let mut history = History::default();
        history.sent(vec![send(1, false), send(2, false)]);
        for number in 1..=seen {
            history.leased(Lease { number, ..lease(1, 10, 100) });
            history.deleted(Delete { number, ..delete(1, 20, 200, DELETED) });
        }
        history.settle();
        finishes(history, expected);
    }
}

/// Message 1, deleted by a transact of unknown outcome that sends message 2.
fn transact(is_two_there: bool, is_one_back: bool) -> History {
    let mut history = sent(true);
    history.leased(lease(1, 10, 100));
    history.sent(vec![send(2, false)]);
    history.deleted(Delete { with: Some(2), ..delete(1, 20, 200, None) });
    if is_two_there {
        history.leased(Lease { number: 2, ..lease(1, 30, 300) });
        history.deleted(Delete { number: 2, ..delete(1, 40, 400, DELETED) });
    }
    if is_one_back {
        history.leased(lease(2, 50, 2000));
        history.deleted(delete(2, 60, 2100, DELETED));
    }
    history.settle();
    history
}

#[test]
fn a_transact_of_which_a_part_was_done_is_seen() {
    finishes(transact(true, false), &[]);
    finishes(transact(false, true), &[]);
    finishes(transact(true, true), &[Promise::Resurrected]);
    finishes(transact(false, false), &[Promise::Lost]);
}

#[test]
fn what_was_noted_is_counted() {
    let history = transact(true, true);
    let expected = Tally {
        acknowledged: 1,
        sends_unknown: 1,
        deleted: 2,
        deletes_unknown: 1,
        received: 3,
        redelivered: 1,
    };
    assert_eq!(history.tally(), expected);
}
