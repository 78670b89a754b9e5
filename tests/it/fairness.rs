//! A tenant that floods a queue, and a quiet one: how long the quiet one waits, with group ids and
//! without.

use std::collections::VecDeque;

use ledgerq::{
    state::{SendDecision, State},
    types::{Nonce, QueueName, ReceiveOptions, Record, SendEntry, Seq, SettingsPatch, limits},
};

use crate::{
    broker::{BEGIN, state_settings},
    commands::{entry, group, queue},
};

/// Messages that are worked on at one time.
const WORKERS: usize = 40;
/// Ticks that one message takes.
const WORK: u64 = 10;
/// Ticks of the simulation.
const TICKS: u64 = 2000;

/// A standard queue, told by hand; in it, time stands still and ticks are counted outside.
struct Jobs {
    state: State,
    name: QueueName,
    next_nonce: Nonce,
}

impl Jobs {
    fn new() -> Self {
        let mut state = State::new(state_settings());
        state.advance(BEGIN);
        let name = queue("jobs");
        let created = state.decide_create(&name, &SettingsPatch::default());
        let mut jobs = Self { state, name, next_nonce: Nonce::new(1) };
        jobs.apply(&created.expect("a good queue").expect("a new one"));
        jobs
    }

    fn apply(&mut self, record: &Record) {
        self.state.apply(record, self.state.applied_lsn().next());
    }

    fn send(&mut self, tenant: Option<&str>) -> Seq {
        self.send_with(tenant, limits::PRIORITY_DEFAULT)
    }

    fn send_with(&mut self, tenant: Option<&str>, priority: u8) -> Seq {
        let priority = Some(priority);
        let entry = SendEntry { group: tenant.map(group), priority, ..entry("x") };
        let seq = self.state.next_seq();
        let decided = self.state.decide_send(&self.name, &entry, seq);
        let record = decided.map(SendDecision::record).expect("a good message");
        self.apply(&record.expect("it is no duplicate"));
        seq
    }

    fn receive(&mut self, count_max: usize) -> Vec<Seq> {
        self.next_nonce = self.next_nonce.next();
        let options = ReceiveOptions::new(count_max);
        let begun = self.state.begin_receive(&self.name, &options, self.next_nonce);
        let mut receiving = begun.expect("there is no limit");
        while let Some(record) = self.state.decide_receive(&mut receiving) {
            self.apply(&record);
        }
        receiving.taken().to_vec()
    }

    fn delete(&mut self, seq: Seq) {
        let id = self.state.queue_id(&self.name).expect("it is there");
        self.apply(&Record::MessageDeleted { queue: id, seq });
    }
}

/// The mean wait of the quiet tenant's messages, in ticks, while another sends twice as much as
/// the workers can do.
fn quiet_wait(has_groups: bool) -> u64 {
    let mut jobs = Jobs::new();
    let tenant = |name| has_groups.then_some(name);
    let mut working: VecDeque<(u64, Seq)> = VecDeque::new();
    let mut quiet: Vec<(Seq, u64)> = Vec::new();
    let mut waits = Vec::new();
    for tick in 0..TICKS {
        for _ in 0..2 * WORKERS as u64 / WORK {
            jobs.send(tenant("noisy"));
        }
        if tick % 20 == 0 {
            quiet.push((jobs.send(tenant("quiet")), tick));
        }
        while let Some((_, seq)) = working.pop_front_if(|(until, _)| *until <= tick) {
            jobs.delete(seq);
        }
        for seq in jobs.receive(WORKERS - working.len()) {
            working.push_back((tick + WORK, seq));
            let sent = quiet.iter().find(|(known, _)| *known == seq);
            waits.extend(sent.map(|(_, sent)| tick - sent));
        }
    }
    let unserved = quiet.len() - waits.len();
    waits.extend(std::iter::repeat_n(TICKS, unserved));
    waits.iter().sum::<u64>() / waits.len() as u64
}

#[test]
fn a_quiet_tenant_waits_far_less_with_group_ids_than_without() {
    let (with, without) = (quiet_wait(true), quiet_wait(false));
    assert!(with <= WORK, "with group ids the quiet tenant waits {with} ticks");
    assert!(without >= 50 * with.max(1), "without it waits {without}, with them {with} ticks");
}

