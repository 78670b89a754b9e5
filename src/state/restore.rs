//! The state put together again, from an image and from what files say of untouched messages.
//!
//! Everything is as it was but for two things that no image holds: groups and tenants take turns
//! anew, in order of their oldest message; and nobody is woken.

use std::collections::BTreeMap;

use super::{
    Settings, State,
    attempts::Attempt,
    backlog::Waiting,
    coherence,
    deadlines::{Deadlines, Due},
    lanes::Lanes,
    moves::MoveTask,
    queue::Queue,
    touched::{Phase, Touched, Turn},
    window::Window,
};
use crate::types::{
    AttemptImage, BaseImage, DeduplicationBucket, ImageEntry, MoveImage, NameImage, PhaseImage,
    QueueId, QueueImage, QueueName, Seq, Summary, TaskId, Timestamp, TouchedImage,
};

/// Why entries, buckets and summaries are not a state: the checkpoint, or a file that it needs, is
/// not one this program wrote, or does not belong to the others.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnImage {
    /// The base is not the first entry, or is there again.
    #[error("the checkpoint does not begin with its base, or has two")]
    Base,
    /// The queue or its name is there twice, or was never given.
    #[error("queue {0} or its name is there twice, or was not given yet")]
    Queue(QueueId),
    /// An entry names a queue that is not there.
    #[error("there is no queue {0}, which the checkpoint names")]
    NoQueue(QueueId),
    /// The message was never given.
    #[error("message {0} was not given yet")]
    Unknown(Seq),
    /// The message is there twice.
    #[error("message {0} is there twice")]
    Twice(Seq),
    /// Messages are not told in their order.
    #[error("message {0} is told out of its order")]
    OutOfOrder(Seq),
    /// A message of a FIFO queue has no group.
    #[error("message {0} of a FIFO queue has no group")]
    NoGroup(Seq),
    /// Two messages that came back have one place.
    #[error("message {0} has the place of another among those that came back")]
    NoTurn(Seq),
    /// No file has a touched message.
    #[error("no file has message {0}, which is in the checkpoint")]
    NoSummary(Seq),
    /// The task is there twice, or was never given.
    #[error("move task {0} is there twice, or was not given yet")]
    Task(TaskId),
    /// The name of a deleted queue is there twice, or a queue has it.
    #[error("the name {0} of a deleted queue is there twice, or a queue has it")]
    Name(QueueName),
    /// The attempt is there twice.
    #[error("an attempt of queue {0} is there twice")]
    Attempt(QueueId),
    /// The bucket is empty, has another name than its first message, or does not go with the
    /// queue's others.
    #[error("the deduplication ids of queue {queue} from message {first} on are not valid")]
    Bucket {
        /// The queue.
        queue: QueueId,
        /// By what the bucket is known.
        first: Seq,
    },
    /// No state ever said this.
    #[error("the checkpoint contradicts itself: {of}: {problem}")]
    Contradiction {
        /// What of it does, as `queue 3`.
        of: String,
        /// What is wrong.
        problem: &'static str,
    },
}

/// A state that is being put together: first all entries, in their order; then buckets, in any
/// order, and summaries.
pub struct Restoring {
    state: State,
    /// `None` before the first entry.
    base: Option<BaseImage>,
    /// Messages that entries tell of, and whether each is there; sorted before the first summary.
    told: Vec<(Seq, bool)>,
    is_sorted: bool,
    /// The first of them whose summary has not come.
    next_told: usize,
    /// The last summary.
    last: Seq,
    buckets: BTreeMap<QueueId, Vec<DeduplicationBucket>>,
    /// What is wrong with a summary, if anything is.
    fault: Option<NotAnImage>,
}

