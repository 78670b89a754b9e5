//! Random steps, taken by broker and model at once.

use ledgerq::{
    broker::{Handle, digest},
    disk::{SimDisk, sim::keep_none},
    types::{
        Backoff, Browse, CancelOutcome, Command, DeleteMode, Envelope, LeaseRef, MessageState,
        Millis, QueueName, ReceiveOptions, RedrivePolicy, Rejection, Reply, SendEntry, Sent, Seq,
        SettingsPatch, StateFilter, Timestamp,
    },
};
use proptest::{collection::vec, prelude::*};

use super::reference::{Changed, Model, Phase, Receipt, Settings};
use crate::{
    broker::{BEGIN, SimBroker, ToldClock, small_settings},
    commands::{group, queue},
    model::cases,
};

/// One thing that happens. A lease is any of those that were given out, by its number.
#[derive(Clone, Debug)]
enum Step {
    Send { to_dead: bool, group: u8, id: u8, time_to_live: Option<u64> },
    Receive { of_dead: bool, count_max: usize, timeout: u64, attempt: Option<u8> },
    Delete { lease: usize },
    Change { lease: usize, timeout: u64 },
    Cancel { of_dead: bool, seq: u64 },
    Delay { millis: u64 },
    Retention { of_dead: bool, seconds: u64 },
    Purge { of_dead: bool },
    Advance { millis: u64 },
    Leap { millis: u64 },
    Kill,
    PowerCut,
}

