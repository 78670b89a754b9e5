//! The checker sees what it is for: each promise broken in a history, and the same one kept.

use ledgerq::types::{DeleteOutcome, Millis, Timestamp};

use super::history::{Change, Changed, Delete, History, Lease, Send, Span, Violation, check};

/// Times of the tests, in milliseconds.
fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// Message 1, sent and answered, or sent with an unknown outcome.
fn sent(told: bool) -> History {
    let message_id = told.then(|| "m1".to_owned());
    let span = Span { asked: 1, told: told.then_some(2) };
    let send = Send { number: 1, span, delay: Millis::ZERO, message_id };
    History { sends: vec![send], ..History::default() }
}

/// A receive at this position and time, for 1000 ms.
fn lease(count: u32, position: u64, from: u64) -> Lease {
    Lease {
        number: 1,
        asked: position,
        told: position + 1,
        message_id: "m1".into(),
        receive_count: count,
        sent_at: at(0),
        visibility_timeout: Millis::from_secs(1),
        until: at(from + 1000),
        told_at: at(from),
        is_whole: true,
    }
}

fn delete(count: u32, position: u64, time: u64, outcome: Option<DeleteOutcome>) -> Delete {
    let span = Span { asked: position, told: outcome.map(|_| position + 1) };
    Delete { number: 1, receive_count: count, span, told_at: at(time), outcome }
}

fn change(count: u32, position: u64, time: u64, timeout: u64, outcome: Changed) -> Change {
    Change {
        number: 1,
        receive_count: count,
        span: Span { asked: position, told: Some(position + 1) },
        asked_at: at(time),
        timeout: Millis::new(timeout),
        outcome,
    }
}

/// What is said of message 1 with these leases, changes and deletes.
#[track_caller]
fn judge(leases: Vec<Lease>, changes: Vec<Change>, deletes: Vec<Delete>, expected: &[Violation]) {
    let history = History { leases, changes, deletes, ..sent(true) };
    assert_eq!(check(&history), expected);
}

const DELETED: Option<DeleteOutcome> = Some(DeleteOutcome::Deleted);

#[test]
fn a_lost_message_is_seen() {
    assert_eq!(check(&sent(true)), [Violation::Lost(1)]);
    assert_eq!(check(&sent(false)), [], "it may never have been accepted");
    let shown = History { leases: vec![lease(1, 10, 100)], ..sent(false) };
    assert_eq!(check(&shown), [Violation::Lost(1)], "it was shown");
    let gone = Some(DeleteOutcome::AlreadyDeleted);
    judge(vec![lease(1, 10, 100)], vec![], vec![delete(1, 20, 200, gone)], &[Violation::Lost(1)]);
    judge(vec![lease(1, 10, 100)], vec![], vec![delete(1, 20, 200, DELETED)], &[]);
    judge(vec![lease(1, 10, 100)], vec![], vec![delete(1, 20, 200, None)], &[]);
}

#[test]
fn a_resurrected_message_is_seen() {
    let (before, after) = (lease(1, 10, 100), lease(2, 30, 2000));
    let twice = || vec![before.clone(), after.clone()];
    let deleted = delete(1, 20, 200, DELETED);
    judge(twice(), vec![], vec![deleted], &[Violation::Resurrected(1)]);
    judge(twice(), vec![], vec![delete(2, 40, 2100, DELETED)], &[]);
    judge(twice(), vec![], vec![delete(1, 20, 200, None)], &[]);
    let fenced = delete(1, 31, 2000, DELETED);
    judge(twice(), vec![], vec![fenced], &[Violation::Resurrected(1)]);
    let gone = delete(1, 20, 200, Some(DeleteOutcome::AlreadyDeleted));
    let broken = [Violation::Resurrected(1)];
    judge(twice(), vec![], vec![gone, delete(2, 40, 2100, DELETED)], &broken);
}