impl Restoring {
    /// Nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            state: State::new(settings),
            base: None,
            told: Vec::new(),
            is_sorted: false,
            next_told: 0,
            last: Seq::default(),
            buckets: BTreeMap::new(),
            fault: None,
        }
    }

    /// The next entry, in the order in which [`State::image_slice`] gave them.
    pub fn entry(&mut self, entry: ImageEntry) -> Result<(), NotAnImage> {
        let Some(base) = self.base else {
            let ImageEntry::Base(base) = entry else { return Err(NotAnImage::Base) };
            return self.base(base);
        };
        match entry {
            ImageEntry::Base(_) => Err(NotAnImage::Base),
            ImageEntry::Queue(queue) => self.queue(*queue, &base),
            ImageEntry::Touched(touched) => self.touched(*touched, &base),
            ImageEntry::Attempt(attempt) => self.attempt(attempt, &base),
            ImageEntry::Move(task) => self.task(*task, &base),
            ImageEntry::Name(name) => self.name(*name, &base),
            ImageEntry::Gone(seq) => {
                coherence::gone(seq, &base)?;
                self.told.push((seq, false));
                Ok(())
            }
        }
    }

    /// Deduplication ids of one queue.
    pub fn bucket(&mut self, bucket: DeduplicationBucket) -> Result<(), NotAnImage> {
        let id = bucket.queue;
        let base = self.base.ok_or(NotAnImage::Base)?;
        let known = self.state.queues.get(&id).ok_or(NotAnImage::NoQueue(id))?;
        coherence::bucket(&bucket, &base, known.purged_below)?;
        self.buckets.entry(id).or_default().push(bucket);
        Ok(())
    }

    /// After all entries: the next of the messages that the checkpoint calls live, in ascending
    /// order of seq. Whether it is part of the state. It is not if its queue is gone, or was purged
    /// since and the message was never touched.
    pub fn message(&mut self, summary: &Summary) -> bool {
        let seq = summary.seq;
        self.sort();
        if seq <= self.last {
            self.fault.get_or_insert(NotAnImage::OutOfOrder(seq));
            return false;
        }
        self.last = seq;
        while let Some((told, is_there)) = self.told.get(self.next_told)
            && *told <= seq
        {
            self.next_told += 1;
            if *told == seq {
                // Its entry says all.
                return *is_there;
            }
            if *is_there {
                self.fault.get_or_insert(NotAnImage::NoSummary(*told));
            }
        }
        let restored = self.untouched(summary);
        restored.unwrap_or_else(|fault| {
            self.fault.get_or_insert(fault);
            false
        })
    }

    /// The state. Not if something is missing, or if a summary was not valid.
    pub fn finish(mut self) -> Result<State, NotAnImage> {
        self.sort();
        if self.base.is_none() {
            return Err(NotAnImage::Base);
        }
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let left = &self.told[self.next_told..];
        if let Some((seq, _)) = left.iter().find(|(_, is_there)| *is_there) {
            return Err(NotAnImage::NoSummary(*seq));
        }
        let mut state = self.state;
        let ids: Vec<QueueId> = state.queues.keys().copied().collect();
        for id in ids {
            let Some(queue) = state.queues.get_mut(&id) else { continue };
            queue.take_turns_anew();
            queue.schedule_arrival(&mut state.deadlines);
            let mut buckets = self.buckets.remove(&id).unwrap_or_default();
            buckets.sort_unstable_by_key(|bucket| bucket.first);
            queue.window = Window::restored(buckets, state.now)
                .map_err(|first| NotAnImage::Bucket { queue: id, first })?;
            if let Some(at) = queue.window.next_end() {
                state.deadlines.insert(at, Due::Deduplication(id));
            }
            state.schedule_retention(id);
        }
        for (id, task) in state.tasks.iter().filter(|(_, task)| task.outcome.is_none()) {
            let has_source = state.queue_name(task.source) == Some(&task.spec.source);
            coherence::running(*id, has_source)?;
        }
        Ok(state)
    }

    fn sort(&mut self) {
        if self.is_sorted {
            return;
        }
        self.is_sorted = true;
        self.told.sort_unstable();
        let twice = self.told.windows(2).find(|pair| pair[0].0 == pair[1].0);
        if let Some(pair) = twice {
            self.fault.get_or_insert(NotAnImage::Twice(pair[0].0));
        }
    }

    fn base(&mut self, base: BaseImage) -> Result<(), NotAnImage> {
        coherence::base(&base)?;
        self.base = Some(base);
        let state = &mut self.state;
        state.applied_lsn = base.applied_lsn;
        state.now = base.now;
        state.next_queue = base.next_queue;
        state.next_seq = base.next_seq;
        state.next_task = base.next_task;
        state.retention_held = base.retention_held;
        Ok(())
    }

    fn queue(&mut self, image: QueueImage, base: &BaseImage) -> Result<(), NotAnImage> {
        coherence::queue(&image, base)?;
        let (state, id) = (&mut self.state, image.id);
        if state.deleted_names.contains(&image.name) {
            return Err(NotAnImage::Name(image.name));
        }
        let is_known = state.queues.contains_key(&id) || state.names.contains_key(&image.name);
        if is_known || id >= state.next_queue {
            return Err(NotAnImage::Queue(id));
        }
        let mut queue = Queue::new(id, image.name, image.settings, image.created_at);
        queue.scope = image.scope;
        queue.modified_at = image.modified_at;
        queue.purged_at = image.purged_at;
        queue.purged_below = image.purged_below;
        if let Lanes::Standard(tenants) = &mut queue.lanes {
            tenants.prefer_returned(image.prefers_returned);
        }
        queue.sends_paused = image.sends_paused;
        queue.receives_paused = image.receives_paused;
        state.names.insert(queue.name.clone(), id);
        state.queues.insert(id, queue);
        Ok(())
    }

    fn touched(&mut self, image: TouchedImage, base: &BaseImage) -> Result<(), NotAnImage> {
        let (state, seq) = (&mut self.state, image.seq);
        if seq >= state.next_seq {
            return Err(NotAnImage::Unknown(seq));
        }
        let queue = state.queues.get_mut(&image.queue);
        let queue = queue.ok_or(NotAnImage::NoQueue(image.queue))?;
        let (id, expires_at) = (image.queue, image.expires_at);
        coherence::touched(&image, base, queue.purged_below, queue.name.is_fifo())?;
        queue.restore_touched(image, &mut state.deadlines)?;
        state.restore_life(id, seq, expires_at);
        self.told.push((seq, true));
        Ok(())
    }

    fn attempt(&mut self, image: AttemptImage, base: &BaseImage) -> Result<(), NotAnImage> {
        let id = image.queue;
        let queue = self.state.queues.get_mut(&id).ok_or(NotAnImage::NoQueue(id))?;
        coherence::attempt(&image, base, queue.name.is_fifo())?;
        let AttemptImage { attempt, nonce, seqs, ends_at, .. } = image;
        let made = Attempt { nonce, seqs, ends_at };
        if queue.attempts.by_id.insert(attempt, made).is_some() {
            return Err(NotAnImage::Attempt(id));
        }
        self.state.deadlines.insert(ends_at, Due::Attempt(id, attempt));
        Ok(())
    }

    fn task(&mut self, image: MoveImage, base: &BaseImage) -> Result<(), NotAnImage> {
        let id = image.task;
        coherence::task(&image, base)?;
        let task = MoveTask {
            source: image.source,
            target: image.target,
            spec: image.spec,
            started_at: image.started_at,
            moved_count: image.moved_count,
            to_move_count: image.to_move_count,
            cursor: image.cursor,
            cancelling: image.cancelling,
            outcome: image.outcome,
        };
        let is_twice = self.state.tasks.insert(id, task).is_some();
        let is_known = !is_twice && id < self.state.next_task;
        is_known.then_some(()).ok_or(NotAnImage::Task(id))
    }

    fn name(&mut self, image: NameImage, base: &BaseImage) -> Result<(), NotAnImage> {
        coherence::name(&image, base)?;
        let (state, NameImage { name, deleted_at }) = (&mut self.state, image);
        if state.deleted_names.contains(&name) || state.names.contains_key(&name) {
            return Err(NotAnImage::Name(name));
        }
        state.deleted_names.insert(name, deleted_at);
        Ok(())
    }

    fn untouched(&mut self, summary: &Summary) -> Result<bool, NotAnImage> {
        let state = &mut self.state;
        let Summary { seq, queue: id, .. } = *summary;
        if seq >= state.next_seq {
            return Err(NotAnImage::Unknown(seq));
        }
        coherence::untouched(summary, state.now)?;
        let Some(queue) = state.queues.get_mut(&id) else {
            let was_given = id < state.next_queue;
            return if was_given { Ok(false) } else { Err(NotAnImage::NoQueue(id)) };
        };
        if seq < queue.purged_below {
            return Ok(false);
        }
        queue.restore_untouched(summary, state.now)?;
        state.restore_life(id, seq, summary.expires_at);
        Ok(true)
    }
}

