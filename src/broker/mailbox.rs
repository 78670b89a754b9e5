//! The only queue in front of the state, bounded in requests and in bytes.
//!
//! The bound is on everything that is under way, from acceptance to the release of the answer, so
//! that a slow disk makes callers wait or be refused, and never makes the process grow. A long
//! poll counts for as long as it is parked, under a limit of its own. What receives bring counts
//! from there on, as [`Room`], until the transport has it: a client that asks and does not read
//! what it asked for is refused, and others with it, before the process grows.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
    mpsc,
};

use tokio::sync::oneshot;

use super::{Answer, Event, Request, Waiter};
use crate::types::{Command, LeaseRef, Leased, Rejection, Reply, limits::RECEIVE_BYTES_MAX};

/// What the room of answers is full of.
const UNREAD: &str = "bytes of answers that clients have not read";

/// How much may be under way at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests that are not long polls.
    pub requests_max: u64,
    /// Receives that may wait.
    pub polls_max: u64,
    /// Bytes of messages in requests; and, counted apart, in answers that were not sent yet.
    pub bytes_max: u64,
}

/// Where callers put their requests.
#[derive(Clone)]
pub struct Mailbox {
    events: mpsc::Sender<Event<Caller>>,
    budget: Arc<Budget>,
}

/// A caller that waits for an answer.
pub struct Caller {
    arrival: oneshot::Sender<Arrival>,
    /// Given back when the answer is released.
    permit: Permit,
    mailbox: mpsc::Sender<Event<Caller>>,
}

/// A command that the owner has, from its caller's side.
pub(super) struct Asked {
    receiver: oneshot::Receiver<Arrival>,
}

/// An answer as it reaches the caller. If nobody claims it, the leases in it are returned.
pub struct Arrival {
    answer: Answer,
    unclaimed: Unclaimed,
}

/// Leases that go back to their queues unless somebody takes charge of them.
pub struct Unclaimed {
    leases: Vec<LeaseRef>,
    mailbox: mpsc::Sender<Event<Caller>>,
}

struct Budget {
    limits: Limits,
    requests: AtomicU64,
    polls: AtomicU64,
    bytes: AtomicU64,
    answers: AtomicU64,
}

/// A share of what answers may take, for as long as it lives: from before their messages are read
/// until they are sent.
pub struct Room {
    budget: Arc<Budget>,
    bytes: u64,
}

/// A share of the budget, for as long as it lives.
pub(super) struct Permit {
    budget: Arc<Budget>,
    poll: bool,
    bytes: u64,
}

impl Mailbox {
    /// A mailbox, and the end from which the owner's thread takes.
    pub fn new(limits: Limits) -> (Self, mpsc::Receiver<Event<Caller>>) {
        let (events, receiver) = mpsc::channel();
        let zero = AtomicU64::default;
        let (requests, polls, bytes, answers) = (zero(), zero(), zero(), zero());
        let budget = Arc::new(Budget { limits, requests, polls, bytes, answers });
        (Self { events, budget }, receiver)
    }

    /// Where threads that work for the owner report.
    pub fn events(&self) -> mpsc::Sender<Event<Caller>> {
        self.events.clone()
    }

    /// Hands a command to the owner and waits for its answer, which is durable when it comes.
    ///
    /// If the future is dropped before, the command may still be done; leases go back.
    pub async fn ask(&self, command: Command) -> Result<(Answer, Unclaimed), Rejection> {
        let permit = self.budget.clone().acquire(is_poll(&command), command.payload_bytes())?;
        self.begin(command, permit)?.answer().await
    }

    /// A share of the budget for a request that is no long poll and carries so many bytes of
    /// messages.
    pub(super) fn permit(&self, bytes: u64) -> Result<Permit, Rejection> {
        self.budget.clone().acquire(false, bytes)
    }

    /// Refuses if there is no room for a full answer. It is asked before messages are leased, so
    /// that none is leased only to be given back.
    pub(super) fn check_room(&self) -> Result<(), Rejection> {
        let budget = &self.budget;
        fits(budget.answers.load(Ordering::Relaxed), RECEIVE_BYTES_MAX, budget.limits.bytes_max)
            .then_some(())
            .ok_or_else(|| overloaded(budget.limits.bytes_max, UNREAD))
    }

    /// Room for an answer with so many bytes of messages.
    pub(super) fn room(&self, bytes: u64) -> Result<Room, Rejection> {
        let budget = self.budget.clone();
        take(&budget.answers, bytes, budget.limits.bytes_max, UNREAD)?;
        Ok(Room { budget, bytes })
    }

    /// Hands a command to the owner. Commands reach him in the order of these calls.
    pub(super) fn begin(&self, command: Command, permit: Permit) -> Result<Asked, Rejection> {
        let (arrival, receiver) = oneshot::channel();
        let caller = Caller { arrival, permit, mailbox: self.events.clone() };
        let request = Request { command, waiter: Some(caller) };
        self.events.send(Event::Request(request)).map_err(|_| Rejection::ShuttingDown)?;
        Ok(Asked { receiver })
    }

