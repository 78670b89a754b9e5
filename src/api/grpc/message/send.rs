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
        Attribute, Delay, Envelope, QueueName, Rejection, SendEntry, Unit, check_attribute_count,
        in_range, limits,
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
                Outcome::Sent(v1::SentMessage { message_id, ..Default::default() })
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
    let envelope = Envelope { attributes, ..Envelope::default() };
    let payload = Handle::payload(&envelope, entry.body);
    Ok(SendEntry { payload, delay: delay.map(Delay::For), ..SendEntry::default() })
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
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

    /// The field for which the only entry is refused; `None` if it is good.
    fn refused_field(entry: v1::SendEntry) -> Option<String> {
        parse_entry(0, entry).err().map(|refusal| refusal.field().expect("a field is wrong"))
    }

    #[test]
    fn a_body_has_one_byte_to_a_mebibyte() {
        for bytes in [1, 1 << 20] {
            assert_eq!(refused_field(entry(bytes)), None, "{bytes}");
        }
        for bytes in [0, (1 << 20) + 1, 4 << 20] {
            assert_eq!(refused_field(entry(bytes)).as_deref(), Some("entries[0].body"), "{bytes}");
        }
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

    #[test]
    fn attributes_are_refused_by_their_path() {
        let with = |names: &[&str], value: &v1::AttributeValue| {
            let attributes = names.iter().map(|name| ((*name).to_owned(), value.clone()));
            refused_field(v1::SendEntry { attributes: attributes.collect(), ..entry(1) })
        };
        let names: Vec<_> = (0..11).map(|index| format!("n{index}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        assert_eq!(with(&names[..10], &text("x")), None);
        assert_eq!(with(&names, &text("x")).as_deref(), Some("entries[0].attributes"));
        assert_eq!(with(&["a..b"], &text("x")).as_deref(), Some("entries[0].attributes"));
        let value_of_a = Some("entries[0].attributes[\"a\"].value");
        assert_eq!(with(&["a"], &text("")).as_deref(), value_of_a);
        for data_type in ["String", "Binary"] {
            let unset = v1::AttributeValue { data_type: data_type.into(), value: None };
            assert_eq!(with(&["a"], &unset).as_deref(), value_of_a, "{data_type}");
        }
        let typeless = v1::AttributeValue { data_type: String::new(), ..text("x") };
        let type_of_a = Some("entries[0].attributes[\"a\"].data_type");
        assert_eq!(with(&["a"], &typeless).as_deref(), type_of_a);
    }

    #[test]
    fn what_is_good_reaches_the_broker_as_it_was_given() {
        let delay = Some(Duration { seconds: 1, nanos: 1 });
        let attributes = [("a".to_owned(), text("x"))].into();
        let given = v1::SendEntry { body: Bytes::from("hello"), attributes, delay };
        let parsed = parse_entry(0, given).expect("it is good");
        assert_eq!(parsed.delay.map(crate::types::Millis::get), Some(1001));
        assert_eq!(parsed.payload.body, "hello");
        assert_eq!(parsed.payload.size, 5 + 1 + 6 + 1);
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
            v1::SendEntry { body: body.into(), attributes, delay }
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
