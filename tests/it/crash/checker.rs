//! The checker: it reads a history from the beginning and follows each message.
//!
//! It knows nothing of the broker. A message can be in the queue where it was last known to be, or
//! where dead letters and move tasks can have brought it from there.

use std::collections::{BTreeMap, BTreeSet};

use ledgerq::types::{CancelOutcome, Timestamp};

use super::history::{Ask, AskId, Deleted, Event, Lease, Number, QueueNo, Told, Violation};

/// Reads a history from the beginning; the first broken promise, if there is one.
pub(super) fn check(history: &[Event]) -> Result<(), Violation> {
    let mut checker = Checker::default();
    history.iter().try_for_each(|event| checker.read(event))
}

/// What is known of one message.
struct Fate {
    /// Where it was last known to be.
    queue: QueueNo,
    asked_by: AskId,
    group: Option<u64>,
    /// The broker said that it has the message, or showed it.
    is_accepted: bool,
    is_deleted: bool,
    /// Requests that delete it, and that were not answered or not yet.
    deletes_asked: BTreeSet<AskId>,
    /// A purge that was asked for and not answered.
    purge_asked: Option<AskId>,
    count: u32,
    /// The end of the last lease that a client was told of.
    until: Timestamp,
    /// That, or earlier, if a change was asked for and not answered.
    until_at_least: Timestamp,
    seen: bool,
}

#[derive(Default)]
struct Checker {
    fates: BTreeMap<Number, Fate>,
    /// What was asked and not told yet.
    open: BTreeMap<AskId, Ask>,
    created: BTreeSet<QueueNo>,
    /// From where to where dead letters and move tasks can bring messages.
    ways: BTreeSet<(QueueNo, QueueNo)>,
    /// From where move tasks take messages: there they begin a new life.
    move_sources: BTreeSet<QueueNo>,
    /// Receives of each queue that nobody was told of: each may have counted.
    untold_receives: BTreeMap<QueueNo, u32>,
    /// Sends that nobody was told of.
    untold_sends: BTreeMap<AskId, Vec<Number>>,
    /// Transacts that nobody was told of: what each deletes and what it sends.
    untold_transacts: BTreeMap<AskId, (Number, Vec<Number>)>,
}

impl Checker {
    fn read(&mut self, event: &Event) -> Result<(), Violation> {
        match event {
            Event::Asked { id, at, ask } => self.asked(*id, *at, ask),
            Event::Told { id, at, told } => return self.told(*id, *at, told),
            Event::Ended => self.ended(),
            Event::Emptied => return self.emptied(),
        }
        Ok(())
    }

    fn asked(&mut self, id: AskId, at: Timestamp, ask: &Ask) {
        match ask {
            Ask::Receive { .. } | Ask::Resend | Ask::Upkeep => {}
            Ask::Create { queue, dead_letters } => {
                self.ways.extend(dead_letters.map(|target| (*queue, target)));
            }
            Ask::Send { queue, numbers, group } => self.send_asked(id, *queue, numbers, *group),
            Ask::Delete { leases } => {
                for (number, _) in leases {
                    self.fate(*number).deletes_asked.insert(id);
                }
            }
            Ask::Cancel { number } => drop(self.fate(*number).deletes_asked.insert(id)),
            Ask::Transact { lease: (number, _), queue, numbers } => {
                self.fate(*number).deletes_asked.insert(id);
                self.send_asked(id, *queue, numbers, None);
            }
            Ask::Change { leases, timeout } => {
                for (number, _) in leases {
                    let fate = self.fate(*number);
                    fate.until_at_least = fate.until_at_least.min(at.after(*timeout));
                }
            }
            Ask::Purge { queue } | Ask::Drop { queue } => {
                if matches!(ask, Ask::Drop { .. }) {
                    self.created.remove(queue);
                }
                let ways = self.ways.clone();
                let is_reached = |fate: &&mut Fate| reach(&ways, fate.queue).contains(queue);
                for fate in self.fates.values_mut().filter(is_reached) {
                    fate.purge_asked.get_or_insert(id);
                }
            }
            Ask::Move { source, target } => {
                self.ways.insert((*source, *target));
                self.move_sources.insert(*source);
            }
        }
        self.open.insert(id, ask.clone());
    }

    fn send_asked(&mut self, id: AskId, queue: QueueNo, numbers: &[Number], group: Option<u64>) {
        for number in numbers {
            self.fates.insert(*number, Fate { group, ..Fate::new(queue, id) });
        }
    }

