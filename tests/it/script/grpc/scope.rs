//! What of a script can be told to a server.

use ledgerq::types::SettingsPatch;

use crate::script::{
    driver::{Call, Entry, Receive, Step},
    parse::Line,
};

/// Whether the api has words for the line.
pub(in crate::script) fn is_in_the_api(line: &Line) -> bool {
    match line {
        Line::Poll { receive, .. } | Line::Lose(receive) => is_receive(receive),
        Line::Call(call) => is_call(call),
        Line::Settings { .. } | Line::HangUp { .. } | Line::Advance(_) | Line::Restart => true,
    }
}

fn is_call(call: &Call) -> bool {
    match call {
        // Only an update can take something away.
        Call::Create { settings, .. } => {
            let SettingsPatch { redrive, backoff, .. } = settings;
            *redrive != Some(None) && *backoff != Some(None)
        }
        Call::Send { entries, .. } => entries.iter().all(is_entry),
        Call::Receive(receive) => is_receive(receive),
        Call::Transact { steps } => steps.iter().all(|step| match step {
            Step::Send { entry, .. } => is_entry(entry),
            Step::Delete { .. } | Step::Change { .. } => true,
        }),
        Call::Update { .. }
        | Call::Get { .. }
        | Call::List { .. }
        | Call::Sources { .. }
        | Call::Purge { .. }
        | Call::Drop { .. }
        | Call::Pause { .. }
        | Call::Delete { .. }
        | Call::Change { .. }
        | Call::Cancel { .. }
        | Call::Browse(_)
        | Call::StartMove { .. }
        | Call::ListMoves { .. }
        | Call::CancelMove { .. } => true,
    }
}

/// An id that is empty is none in the api.
fn is_entry(entry: &Entry) -> bool {
    let is_id = |id: &Option<String>| id.as_ref().is_none_or(|id| !id.is_empty());
    is_id(&entry.group) && is_id(&entry.deduplication_id)
}

fn is_receive(receive: &Receive) -> bool {
    receive.attempt.as_ref().is_none_or(|id| !id.is_empty())
}
