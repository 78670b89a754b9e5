//! All that was noted about one message, and the promises that one message can tell of.

use super::{Broken, Change, Changed, Delete, Lease, Number, Position, Promise, Send};
use crate::types::{DeleteOutcome, Millis, Timestamp};

/// How far times may be apart that should be equal: each is rounded down to a millisecond, and the
/// wall clock, from which a restarted broker takes its time, may be slewed meanwhile.
pub(super) const CLOCK_SLACK: Millis = Millis::new(50);

/// What is known of one message.
#[derive(Debug, Default)]
pub(super) struct Life {
    pub(super) send: Option<Send>,
    pub(super) leases: Vec<Lease>,
    pub(super) changes: Vec<Change>,
    pub(super) deletes: Vec<Delete>,
    /// How many of the leases were judged for their order.
    pub(super) ordered: usize,
}

impl Life {
    /// Whether nothing that is noted from now on can excuse or add anything but a receive, which
    /// would be wrong: its delete was answered before anything was asked that is under way.
    pub(super) fn is_settled(&self, low: Position) -> bool {
        let is_open = self.deletes.iter().any(|it| it.outcome.is_none() && it.with.is_some());
        let is_gone = |delete: &Delete| match delete.outcome {
            Some(DeleteOutcome::Deleted) => delete.span.told.is_some_and(|told| told < low),
            Some(DeleteOutcome::AlreadyDeleted | DeleteOutcome::StaleLease) | None => false,
        };
        !is_open && self.deletes.iter().any(is_gone)
    }

    /// The transact that was to send `with` was done, or not.
    pub(super) fn resolve(&mut self, with: Number, was_done: bool) {
        let is_it = |delete: &Delete| delete.with == Some(with) && delete.outcome.is_none();
        if was_done {
            let resolved = self.deletes.iter_mut().filter(|delete| is_it(delete));
            resolved.for_each(|delete| delete.outcome = Some(DeleteOutcome::Deleted));
        } else {
            self.deletes.retain(|delete| !is_it(delete));
        }
    }

    /// The promises that this message tells to be broken. `is_drained`: the queues were emptied
    /// since, so what is there was received.
    pub(super) fn judge(mut self, number: Number, is_drained: bool) -> Vec<Broken> {
        self.leases.sort_by_key(|lease| (lease.receive_count, lease.told));
        self.changes.sort_by_key(|change| change.span.asked);
        let rules = [
            (is_drained && self.is_lost(), Promise::Lost),
            (self.is_resurrected(), Promise::Resurrected),
            (self.is_invented(), Promise::Invented),
            (self.is_early(), Promise::Early),
            (self.overlaps(), Promise::Overlap),
            (self.ends_early(), Promise::EndedEarly),
            (self.count_goes_back(), Promise::CountWentBack),
        ];
        let broken = rules.into_iter().filter(|(is_broken, _)| *is_broken);
        broken.map(|(_, promise)| Broken { promise, number }).collect()
    }

    /// When its delete may have been done at the soonest; `None` if nobody can have deleted it.
    pub(super) fn may_be_gone_from(&self) -> Option<Position> {
        let may_be = |delete: &&Delete| match delete.outcome {
            Some(DeleteOutcome::Deleted) | None => true,
            Some(DeleteOutcome::AlreadyDeleted | DeleteOutcome::StaleLease) => false,
        };
        self.deletes.iter().filter(may_be).map(|delete| delete.span.asked).min()
    }

    /// The broker's number of it; `None` if nobody was told that it was accepted.
    pub(super) fn sequence(&self) -> Option<u64> {
        let told = self.send.as_ref().and_then(|send| send.sequence);
        told.or_else(|| self.leases.first().map(|lease| lease.sequence))
    }

    /// In a drained queue every message that was there has gone by a delete, and the delete that
    /// found it gone already had another one before it.
    fn is_lost(&self) -> bool {
        self.sequence().is_some() && self.may_be_gone_from().is_none()
    }

    fn is_resurrected(&self) -> bool {
        let was_deleted = |it: &&Delete| it.outcome == Some(DeleteOutcome::Deleted);
        let came_back = self.deletes.iter().any(|delete| {
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
        });
        came_back || self.deletes.iter().filter(was_deleted).count() > 1
    }

    fn is_invented(&self) -> bool {
        let sequence = self.sequence();
        self.leases.iter().any(|lease| {
            let was_asked = self
                .send
                .as_ref()
                .is_some_and(|send| send.span.asked < lease.told && send.queue == lease.queue);
            !was_asked || Some(lease.sequence) != sequence
        })
    }

    fn is_early(&self) -> bool {
        let delay = self.send.as_ref().map_or(Millis::ZERO, |send| send.delay);
        self.leases.iter().any(|lease| lease.granted_at() < lease.sent_at.after(delay))
    }

    /// Receives in the order of their counts: each begins once the one before has ended, on the
    /// broker's time, and no sooner than it lasts, on the clients'.
    fn overlaps(&self) -> bool {
        self.leases.windows(2).any(|pair| {
            let (before, after) = (&pair[0], &pair[1]);
            let on_broker = after.granted_at() < self.until(before);
            let lasts = self.lasts_until(before, Position::MAX);
            on_broker || after.told_at.after(CLOCK_SLACK) < lasts
        })
    }

    /// When a lease has ended at the soonest, on the broker's time: at the end that was told last,
    /// or that a change of unknown outcome may have given it since.
    fn until(&self, lease: &Lease) -> Timestamp {
        let of_lease = self.changes.iter().filter(|c| c.receive_count == lease.receive_count);
        of_lease.fold(lease.until, |until, change| match change.outcome {
            Changed::Until(until) => until,
            Changed::Unknown => until.min(lease.granted_at().after(change.timeout)),
            Changed::Over(_) | Changed::Gone => until,
        })
    }

    /// The same on the clients' clock, as of what was asked before `position`: it was granted no
    /// sooner than it was asked for.
    fn lasts_until(&self, lease: &Lease, position: Position) -> Timestamp {
        let mut until = lease.asked_at.after(lease.visibility_timeout);
        for change in &self.changes {
            if change.receive_count != lease.receive_count || change.span.asked >= position {
                continue;
            }
            let other = change.asked_at.after(change.timeout);
            match change.outcome {
                Changed::Until(_) => until = other,
                Changed::Unknown => until = until.min(other),
                Changed::Over(_) | Changed::Gone => {}
            }
        }
        until
    }

    /// A delete or a change with the handle of a lease that was valid has found it over.
    fn ends_early(&self) -> bool {
        let ended = |receive_count: u32, asked: Position, told_at: Timestamp| {
            let of_count = self.leases.iter().filter(|it| it.receive_count == receive_count);
            let mut of_count = of_count;
            of_count.any(|lease| told_at.after(CLOCK_SLACK) < self.lasts_until(lease, asked))
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
}

impl Lease {
    /// When the broker gave it, on the broker's time.
    fn granted_at(&self) -> Timestamp {
        Timestamp::from_millis(self.until.as_millis().saturating_sub(self.visibility_timeout.get()))
    }
}
