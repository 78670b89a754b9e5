//! Random steps, taken by broker and model at once.

use ledgerq::{
    broker::{digest, start::Settings},
    disk::{SimDisk, sim::keep_none},
    state,
    types::{
        Backoff, CancelOutcome, Command, DeleteMode, LeaseRef, Millis, QueueName, Rejection, Reply,
        SendEntry, Seq, SettingsPatch,
    },
};
use proptest::{collection::vec, prelude::*};

use super::reference::{Changed, Counts, Model, Number, Receipt, Sending};
use crate::{
    broker::{BEGIN, SimBroker, Told, ToldClock, small_settings, state_settings},
    commands::{self, delayed, group},
};

const IN_FLIGHT_MAX: u64 = 8;
const RETENTION: Millis = Millis::from_secs(600);

/// One thing that happens. A receipt is any of those that were given out, by its number.
#[derive(Clone, Debug)]
enum Step {
    Send { bodies: Vec<u16>, delay: u64, life: Option<u64>, kind: (u8, u8), id: Option<u8> },
    Receive { count_max: u64, timeout: u64 },
    Delete { receipts: Vec<usize>, is_lenient: bool },
    Change { receipt: usize, timeout: u64 },
    Cancel { number: usize },
    Purge,
    Retention { seconds: u64 },
    Show,
    Advance { millis: u64 },
    Leap { millis: u64 },
    Kill,
    PowerCut,
}

