//! Deciding on receives, one record after the other: which message is leased next, or moved to the
//! dead-letter queue, as the records before have left the state.

use super::{
    State,
    lanes::{Lane, Lanes},
    queue::Queue,
};
use crate::types::{
    Digest, Leased, Millis, Nonce, QueueId, QueueName, ReceiveOptions, Record, Rejection, Seq,
    Timestamp, Unit, in_range,
    limits::{DEAD_LETTERS_MAX, RECEIVE_BYTES_MAX, VISIBILITY_MAX},
};

/// A receive under way: what it may take and what it took.
#[derive(Clone, Debug)]
pub struct Receiving {
    queue: QueueId,
    count_max: usize,
    nonce: Nonce,
    until: Timestamp,
    attempt: Option<Digest>,
    taken: Vec<Seq>,
    bytes: u64,
    moved_count: usize,
    /// The group and message that were taken last.
    last: Option<(Lane, Seq)>,
    attempt_told: bool,
}

impl Receiving {
    /// The messages that were taken, in order.
    pub fn taken(&self) -> &[Seq] {
        &self.taken
    }

    /// The queue.
    pub fn queue(&self) -> QueueId {
        self.queue
    }
}

impl State {
    /// Begins a receive whose leases are named by `nonce`.
    pub fn begin_receive(
        &self,
        name: &QueueName,
        options: &ReceiveOptions,
        nonce: Nonce,
    ) -> Result<Receiving, Rejection> {
        let queue = self.named(name)?;
        let timeout = options.visibility_timeout.unwrap_or(queue.settings.visibility_timeout);
        in_range("visibility_timeout", timeout.get(), 0, VISIBILITY_MAX.get(), Unit::Millis)?;
        if options.attempt.is_some() && !queue.name.is_fifo() {
            let (queue, field) = (name.clone(), "attempt_id");
            let problem = "only receives of FIFO queues have attempts";
            return Err(Rejection::NotForThisKind { queue, field, problem });
        }
        if queue.receives_paused {
            return Err(Rejection::QueuePaused { queue: name.clone(), what: "receives" });
        }
        let in_flight_max = self.settings.in_flight_max;
        let free = in_flight_max.saturating_sub(queue.counts.in_flight);
        let receiving = Receiving {
            queue: queue.id,
            count_max: options.count_max.min(usize::try_from(free).unwrap_or(usize::MAX)),
            nonce,
            until: self.now.after(timeout),
            attempt: options.attempt,
            taken: Vec::new(),
            bytes: 0,
            moved_count: 0,
            last: None,
            attempt_told: false,
        };
        // Repeating an attempt leases nothing more.
        let leases_more = || queue.is_deliverable() && self.decide_repeat(&receiving).is_none();
        if free == 0 && leases_more() {
            return Err(Rejection::TooManyInFlight { queue: name.clone(), in_flight_max });
        }
        Ok(receiving)
    }

    /// The record by which a receive repeats its attempt, with the messages; `None` if it has none
    /// that still holds.
    pub fn decide_repeat(&self, receiving: &Receiving) -> Option<(Record, Vec<Seq>)> {
        let attempt = receiving.attempt?;
        let queue = self.queues.get(&receiving.queue)?;
        let made = queue.attempts.by_id.get(&attempt)?;
        let holds = |seq: &Seq| {
            let touched = queue.touched.get(seq);
            touched.is_some_and(|touched| {
                touched.nonce == made.nonce && !touched.is_changed && touched.is_in_flight()
            })
        };
        if !made.seqs.iter().all(holds) {
            return None;
        }
        let (queue, until) = (receiving.queue, receiving.until);
        Some((Record::AttemptRepeated { queue, attempt, until }, made.seqs.clone()))
    }

