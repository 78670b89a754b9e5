//! Messages to send, for every request that has some. The checksum of a message and the digests of
//! its ids are computed here, on the thread of its connection.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{
    api::grpc::{convert, parse, refusal::Refusal},
    broker::{Handle, digest},
    proto::v1,
    types::{
        Attribute, Deduplication, Delay, Envelope, GroupId, Payload, QueueName, Rejection,
        SendEntry, Sent, Unit, check_attribute_count, check_id, in_range, limits,
    },
};

/// With so many bytes of messages a request's buffer is messages for the most part, however small:
/// the buffer of a request has 8 KiB at least.
const SHARED_BYTES_MIN: u64 = 32 << 10;

/// The size of a message by which limits are measured, before it is parsed.
pub(super) fn bytes(entry: &v1::SendEntry) -> u64 {
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

/// A message to `queue`, which is at `path` in its request: asked for only if it is refused. All
/// messages of the request have so many bytes.
pub(super) fn parse(
    queue: &QueueName,
    path: &dyn Fn() -> String,
    entry: v1::SendEntry,
    request_bytes: u64,
) -> Result<SendEntry, Refusal> {
    let within = |rejection| Refusal::within(path(), rejection);
    let bytes = entry.body.len() as u64;
    in_range("body", bytes, 1, limits::MESSAGE_BYTES_MAX_MAX, Unit::Bytes).map_err(within)?;
    let delay = delay(&entry).map_err(within)?;
    let time_to_live =
        parse::duration_if_set("time_to_live", entry.time_to_live).map_err(within)?;
    let priority = priority(entry.priority).map_err(within)?;
    let group = parse::group_if_set("group_id", &entry.group_id).map_err(within)?;
    let (deduplication_id, deduplication) =
        duplicates(queue, group.as_ref(), &entry).map_err(within)?.unzip();
    let trace_header = trace_header(entry.trace_header).map_err(within)?;
    let attributes = attributes(path, entry.attributes)?;
    let envelope =
        Envelope { attributes, group: group.clone(), deduplication_id, trace_header, sender: None };
    let payload = Handle::payload(&envelope, kept(entry.body, request_bytes));
    let of_any_size = false;
    Ok(SendEntry { payload, delay, time_to_live, priority, group, deduplication, of_any_size })
}

/// The body in a buffer that it may keep: a small one that came with few others is copied out of
/// its network buffer.
fn kept(body: Bytes, request_bytes: u64) -> Bytes {
    let is_alone = request_bytes < SHARED_BYTES_MIN && body.len() <= Payload::COPIED_BYTES_MAX;
    if is_alone { Bytes::copy_from_slice(&body) } else { body }
}

/// What a client is told of an accepted message.
pub(super) fn sent(broker: &Handle, sent: Sent) -> v1::SentMessage {
    v1::SentMessage {
        message_id: broker.message_id(sent.seq).to_string(),
        sequence_number: sent.seq.get(),
        duplicate: sent.is_duplicate,
    }
}

fn delay(entry: &v1::SendEntry) -> Result<Option<Delay>, Rejection> {
    let delay = parse::duration_if_set("delay", entry.delay)?;
    let until = entry.deliver_at.map(|at| parse::timestamp("deliver_at", at)).transpose()?;
    match (delay, until) {
        (Some(delay), Some(until)) => {
            let given = format!("{until}, beside a delay of {delay}");
            let problem = "a message has a delay or deliver_at, not both";
            Err(Rejection::malformed("deliver_at", &given, problem))
        }
        (delay, until) => Ok(delay.map(Delay::For).or(until.map(Delay::Until))),
    }
}

fn priority(given: Option<u32>) -> Result<Option<u8>, Rejection> {
    let Some(priority) = given else { return Ok(None) };
    let max = limits::PRIORITY_MAX;
    in_range("priority", priority.into(), 0, max.into(), Unit::Count)?;
    Ok(Some(u8::try_from(priority).unwrap_or(max)))
}

/// The id by which the message's duplicates are known, and its digests. Whether an id that is made
/// of the body counts, the queue says.
fn duplicates(
    queue: &QueueName,
    group: Option<&GroupId>,
    entry: &v1::SendEntry,
) -> Result<Option<(String, Deduplication)>, Rejection> {
    let (id, from_content) = match entry.deduplication_id.as_str() {
        "" if queue.is_fifo() => (digest::content_id(&entry.body), true),
        "" => return Ok(None),
        id => {
            check_id("deduplication_id", id)?;
            (id.to_owned(), false)
        }
    };
    let deduplication = digest::deduplication(&id, group, from_content);
    Ok(Some((id, deduplication)))
}

fn trace_header(given: String) -> Result<Option<String>, Rejection> {
    let (field, chars_max) = ("trace_header", limits::TRACE_HEADER_CHARS_MAX);
    if given.is_empty() {
        return Ok(None);
    }
    let chars = given.chars().count();
    if chars > chars_max {
        let problem = format!("it has at most {chars_max} characters, this one has {chars}");
        return Err(Rejection::malformed(field, &given, problem));
    }
    match given.chars().find(|c| !c.is_ascii_graphic() && *c != ' ') {
        None => Ok(Some(given)),
        Some(found) => {
            let problem = format!("it has printable characters of ASCII, not {found:?}");
            Err(Rejection::malformed(field, &given, problem))
        }
    }
}

fn attributes(
    path: &dyn Fn() -> String,
    given: BTreeMap<String, v1::AttributeValue>,
) -> Result<Vec<Attribute>, Refusal> {
    check_attribute_count(given.len()).map_err(|refused| Refusal::within(path(), refused))?;
    given.into_iter().map(|(name, value)| attribute(path, name, value)).collect()
}

fn attribute(
    path: &dyn Fn() -> String,
    name: String,
    value: v1::AttributeValue,
) -> Result<Attribute, Refusal> {
    let attribute = convert::from_attribute(name, value);
    match attribute.check() {
        Ok(()) => Ok(attribute),
        // A name that breaks the rules is no part of a path: it can be long, or look like one.
        Err(rejection @ Rejection::Malformed { field: "attributes", .. }) => {
            Err(Refusal::within(path(), rejection))
        }
        Err(rejection) => {
            let path = format!("{}.attributes[{:?}]", path(), attribute.name);
            Err(Refusal::within(path, rejection))
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;
    use prost_types::{Duration, Timestamp};

    use super::*;
    use crate::{proto::v1::attribute_value::Value, types::Millis};

    fn jobs(name: &str) -> QueueName {
        QueueName::parse(name).expect("it is a name")
    }

    fn entry(bytes: usize) -> v1::SendEntry {
        v1::SendEntry { body: vec![b'x'; bytes].into(), ..Default::default() }
    }

    fn text(value: &str) -> v1::AttributeValue {
        let value = Some(Value::Text(value.into()));
        v1::AttributeValue { data_type: "String".into(), value }
    }

    /// The field for which the message is refused; `None` if it is good.
    fn refused_field(entry: v1::SendEntry) -> Option<String> {
        let refused = parse(&jobs("jobs"), &|| "entries[0]".into(), entry, 0).err();
        refused.map(|refusal| refusal.field().expect("a field is wrong"))
    }

    #[test]
    fn a_small_body_leaves_the_buffer_of_a_small_request_and_no_other() {
        let buffer = Bytes::from(vec![b'x'; 40_000]);
        let stays = |bytes: usize, request_bytes| {
            let body = buffer.slice(..bytes);
            kept(body.clone(), request_bytes).as_ptr() == body.as_ptr()
        };
        assert!(!stays(4096, 4096) && !stays(1, SHARED_BYTES_MIN - 1));
        assert!(stays(4097, 4097) && stays(1, SHARED_BYTES_MIN));
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
    fn ids_have_at_most_128_letters_digits_and_punctuation() {
        let group = |id: &str| v1::SendEntry { group_id: id.into(), ..entry(1) };
        let duplicate = |id: &str| v1::SendEntry { deduplication_id: id.into(), ..entry(1) };
        for id in ["", "a", "Az09!~/{}", &"x".repeat(128)] {
            assert_eq!((refused_field(group(id)), refused_field(duplicate(id))), (None, None));
        }
        for id in [" ", "a b", "\u{e4}", "\n", &"x".repeat(129), &"x".repeat(1 << 20)] {
            assert_eq!(refused_field(group(id)).as_deref(), Some("entries[0].group_id"));
            let field = Some("entries[0].deduplication_id");
            assert_eq!(refused_field(duplicate(id)).as_deref(), field);
        }
    }

    #[test]
    fn a_priority_is_0_to_9() {
        let with = |priority| v1::SendEntry { priority: Some(priority), ..entry(1) };
        for priority in [0, 9] {
            assert_eq!(refused_field(with(priority)), None, "{priority}");
        }
        for priority in [10, 256, u32::MAX] {
            let field = refused_field(with(priority));
            assert_eq!(field.as_deref(), Some("entries[0].priority"), "{priority}");
        }
    }

    #[test]
    fn a_trace_header_has_at_most_256_printable_characters() {
        let with = |header: &str| v1::SendEntry { trace_header: header.into(), ..entry(1) };
        for header in ["Root=1-5759e988-bd862e3fe1be46a994272793; Sampled=1", &"x".repeat(256)] {
            assert_eq!(refused_field(with(header)), None);
        }
        for header in ["a\nb", "\u{e4}", "\0", &"x".repeat(257), &"x".repeat(1 << 20)] {
            let field = refused_field(with(header));
            assert_eq!(field.as_deref(), Some("entries[0].trace_header"));
        }
    }

    #[test]
    fn a_message_waits_for_a_while_or_until_a_time_but_not_both() {
        let delay = Some(Duration { seconds: 1, nanos: 1 });
        let deliver_at = Some(Timestamp { seconds: 5, nanos: 0 });
        let with = |delay, deliver_at| v1::SendEntry { delay, deliver_at, ..entry(1) };
        let parsed = |entry| parse(&jobs("jobs"), &|| "entries[0]".into(), entry, 0);
        let delay_of = |entry| parsed(entry).map(|entry| entry.delay).ok();
        assert_eq!(delay_of(with(None, None)), Some(None));
        assert_eq!(delay_of(with(delay, None)), Some(Some(Delay::For(Millis::new(1001)))));
        let until = crate::types::Timestamp::from_millis(5000);
        assert_eq!(delay_of(with(None, deliver_at)), Some(Some(Delay::Until(until))));
        let refused = parsed(with(delay, deliver_at)).expect_err("they contradict each other");
        let sentence = "entries[0].deliver_at is \"5.000, beside a delay of 1001ms\": \
                        a message has a delay or deliver_at, not both";
        assert_eq!(refused.message(), sentence);
    }

    #[test]
    fn times_that_are_none_are_refused() {
        let negative = Some(Duration { seconds: -1, nanos: 0 });
        let late = Some(Timestamp { seconds: i64::MAX, nanos: 0 });
        let delay = refused_field(v1::SendEntry { delay: negative, ..entry(1) });
        assert_eq!(delay.as_deref(), Some("entries[0].delay"));
        let ttl = refused_field(v1::SendEntry { time_to_live: negative, ..entry(1) });
        assert_eq!(ttl.as_deref(), Some("entries[0].time_to_live"));
        let until = refused_field(v1::SendEntry { deliver_at: late, ..entry(1) });
        assert_eq!(until.as_deref(), Some("entries[0].deliver_at"));
    }

    #[test]
    fn a_fifo_message_without_an_id_is_known_by_its_body() {
        let id_of = |queue: &str, id: &str| {
            let entry = v1::SendEntry { deduplication_id: id.into(), ..entry(1) };
            let parsed =
                parse(&jobs(queue), &|| "entries[0]".into(), entry, 0).expect("it is good");
            parsed.deduplication.map(|deduplication| deduplication.from_content)
        };
        assert_eq!(id_of("jobs.fifo", ""), Some(true));
        assert_eq!(id_of("jobs.fifo", "d1"), Some(false));
        assert_eq!(id_of("jobs", "d1"), Some(false));
        assert_eq!(id_of("jobs", ""), None);
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
        let given = v1::SendEntry {
            body: Bytes::from("hello"),
            attributes: [("a".to_owned(), text("x"))].into(),
            time_to_live: Some(Duration { seconds: 60, nanos: 0 }),
            priority: Some(9),
            group_id: "g1".into(),
            ..Default::default()
        };
        let parsed = parse(&jobs("jobs"), &|| "entries[0]".into(), given, 0).expect("it is good");
        assert_eq!(parsed.payload.body, "hello");
        assert_eq!(parsed.payload.size, 5 + 1 + 6 + 1);
        assert_eq!(parsed.time_to_live, Some(Millis::from_secs(60)));
        assert_eq!(parsed.priority, Some(9));
        assert_eq!(parsed.group.as_ref().map(GroupId::as_str), Some("g1"));
    }

    proptest! {
        #[test]
        fn any_ids_are_parsed_or_refused(
            id: String,
            trace_header: String,
            priority: Option<u32>,
            at: Option<(i64, i32)>,
        ) {
            let deliver_at = at.map(|(seconds, nanos)| Timestamp { seconds, nanos });
            for queue in ["jobs", "jobs.fifo"] {
                let (group_id, deduplication_id) = (id.clone(), id.clone());
                let trace_header = trace_header.clone();
                let ids = v1::SendEntry { group_id, deduplication_id, trace_header, ..entry(1) };
                let given = v1::SendEntry { priority, deliver_at, ..ids };
                let _ = parse(&jobs(queue), &|| "entries[0]".into(), given, 0);
            }
        }
    }
}
