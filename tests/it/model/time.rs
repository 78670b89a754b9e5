//! How often time was looked at makes no difference: `advance(a)`, then `advance(b)`, is
//! `advance(b)`.

use ledgerq::{
    broker::Handle,
    state::{Settings, State},
    types::{
        Millis, Nonce, QueueName, QueueView, Record, SendEntry, SettingsPatch, Timestamp,
        limits::IN_FLIGHT_MAX_DEFAULT,
    },
};
use proptest::{collection::vec, prelude::*};

use crate::broker::BEGIN;

/// What happens at one time.
#[derive(Clone, Debug)]
enum Step {
    Send { delay: u64 },
    Receive { count_max: usize, timeout: u64 },
    Wait { millis: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..20_000_u64).prop_map(|delay| Step::Send { delay }),
        2 => (1..5_usize, 0..20_000_u64)
            .prop_map(|(count_max, timeout)| Step::Receive { count_max, timeout }),
        3 => (0..30_000_u64).prop_map(|millis| Step::Wait { millis }),
    ]
}

fn jobs() -> QueueName {
    QueueName::parse("jobs").expect("a good name")
}

fn empty() -> State {
    State::new(Settings { in_flight_max: IN_FLIGHT_MAX_DEFAULT })
}

fn apply(state: &mut State, record: &Record) {
    state.apply(record, state.applied_lsn().next());
}

/// The records of the steps, each with its time, as a state that looks at the time only then
/// decides them.
fn decide(steps: &[Step]) -> (State, Vec<(Timestamp, Vec<Record>)>) {
    let (mut state, mut now, mut nonce) = (empty(), BEGIN, Nonce::new(1));
    state.advance(now);
    let retention = Some(Millis::from_secs(60));
    let settings = SettingsPatch { retention, ..SettingsPatch::default() };
    let created = state.decide_create(&jobs(), &settings).expect("it is a good queue");
    let mut frames = vec![(now, created.into_iter().collect::<Vec<_>>())];
    apply(&mut state, &frames[0].1[0]);
    for step in steps {
        let records = match step {
            Step::Wait { millis } => {
                now = now.after(Millis::new(*millis));
                continue;
            }
            Step::Send { delay } => {
                state.advance(now);
                let payload = Handle::payload(&[], "hello".into());
                let entry = SendEntry { payload, delay: Some(Millis::new(*delay)) };
                vec![state.decide_send(&jobs(), &entry).expect("it is a good message")]
            }
            Step::Receive { count_max, timeout } => {
                state.advance(now);
                nonce = nonce.next();
                let timeout = Some(Millis::new(*timeout));
                state.decide_receive(&jobs(), *count_max, timeout, nonce).expect("it has no limit")
            }
        };
        for record in &records {
            apply(&mut state, record);
        }
        frames.push((now, records));
    }
    state.advance(now);
    (state, frames)
}

/// What is there, and in which order it would be received.
fn seen(state: &State) -> (Vec<QueueView>, Vec<Record>, Option<Timestamp>) {
    let (views, _) = state.queues("", None, 10);
    let receive = state.decide_receive(&jobs(), 1000, None, Nonce::new(u64::MAX));
    (views, receive.expect("it has no limit"), state.next_deadline())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn looking_at_the_time_in_between_changes_nothing(
        steps in vec(step(), 1..60),
        looks in vec(0..40_000_u64, 60),
        ahead in 0..90_000_u64,
    ) {
        let (mut rare, frames) = decide(&steps);
        let mut often = empty();
        for ((at, records), step) in frames.iter().zip(looks.iter().cycle()) {
            // Nothing happened before the beginning.
            let mut look = often.now().max(BEGIN).after(Millis::new(step / 7));
            while look < *at {
                often.advance(look);
                look = look.after(Millis::new(step / 7 + 1));
            }
            often.advance(*at);
            for record in records {
                prop_assert_eq!(often.admits(record), Ok(()));
                apply(&mut often, record);
            }
        }
        let end = rare.now().after(Millis::new(ahead));
        for part in 1..=5 {
            often.advance(rare.now().after(Millis::new(ahead * part / 5)));
        }
        often.advance(end);
        rare.advance(end);
        often.check_all();
        rare.check_all();
        prop_assert_eq!(seen(&often), seen(&rare));
    }
}
