//! How often time was looked at makes no difference: `advance(a)`, then `advance(b)`, is
//! `advance(b)`.

use ledgerq::{
    broker::digest,
    state::{SendDecision, State},
    types::{
        Backoff, Browse, Browsed, Delay, Millis, Nonce, QueueName, QueueView, ReceiveOptions,
        Record, RedrivePolicy, SendEntry, Seq, SettingsPatch, StateFilter, Timestamp,
    },
};
use proptest::{collection::vec, prelude::*};

use crate::{
    broker::{BEGIN, state_settings},
    commands::{entry, group, queue},
};

/// Dead letters go from the first to the second and from the third to the fourth.
const QUEUES: [&str; 4] = ["jobs", "dead", "jobs.fifo", "dead.fifo"];

/// What happens at one time.
#[derive(Clone, Debug)]
enum Step {
    Send {
        queue: usize,
        delay: u64,
        time_to_live: Option<u64>,
        group: usize,
        id: Option<u8>,
    },
    Receive {
        queue: usize,
        count_max: usize,
        timeout: u64,
        attempt: Option<u8>,
    },
    /// The delay of the FIFO queue.
    Delay {
        millis: u64,
    },
    Retention {
        queue: usize,
        seconds: u64,
    },
    Wait {
        millis: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let wait = prop_oneof![4 => 0..30_000_u64, 1 => 0..400_000_u64];
    let send = (0..3_usize, 0..20_000_u64, prop::option::of(1..40_000_u64), 0..3_usize);
    prop_oneof![
        6 => (send, prop::option::of(0..4_u8)).prop_map(
            |((queue, delay, time_to_live, group), id)| {
                Step::Send { queue, delay, time_to_live, group, id }
            }),
        5 => (0..4_usize, 1..5_usize, 0..20_000_u64, prop::option::of(0..2_u8)).prop_map(
            |(queue, count_max, timeout, attempt)| {
                Step::Receive { queue, count_max, timeout, attempt }
            }),
        1 => (0..30_000_u64).prop_map(|millis| Step::Delay { millis }),
        1 => (0..4_usize, 60..120_u64)
            .prop_map(|(queue, seconds)| Step::Retention { queue, seconds }),
        6 => wait.prop_map(|millis| Step::Wait { millis }),
    ]
}

fn names() -> [QueueName; 4] {
    QUEUES.map(queue)
}

/// A state, and its records, each batch with its time.
struct Told {
    state: State,
    now: Timestamp,
    next_nonce: Nonce,
    frames: Vec<(Timestamp, Vec<Record>)>,
}

impl Told {
    fn new() -> Self {
        let mut state = State::new(state_settings());
        state.advance(BEGIN);
        let mut told = Self { state, now: BEGIN, next_nonce: Nonce::new(1), frames: Vec::new() };
        for at in [1, 0, 3, 2] {
            told.frames.push((BEGIN, Vec::new()));
            let dead_letters = (at % 2 == 0).then(|| {
                Some(RedrivePolicy { dead_letter_queue: names()[at + 1].clone(), receives_max: 2 })
            });
            let backoff =
                Backoff { first: Millis::new(700), doubles: true, max: Millis::new(3000) };
            let settings = SettingsPatch {
                retention: Some(Millis::from_secs(60)),
                redrive: dead_letters,
                backoff: (at != 1).then_some(Some(backoff)),
                ..SettingsPatch::default()
            };
            let created = told.state.decide_create(&names()[at], &settings);
            told.apply(created.expect("a good queue").expect("a new one"));
        }
        told
    }

    fn apply(&mut self, record: Record) {
        self.state.apply(&record, self.state.applied_lsn().next());
        self.frames.last_mut().expect("a frame has begun").1.push(record);
    }

    fn take(&mut self, step: &Step) {
        if let Step::Wait { millis } = step {
            self.now = self.now.after(Millis::new(*millis));
            return;
        }
        self.state.advance(self.now);
        self.frames.push((self.now, Vec::new()));
        match *step {
            Step::Send { queue, delay, time_to_live, group, id } => {
                self.send(queue, delay, time_to_live, group, id);
            }
            Step::Receive { queue, count_max, timeout, attempt } => {
                let attempt = attempt.filter(|_| queue >= 2);
                let options = ReceiveOptions {
                    count_max,
                    visibility_timeout: Some(Millis::new(timeout)),
                    attempt: attempt.map(|id| digest::attempt(&id.to_string())),
                };
                self.receive(&names()[queue], &options);
            }
            Step::Delay { millis } => {
                let delay = Some(Millis::new(millis));
                self.update(2, &SettingsPatch { delay, ..SettingsPatch::default() });
            }
            Step::Retention { queue, seconds } => {
                let retention = Some(Millis::from_secs(seconds));
                self.update(queue, &SettingsPatch { retention, ..SettingsPatch::default() });
            }
            Step::Wait { .. } => {}
        }
    }

