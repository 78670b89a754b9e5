//! The checker sees what it is for: one history for each promise, broken, and the same one kept.

use ledgerq::types::{Millis, Nonce, Seq, Timestamp};

use super::{Ask, AskId, Body, Deleted, Event, Lease, Number, Told, Violation, check};

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
    vec![asked(0, 0, Ask::Create { queue: 0, dead_letters: None }), told(0, 0, Told::Done)]
}

fn send(numbers: &[Number], group: Option<u64>) -> Ask {
    let (delay, time_to_live) = (Millis::ZERO, None);
    Ask::Send { queue: 0, numbers: numbers.to_vec(), group, delay, time_to_live }
}

fn ask_send(id: AskId, numbers: &[Number]) -> Event {
    asked(id, 1, send(numbers, None))
}

fn sent(id: AskId, numbers: &[Number]) -> Vec<Event> {
    vec![ask_send(id, numbers), told(id, 1, Told::Sent)]
}

fn lease(number: Number, count: u32, until: u64) -> Lease {
    let nonce = Nonce::new(number);
    let seq = Seq::new(number);
    Lease { number, seq, nonce, count, until: at(until), body: Body::Whole }
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
    let damaged = received(2, 2, vec![Lease { body: Body::Wrong, ..lease(1, 1, 10) }]);
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
    assert_eq!(judge(&[life.clone(), refused]), Err(Violation::EndedEarly(1)));
    let unheard = vec![ask, Event::Ended];
    assert_eq!(judge(&[life.clone(), unheard.clone(), again(7)]), Ok(()));
    let (leases, timeout) = (vec![(1, Nonce::new(1))], Millis::from_secs(2));
    let late = |outcome| {
        let ask = asked(5, 8, Ask::Change { leases: leases.clone(), timeout });
        vec![ask, told(5, 8, Told::Changed(vec![outcome]))]
    };
    assert_eq!(judge(&[life.clone(), unheard.clone(), late(None), again(9)]), Ok(()));
    // The same twice: the one that was not answered may have ended it.
    let end = |id| asked(id, 5, Ask::Change { leases: leases.clone(), timeout: Millis::ZERO });
    let refused = vec![end(6), told(6, 5, Told::Changed(vec![None]))];
    let ended = vec![end(3), Event::Ended];
    assert_eq!(judge(&[life.clone(), ended, refused, again(6)]), Ok(()));
    let extended = [life, unheard, late(Some(at(10))), again(9)];
    assert_eq!(judge(&extended), Err(Violation::Overlap(1)));
}

#[test]
fn a_lease_that_ends_early_is_seen() {
    let life = [created(), sent(1, &[1]), received(2, 2, vec![lease(1, 1, 30)])].concat();
    let judge_with = |outcome| judge(&[life.clone(), deleted(3, 1, outcome)]);
    assert_eq!(judge_with(Deleted::Stale), Err(Violation::EndedEarly(1)));
    assert_eq!(judge_with(Deleted::NotThere), Err(Violation::Lost(1)));
    assert_eq!(judge_with(Deleted::Gone), Ok(()));
    let over = [created(), sent(1, &[1]), received(2, 2, vec![lease(1, 1, 10)])].concat();
    assert_eq!(judge(&[over, deleted(3, 1, Deleted::Stale)]), Ok(()));
    let purge = vec![asked(4, 3, Ask::Purge { queue: 0 })];
    assert_eq!(judge(&[life, purge, deleted(5, 1, Deleted::NotThere)]), Ok(()));
}

#[test]
fn a_message_that_is_there_twice_is_seen() {
    let life = [created(), sent(1, &[1]), received(2, 2, vec![lease(1, 1, 10)])].concat();
    let other = received(3, 11, vec![Lease { seq: Seq::new(7), ..lease(1, 2, 20) }]);
    assert_eq!(judge(&[life.clone(), other.clone()]), Err(Violation::Duplicated(1)));
    let first_life = Lease { seq: Seq::new(7), ..lease(1, 1, 20) };
    let moved = vec![asked(4, 2, Ask::Move { source: 0, target: 1 }), told(4, 2, Told::Done)];
    let again = vec![asked(5, 11, Ask::Receive { queue: 1 })];
    let again = [again, vec![told(5, 11, Told::Received(vec![first_life]))]].concat();
    assert_eq!(judge(&[life, moved, again]), Ok(()));
}

#[test]
fn a_message_that_comes_early_is_seen() {
    let delay = Millis::from_secs(30);
    let mut ask = send(&[1], None);
    if let Ask::Send { delay: wanted, .. } = &mut ask {
        *wanted = delay;
    }
    let begin = [created(), vec![asked(1, 1, ask), told(1, 1, Told::Sent)]];
    let receive = |seconds| received(2, seconds, vec![lease(1, 1, 100)]);
    assert_eq!(judge(&[begin.concat(), receive(30)]), Err(Violation::Early(1)));
    assert_eq!(judge(&[begin.concat(), receive(31)]), Ok(()));
}

#[test]
fn a_message_may_be_gone_once_its_time_is_over() {
    let mut ask = send(&[1], None);
    if let Ask::Send { time_to_live, .. } = &mut ask {
        *time_to_live = Some(Millis::from_secs(10));
    }
    let begin = [created(), vec![asked(1, 1, ask), told(1, 1, Told::Sent)]];
    let emptied = |seconds| {
        [vec![Event::Ended], received(2, seconds, Vec::new()), vec![Event::Emptied]].concat()
    };
    assert_eq!(judge(&[begin.concat(), emptied(10)]), Err(Violation::Lost(1)));
    assert_eq!(judge(&[begin.concat(), emptied(11)]), Ok(()));
}

