//! The leases that a receive stream has.
//!
//! **Invariant**: a lease is here from when its delivery came from the broker until the client says
//! what is to become of it, the lease is found to be over, or the stream ends. What is here at the
//! end is given back at once.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    broker::Handle,
    types::{LeaseRef, Millis, QueueName, Seq},
};

/// Ticks after which a lease is extended: it is then one to two ticks old.
const TICKS: u32 = 2;

/// The leases of one stream. The task of the stream and the transport's end of it share them.
pub(super) struct Held {
    broker: Arc<Handle>,
    queue: QueueName,
    leases: Mutex<Leases>,
}

#[derive(Default)]
struct Leases {
    by_seq: BTreeMap<Seq, Lease>,
    /// Whether the stream has ended.
    is_over: bool,
}

struct Lease {
    names: LeaseRef,
    /// Whether the message is on its way to the client.
    is_handed: bool,
    /// Whether the stream extends it.
    is_kept: bool,
    /// Ticks since it began or was extended.
    ticks: u32,
}

impl Held {
    pub(super) fn new(broker: Arc<Handle>, queue: QueueName) -> Self {
        Self { broker, queue, leases: Mutex::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.locked().by_seq.len()
    }

    /// Takes leases that nobody has claimed yet, in the order of their delivery.
    pub(super) fn take(&self, leases: &[LeaseRef]) {
        let mut held = self.locked();
        for lease in leases {
            let new = Lease { names: *lease, is_handed: false, is_kept: true, ticks: 0 };
            held.by_seq.insert(lease.seq, new);
        }
    }

    /// The messages of these leases are about to go to the client. Not if the stream has ended.
    pub(super) fn hand_over(&self, leases: &[LeaseRef]) -> bool {
        let mut held = self.locked();
        for lease in leases {
            if let Some(own) = held.find(lease) {
                own.is_handed = true;
            }
        }
        !held.is_over
    }

    /// The client has said what is to become of it.
    pub(super) fn release(&self, lease: &LeaseRef) {
        let mut held = self.locked();
        if held.find(lease).is_some() {
            held.by_seq.remove(&lease.seq);
        }
    }

    /// The client extends it by itself from now on, or it cannot be extended any more.
    pub(super) fn leave_alone(&self, lease: &LeaseRef) {
        if let Some(own) = self.locked().find(lease) {
            own.is_kept = false;
        }
    }

    /// One tick has passed: the leases that are to be extended now.
    pub(super) fn tick(&self) -> Vec<LeaseRef> {
        let mut held = self.locked();
        let kept = held.by_seq.values_mut().filter(|lease| lease.is_kept);
        kept.filter_map(|lease| {
            lease.ticks += 1;
            (lease.ticks >= TICKS).then(|| {
                lease.ticks = 0;
                lease.names
            })
        })
        .collect()
    }

    /// Gives everything back: what the client has seen counts as received, the rest does not.
    pub(super) fn give_back(&self) {
        let leases = {
            let mut held = self.locked();
            held.is_over = true;
            std::mem::take(&mut held.by_seq)
        };
        let (handed, undone): (Vec<_>, Vec<_>) =
            leases.into_values().partition(|lease| lease.is_handed);
        let handed: Vec<_> = handed.iter().map(|own| (own.names, Millis::ZERO)).collect();
        let undone: Vec<_> = undone.iter().map(|own| own.names).collect();
        self.broker.undo(&undone);
        self.broker.give_back(&self.queue, &handed);
    }

    fn locked(&self) -> MutexGuard<'_, Leases> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leases {
    /// The message's lease, if it is still this one.
    fn find(&mut self, lease: &LeaseRef) -> Option<&mut Lease> {
        self.by_seq.get_mut(&lease.seq).filter(|own| own.names == *lease)
    }
}

/// Also when the task of the stream was lost.
impl Drop for Held {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::{
        broker::{
            Event, Receipts, Request,
            mailbox::{Caller, Limits, Mailbox},
        },
        types::{Command, Lineage, Nonce, QueueId},
    };

    fn lease(seq: u64, nonce: u64) -> LeaseRef {
        LeaseRef { queue: QueueId::new(1), seq: Seq::new(seq), nonce: Nonce::new(nonce) }
    }

    fn held() -> (Held, mpsc::Receiver<Event<Caller>>) {
        let (mailbox, events) =
            Mailbox::new(Limits { requests_max: 1, polls_max: 1, bytes_max: 1 });
        let broker = Handle::new(mailbox, Receipts::new(&[0; 32]), Lineage::default());
        let queue = QueueName::parse("jobs").expect("it is a name");
        (Held::new(Arc::new(broker), queue), events)
    }

    fn told(events: &mpsc::Receiver<Event<Caller>>) -> Vec<Command> {
        let command = |event| match event {
            Event::Request(Request { command, waiter: None }) => command,
            _ => panic!("nobody waits for what is given back"),
        };
        events.try_iter().map(command).collect()
    }

    #[test]
    fn what_the_client_has_not_seen_does_not_count_as_received() {
        let (held, events) = held();
        held.take(&[lease(1, 1), lease(2, 2), lease(3, 3), lease(4, 4)]);
        assert!(held.hand_over(&[lease(1, 1), lease(3, 3)]));
        held.release(&lease(4, 4));
        held.release(&lease(2, 9));
        held.give_back();
        let queue = QueueName::parse("jobs").expect("it is a name");
        let entries = vec![(lease(1, 1), Millis::ZERO), (lease(3, 3), Millis::ZERO)];
        let expected = [
            Command::Return { leases: vec![lease(2, 2)] },
            Command::ChangeVisibility { queue, entries },
        ];
        assert_eq!(told(&events), expected);
        assert!(!held.hand_over(&[lease(2, 2)]), "it is over");
        drop(held);
        assert!(told(&events).is_empty(), "all of it was given back already");
    }

    #[test]
    fn a_stream_whose_task_is_lost_gives_back_what_it_has() {
        let (held, events) = held();
        held.take(&[lease(1, 1)]);
        drop(held);
        assert_eq!(told(&events), [Command::Return { leases: vec![lease(1, 1)] }]);
    }

    #[test]
    fn a_lease_is_extended_every_other_tick_until_it_is_left_alone() {
        let (held, _events) = held();
        held.take(&[lease(1, 1), lease(2, 2)]);
        held.leave_alone(&lease(2, 2));
        assert!(held.tick().is_empty());
        assert_eq!(held.tick(), [lease(1, 1)]);
        assert!(held.tick().is_empty());
        // A later receive of the message has a lease of its own.
        held.take(&[lease(2, 3)]);
        held.release(&lease(1, 1));
        assert!(held.tick().is_empty());
        assert_eq!(held.tick(), [lease(2, 3)]);
    }
}
