//! What the log says of one message: a fold over its records, without any I/O.
//!
//! What has no record is not an event: that a delay or a lease ended, and that a message expired.
//! When it would expire follows from its queue's settings, and is told as that.

use std::collections::{BTreeMap, BTreeSet};

use crate::types::{
    Digest, Lsn, Millis, QueueId, QueueName, Record, Sending, Seq, TaskId, Timestamp,
};

/// Something that happened to the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// When.
    pub(super) at: Timestamp,
    /// Which record says so.
    pub(super) lsn: Lsn,
    /// Whether it is one of a transact's.
    pub(super) in_transact: bool,
    /// What.
    pub(super) what: What,
}

/// What happened to the message. Queues are named as far as the log has their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// It was accepted.
    Sent { queue: String, sending: Sending },
    /// A move task made it of another message.
    Arrived { task: TaskId, from: Seq, queue: String, sending: Sending },
    /// A receive leased it, the so manieth that counts.
    Leased { receive_count: u32, until: Timestamp },
    /// Its lease ends at another time.
    LeaseChanged { until: Timestamp },
    /// Its lease was ended by its holder.
    GivenUp,
    /// Its lease was undone, and the receive does not count.
    Returned { receive_count: u32 },
    /// It went to a dead-letter queue.
    Moved { from: String, to: String },
    /// A move task made another message of it.
    Redriven { task: TaskId, to: Seq, queue: String },
    /// It was deleted.
    Deleted,
    /// Its queue was purged.
    Purged { queue: String },
    /// Its queue was deleted.
    QueueDeleted { queue: String },
}

/// How the message stands at the end of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// The queue that has it.
    pub(super) queue: String,
    /// How often it was received.
    pub(super) receive_count: u32,
    /// When it expires by what is known, if the settings of its queue are.
    pub(super) expires_at: Option<Timestamp>,
}

/// Reads the history of one message.
pub(super) struct History {
    seq: Seq,
    queues: BTreeMap<QueueId, Queue>,
    /// FIFO attempts whose leases are of the message.
    attempts: BTreeSet<(QueueId, Digest)>,
    /// The queue that has it, from the first record of it on.
    home: Option<QueueId>,
    is_over: bool,
    receive_count: u32,
    /// From when its retention counts.
    retained_from: Option<Timestamp>,
    /// When it expires, if that does not follow from the retention.
    own_expiry: Option<Timestamp>,
    pub(super) events: Vec<Event>,
}

/// A queue as far as the log tells of it.
struct Queue {
    name: QueueName,
    retention: Millis,
}

impl History {
    pub(super) fn of(seq: Seq) -> Self {
        Self {
            seq,
            queues: BTreeMap::new(),
            attempts: BTreeSet::new(),
            home: None,
            is_over: false,
            receive_count: 0,
            retained_from: None,
            own_expiry: None,
            events: Vec::new(),
        }
    }

    /// Remembers what a queue is called and set to by a checkpoint: the record may be gone.
    pub(super) fn queue(&mut self, queue: QueueId, name: &QueueName, retention: Millis) {
        self.queues.insert(queue, Queue { name: name.clone(), retention });
    }

    /// Takes the next record of the log.
    pub(super) fn record(&mut self, lsn: Lsn, at: Timestamp, record: &Record) {
        if let Record::Transacted { records } = record {
            for record in records {
                self.one(lsn, at, record, true);
            }
        } else {
            self.one(lsn, at, record, false);
        }
    }

    fn one(&mut self, lsn: Lsn, at: Timestamp, record: &Record, in_transact: bool) {
        self.queue_record(record);
        if let Some(what) = self.what(at, record) {
            self.events.push(Event { at, lsn, in_transact, what });
        }
    }

    /// Remembers what queues are called and set to.
    fn queue_record(&mut self, record: &Record) {
        match record {
            Record::QueueCreated { queue, name, settings } => {
                let (name, retention) = (name.clone(), settings.retention);
                self.queues.insert(*queue, Queue { name, retention });
            }
            Record::QueueUpdated { queue, settings } => {
                if let Some(queue) = self.queues.get_mut(queue) {
                    queue.retention = settings.retention;
                }
            }
            _ => {}
        }
    }