impl State {
    /// Puts the end of a message's own time to live among the deadlines. If it has passed while
    /// retention is held, its deadline was taken, and is made anew when retention goes on.
    fn restore_life(&mut self, id: QueueId, seq: Seq, expires_at: Option<Timestamp>) {
        let is_left = |at: &Timestamp| !self.retention_held || *at > self.now;
        if let Some(at) = expires_at.filter(is_left) {
            self.deadlines.insert(at, Due::Expiry(id, seq));
        }
    }
}

impl Queue {
    fn restore_touched(
        &mut self,
        image: TouchedImage,
        deadlines: &mut Deadlines,
    ) -> Result<(), NotAnImage> {
        let seq = image.seq;
        if self.touched.contains_key(&seq) {
            return Err(NotAnImage::Twice(seq));
        }
        if self.name.is_fifo() && image.group.is_none() {
            return Err(NotAnImage::NoGroup(seq));
        }
        let slot = self.lanes.enter(image.group.as_ref(), image.priority);
        let phase = match image.phase {
            PhaseImage::Delayed { until } => Phase::Delayed { until },
            PhaseImage::InFlight { until } => Phase::InFlight { until },
            PhaseImage::Ready { turn } => Phase::Ready { turn: Turn(turn) },
        };
        match phase {
            Phase::Delayed { .. } => self.counts.delayed += 1,
            Phase::InFlight { .. } => self.counts.in_flight += 1,
            Phase::Ready { .. } => self.counts.returned += 1,
        }
        match (&mut self.lanes, phase) {
            (Lanes::Standard(tenants), Phase::InFlight { .. }) => tenants.restore_leased(slot),
            (Lanes::Standard(tenants), Phase::Ready { turn }) => {
                if !tenants.restore_returned(slot, turn, seq) {
                    return Err(NotAnImage::NoTurn(seq));
                }
            }
            (Lanes::Standard(_), Phase::Delayed { .. }) => {}
            (Lanes::Fifo(groups), _) => groups.touch(slot.lane, seq),
        }
        let touched = Touched {
            slot,
            group: image.group,
            sent_at: image.sent_at,
            retained_from: image.retained_from,
            expires_at: image.expires_at,
            size: image.size,
            receive_count: image.receive_count,
            first_received_at: image.first_received_at,
            leased_at: image.leased_at,
            nonce: image.nonce,
            is_changed: image.is_changed,
            is_repeated: image.is_repeated,
            received_elsewhere: image.received_elsewhere,
            source: image.source,
            phase,
        };
        if let Some(until) = touched.until() {
            deadlines.insert(until, Due::Message(self.id, seq));
        }
        self.ages.insert((touched.retained_from, seq));
        self.touched.insert(seq, touched);
        Ok(())
    }

