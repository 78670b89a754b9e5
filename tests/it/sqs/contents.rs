//! What a message may have: its size, attributes, ids.

use ledgerq::disk::SimDisk;
use serde_json::{Map, Value, json};

use super::{client::BOTH, served::Served};
use crate::broker::state_settings;

const INVALID: &str = "400 InvalidParameterValue: ";

fn with(given: &Value, more: &Value) -> Value {
    let mut given = given.clone();
    given.as_object_mut().expect("an object").extend(more.as_object().expect("one").clone());
    given
}

fn string(value: &str) -> Value {
    json!({"DataType": "String", "StringValue": value})
}

#[test]
fn names_types_and_values_of_attributes_count_for_the_size_and_a_trace_header_does_not() {
    let served = Served::start();
    let url = served.queue("jobs", json!({"MaximumMessageSize": "1024"}));
    let header = json!({"AWSTraceHeader": string("Root=1-5759e988-bd862e3fe1be46a994272793")});
    let name = "n".repeat(10);
    // 1000 of the body, 10 of the name, 6 of its type.
    let send = |bytes: usize| {
        json!({
            "QueueUrl": url, "MessageBody": "x".repeat(1000),
            "MessageAttributes": {&name: string(&"v".repeat(bytes))},
            "MessageSystemAttributes": header,
        })
    };
    let long =
        "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes.";
    for protocol in BOTH {
        served.done(protocol, "SendMessage", send(8));
        assert_eq!(served.refused(protocol, "SendMessage", send(9)), format!("{INVALID}{long}"));
        let least = json!({"QueueUrl": url, "MessageBody": "x"});
        served.done(protocol, "SendMessage", least);
    }
}

#[test]
fn the_bytes_of_a_binary_attribute_count_and_not_their_base64() {
    let served = Served::start();
    let url = served.queue("jobs", json!({"MaximumMessageSize": "1024"}));
    let send = |bytes: usize| {
        use base64::{Engine, prelude::BASE64_STANDARD};
        let value = BASE64_STANDARD.encode(vec![255; bytes]);
        let value = json!({"DataType": "Binary", "BinaryValue": value});
        json!({"QueueUrl": url, "MessageBody": "x", "MessageAttributes": {"n": value}})
    };
    for protocol in BOTH {
        served.done(protocol, "SendMessage", send(1016));
        served.refused(protocol, "SendMessage", send(1017));
    }
}

#[test]
fn an_attribute_has_a_name_a_type_and_a_value_of_the_service() {
    let served = Served::start();
    let url = served.queue("jobs", json!({}));
    let send = |attributes: Value| json!({"QueueUrl": url, "MessageBody": "x", "MessageAttributes": attributes});
    let named = |name: &str| send(json!({name: string("v")}));
    let typed = |data_type: &str| {
        send(json!({"n": {"DataType": data_type, "StringValue": "1", "BinaryValue": "AQ=="}}))
    };
    let many = |count: usize| {
        let attributes = (0..count).map(|at| (format!("n{at}"), string("v")));
        send(Value::Object(attributes.collect::<Map<_, _>>()))
    };
    let longest = "n".repeat(256);
    let too_long = "n".repeat(257);
    for protocol in BOTH {
        for name in ["a", "A-b_c.9", "xAWS.y", "aws", "Amazons", &longest] {
            served.done(protocol, "SendMessage", named(name));
        }
        let bad = [
            "a b", "a/b", "\u{e4}", ".a", "a.", "a..b", "AWS.a", "aws.a", "Amazon.a", "aMAZON.a",
            &too_long,
        ];
        for name in bad {
            let refused = served.refused(protocol, "SendMessage", named(name));
            assert!(refused.starts_with(INVALID), "{name}: {refused}");
        }
        for data_type in ["String", "Number", "Binary", "String.x", "Number.int", "Binary.png"] {
            served.done(protocol, "SendMessage", typed(data_type));
        }
        for data_type in ["string", "Float", "StringX", ""] {
            let refused = served.refused(protocol, "SendMessage", typed(data_type));
            assert!(refused.starts_with(INVALID), "{data_type}: {refused}");
        }
        for kind in ["String", "Number", "Binary"] {
            let empty = send(json!({"n": {"DataType": kind}}));
            assert_eq!(
                served.refused(protocol, "SendMessage", empty),
                format!(
                    "{INVALID}Message (user) attribute 'n' must contain a non-empty value of type '{kind}'."
                )
            );
        }
        let word = send(json!({"n": {"DataType": "Number", "StringValue": "many"}}));
        assert!(served.refused(protocol, "SendMessage", word).starts_with(INVALID));
        served.done(protocol, "SendMessage", many(10));
        assert_eq!(
            served.refused(protocol, "SendMessage", many(11)),
            format!("{INVALID}Number of message attributes [11] exceeds the allowed maximum [10].")
        );
    }
}

