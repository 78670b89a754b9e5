//! A server of messages whose calls do nothing, but have the shape of a broker's: what is left is
//! the wire.

use std::io;

use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use tonic::{Request, Response, Status, Streaming, transport::server::TcpIncoming};

use super::apart::Apart;
use crate::{
    proto::v1::{
        self,
        delete_result::Result as Deleted,
        message_service_server::{MessageService, MessageServiceServer},
        send_stream_response::Response as Told,
    },
    server,
    types::limits,
};

/// A receipt handle, as long as a broker's.
const HANDLE: &str = "AQAAAAAAAAABAAAAAAAAAAEAAAAAAAAAAQAAAAAAAAAAAAAAAAAAAAA";
/// A message's id, as long as a broker's.
const MESSAGE_ID: &str = "00000000-0000-8000-8000-000000000000";
/// Bytes that an answer or a request may have.
const BYTES_MAX: usize = 8 << 20;

type Answers<A> = BoxStream<'static, Result<A, Status>>;

/// Answers without doing anything.
struct Nothing {
    /// A message to receive.
    message: v1::Message,
}

/// A server that does nothing, for as long as this lives.
pub struct Served {
    url: String,
    _threads: Apart,
}

impl Served {
    /// What clients connect to.
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// Serves on loopback, on threads of its own. What is received from it has bodies of so many bytes.
pub fn serve(size: usize) -> io::Result<Served> {
    let message = v1::Message {
        message_id: MESSAGE_ID.into(),
        receipt_handle: HANDLE.into(),
        body: vec![b'x'; size].into(),
        sent_at: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 }),
        first_received_at: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 }),
        lease_expires_at: Some(prost_types::Timestamp { seconds: 1_700_000_030, nanos: 0 }),
        receive_count: 1,
        sequence_number: 1,
        priority: 4,
        ..v1::Message::default()
    };
    let service = MessageServiceServer::new(Nothing { message })
        .max_decoding_message_size(BYTES_MAX)
        .max_encoding_message_size(BYTES_MAX);
    let threads = Apart::new()?;
    let listener = threads.listen()?;
    let address = listener.local_addr()?;
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    threads.run(async move {
        // Its clients find that it has ended.
        let _ = server::builder().add_service(service).serve_with_incoming(incoming).await;
    });
    Ok(Served { url: format!("http://{address}"), _threads: threads })
}

fn sent(entries: &[v1::SendEntry]) -> Vec<v1::SendResult> {
    let message_id = MESSAGE_ID.into();
    let sent = v1::SentMessage { message_id, sequence_number: 1, duplicate: false };
    let result = v1::SendResult { result: Some(v1::send_result::Result::Sent(sent)) };
    vec![result; entries.len()]
}

fn deleted(handles: &[String]) -> Vec<v1::DeleteResult> {
    let outcome = Deleted::Outcome(v1::DeleteOutcome::Deleted.into());
    vec![v1::DeleteResult { result: Some(outcome) }; handles.len()]
}

/// So many messages, or as many as an answer has.
fn messages(message: &v1::Message, count: u32) -> Vec<v1::Message> {
    let bytes = message.body.len().max(1) as u64;
    let count = u64::from(count).min((limits::RECEIVE_BYTES_MAX / bytes).max(1));
    let count = usize::try_from(count).unwrap_or(limits::RECEIVE_MAX);
    vec![message.clone(); count.min(limits::RECEIVE_MAX)]
}

#[tonic::async_trait]
impl MessageService for Nothing {
    async fn send(
        &self,
        request: Request<v1::SendRequest>,
    ) -> Result<Response<v1::SendResponse>, Status> {
        let results = sent(&request.into_inner().entries);
        Ok(Response::new(v1::SendResponse { results }))
    }

    type SendStreamStream = Answers<v1::SendStreamResponse>;

    async fn send_stream(
        &self,
        request: Request<Streaming<v1::SendStreamRequest>>,
    ) -> Result<Response<Self::SendStreamStream>, Status> {
        let mut requests = request.into_inner();
        requests.message().await?;
        let opened = v1::SendStreamOpened {
            window_bytes: limits::SEND_WINDOW_BYTES,
            window_batches: limits::SEND_WINDOW_BATCHES,
        };
        let opened = v1::SendStreamResponse { response: Some(Told::Opened(opened)) };
        let batches = stream::unfold((requests, 1), |(mut requests, batch)| async move {
            let results = sent(&requests.message().await.ok()??.entries);
            let result = Told::Result(v1::SendStreamResult { batch, results, error: None });
            Some((Ok(v1::SendStreamResponse { response: Some(result) }), (requests, batch + 1)))
        });
        Ok(Response::new(stream::iter([Ok(opened)]).chain(batches).boxed()))
    }

    async fn receive(
        &self,
        request: Request<v1::ReceiveRequest>,
    ) -> Result<Response<v1::ReceiveResponse>, Status> {
        let messages = messages(&self.message, request.into_inner().max_messages.unwrap_or(1));
        Ok(Response::new(v1::ReceiveResponse { messages, unavailable: Vec::new() }))
    }

    type ReceiveStreamStream = Answers<v1::ReceiveStreamResponse>;

    async fn receive_stream(
        &self,
        request: Request<Streaming<v1::ReceiveStreamRequest>>,
    ) -> Result<Response<Self::ReceiveStreamStream>, Status> {
        let (requests, message) = (request.into_inner(), self.message.clone());
        let answers = stream::unfold((requests, message), |(mut requests, message)| async move {
            let request = requests.message().await.ok()??;
            let answer = v1::ReceiveStreamResponse {
                messages: messages(&message, request.credits),
                ack_results: deleted(&request.acks),
                ..v1::ReceiveStreamResponse::default()
            };
            Some((Ok(answer), (requests, message)))
        });
        Ok(Response::new(answers.boxed()))
    }

    async fn delete(
        &self,
        request: Request<v1::DeleteRequest>,
    ) -> Result<Response<v1::DeleteResponse>, Status> {
        let results = deleted(&request.into_inner().receipt_handles);
        Ok(Response::new(v1::DeleteResponse { results }))
    }

    async fn change_visibility(
        &self,
        _: Request<v1::ChangeVisibilityRequest>,
    ) -> Result<Response<v1::ChangeVisibilityResponse>, Status> {
        Ok(Response::new(v1::ChangeVisibilityResponse::default()))
    }

    async fn cancel_scheduled(
        &self,
        _: Request<v1::CancelScheduledRequest>,
    ) -> Result<Response<v1::CancelScheduledResponse>, Status> {
        Ok(Response::new(v1::CancelScheduledResponse::default()))
    }

    async fn transact(
        &self,
        _: Request<v1::TransactRequest>,
    ) -> Result<Response<v1::TransactResponse>, Status> {
        Ok(Response::new(v1::TransactResponse::default()))
    }

    async fn peek(
        &self,
        _: Request<v1::PeekRequest>,
    ) -> Result<Response<v1::PeekResponse>, Status> {
        Ok(Response::new(v1::PeekResponse::default()))
    }

    async fn get_message(
        &self,
        _: Request<v1::GetMessageRequest>,
    ) -> Result<Response<v1::GetMessageResponse>, Status> {
        Ok(Response::new(v1::GetMessageResponse::default()))
    }
}