    fn told(&mut self, id: AskId, at: Timestamp, told: &Told) -> Result<(), Violation> {
        let ask = self.open.remove(&id).expect("only what was asked is told");
        match (ask, told) {
            (Ask::Receive { queue }, Told::Refused(_)) if self.created.contains(&queue) => {
                return Err(Violation::QueueLost(queue));
            }
            (Ask::Send { numbers, .. }, Told::Refused(_)) => self.were_refused(&numbers),
            (Ask::Purge { .. } | Ask::Drop { .. }, Told::Refused(_)) => self.purge_was_not(id),
            (Ask::Create { queue, .. }, Told::Done) => drop(self.created.insert(queue)),
            (Ask::Send { numbers, .. }, Told::Sent) => self.were_accepted(&numbers),
            (Ask::Receive { queue }, Told::Received(leases)) => {
                self.check_order(queue, leases)?;
                return leases.iter().try_for_each(|lease| self.received(at, queue, lease));
            }
            (Ask::Delete { leases }, Told::Deleted(outcomes)) => {
                for ((number, _), outcome) in leases.into_iter().zip(outcomes) {
                    self.delete_told(id, number, *outcome);
                }
            }
            (Ask::Cancel { number }, Told::Cancelled(outcome)) => {
                let outcome = match outcome {
                    CancelOutcome::Cancelled => Deleted::Gone,
                    CancelOutcome::TooLate => Deleted::Stale,
                    CancelOutcome::NotFound => Deleted::NotThere,
                };
                self.delete_told(id, number, outcome);
            }
            (Ask::Transact { lease, numbers, .. }, Told::Sent) => {
                self.delete_told(id, lease.0, Deleted::Gone);
                self.were_accepted(&numbers);
            }
            (Ask::Transact { lease, numbers, .. }, Told::Refused(_)) => {
                self.fate(lease.0).deletes_asked.remove(&id);
                self.were_refused(&numbers);
            }
            (Ask::Change { leases, .. }, Told::Changed(ends)) => {
                for ((number, _), until) in leases.into_iter().zip(ends) {
                    let fate = self.fate(number);
                    fate.until = until.unwrap_or(fate.until);
                    fate.until_at_least = fate.until;
                }
            }
            (Ask::Purge { queue } | Ask::Drop { queue }, Told::Done) => self.purge_told(id, queue),
            (Ask::Move { .. } | Ask::Upkeep, Told::Done)
            | (Ask::Resend, Told::Sent)
            | (_, Told::Refused(_)) => {}
            (ask, told) => panic!("{ask:?} was answered with {told:?}"),
        }
        Ok(())
    }

    fn were_accepted(&mut self, numbers: &[Number]) {
        for number in numbers {
            self.fate(*number).is_accepted = true;
        }
    }

    fn were_refused(&mut self, numbers: &[Number]) {
        for number in numbers {
            self.fate(*number).is_deleted = true;
        }
    }

    fn delete_told(&mut self, id: AskId, number: Number, outcome: Deleted) {
        let fate = self.fate(number);
        fate.deletes_asked.remove(&id);
        match outcome {
            Deleted::Gone => fate.is_deleted = true,
            // It may be in another queue.
            Deleted::NotThere => {}
            Deleted::Stale => self.is_there(number),
        }
    }

    /// The message was seen: what was asked before and not told was not done.
    fn is_there(&mut self, number: Number) {
        let open = &self.open;
        let fate = self.fates.get_mut(&number).expect("it was sent");
        fate.deletes_asked.retain(|id| open.contains_key(id));
    }

    fn purge_told(&mut self, id: AskId, queue: QueueNo) {
        let ways = &self.ways;
        for fate in self.fates.values_mut().filter(|fate| fate.asked_by < id) {
            let reached = reach(ways, fate.queue);
            if reached.len() == 1 && reached.contains(&queue) {
                fate.is_deleted = true;
            } else if reached.contains(&queue) {
                fate.deletes_asked.insert(id);
            }
            if fate.purge_asked == Some(id) {
                fate.purge_asked = None;
            }
        }
    }

    /// Of a group, the earlier messages are in the same reply, in front, or are gone.
    fn check_order(&self, queue: QueueNo, leases: &[Lease]) -> Result<(), Violation> {
        for (at, lease) in leases.iter().enumerate() {
            let number = lease.number;
            let Some(group) = self.fates.get(&number).and_then(|fate| fate.group) else { continue };
            let in_front = || leases[..at].iter().map(|other| other.number);
            let mut earlier = self.fates.range(..number).filter(|(_, fate)| {
                let is_same = fate.queue == queue && fate.group == Some(group);
                is_same && fate.is_accepted && fate.must_be_there()
            });
            let missing = earlier.find(|(earlier, _)| !in_front().any(|front| front == **earlier));
            if let Some((earlier, _)) = missing {
                return Err(Violation::OutOfOrder { number, earlier: *earlier });
            }
            let is_later = |other: &Number| {
                let found = self.fates.get(other).and_then(|fate| fate.group);
                *other > number && found == Some(group)
            };
            if let Some(later) = in_front().find(is_later) {
                return Err(Violation::OutOfOrder { number: later, earlier: number });
            }
        }
        Ok(())
    }