#[test]
fn one_system_attribute_can_be_sent() {
    let served = Served::start();
    let url = served.queue("jobs", json!({}));
    let send = |attributes: Value| json!({"QueueUrl": url, "MessageBody": "x", "MessageSystemAttributes": attributes});
    for protocol in BOTH {
        for attributes in [
            json!({"SenderId": string("me")}),
            json!({"AWSTraceHeader": {"DataType": "Number", "StringValue": "1"}}),
            json!({"AWSTraceHeader": {"DataType": "String"}}),
        ] {
            let refused = served.refused(protocol, "SendMessage", send(attributes));
            assert!(refused.starts_with(INVALID), "{refused}");
        }
    }
}

#[test]
fn ids_of_groups_duplicates_and_attempts_have_128_characters_at_most() {
    let served = Served::start();
    let url = served.queue("jobs.fifo", json!({"FifoQueue": "true"}));
    let (longest, too_long) = ("~".repeat(128), "x".repeat(129));
    let good = json!({
        "QueueUrl": url, "MessageBody": "x", "MessageGroupId": longest,
        "MessageDeduplicationId": "!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~\\aZ9",
    });
    let receive = json!({"QueueUrl": url, "ReceiveRequestAttemptId": longest});
    for protocol in BOTH {
        served.done(protocol, "SendMessage", good.clone());
        served.done(protocol, "ReceiveMessage", receive.clone());
        for bad in [too_long.as_str(), "a b", "\u{e4}"] {
            for (action, given, name) in [
                ("SendMessage", &good, "MessageGroupId"),
                ("SendMessage", &good, "MessageDeduplicationId"),
                ("ReceiveMessage", &receive, "ReceiveRequestAttemptId"),
            ] {
                let refused = served.refused(protocol, action, with(given, &json!({name: bad})));
                assert!(
                    refused.starts_with(INVALID) && refused.contains(&format!("parameter {name}")),
                    "{refused}"
                );
            }
        }
    }
}

#[test]
fn a_dead_letter_tells_where_it_came_from() {
    let served = Served::start();
    for (at, protocol) in BOTH.into_iter().enumerate() {
        for kind in ["", ".fifo"] {
            let (dead, jobs) = (format!("dead{at}{kind}"), format!("jobs{at}{kind}"));
            let fifo = if kind.is_empty() {
                json!({})
            } else {
                json!({"FifoQueue": "true", "ContentBasedDeduplication": "true"})
            };
            let dead_url = served.queue(&dead, fifo.clone());
            let policy = json!({
                "deadLetterTargetArn": super::served::arn(&dead), "maxReceiveCount": 1,
            });
            let url =
                served.queue(&jobs, with(&fifo, &json!({"RedrivePolicy": policy.to_string()})));
            let sent = with(
                &json!({"QueueUrl": url, "MessageBody": "x"}),
                &if kind.is_empty() { json!({}) } else { json!({"MessageGroupId": "g"}) },
            );
            let id = served.done(protocol, "SendMessage", sent)["MessageId"].clone();
            let receive = |url: &str| {
                let given =
                    json!({"QueueUrl": url, "AttributeNames": ["All"], "VisibilityTimeout": 0});
                served.done(protocol, "ReceiveMessage", given)
            };
            let attributes = receive(&url)["Messages"][0]["Attributes"].clone();
            assert_eq!(attributes.get("DeadLetterQueueSourceArn"), None);
            assert_eq!(receive(&url), json!({}), "it went to the dead letters");
            let told = receive(&dead_url)["Messages"][0].clone();
            assert_eq!((&told["MessageId"], &told["Body"]), (&id, &json!("x")));
            let attributes = &told["Attributes"];
            assert_eq!(attributes["DeadLetterQueueSourceArn"], super::served::arn(&jobs));
            assert_eq!(attributes["ApproximateReceiveCount"], "2");
            if !kind.is_empty() {
                assert_eq!(attributes["MessageDeduplicationId"], id);
                assert_eq!(attributes["MessageGroupId"], "g");
            }
        }
    }
}

#[test]
fn a_queue_has_so_many_messages_in_flight_and_no_more() {
    let state = ledgerq::state::Settings { in_flight_max: 1, ..state_settings() };
    let served = Served::with(SimDisk::new(), state, |_| ());
    let url = served.queue("jobs", json!({}));
    for _ in 0..2 {
        let send = json!({"QueueUrl": url, "MessageBody": "x"});
        served.done(super::client::Protocol::Json, "SendMessage", send);
    }
    let receive = json!({"QueueUrl": url});
    served.done(super::client::Protocol::Json, "ReceiveMessage", receive.clone());
    for protocol in BOTH {
        let refused = served.refused(protocol, "ReceiveMessage", receive.clone());
        assert!(refused.starts_with("400 OverLimit: "), "{refused}");
    }
}
