//! What clients were told of each message, and whether it is as promised.
//!
//! A message has a number, which its body repeats. What is acknowledged must hold; what nobody
//! knows because the answer was lost may have been done or not.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use ledgerq::clock::Stopwatch;

use super::support::BODY_BYTES;

/// What numbers are mixed with in bodies, so that none is all zeros.
const MARK: u64 = 0x6c65_6467_6572_7121;

/// What is known of every message so far.
pub(crate) struct History {
    known: Mutex<Known>,
    watch: Stopwatch,
}

/// An instant of this run, in milliseconds from its start, at least 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At(u32);

#[derive(Default)]
struct Known {
    /// Each message by its number.
    fates: Vec<Fate>,
    /// What is not as promised, as far as it was seen already.
    wrong: Wrong,
}

/// What became of one message.
#[derive(Clone, Copy)]
struct Fate {
    sent: Outcome,
    deleted: Outcome,
    /// When its delete was acknowledged.
    deleted_at: At,
}

/// What is known of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It was not asked for, or surely not done.
    Not,
    /// It was asked for, and the answer is not there.
    Unknown,
    /// It was acknowledged.
    Done,
}

/// Promises that were broken.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wrong {
    /// Messages that were received by a call that began after their delete was acknowledged.
    pub(crate) resurrected: u64,
    /// Bodies that are no message's, or one's that was never sent.
    pub(crate) strange: u64,
    /// Messages whose bytes the server could not give.
    pub(crate) unavailable: u64,
}

/// How it stands when everything that there is has been received and deleted.
#[derive(Clone, Copy, Default)]
pub(crate) struct Verdict {
    /// Sends that were acknowledged.
    pub(crate) accepted: u64,
    /// Sends of which nobody knows.
    pub(crate) sends_unknown: u64,
    /// Deletes that were acknowledged.
    pub(crate) deleted: u64,
    /// Accepted messages of whose delete nobody knows.
    pub(crate) deletes_unknown: u64,
    /// Accepted messages that were not deleted, and are not there.
    pub(crate) lost: u64,
    /// What else is wrong.
    pub(crate) wrong: Wrong,
}

impl History {
    /// Of a run that begins now.
    pub(crate) fn new() -> Self {
        Self { known: Mutex::default(), watch: Stopwatch::start() }
    }

    /// The instant that it is.
    pub(crate) fn now(&self) -> At {
        let millis = self.watch.elapsed().as_millis() + 1;
        At(u32::try_from(millis).expect("a run is over within weeks"))
    }

    /// A message that is about to be sent: its body and its number.
    pub(crate) fn begin(&self) -> (u64, Bytes) {
        let mut known = self.known();
        let number = known.fates.len() as u64;
        let fate = Fate { sent: Outcome::Unknown, deleted: Outcome::Not, deleted_at: At(0) };
        known.fates.push(fate);
        (number, (number ^ MARK).to_le_bytes().repeat(BODY_BYTES / 8).into())
    }

    /// The message was accepted, or surely not.
    pub(crate) fn sent(&self, number: u64, is_accepted: bool) {
        let sent = if is_accepted { Outcome::Done } else { Outcome::Not };
        self.known().fates[index(number)].sent = sent;
    }

    /// A receive that was asked for then brought this body; its number, if it is one that was sent.
    pub(crate) fn received(&self, body: &[u8], asked: At) -> Option<u64> {
        let mut known = self.known();
        let number = number_of(body);
        let fate = number.and_then(|number| known.fates.get(index(number)).copied());
        match fate.filter(|fate| fate.sent != Outcome::Not) {
            None => {
                known.wrong.strange += 1;
                return None;
            }
            Some(fate) if fate.deleted == Outcome::Done && fate.deleted_at < asked => {
                known.wrong.resurrected += 1;
            }
            Some(_) => {}
        }
        number
    }

    /// The server could not give so many messages.
    pub(crate) fn unavailable(&self, count: usize) {
        self.known().wrong.unavailable += count as u64;
    }

    /// The messages are about to be deleted.
    pub(crate) fn deleting(&self, numbers: &[u64]) {
        let mut known = self.known();
        for number in numbers {
            let fate = &mut known.fates[index(*number)];
            if fate.deleted == Outcome::Not {
                fate.deleted = Outcome::Unknown;
            }
        }
    }

    /// The message was deleted, or surely is left to a later lease.
    pub(crate) fn deleted(&self, number: u64, is_gone: bool) {
        let now = self.now();
        let fate = &mut self.known().fates[index(number)];
        if is_gone {
            (fate.deleted, fate.deleted_at) = (Outcome::Done, now);
        } else if fate.deleted == Outcome::Unknown {
            fate.deleted = Outcome::Not;
        }
    }

    /// How it stands, when nothing is there any more.
    pub(crate) fn verdict(&self) -> Verdict {
        let known = self.known();
        let mut verdict = Verdict { wrong: known.wrong, ..Verdict::default() };
        for fate in &known.fates {
            verdict.accepted += u64::from(fate.sent == Outcome::Done);
            verdict.sends_unknown += u64::from(fate.sent == Outcome::Unknown);
            verdict.deleted += u64::from(fate.deleted == Outcome::Done);
            let is_accepted = fate.sent == Outcome::Done;
            verdict.deletes_unknown += u64::from(is_accepted && fate.deleted == Outcome::Unknown);
            verdict.lost += u64::from(is_accepted && fate.deleted == Outcome::Not);
        }
        verdict
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The number that every eight bytes of a whole body are.
fn number_of(body: &[u8]) -> Option<u64> {
    let first: [u8; 8] = body.first_chunk().copied()?;
    let is_whole = body.len() == BODY_BYTES && body.chunks(8).all(|chunk| chunk == first);
    is_whole.then_some(u64::from_le_bytes(first) ^ MARK)
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
