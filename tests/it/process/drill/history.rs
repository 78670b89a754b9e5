//! What clients saw of a broker that was killed, and whether it kept its promises.
//!
//! A client notes each request that may have been done: when it was asked, and what was answered
//! if anything was. [`check`] then needs no model of a queue; each promise is a rule on what was
//! noted about one message. Orders of requests are those of [`Span`], which no clock can confuse;
//! leases are judged on the broker's own time, and beside it on the clients' clock with
//! [`CLOCK_SLACK`].

use std::collections::BTreeMap;

use ledgerq::types::{DeleteOutcome, Millis, Timestamp};

/// How far the broker's time may be from the clients' clock on the same machine: each is rounded
/// down to a millisecond, and the wall clock may be slewed while the broker's is not.
pub(super) const CLOCK_SLACK: Millis = Millis::new(50);

/// The number of a message, which its body carries.
pub(super) type Number = u64;

/// When a request was asked and when it was answered, as positions in one sequence of all clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) asked: u64,
    /// `None` if the outcome is not known.
    pub(super) told: Option<u64>,
}

/// A message was sent; not noted if it surely was not.
#[derive(Clone, Debug)]
pub(super) struct Send {
    pub(super) number: Number,
    pub(super) span: Span,
    pub(super) delay: Millis,
    /// The id, if the broker told it.
    pub(super) message_id: Option<String>,
}

/// A message was received.
#[derive(Clone, Debug)]
pub(super) struct Lease {
    pub(super) number: Number,
    pub(super) asked: u64,
    pub(super) told: u64,
    pub(super) message_id: String,
    pub(super) receive_count: u32,
    pub(super) sent_at: Timestamp,
    pub(super) visibility_timeout: Millis,
    pub(super) until: Timestamp,
    /// The clients' clock once the answer was there.
    pub(super) told_at: Timestamp,
    /// The body is the one that was sent.
    pub(super) is_whole: bool,
}

/// The lease of the receive with this count was given another end.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) number: Number,
    pub(super) receive_count: u32,
    pub(super) span: Span,
    /// The clients' clock when it was asked.
    pub(super) asked_at: Timestamp,
    pub(super) timeout: Millis,
    pub(super) outcome: Changed,
}

/// What a change came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Changed {
    /// The lease ends then.
    Until(Timestamp),
    /// Refused: the lease is over, or another receive has the message. The clients' clock then.
    Over(Timestamp),
    /// The message is gone.
    Gone,
    /// Nobody knows.
    Unknown,
}

/// The message was deleted with the handle of the receive with this count.
#[derive(Clone, Debug)]
pub(super) struct Delete {
    pub(super) number: Number,
    pub(super) receive_count: u32,
    pub(super) span: Span,
    /// The clients' clock once it was answered.
    pub(super) told_at: Timestamp,
    pub(super) outcome: Option<DeleteOutcome>,
}

/// Everything that clients noted, in no order.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    pub(super) sends: Vec<Send>,
    pub(super) leases: Vec<Lease>,
    pub(super) changes: Vec<Change>,
    pub(super) deletes: Vec<Delete>,
}

/// A promise that was broken, and the message that tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Violation {
    /// It was accepted or shown, nobody may have deleted it, and it is not there.
    Lost(Number),
    /// It was received though its delete had been acknowledged.
    Resurrected(Number),
    /// It was received and never sent, or has another body or another id.
    Invented(Number),
    /// It was received before its delay was over.
    Early(Number),
    /// It was received under two leases at a time.
    Overlap(Number),
    /// Its lease was over before its time.
    EndedEarly(Number),
    /// Its receive count went back, or stood still.
    CountWentBack(Number),
    /// The broker's time and the clients' clock are further apart than they can be.
    Clock(Number),
}

/// All that was noted about one message.
#[derive(Default)]
struct Life<'a> {
    sends: Vec<&'a Send>,
    leases: Vec<&'a Lease>,
    changes: Vec<&'a Change>,
    deletes: Vec<&'a Delete>,
}

/// The broken promises of a history at whose end the queue was drained until it was empty.
pub(super) fn check(history: &History) -> Vec<Violation> {
    let mut lives: BTreeMap<Number, Life<'_>> = BTreeMap::new();
    for send in &history.sends {
        lives.entry(send.number).or_default().sends.push(send);
    }
    for lease in &history.leases {
        lives.entry(lease.number).or_default().leases.push(lease);
    }
    for change in &history.changes {
        lives.entry(change.number).or_default().changes.push(change);
    }
    for delete in &history.deletes {
        lives.entry(delete.number).or_default().deletes.push(delete);
    }
    let mut violations = Vec::new();
    for (number, mut life) in lives {
        life.leases.sort_by_key(|lease| (lease.receive_count, lease.told));
        life.changes.sort_by_key(|change| change.span.asked);
        let rules = [
            (life.is_lost(), Violation::Lost(number)),
            (life.is_resurrected(), Violation::Resurrected(number)),
            (life.is_invented(), Violation::Invented(number)),
            (life.is_early(), Violation::Early(number)),
            (life.overlaps(), Violation::Overlap(number)),
            (life.ends_early(), Violation::EndedEarly(number)),
            (life.count_goes_back(), Violation::CountWentBack(number)),
            (life.clocks_differ(), Violation::Clock(number)),
        ];
        violations.extend(rules.into_iter().filter(|(broken, _)| *broken).map(|(_, it)| it));
    }
    violations
}

