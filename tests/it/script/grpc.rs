//! A real server over gRPC. Time is told to its clock, and a request after that wakes the broker.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ledgerq::{
    disk::SimDisk,
    proto::v1,
    types::{
        Attribute, AttributeValue, Delay, DeleteMode, DeleteOutcome, Millis, QueueCounts,
        QueueSettings, SettingsPatch, Timestamp,
    },
};
use tokio::{runtime::Runtime, task::JoinHandle, time::timeout};
use tonic::{Response, Status};

use super::{
    Setup,
    driver::{Accepted, Call, Content, Driver, Entry, Message, Outcome, Queue, Receive},
    parse::Line,
    server::{CountedClock, Served},
};

/// An answer that does not come in this time never comes.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

/// Whether the api has what the line is about.
pub(super) fn is_in_the_api(line: &Line) -> bool {
    let receive_is = |receive: &Receive| receive.attempt.is_none();
    match line {
        Line::Poll { receive, .. } | Line::Lose(receive) => receive_is(receive),
        Line::Call(call) => match call {
            Call::Create { settings, .. } | Call::Update { settings, .. } => {
                let SettingsPatch { delay, message_bytes_max, .. } = *settings;
                let SettingsPatch { retention, receive_wait, visibility_timeout, .. } = *settings;
                let (delay, retention) = (delay, retention);
                let only = SettingsPatch {
                    delay,
                    message_bytes_max,
                    retention,
                    receive_wait,
                    visibility_timeout,
                    ..SettingsPatch::default()
                };
                *settings == only
            }
            Call::Send { entries, .. } => entries.iter().all(|entry| {
                let Entry { time_to_live, priority, group, deduplication_id, delay, .. } = entry;
                let is_short = !matches!(delay, Some(Delay::Until(_)));
                let has_ids = group.is_some() || deduplication_id.is_some();
                is_short && !has_ids && time_to_live.is_none() && priority.is_none()
            }),
            Call::Receive(receive) => receive_is(receive),
            Call::Get { .. }
            | Call::List { .. }
            | Call::Purge { .. }
            | Call::Drop { .. }
            | Call::Delete { .. }
            | Call::Change { .. } => true,
            Call::Sources { .. }
            | Call::Pause { .. }
            | Call::Cancel { .. }
            | Call::Transact { .. }
            | Call::Browse(_)
            | Call::StartMove { .. }
            | Call::ListMoves { .. }
            | Call::CancelMove { .. } => false,
        },
        Line::Settings { .. } | Line::HangUp { .. } | Line::Advance(_) | Line::Restart => true,
    }
}

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

    async fn queue_call(&self, call: Call) -> Outcome {
        let mut queues = self.served().queues.clone();
        match call {
            Call::Create { queue, settings } => {
                let settings = Some(settings_of(&settings));
                let request = v1::CreateQueueRequest { queue, settings };
                told(queues.create_queue(request).await, |answer| queue_of(answer.queue))
            }
            Call::Update { queue, settings } => {
                let settings = Some(settings_of(&settings));
                let request = v1::UpdateQueueRequest { queue, settings, update_mask: None };
                told(queues.update_queue(request).await, |answer| queue_of(answer.queue))
            }
            Call::Get { queue } => {
                let request = v1::GetQueueRequest { queue };
                told(queues.get_queue(request).await, |answer| queue_of(answer.queue))
            }
            Call::List { prefix, after, count_max } => {
                let page_size = u32::try_from(count_max).expect("pages are small");
                let after = after.map(|name| BASE64_URL_SAFE_NO_PAD.encode(name));
                let page_token = after.unwrap_or_default();
                let request = v1::ListQueuesRequest { prefix, page_size, page_token };
                told(queues.list_queues(request).await, |answer| Outcome::Queues {
                    names: answer.queues.into_iter().map(|queue| queue.name).collect(),
                    more: !answer.next_page_token.is_empty(),
                })
            }
            Call::Purge { queue } => {
                let request = v1::PurgeQueueRequest { queue };
                told(queues.purge_queue(request).await, |_| Outcome::Done)
            }
            Call::Drop { queue } => {
                let request = v1::DeleteQueueRequest { queue };
                told(queues.delete_queue(request).await, |_| Outcome::Done)
            }
            other => self.message_call(other).await,
        }
    }

    async fn message_call(&self, call: Call) -> Outcome {
        let mut messages = self.served().messages.clone();
        match call {
            Call::Send { queue, entries } => {
                let entries = entries.into_iter().map(entry_of).collect();
                let request = v1::SendRequest { queue, entries };
                told(messages.send(request).await, |answer| {
                    Outcome::Sent(answer.results.into_iter().map(sent_of).collect())
                })
            }
            Call::Receive(receive) => {
                told(messages.receive(request_of(receive)).await, received_of)
            }
            Call::Delete { queue, handles, mode } => {
                let mode = match mode {
                    DeleteMode::Fenced => v1::DeleteMode::Fenced,
                    DeleteMode::Lenient => v1::DeleteMode::Lenient,
                };
                let receipt_handles = handles;
                let request = v1::DeleteRequest { queue, receipt_handles, mode: mode.into() };
                told(messages.delete(request).await, |answer| {
                    Outcome::Deleted(answer.results.into_iter().map(deleted_of).collect())
                })
            }
            Call::Change { queue, entries } => {
                let change = |(receipt_handle, timeout)| v1::ChangeVisibilityEntry {
                    receipt_handle,
                    visibility_timeout: Some(duration_of(timeout)),
                };
                let entries = entries.into_iter().map(change).collect();
                let request = v1::ChangeVisibilityRequest { queue, entries };
                told(messages.change_visibility(request).await, |answer| {
                    Outcome::Changed(answer.results.into_iter().map(changed_of).collect())
                })
            }
            other => unreachable!("{other:?} is about queues"),
        }
    }

    /// Anything that wakes the broker and changes nothing.
    fn wake(&self) {
        let call = Call::List { prefix: String::new(), after: None, count_max: 1 };
        self.runtime.block_on(self.queue_call(call));
    }
}

