//! Batches: what is wrong with a batch as a whole is refused, a bad entry fails alone.

use std::{borrow::Cow, collections::BTreeSet};

use serde::Serialize;

use crate::api::sqs::{
    error::{Fault, Kind, quoted},
    limits::{BATCH_ID_CHARS_MAX, BATCH_MAX},
};

/// The answer to a batch.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Results<T> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    successful: Vec<T>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed: Vec<Failed>,
}

/// An entry of which nothing but its id is told.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Done {
    id: String,
}

/// An entry that was refused.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Failed {
    id: String,
    sender_fault: bool,
    code: Cow<'static, str>,
    message: String,
}

/// The entries of a batch, which is refused if it has none or too many of them, or if their ids are
/// no ids or not different. `entry` is what the API calls one of them.
pub(super) fn entries<T>(
    given: Option<Vec<T>>,
    entry: &str,
    id: impl Fn(&T) -> Option<&str>,
) -> Result<Vec<T>, Fault> {
    let entries = given.unwrap_or_default();
    let count = entries.len();
    if count == 0 {
        let message = format!("There should be at least one {entry} in the request.");
        return Err(Fault::new(Kind::EmptyBatchRequest, message));
    }
    if count > BATCH_MAX {
        let message = format!(
            "Maximum number of entries per request are {BATCH_MAX}. You have sent {count}."
        );
        return Err(Fault::new(Kind::TooManyEntriesInBatchRequest, message));
    }
    let mut ids = BTreeSet::new();
    for given in &entries {
        let id = id(given).ok_or_else(|| Fault::missing(&format!("{entry}.Id")))?;
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if id.is_empty() || id.len() > BATCH_ID_CHARS_MAX || !id.chars().all(is_allowed) {
            let message = "A batch entry id can only contain alphanumeric characters, hyphens and \
                           underscores. It can be at most 80 letters long.";
            return Err(Fault::new(Kind::InvalidBatchEntryId, message));
        }
        if !ids.insert(id) {
            let message = format!("Id {} repeated.", quoted(id));
            return Err(Fault::new(Kind::BatchEntryIdsNotDistinct, message));
        }
    }
    Ok(entries)
}

impl<T> Results<T> {
    /// Each entry by its id: what is told of it, or why it was refused.
    pub(super) fn new(outcomes: impl IntoIterator<Item = (String, Result<T, Fault>)>) -> Self {
        let mut results = Self { successful: Vec::new(), failed: Vec::new() };
        for (id, outcome) in outcomes {
            match outcome {
                Ok(done) => results.successful.push(done),
                Err(fault) => results.failed.push(Failed {
                    id,
                    sender_fault: fault.kind.is_senders(),
                    code: fault.kind.code(),
                    message: fault.message,
                }),
            }
        }
        results
    }
}

impl Results<Done> {
    /// Of entries that were split, from the outcomes of the good ones, of which nothing is told.
    pub(super) fn done<T>(
        all: Vec<(String, Option<Fault>)>,
        outcomes: impl Iterator<Item = Result<T, Fault>>,
    ) -> Self {
        Self::new(joined(all, outcomes.collect()).into_iter().map(|(id, outcome)| {
            let done = outcome.map(|_| Done { id: id.clone() });
            (id, done)
        }))
    }
}

/// Splits the entries that can be done from the others; those are told by their ids.
pub(super) fn split<G>(
    parsed: impl IntoIterator<Item = (String, Result<G, Fault>)>,
) -> (Vec<G>, Vec<(String, Option<Fault>)>) {
    let (mut good, mut all) = (Vec::new(), Vec::new());
    for (id, entry) in parsed {
        match entry {
            Ok(entry) => {
                good.push(entry);
                all.push((id, None));
            }
            Err(fault) => all.push((id, Some(fault))),
        }
    }
    (good, all)
}

/// One outcome for each entry that was split, in order, from the outcomes of the good ones.
///
/// # Panics
///
/// If there are fewer outcomes than good entries.
pub(super) fn joined<T>(
    all: Vec<(String, Option<Fault>)>,
    outcomes: Vec<Result<T, Fault>>,
) -> Vec<(String, Result<T, Fault>)> {
    let mut outcomes = outcomes.into_iter();
    let mut next = || outcomes.next().expect("the broker answers each entry");
    all.into_iter()
        .map(|(id, fault)| {
            let outcome = fault.map_or_else(&mut next, Err);
            (id, outcome)
        })
        .collect()
}
