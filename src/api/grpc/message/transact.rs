//! `Transact`: all of the steps or none, so that the first step that is wrong refuses the request.

use super::entry;
use crate::{
    api::grpc::{
        convert, parse,
        refusal::{Place, Refusal},
    },
    broker::Handle,
    proto::v1::{self, transact_result::Result as Done, transact_step::Step as Asked},
    types::{LeaseRef, QueueName, Rejection, Step, StepOutcome, Unit, in_range, limits},
};

pub(super) async fn answer(
    broker: &Handle,
    request: v1::TransactRequest,
) -> Result<v1::TransactResponse, Refusal> {
    let steps = parse(broker, request)?;
    let kinds: Vec<Kind> = steps.iter().map(Kind::of).collect();
    let outcomes = broker.transact(steps).await.map_err(|refused| refusal(refused, &kinds))?;
    let results = outcomes.into_iter().map(|outcome| {
        let result = match outcome {
            StepOutcome::Sent(sent) => Done::Sent(entry::sent(broker, sent)),
            StepOutcome::Deleted => Done::Deleted(v1::DeletedMessage {}),
            StepOutcome::VisibilityChanged(until) => {
                Done::LeaseExpiresAt(convert::timestamp(until))
            }
        };
        v1::TransactResult { result: Some(result) }
    });
    Ok(v1::TransactResponse { results: results.collect() })
}

/// What a step does, for the path of what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Send,
    Delete,
    ChangeVisibility,
}

impl Kind {
    fn of(step: &Step) -> Self {
        match step {
            Step::Send { .. } => Self::Send,
            Step::Delete { .. } => Self::Delete,
            Step::ChangeVisibility { .. } => Self::ChangeVisibility,
        }
    }

    fn path(self, index: usize) -> String {
        let field = match self {
            Self::Send => "send",
            Self::Delete => "delete",
            Self::ChangeVisibility => "change_visibility",
        };
        format!("steps[{index}].{field}")
    }
}

/// A refusal by the broker, with the place of the step that it is about.
fn refusal(rejection: Rejection, kinds: &[Kind]) -> Refusal {
    let Rejection::Step { index, source } = rejection else {
        return Refusal::of_request(rejection);
    };
    let Some(kind) = kinds.get(index) else {
        return of_step(index, format!("steps[{index}]"), *source);
    };
    let path = kind.path(index);
    // What is wrong with a field of a send is wrong with its message; all else is the queue's.
    let is_message = *kind == Kind::Send && Refusal::of_request((*source).clone()).has_field();
    of_step(index, if is_message { format!("{path}.message") } else { path }, *source)
}

fn of_step(index: usize, path: String, source: Rejection) -> Refusal {
    let rejection = Rejection::Step { index, source: Box::new(source) };
    Refusal { place: Place::Message(path), rejection }
}

fn parse(broker: &Handle, request: v1::TransactRequest) -> Result<Vec<Step>, Refusal> {
    let (count, count_max) = (request.steps.len() as u64, limits::TRANSACT_STEPS_MAX as u64);
    in_range("steps", count, 1, count_max, Unit::Count).map_err(Refusal::of_request)?;
    let bytes = request.steps.iter().map(message_bytes).sum();
    in_range("steps", bytes, 0, limits::REQUEST_BYTES_MAX, Unit::Bytes)
        .map_err(Refusal::of_request)?;
    let steps = request.steps.into_iter().enumerate();
    steps.map(|(index, step)| parse_step(broker, index, step)).collect()
}

fn message_bytes(step: &v1::TransactStep) -> u64 {
    match &step.step {
        Some(Asked::Send(send)) => send.message.as_ref().map_or(0, entry::bytes),
        Some(Asked::Delete(_) | Asked::ChangeVisibility(_)) | None => 0,
    }
}

fn parse_step(broker: &Handle, index: usize, step: v1::TransactStep) -> Result<Step, Refusal> {
    match step.step {
        Some(Asked::Send(send)) => parse_send(index, send),
        Some(Asked::Delete(v1::DeleteStep { queue, receipt_handle })) => {
            let (queue, lease) = lease(broker, index, Kind::Delete, &queue, &receipt_handle)?;
            Ok(Step::Delete { queue, lease })
        }
        Some(Asked::ChangeVisibility(change)) => {
            let kind = Kind::ChangeVisibility;
            let (queue, lease) = lease(broker, index, kind, &change.queue, &change.receipt_handle)?;
            let timeout = parse::lease_timeout(change.visibility_timeout);
            let timeout = timeout.map_err(|refused| of_step(index, kind.path(index), refused))?;
            Ok(Step::ChangeVisibility { queue, lease, timeout })
        }
        None => {
            let needed = "a step is one of send, delete and change_visibility";
            let rejection = Rejection::Missing { field: "step", needed };
            Err(of_step(index, format!("steps[{index}]"), rejection))
        }
    }
}

fn parse_send(index: usize, send: v1::SendStep) -> Result<Step, Refusal> {
    let path = Kind::Send.path(index);
    let refused = |rejection| of_step(index, path.clone(), rejection);
    let queue = parse::queue_in("queue", &send.queue).map_err(refused)?;
    let needed = "the message to send";
    let message = send.message.ok_or(Rejection::Missing { field: "message", needed });
    let message = message.map_err(refused)?;
    let entry = entry::parse(&queue, &|| format!("{path}.message"), message, 0);
    let entry = entry.map_err(|Refusal { place, rejection }| {
        let rejection = Rejection::Step { index, source: Box::new(rejection) };
        Refusal { place, rejection }
    })?;
    Ok(Step::Send { queue, entry })
}