    fn what(&mut self, now: Timestamp, record: &Record) -> Option<What> {
        let is_ours = |seq: &Seq| *seq == self.seq;
        match record {
            Record::MessageSent(sending) if is_ours(&sending.seq) => {
                let queue = self.accepted(now, sending);
                Some(What::Sent { queue, sending: sending.clone() })
            }
            Record::MessageRedriven { task, seq, sending } if is_ours(&sending.seq) => {
                let queue = self.accepted(now, sending);
                Some(What::Arrived { task: *task, from: *seq, queue, sending: sending.clone() })
            }
            Record::MessageRedriven { task, seq, sending } if is_ours(seq) => {
                self.is_over = true;
                let queue = self.name(sending.queue);
                Some(What::Redriven { task: *task, to: sending.seq, queue })
            }
            Record::MessageLeased { queue, seq, until, .. } if is_ours(seq) => {
                self.home = Some(*queue);
                self.receive_count = self.receive_count.saturating_add(1);
                Some(What::Leased { receive_count: self.receive_count, until: *until })
            }
            Record::VisibilityChanged { queue, seq, until } if is_ours(seq) => {
                self.home = Some(*queue);
                let until = *until;
                Some(if until <= now { What::GivenUp } else { What::LeaseChanged { until } })
            }
            Record::LeaseReturned { queue, seq } if is_ours(seq) => {
                self.home = Some(*queue);
                self.receive_count = self.receive_count.saturating_sub(1);
                Some(What::Returned { receive_count: self.receive_count })
            }
            Record::MessageMoved { queue, seq, target } if is_ours(seq) => {
                self.home = Some(*target);
                if self.queues.get(target).is_some_and(|target| target.name.is_fifo()) {
                    self.retained_from = Some(now);
                }
                Some(What::Moved { from: self.name(*queue), to: self.name(*target) })
            }
            Record::MessageDeleted { seq, .. } if is_ours(seq) => {
                self.is_over = true;
                Some(What::Deleted)
            }
            Record::QueuePurged { queue, seq_bound } if self.seq < *seq_bound => {
                let queue = self.ends_with(*queue)?;
                Some(What::Purged { queue })
            }
            Record::QueueDeleted { queue } => {
                let queue = self.ends_with(*queue)?;
                Some(What::QueueDeleted { queue })
            }
            Record::AttemptMade { queue, attempt, seqs, .. } => {
                let attempt = (*queue, *attempt);
                if seqs.contains(&self.seq) {
                    self.attempts.insert(attempt);
                } else {
                    self.attempts.remove(&attempt);
                }
                None
            }
            Record::AttemptRepeated { queue, attempt, until } => {
                let is_ours = !self.is_over && self.attempts.contains(&(*queue, *attempt));
                is_ours.then_some(What::LeaseChanged { until: *until })
            }
            _ => None,
        }
    }

    /// Takes over the acceptance of the message; the name of its queue.
    fn accepted(&mut self, now: Timestamp, sending: &Sending) -> String {
        self.home = Some(sending.queue);
        self.retained_from = Some(now);
        self.own_expiry = sending.expires_at;
        self.name(sending.queue)
    }

    /// What happened to a whole queue ends the message if it is there; the queue's name then.
    fn ends_with(&mut self, queue: QueueId) -> Option<String> {
        if self.is_over || self.home != Some(queue) {
            return None;
        }
        self.is_over = true;
        Some(self.name(queue))
    }

    fn name(&self, queue: QueueId) -> String {
        let known = self.queues.get(&queue);
        known.map_or_else(|| format!("(queue id {queue})"), |queue| queue.name.to_string())
    }