    /// The next record of a receive; `None` if it has all that it can get. The record must be
    /// applied before the next is asked for.
    pub fn decide_receive(&self, receiving: &mut Receiving) -> Option<Record> {
        let queue = self.queues.get(&receiving.queue)?;
        self.next_message(queue, receiving).or_else(|| Self::attempt_record(receiving))
    }

    fn next_message(&self, queue: &Queue, receiving: &mut Receiving) -> Option<Record> {
        if receiving.taken.len() >= receiving.count_max || receiving.moved_count >= DEAD_LETTERS_MAX
        {
            return None;
        }
        let (lane, seq) = match &queue.lanes {
            Lanes::Standard(tenants) => (None, tenants.choose()?),
            Lanes::Fifo(groups) => {
                let (lane, seq) = groups.choose(receiving.last, &queue.touched)?;
                (Some(lane), seq)
            }
        };
        if let Some(target) = self.dead_letter_queue(queue, seq) {
            receiving.moved_count += 1;
            return Some(Record::MessageMoved { queue: queue.id, seq, target });
        }
        let size = u64::from(queue.size(seq)?);
        if !receiving.taken.is_empty() && receiving.bytes + size > RECEIVE_BYTES_MAX {
            return None;
        }
        receiving.bytes += size;
        receiving.taken.push(seq);
        receiving.last = lane.map(|lane| (lane, seq));
        let (nonce, until) = (receiving.nonce, receiving.until);
        Some(Record::MessageLeased { queue: queue.id, seq, nonce, until })
    }

    fn attempt_record(receiving: &mut Receiving) -> Option<Record> {
        if receiving.attempt_told || receiving.taken.is_empty() {
            return None;
        }
        let attempt = receiving.attempt?;
        receiving.attempt_told = true;
        let (queue, nonce) = (receiving.queue, receiving.nonce);
        let seqs = receiving.taken.clone();
        Some(Record::AttemptMade { queue, attempt, nonce, seqs })
    }

    /// Where a message goes instead of being received once more; `None` if it is to be received.
    fn dead_letter_queue(&self, queue: &Queue, seq: Seq) -> Option<QueueId> {
        let redrive = queue.settings.redrive.as_ref()?;
        let touched = queue.touched.get(&seq)?;
        let received_here = touched.receive_count.saturating_sub(touched.received_elsewhere);
        if received_here < redrive.receives_max {
            return None;
        }
        // A target that is gone, is paused or does not allow it any more is as good as none.
        let target = self.named(&redrive.dead_letter_queue).ok()?;
        let takes = !target.sends_paused && target.settings.redrive_allow.allows(&queue.name);
        takes.then_some(target.id)
    }

    /// A leased message as its receive tells it; `None` if it is not in flight.
    pub fn leased(&self, id: QueueId, seq: Seq) -> Option<Leased> {
        let touched = self.queues.get(&id)?.touched.get(&seq)?;
        if !touched.is_in_flight() {
            return None;
        }
        Some(Leased {
            queue: id,
            seq,
            nonce: touched.nonce,
            until: touched.until()?,
            sent_at: touched.sent_at,
            first_received_at: touched.first_received_at,
            receive_count: touched.receive_count,
            dead_letter_source: touched.source,
            dead_letter_source_name: touched
                .source
                .and_then(|source| self.queue_name(source))
                .cloned(),
            priority: touched.slot.priority,
        })
    }

    /// A queue's incarnation, and how long its receives wait unless they say.
    pub fn receive_wait(&self, name: &QueueName) -> Result<(QueueId, Millis), Rejection> {
        self.named(name).map(|queue| (queue.id, queue.settings.receive_wait))
    }
}

impl Queue {
    /// Body and attributes of a message that can be received, in bytes.
    fn size(&self, seq: Seq) -> Option<u32> {
        if let Some(touched) = self.touched.get(&seq) {
            return Some(touched.size);
        }
        let slot = self.lanes.front_slot(seq)?;
        self.lanes.front_waiting(slot).map(|waiting| waiting.size)
    }
}