fn lease(
    broker: &Handle,
    index: usize,
    kind: Kind,
    queue: &str,
    receipt_handle: &str,
) -> Result<(QueueName, LeaseRef), Refusal> {
    let refused = |rejection| of_step(index, kind.path(index), rejection);
    let queue = parse::queue_in("queue", queue).map_err(refused)?;
    let lease = broker.open_receipt_handle(receipt_handle).map_err(refused)?;
    Ok((queue, lease))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};
    use prost::Message;
    use prost_types::Duration;

    use super::*;
    use crate::{
        broker::{
            Receipts,
            mailbox::{Limits, Mailbox},
        },
        types::{Lineage, Nonce, QueueId, Seq},
    };

    const KEY: [u8; 32] = [7; 32];

    fn broker() -> Handle {
        let (mailbox, _) = Mailbox::new(Limits { requests_max: 1, polls_max: 1, bytes_max: 1 });
        Handle::new(mailbox, Receipts::new(&KEY), Lineage::default())
    }

    fn handle() -> String {
        let lease = LeaseRef { queue: QueueId::new(1), seq: Seq::new(1), nonce: Nonce::new(1) };
        Receipts::new(&KEY).seal(&lease)
    }

    fn step(step: Asked) -> v1::TransactStep {
        v1::TransactStep { step: Some(step) }
    }

    fn send(bytes: usize) -> v1::TransactStep {
        let message = v1::SendEntry { body: vec![b'x'; bytes].into(), ..Default::default() };
        step(Asked::Send(v1::SendStep { queue: "jobs".into(), message: Some(message) }))
    }

    fn delete(receipt_handle: &str) -> v1::TransactStep {
        let receipt_handle = receipt_handle.into();
        step(Asked::Delete(v1::DeleteStep { queue: "jobs".into(), receipt_handle }))
    }

    fn change(seconds: Option<i64>) -> v1::TransactStep {
        step(Asked::ChangeVisibility(v1::ChangeVisibilityStep {
            queue: "jobs".into(),
            receipt_handle: handle(),
            visibility_timeout: seconds.map(|seconds| Duration { seconds, nanos: 0 }),
        }))
    }

    /// The field for which the steps are refused; `None` if they are good.
    fn refused_field(steps: Vec<v1::TransactStep>) -> Option<String> {
        let refused = parse(&broker(), v1::TransactRequest { steps }).err();
        refused.map(|refusal| refusal.field().expect("a field is wrong"))
    }

    #[test]
    fn a_transact_has_one_to_a_thousand_steps_of_four_mebibytes() {
        for steps in [vec![send(1)], vec![send(1); 1000], vec![send(1 << 20); 4]] {
            assert_eq!(refused_field(steps), None);
        }
        let too_large = [vec![send(1 << 20); 4], vec![send(1)]].concat();
        for steps in [vec![], vec![send(1); 1001], vec![send(1); 100_000], too_large] {
            assert_eq!(refused_field(steps).as_deref(), Some("steps"));
        }
    }

    #[test]
    fn the_first_step_that_is_wrong_is_named_by_its_field() {
        let nameless = v1::SendStep { queue: String::new(), message: None };
        let empty = v1::SendStep { queue: "jobs".into(), message: None };
        let cases = [
            (v1::TransactStep { step: None }, "steps[1].step"),
            (step(Asked::Send(nameless)), "steps[1].send.queue"),
            (step(Asked::Send(empty)), "steps[1].send.message"),
            (send(0), "steps[1].send.message.body"),
            (delete("garbage"), "steps[1].delete.receipt_handle"),
            (change(None), "steps[1].change_visibility.visibility_timeout"),
            (change(Some(43_201)), "steps[1].change_visibility.visibility_timeout"),
        ];
        for (wrong, field) in cases {
            let steps = vec![delete(&handle()), wrong, send(0)];
            assert_eq!(refused_field(steps).as_deref(), Some(field));
        }
        assert_eq!(refused_field(vec![delete(&handle()), change(Some(43_200)), send(1)]), None);
    }

    #[test]
    fn a_step_that_the_broker_refuses_is_named_by_its_field_or_itself() {
        let kinds = [Kind::Send, Kind::Delete];
        let queue = QueueName::parse("jobs").expect("it is a name");
        let group = Rejection::Missing { field: "group_id", needed: "a group" };
        let cases = [
            (0, group, "steps[0].send.message.group_id"),
            (0, Rejection::QueueNotFound { queue }, "steps[0].send"),
            (1, Rejection::MessageNotFound, "steps[1].delete"),
            (1, Rejection::SameMessage { other: 0 }, "steps[1].delete.receipt_handle"),
            (7, Rejection::LeaseStale, "steps[7]"),
        ];
        for (index, source, field) in cases {
            let refused = refusal(of_step(index, String::new(), source).rejection, &kinds);
            assert_eq!(refused.field().as_deref(), Some(field));
            let step = format!("steps[{index}]");
            assert!(refused.message().starts_with(&step), "{}", refused.message());
        }
        assert_eq!(refusal(Rejection::DiskFull, &kinds).field(), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(steps in vec(vec(any::<u8>(), 0..50), 0..5)) {
            let steps = steps.iter().filter_map(|bytes| v1::TransactStep::decode(&bytes[..]).ok());
            let _ = parse(&broker(), v1::TransactRequest { steps: steps.collect() });
        }

        #[test]
        fn any_step_is_parsed_or_refused(queue: String, handle: String, seconds: i64) {
            let mut wrong = delete(&handle);
            if let Some(Asked::Delete(delete)) = &mut wrong.step {
                delete.queue = queue;
            }
            prop_assert!(refused_field(vec![wrong]).is_some());
            let _ = refused_field(vec![change(Some(seconds))]);
        }
    }
}