    /// A message that was never touched: it waits, or does so yet for the delay of its FIFO queue.
    fn restore_untouched(&mut self, summary: &Summary, now: Timestamp) -> Result<(), NotAnImage> {
        let Summary { seq, sent_at, size, expires_at, ref group, priority, .. } = *summary;
        if self.name.is_fifo() && group.is_none() {
            return Err(NotAnImage::NoGroup(seq));
        }
        let slot = self.lanes.enter(group.as_ref(), priority);
        let waiting = Waiting { seq, sent_at, size };
        let is_upcoming = match &mut self.lanes {
            Lanes::Standard(tenants) => {
                tenants.push_waiting(slot, waiting);
                false
            }
            Lanes::Fifo(groups) if sent_at.after(self.settings.delay) > now => {
                groups.push_upcoming(slot.lane, waiting);
                true
            }
            Lanes::Fifo(groups) => {
                groups.push_waiting(slot.lane, waiting);
                false
            }
        };
        self.counts.waiting += u64::from(!is_upcoming);
        if let Some(expires_at) = expires_at {
            self.mortal.insert(seq, (expires_at, slot));
        }
        Ok(())
    }

    fn take_turns_anew(&mut self) {
        match &mut self.lanes {
            Lanes::Standard(tenants) => tenants.take_turns_anew(),
            Lanes::Fifo(groups) => groups.take_turns_anew(&self.touched),
        }
    }
}
