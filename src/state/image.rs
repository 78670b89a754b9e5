//! The state taken apart for a checkpoint, a slice at a time, while it goes on changing.
//!
//! What is small is copied when the image begins. Messages and attempts are not: their maps keep
//! what changes before the image reaches it. When a queue is purged or deleted meanwhile, the image
//! takes its maps over and hands them to the garbage when it has passed.

use std::collections::{BTreeMap, VecDeque};

use super::{
    State,
    attempts::Attempt,
    garbage::{Garbage, Maps},
    lanes::Lanes,
    moves::MoveTask,
    queue::Queue,
    touched::{Phase, Touched},
};
use crate::types::{
    AttemptImage, BaseImage, Digest, ImageEntry, MoveImage, PhaseImage, QueueId, QueueImage, Seq,
    TaskId, TouchedImage,
};

/// What is left to tell.
pub(super) struct Image {
    /// The base, the move tasks, and names of deleted queues.
    small: VecDeque<ImageEntry>,
    /// Queues of which nothing was told.
    queues: VecDeque<Box<QueueImage>>,
    /// The queue whose messages are being told.
    current: Option<QueueId>,
    /// Messages and attempts of queues that were purged or deleted since, not passed yet.
    taken: BTreeMap<QueueId, Maps>,
    /// Messages that were garbage already.
    garbage: VecDeque<(QueueId, Maps)>,
}

impl State {
    /// Begins an image of the state as it is now, between two frames. No message is copied. One
    /// that was under way is given up.
    pub fn begin_image(&mut self) {
        self.cancel_image();
        let mut garbage: VecDeque<_> = self.garbage.lend_touched().collect();
        for (_, maps) in &mut garbage {
            maps.touched.begin_image();
        }
        for queue in self.queues.values_mut() {
            queue.touched.begin_image();
            queue.attempts.by_id.begin_image();
        }
        let tasks = self.tasks.iter().map(|(id, task)| ImageEntry::Move(task.image(*id).into()));
        let names = self.deleted_names.images(self.now);
        let names = names.map(|name| ImageEntry::Name(name.into()));
        let base = std::iter::once(ImageEntry::Base(self.base()));
        self.image = Some(Box::new(Image {
            small: base.chain(tasks).chain(names).collect(),
            queues: self.queues.values().map(|queue| queue.image().into()).collect(),
            current: None,
            taken: BTreeMap::new(),
            garbage,
        }));
    }

    /// The next entries of the image, about `count_max` of them, all as they were when it began;
    /// whether there are more.
    pub fn image_slice(&mut self, count_max: usize, out: &mut Vec<ImageEntry>) -> bool {
        let Some(mut image) = self.image.take() else { return false };
        let mut left = count_max.max(1);
        while left > 0 && !image.is_over() {
            left = left.saturating_sub(self.tell(&mut image, left, out));
        }
        let more = !image.is_over();
        self.image = more.then_some(image);
        more
    }

    /// Gives up the image that is under way, if one is.
    pub fn cancel_image(&mut self) {
        let Some(mut image) = self.image.take() else { return };
        let garbage = &mut self.garbage;
        for (id, mut maps) in image.taken.into_iter().chain(image.garbage.drain(..)) {
            maps.give_up(garbage);
            garbage.take_maps(id, maps);
        }
        for queue in self.queues.values_mut() {
            garbage.take_saved(queue.touched.cancel_image());
            garbage.take_saved(queue.attempts.by_id.cancel_image());
        }
    }

    /// Takes the maps of a queue that was purged or deleted: to be freed, or to be told first.
    pub(super) fn discard_maps(&mut self, id: QueueId, maps: Maps) {
        match &mut self.image {
            Some(image) if maps.is_imaged() => drop(image.taken.insert(id, maps)),
            Some(_) | None => self.garbage.take_maps(id, maps),
        }
    }

    /// Tells one part of the image; what it cost, at most `count_max` or one.
    fn tell(&mut self, image: &mut Image, count_max: usize, out: &mut Vec<ImageEntry>) -> usize {
        if let Some(small) = image.small.pop_front() {
            out.push(small);
            return 1;
        }
        if let Some(id) = image.current {
            let mut cost = 0;
            if let Some(maps) = image.taken.get_mut(&id) {
                cost += tell_maps(id, &mut maps.touched, &mut maps.attempts, count_max, out);
                if !maps.is_imaged() {
                    let maps = image.taken.remove(&id).unwrap_or_default();
                    self.garbage.take_maps(id, maps);
                    image.current = None;
                }
            } else if let Some(queue) = self.queues.get_mut(&id) {
                let (touched, attempts) = (&mut queue.touched, &mut queue.attempts.by_id);
                cost += tell_maps(id, touched, attempts, count_max, out);
                let is_imaged = touched.is_imaged() || attempts.is_imaged();
                image.current = is_imaged.then_some(id);
            } else {
                image.current = None;
            }
            return cost;
        }
        if let Some(queue) = image.queues.pop_front() {
            image.current = Some(queue.id);
            out.push(ImageEntry::Queue(queue));
            return 1;
        }
        image.tell_garbage(count_max, out, &mut self.garbage)
    }