#[test]
fn damage_excuses_as_many_messages_as_are_told_as_damaged() {
    let begin = [created(), sent(1, &[1, 2, 3])].concat();
    let damaged = Lease { body: Body::Damaged, ..lease(0, 1, 100) };
    let found = received(2, 2, vec![damaged.clone(), lease(3, 1, 100)]);
    assert_eq!(judge(&[begin.clone(), found.clone()]), Err(Violation::Unreadable));
    let emptied = [vec![Event::Damaged, Event::Ended], found, vec![Event::Emptied]].concat();
    assert_eq!(judge(&[begin.clone(), emptied]), Err(Violation::Lost(2)));
    let found = received(2, 2, vec![damaged.clone(), damaged, lease(3, 1, 100)]);
    let emptied = [vec![Event::Damaged, Event::Ended], found, vec![Event::Emptied]].concat();
    assert_eq!(judge(&[begin, emptied]), Ok(()));
}

#[test]
fn an_answer_to_nothing_or_to_something_else_is_seen() {
    assert_eq!(judge(&[created(), vec![told(9, 1, Told::Done)]]), Err(Violation::Strange(9)));
    let other = vec![ask_send(1, &[1]), told(1, 1, Told::Deleted(Vec::new()))];
    assert_eq!(judge(&[created(), other]), Err(Violation::Strange(1)));
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

#[test]
fn a_group_out_of_order_is_seen() {
    let group = Some(1);
    let send =
        |id, numbers: &[Number]| vec![asked(id, 1, send(numbers, group)), told(id, 1, Told::Sent)];
    let out_of_order = Err(Violation::OutOfOrder { number: 2, earlier: 1 });
    let begin = [created(), send(1, &[1, 2])];
    let second_alone = received(2, 2, vec![lease(2, 1, 10)]);
    assert_eq!(judge(&[begin.concat(), second_alone.clone()]), out_of_order);
    let turned = received(2, 2, vec![lease(2, 1, 10), lease(1, 1, 10)]);
    assert_eq!(judge(&[begin.concat(), turned]), out_of_order);
    let first = received(3, 2, vec![lease(1, 1, 10)]);
    assert_eq!(judge(&[begin.concat(), first.clone(), second_alone.clone()]), out_of_order);
    let gone = deleted(4, 1, Deleted::Gone);
    assert_eq!(judge(&[begin.concat(), first, gone, second_alone]), Ok(()));
    let both = received(2, 2, vec![lease(1, 1, 10), lease(2, 1, 10)]);
    assert_eq!(judge(&[begin.concat(), both]), Ok(()));
}

#[test]
fn what_comes_back_to_its_group_has_its_place_from_then() {
    let create = |queue, dead_letters| {
        vec![asked(0, 0, Ask::Create { queue, dead_letters }), told(0, 0, Told::Done)]
    };
    let sent = vec![asked(1, 1, send(&[1, 2, 3], Some(1))), told(1, 1, Told::Sent)];
    let begin = [create(0, Some(1)), sent, received(2, 2, vec![lease(1, 1, 10)])].concat();
    let later = received(3, 20, vec![lease(3, 1, 30)]);
    let third_alone = Err(Violation::OutOfOrder { number: 3, earlier: 2 });
    assert_eq!(judge(&[begin.clone(), later]), third_alone);
    let both = received(3, 20, vec![lease(2, 1, 30), lease(3, 1, 30), lease(1, 2, 30)]);
    assert_eq!(judge(&[begin, both]), Ok(()), "the first was a dead letter and came back");
}

#[test]
fn a_transact_in_part_is_seen() {
    let begin = [created(), sent(1, &[1]), received(2, 2, vec![lease(1, 1, 3)])].concat();
    let lease_of_it = (1, Nonce::new(1));
    let ask = asked(3, 2, Ask::Transact { lease: lease_of_it, queue: 0, numbers: vec![2, 3] });
    let crashed = [begin, vec![ask, Event::Ended]].concat();
    let found = |numbers: &[Number]| {
        let leases = numbers.iter().map(|number| lease(*number, 2, 100)).collect::<Vec<_>>();
        let leases =
            leases.into_iter().map(|l| if l.number > 1 { Lease { count: 1, ..l } } else { l });
        judge(&[crashed.clone(), received(4, 50, leases.collect()), vec![Event::Emptied]])
    };
    assert_eq!(found(&[2, 3]), Ok(()));
    assert_eq!(found(&[1]), Ok(()));
    for torn in [&[2_u64][..], &[], &[1, 2, 3], &[1, 2]] {
        assert_eq!(found(torn), Err(Violation::Torn(3)), "{torn:?}");
    }
}

#[test]
fn a_message_in_two_queues_or_in_a_wrong_one_is_seen() {
    let begin = vec![
        asked(0, 0, Ask::Create { queue: 0, dead_letters: Some(2) }),
        told(0, 0, Told::Done),
        ask_send(1, &[1]),
        told(1, 1, Told::Sent),
    ];
    let receive = |id, queue, count| {
        let leases = vec![lease(1, count, 100)];
        vec![asked(id, 5, Ask::Receive { queue }), told(id, 5, Told::Received(leases))]
    };
    let both = [begin.clone(), receive(2, 0, 1), receive(3, 2, 2)];
    assert_eq!(judge(&both), Err(Violation::Overlap(1)));
    assert_eq!(judge(&[begin.clone(), receive(2, 2, 1)]), Ok(()));
    assert_eq!(judge(&[begin.clone(), receive(2, 1, 1)]), Err(Violation::Astray(1)));
    let moved = asked(4, 2, Ask::Move { source: 2, target: 1 });
    assert_eq!(judge(&[begin, vec![moved], receive(2, 1, 1)]), Ok(()));
}