    /// How the message stands; `None` if it is gone, or if the log does not speak of it.
    pub(super) fn standing(&self) -> Option<Standing> {
        let home = self.home.filter(|_| !self.is_over)?;
        let retention = self.queues.get(&home).map(|queue| queue.retention);
        let by_retention =
            self.retained_from.zip(retention).map(|(from, retention)| from.after(retention));
        Some(Standing {
            queue: self.name(home),
            receive_count: self.receive_count,
            expires_at: by_retention.into_iter().chain(self.own_expiry).min(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Nonce, QueueSettings};

    const JOBS: QueueId = QueueId::new(1);
    const DEAD: QueueId = QueueId::new(2);
    const SEQ: Seq = Seq::new(7);
    const OTHER: Seq = Seq::new(8);

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(second * 1000)
    }

    fn created(queue: QueueId, name: &str) -> Record {
        let name = QueueName::parse(name).expect("a name");
        Record::QueueCreated { queue, name, settings: QueueSettings::default() }
    }

    fn sent(seq: Seq) -> Record {
        Record::MessageSent(Sending::plain(JOBS, seq, at(0), 5))
    }

    fn leased(seq: Seq) -> Record {
        let nonce = Nonce::new(1);
        Record::MessageLeased { queue: JOBS, seq, nonce, until: at(100) }
    }

    /// The history of message 7 in a log of these records, one a second.
    fn history(records: &[Record]) -> History {
        let mut history = History::of(SEQ);
        for (record, number) in records.iter().zip(1..) {
            history.record(Lsn::new(number), at(number), record);
        }
        history
    }

    fn whats(history: &History) -> Vec<What> {
        history.events.iter().map(|event| event.what.clone()).collect()
    }

    #[test]
    fn only_what_is_of_the_message_is_told_with_its_place() {
        let records = [created(JOBS, "jobs"), sent(SEQ), sent(OTHER), leased(OTHER), leased(SEQ)];
        let history = history(&records);
        let places: Vec<_> = history.events.iter().map(|e| (e.at, e.lsn.get())).collect();
        assert_eq!(places, [(at(2), 2), (at(5), 5)]);
        assert!(matches!(&history.events[0].what, What::Sent { queue, .. } if queue == "jobs"));
        let leased = What::Leased { receive_count: 1, until: at(100) };
        assert_eq!(history.events[1].what, leased);
        let standing = history.standing().expect("it is there");
        assert_eq!((standing.queue.as_str(), standing.receive_count), ("jobs", 1));
        assert_eq!(standing.expires_at, Some(at(2 + 345_600)));
    }

    #[test]
    fn what_a_transact_did_is_told_as_such() {
        let deleted = Record::MessageDeleted { queue: JOBS, seq: SEQ };
        let records = [sent(SEQ), Record::Transacted { records: vec![sent(OTHER), deleted] }];
        let history = history(&records);
        let last = history.events.last().expect("two events");
        assert_eq!((last.in_transact, &last.what), (true, &What::Deleted));
        assert_eq!(history.standing(), None);
    }

    #[test]
    fn an_undone_lease_does_not_count_and_a_given_up_one_does() {
        let returned = Record::LeaseReturned { queue: JOBS, seq: SEQ };
        let given_up = Record::VisibilityChanged { queue: JOBS, seq: SEQ, until: at(5) };
        let records = [sent(SEQ), leased(SEQ), returned, leased(SEQ), given_up, leased(SEQ)];
        let expected = [
            What::Leased { receive_count: 1, until: at(100) },
            What::Returned { receive_count: 0 },
            What::Leased { receive_count: 1, until: at(100) },
            What::GivenUp,
            What::Leased { receive_count: 2, until: at(100) },
        ];
        assert_eq!(whats(&history(&records))[1..], expected);
    }

    #[test]
    fn a_purge_reaches_the_message_where_it_is_and_only_there() {
        let purged = |queue, bound| Record::QueuePurged { queue, seq_bound: Seq::new(bound) };
        let moved = Record::MessageMoved { queue: JOBS, seq: SEQ, target: DEAD };
        let records = [
            created(JOBS, "jobs"),
            created(DEAD, "dead.fifo"),
            sent(SEQ),
            purged(JOBS, 7),
            moved,
            purged(JOBS, 9),
            purged(DEAD, 9),
            Record::QueueDeleted { queue: DEAD },
        ];
        let told = whats(&history(&records));
        let expected = [
            What::Moved { from: "jobs".into(), to: "dead.fifo".into() },
            What::Purged { queue: "dead.fifo".into() },
        ];
        assert_eq!(told[1..], expected);
        // Retention begins anew in a FIFO dead-letter queue.
        let standing = history(&records[..5]).standing().expect("it is there");
        assert_eq!(standing.expires_at, Some(at(5 + 345_600)));
    }

    #[test]
    fn a_redrive_ends_one_message_and_begins_another() {
        let sending = Sending::plain(JOBS, OTHER, at(0), 5);
        let redriven =
            |seq, sending| Record::MessageRedriven { task: TaskId::new(3), seq, sending };
        let records = [sent(SEQ), redriven(SEQ, sending)];
        let to = What::Redriven { task: TaskId::new(3), to: OTHER, queue: "(queue id 1)".into() };
        assert_eq!(whats(&history(&records))[1], to);
        let back = Sending::plain(JOBS, SEQ, at(0), 5);
        let history = history(&[redriven(Seq::new(2), back)]);
        assert!(matches!(&history.events[0].what, What::Arrived { from, .. } if from.get() == 2));
        assert!(history.standing().is_some());
    }

    #[test]
    fn a_repeated_attempt_changes_the_leases_of_its_messages() {
        let attempt = Digest(5);
        let made = |seqs: &[Seq]| {
            let (nonce, seqs) = (Nonce::new(1), seqs.to_vec());
            Record::AttemptMade { queue: JOBS, attempt, nonce, seqs }
        };
        let repeated = Record::AttemptRepeated { queue: JOBS, attempt, until: at(200) };
        let records = [
            sent(SEQ),
            leased(SEQ),
            made(&[OTHER, SEQ]),
            repeated.clone(),
            made(&[OTHER]),
            repeated,
        ];
        assert_eq!(whats(&history(&records))[2..], [What::LeaseChanged { until: at(200) }]);
    }

    #[test]
    fn an_expiry_of_its_own_comes_before_the_retention() {
        let expires_at = Some(at(60));
        let sending = Sending { expires_at, ..Sending::plain(JOBS, SEQ, at(0), 5) };
        let records = [created(JOBS, "jobs"), Record::MessageSent(sending)];
        assert_eq!(history(&records).standing().expect("it is there").expires_at, expires_at);
    }
}