    fn received(&mut self, at: Timestamp, queue: QueueNo, lease: &Lease) -> Result<(), Violation> {
        let Lease { number, count, until, is_whole, .. } = *lease;
        let Some(fate) = self.fates.get(&number).filter(|_| is_whole) else {
            return Err(Violation::Invented(number));
        };
        if fate.is_deleted {
            return Err(Violation::Resurrected(number));
        }
        if fate.until_at_least > at {
            return Err(Violation::Overlap(number));
        }
        let reached = reach(&self.ways, fate.queue);
        if !reached.contains(&queue) {
            return Err(Violation::Astray(number));
        }
        let untold: u32 = reached.iter().filter_map(|queue| self.untold_receives.get(queue)).sum();
        let begins_anew = reached.iter().any(|queue| self.move_sources.contains(queue));
        let is_counted = count > fate.count && count <= fate.count + 1 + untold;
        if !is_counted && !begins_anew {
            return Err(Violation::Count { number, before: fate.count, after: count });
        }
        self.is_there(number);
        let fate = self.fate(number);
        (fate.is_accepted, fate.queue) = (true, queue);
        (fate.count, fate.seen) = (count, true);
        (fate.until, fate.until_at_least) = (until, until);
        if let Some(id) = fate.purge_asked
            && !self.open.contains_key(&id)
        {
            if reached.len() == 1 {
                // One message shows that the purge was not done: then the others are there too.
                self.purge_was_not(id);
            } else {
                // It may have been in another queue at the time.
                self.fate(number).purge_asked = None;
            }
        }
        Ok(())
    }

    fn ended(&mut self) {
        for (id, ask) in std::mem::take(&mut self.open) {
            match ask {
                Ask::Receive { queue } => *self.untold_receives.entry(queue).or_default() += 1,
                Ask::Send { numbers, .. } => drop(self.untold_sends.insert(id, numbers)),
                Ask::Transact { lease, numbers, .. } => {
                    self.untold_sends.insert(id, numbers.clone());
                    self.untold_transacts.insert(id, (lease.0, numbers));
                }
                Ask::Create { .. }
                | Ask::Delete { .. }
                | Ask::Change { .. }
                | Ask::Purge { .. }
                | Ask::Cancel { .. }
                | Ask::Move { .. }
                | Ask::Drop { .. }
                | Ask::Resend
                | Ask::Upkeep => {}
            }
        }
        for fate in self.fates.values_mut() {
            fate.seen = false;
        }
    }

    fn emptied(&mut self) -> Result<(), Violation> {
        for (number, fate) in &self.fates {
            if fate.is_accepted && fate.must_be_there() && !fate.seen {
                return Err(Violation::Lost(*number));
            }
        }
        for (id, numbers) in &self.untold_sends {
            let known = numbers.iter().map(|number| &self.fates[number]);
            let untouched = known.filter(|fate| fate.must_be_there());
            let (seen, unseen): (Vec<&Fate>, Vec<&Fate>) = untouched.partition(|fate| fate.seen);
            if !seen.is_empty() && !unseen.is_empty() {
                return Err(Violation::Torn(*id));
            }
            if let Some((deleted, _)) = self.untold_transacts.get(id) {
                let deleted = &self.fates[deleted];
                // It was there, and nothing else can have deleted it.
                let only = deleted.deletes_asked.iter().eq([id]) && deleted.purge_asked.is_none();
                let is_known = deleted.is_accepted && !deleted.is_deleted && !deleted.seen && only;
                let is_seen = deleted.is_accepted && deleted.seen;
                if is_known && !unseen.is_empty() || is_seen && !seen.is_empty() {
                    return Err(Violation::Torn(*id));
                }
            }
        }
        // What is not there now must not come later.
        for fate in self.fates.values_mut().filter(|fate| !fate.seen) {
            fate.is_deleted = true;
        }
        Ok(())
    }

    fn purge_was_not(&mut self, id: AskId) {
        for fate in self.fates.values_mut() {
            if fate.purge_asked == Some(id) {
                fate.purge_asked = None;
            }
        }
    }

    fn fate(&mut self, number: Number) -> &mut Fate {
        self.fates.get_mut(&number).expect("only what was sent is asked about")
    }
}

/// Where a message of this queue can be.
fn reach(ways: &BTreeSet<(QueueNo, QueueNo)>, queue: QueueNo) -> BTreeSet<QueueNo> {
    let mut reached = BTreeSet::from([queue]);
    loop {
        let further =
            ways.iter().filter(|(from, to)| reached.contains(from) && !reached.contains(to));
        let further: Vec<QueueNo> = further.map(|(_, to)| *to).collect();
        if further.is_empty() {
            return reached;
        }
        reached.extend(further);
    }
}

impl Fate {
    fn new(queue: QueueNo, asked_by: AskId) -> Self {
        let beginning = Timestamp::ZERO;
        Self {
            queue,
            asked_by,
            group: None,
            is_accepted: false,
            is_deleted: false,
            deletes_asked: BTreeSet::new(),
            purge_asked: None,
            count: 0,
            until: beginning,
            until_at_least: beginning,
            seen: false,
        }
    }

    /// Nobody asked for its deletion.
    fn must_be_there(&self) -> bool {
        !self.is_deleted && self.deletes_asked.is_empty() && self.purge_asked.is_none()
    }
}
