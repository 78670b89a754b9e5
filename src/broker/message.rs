//! What goes into the owner and what comes out.

use std::{io, time::Duration};

use crate::{
    store::{BodyRef, CheckpointOutcome, CompactionError, CompactionOutcome, ScrubOutcome},
    types::{Command, Rejection, Reply},
};

/// Whoever waits for an answer: a caller's channel in production, a number in a simulation.
pub trait Waiter {
    /// Whether nobody waits any more, so that nothing should be chosen for him.
    fn is_gone(&self) -> bool;
}

/// A command on its way to the owner.
pub struct Request<W> {
    /// What is asked.
    pub command: Command,
    /// Who wants to know; `None` if nobody does.
    pub waiter: Option<W>,
}

/// Something that happened outside the owner.
pub enum Event<W> {
    /// A client asked something.
    Request(Request<W>),
    /// The write job that was handed out has run; how long it took, or why it failed.
    Written(io::Result<Duration>),
    /// The prepare job that was handed out has run.
    Prepared(io::Result<crate::log::Prepared>),
    /// The seal job that was handed out has run: how long the footer is, in bytes.
    Sealed(io::Result<u64>),
    /// The checkpoint's task that was handed out has run.
    Checkpointed(io::Result<CheckpointOutcome>),
    /// The compaction's task that was handed out has run.
    Compacted(Result<CompactionOutcome, CompactionError>),
    /// The scrub's task that was handed out has run.
    Scrubbed(ScrubOutcome),
    /// The reserve's task that was handed out has run: how many bytes are held back.
    Reserved(io::Result<u64>),
    /// Time may have passed.
    Woken,
    /// Take no more requests, answer the long polls, make everything durable.
    Drain,
}

/// The answer to one request.
pub struct Answer {
    /// What is told.
    pub reply: Result<Reply, Rejection>,
    /// The payloads of a [`Reply::Received`], in its order.
    pub bodies: Vec<BodyRef>,
}

/// An answer that waits for the state it was computed from to be durable.
pub struct Held<W> {
    /// Who waits for it.
    pub waiter: W,
    /// What he will be told.
    pub answer: Answer,
}

impl Answer {
    /// An answer without payloads.
    pub fn new(reply: Result<Reply, Rejection>) -> Self {
        Self { reply, bodies: Vec::new() }
    }
}
