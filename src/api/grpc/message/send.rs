//! `Send`.

use super::entry;
use crate::{
    api::grpc::{
        batch::Batch,
        parse,
        refusal::{Place, Refusal},
    },
    broker::Handle,
    proto::v1::{self, send_result::Result as Outcome},
    types::{QueueName, Rejection, SendEntry, Sent, Unit, in_range, limits},
};

pub(super) async fn answer(
    broker: &Handle,
    request: v1::SendRequest,
) -> Result<v1::SendResponse, Refusal> {
    let (queue, mut batch) = parse(request)?;
    let entries = batch.take_good();
    let outcomes = if entries.is_empty() {
        Vec::new()
    } else {
        broker.send(queue, entries).await.map_err(Refusal::of_request)?
    };
    Ok(v1::SendResponse { results: results(broker, batch, outcomes) })
}

/// What clients are told of a batch.
pub(super) fn results(
    broker: &Handle,
    batch: Batch<SendEntry>,
    outcomes: Vec<Result<Sent, Rejection>>,
) -> Vec<v1::SendResult> {
    batch.results(outcomes, place, |outcome| {
        let result = match outcome {
            Ok(sent) => Outcome::Sent(entry::sent(broker, sent)),
            Err(error) => Outcome::Error(error),
        };
        v1::SendResult { result: Some(result) }
    })
}

fn place(index: usize) -> Place {
    Place::Message(path(index))
}

fn path(index: usize) -> String {
    format!("entries[{index}]")
}

fn parse(request: v1::SendRequest) -> Result<(QueueName, Batch<SendEntry>), Refusal> {
    let queue = parse::queue(&request.queue)?;
    let bytes = bytes(&request.entries);
    let batch = parse_entries(&queue, request.entries, bytes)?;
    Ok((queue, batch))
}

/// Bytes of messages by which limits are measured.
pub(super) fn bytes(entries: &[v1::SendEntry]) -> u64 {
    entries.iter().map(entry::bytes).sum()
}

/// The entries of one batch, which have so many bytes.
pub(super) fn parse_entries(
    queue: &QueueName,
    entries: Vec<v1::SendEntry>,
    bytes: u64,
) -> Result<Batch<SendEntry>, Refusal> {
    parse::entry_count("entries", entries.len())?;
    in_range("entries", bytes, 0, limits::REQUEST_BYTES_MAX, Unit::Bytes)
        .map_err(Refusal::of_request)?;
    let entries = entries.into_iter().enumerate();
    Ok(entries.map(|(index, entry)| entry::parse(queue, &|| path(index), entry, bytes)).collect())
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, option, prelude::*};
    use prost::Message;
    use prost_types::Duration;

    use super::*;
    use crate::proto::v1::attribute_value::Value;

    fn entry(bytes: usize) -> v1::SendEntry {
        v1::SendEntry { body: vec![b'x'; bytes].into(), ..Default::default() }
    }

    fn request(entries: Vec<v1::SendEntry>) -> v1::SendRequest {
        v1::SendRequest { queue: "jobs".into(), entries }
    }

    fn text(value: &str) -> v1::AttributeValue {
        let value = Some(Value::Text(value.into()));
        v1::AttributeValue { data_type: "String".into(), value }
    }

    #[test]
    fn a_request_has_four_mebibytes_of_messages() {
        let full = || vec![entry(1 << 20), entry(1 << 20), entry(1 << 20), entry((1 << 20) - 8)];
        // Name, type and value of the attribute are the eight bytes that are missing.
        let with_attribute = |value: &str| {
            let mut entries = full();
            entries[3].attributes.insert("a".into(), text(value));
            parse(request(entries)).map(|_| ()).map_err(|refusal| refusal.message())
        };
        assert_eq!(with_attribute("x"), Ok(()));
        let refused = "entries is 4194305 bytes, it can be 0 bytes to 4194304 bytes";
        assert_eq!(with_attribute("xy"), Err(refused.into()));
        assert!(parse(request(vec![entry(1 << 20); 100])).is_err());
    }

    #[test]
    fn a_request_has_one_to_a_thousand_messages() {
        for count in [1, 1000] {
            assert!(parse(request(vec![entry(1); count])).is_ok(), "{count}");
        }
        for count in [0, 1001, 100_000] {
            assert!(parse(request(vec![entry(1); count])).is_err(), "{count}");
        }
    }

    fn any_value() -> impl Strategy<Value = v1::AttributeValue> {
        let value = prop_oneof![
            any::<String>().prop_map(Value::Text),
            vec(any::<u8>(), 0..10).prop_map(|bytes| Value::Binary(bytes.into())),
        ];
        let data_type = prop_oneof!["(String|Number|Binary)(\\.[a-z]*)?", any::<String>()];
        (data_type, option::of(value))
            .prop_map(|(data_type, value)| v1::AttributeValue { data_type, value })
    }

    fn any_entry() -> impl Strategy<Value = v1::SendEntry> {
        let name = prop_oneof!["[a-z.]{0,9}", any::<String>()];
        let attributes = proptest::collection::btree_map(name, any_value(), 0..12);
        let delay = option::of(any::<(i64, i32)>());
        (vec(any::<u8>(), 0..10), attributes, delay).prop_map(|(body, attributes, delay)| {
            let delay = delay.map(|(seconds, nanos)| Duration { seconds, nanos });
            v1::SendEntry { body: body.into(), attributes, delay, ..Default::default() }
        })
    }

    proptest! {
        #[test]
        fn any_send_is_parsed_or_refused(queue: String, entries in vec(any_entry(), 0..5)) {
            let _ = parse(v1::SendRequest { queue, entries: entries.clone() });
            let count = entries.len();
            if let Ok((_, batch)) = parse(request(entries)) {
                let good = batch.good_count();
                let outcomes = vec![Err::<(), _>(Rejection::DiskFull); good];
                prop_assert_eq!(batch.results(outcomes, place, |result| result).len(), count);
            }
        }

        #[test]
        fn any_bytes_are_no_danger(bytes in vec(any::<u8>(), 0..200)) {
            if let Ok(request) = v1::SendRequest::decode(&bytes[..]) {
                let _ = parse(request);
            }
        }
    }
}
