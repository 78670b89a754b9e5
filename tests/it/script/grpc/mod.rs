//! A real server over gRPC. Time is told to its clock, and a request after that wakes the broker.

mod messages;
mod moves;
mod queues;
mod scope;

use ledgerq::{
    disk::SimDisk,
    proto::v1,
    types::{Attribute, AttributeValue, Millis, Timestamp},
};
use tokio::{runtime::Runtime, task::JoinHandle, time::timeout};
use tonic::{Response, Status};

use super::{
    Setup,
    driver::{ALL_TASKS, Call, Driver, Outcome, Receive},
    server::{CountedClock, Served},
};

pub(super) use scope::is_in_the_api;

/// An answer that does not come in this time never comes.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);
/// An owner that does nothing for so long has nothing to do.
const REST: std::time::Duration = std::time::Duration::from_millis(5);

pub(super) struct GrpcDriver {
    setup: Setup,
    runtime: Runtime,
    disk: SimDisk,
    clock: CountedClock,
    /// `None` while it is restarted.
    served: Option<Served>,
    starts_count: u64,
    polls: Vec<(String, JoinHandle<Outcome>)>,
}

impl GrpcDriver {
    pub(super) fn new(setup: Setup) -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(2).enable_all().build().expect("threads can be had");
        let (disk, clock) = (SimDisk::new(), CountedClock::new());
        let served = Some(Served::start(&runtime, setup, &disk, &clock, 1));
        Self { setup, runtime, disk, clock, served, starts_count: 1, polls: Vec::new() }
    }

    fn served(&self) -> &Served {
        self.served.as_ref().expect("it is not being restarted")
    }

    async fn answer(&self, call: Call) -> Outcome {
        match call {
            Call::Create { .. }
            | Call::Update { .. }
            | Call::Get { .. }
            | Call::List { .. }
            | Call::Sources { .. }
            | Call::Purge { .. }
            | Call::Drop { .. }
            | Call::Pause { .. } => queues::ask(self.served().queues.clone(), call).await,
            Call::StartMove { .. } | Call::ListMoves { .. } | Call::CancelMove { .. } => {
                moves::ask(self.served().moves.clone(), call).await
            }
            other => messages::ask(self.served().messages.clone(), other).await,
        }
    }

    /// Where the SQS-compatible endpoint of the same server listens.
    pub(super) fn sqs_address(&self) -> std::net::SocketAddr {
        self.served().sqs
    }

    /// A poll on a thread of its own.
    pub(super) fn poll_by(&mut self, label: &str, poll: impl FnOnce() -> Outcome + Send + 'static) {
        self.poll_of(label, |runtime| runtime.spawn_blocking(poll));
    }

    fn poll_of(&mut self, label: &str, start: impl FnOnce(&Runtime) -> JoinHandle<Outcome>) {
        // Whatever the owner had to do before is done once it has answered this, but for what its
        // other threads still have in hand and tell it later.
        self.wake();
        self.rest();
        let before = self.clock.reads();
        let task = start(&self.runtime);
        // The owner reads the clock when it takes the event in, when it then looks what to do, and
        // before it waits; one more read may belong to what was before.
        while self.clock.reads() < before + 3 && !task.is_finished() {
            std::thread::yield_now();
        }
        self.rest();
        self.polls.push((label.to_owned(), task));
    }

    /// Waits until the owner has not looked at the clock for a moment.
    fn rest(&self) {
        loop {
            let before = self.clock.reads();
            std::thread::sleep(REST);
            if self.clock.reads() == before {
                return;
            }
        }
    }

    /// Anything that wakes the broker and changes nothing.
    fn wake(&self) {
        let call = Call::List { prefix: String::new(), after: None, count_max: 1 };
        self.runtime.block_on(self.answer(call));
    }
}

impl Driver for GrpcDriver {
    fn call(&mut self, call: Call) -> Outcome {
        let answer = async { timeout(PATIENCE, self.answer(call)).await };
        self.runtime.block_on(answer).expect("a call that does not wait is answered")
    }

    fn lose(&mut self, _receive: Receive) {
        unreachable!("when a client's end is noticed is not the test's to say");
    }

    fn poll(&mut self, label: &str, receive: Receive) {
        let mut messages = self.served().messages.clone();
        let poll = async move { messages::receive(&mut messages, receive).await };
        self.poll_of(label, |runtime| runtime.spawn(poll));
    }

    fn hang_up(&mut self, _label: &str) {
        unreachable!("when a client's end is noticed is not the test's to say");
    }