    fn send(&mut self, at: usize, delay: u64, ttl: Option<u64>, group_no: usize, id: Option<u8>) {
        let is_fifo = at >= 2;
        let group_id = group(["a", "b", "c"][group_no]);
        let id = id.map(|id| id.to_string());
        let id = id.or_else(|| is_fifo.then(|| self.state.next_seq().to_string()));
        let entry = SendEntry {
            delay: (!is_fifo).then(|| Delay::For(Millis::new(delay))),
            time_to_live: ttl.map(Millis::new),
            deduplication: id.map(|id| digest::deduplication(&id, Some(&group_id), false)),
            group: Some(group_id),
            ..entry("hello")
        };
        let decided = self.state.decide_send(&names()[at], &entry, self.state.next_seq());
        self.apply_if(decided.map(SendDecision::record).expect("a good message"));
    }

    fn receive(&mut self, queue: &QueueName, options: &ReceiveOptions) -> Vec<Seq> {
        self.next_nonce = self.next_nonce.next();
        let begun = self.state.begin_receive(queue, options, self.next_nonce);
        let mut receiving = begun.expect("there is no limit");
        if let Some((record, seqs)) = self.state.decide_repeat(&receiving) {
            self.apply(record);
            return seqs;
        }
        while let Some(record) = self.state.decide_receive(&mut receiving) {
            self.apply(record);
        }
        receiving.taken().to_vec()
    }

    fn update(&mut self, at: usize, settings: &SettingsPatch) {
        // A delay that is longer than the retention is refused.
        if let Ok(record) = self.state.decide_update(&names()[at], settings) {
            self.apply_if(record);
        }
    }

    fn apply_if(&mut self, record: Option<Record>) {
        if let Some(record) = record {
            self.apply(record);
        }
    }

    /// What is there, and in which order it is received.
    fn seen(&mut self) -> (Vec<QueueView>, Vec<Vec<Browsed>>, Vec<Vec<Seq>>) {
        let (views, _) = self.state.queues("", None, 10);
        let looked = names().map(|queue| {
            let browse = Browse {
                queue,
                states: StateFilter::ALL,
                group: None,
                age_min: None,
                after: Seq::default(),
                count_max: 1000,
            };
            self.state.browse(&browse).expect("it is there").0
        });
        self.frames.push((self.now, Vec::new()));
        let received = names().map(|queue| self.receive(&queue, &ReceiveOptions::new(1000)));
        (views, looked.into(), received.into())
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: super::cases(1000),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn looking_at_the_time_in_between_changes_nothing(
        steps in vec(step(), 1..60),
        looks in vec(0..40_000_u64, 60),
        ahead in 0..400_000_u64,
    ) {
        let mut rare = Told::new();
        for step in &steps {
            rare.take(step);
        }
        rare.state.advance(rare.now);
        let mut often = Told {
            state: State::new(state_settings()),
            now: rare.now,
            next_nonce: rare.next_nonce,
            frames: Vec::new(),
        };
        for ((at, records), step) in rare.frames.iter().zip(looks.iter().cycle()) {
            // Nothing happened before the beginning.
            let mut look = often.state.now().max(BEGIN).after(Millis::new(step / 7));
            while look < *at {
                often.state.advance(look);
                look = look.after(Millis::new(step / 7 + 100));
            }
            often.state.advance(*at);
            for record in records {
                prop_assert_eq!(often.state.admits(record), Ok(()));
                often.state.apply(record, often.state.applied_lsn().next());
            }
        }
        let end = rare.now.after(Millis::new(ahead));
        for part in 1..=5 {
            often.state.advance(rare.now.after(Millis::new(ahead * part / 5)));
        }
        often.state.advance(end);
        rare.state.advance(end);
        often.state.check_all();
        rare.state.check_all();
        prop_assert_eq!(often.state.next_deadline(), rare.state.next_deadline());
        prop_assert_eq!(often.seen(), rare.seen());
    }
}
