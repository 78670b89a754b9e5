//! The log behind the base, on behind holes.

use std::{collections::BTreeMap, sync::Arc};

use super::{BaseUsed, Loss, Lost, LostRecords, RepairReport};
use crate::{
    codec,
    disk::Disk,
    log::{FileId, FrameView, Hole, Listed, Piece},
    state::Salvage,
    store::{self, FoundMessage},
    types::{Lineage, Lsn, MoveOutcome, Record, Sending, Seq, Summary, Timestamp},
};

/// A replay that does not end at a hole.
pub(super) struct Replay {
    disk: Arc<dyn Disk>,
    lineage: Lineage,
    pub(super) salvage: Salvage,
    /// Where each message lies that is there.
    pub(super) kept: BTreeMap<Seq, FoundMessage>,
    pub(super) report: RepairReport,
    /// Messages of outputs whose own records are lost, to be taken in at their place.
    elsewhere: BTreeMap<Seq, FoundMessage>,
    /// Broker time of the last frame.
    after: Option<Timestamp>,
    /// Whether the last piece was a hole.
    is_open: bool,
}

impl Replay {
    pub(super) fn new(
        disk: &Arc<dyn Disk>,
        lineage: Lineage,
        salvage: Salvage,
        kept: BTreeMap<Seq, FoundMessage>,
        base: BaseUsed,
    ) -> Self {
        let after = Some(salvage.state().now()).filter(|now| *now > Timestamp::ZERO);
        let report = RepairReport { base, ..RepairReport::default() };
        let (disk, elsewhere) = (Arc::clone(disk), BTreeMap::new());
        Self { disk, lineage, salvage, kept, report, elsewhere, after, is_open: false }
    }

    /// A message of the base is lost; its queue is known as long as the state has it.
    pub(super) fn lose(&mut self, mut lost: Lost) {
        let queue = self.salvage.take_out(lost.first);
        lost.queue = queue.and_then(|id| self.salvage.state().queue_name(id).cloned());
        self.report.lost.push(lost);
        self.forget_gone();
    }

    pub(super) fn piece(&mut self, piece: &Piece<'_>) {
        match piece {
            Piece::Frame(view) => self.frame(view, piece),
            Piece::Hole(hole) => self.hole(hole),
            Piece::Listed(listed) => self.listed(listed, piece),
        }
    }

    /// Everything was read.
    pub(super) fn end(mut self) -> Self {
        let last = self.elsewhere.last_key_value().map(|(seq, _)| seq.next());
        if let Some(end) = last {
            self.fill_to(end);
        }
        self.end_moves();
        self.forget_gone();
        self.sent_from(self.salvage.state().next_seq(), false);
        self
    }

    /// A task whose end may be among the records that are lost must not go on by itself.
    fn end_moves(&mut self) {
        if self.report.lost_records.is_empty() {
            return;
        }
        let running: Vec<_> = self.salvage.state().running_moves().collect();
        for task in running {
            let reason = "records of the log are lost; start another if it is needed".to_owned();
            let ended = Record::MoveEnded { task, outcome: MoveOutcome::Failed { reason } };
            let lsn = self.salvage.state().applied_lsn();
            self.salvage.apply(&ended, lsn);
        }
    }

    /// All before this message was sent before the holes so far came to their end; whether it was
    /// sent itself.
    fn sent_from(&mut self, seq: Seq, is_sent: bool) {
        let holes = self.report.lost_records.iter_mut().rev();
        for hole in holes.take_while(|hole| hole.sent_below == Seq::default()) {
            hole.sent_below = seq;
            hole.is_counted |= is_sent;
        }
    }

    fn frame(&mut self, view: &FrameView<'_>, piece: &Piece<'_>) {
        let (mut records, id) = (Vec::new(), FileId::Segment(view.segment));
        let decoded = codec::decode_records(view.records, &mut |record| records.push(record));
        let messages = store::messages_of(id, piece);
        let last_lsn = Lsn::new(view.first_lsn.get() + u64::from(view.record_count) - 1);
        let Some(messages) = messages.ok().filter(|_| decoded.is_ok()) else {
            let found = "its records are whole but cannot be read".to_owned();
            let (path, offset) = (id.path(), view.offset);
            let (first_lsn, next_lsn) = (view.first_lsn, Some(last_lsn.next()));
            let body_count = Some(view.bodies.len() as u64);
            return self.hole(&Hole { first_lsn, next_lsn, path, offset, found, body_count });
        };
        self.close_hole(view.now);
        if let Some(first) = messages.first() {
            self.sent_from(first.summary.seq, true);
        }
        self.advance(view.now);
        let mut passed_over = 0;
        for (record, lsn) in records.iter().zip(view.first_lsn.get()..) {
            self.fill_to(bound_of(record));
            passed_over += self.salvage.apply(record, Lsn::new(lsn));
        }
        self.report.passed_over_count += passed_over;
        self.salvage.skip_to(last_lsn);
        self.kept.extend(messages.into_iter().map(|found| (found.summary.seq, found)));
        self.forget_gone();
    }