    fn base(&self) -> BaseImage {
        BaseImage {
            applied_lsn: self.applied_lsn,
            now: self.now,
            next_queue: self.next_queue,
            next_seq: self.next_seq,
            next_task: self.next_task,
            retention_held: self.retention_held,
        }
    }
}

impl Image {
    fn is_over(&self) -> bool {
        let no_queue = self.current.is_none() && self.queues.is_empty();
        no_queue && self.small.is_empty() && self.garbage.is_empty()
    }

    /// Of what was garbage already, only the dead letters are told: all others follow from their
    /// queue, which is gone or says up to where it was purged.
    fn tell_garbage(
        &mut self,
        count_max: usize,
        out: &mut Vec<ImageEntry>,
        garbage: &mut Garbage,
    ) -> usize {
        let Some((_, maps)) = self.garbage.front_mut() else { return 0 };
        let cost = maps.touched.image_slice(count_max, &mut |seq, touched| {
            if touched.source.is_some() {
                out.push(ImageEntry::Gone(seq));
            }
        });
        if !maps.touched.is_imaged()
            && let Some((id, maps)) = self.garbage.pop_front()
        {
            garbage.take_maps(id, maps);
        }
        cost
    }
}

impl Maps {
    fn give_up(&mut self, garbage: &mut Garbage) {
        garbage.take_saved(self.touched.cancel_image());
        garbage.take_saved(self.attempts.cancel_image());
    }
}

fn tell_maps(
    queue: QueueId,
    touched: &mut super::cow::CowMap<Seq, Touched>,
    attempts: &mut super::cow::CowMap<Digest, Attempt>,
    count_max: usize,
    out: &mut Vec<ImageEntry>,
) -> usize {
    let cost = touched.image_slice(count_max, &mut |seq, touched| {
        out.push(ImageEntry::Touched(touched.image(queue, seq).into()));
    });
    let left = count_max.saturating_sub(cost);
    cost + attempts.image_slice(left, &mut |id, attempt| {
        out.push(ImageEntry::Attempt(attempt.image(queue, id)));
    })
}

impl Queue {
    fn image(&self) -> QueueImage {
        QueueImage {
            id: self.id,
            name: self.name.clone(),
            settings: self.settings.clone(),
            scope: self.scope,
            created_at: self.created_at,
            modified_at: self.modified_at,
            purged_at: self.purged_at,
            purged_below: self.purged_below,
            prefers_returned: match &self.lanes {
                Lanes::Standard(tenants) => tenants.prefers_returned(),
                Lanes::Fifo(_) => false,
            },
            sends_paused: self.sends_paused,
            receives_paused: self.receives_paused,
        }
    }
}

impl Touched {
    fn image(&self, queue: QueueId, seq: Seq) -> TouchedImage {
        TouchedImage {
            queue,
            seq,
            group: self.group.clone(),
            priority: self.slot.priority,
            sent_at: self.sent_at,
            retained_from: self.retained_from,
            expires_at: self.expires_at,
            size: self.size,
            receive_count: self.receive_count,
            first_received_at: self.first_received_at,
            leased_at: self.leased_at,
            nonce: self.nonce,
            is_changed: self.is_changed,
            is_repeated: self.is_repeated,
            received_elsewhere: self.received_elsewhere,
            source: self.source,
            phase: match self.phase {
                Phase::Delayed { until } => PhaseImage::Delayed { until },
                Phase::InFlight { until } => PhaseImage::InFlight { until },
                Phase::Ready { turn } => PhaseImage::Ready { turn: turn.0 },
            },
        }
    }
}

impl Attempt {
    fn image(&self, queue: QueueId, attempt: Digest) -> AttemptImage {
        let Self { nonce, ref seqs, ends_at } = *self;
        AttemptImage { queue, attempt, nonce, seqs: seqs.clone(), ends_at }
    }
}

impl MoveTask {
    fn image(&self, task: TaskId) -> MoveImage {
        MoveImage {
            task,
            source: self.source,
            target: self.target,
            spec: self.spec.clone(),
            started_at: self.started_at,
            moved_count: self.moved_count,
            to_move_count: self.to_move_count,
            cursor: self.cursor,
            cancelling: self.cancelling,
            outcome: self.outcome.clone(),
        }
    }
}
