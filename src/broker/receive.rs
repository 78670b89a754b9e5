//! Carrying out receives: those that find a message, and those that wait for one.

use super::{
    Answer, Waiter,
    execute::RECORD_BYTES_MAX,
    owner::{Mode, Owner},
    parked::Poll,
};
use crate::{
    store::BodyRef,
    types::{Millis, Nonce, QueueId, Rejection, Reply, Seq, Timestamp, limits::RECEIVE_MAX},
};

/// What a receive took: the messages, in order, of one queue.
type Taken = (QueueId, Vec<Seq>);

impl<W: Waiter> Owner<W> {
    pub(super) fn receive(&mut self, poll: Poll<W>, wait: Option<Millis>) {
        if poll.waiter.is_gone() {
            return;
        }
        match self.lease(&poll) {
            Ok((_, seqs)) if seqs.is_empty() => {
                let found = self.state.receive_wait(&poll.queue);
                match found.map(|(id, queue_wait)| (id, wait.unwrap_or(queue_wait))) {
                    Ok((id, wait)) if !wait.is_zero() && self.mode == Mode::Serving => {
                        self.parked.park(id, self.batch.now.after(wait), poll);
                    }
                    _ => self.hold(Some(poll.waiter), Ok(Reply::Received(Vec::new()))),
                }
            }
            Ok(taken) => self.deliver(poll.waiter, &taken),
            Err(refused) => self.hold(Some(poll.waiter), Err(refused)),
        }
    }

    /// Leases what the poll asks for; nothing if nothing is ready.
    fn lease(&mut self, poll: &Poll<W>) -> Result<Taken, Rejection> {
        let nonce = Nonce::new(self.entropy.next());
        let mut options = poll.options;
        options.count_max = self.receive_count_max(options.count_max);
        let mut receiving = self.state.begin_receive(&poll.queue, &options, nonce)?;
        let queue = receiving.queue();
        if let Some((record, seqs)) = self.state.decide_repeat(&receiving) {
            self.commit(&record);
            return Ok((queue, seqs));
        }
        while self.has_room_for_lease(receiving.taken().len()) {
            let Some(record) = self.state.decide_receive(&mut receiving) else {
                return Ok((queue, receiving.taken().to_vec()));
            };
            self.commit(&record);
        }
        // There may be more, for which the next batch has room.
        self.woken.insert(queue);
        Ok((queue, receiving.taken().to_vec()))
    }

    /// Whether the batch has room for one record more, and for that of the attempt behind it.
    fn has_room_for_lease(&self, taken_count: usize) -> bool {
        let attempt = (taken_count as u64 + 1) * 8 + RECORD_BYTES_MAX;
        let bytes = self.batch.frame_bytes(0, 0, RECORD_BYTES_MAX + attempt);
        bytes <= self.log.frame_bytes_max()
    }

    fn deliver(&mut self, waiter: W, (queue, seqs): &Taken) {
        if let Some(last) = seqs.last() {
            self.store.hint(*last);
        }
        let bodies = seqs.iter().map(|seq| self.body(*seq)).collect();
        let leased = |seq: &Seq| {
            let leased = self.state.leased(*queue, *seq);
            leased.expect("the message was leased just now")
        };
        let messages = seqs.iter().map(leased).collect();
        self.batch.hold(waiter, Answer { reply: Ok(Reply::Received(messages)), bodies });
    }

    /// Where a message's payload is: in this batch, or in the log.
    pub(super) fn body(&self, seq: Seq) -> BodyRef {
        let in_batch = self.batch.payload(seq).cloned().map(BodyRef::Cached);
        let body = in_batch.or_else(|| self.store.body(seq));
        body.expect("every message that is there has its payload in the log")
    }

    /// Gives polls that wait what has become ready for them.
    pub(super) fn serve_woken(&mut self) {
        self.woken.extend(self.state.take_woken());
        while let Some(queue) = self.woken.first().copied()
            && self.has_room_for_poll()
        {
            self.serve_polls(queue);
        }
    }

    fn serve_polls(&mut self, queue: QueueId) {
        self.woken.remove(&queue);
        while self.state.has_answer(queue) {
            if !self.has_room_for_poll() {
                self.woken.insert(queue);
                return;
            }
            let Some((poll, until)) = self.parked.take_first(queue) else { break };
            match self.lease(&poll) {
                // All that was there went to the dead-letter queue: the wait goes on.
                // The queue of the name may be another by now.
                Ok((id, seqs)) if seqs.is_empty() => self.parked.park_again(id, until, poll),
                Ok(taken) => self.deliver(poll.waiter, &taken),
                Err(refused) => self.hold(Some(poll.waiter), Err(refused)),
            }
            self.woken.extend(self.state.take_woken());
        }
    }

    /// Lets time pass for the polls that wait: messages become ready, and waits come to an end.
    pub(super) fn serve_parked(&mut self, now: Timestamp) {
        self.pass_time(now);
        self.serve_woken();
        let now = self.batch.now;
        while let Some(poll) = self.parked.take_due(now) {
            self.hold(Some(poll.waiter), Ok(Reply::Received(Vec::new())));
        }
        while self.mode == Mode::Draining
            && let Some(poll) = self.parked.take_any()
        {
            self.hold(Some(poll.waiter), Ok(Reply::Received(Vec::new())));
        }
    }

    fn has_room_for_poll(&self) -> bool {
        let records = self.receive_count_max(RECEIVE_MAX) as u64 * RECORD_BYTES_MAX;
        let bytes = self.batch.frame_bytes(0, 0, records);
        bytes <= self.log.frame_bytes_max() && self.log.has_room()
    }

    /// How many messages a receive may lease, so that half a frame always has room for them.
    pub(super) fn receive_count_max(&self, count_max: usize) -> usize {
        let fitting = self.log.frame_bytes_max() / 2 / RECORD_BYTES_MAX;
        count_max.min(usize::try_from(fitting).unwrap_or(usize::MAX))
    }
}