impl Life<'_> {
    /// In a drained queue every message that was there has gone by a delete, and the delete that
    /// found it gone already had another one before it.
    fn is_lost(&self) -> bool {
        let was_there =
            !self.leases.is_empty() || self.sends.iter().any(|s| s.message_id.is_some());
        let may_be_deleted = self
            .deletes
            .iter()
            .any(|delete| matches!(delete.outcome, Some(DeleteOutcome::Deleted) | None));
        was_there && !may_be_deleted
    }

    fn is_resurrected(&self) -> bool {
        self.deletes.iter().any(|delete| {
            self.leases.iter().any(|lease| match delete.outcome {
                // A delete removes only what its own receive was the latest of.
                Some(DeleteOutcome::Deleted) => {
                    lease.receive_count > delete.receive_count
                        || delete.span.told.is_some_and(|told| told < lease.asked)
                }
                Some(DeleteOutcome::AlreadyDeleted) => {
                    delete.span.told.is_some_and(|told| told < lease.asked)
                }
                Some(DeleteOutcome::StaleLease) | None => false,
            })
        })
    }

    fn is_invented(&self) -> bool {
        let first = self.leases.first().map(|lease| &lease.message_id);
        let id = self.sends.iter().find_map(|send| send.message_id.as_ref()).or(first);
        self.leases.iter().any(|lease| {
            let was_asked = self.sends.iter().any(|send| send.span.asked < lease.told);
            !lease.is_whole || !was_asked || Some(&lease.message_id) != id
        })
    }

    fn is_early(&self) -> bool {
        let delay = self.sends.first().map_or(Millis::ZERO, |send| send.delay);
        self.leases.iter().any(|lease| lease.granted_at() < lease.sent_at.after(delay))
    }

    /// Receives in the order of their counts: each begins once the one before has ended.
    fn overlaps(&self) -> bool {
        self.leases.windows(2).any(|pair| {
            let (before, after) = (pair[0], pair[1]);
            let until = self.ends_no_sooner_than(before);
            let on_broker = after.granted_at() < until;
            let on_clients = after.told_at.after(CLOCK_SLACK) < until;
            on_broker || on_clients
        })
    }

    /// When a lease has ended at the soonest: at the end that was told last, or that a change of
    /// unknown outcome may have given it since.
    fn ends_no_sooner_than(&self, lease: &Lease) -> Timestamp {
        let of_lease = self.changes.iter().filter(|c| c.receive_count == lease.receive_count);
        of_lease.fold(lease.until, |until, change| match change.outcome {
            Changed::Until(until) => until,
            Changed::Unknown => until.min(change.could_end_at()),
            Changed::Over(_) | Changed::Gone => until,
        })
    }

    /// A delete or a change with the handle of a lease that was valid has found it over.
    fn ends_early(&self) -> bool {
        let ended = |receive_count: u32, asked: u64, told_at: Timestamp| {
            self.leases.iter().filter(|lease| lease.receive_count == receive_count).any(|lease| {
                let mut until = lease.until;
                for change in &self.changes {
                    let before = change.receive_count == receive_count && change.span.asked < asked;
                    match change.outcome {
                        Changed::Until(other) if before => until = other,
                        Changed::Unknown if before => until = until.min(change.could_end_at()),
                        _ => {}
                    }
                }
                told_at.after(CLOCK_SLACK) < until
            })
        };
        let by_delete = self.deletes.iter().any(|delete| {
            delete.outcome == Some(DeleteOutcome::StaleLease)
                && ended(delete.receive_count, delete.span.asked, delete.told_at)
        });
        let by_change = self.changes.iter().any(|change| match change.outcome {
            Changed::Over(told_at) => ended(change.receive_count, change.span.asked, told_at),
            Changed::Until(_) | Changed::Gone | Changed::Unknown => false,
        });
        by_delete || by_change
    }

    /// Every receive that somebody saw has a count of its own, and the one of a receive that began
    /// later is greater.
    fn count_goes_back(&self) -> bool {
        let same =
            self.leases.windows(2).any(|pair| pair[0].receive_count == pair[1].receive_count);
        let mut asked_last = 0;
        let back = self.leases.iter().any(|lease| {
            asked_last = asked_last.max(lease.asked);
            lease.told < asked_last
        });
        same || back || self.leases.iter().any(|lease| lease.receive_count == 0)
    }

    fn clocks_differ(&self) -> bool {
        self.leases.iter().any(|lease| lease.granted_at() > lease.told_at.after(CLOCK_SLACK))
    }
}

impl Lease {
    /// When the broker gave it, on the broker's time.
    fn granted_at(&self) -> Timestamp {
        Timestamp::from_millis(self.until.as_millis().saturating_sub(self.visibility_timeout.get()))
    }
}

impl Change {
    /// The soonest end that it can have given the lease.
    fn could_end_at(&self) -> Timestamp {
        let end = self.asked_at.after(self.timeout).as_millis();
        Timestamp::from_millis(end.saturating_sub(CLOCK_SLACK.get()))
    }
}
