//! The checker sees what it is for: one history for each promise, broken, and the same one kept.

use ledgerq::types::{Millis, Nonce, Timestamp};

use super::history::{Ask, AskId, Deleted, Event, Lease, Number, Told, Violation, check};

fn at(seconds: u64) -> Timestamp {
    Timestamp::ZERO.after(Millis::from_secs(seconds))
}

fn asked(id: AskId, seconds: u64, ask: Ask) -> Event {
    Event::Asked { id, at: at(seconds), ask }
}

fn told(id: AskId, seconds: u64, told: Told) -> Event {
    Event::Told { id, at: at(seconds), told }
}

fn created() -> Vec<Event> {
    vec![asked(0, 0, Ask::Create { queue: 0 }), told(0, 0, Told::Done)]
}

fn ask_send(id: AskId, numbers: &[Number]) -> Event {
    asked(id, 1, Ask::Send { queue: 0, numbers: numbers.to_vec() })
}

fn sent(id: AskId, numbers: &[Number]) -> Vec<Event> {
    vec![ask_send(id, numbers), told(id, 1, Told::Sent)]
}

fn lease(number: Number, count: u32, until: u64) -> Lease {
    let nonce = Nonce::new(number);
    Lease { number, nonce, count, until: at(until), is_whole: true }
}

fn received(id: AskId, seconds: u64, leases: Vec<Lease>) -> Vec<Event> {
    vec![asked(id, seconds, Ask::Receive { queue: 0 }), told(id, seconds, Told::Received(leases))]
}

fn ask_delete(id: AskId, number: Number) -> Event {
    asked(id, 20, Ask::Delete { leases: vec![(number, Nonce::new(number))] })
}

fn deleted(id: AskId, number: Number, outcome: Deleted) -> Vec<Event> {
    vec![ask_delete(id, number), told(id, 20, Told::Deleted(vec![outcome]))]
}

fn judge(parts: &[Vec<Event>]) -> Result<(), Violation> {
    check(&parts.concat())
}

#[test]
fn a_lost_message_is_seen() {
    let emptied = vec![Event::Ended, Event::Emptied];
    assert_eq!(judge(&[created(), sent(1, &[1]), emptied.clone()]), Err(Violation::Lost(1)));
    let unacknowledged = vec![ask_send(1, &[1])];
    assert_eq!(judge(&[created(), unacknowledged, emptied]), Ok(()));
    let there = received(2, 2, vec![lease(1, 1, 10)]);
    assert_eq!(judge(&[created(), sent(1, &[1]), there, vec![Event::Emptied]]), Ok(()));
}

#[test]
fn a_message_that_was_shown_once_must_stay() {
    let shown = received(2, 2, vec![lease(1, 1, 10)]);
    let end = vec![Event::Ended, Event::Emptied];
    let told_nothing = vec![ask_send(1, &[1]), Event::Ended];
    assert_eq!(judge(&[created(), told_nothing, shown, end]), Err(Violation::Lost(1)));
}

#[test]
fn a_resurrected_message_is_seen() {
    let life = [created(), sent(1, &[1]), received(2, 2, vec![lease(1, 1, 10)])].concat();
    let back = received(4, 30, vec![lease(1, 2, 40)]);
    let gone = deleted(3, 1, Deleted::Gone);
    let ended = vec![Event::Ended];
    assert_eq!(
        judge(&[life.clone(), gone, ended.clone(), back.clone()]),
        Err(Violation::Resurrected(1))
    );
    let stale = deleted(3, 1, Deleted::Stale);
    assert_eq!(judge(&[life.clone(), stale, ended.clone(), back.clone()]), Ok(()));
    let asked = vec![ask_delete(3, 1), Event::Ended];
    assert_eq!(judge(&[life.clone(), asked.clone(), back]), Ok(()));
    assert_eq!(judge(&[life, asked, vec![Event::Emptied]]), Ok(()));
}

