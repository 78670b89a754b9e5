//! How a message stands at the end of the log, as a start would find it.

use super::super::{
    complain,
    failure::one_line,
    log::{Readable, examined},
};
use crate::{
    broker::Examined,
    log::FileId,
    state::State,
    types::{Browse, Lineage, Seq, StateFilter},
};

/// Queues that are looked at at once.
const PAGE_COUNT: usize = 256;

/// What is known of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A queue has it.
    There {
        queue: String,
        receive_count: u32,
        /// The file that has its body, and where in it, in bytes.
        place: Option<(FileId, u64)>,
    },
    /// It is gone.
    Gone,
    /// It was never accepted.
    NotYet,
}

/// Looks for a message; `None`, and a line on standard error, if that cannot be told.
pub(super) fn find(readable: &Readable, lineage: Lineage, seq: Seq) -> Option<Found> {
    match examined(readable, lineage) {
        Ok(Examined { state, store, .. }) => {
            let there = there(&state, seq).map(|(queue, receive_count)| {
                let place = store.place_of(seq);
                Found::There { queue, receive_count, place }
            });
            let is_known = seq < state.next_seq();
            Some(there.unwrap_or(if is_known { Found::Gone } else { Found::NotYet }))
        }
        Err(error) => {
            let error = one_line(&error);
            complain(&format!("what a start would find of it cannot be told: {error}"));
            None
        }
    }
}

/// The queue that has a message, and how often it was received.
fn there(state: &State, seq: Seq) -> Option<(String, u32)> {
    let mut after = None;
    loop {
        let (queues, more) = state.queues("", after.as_ref(), PAGE_COUNT);
        for queue in &queues {
            let browse = Browse {
                queue: queue.name.clone(),
                states: StateFilter::ALL,
                group: None,
                age_min: None,
                after: Seq::new(seq.get().saturating_sub(1)),
                count_max: 1,
            };
            let found = state.browse(&browse).map(|(found, _)| found).unwrap_or_default();
            if let Some(message) = found.first().filter(|message| message.seq == seq) {
                return Some((queue.name.to_string(), message.receive_count));
            }
        }
        if !more {
            return None;
        }
        after = queues.last().map(|queue| queue.name.clone());
    }
}
