//! Streams of the fake server: each request is answered before the next is read.

use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use tonic::{Status, Streaming};

use super::{Fake, State, deleted, now};
use crate::proto::v1;

pub(super) type Answers<A> = BoxStream<'static, Result<A, Status>>;

/// Refuses the stream if the next send is to be refused for the moment.
pub(super) async fn send(
    fake: Fake,
    mut requests: Streaming<v1::SendStreamRequest>,
) -> Result<Answers<v1::SendStreamResponse>, Status> {
    use v1::send_stream_response::Response as Told;
    requests.message().await?;
    fake.state(|state| {
        let is_busy = |status: &mut Status| status.code() == tonic::Code::ResourceExhausted;
        state.statuses.pop_front_if(is_busy).map_or(Ok(()), Err)
    })?;
    let opened = v1::SendStreamOpened { window_bytes: 16 << 20, window_batches: 64 };
    let opened = v1::SendStreamResponse { response: Some(Told::Opened(opened)) };
    let batches = stream::unfold((fake, requests, 1), |(fake, mut requests, batch)| async move {
        let entries = requests.message().await.ok()??.entries;
        let answer = fake.state(|state| state.batch(entries)).map(|results| {
            let result = v1::SendStreamResult { batch, results, error: None };
            v1::SendStreamResponse { response: Some(Told::Result(result)) }
        });
        Some((answer, (fake, requests, batch + 1)))
    });
    Ok(stream::iter([Ok(opened)]).chain(batches).boxed())
}

/// Gives what is ready at once.
pub(super) async fn receive(
    fake: Fake,
    mut requests: Streaming<v1::ReceiveStreamRequest>,
) -> Result<Answers<v1::ReceiveStreamResponse>, Status> {
    requests.message().await?;
    let messages = fake.state(State::take_ready);
    let first = v1::ReceiveStreamResponse { messages, ..Default::default() };
    let results = stream::unfold((fake, requests), |(fake, mut requests)| async move {
        let v1::ReceiveStreamRequest { acks, nacks, .. } = requests.message().await.ok()??;
        let ack_results = acks.iter().map(|handle| deleted(handle)).collect();
        let changed = v1::change_visibility_result::Result::LeaseExpiresAt(now());
        let nack_results = vec![v1::ChangeVisibilityResult { result: Some(changed) }; nacks.len()];
        fake.state(|state| {
            state.deleted.extend(acks);
            state.returned.extend(nacks.into_iter().map(|entry| entry.receipt_handle));
        });
        let answer = v1::ReceiveStreamResponse { ack_results, nack_results, ..Default::default() };
        Some((Ok(answer), (fake, requests)))
    });
    Ok(stream::iter([Ok(first)]).chain(results).boxed())
}