#[test]
fn a_purge_that_comes_undone_is_seen() {
    let life = [created(), sent(1, &[1, 2])].concat();
    let purge = asked(3, 2, Ask::Purge { queue: 0 });
    let back = received(4, 30, vec![lease(1, 1, 40)]);
    let done = vec![purge.clone(), told(3, 2, Told::Done), Event::Ended];
    assert_eq!(judge(&[life.clone(), done, back.clone()]), Err(Violation::Resurrected(1)));
    let half = vec![purge.clone(), Event::Ended];
    let emptied = vec![Event::Emptied];
    assert_eq!(judge(&[life.clone(), half, back, emptied.clone()]), Err(Violation::Lost(2)));
    assert_eq!(judge(&[life, vec![purge, Event::Ended], emptied]), Ok(()));
}

#[test]
fn a_message_that_comes_late_is_seen() {
    let unsent = vec![ask_send(1, &[1]), Event::Ended, Event::Emptied];
    let late = received(2, 30, vec![lease(1, 1, 40)]);
    assert_eq!(judge(&[created(), unsent, late]), Err(Violation::Resurrected(1)));
}

#[test]
fn an_invented_message_is_seen() {
    let stranger = received(2, 2, vec![lease(7, 1, 10)]);
    assert_eq!(judge(&[created(), stranger]), Err(Violation::Invented(7)));
    let damaged = received(2, 2, vec![Lease { is_whole: false, ..lease(1, 1, 10) }]);
    assert_eq!(judge(&[created(), sent(1, &[1]), damaged]), Err(Violation::Invented(1)));
}

#[test]
fn a_request_that_is_there_in_part_is_seen() {
    let untold = vec![ask_send(1, &[1, 2]), Event::Ended];
    let part = received(2, 2, vec![lease(1, 1, 10)]);
    let whole = received(2, 2, vec![lease(1, 1, 10), lease(2, 1, 10)]);
    let emptied = vec![Event::Emptied];
    assert_eq!(judge(&[created(), untold.clone(), part, emptied.clone()]), Err(Violation::Torn(1)));
    assert_eq!(judge(&[created(), untold, whole, emptied]), Ok(()));
}

#[test]
fn a_receive_count_that_goes_back_or_too_far_is_seen() {
    let life = [created(), sent(1, &[1]), received(2, 2, vec![lease(1, 1, 10)])].concat();
    for after in [0, 1, 3] {
        let again = received(3, 11, vec![lease(1, after, 20)]);
        let violation = Violation::Count { number: 1, before: 1, after };
        assert_eq!(judge(&[life.clone(), again]), Err(violation));
    }
    let untold = vec![asked(3, 11, Ask::Receive { queue: 0 }), Event::Ended];
    let again = received(4, 30, vec![lease(1, 3, 40)]);
    assert_eq!(judge(&[life, untold, again]), Ok(()));
}

#[test]
fn overlapping_leases_are_seen() {
    let life = [created(), sent(1, &[1]), received(2, 2, vec![lease(1, 1, 10)])].concat();
    let again = |seconds| received(4, seconds, vec![lease(1, 2, 40)]);
    assert_eq!(judge(&[life.clone(), again(9)]), Err(Violation::Overlap(1)));
    assert_eq!(judge(&[life.clone(), again(10)]), Ok(()));
    let leases = vec![(1, Nonce::new(1))];
    let ask = asked(3, 5, Ask::Change { leases, timeout: Millis::from_secs(2) });
    let changed = vec![ask.clone(), told(3, 5, Told::Changed(vec![Some(at(7))]))];
    assert_eq!(judge(&[life.clone(), changed.clone(), again(6)]), Err(Violation::Overlap(1)));
    assert_eq!(judge(&[life.clone(), changed, again(7)]), Ok(()));
    let refused = vec![ask.clone(), told(3, 5, Told::Changed(vec![None]))];
    assert_eq!(judge(&[life.clone(), refused, again(7)]), Err(Violation::Overlap(1)));
    assert_eq!(judge(&[life, vec![ask, Event::Ended], again(7)]), Ok(()));
}

#[test]
fn a_queue_that_is_lost_is_seen() {
    let gone = vec![
        Event::Ended,
        asked(1, 2, Ask::Receive { queue: 0 }),
        told(1, 2, Told::Refused("no such queue".to_owned())),
    ];
    assert_eq!(judge(&[created(), gone]), Err(Violation::QueueLost(0)));
}
