//! `Send`. The checksum of a message is computed here, on the thread of its connection.

use crate::{
    api::grpc::{
        batch::Batch,
        convert, parse,
        refusal::{Place, Refusal},
    },
    broker::Handle,
    proto::v1::{self, send_result::Result as Outcome},
    types::{
        Attribute, QueueName, Rejection, SendEntry, Unit, check_attribute_count, in_range, limits,
    },
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
    let results = batch.results(outcomes, place, |outcome| {
        let result = match outcome {
            Ok(sent) => {
                let message_id = broker.message_id(sent.seq).to_string();
                Outcome::Sent(v1::SentMessage { message_id })
            }
            Err(error) => Outcome::Error(error),
        };
        v1::SendResult { result: Some(result) }
    });
    Ok(v1::SendResponse { results })
}

fn place(index: usize) -> Place {
    Place::Message(path(index))
}

fn path(index: usize) -> String {
    format!("entries[{index}]")
}

fn parse(request: v1::SendRequest) -> Result<(QueueName, Batch<SendEntry>), Refusal> {
    let queue = parse::queue(&request.queue)?;
    parse::entry_count("entries", request.entries.len())?;
    let bytes = request.entries.iter().map(entry_bytes).sum();
    in_range("entries", bytes, 0, limits::REQUEST_BYTES_MAX, Unit::Bytes)
        .map_err(Refusal::of_request)?;
    let entries = request.entries.into_iter().enumerate();
    Ok((queue, entries.map(|(index, entry)| parse_entry(index, entry)).collect()))
}

/// The size of a message by which limits are measured, before it is parsed.
fn entry_bytes(entry: &v1::SendEntry) -> u64 {
    let attribute_bytes = |(name, attribute): (&String, &v1::AttributeValue)| {
        let value = match &attribute.value {
            Some(v1::attribute_value::Value::Text(text)) => text.len(),
            Some(v1::attribute_value::Value::Binary(bytes)) => bytes.len(),
            None => 0,
        };
        name.len() + attribute.data_type.len() + value
    };
    let attributes: usize = entry.attributes.iter().map(attribute_bytes).sum();
    (entry.body.len() + attributes) as u64
}

fn parse_entry(index: usize, entry: v1::SendEntry) -> Result<SendEntry, Refusal> {
    let within = |rejection| Refusal { place: place(index), rejection };
    let bytes = entry.body.len() as u64;
    in_range("body", bytes, 1, limits::MESSAGE_BYTES_MAX_MAX, Unit::Bytes).map_err(within)?;
    let delay = parse::duration_if_set("delay", entry.delay).map_err(within)?;
    check_attribute_count(entry.attributes.len()).map_err(within)?;
    let attributes = entry.attributes.into_iter();
    let attributes = attributes
        .map(|(name, value)| parse_attribute(index, name, value))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(SendEntry { payload: Handle::payload(&attributes, entry.body), delay })
}

fn parse_attribute(
    index: usize,
    name: String,
    value: v1::AttributeValue,
) -> Result<Attribute, Refusal> {
    let attribute = convert::from_attribute(name, value);
    match attribute.check() {
        Ok(()) => Ok(attribute),
        // A name that breaks the rules is no part of a path: it can be long, or look like one.
        Err(rejection @ Rejection::Malformed { field: "attributes", .. }) => {
            Err(Refusal { place: place(index), rejection })
        }
        Err(rejection) => {
            let path = format!("{}.attributes[{:?}]", path(index), attribute.name);
            Err(Refusal::within(path, rejection))
        }
    }
}
