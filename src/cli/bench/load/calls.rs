//! Callers that make one call after the other.

use tonic::Status;

use super::{Caller, Messages, accepted};
use crate::{clock::Stopwatch, proto::v1};

/// Sends messages, all of which must be accepted.
pub(super) async fn send(client: &mut Messages, request: v1::SendRequest) -> Result<(), Status> {
    accepted(&client.send(request).await?.into_inner().results)
}

pub(super) async fn sends(caller: &mut Caller) -> Result<(), Status> {
    let request = caller.plan.request(caller.plan.batch);
    while caller.goes_on() {
        let began = Stopwatch::start();
        send(&mut caller.client, request.clone()).await?;
        caller.done(request.entries.len() as u64, &began);
    }
    Ok(())
}

pub(super) async fn receives(caller: &mut Caller) -> Result<(), Status> {
    while caller.goes_on() {
        let began = Stopwatch::start();
        let received = receive_and_delete(caller).await?;
        if received == 0 {
            break;
        }
        caller.done(received, &began);
    }
    Ok(())
}

pub(super) async fn mixed(caller: &mut Caller) -> Result<(), Status> {
    let request = caller.plan.request(caller.plan.batch);
    while caller.goes_on() {
        let began = Stopwatch::start();
        send(&mut caller.client, request.clone()).await?;
        let received = receive_and_delete(caller).await?;
        caller.done(received, &began);
    }
    Ok(())
}

/// How many messages it received and deleted.
async fn receive_and_delete(caller: &mut Caller) -> Result<u64, Status> {
    let request = v1::ReceiveRequest {
        queue: caller.plan.queue.clone(),
        max_messages: u32::try_from(caller.plan.batch).ok(),
        ..v1::ReceiveRequest::default()
    };
    let messages = caller.client.receive(request).await?.into_inner().messages;
    let receipt_handles: Vec<_> =
        messages.into_iter().map(|message| message.receipt_handle).collect();
    let received = receipt_handles.len() as u64;
    if received > 0 {
        let (queue, mode) = (caller.plan.queue.clone(), v1::DeleteMode::Fenced.into());
        caller.client.delete(v1::DeleteRequest { queue, receipt_handles, mode }).await?;
    }
    Ok(received)
}
