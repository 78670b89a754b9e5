//! Between the generated messages and the crate's own types.

mod admin;
mod message;
mod moves;
mod outcome;
mod queue;

pub(super) use admin::{backup, checkpoint, scrub, status};
pub(super) use message::{filter, message, peeked, send_entry, state_words, unavailable};
pub(super) use moves::{move_request, move_task};
pub(super) use outcome::{
    cancelled, deleted, outcomes, sent, step, step_outcome, visibility_changed,
};
pub(super) use queue::{queue, queues, settings, update_mask};

use std::time::Duration;

use super::Error;
use crate::types::{Millis, Timestamp};

pub(super) fn duration(millis: Millis) -> prost_types::Duration {
    // Beyond what the message can hold is beyond every limit of the broker as well.
    Duration::from_millis(millis.get())
        .try_into()
        .unwrap_or(prost_types::Duration { seconds: i64::MAX, nanos: 0 })
}

pub(super) fn millis(
    duration: Option<prost_types::Duration>,
    what: &'static str,
) -> Result<Millis, Error> {
    let duration = duration.and_then(|given| Duration::try_from(given).ok());
    let millis = duration.and_then(|given| u64::try_from(given.as_millis()).ok());
    millis.map(Millis::new).ok_or(Error::Answer(what))
}

fn timestamp(time: Option<prost_types::Timestamp>, what: &'static str) -> Result<Timestamp, Error> {
    let millis = time.and_then(|at| {
        let seconds = u64::try_from(at.seconds).ok()?;
        let part = u64::try_from(at.nanos).ok()? / 1_000_000;
        seconds.checked_mul(1000)?.checked_add(part)
    });
    millis.map(Timestamp::from_millis).ok_or(Error::Answer(what))
}

fn instant(at: Timestamp) -> prost_types::Timestamp {
    let (seconds, millis) = (at.as_millis() / 1000, at.as_millis() % 1000);
    let nanos = i32::try_from(millis * 1_000_000).unwrap_or_default();
    prost_types::Timestamp { seconds: i64::try_from(seconds).unwrap_or(i64::MAX), nanos }
}

/// What is not said is empty in the protocol.
fn given(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}
