//! Backups: what the owner does so that files can be copied while it serves (R22 of the log's
//! rules).
//!
//! 1. A checkpoint begins. With it, the log is asked to go on in another segment: the frames up to
//!    there are the backup.
//! 2. The checkpoint is published, and pinned for the backup.
//! 3. The first frame of the next segment is durable, and the footers of all segments before are
//!    written: from here on nothing writes to a file of the backup.
//! 4. Whoever asked is told which files these are. They are kept until it says that it is done, or
//!    its time is over.

use super::{
    Answer, Waiter,
    owner::{Mode, Owner},
};
use crate::{
    log::{Position, SegmentId},
    types::{
        BackupId, BackupPlan, Lsn, Millis, Record, Rejection, Reply, Timestamp, limits::BACKUPS_MAX,
    },
};

/// Who asks for a backup, and how long its files are to be kept.
struct Asked<W> {
    waiter: W,
    hold: Millis,
}

/// Backups that wait for something. Those whose files are kept are the store's.
pub(super) struct Backups<W> {
    /// For a checkpoint to begin.
    asked: Vec<Asked<W>>,
    /// For the files to be ready.
    beginning: Option<Beginning<W>>,
    /// The last segment whose footer was handed out to be written.
    sealed_to: Option<SegmentId>,
}

/// Backups of one checkpoint whose files are not ready yet.
struct Beginning<W> {
    asked: Vec<Asked<W>>,
    /// The end of the last frame that the checkpoint holds.
    from: Position,
    /// The end of the last frame of that segment, once there is another.
    end: Option<Position>,
    /// Their pins, in the order of `asked`; none before the checkpoint is published.
    pins: Vec<(BackupId, Lsn)>,
}

impl<W> Default for Backups<W> {
    fn default() -> Self {
        Self { asked: Vec::new(), beginning: None, sealed_to: None }
    }
}

impl<W> Backups<W> {
    /// A frame was planned in `segment`; the one before ended at `end`.
    pub(super) fn framed(&mut self, end: Option<Position>, segment: SegmentId) {
        let Some(beginning) = &mut self.beginning else { return };
        if beginning.end.is_none() && segment != beginning.from.segment {
            beginning.end = end;
        }
    }

    /// The footer of a segment is about to be written: the next segment has a durable frame.
    pub(super) fn sealing(&mut self, segment: SegmentId) {
        self.sealed_to = Some(segment);
    }

    /// How many wait.
    fn count(&self) -> usize {
        self.asked.len() + self.beginning.as_ref().map_or(0, |beginning| beginning.asked.len())
    }
}

impl<W: Waiter> Owner<W> {
    /// How many backups are under way.
    pub(super) fn backups_count(&self) -> usize {
        let pinned = self.backups.beginning.as_ref().map_or(0, |beginning| beginning.pins.len());
        self.backups.count() + self.store.pin_count() - pinned
    }

    /// Whoever asks for a backup is answered when its files can be copied.
    pub(super) fn ask_backup(&mut self, waiter: W, hold: Millis) {
        if self.backups_count() >= BACKUPS_MAX {
            let backups_max = BACKUPS_MAX;
            self.hold(Some(waiter), Err(Rejection::TooManyBackups { backups_max }));
            return;
        }
        if self.is_disk_full() {
            // The segments that are left are for deletes and checkpoints (R23).
            self.hold(Some(waiter), Err(Rejection::DiskFull));
            return;
        }
        self.backups.asked.push(Asked { waiter, hold });
        self.ask_checkpoint(None);
    }

    /// Lets go of a backup's files.
    pub(super) fn end_backup(&mut self, backup: BackupId) -> Result<Reply, Rejection> {
        self.ask_reclaim();
        let was_kept = self.store.unpin(backup);
        was_kept.then_some(Reply::Done).ok_or(Rejection::BackupNotFound)
    }

    /// A checkpoint begins at this position: it is that of the backups that were asked for.
    pub(super) fn begin_backup(&mut self, from: Position) {
        if self.backups.beginning.is_some() || self.backups.asked.is_empty() {
            return;
        }
        let asked = std::mem::take(&mut self.backups.asked);
        self.backups.beginning = Some(Beginning { asked, from, end: None, pins: Vec::new() });
        self.log.roll_next();
    }

