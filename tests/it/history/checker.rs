//! The checker: it reads a history from the beginning and follows each message.
//!
//! It knows nothing of the broker. A message can be in the queue where it was last known to be, or
//! where dead letters and move tasks can have brought it from there. An event costs what it names;
//! a purge, the deletion of a queue and [`Event::Emptied`] look at every message that is left.

use std::collections::{BTreeMap, BTreeSet};

use ledgerq::types::{CancelOutcome, Nonce, Timestamp};

use super::{
    Ask, AskId, Body, Deleted, Event, Lease, Number, QueueNo, Told, fate::Fate,
    violation::Violation,
};

/// Reads a history from the beginning; the first broken promise, if there is one.
pub(crate) fn check(history: &[Event]) -> Result<(), Violation> {
    let mut checker = Checker::default();
    history.iter().try_for_each(|event| checker.read(event))
}

/// What is known after a part of a history.
#[derive(Clone, Default)]
pub(crate) struct Checker {
    fates: BTreeMap<Number, Fate>,
    /// The messages that are not known to be gone.
    left: BTreeSet<Number>,
    /// Those of them that are in a group, with the queue that they were sent to.
    groups: BTreeMap<(QueueNo, Option<u64>), BTreeSet<Number>>,
    /// What was asked and not told yet.
    open: BTreeMap<AskId, Ask>,
    created: BTreeSet<QueueNo>,
    /// From where to where dead letters and move tasks can bring messages.
    ways: BTreeSet<(QueueNo, QueueNo)>,
    /// From where move tasks take messages: there they begin a new life.
    move_sources: BTreeSet<QueueNo>,
    /// Receives of each queue that nobody was told of, or not yet: each may have counted.
    untold_receives: BTreeMap<QueueNo, u32>,
    /// Sends that nobody was told of.
    untold_sends: BTreeMap<AskId, Vec<Number>>,
    /// Transacts that nobody was told of: what each deletes and what it sends.
    untold_transacts: BTreeMap<AskId, (Number, Vec<Number>)>,
    /// How often the process ended.
    life: u64,
    now: Timestamp,
    is_damaged: bool,
    /// Messages that were told as damaged since the process began.
    damaged_count: usize,
}

impl Checker {
    /// Reads the next event.
    pub(crate) fn read(&mut self, event: &Event) -> Result<(), Violation> {
        match event {
            Event::Asked { id, at, ask } => self.asked(*id, *at, ask),
            Event::Told { id, at, told } => return self.told(*id, *at, told),
            Event::Damaged => self.is_damaged = true,
            Event::Ended => self.ended(),
            Event::Emptied => return self.emptied(),
        }
        Ok(())
    }

    fn asked(&mut self, id: AskId, at: Timestamp, ask: &Ask) {
        self.now = self.now.max(at);
        match ask {
            Ask::Resend | Ask::Upkeep => {}
            Ask::Receive { queue } => *self.untold_receives.entry(*queue).or_default() += 1,
            Ask::Create { queue, dead_letters } => {
                self.ways.extend(dead_letters.map(|target| (*queue, target)));
            }
            Ask::Send { queue, numbers, group, delay, time_to_live } => {
                let fate = Fate {
                    group: *group,
                    not_before: at.after(*delay),
                    expires_at: time_to_live.map(|time| at.after(time)),
                    ..Fate::new(*queue, id)
                };
                self.send_asked(numbers, &fate);
            }
            Ask::Delete { leases } => {
                for (number, _) in leases {
                    self.fate(*number).deletes_asked.insert(id);
                }
            }
            Ask::Cancel { number } => drop(self.fate(*number).deletes_asked.insert(id)),
            Ask::Transact { lease: (number, _), queue, numbers } => {
                self.fate(*number).deletes_asked.insert(id);
                self.send_asked(numbers, &Fate::new(*queue, id));
            }
            Ask::Change { leases, timeout } => {
                for (number, nonce) in leases {
                    let fate = self.fate(*number);
                    if fate.nonce == Some(*nonce) {
                        fate.changes_asked.insert(id, at.after(*timeout));
                    }
                }
            }
            Ask::Purge { queue } => self.purge_asked(id, *queue),
            Ask::Drop { queue } => {
                self.created.remove(queue);
                self.purge_asked(id, *queue);
            }
            Ask::Move { source, target } => {
                self.ways.insert((*source, *target));
                self.move_sources.insert(*source);
            }
        }
        self.open.insert(id, ask.clone());
    }