    /// Hands a command to the owner whose answer nobody waits for. It only gives something back, so
    /// it is done as long as there is an owner, and has no share of the budget.
    pub(super) fn tell(&self, command: Command) {
        // An owner that is gone has nothing to give back to.
        let _ = self.events.send(Event::Request(Request { command, waiter: None }));
    }
}

impl Asked {
    /// Waits for the answer. If the future is dropped, it can be waited for again.
    pub(super) async fn answer(&mut self) -> Result<(Answer, Unclaimed), Rejection> {
        match (&mut self.receiver).await {
            Ok(Arrival { answer, unclaimed }) => Ok((answer, unclaimed)),
            Err(_) => Err(Rejection::Unknown),
        }
    }
}

impl Waiter for Caller {
    fn is_gone(&self) -> bool {
        self.arrival.is_closed()
    }
}

impl Caller {
    /// Tells the caller. If he is gone, leases in the answer go back.
    pub fn tell(self, answer: Answer) {
        let leases = match &answer.reply {
            Ok(Reply::Received(leased)) => leased.iter().map(Leased::lease).collect(),
            _ => Vec::new(),
        };
        drop(self.permit);
        let unclaimed = Unclaimed { leases, mailbox: self.mailbox };
        // A caller that is gone drops the arrival, and with it what is unclaimed.
        drop(self.arrival.send(Arrival { answer, unclaimed }));
    }
}

impl Unclaimed {
    /// The leases were handed over; they stay.
    pub fn claim(mut self) {
        self.leases.clear();
    }

    /// Returns the leases behind the first `count`.
    pub(super) fn keep_first(&mut self, count: usize) {
        let behind = self.leases.split_off(count.min(self.leases.len()));
        self.give_back(behind);
    }

    fn give_back(&self, leases: Vec<LeaseRef>) {
        if leases.is_empty() {
            return;
        }
        let command = Command::Return { leases };
        // An owner that is gone has no leases to end early: they run out by themselves.
        let _ = self.mailbox.send(Event::Request(Request { command, waiter: None }));
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        let leases = std::mem::take(&mut self.leases);
        self.give_back(leases);
    }
}

impl Budget {
    fn acquire(self: Arc<Self>, poll: bool, bytes: u64) -> Result<Permit, Rejection> {
        let (used, limit, what) = if poll {
            (&self.polls, self.limits.polls_max, "waiting receives")
        } else {
            (&self.requests, self.limits.requests_max, "requests")
        };
        take(used, 1, limit, what)?;
        if let Err(refused) = take(&self.bytes, bytes, self.limits.bytes_max, "bytes of requests") {
            used.fetch_sub(1, Ordering::Relaxed);
            return Err(refused);
        }
        Ok(Permit { budget: self, poll, bytes })
    }
}

/// Whether the command may wait for a message.
fn is_poll(command: &Command) -> bool {
    matches!(command, Command::Receive { wait, .. } if wait.is_none_or(|wait| !wait.is_zero()))
}

fn take(used: &AtomicU64, count: u64, limit: u64, what: &str) -> Result<(), Rejection> {
    let before = used.fetch_add(count, Ordering::Relaxed);
    if !fits(before, count, limit) {
        used.fetch_sub(count, Ordering::Relaxed);
        return Err(overloaded(limit, what));
    }
    Ok(())
}

/// A single request larger than the whole budget must still pass when nothing else is there.
fn fits(before: u64, count: u64, limit: u64) -> bool {
    before == 0 || before + count <= limit
}

fn overloaded(limit: u64, what: &str) -> Rejection {
    Rejection::Overloaded { what: format!("{limit} {what}") }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.budget.answers.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let budget = &self.budget;
        let used = if self.poll { &budget.polls } else { &budget.requests };
        used.fetch_sub(1, Ordering::Relaxed);
        budget.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox(bytes_max: u64) -> Mailbox {
        Mailbox::new(Limits { requests_max: 1, polls_max: 1, bytes_max }).0
    }

    #[test]
    fn answers_that_nobody_reads_have_room_up_to_the_limit_and_no_further() {
        let mailbox = mailbox(2 * RECEIVE_BYTES_MAX);
        let first = mailbox.room(RECEIVE_BYTES_MAX).expect("nothing else is there");
        mailbox.check_room().expect("one more fits");
        let _second = mailbox.room(RECEIVE_BYTES_MAX).expect("it fits");
        assert!(mailbox.room(0).is_ok(), "what has no messages needs none");
        let refused = mailbox.room(1).err();
        let what = format!("{} {UNREAD}", 2 * RECEIVE_BYTES_MAX);
        assert_eq!(refused, Some(Rejection::Overloaded { what }));
        assert_eq!(mailbox.check_room().err(), refused);
        assert!(mailbox.permit(RECEIVE_BYTES_MAX).is_ok(), "requests are counted apart");
        drop(first);
        mailbox.check_room().expect("what was read is given back");
    }

    #[test]
    fn one_answer_has_room_however_little_there_is() {
        let mailbox = mailbox(1);
        mailbox.check_room().expect("nothing is there");
        let _room = mailbox.room(RECEIVE_BYTES_MAX).expect("nothing else is there");
        assert!(mailbox.check_room().is_err());
    }
}