    fn hole(&mut self, hole: &Hole) {
        if self.report.base == BaseUsed::Log && self.report.lost_records.is_empty() {
            self.look_elsewhere();
        }
        let Hole { first_lsn, next_lsn, path, offset, found, body_count } = hole.clone();
        let last_lsn = next_lsn.map(|next| Lsn::new(next.get() - 1));
        if let Some(last_lsn) = last_lsn {
            self.salvage.skip_to(last_lsn);
        }
        if let Some(before) = self.report.lost_records.last_mut().filter(|_| self.is_open)
            && before.path == path
        {
            before.last_lsn = last_lsn;
            before.is_counted &= body_count.is_some();
            return self.lose_bodies(body_count);
        }
        let (after, before) = (self.after, None);
        let (sent_below, older_count) = (Seq::default(), 0);
        self.report.lost_records.push(LostRecords {
            first_lsn,
            last_lsn,
            after,
            before,
            path,
            offset,
            found,
            sent_below,
            is_counted: body_count.is_some(),
            older_count,
        });
        self.is_open = true;
        self.lose_bodies(body_count);
    }

    /// The header of a lost frame tells how many messages it had.
    fn lose_bodies(&mut self, body_count: Option<u64>) {
        let next_seq = self.salvage.state().next_seq().get() + body_count.unwrap_or_default();
        self.fill_to(Seq::new(next_seq));
    }

    /// Of a frame that is lost, its footer tells the messages, but not when they become ready, nor
    /// by what duplicates of them are known.
    fn listed(&mut self, listed: &Listed<'_>, piece: &Piece<'_>) {
        let Ok(messages) = store::messages_of(listed.id, piece) else { return };
        for found in messages {
            self.fill_to(found.summary.seq);
            self.take_in(found, listed.last_lsn);
        }
        self.forget_gone();
    }

    /// The log goes on behind the hole.
    fn close_hole(&mut self, now: Timestamp) {
        self.after = Some(now);
        if std::mem::take(&mut self.is_open) {
            let holes = self.report.lost_records.iter_mut().rev();
            holes.take_while(|hole| hole.before.is_none()).for_each(|hole| hole.before = Some(now));
        }
    }

    /// A message without its record.
    fn take_in(&mut self, found: FoundMessage, lsn: Lsn) {
        let Summary { seq, queue, sent_at, size, expires_at, priority, .. } = found.summary;
        if seq < self.salvage.state().next_seq() {
            return;
        }
        self.advance(sent_at);
        let group = found.summary.group.clone();
        let sending = Sending {
            expires_at,
            priority,
            group,
            ..Sending::plain(queue, seq, Timestamp::ZERO, size)
        };
        let passed_over = self.salvage.apply(&Record::MessageSent(sending), lsn);
        if passed_over == 0 {
            self.kept.insert(seq, found);
        }
    }

    /// Messages before `seq` were given, as a record says: those that are not known of are lost.
    fn fill_to(&mut self, seq: Seq) {
        while let Some((next, _)) = self.elsewhere.first_key_value()
            && *next < seq
        {
            let Some((next, found)) = self.elsewhere.pop_first() else { break };
            self.lose_to(next);
            let lsn = self.salvage.state().applied_lsn();
            self.take_in(found, lsn);
        }
        self.lose_to(seq);
    }

    fn lose_to(&mut self, seq: Seq) {
        let first = self.salvage.state().next_seq();
        if first >= seq {
            return;
        }
        self.salvage.skip_messages(seq);
        let hole = self.report.lost_records.last();
        let (path, offset) =
            hole.map_or_else(Default::default, |hole| (hole.path.clone(), hole.offset));
        let last = Seq::new(seq.get() - 1);
        self.report.lost.push(Lost { first, last, queue: None, path, offset, why: Loss::Records });
    }

    /// Messages that compactions have copied and whose records may be lost.
    fn look_elsewhere(&mut self) {
        let is_wanted = |id, _| matches!(id, FileId::Output(_));
        let mut take = |found: FoundMessage| drop(self.elsewhere.insert(found.summary.seq, found));
        // What a newer program wrote is told by the replay.
        let _ = store::elsewhere(&*self.disk, self.lineage, &is_wanted, &mut take);
    }

    fn advance(&mut self, now: Timestamp) {
        let state = self.salvage.state_mut();
        if now > state.now() {
            state.advance(now);
        }
    }

    fn forget_gone(&mut self) {
        let state = self.salvage.state_mut();
        drop(state.take_woken());
        while state.collect_garbage() {}
        let mut gone = Vec::new();
        state.take_gone(&mut gone);
        for seq in gone {
            self.kept.remove(&seq);
        }
    }
}

/// The message behind the last that must have been given before a record.
fn bound_of(record: &Record) -> Seq {
    match record {
        Record::MessageSent(sending) | Record::MessageRedriven { sending, .. } => sending.seq,
        Record::QueuePurged { seq_bound, .. } => *seq_bound,
        Record::MessageLeased { seq, .. }
        | Record::VisibilityChanged { seq, .. }
        | Record::LeaseReturned { seq, .. }
        | Record::MessageDeleted { seq, .. }
        | Record::MessageMoved { seq, .. } => seq.next(),
        // Of its sends, which have numbers without a gap, the first tells.
        Record::Transacted { records } => {
            let is_send = |record: &&Record| matches!(record, Record::MessageSent(_));
            let first = records.iter().find(is_send);
            let others = records.iter().filter(|record| !is_send(record));
            others.chain(first).map(bound_of).max().unwrap_or_default()
        }
        Record::Tick
        | Record::RetentionHeld
        | Record::RetentionReleased
        | Record::QueueCreated { .. }
        | Record::QueueUpdated { .. }
        | Record::QueueDeleted { .. }
        | Record::QueuePaused { .. }
        | Record::AttemptMade { .. }
        | Record::AttemptRepeated { .. }
        | Record::MoveStarted { .. }
        | Record::MoveCancelling { .. }
        | Record::MoveEnded { .. }
        | Record::Compacted { .. } => Seq::default(),
    }
}