    fn send_asked(&mut self, numbers: &[Number], fate: &Fate) {
        for number in numbers {
            self.fates.insert(*number, fate.clone());
            self.left.insert(*number);
            if fate.group.is_some() {
                self.groups.entry((fate.sent_to, fate.group)).or_default().insert(*number);
            }
        }
    }

    fn purge_asked(&mut self, id: AskId, queue: QueueNo) {
        for number in &self.left {
            let fate = self.fates.get_mut(number).expect("it was sent");
            if reach(&self.ways, fate.queue).contains(&queue) {
                fate.purge_asked.get_or_insert(id);
            }
        }
    }

    fn told(&mut self, id: AskId, at: Timestamp, told: &Told) -> Result<(), Violation> {
        self.now = self.now.max(at);
        let Some(ask) = self.open.remove(&id) else { return Err(Violation::Strange(id)) };
        if let Ask::Receive { queue } = &ask {
            *self.untold_receives.entry(*queue).or_default() -= 1;
        }
        match (ask, told) {
            (Ask::Receive { queue }, Told::Refused(_)) if self.created.contains(&queue) => {
                return Err(Violation::QueueLost(queue));
            }
            (Ask::Send { numbers, .. }, Told::Refused(_)) => self.are_gone(&numbers),
            (Ask::Purge { .. } | Ask::Drop { .. }, Told::Refused(_)) => self.purge_was_not(id),
            (Ask::Create { queue, .. }, Told::Done) => drop(self.created.insert(queue)),
            (Ask::Send { numbers, .. }, Told::Sent) => self.were_accepted(&numbers),
            (Ask::Receive { queue }, Told::Received(leases)) => {
                self.check_order(queue, leases)?;
                return leases.iter().try_for_each(|lease| self.received(at, queue, lease));
            }
            (Ask::Delete { leases }, Told::Deleted(outcomes)) => {
                for ((number, nonce), outcome) in leases.into_iter().zip(outcomes) {
                    self.check_deleted(id, at, (number, nonce), *outcome)?;
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
                self.are_gone(&numbers);
            }
            (Ask::Change { leases, .. }, Told::Changed(ends)) => {
                for (lease, until) in leases.into_iter().zip(ends) {
                    self.change_told(id, at, lease, *until)?;
                }
            }
            (Ask::Change { leases, .. }, Told::Refused(_)) => {
                for (number, _) in leases {
                    self.fate(number).changes_asked.remove(&id);
                }
            }
            (Ask::Purge { queue } | Ask::Drop { queue }, Told::Done) => self.purge_told(id, queue),
            (Ask::Move { .. } | Ask::Upkeep, Told::Done)
            | (Ask::Resend, Told::Sent)
            | (_, Told::Refused(_)) => {}
            _ => return Err(Violation::Strange(id)),
        }
        Ok(())
    }

    fn were_accepted(&mut self, numbers: &[Number]) {
        for number in numbers {
            self.fate(*number).is_accepted = true;
        }
    }

    /// The messages are gone for good, or never were.
    fn are_gone(&mut self, numbers: &[Number]) {
        for number in numbers {
            let fate = self.fates.get_mut(number).expect("it was sent");
            fate.is_deleted = true;
            self.left.remove(number);
            if let Some(members) = self.groups.get_mut(&(fate.sent_to, fate.group)) {
                members.remove(number);
            }
        }
    }

    /// A lease that goes on cannot have lost its message.
    fn check_deleted(
        &self,
        id: AskId,
        at: Timestamp,
        (number, nonce): (Number, Nonce),
        outcome: Deleted,
    ) -> Result<(), Violation> {
        let fate = &self.fates[&number];
        let is_sure = fate.may_only_go_by_a_delete(at) && fate.deletes_asked.iter().eq([&id]);
        match outcome {
            Deleted::Stale if fate.is_held(nonce, at) => Err(Violation::EndedEarly(number)),
            Deleted::NotThere if fate.is_held(nonce, at) && is_sure => Err(Violation::Lost(number)),
            Deleted::Gone | Deleted::Stale | Deleted::NotThere => Ok(()),
        }
    }

    fn delete_told(&mut self, id: AskId, number: Number, outcome: Deleted) {
        self.fate(number).deletes_asked.remove(&id);
        match outcome {
            Deleted::Gone => self.are_gone(&[number]),
            // It may be in another queue.
            Deleted::NotThere => {}
            Deleted::Stale => self.is_there(number),
        }
    }

    fn change_told(
        &mut self,
        id: AskId,
        at: Timestamp,
        (number, nonce): (Number, Nonce),
        until: Option<Timestamp>,
    ) -> Result<(), Violation> {
        let fate = self.fate(number);
        fate.changes_asked.remove(&id);
        let Some(until) = until else {
            let is_wrong = fate.is_held(nonce, at) && fate.must_be_there(at);
            return if is_wrong { Err(Violation::EndedEarly(number)) } else { Ok(()) };
        };
        if fate.nonce == Some(nonce) {
            // It came after all that was asked before.
            fate.until = until;
            fate.changes_asked.retain(|asked, _| *asked > id);
        }
        Ok(())
    }

    /// The message was seen: what was asked before and not told was not done.
    fn is_there(&mut self, number: Number) {
        let open = &self.open;
        let fate = self.fates.get_mut(&number).expect("it was sent");
        fate.deletes_asked.retain(|id| open.contains_key(id));
    }

    fn purge_told(&mut self, id: AskId, queue: QueueNo) {
        let mut gone = Vec::new();
        for number in &self.left {
            let fate = self.fates.get_mut(number).expect("it was sent");
            if fate.asked_by >= id {
                continue;
            }
            let reached = reach(&self.ways, fate.queue);
            if reached.len() == 1 && reached.contains(&queue) {
                gone.push(*number);
            } else if reached.contains(&queue) {
                fate.deletes_asked.insert(id);
            }
            fate.purge_asked.take_if(|asked| *asked == id);
        }
        self.are_gone(&gone);
    }

    /// Of a group, the earlier messages are in the same reply, in front, or are gone.
    fn check_order(&self, queue: QueueNo, leases: &[Lease]) -> Result<(), Violation> {
        let mut in_front: BTreeMap<u64, BTreeSet<Number>> = BTreeMap::new();
        for lease in leases {
            let number = lease.number;
            let Some(group) = self.fates.get(&number).and_then(|fate| fate.group) else { continue };
            // What may have come back from another queue has its place from then.
            if self.may_have_left(&self.fates[&number]) {
                continue;
            }
            let front = in_front.entry(group).or_default();
            if let Some(later) = front.range(number..).next() {
                return Err(Violation::OutOfOrder { number: *later, earlier: number });
            }
            let members = self.groups.get(&(queue, Some(group)));
            let mut earlier = members.into_iter().flat_map(|members| members.range(..number));
            let is_missing = |earlier: &&Number| {
                let fate = &self.fates[*earlier];
                let is_there = fate.is_accepted && fate.must_be_there(self.now);
                let is_sure = is_there && !self.may_have_left(fate) && !self.is_damaged;
                is_sure && !front.contains(*earlier)
            };
            if let Some(earlier) = earlier.find(is_missing) {
                return Err(Violation::OutOfOrder { number, earlier: *earlier });
            }
            front.insert(number);
        }
        Ok(())
    }

    /// Whether it can have left the queue that it was sent to, by being received too often.
    fn may_have_left(&self, fate: &Fate) -> bool {
        let has_way = self.ways.iter().any(|(from, _)| *from == fate.sent_to);
        let untold = self.untold_receives.get(&fate.sent_to).copied().unwrap_or_default();
        has_way && (fate.count > 0 || untold > 0)
    }

    fn received(&mut self, at: Timestamp, queue: QueueNo, lease: &Lease) -> Result<(), Violation> {
        let Lease { number, seq, nonce, count, until, body } = *lease;
        if body == Body::Damaged {
            self.damaged_count += 1;
            return if self.is_damaged { Ok(()) } else { Err(Violation::Unreadable) };
        }
        let Some(fate) = self.fates.get(&number).filter(|_| body == Body::Whole) else {
            return Err(Violation::Invented(number));
        };
        let reached = reach(&self.ways, fate.queue);
        let begins_anew = reached.iter().any(|queue| self.move_sources.contains(queue));
        if !begins_anew && fate.seq.is_some_and(|known| known != seq) {
            return Err(Violation::Duplicated(number));
        }
        if fate.is_deleted {
            return Err(Violation::Resurrected(number));
        }
        if fate.until_at_least() > at {
            return Err(Violation::Overlap(number));
        }
        if fate.not_before > at && !begins_anew {
            return Err(Violation::Early(number));
        }
        if !reached.contains(&queue) {
            return Err(Violation::Astray(number));
        }
        let untold: u32 = reached.iter().filter_map(|queue| self.untold_receives.get(queue)).sum();
        let is_counted = count > fate.count && count <= fate.count + 1 + untold;
        let is_first = begins_anew && count <= 1 + untold;
        if !is_counted && !is_first {
            return Err(Violation::Count { number, before: fate.count, after: count });
        }
        self.is_there(number);
        let life = self.life;
        let fate = self.fate(number);
        (fate.is_accepted, fate.queue, fate.seq) = (true, queue, Some(seq));
        (fate.count, fate.nonce, fate.seen_in) = (count, Some(nonce), Some(life));
        fate.until = until;
        fate.changes_asked.clear();
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
                Ask::Send { numbers, .. } => drop(self.untold_sends.insert(id, numbers)),
                Ask::Transact { lease, numbers, .. } => {
                    self.untold_sends.insert(id, numbers.clone());
                    self.untold_transacts.insert(id, (lease.0, numbers));
                }
                Ask::Create { .. }
                | Ask::Receive { .. }
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
        self.life += 1;
        self.damaged_count = 0;
    }

    fn emptied(&mut self) -> Result<(), Violation> {
        let is_missing = |number: &&Number| {
            let fate = &self.fates[*number];
            fate.is_accepted && fate.must_be_there(self.now) && !self.is_seen(fate)
        };
        // Those that were told as damaged are some of the missing.
        if let Some(lost) = self.left.iter().filter(is_missing).nth(self.damaged_count) {
            return Err(Violation::Lost(*lost));
        }
        if self.damaged_count == 0 {
            self.check_untold()?;
        }
        // What is not there at this moment must not come later.
        let unseen = self.left.iter().filter(|number| !self.is_seen(&self.fates[*number]));
        let unseen: Vec<Number> = unseen.copied().collect();
        if !self.is_damaged {
            self.are_gone(&unseen);
        }
        Ok(())
    }

    /// A request that nobody was told of was done as a whole, or not at all.
    fn check_untold(&self) -> Result<(), Violation> {
        for (id, numbers) in &self.untold_sends {
            let known = numbers.iter().map(|number| &self.fates[number]);
            let untouched = known.filter(|fate| fate.must_be_there(self.now));
            let (seen, unseen): (Vec<&Fate>, Vec<&Fate>) =
                untouched.partition(|fate| self.is_seen(fate));
            if !seen.is_empty() && !unseen.is_empty() {
                return Err(Violation::Torn(*id));
            }
            if let Some((deleted, _)) = self.untold_transacts.get(id) {
                let deleted = &self.fates[deleted];
                // It was there, and nothing else can have deleted it.
                let only = deleted.deletes_asked.iter().eq([id]);
                let only = only && deleted.may_only_go_by_a_delete(self.now);
                let is_known = deleted.is_accepted && !self.is_seen(deleted) && only;
                let is_seen = deleted.is_accepted && self.is_seen(deleted);
                if is_known && !unseen.is_empty() || is_seen && !seen.is_empty() {
                    return Err(Violation::Torn(*id));
                }
            }
        }
        Ok(())
    }

    fn is_seen(&self, fate: &Fate) -> bool {
        fate.seen_in == Some(self.life)
    }

    fn purge_was_not(&mut self, id: AskId) {
        for fate in self.fates.values_mut() {
            fate.purge_asked.take_if(|asked| *asked == id);
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
