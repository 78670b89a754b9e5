//! A server of messages that answers as told, and a place for output that tests can read.

mod admin;
mod streams;

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Request, Response, Status, Streaming, transport::Server};
use tonic_types::{ErrorDetails, StatusExt};

use super::{Output, Session};
use crate::{
    client::Client,
    proto::v1::{
        self,
        admin_service_server::AdminServiceServer,
        message_service_server::{MessageService, MessageServiceServer},
    },
};

/// Output of a command; cloned, it is the same.
#[derive(Clone, Default)]
pub(super) struct Shared(Arc<Mutex<Vec<u8>>>);

/// Output that nobody reads.
pub(super) struct Closed;

/// What the fake server was asked and what it is to say.
#[derive(Default)]
pub(super) struct State {
    /// Bodies that were sent, in the order of arrival.
    pub(super) sent: Vec<Bytes>,
    /// Bodies that are refused.
    pub(super) refused: BTreeSet<Bytes>,
    /// Answers of the next sends in place of the usual one.
    pub(super) statuses: VecDeque<Status>,
    /// Bodies to receive.
    pub(super) ready: Vec<Bytes>,
    /// Receipt handles that were deleted, and that were given back.
    pub(super) deleted: Vec<String>,
    pub(super) returned: Vec<String>,
    /// Pages that a peek gives, one after the other, each of bodies.
    pub(super) pages: VecDeque<Vec<Bytes>>,
    /// Sizes of the pages that were asked for.
    pub(super) page_sizes: Vec<u32>,
    /// Entries that were sent, also as steps, whole.
    pub(super) entries: Vec<v1::SendEntry>,
    /// Whether it has done nothing yet that there were figures of.
    pub(super) is_new: bool,
    /// Backups that were ended.
    pub(super) ended: Vec<u64>,
}

/// A server of one connection's life; cloned, it is the same.
#[derive(Clone, Default)]
pub(super) struct Fake(Arc<Mutex<State>>);

impl Shared {
    pub(super) fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        String::from_utf8(bytes).expect("output is text")
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Fake {
    /// A session with this server whose output goes to `sink`.
    pub(super) async fn session(&self, sink: impl Write + 'static, json: bool) -> Session {
        let (listener, server) = listen().await;
        tokio::spawn(self.serve(listener));
        Session {
            client: Client::connect(&server).await.expect("it listens"),
            out: Output::to(sink, json),
        }
    }

    /// Serves for ever.
    pub(super) fn serve(
        &self,
        listener: TcpListener,
    ) -> impl Future<Output = Result<(), tonic::transport::Error>> + Send + use<> {
        let messages = MessageServiceServer::new(self.clone());
        let admin = AdminServiceServer::new(self.clone());
        let incoming = TcpListenerStream::new(listener);
        Server::builder().add_service(messages).add_service(admin).serve_with_incoming(incoming)
    }

    /// Looks at the state or changes it.
    pub(super) fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A free port and its address.
pub(super) async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let server = format!("http://{}", listener.local_addr().expect("its address"));
    (listener, server)
}

/// A status as a broker makes it, after which another try can succeed at once.
pub(super) fn status(code: Code, reason: &str, message: &str) -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info(reason, "ledgerq", HashMap::new());
    details.set_retry_info(Some(std::time::Duration::ZERO));
    Status::with_error_details(code, message, details)
}

impl State {
    fn accept(&mut self, entry: v1::SendEntry) -> v1::SentMessage {
        let message_id = format!("id-of-{}", String::from_utf8_lossy(&entry.body));
        let is_known = |known: &v1::SendEntry| known.deduplication_id == entry.deduplication_id;
        let duplicate = !entry.deduplication_id.is_empty() && self.entries.iter().any(is_known);
        self.sent.push(entry.body.clone());
        self.entries.push(entry);
        let sequence_number = self.sent.len() as u64;
        v1::SentMessage { message_id, sequence_number, duplicate }
    }

    fn take_ready(&mut self) -> Vec<v1::Message> {
        let at = Some(now());
        let bodies = std::mem::take(&mut self.ready).into_iter().enumerate();
        let messages = bodies.map(|(index, body)| v1::Message {
            message_id: format!("id-{index}"),
            receipt_handle: format!("handle-{index}"),
            body,
            sent_at: at,
            first_received_at: at,
            receive_count: 1,
            lease_expires_at: at,
            ..Default::default()
        });
        messages.collect()
    }

    fn batch(&mut self, entries: Vec<v1::SendEntry>) -> Result<Vec<v1::SendResult>, Status> {
        if let Some(status) = self.statuses.pop_front() {
            return Err(status);
        }
        let results = entries.into_iter().map(|entry| {
            let result = if self.refused.contains(&entry.body) {
                let message = "the message is refused".into();
                v1::send_result::Result::Error(v1::EntryError { message, ..Default::default() })
            } else {
                v1::send_result::Result::Sent(self.accept(entry))
            };
            v1::SendResult { result: Some(result) }
        });
        Ok(results.collect())
    }

    fn step(&mut self, step: v1::TransactStep) -> v1::TransactResult {
        use v1::{transact_result::Result as Done, transact_step::Step};
        let done = match step.step.expect("a step") {
            Step::Send(send) => Done::Sent(self.accept(send.message.expect("a message"))),
            Step::Delete(delete) => {
                self.deleted.push(delete.receipt_handle);
                Done::Deleted(v1::DeletedMessage {})
            }
            Step::ChangeVisibility(_) => Done::LeaseExpiresAt(now()),
        };
        v1::TransactResult { result: Some(done) }
    }
}