fn step() -> impl Strategy<Value = Step> {
    let timeout = || prop_oneof![Just(0), 1..40_000_u64, Just(30_000), Just(43_200_000)];
    let millis = || prop_oneof![4 => 0..20_000_u64, 2 => Just(30_000), 1 => 0..400_000_u64];
    let rarely = || prop::bool::weighted(0.2);
    let life = prop::option::weighted(0.2, 1..60_000_u64);
    prop_oneof![
        12 => (rarely(), 0..4_u8, any::<u8>(), life).prop_map(
            |(to_dead, group, id, time_to_live)| Step::Send {
                to_dead, group, id: id % 60, time_to_live
            }),
        10 => (rarely(), 1..6_usize, timeout(), prop::option::weighted(0.3, 0..2_u8)).prop_map(
            |(of_dead, count_max, timeout, attempt)| Step::Receive {
                of_dead, count_max, timeout, attempt
            }),
        6 => any::<usize>().prop_map(|lease| Step::Delete { lease }),
        5 => (any::<usize>(), timeout())
            .prop_map(|(lease, timeout)| Step::Change { lease, timeout }),
        1 => (rarely(), 1..40_u64).prop_map(|(of_dead, seq)| Step::Cancel { of_dead, seq }),
        2 => prop_oneof![Just(0), 0..30_000_u64].prop_map(|millis| Step::Delay { millis }),
        1 => (any::<bool>(), 60..900_u64)
            .prop_map(|(of_dead, seconds)| Step::Retention { of_dead, seconds }),
        1 => rarely().prop_map(|of_dead| Step::Purge { of_dead }),
        6 => millis().prop_map(|millis| Step::Advance { millis }),
        2 => millis().prop_map(|millis| Step::Leap { millis }),
        1 => Just(Step::Kill),
        1 => Just(Step::PowerCut),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(1500),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_fifo_queue_does_what_the_model_does(
        steps in vec(step(), 1..120),
        backs_off in any::<bool>(),
    ) {
        let mut pair = Pair::new(backs_off);
        for step in &steps {
            pair.take(step);
            pair.compare();
        }
        pair.take(&Step::PowerCut);
        pair.compare();
    }
}

/// A broker and a model that have gone the same way.
struct Pair {
    broker: SimBroker,
    clock: ToldClock,
    starts_count: u64,
    model: Model,
    /// The lease of each receipt, and whether it is of the dead-letter queue.
    leases: Vec<(bool, LeaseRef)>,
}

fn name(is_dead: bool) -> QueueName {
    queue(if is_dead { "dead.fifo" } else { "jobs.fifo" })
}

impl Pair {
    fn new(backs_off: bool) -> Self {
        let clock = ToldClock::new();
        let mut broker = start(&SimDisk::new(), &clock, 1);
        let (retention, wait) = (Millis::from_secs(600), Millis::from_secs(3));
        let usual = Settings { delay: Millis::ZERO, retention, backoff: None, receives_max: None };
        let backoff = backs_off.then_some(wait);
        let jobs = Settings { backoff, receives_max: Some(3), ..usual };
        let patch = SettingsPatch { retention: Some(retention), ..SettingsPatch::default() };
        let with_policy = SettingsPatch {
            redrive: Some(Some(RedrivePolicy { dead_letter_queue: name(true), receives_max: 3 })),
            backoff: Some(backoff.map(|first| Backoff { first, doubles: false, max: first })),
            ..patch.clone()
        };
        for (is_dead, settings) in [(true, patch), (false, with_policy)] {
            let create = Command::CreateQueue { queue: name(is_dead), settings };
            let told = broker.ask(create).expect("it is answered");
            assert!(told.reply.is_ok(), "{:?}", told.reply);
        }
        let model = Model::new(BEGIN, jobs, usual);
        Self { broker, clock, starts_count: 1, model, leases: Vec::new() }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Send { to_dead, group, id, time_to_live } => {
                self.send(to_dead, group, id, time_to_live.map(Millis::new));
            }
            Step::Receive { of_dead, count_max, timeout, attempt } => {
                self.receive(of_dead, count_max, Millis::new(timeout), attempt);
            }
            Step::Delete { lease } => self.delete(lease),
            Step::Change { lease, timeout } => self.change(lease, Millis::new(timeout)),
            Step::Cancel { of_dead, seq } => self.cancel(of_dead, Seq::new(seq)),
            Step::Delay { millis } => {
                let delay = Millis::new(millis);
                let settings = SettingsPatch { delay: Some(delay), ..SettingsPatch::default() };
                self.ask(Command::UpdateQueue { queue: name(false), settings })
                    .expect("it is short");
                self.model.set_delay(delay);
            }
            Step::Retention { of_dead, seconds } => {
                let retention = Millis::from_secs(seconds);
                let settings =
                    SettingsPatch { retention: Some(retention), ..SettingsPatch::default() };
                self.ask(Command::UpdateQueue { queue: name(of_dead), settings })
                    .expect("a good one");
                self.model.set_retention(of_dead, retention);
            }
            Step::Purge { of_dead } => {
                let reply = self.ask(Command::PurgeQueue { queue: name(of_dead) });
                assert_eq!(reply.is_ok(), self.model.purge(of_dead), "{reply:?}");
            }
            Step::Advance { millis } => {
                self.broker.advance(Millis::new(millis));
                self.model.advance(Millis::new(millis));
            }
            Step::Leap { millis } => {
                self.broker.leap(Millis::new(millis));
                self.model.advance(Millis::new(millis));
            }
            Step::Kill => self.restart(&self.broker.disk().kill()),
            Step::PowerCut => self.restart(&self.broker.disk().crash(&mut keep_none())),
        }
    }

    fn ask(&mut self, command: Command) -> Result<Reply, Rejection> {
        self.broker.ask(command).expect("nobody waits").reply
    }

    fn restart(&mut self, disk: &SimDisk) {
        self.starts_count += 1;
        self.broker = start(disk, &self.clock, self.starts_count);
    }

    fn send(&mut self, to_dead: bool, group_no: u8, id: u8, time_to_live: Option<Millis>) {
        let group = group(&format!("g{group_no}"));
        let envelope = Envelope { group: Some(group.clone()), ..Envelope::default() };
        let entry = SendEntry {
            payload: Handle::payload(&envelope, vec![b'x'; usize::from(id) + 1].into()),
            deduplication: Some(digest::deduplication(&id.to_string(), Some(&group), false)),
            group: Some(group),
            time_to_live,
            ..SendEntry::default()
        };
        let reply = self.ask(Command::Send { queue: name(to_dead), entries: vec![entry] });
        let (seq, is_duplicate) = self.model.send(to_dead, group_no, id, time_to_live);
        assert_eq!(reply, Ok(Reply::Sent(vec![Ok(Sent { seq, is_duplicate })])));
    }

    fn receive(&mut self, of_dead: bool, count_max: usize, timeout: Millis, attempt: Option<u8>) {
        let options = ReceiveOptions {
            count_max,
            visibility_timeout: Some(timeout),
            attempt: attempt.map(|id| digest::attempt(&id.to_string())),
        };
        let wait = Some(Millis::ZERO);
        let reply = self.ask(Command::Receive { queue: name(of_dead), options, wait });
        let Ok(Reply::Received(leased)) = reply else { panic!("{reply:?}") };
        let expected = self.model.receive(of_dead, count_max, timeout, attempt);
        let told: Vec<_> = leased.iter().map(|l| (l.seq, l.receive_count)).collect();
        let should: Vec<_> = expected.iter().map(|(seq, _, count)| (*seq, *count)).collect();
        assert_eq!(told, should, "which messages, in which order, received how often");
        for (leased, (_, receipt, _)) in leased.iter().zip(expected) {
            let lease = (of_dead, leased.lease());
            match self.leases.get(receipt) {
                Some(known) => assert_eq!(*known, lease, "an attempt gives the same handle"),
                None => self.leases.push(lease),
            }
            assert_eq!(leased.until, self.model.now.after(timeout));
        }
    }

    fn lease(&self, number: usize) -> Option<(Receipt, bool, LeaseRef)> {
        let receipt = number.checked_rem(self.leases.len())?;
        let (of_dead, lease) = self.leases[receipt];
        Some((receipt, of_dead, lease))
    }

    fn delete(&mut self, number: usize) {
        let Some((receipt, of_dead, lease)) = self.lease(number) else { return };
        let (leases, mode) = (vec![lease], DeleteMode::Fenced);
        let reply = self.ask(Command::Delete { queue: name(of_dead), leases, mode });
        let expected = self.model.delete(of_dead, lease.seq, receipt);
        assert_eq!(reply, Ok(Reply::Deleted(vec![Ok(expected)])));
    }

    fn change(&mut self, number: usize, timeout: Millis) {
        let Some((receipt, of_dead, lease)) = self.lease(number) else { return };
        let entries = vec![(lease, timeout)];
        let reply = self.ask(Command::ChangeVisibility { queue: name(of_dead), entries });
        let Ok(Reply::VisibilityChanged(ends)) = reply else { panic!("{reply:?}") };
        let changed = match &ends[0] {
            Ok(_) => Changed::Done,
            Err(Rejection::MessageNotInFlight) => Changed::NotInFlight,
            Err(Rejection::LeaseStale) => Changed::Stale,
            Err(Rejection::MessageNotFound) => Changed::Gone,
            Err(Rejection::LeaseTooLong { .. }) => Changed::TooLong,
            Err(other) => panic!("refused with {other}"),
        };
        assert_eq!(changed, self.model.change(of_dead, lease.seq, receipt, timeout));
    }

    fn cancel(&mut self, of_dead: bool, seq: Seq) {
        let reply = self.ask(Command::Cancel { queue: name(of_dead), seqs: vec![seq] });
        let Ok(Reply::Cancelled(outcomes)) = reply else { panic!("{reply:?}") };
        let is_cancelled = outcomes == [Ok(CancelOutcome::Cancelled)];
        assert_eq!(is_cancelled, self.model.cancel(of_dead, seq));
    }

    /// Both queues, message by message, and all invariants.
    fn compare(&mut self) {
        self.model.advance(Millis::ZERO);
        for is_dead in [false, true] {
            let reply = self.ask(Command::GetQueue { queue: name(is_dead) });
            let Ok(Reply::Queue(view)) = reply else { panic!("{reply:?}") };
            let counts = (view.counts.ready, view.counts.delayed, view.counts.in_flight);
            assert_eq!(counts, self.model.queue(is_dead).counts());
            let browse = Browse {
                queue: name(is_dead),
                states: StateFilter::ALL,
                group: None,
                age_min: None,
                after: Seq::default(),
                count_max: 1000,
            };
            let Ok(Reply::Browsed { messages, next: None }) = self.ask(Command::Browse(browse))
            else {
                panic!("a queue of the model is small")
            };
            let told: Vec<_> =
                messages.iter().map(|m| (m.seq, ends_of(m.state), m.receive_count)).collect();
            let model = self.model.queue(is_dead);
            let shown = model.looked_at().into_iter().map(|(seq, phase, count)| {
                let ends = match phase {
                    Phase::Ready => (0, Timestamp::ZERO),
                    Phase::Upcoming => (1, model.arrives_at(seq)),
                    Phase::Waits(until) => (1, until),
                    Phase::InFlight(until) => (2, until),
                };
                (seq, ends, count)
            });
            assert_eq!(told, shown.collect::<Vec<_>>());
        }
        self.broker.owner().state().check_all();
    }
}

/// The kind of state, and its end.
fn ends_of(state: MessageState) -> (u8, Timestamp) {
    match state {
        MessageState::Ready => (0, Timestamp::ZERO),
        MessageState::Delayed { until } => (1, until),
        MessageState::InFlight { until, .. } => (2, until),
    }
}

fn start(disk: &SimDisk, clock: &ToldClock, seed: u64) -> SimBroker {
    SimBroker::start(small_settings(), disk, clock, seed).expect("a healthy disk is started from")
}