    fn arrived(&mut self, expected: usize) -> Vec<(String, Outcome)> {
        let mut waiting = std::mem::take(&mut self.polls);
        let labels: Vec<String> = waiting.iter().map(|(label, _)| label.clone()).collect();
        let mut arrived = Vec::new();
        let all_there = async {
            loop {
                let is_done = |(_, task): &mut (String, JoinHandle<Outcome>)| task.is_finished();
                for (label, task) in waiting.extract_if(.., is_done) {
                    arrived.push((label, task.await.expect("it does not panic")));
                }
                if arrived.len() >= expected {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        let there = self.runtime.block_on(async { timeout(PATIENCE, all_there).await });
        assert!(there.is_ok(), "a poll is not answered");
        self.polls = waiting;
        // Answers that were released together may come in any order.
        arrived.sort_by_key(|(label, _)| labels.iter().position(|known| known == label));
        arrived
    }

    fn tasks(&mut self, expected: &[String]) -> Vec<String> {
        let settled = async {
            while self.answer(ALL_TASKS).await.tasks() != expected {
                tokio::task::yield_now().await;
            }
        };
        let settled = self.runtime.block_on(async { timeout(PATIENCE, settled).await });
        // Where they are instead is compared by whoever asks.
        if settled.is_err() { self.call(ALL_TASKS).tasks() } else { expected.to_vec() }
    }

    fn advance(&mut self, by: Millis) {
        let told = &self.clock.told;
        told.set(told.now().after(by));
        self.wake();
    }

    fn restart(&mut self) {
        for (_, task) in std::mem::take(&mut self.polls) {
            task.abort();
        }
        let served = self.served.take().expect("it serves");
        self.runtime.block_on(served.stop());
        self.disk = self.disk.kill();
        self.starts_count += 1;
        let (disk, clock) = (&self.disk, &self.clock);
        let served = Served::start(&self.runtime, self.setup, disk, clock, self.starts_count);
        self.served = Some(served);
    }
}

impl Drop for GrpcDriver {
    fn drop(&mut self) {
        if let Some(served) = self.served.take()
            && !std::thread::panicking()
        {
            self.runtime.block_on(served.stop());
        }
    }
}

/// What a client is told of an answer, or the text of its refusal.
fn told<T>(answer: Result<Response<T>, Status>, then: impl FnOnce(T) -> Outcome) -> Outcome {
    match answer {
        Ok(answer) => then(answer.into_inner()),
        Err(status) => Outcome::Refused(without_path(status.message())),
    }
}

/// The sentence without the path of its field, which other drivers do not know; of a step, which
/// they know, its number stays.
fn without_path(sentence: &str) -> String {
    for begin in ["settings.", "filter."] {
        if let Some(rest) = sentence.strip_prefix(begin) {
            return rest.to_owned();
        }
    }
    let Some((place, rest)) = sentence.split_once(']') else { return sentence.to_owned() };
    match place {
        _ if place.starts_with("entries[") => rest.trim_start_matches('.').to_owned(),
        _ if place.starts_with("steps[") => {
            let fields = [".send.message", ".send", ".delete", ".change_visibility"];
            let rest = fields.iter().find_map(|field| rest.strip_prefix(field)).unwrap_or(rest);
            format!("{place}]: {}", rest.trim_start_matches(['.', ':', ' ']))
        }
        _ => sentence.to_owned(),
    }
}

fn filter_of(
    group: Option<String>,
    age_min: Option<Millis>,
    attribute: Option<Attribute>,
) -> v1::MessageFilter {
    let attribute = attribute.map(attribute_of);
    v1::MessageFilter {
        group_id: group.unwrap_or_default(),
        min_age: age_min.map(duration_of),
        attribute: attribute.map(|(name, value)| v1::AttributeFilter { name, value: Some(value) }),
    }
}

fn attribute_of(attribute: Attribute) -> (String, v1::AttributeValue) {
    let Attribute { name, data_type, value } = attribute;
    let value = Some(match value {
        AttributeValue::Text(text) => v1::attribute_value::Value::Text(text),
        AttributeValue::Binary(bytes) => v1::attribute_value::Value::Binary(bytes),
    });
    (name, v1::AttributeValue { data_type, value })
}

fn from_attribute((name, given): (String, v1::AttributeValue)) -> Attribute {
    let value = match given.value.expect("an attribute has a value") {
        v1::attribute_value::Value::Text(text) => AttributeValue::Text(text),
        v1::attribute_value::Value::Binary(bytes) => AttributeValue::Binary(bytes),
    };
    Attribute { name, data_type: given.data_type, value }
}

fn duration_of(millis: Millis) -> prost_types::Duration {
    let nanos = i32::try_from(millis.get() % 1000 * 1_000_000).expect("less than a second");
    let seconds = i64::try_from(millis.get() / 1000).expect("durations are short");
    prost_types::Duration { seconds, nanos }
}

fn millis(duration: Option<prost_types::Duration>) -> Millis {
    let duration = duration.expect("every time is told");
    let part = |number: i64| u64::try_from(number).expect("it is not negative");
    Millis::new(part(duration.seconds) * 1000 + part(duration.nanos.into()) / 1_000_000)
}

fn timestamp(at: Option<prost_types::Timestamp>) -> Timestamp {
    let at = at.expect("every time is told");
    let duration = prost_types::Duration { seconds: at.seconds, nanos: at.nanos };
    Timestamp::from_millis(millis(Some(duration)).get())
}