/// What became of a receipt handle that is deleted by.
fn deleted(handle: &str) -> v1::DeleteResult {
    let outcome = match handle {
        "stale" => v1::DeleteOutcome::StaleLease,
        _ => v1::DeleteOutcome::Deleted,
    };
    v1::DeleteResult { result: Some(v1::delete_result::Result::Outcome(outcome.into())) }
}

/// The time that the fake server always has.
fn now() -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 }
}

#[tonic::async_trait]
impl MessageService for Fake {
    async fn send(
        &self,
        request: Request<v1::SendRequest>,
    ) -> Result<Response<v1::SendResponse>, Status> {
        let results = self.state(|state| state.batch(request.into_inner().entries))?;
        Ok(Response::new(v1::SendResponse { results }))
    }

    type SendStreamStream = streams::Answers<v1::SendStreamResponse>;

    async fn send_stream(
        &self,
        request: Request<Streaming<v1::SendStreamRequest>>,
    ) -> Result<Response<Self::SendStreamStream>, Status> {
        Ok(Response::new(streams::send(self.clone(), request.into_inner()).await?))
    }

    type ReceiveStreamStream = streams::Answers<v1::ReceiveStreamResponse>;

    async fn receive_stream(
        &self,
        request: Request<Streaming<v1::ReceiveStreamRequest>>,
    ) -> Result<Response<Self::ReceiveStreamStream>, Status> {
        Ok(Response::new(streams::receive(self.clone(), request.into_inner()).await?))
    }

    async fn receive(
        &self,
        _: Request<v1::ReceiveRequest>,
    ) -> Result<Response<v1::ReceiveResponse>, Status> {
        let messages = self.state(State::take_ready);
        Ok(Response::new(v1::ReceiveResponse { messages, unavailable: Vec::new() }))
    }

    async fn delete(
        &self,
        request: Request<v1::DeleteRequest>,
    ) -> Result<Response<v1::DeleteResponse>, Status> {
        let handles = request.into_inner().receipt_handles;
        let results = handles.iter().map(|handle| deleted(handle)).collect();
        self.state(|state| state.deleted.extend(handles));
        Ok(Response::new(v1::DeleteResponse { results }))
    }

    async fn change_visibility(
        &self,
        request: Request<v1::ChangeVisibilityRequest>,
    ) -> Result<Response<v1::ChangeVisibilityResponse>, Status> {
        let handles = request.into_inner().entries.into_iter().map(|entry| entry.receipt_handle);
        let results = self.state(|state| {
            let before = state.returned.len();
            state.returned.extend(handles);
            let changed = v1::change_visibility_result::Result::LeaseExpiresAt(now());
            let result = v1::ChangeVisibilityResult { result: Some(changed) };
            vec![result; state.returned.len() - before]
        });
        Ok(Response::new(v1::ChangeVisibilityResponse { results }))
    }

    async fn cancel_scheduled(
        &self,
        request: Request<v1::CancelScheduledRequest>,
    ) -> Result<Response<v1::CancelScheduledResponse>, Status> {
        let results = request.into_inner().message_ids.into_iter().map(|id| {
            let outcome = match id.as_str() {
                "late" => v1::CancelOutcome::TooLate,
                "gone" => v1::CancelOutcome::NotFound,
                _ => v1::CancelOutcome::Cancelled,
            };
            v1::CancelResult { result: Some(v1::cancel_result::Result::Outcome(outcome.into())) }
        });
        Ok(Response::new(v1::CancelScheduledResponse { results: results.collect() }))
    }

    async fn transact(
        &self,
        request: Request<v1::TransactRequest>,
    ) -> Result<Response<v1::TransactResponse>, Status> {
        self.state(|state| {
            if let Some(status) = state.statuses.pop_front() {
                return Err(status);
            }
            let steps = request.into_inner().steps.into_iter();
            let results = steps.map(|step| state.step(step)).collect();
            Ok(Response::new(v1::TransactResponse { results }))
        })
    }

    async fn peek(
        &self,
        request: Request<v1::PeekRequest>,
    ) -> Result<Response<v1::PeekResponse>, Status> {
        let request = request.into_inner();
        let (bodies, is_last) = self.state(|state| {
            state.page_sizes.push(request.page_size);
            let bodies = state.pages.pop_front().unwrap_or_default();
            (bodies, state.pages.is_empty())
        });
        let messages = bodies.into_iter().map(|body| v1::PeekedMessage {
            message_id: format!("id-of-{}", String::from_utf8_lossy(&body)),
            state: v1::MessageState::Delayed.into(),
            ready_at: Some(now()),
            sent_at: Some(now()),
            body_bytes: body.len() as u64,
            body: if request.include_bodies { body } else { Bytes::new() },
            sequence_number: 7,
            priority: 4,
            group_id: "g1".into(),
            ..Default::default()
        });
        let next_page_token = if is_last { String::new() } else { "more".into() };
        let (messages, unavailable) = (messages.collect(), Vec::new());
        Ok(Response::new(v1::PeekResponse { messages, unavailable, next_page_token }))
    }

    async fn get_message(
        &self,
        _: Request<v1::GetMessageRequest>,
    ) -> Result<Response<v1::GetMessageResponse>, Status> {
        Err(Status::unimplemented("no command asks for it"))
    }
}