#[test]
fn a_tenant_is_noisy_above_a_tenth_of_the_messages_in_flight_and_not_at_it() {
    for (others, is_noisy) in [(270, false), (269, true)] {
        let mut jobs = Jobs::new();
        for number in 0..others {
            // None of them is noisy itself.
            jobs.send(Some(&format!("other-{}", number % 20)));
        }
        assert_eq!(jobs.receive(1000).len(), others);
        for _ in 0..NOISY {
            jobs.send(Some("a"));
        }
        assert_eq!(jobs.receive(1000).len(), NOISY);
        let (a, b) = (jobs.send(Some("a")), jobs.send(Some("b")));
        let first = jobs.receive(1);
        assert_eq!(first, [if is_noisy { b } else { a }], "with {others} others in flight");
    }
}

/// In-flight messages with which a tenant can be noisy.
const NOISY: usize = 30;

#[test]
fn below_its_least_number_in_flight_no_tenant_is_noisy() {
    assert_eq!(NOISY as u64, limits::NOISY_IN_FLIGHT_MIN);
    for (own, is_noisy) in [(NOISY - 1, false), (NOISY, true)] {
        let mut jobs = Jobs::new();
        for _ in 0..own {
            jobs.send(Some("a"));
        }
        jobs.receive(1000);
        let (a, b) = (jobs.send(Some("a")), jobs.send(Some("b")));
        assert_eq!(jobs.receive(1), [if is_noisy { b } else { a }], "with {own} in flight");
    }
}

#[test]
fn among_ten_thousand_tenants_each_is_served_in_its_turn() {
    let mut jobs = Jobs::new();
    for round in 0..3 {
        for tenant in 0..10_000 {
            let seq = jobs.send(Some(&format!("tenant-{tenant}")));
            assert_eq!(seq.get(), round * 10_000 + tenant + 1);
        }
    }
    let received: Vec<u64> =
        (0..30).flat_map(|_| jobs.receive(1000)).map(ledgerq::types::Seq::get).collect();
    assert_eq!(received, (1..=30_000).collect::<Vec<_>>());
}

#[test]
fn of_noisy_tenants_the_one_with_the_least_in_flight_goes_first() {
    let mut jobs = Jobs::new();
    for (tenant, count) in [("a", NOISY + 2), ("b", NOISY)] {
        for _ in 0..count {
            jobs.send(Some(tenant));
        }
        assert_eq!(jobs.receive(1000).len(), count);
    }
    let more: Vec<(Seq, Seq)> =
        (0..4).map(|_| (jobs.send(Some("a")), jobs.send(Some("b")))).collect();
    let [(a1, b1), (_, b2), (_, b3), _] = more[..] else { panic!("four pairs were sent") };
    assert_eq!(jobs.receive(2), [b1, b2], "b has less in flight until it has as much");
    let next = jobs.receive(2);
    assert!(next == [a1, b3] || next == [b3, a1], "then either: {next:?}");
}

#[test]
fn a_noisy_tenant_waits_for_quiet_ones_and_is_never_locked() {
    let mut jobs = Jobs::new();
    for _ in 0..NOISY + 20 {
        jobs.send(Some("noisy"));
    }
    assert_eq!(jobs.receive(NOISY).len(), NOISY);
    let quiet = [jobs.send(Some("quiet")), jobs.send(None), jobs.send(Some("quiet"))];
    let mut first = jobs.receive(4);
    let next = first.pop().expect("there are more");
    first.sort_unstable();
    assert_eq!(first, quiet, "all that is not noisy goes first");
    assert_eq!(next.get(), NOISY as u64 + 1, "and then the noisy one");
    assert_eq!(jobs.receive(1000).len(), 19, "with nobody else it gets all");
}

#[test]
fn a_tenant_is_quiet_again_when_its_messages_are_done() {
    let mut jobs = Jobs::new();
    for _ in 0..=NOISY {
        jobs.send(Some("a"));
    }
    let done = jobs.receive(NOISY)[0];
    jobs.delete(done);
    jobs.send(Some("b"));
    assert_eq!(jobs.receive(1), [Seq::new(NOISY as u64 + 1)], "it is its turn");
}

#[test]
fn priority_goes_before_fairness() {
    let mut jobs = Jobs::new();
    for _ in 0..NOISY {
        jobs.send_with(Some("noisy"), 9);
    }
    jobs.receive(1000);
    let quiet = jobs.send(Some("quiet"));
    let important = jobs.send_with(Some("noisy"), 9);
    assert_eq!(jobs.receive(2), [important, quiet]);
}
