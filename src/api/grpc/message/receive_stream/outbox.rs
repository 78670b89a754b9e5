//! Answers of a receive stream that the client has not taken yet.

use std::collections::VecDeque;

use tonic::Status;

use super::held::Held;
use crate::{
    api::grpc::outgoing::Rooms,
    broker::Room,
    proto::v1,
    types::{LeaseRef, limits},
};

/// Deliveries that wait; with so many, no further messages are received.
const DELIVERIES_MAX: usize = 2;
/// Results that wait; with so many, no further requests are read.
const RESULTS_MAX: usize = 10 * limits::ENTRIES_MAX;

/// One answer, on its way to the transport.
pub(super) struct Answer {
    told: Result<v1::ReceiveStreamResponse, Status>,
    /// The leases of its messages.
    leases: Vec<LeaseRef>,
    /// What its messages take until they are sent.
    room: Option<Room>,
}

/// What waits. Messages and results go out in answers of their own, so that both stay within the
/// size that clients take.
#[derive(Default)]
pub(super) struct Outbox {
    /// Whether the client was told that the stream is open.
    is_opened: bool,
    deliveries: VecDeque<(v1::ReceiveResponse, Vec<LeaseRef>, Room)>,
    pub(super) acks: Vec<v1::DeleteResult>,
    pub(super) nacks: Vec<v1::ChangeVisibilityResult>,
    pub(super) extensions: Vec<v1::ChangeVisibilityResult>,
}

impl Answer {
    /// How the stream ends.
    pub(super) fn end(status: Status) -> Self {
        Self { told: Err(status), leases: Vec::new(), room: None }
    }

    /// The transport takes it: its messages are on their way. Of a stream that has ended meanwhile
    /// they are left out, since their leases are given back already.
    pub(super) fn hand_over(
        mut self,
        held: &Held,
        rooms: &Rooms,
    ) -> Result<v1::ReceiveStreamResponse, Status> {
        self.room.take().into_iter().for_each(|room| rooms.add(room));
        if !self.leases.is_empty()
            && !held.hand_over(&self.leases)
            && let Ok(response) = &mut self.told
        {
            response.messages.clear();
            response.unavailable.clear();
        }
        self.told
    }
}

impl Outbox {
    pub(super) fn deliver(
        &mut self,
        response: v1::ReceiveResponse,
        leases: Vec<LeaseRef>,
        room: Room,
    ) {
        self.deliveries.push_back((response, leases, room));
    }

    /// Leaves messages out that the stream does not have any more.
    pub(super) fn drop_deliveries(&mut self) {
        self.deliveries.clear();
    }

    pub(super) fn has_room_for_messages(&self) -> bool {
        self.deliveries.len() < DELIVERIES_MAX
    }

    pub(super) fn has_room_for_results(&self) -> bool {
        self.acks.len() + self.nacks.len() + self.extensions.len() < RESULTS_MAX
    }

    pub(super) fn is_empty(&self) -> bool {
        self.is_opened && !self.has_results() && self.deliveries.is_empty()
    }

    fn has_results(&self) -> bool {
        !(self.acks.is_empty() && self.nacks.is_empty() && self.extensions.is_empty())
    }

    /// The next answer.
    pub(super) fn take(&mut self) -> Answer {
        let mut response = v1::ReceiveStreamResponse::default();
        let (mut leases, mut room) = (Vec::new(), None);
        if !std::mem::replace(&mut self.is_opened, true) {
            return Answer { told: Ok(response), leases, room };
        }
        if self.has_results() {
            response.ack_results = first(&mut self.acks);
            response.nack_results = first(&mut self.nacks);
            response.extension_results = first(&mut self.extensions);
        } else if let Some((delivery, of, taken)) = self.deliveries.pop_front() {
            response.messages = delivery.messages;
            response.unavailable = delivery.unavailable;
            (leases, room) = (of, Some(taken));
        }
        Answer { told: Ok(response), leases, room }
    }
}

/// As many as one answer has.
fn first<T>(results: &mut Vec<T>) -> Vec<T> {
    if results.len() <= limits::ENTRIES_MAX {
        return std::mem::take(results);
    }
    results.drain(..limits::ENTRIES_MAX).collect()
}