    /// A checkpoint was published.
    pub(super) fn pin_for_backup(&mut self, now: Timestamp) {
        let Some(beginning) = &mut self.backups.beginning else { return };
        if !beginning.pins.is_empty() {
            return;
        }
        for asked in &beginning.asked {
            let id = BackupId::new(self.entropy.next());
            let pinned = self.store.pin(id, now.after(asked.hold));
            debug_assert_eq!(pinned, Some(beginning.from.lsn), "it is the backup's checkpoint");
            beginning.pins.extend(pinned.map(|lsn| (id, lsn)));
        }
    }

    /// A checkpoint could not be taken. It was the one of the backup that begins, unless that has
    /// its own already.
    pub(super) fn checkpoint_of_backup_failed(&mut self, now: Timestamp, failed: &Rejection) {
        if self.backups.beginning.as_ref().is_some_and(|beginning| beginning.pins.is_empty()) {
            self.refuse_backup(now, failed);
        }
    }

    /// The backup that begins cannot.
    fn refuse_backup(&mut self, now: Timestamp, refused: &Rejection) {
        let Some(beginning) = self.backups.beginning.take() else { return };
        for (id, _) in beginning.pins {
            self.store.unpin(id);
        }
        self.ask_reclaim();
        for asked in beginning.asked {
            self.answer_backup(now, asked.waiter, Err(refused.clone()));
        }
    }

    /// A backup under way needs a frame that begins the next segment; an idle broker makes one.
    pub(super) fn make_frame_for_backup(&mut self, now: Timestamp) {
        let waits = self.backups.beginning.as_ref().is_some_and(|it| it.end.is_none());
        let can_roll = self.log.standby_count() > 0 && self.mode == Mode::Serving;
        if waits && can_roll && self.batch.is_empty() && !self.is_writing() {
            self.pass_time(now);
            self.commit(&Record::Tick);
        }
    }

    /// Ends backups whose time is over, and tells those whose files are ready.
    pub(super) fn go_on_with_backup(&mut self, now: Timestamp) {
        if self.store.unpin_expired(now) {
            self.ask_reclaim();
        }
        if self.mode >= Mode::Draining {
            self.refuse_backup(now, &Rejection::ShuttingDown);
            for asked in std::mem::take(&mut self.backups.asked) {
                self.answer_backup(now, asked.waiter, Err(Rejection::ShuttingDown));
            }
            return;
        }
        let Some(beginning) = &self.backups.beginning else { return };
        let is_sealed = self.backups.sealed_to >= Some(beginning.from.segment);
        match beginning.end {
            None if self.is_disk_full() && self.log.standby_count() == 0 => {
                self.refuse_backup(now, &Rejection::DiskFull);
            }
            Some(end) if !beginning.pins.is_empty() && is_sealed && self.seals_under_way == 0 => {
                self.tell_backup(now, end);
            }
            None | Some(_) => return,
        }
        if !self.backups.asked.is_empty() {
            self.ask_checkpoint(None);
        }
    }

    fn tell_backup(&mut self, now: Timestamp, end: Position) {
        let Some(beginning) = self.backups.beginning.take() else { return };
        for (asked, (id, checkpoint_lsn)) in beginning.asked.into_iter().zip(beginning.pins) {
            let plan = self.store.pinned_until(id).map(|until| BackupPlan {
                id,
                lsn: end.lsn,
                last_frame_crc: end.crc,
                checkpoint_lsn,
                files: self.store.pinned_files(id),
                until,
            });
            let reply = plan.map(|plan| Reply::BackupBegun(Box::new(plan)));
            self.answer_backup(now, asked.waiter, reply.ok_or(Rejection::BackupNotFound));
        }
    }

    fn answer_backup(&mut self, now: Timestamp, waiter: W, reply: Result<Reply, Rejection>) {
        self.pass_time(now);
        self.batch.hold(waiter, Answer::new(reply));
    }
}
