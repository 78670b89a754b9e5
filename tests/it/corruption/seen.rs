//! Everything that clients can see of a broker, and what differs between two.

use std::collections::BTreeMap;

use bytes::Bytes;
use ledgerq::{
    broker::Answer,
    state::SendDecision,
    types::{
        Browse, Browsed, Command, Envelope, Lsn, MoveTaskView, QueueName, QueueView, Reply,
        SendEntry, Seq, StateFilter, limits::ENTRIES_MAX,
    },
};

use crate::broker::SimBroker;

/// In order, with what goes with each and its body; `None` if it cannot be given.
type Messages = BTreeMap<Seq, (Browsed, Option<(Envelope, Bytes)>)>;

/// What is there.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// Of the record that comes after those on the disk, time included. A start may add to them.
    next_lsn: Lsn,
    next_seq: Seq,
    queues: Vec<QueueView>,
    moves: Vec<MoveTaskView>,
    /// The first message of each id that is known.
    known: Vec<Option<Seq>>,
    messages: Messages,
}

/// Looks at everything. Takes no lease and changes nothing.
pub(super) fn look(broker: &mut SimBroker, known: &[(QueueName, SendEntry)]) -> Seen {
    let next_lsn = broker.report().next_lsn;
    let state = broker.owner().state();
    let first = |(queue, entry): &(QueueName, SendEntry)| match state.decide_send(
        queue,
        entry,
        state.next_seq(),
    ) {
        Ok(SendDecision::Duplicate(seq)) => Some(seq),
        Ok(SendDecision::Accept(_)) | Err(_) => None,
    };
    let mut seen = Seen {
        next_lsn,
        next_seq: state.next_seq(),
        queues: state.queues("", None, usize::MAX).0,
        moves: state.move_tasks(None, usize::MAX),
        known: known.iter().map(first).collect(),
        messages: BTreeMap::new(),
    };
    for queue in seen.queues.iter().map(|view| view.name.clone()) {
        let mut after = Some(Seq::default());
        while let Some(from) = after {
            after = browse(broker, &queue, from, &mut seen.messages);
        }
    }
    seen
}

/// One page of a queue; where the next begins, if there is one.
fn browse(
    broker: &mut SimBroker,
    queue: &QueueName,
    after: Seq,
    found: &mut Messages,
) -> Option<Seq> {
    let (queue, states, count_max) = (queue.clone(), StateFilter::ALL, ENTRIES_MAX);
    let browse = Browse { queue, states, group: None, age_min: None, after, count_max };
    let answer = broker.ask_unread(Command::Browse(browse)).expect("it is answered");
    let Answer { reply: Ok(Reply::Browsed { messages, next }), bodies } = answer else {
        panic!("it was answered with {:?}", answer.reply)
    };
    let pairs = messages.into_iter().zip(bodies);
    let read = pairs.map(|(message, body)| (message.seq, (message, body.read().ok())));
    found.extend(read);
    next
}

impl Seen {
    /// The messages whose bytes cannot be given. An error says what is not as in `truth`, beside
    /// them and, if `is_timed`, beside the time on record.
    pub(super) fn flagged(&self, truth: &Self, is_timed: bool) -> Result<Vec<Seq>, String> {
        let differs = |what: &str, found: String, truth: String| {
            if found == truth { Ok(()) } else { Err(format!("{what}: {found}, not {truth}")) }
        };
        if is_timed {
            differs("next LSN", self.next_lsn.to_string(), truth.next_lsn.to_string())?;
        }
        let (found, wanted) = (self.next_seq.to_string(), truth.next_seq.to_string());
        differs("next seq", found, wanted)?;
        if self.queues != truth.queues {
            return Err(format!("queues: {:?}, not {:?}", self.queues, truth.queues));
        }
        if self.moves != truth.moves {
            return Err(format!("moves: {:?}, not {:?}", self.moves, truth.moves));
        }
        if self.known != truth.known {
            return Err(format!("known ids: {:?}, not {:?}", self.known, truth.known));
        }
        if let Some(seq) = truth.messages.keys().find(|seq| !self.messages.contains_key(seq)) {
            return Err(format!("message {seq} is lost"));
        }
        let mut flagged = Vec::new();
        for (seq, (message, read)) in &self.messages {
            let Some((message_truth, read_truth)) = truth.messages.get(seq) else {
                return Err(format!("message {seq} came back"));
            };
            if message != message_truth {
                return Err(format!("message {seq}: {message:?}, not {message_truth:?}"));
            }
            match read {
                None => flagged.push(*seq),
                Some(_) if read == read_truth => {}
                Some(_) => return Err(format!("message {seq} has another body")),
            }
        }
        Ok(flagged)
    }
}