#[test]
fn an_invented_message_is_seen() {
    let stranger = History { leases: vec![lease(1, 10, 100)], ..History::default() };
    let broken = [Violation::Lost(1), Violation::Invented(1)];
    assert_eq!(check(&stranger), broken);
    let done = || vec![delete(1, 20, 200, DELETED)];
    let damaged = Lease { is_whole: false, ..lease(1, 10, 100) };
    judge(vec![damaged], vec![], done(), &[Violation::Invented(1)]);
    let other = Lease { message_id: "m2".into(), ..lease(1, 10, 100) };
    judge(vec![other], vec![], done(), &[Violation::Invented(1)]);
    let before_it_was_sent = Lease { asked: 0, told: 1, ..lease(1, 10, 100) };
    judge(vec![before_it_was_sent], vec![], done(), &[Violation::Invented(1)]);
}

#[test]
fn a_message_that_comes_before_its_delay_is_over_is_seen() {
    let mut history = sent(true);
    history.leases.push(lease(1, 10, 100));
    history.deletes.push(delete(1, 20, 200, DELETED));
    history.sends[0].delay = Millis::new(100);
    assert_eq!(check(&history), []);
    history.sends[0].delay = Millis::new(101);
    assert_eq!(check(&history), [Violation::Early(1)]);
}

#[test]
fn overlapping_leases_are_seen() {
    let done = || vec![delete(2, 40, 3000, DELETED)];
    let twice = |from| vec![lease(1, 10, 100), lease(2, 30, from)];
    judge(twice(1099), vec![], done(), &[Violation::Overlap(1)]);
    judge(twice(1100), vec![], done(), &[]);
    let back = || vec![change(1, 20, 500, 0, Changed::Until(at(500)))];
    judge(twice(500), back(), done(), &[]);
    judge(twice(499), back(), done(), &[Violation::Overlap(1)]);
    let longer = || vec![change(1, 20, 500, 1500, Changed::Until(at(2000)))];
    judge(twice(1999), longer(), done(), &[Violation::Overlap(1)]);
    judge(twice(2000), longer(), done(), &[]);
    let unknown = |timeout| vec![change(1, 20, 500, timeout, Changed::Unknown)];
    judge(twice(600), unknown(100), done(), &[]);
    judge(twice(549), unknown(100), done(), &[Violation::Overlap(1)]);
    judge(twice(1099), unknown(2000), done(), &[Violation::Overlap(1)]);
}

#[test]
fn a_lease_is_valid_on_the_clients_clock_too() {
    let done = vec![delete(2, 40, 3000, DELETED)];
    // The broker says that it gave the second one late enough, but it was there before.
    let after = Lease { told_at: at(500), ..lease(2, 30, 1100) };
    let broken = [Violation::Overlap(1), Violation::Clock(1)];
    judge(vec![lease(1, 10, 100), after], vec![], done, &broken);
}

#[test]
fn a_lease_that_ended_before_its_time_is_seen() {
    let stale = Some(DeleteOutcome::StaleLease);
    let deletes = |time| vec![delete(1, 20, time, stale), delete(9, 40, 5000, DELETED)];
    let broken = [Violation::EndedEarly(1)];
    judge(vec![lease(1, 10, 100)], vec![], deletes(1049), &broken);
    judge(vec![lease(1, 10, 100)], vec![], deletes(1050), &[]);
    let done = || vec![delete(9, 40, 5000, DELETED)];
    let over = |time| vec![change(1, 20, time, 10, Changed::Over(at(time)))];
    judge(vec![lease(1, 10, 100)], over(1049), done(), &broken);
    judge(vec![lease(1, 10, 100)], over(1050), done(), &[]);
    let given_back = change(1, 15, 300, 0, Changed::Until(at(300)));
    judge(vec![lease(1, 10, 100)], vec![given_back], deletes(350), &[]);
}

#[test]
fn a_receive_count_that_goes_back_is_seen() {
    let done = || vec![delete(9, 90, 9000, DELETED)];
    let broken = [Violation::CountWentBack(1)];
    let same = vec![lease(1, 10, 100), lease(1, 30, 2000)];
    judge(same, vec![], done(), &broken);
    let back = vec![lease(2, 10, 100), lease(1, 30, 2000)];
    judge(back, vec![], done(), &[Violation::Overlap(1), Violation::CountWentBack(1)]);
    let unseen_between = vec![lease(1, 10, 100), lease(4, 30, 2000)];
    judge(unseen_between, vec![], done(), &[]);
    judge(vec![lease(0, 10, 100)], vec![], done(), &broken);
}
