//! Which operation fails, and how: a plan over counters, so that a run can be repeated with the
//! fault one operation later.

use std::io;

use rustix::io::Errno;

/// What is counted, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Every operation that changes or syncs something: making, renaming and unlinking files and
    /// directories, links, locks, writes, syncs.
    Changes,
    /// Writes alone.
    Writes,
    /// Syncs of files and directories alone.
    Syncs,
    /// Everything else: opening, listing, reading, mapping, asking for a length, dropping the
    /// cache. These are not changes.
    Reads,
}

/// A failure of one operation. Where it does not apply, the operation passes unharmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process ends before the operation: this and every later one returns an error.
    Crash,
    /// The process ends after the operation took effect and before it learns so.
    CrashAfter,
    /// The process ends within a write, after so many of its bytes have reached the cache. Other
    /// operations do not happen, as with [`Fault::Crash`].
    CrashWithin(usize),
    /// The device fails (`EIO`). A file's sync marks everything clean and nothing durable; a
    /// directory's leaves its changes pending, as a journal that cannot commit does.
    Eio,
    /// Like [`Fault::Eio`], but a file's sync fails after chance, by this seed, has let some
    /// sectors reach the medium.
    TornSync(u64),
    /// No space (`ENOSPC`), for writes and whatever makes a name.
    Enospc,
    /// A write takes at most so many bytes, and says so.
    ShortWrite(usize),
    /// A sync says that it is done and has done nothing. No medium should; for seeding mutants.
    LyingSync,
}

/// What kind of operation it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// Makes a name for something new.
    Make,
    /// Changes something else.
    Change,
    Write,
    SyncFile,
    SyncDir,
    Read,
}

/// The failures to come, and how many operations there have been.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    plan: Vec<(Counter, u64, Fault)>,
    changes_count: u64,
    writes_count: u64,
    syncs_count: u64,
    reads_count: u64,
    fired_count: u64,
    dead: bool,
}

impl Faults {
    /// No failure at all.
    pub fn none() -> Self {
        Self::default()
    }

    /// One more failure: of the `nth` operation, from 1, that the counter counts. Where two meet,
    /// the one that was added first counts.
    #[must_use]
    pub fn at(mut self, counter: Counter, nth: u64, fault: Fault) -> Self {
        self.plan.push((counter, nth, fault));
        self
    }

    pub(super) fn count(&self, counter: Counter) -> u64 {
        match counter {
            Counter::Changes => self.changes_count,
            Counter::Writes => self.writes_count,
            Counter::Syncs => self.syncs_count,
            Counter::Reads => self.reads_count,
        }
    }

    pub(super) fn fired_count(&self) -> u64 {
        self.fired_count
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead
    }

    pub(super) fn die(&mut self) {
        self.dead = true;
    }

    /// Counts an operation that is about to happen. An error is the operation's; a fault that is
    /// returned is for the operation to act out, and then to give to [`Faults::end`].
    pub(super) fn begin(&mut self, operation: Operation) -> io::Result<Option<Fault>> {
        if self.dead {
            return Err(death());
        }
        let Some(fault) = self.count_one(operation) else { return Ok(None) };
        let is_write = operation == Operation::Write;
        let is_sync = matches!(operation, Operation::SyncFile | Operation::SyncDir);
        match fault {
            Fault::Crash => self.dead = true,
            Fault::CrashWithin(_) if !is_write => self.dead = true,
            Fault::Enospc if !is_write && operation != Operation::Make => return Ok(None),
            Fault::ShortWrite(_) if !is_write => return Ok(None),
            Fault::TornSync(_) | Fault::LyingSync if !is_sync => return Ok(None),
            Fault::CrashAfter
            | Fault::CrashWithin(_)
            | Fault::Eio
            | Fault::TornSync(_)
            | Fault::Enospc
            | Fault::ShortWrite(_)
            | Fault::LyingSync => {}
        }
        self.fired_count += 1;
        match fault {
            _ if self.dead => Err(death()),
            Fault::Enospc => Err(Errno::NOSPC.into()),
            Fault::Eio | Fault::TornSync(_) if operation != Operation::SyncFile => {
                Err(Errno::IO.into())
            }
            fault => Ok(Some(fault)),
        }
    }

    /// Ends an operation, well or not; an error if the process did not live to see which.
    pub(super) fn end(&mut self, fault: Option<Fault>) -> io::Result<()> {
        if matches!(fault, Some(Fault::CrashAfter | Fault::CrashWithin(_))) {
            self.dead = true;
            return Err(death());
        }
        Ok(())
    }

    fn count_one(&mut self, operation: Operation) -> Option<Fault> {
        let counters: &[Counter] = match operation {
            Operation::Make | Operation::Change => &[Counter::Changes],
            Operation::Write => &[Counter::Changes, Counter::Writes],
            Operation::SyncFile | Operation::SyncDir => &[Counter::Changes, Counter::Syncs],
            Operation::Read => &[Counter::Reads],
        };
        for counter in counters {
            match counter {
                Counter::Changes => self.changes_count += 1,
                Counter::Writes => self.writes_count += 1,
                Counter::Syncs => self.syncs_count += 1,
                Counter::Reads => self.reads_count += 1,
            }
        }
        let due = |&(counter, nth, fault): &(Counter, u64, Fault)| {
            (counters.contains(&counter) && nth == self.count(counter)).then_some(fault)
        };
        self.plan.iter().find_map(due)
    }
}

fn death() -> io::Error {
    io::Error::other("the simulated process has ended")
}