fn step() -> impl Strategy<Value = Step> {
    let timeout = prop_oneof![Just(0), 1..40_000_u64, Just(30_000), Just(43_200_000)];
    let delay = prop_oneof![3 => Just(0), 1 => 0..30_000_u64];
    let life = prop::option::weighted(0.2, 1..60_000_u64);
    let kind = (prop_oneof![3 => Just(4), 1 => 0..10_u8], prop_oneof![2 => Just(0), 1 => 0..4_u8]);
    let id = prop::option::weighted(0.2, 0..30_u8);
    let millis = prop_oneof![4 => 0..20_000_u64, 2 => Just(30_000), 1 => 0..400_000_u64];
    prop_oneof![
        8 => (vec(0..3_000_u16, 1..4), delay, life, kind, id)
            .prop_map(|(bodies, delay, life, kind, id)| Step::Send {
                bodies, delay, life, kind, id
            }),
        8 => (1..6_u64, timeout.clone())
            .prop_map(|(count_max, timeout)| Step::Receive { count_max, timeout }),
        6 => (vec(any::<usize>(), 1..4), any::<bool>())
            .prop_map(|(receipts, is_lenient)| Step::Delete { receipts, is_lenient }),
        4 => (any::<usize>(), timeout)
            .prop_map(|(receipt, timeout)| Step::Change { receipt, timeout }),
        1 => (1..200_usize).prop_map(|number| Step::Cancel { number }),
        1 => Just(Step::Purge),
        1 => (60..900_u64).prop_map(|seconds| Step::Retention { seconds }),
        3 => Just(Step::Show),
        5 => millis.clone().prop_map(|millis| Step::Advance { millis }),
        2 => millis.prop_map(|millis| Step::Leap { millis }),
        1 => Just(Step::Kill),
        1 => Just(Step::PowerCut),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: super::cases(1500),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_broker_does_what_the_model_does(
        steps in vec(step(), 1..120),
        wait in prop_oneof![Just(0), Just(3000)],
    ) {
        let mut pair = Pair::new(Millis::new(wait));
        for step in &steps {
            pair.take(step);
            pair.broker.owner().state().check_all();
        }
        pair.take(&Step::PowerCut);
        pair.show();
    }
}

/// A broker and a model that have gone the same way.
struct Pair {
    broker: SimBroker,
    clock: ToldClock,
    starts_count: u64,
    model: Model,
    /// The message of each number.
    seqs: Vec<Seq>,
    /// The lease of each receipt.
    leases: Vec<LeaseRef>,
}

impl Pair {
    fn new(wait: Millis) -> Self {
        let clock = ToldClock::new();
        let mut broker = start(&SimDisk::new(), &clock, 1);
        let retention = Some(RETENTION);
        let backoff =
            (!wait.is_zero()).then_some(Backoff { first: wait, doubles: false, max: wait });
        let settings =
            SettingsPatch { retention, backoff: Some(backoff), ..SettingsPatch::default() };
        broker.ask(Command::CreateQueue { queue: jobs(), settings }).expect("it is answered");
        let model = Model::new(BEGIN, RETENTION, IN_FLIGHT_MAX, wait);
        let (seqs, leases) = (Vec::new(), Vec::new());
        Self { broker, clock, starts_count: 1, model, seqs, leases }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Send { ref bodies, delay, life, kind: (priority, tenant), id } => {
                let time_to_live = life.map(Millis::new);
                let tenant = (tenant > 0).then_some(tenant);
                let delay = Millis::new(delay);
                let sending = Sending { delay, time_to_live, priority, tenant, id };
                self.send(bodies, sending);
            }
            Step::Cancel { number } => self.cancel(number),
            Step::Receive { count_max, timeout } => self.receive(count_max, Millis::new(timeout)),
            Step::Delete { ref receipts, is_lenient } => self.delete(receipts, is_lenient),
            Step::Change { receipt, timeout } => self.change(receipt, Millis::new(timeout)),
            Step::Purge => self.purge(),
            Step::Retention { seconds } => self.set_retention(Millis::from_secs(seconds)),
            Step::Show => self.show(),
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

    fn ask(&mut self, command: Command) -> Told {
        self.broker.ask(command).expect("nobody waits")
    }

    fn restart(&mut self, disk: &SimDisk) {
        self.starts_count += 1;
        self.broker = start(disk, &self.clock, self.starts_count);
        self.broker.owner().state().check_all();
    }

    fn send(&mut self, bodies: &[u16], sending: Sending) {
        let Sending { delay, time_to_live, priority, tenant, id } = sending;
        let is_too_long = delay > Millis::from_secs(60);
        assert!(!is_too_long, "delays are below every retention");
        let id = id.map(|id| digest::deduplication(&id.to_string(), None, false));
        let body = |length: &u16| vec![b'x'; usize::from(*length) + 1];
        let entry = |length| SendEntry {
            time_to_live,
            priority: Some(priority),
            group: tenant.map(|tenant| group(&format!("tenant-{tenant}"))),
            deduplication: id,
            ..delayed(body(length), delay)
        };
        let entries = bodies.iter().map(entry).collect();
        let told = self.ask(Command::Send { queue: jobs(), entries });
        let Ok(Reply::Sent(outcomes)) = told.reply else { panic!("{:?}", told.reply) };
        assert_eq!(outcomes.len(), bodies.len());
        for outcome in outcomes {
            let (number, is_duplicate) = self.model.send(sending);
            let sent = outcome.expect("a good message is taken");
            assert_eq!(sent.is_duplicate, is_duplicate);
            if is_duplicate {
                assert_eq!(self.seqs[number - 1], sent.seq, "it is told of the first");
            } else {
                self.seqs.push(sent.seq);
                assert_eq!(number, self.seqs.len());
            }
        }
    }

    fn cancel(&mut self, number: Number) {
        let Some(seq) = self.seqs.get(number - 1).copied() else { return };
        let told = self.ask(Command::Cancel { queue: jobs(), seqs: vec![seq] });
        let Ok(Reply::Cancelled(outcomes)) = told.reply else { panic!("{:?}", told.reply) };
        let is_cancelled = outcomes == [Ok(CancelOutcome::Cancelled)];
        assert_eq!(is_cancelled, self.model.cancel(number));
    }

    fn receive(&mut self, count_max: u64, timeout: Millis) {
        let expected = self.model.receive_count(count_max);
        let count_max = usize::try_from(count_max).expect("a small number");
        let told = self.ask(commands::receive("jobs", count_max, Some(timeout)));
        let leased = match (told.reply, expected) {
            (Err(Rejection::TooManyInFlight { .. }), None) => return,
            (Ok(Reply::Received(leased)), Some(count)) => {
                assert_eq!(leased.len() as u64, count, "as many as there are");
                leased
            }
            (reply, expected) => panic!("{reply:?} where {expected:?} was expected"),
        };
        for leased in leased {
            let number: Number = self.number_of(leased.seq);
            let receipt: Receipt = self.leases.len();
            self.leases.push(leased.lease());
            let count = self.model.received(number, receipt, timeout);
            assert_eq!(count, Some(leased.receive_count), "message {number}");
        }
    }

    fn number_of(&self, seq: Seq) -> Number {
        self.seqs.iter().position(|known| *known == seq).expect("it was sent") + 1
    }

    fn delete(&mut self, receipts: &[usize], is_lenient: bool) {
        if self.leases.is_empty() {
            return;
        }
        let receipts: Vec<Receipt> =
            receipts.iter().map(|receipt| receipt % self.leases.len()).collect();
        let leases = receipts.iter().map(|receipt| self.leases[*receipt]).collect();
        let mode = if is_lenient { DeleteMode::Lenient } else { DeleteMode::Fenced };
        let told = self.ask(Command::Delete { queue: jobs(), leases, mode });
        let Ok(Reply::Deleted(outcomes)) = told.reply else { panic!("{:?}", told.reply) };
        let expected: Vec<_> =
            receipts.iter().map(|receipt| Ok(self.model.delete(*receipt, is_lenient))).collect();
        assert_eq!(outcomes, expected);
    }

    fn change(&mut self, receipt: usize, timeout: Millis) {
        if self.leases.is_empty() {
            return;
        }
        let receipt = receipt % self.leases.len();
        let entries = vec![(self.leases[receipt], timeout)];
        let told = self.ask(Command::ChangeVisibility { queue: jobs(), entries });
        let Ok(Reply::VisibilityChanged(ends)) = told.reply else { panic!("{:?}", told.reply) };
        let changed = match &ends[0] {
            Ok(until) => {
                assert_eq!(*until, self.model.now.after(timeout));
                Changed::Done
            }
            Err(Rejection::MessageNotInFlight) => Changed::NotInFlight,
            Err(Rejection::LeaseStale) => Changed::Stale,
            Err(Rejection::MessageNotFound) => Changed::Gone,
            Err(Rejection::LeaseTooLong { .. }) => Changed::TooLong,
            Err(other) => panic!("refused with {other}"),
        };
        assert_eq!(changed, self.model.change(receipt, timeout));
    }

    fn purge(&mut self) {
        let told = self.ask(Command::PurgeQueue { queue: jobs() });
        let is_done = match told.reply {
            Ok(Reply::Done) => true,
            Err(Rejection::PurgeInProgress { .. }) => false,
            other => panic!("{other:?}"),
        };
        assert_eq!(is_done, self.model.purge());
    }

    fn set_retention(&mut self, retention: Millis) {
        let settings = SettingsPatch { retention: Some(retention), ..SettingsPatch::default() };
        let told = self.ask(Command::UpdateQueue { queue: jobs(), settings });
        assert!(told.reply.is_ok(), "{:?}", told.reply);
        self.model.set_retention(retention);
    }

    fn show(&mut self) {
        let told = self.ask(Command::GetQueue { queue: jobs() });
        let Ok(Reply::Queue(view)) = told.reply else { panic!("{:?}", told.reply) };
        let counts = view.counts;
        let (ready, delayed, in_flight) = (counts.ready, counts.delayed, counts.in_flight);
        assert_eq!(Counts { ready, delayed, in_flight }, self.model.counts());
    }
}

fn jobs() -> QueueName {
    QueueName::parse("jobs").expect("a good name")
}

fn start(disk: &SimDisk, clock: &ToldClock, seed: u64) -> SimBroker {
    let state = state::Settings { in_flight_max: IN_FLIGHT_MAX, ..state_settings() };
    let settings = Settings { state, ..small_settings() };
    SimBroker::start(settings, disk, clock, seed).expect("a healthy disk is started from")
}
