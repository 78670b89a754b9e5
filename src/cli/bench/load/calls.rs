//! Callers that make one call after the other.

use tonic::Status;

use super::{Caller, Messages, accepted};
use crate::proto::v1;

/// Sends messages, all of which must be accepted.
pub(super) async fn send(client: &mut Messages, request: v1::SendRequest) -> Result<(), Status> {
    accepted(&client.send(request).await?.into_inner().results)
}

pub(super) async fn sends(caller: &mut Caller) -> Result<(), Status> {
    let entries = caller.plan.entries(caller.plan.batch);
    while let Some(began) = caller.begin().await {
        let request = v1::SendRequest { queue: caller.next_queue(), entries: entries.clone() };
        send(&mut caller.client, request).await?;
        caller.done(entries.len() as u64, began);
    }
    Ok(())
}

pub(super) async fn receives(caller: &mut Caller) -> Result<(), Status> {
    // Queues that were empty, one after the other.
    let mut empty = 0;
    while let Some(began) = caller.begin().await {
        let queue = caller.next_queue();
        let received = receive_and_delete(caller, queue).await?;
        if received > 0 {
            empty = 0;
            caller.done(received, began);
            continue;
        }
        empty += 1;
        if empty == caller.plan.queues {
            break;
        }
    }
    Ok(())
}

pub(super) async fn mixed(caller: &mut Caller) -> Result<(), Status> {
    let entries = caller.plan.entries(caller.plan.batch);
    while let Some(began) = caller.begin().await {
        let queue = caller.next_queue();
        let request = v1::SendRequest { queue: queue.clone(), entries: entries.clone() };
        send(&mut caller.client, request).await?;
        let received = receive_and_delete(caller, queue).await?;
        caller.done(received, began);
    }
    Ok(())
}

/// How many messages it received and deleted.
async fn receive_and_delete(caller: &mut Caller, queue: String) -> Result<u64, Status> {
    let request = v1::ReceiveRequest {
        queue: queue.clone(),
        max_messages: u32::try_from(caller.plan.batch).ok(),
        ..v1::ReceiveRequest::default()
    };
    let messages = caller.client.receive(request).await?.into_inner().messages;
    let receipt_handles: Vec<_> =
        messages.into_iter().map(|message| message.receipt_handle).collect();
    let received = receipt_handles.len() as u64;
    if received > 0 {
        let mode = v1::DeleteMode::Fenced.into();
        caller.client.delete(v1::DeleteRequest { queue, receipt_handles, mode }).await?;
    }
    Ok(received)
}
