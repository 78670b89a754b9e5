//! `ChangeVisibility`.

use crate::{
    api::grpc::{
        batch::Batch,
        convert, parse,
        refusal::{Place, Refusal},
    },
    broker::Handle,
    proto::v1::{self, change_visibility_result::Result as Outcome},
    types::{LeaseRef, Millis, QueueName, Rejection, Timestamp},
};

pub(super) async fn answer(
    broker: &Handle,
    request: v1::ChangeVisibilityRequest,
) -> Result<v1::ChangeVisibilityResponse, Refusal> {
    let queue = parse(&request)?;
    let entries = request.entries.iter().enumerate();
    let mut batch: Batch<_> = entries
        .map(|(index, entry)| {
            let refused = |rejection| Refusal { place: place(index), rejection };
            parse_entry(broker, entry).map_err(refused)
        })
        .collect();
    let good = batch.take_good();
    let outcomes = if good.is_empty() {
        Vec::new()
    } else {
        broker.change_visibility(queue, good).await.map_err(Refusal::of_request)?
    };
    Ok(v1::ChangeVisibilityResponse { results: batch.results(outcomes, place, result) })
}

/// What a client is told of one lease.
pub(super) fn result(outcome: Result<Timestamp, v1::EntryError>) -> v1::ChangeVisibilityResult {
    let result = match outcome {
        Ok(until) => Outcome::LeaseExpiresAt(convert::timestamp(until)),
        Err(error) => Outcome::Error(error),
    };
    v1::ChangeVisibilityResult { result: Some(result) }
}

fn place(index: usize) -> Place {
    Place::Message(format!("entries[{index}]"))
}

fn parse(request: &v1::ChangeVisibilityRequest) -> Result<QueueName, Refusal> {
    let queue = parse::queue(&request.queue)?;
    parse::entry_count("entries", request.entries.len())?;
    Ok(queue)
}

pub(super) fn parse_entry(
    broker: &Handle,
    entry: &v1::ChangeVisibilityEntry,
) -> Result<(LeaseRef, Millis), Rejection> {
    let lease = broker.open_receipt_handle(&entry.receipt_handle)?;
    Ok((lease, parse::lease_timeout(entry.visibility_timeout)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
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

    fn timeout(timeout: Option<Duration>) -> Result<Millis, Rejection> {
        let lease = LeaseRef { queue: QueueId::new(1), seq: Seq::new(1), nonce: Nonce::new(1) };
        let receipt_handle = Receipts::new(&KEY).seal(&lease);
        let entry = v1::ChangeVisibilityEntry { receipt_handle, visibility_timeout: timeout };
        parse_entry(&broker(), &entry).map(|(_, millis)| millis)
    }

    #[test]
    fn a_lease_is_given_no_time_to_twelve_hours() {
        for seconds in [0, 43_200] {
            let given = Some(Duration { seconds, nanos: 0 });
            assert!(timeout(given).is_ok(), "{seconds}");
        }
        for seconds in [-1, 43_201, i64::MAX] {
            let given = Some(Duration { seconds, nanos: 0 });
            assert!(timeout(given).is_err(), "{seconds}");
        }
    }

    #[test]
    fn a_timeout_is_needed() {
        assert!(matches!(timeout(None), Err(Rejection::Missing { .. })));
    }

    proptest! {
        #[test]
        fn any_entry_is_parsed_or_refused(receipt_handle: String, seconds: i64, nanos: i32) {
            let visibility_timeout = Some(Duration { seconds, nanos });
            let _ = timeout(visibility_timeout);
            let entry = v1::ChangeVisibilityEntry { receipt_handle, visibility_timeout };
            prop_assert!(parse_entry(&broker(), &entry).is_err());
        }
    }
}