impl Driver for GrpcDriver {
    fn call(&mut self, call: Call) -> Outcome {
        let answer = async { timeout(PATIENCE, self.queue_call(call)).await };
        self.runtime.block_on(answer).expect("a call that does not wait is answered")
    }

    fn lose(&mut self, _receive: Receive) {
        unreachable!("when a client's end is noticed is not the test's to say");
    }

    fn poll(&mut self, label: &str, receive: Receive) {
        // Whatever the owner had to do before is done once it has answered this.
        self.wake();
        let before = self.clock.reads();
        let mut messages = self.served().messages.clone();
        let poll = async move { told(messages.receive(request_of(receive)).await, received_of) };
        let task = self.runtime.spawn(poll);
        // The owner reads the clock when it takes the event in, when it then looks what to do, and
        // before it waits; one more read may belong to what was before.
        while self.clock.reads() < before + 3 && !task.is_finished() {
            std::thread::yield_now();
        }
        self.polls.push((label.to_owned(), task));
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

fn told<T>(answer: Result<Response<T>, Status>, then: impl FnOnce(T) -> Outcome) -> Outcome {
    match answer {
        Ok(answer) => then(answer.into_inner()),
        Err(status) => Outcome::Refused(without_path("settings", status.message())),
    }
}

fn request_of(receive: Receive) -> v1::ReceiveRequest {
    v1::ReceiveRequest {
        queue: receive.queue,
        max_messages: Some(u32::try_from(receive.count_max).expect("counts are small")),
        visibility_timeout: receive.visibility_timeout.map(duration_of),
        wait_time: receive.wait.map(duration_of),
        ..v1::ReceiveRequest::default()
    }
}

fn received_of(answer: v1::ReceiveResponse) -> Outcome {
    assert!(answer.unavailable.is_empty(), "every body can be read: {:?}", answer.unavailable);
    Outcome::Received(answer.messages.into_iter().map(message_of).collect())
}

fn message_of(message: v1::Message) -> Message {
    Message {
        id: message.message_id,
        handle: message.receipt_handle,
        content: Content {
            attributes: message.attributes.into_iter().map(from_attribute).collect(),
            group: None,
            deduplication_id: None,
            body: message.body,
        },
        sent_at: timestamp(message.sent_at),
        first_received_at: timestamp(message.first_received_at),
        receive_count: message.receive_count,
        source: None,
    }
}

fn sent_of(result: v1::SendResult) -> Result<Accepted, String> {
    match result.result.expect("every entry has its outcome") {
        v1::send_result::Result::Sent(sent) => {
            Ok(Accepted { id: sent.message_id, is_duplicate: false })
        }
        v1::send_result::Result::Error(error) => Err(text_of(&error)),
    }
}

fn deleted_of(result: v1::DeleteResult) -> Result<DeleteOutcome, String> {
    let outcome = match result.result.expect("every entry has its outcome") {
        v1::delete_result::Result::Outcome(outcome) => outcome,
        v1::delete_result::Result::Error(error) => return Err(text_of(&error)),
    };
    Ok(match v1::DeleteOutcome::try_from(outcome).expect("it is one of them") {
        v1::DeleteOutcome::Deleted => DeleteOutcome::Deleted,
        v1::DeleteOutcome::AlreadyDeleted => DeleteOutcome::AlreadyDeleted,
        v1::DeleteOutcome::StaleLease => DeleteOutcome::StaleLease,
        v1::DeleteOutcome::Unspecified => panic!("an outcome is one of the three"),
    })
}

fn changed_of(result: v1::ChangeVisibilityResult) -> Result<(), String> {
    match result.result.expect("every entry has its outcome") {
        v1::change_visibility_result::Result::LeaseExpiresAt(_) => Ok(()),
        v1::change_visibility_result::Result::Error(error) => Err(text_of(&error)),
    }
}

fn text_of(error: &v1::EntryError) -> String {
    without_path("entries[", &error.message)
}

/// The sentence without the path of its field, which other drivers do not know.
fn without_path(begin: &str, sentence: &str) -> String {
    let (path, rest) = sentence.split_once('.').unwrap_or_default();
    if path.starts_with(begin) { rest.to_owned() } else { sentence.to_owned() }
}

fn queue_of(queue: Option<v1::Queue>) -> Outcome {
    let queue = queue.expect("the answer has the queue");
    let settings = queue.settings.expect("the queue has settings");
    let counts = queue.counts.expect("the queue has counts");
    Outcome::Queue(Queue {
        settings: QueueSettings {
            delay: millis(settings.delay),
            message_bytes_max: settings.max_message_bytes.expect("every setting is told"),
            retention: millis(settings.retention),
            receive_wait: millis(settings.receive_wait),
            visibility_timeout: millis(settings.visibility_timeout),
            ..QueueSettings::default()
        },
        counts: QueueCounts {
            ready: counts.ready,
            delayed: counts.delayed,
            in_flight: counts.in_flight,
            oldest_age: queue.oldest_message_age.map(|age| millis(Some(age))),
        },
        sends_paused: false,
        receives_paused: false,
    })
}

fn settings_of(settings: &SettingsPatch) -> v1::QueueSettings {
    v1::QueueSettings {
        delay: settings.delay.map(duration_of),
        max_message_bytes: settings.message_bytes_max,
        retention: settings.retention.map(duration_of),
        receive_wait: settings.receive_wait.map(duration_of),
        visibility_timeout: settings.visibility_timeout.map(duration_of),
        ..v1::QueueSettings::default()
    }
}

fn entry_of(entry: Entry) -> v1::SendEntry {
    v1::SendEntry {
        body: entry.body,
        attributes: entry.attributes.into_iter().map(attribute_of).collect(),
        delay: entry.delay.map(|delay| match delay {
            Delay::For(delay) => duration_of(delay),
            Delay::Until(_) => unreachable!("the api does not have it"),
        }),
        ..v1::SendEntry::default()
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
