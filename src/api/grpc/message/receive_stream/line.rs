//! What a client asks for its leases, of one kind, in order: some waits, some is with the broker.
//!
//! One command is under way at a time, and what comes meanwhile waits for the next one, so that
//! many acks become one command. Only where more wait than one command can have, several are under
//! way.

use std::collections::VecDeque;

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesOrdered};

use crate::{
    api::grpc::{
        batch::Batch,
        refusal::{Place, Refusal},
    },
    broker::{Begun, Handle, Outcomes},
    proto::v1::EntryError,
    types::{DeleteMode, DeleteOutcome, LeaseRef, Millis, QueueName, Rejection, Timestamp, limits},
};

/// Commands of one kind that are under way, at most.
const COMMANDS_MAX: usize = 4;

/// Something that is asked for one lease.
pub(super) trait Wish: Copy + Send + 'static {
    /// What comes of it.
    type Outcome: Send + 'static;

    /// Hands wishes to the broker, in one command.
    fn begin(
        broker: &Handle,
        queue: &QueueName,
        wishes: &mut Vec<Self>,
    ) -> Result<Begun<Outcomes<Self::Outcome>>, Rejection>;
}

/// Wishes in the order of the stream.
pub(super) struct Line<W: Wish> {
    /// Where in its request a wish is.
    place: fn(usize) -> Place,
    waiting: VecDeque<Asked<W>>,
    under_way: FuturesOrdered<BoxFuture<'static, Result<Settled<W>, Rejection>>>,
}

/// A wish as it came: its index in its request, and why it is none.
type Asked<W> = (usize, Result<W, Rejection>);

/// Wishes with what came of them.
pub(super) struct Settled<W: Wish> {
    place: fn(usize) -> Place,
    asked: Vec<Asked<W>>,
    batch: Batch<W>,
    outcomes: Outcomes<W::Outcome>,
}

/// Whether the broker had room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// For all that could be asked.
    Enough,
    /// Something waits for it.
    Wanted,
}

impl Wish for LeaseRef {
    type Outcome = DeleteOutcome;

    fn begin(
        broker: &Handle,
        queue: &QueueName,
        wishes: &mut Vec<Self>,
    ) -> Result<Begun<Outcomes<DeleteOutcome>>, Rejection> {
        broker.begin_delete(queue, wishes, DeleteMode::Fenced)
    }
}

impl Wish for (LeaseRef, Millis) {
    type Outcome = Timestamp;

    fn begin(
        broker: &Handle,
        queue: &QueueName,
        wishes: &mut Vec<Self>,
    ) -> Result<Begun<Outcomes<Timestamp>>, Rejection> {
        broker.begin_change_visibility(queue, wishes)
    }
}

impl<W: Wish> Line<W> {
    pub(super) fn new(place: fn(usize) -> Place) -> Self {
        Self { place, waiting: VecDeque::new(), under_way: FuturesOrdered::new() }
    }

    pub(super) fn push(&mut self, index: usize, wish: Result<W, Rejection>) {
        self.waiting.push_back((index, wish));
    }

    pub(super) fn waiting_count(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn has_under_way(&self) -> bool {
        !self.under_way.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.under_way.is_empty()
    }

    /// Hands to the broker what is its turn.
    pub(super) fn ask(&mut self, broker: &Handle, queue: &QueueName) -> Room {
        while let Some(count) = self.next_count() {
            let place = self.place;
            let next = self.waiting.iter().take(count).map(|(index, wish)| {
                let refused = |rejection: &Rejection| Refusal {
                    place: place(*index),
                    rejection: rejection.clone(),
                };
                wish.as_ref().copied().map_err(refused)
            });
            let mut batch: Batch<W> = next.collect();
            let mut good = batch.take_good();
            let begun = (!good.is_empty()).then(|| W::begin(broker, queue, &mut good));
            if matches!(begun, Some(Err(Rejection::Overloaded { .. }))) {
                return Room::Wanted;
            }
            let asked = self.waiting.drain(..count).collect();
            self.under_way.push_back(Box::pin(async move {
                let outcomes = match begun {
                    Some(begun) => begun?.answer().await?,
                    None => Vec::new(),
                };
                Ok(Settled { place, asked, batch, outcomes })
            }));
        }
        Room::Enough
    }

    fn next_count(&self) -> Option<usize> {
        let has_turn = self.under_way.is_empty() && !self.waiting.is_empty();
        let is_full = self.waiting.len() >= limits::ENTRIES_MAX;
        let may_ask = has_turn || is_full && self.under_way.len() < COMMANDS_MAX;
        may_ask.then(|| self.waiting.len().min(limits::ENTRIES_MAX))
    }

    /// What came of the first that were asked. Dropping the future loses nothing.
    pub(super) async fn settled(&mut self) -> Result<Settled<W>, Rejection> {
        match self.under_way.next().await {
            Some(settled) => settled,
            None => std::future::pending().await,
        }
    }

    /// Takes out what nobody was asked for yet.
    pub(super) fn take_waiting(&mut self) -> Vec<W> {
        self.waiting.drain(..).filter_map(|(_, wish)| wish.ok()).collect()
    }
}

impl<W: Wish> Settled<W> {
    /// The good wishes with what came of them.
    pub(super) fn outcomes(&self) -> impl Iterator<Item = (&W, &Result<W::Outcome, Rejection>)> {
        self.asked.iter().filter_map(|(_, wish)| wish.as_ref().ok()).zip(&self.outcomes)
    }

    /// One result for each wish.
    pub(super) fn results<R>(self, result: impl Fn(Result<W::Outcome, EntryError>) -> R) -> Vec<R> {
        let Self { place, asked, batch, outcomes } = self;
        batch.results(outcomes, |at| place(asked[at].0), result)
    }
}
