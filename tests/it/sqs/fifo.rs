//! FIFO queues, as they are told here.

use ledgerq::disk::SimDisk;
use serde_json::{Value, json};

use super::{client::BOTH, served::Served};

const NO_ID: &str = "400 InvalidParameterValue: The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly";

#[test]
fn a_message_needs_a_group_and_something_to_know_duplicates_by() {
    let served = Served::start();
    let url = served.queue("jobs.fifo", json!({"FifoQueue": "true"}));
    let send = |more: Value| {
        let mut given = json!({"QueueUrl": url, "MessageBody": "x"});
        given.as_object_mut().expect("an object").extend(more.as_object().expect("one").clone());
        given
    };
    for protocol in BOTH {
        let refused = |more| served.refused(protocol, "SendMessage", send(more));
        assert_eq!(
            refused(json!({"MessageDeduplicationId": "a"})),
            "400 MissingParameter: The request must contain the parameter MessageGroupId."
        );
        assert_eq!(refused(json!({"MessageGroupId": "g"})), NO_ID);
        assert_eq!(
            refused(
                json!({"MessageGroupId": "g", "MessageDeduplicationId": "a", "DelaySeconds": 2})
            ),
            "400 InvalidParameterValue: Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type."
        );
        let batch = |entry: Value| {
            served.refused(
                protocol,
                "SendMessageBatch",
                json!({"QueueUrl": url, "Entries": [entry]}),
            )
        };
        assert_eq!(
            batch(json!({"Id": "1", "MessageBody": "x", "MessageDeduplicationId": "a"})),
            "400 InvalidParameterValue: The request must contain the parameter MessageGroupId."
        );
        assert_eq!(batch(json!({"Id": "1", "MessageBody": "x", "MessageGroupId": "g"})), NO_ID);
    }
}

#[test]
fn a_duplicate_is_told_the_first_ones_id_and_number() {
    let served = Served::start();
    for (at, protocol) in BOTH.into_iter().enumerate() {
        let name = format!("jobs{at}.fifo");
        let url = served.queue(&name, json!({"FifoQueue": "true"}));
        let message = json!({
            "QueueUrl": url, "MessageBody": "x", "MessageGroupId": "g", "MessageDeduplicationId": "d",
        });
        let first = served.done(protocol, "SendMessage", message.clone());
        let again = served.done(protocol, "SendMessage", message);
        assert_eq!(first, again);
        let number = first["SequenceNumber"].as_str().expect("a text");
        assert!(number.len() == 20 && number.bytes().all(|b| b.is_ascii_digit()), "{number}");
        let receive = json!({"QueueUrl": url, "MessageSystemAttributeNames": ["All"], "VisibilityTimeout": 30});
        let told = served.done(protocol, "ReceiveMessage", receive.clone());
        let [message] = told["Messages"].as_array().expect("a list").as_slice() else {
            panic!("{told}");
        };
        let attributes = &message["Attributes"];
        assert_eq!(attributes["SequenceNumber"], number);
        assert_eq!(attributes["MessageGroupId"], "g");
        assert_eq!(attributes["MessageDeduplicationId"], "d");
        served.advance(31);
        let handle = message["ReceiptHandle"].as_str().expect("a text");
        let delete = json!({"QueueUrl": url, "ReceiptHandle": handle});
        assert_eq!(
            served.refused(protocol, "DeleteMessage", delete),
            format!(
                "400 InvalidParameterValue: Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
            )
        );
        let again = served.done(protocol, "ReceiveMessage", receive);
        assert_eq!(again["Messages"][0]["Attributes"]["SequenceNumber"], number);
    }
}

/// Whoever got what stands behind it might be done with that before it comes.
#[test]
fn what_stands_behind_a_message_that_may_be_read_later_waits_for_it() {
    for protocol in BOTH {
        let disk = SimDisk::new();
        let served = Served::on(&disk);
        let url = served.queue("jobs.fifo", json!({"FifoQueue": "true"}));
        for (group, name) in [("g", "first"), ("g", "second"), ("g", "third"), ("h", "other")] {
            // Each in sectors of its own.
            let message = json!({
                "QueueUrl": url, "MessageBody": name.repeat(1000), "MessageGroupId": group,
                "MessageDeduplicationId": name,
            });
            served.done(protocol, "SendMessage", message);
        }
        let (path, offset) = place_of(&disk, &"second".repeat(200));
        disk.make_unreadable(&path, offset + 600).expect("it is there");
        let receive = || -> Vec<String> {
            let given = json!({"QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 5});
            let told = served.done(protocol, "ReceiveMessage", given);
            let messages = told["Messages"].as_array().cloned().unwrap_or_default();
            let name = |message: &Value| message["Body"].as_str().unwrap_or("")[..5].to_owned();
            messages.iter().map(name).collect()
        };
        assert_eq!([receive(), receive(), receive()], [vec!["first"], vec!["other"], vec![]]);
        served.advance(6);
        assert_eq!(receive(), ["first"]);
    }
}

/// Where on the disk these bytes are.
fn place_of(disk: &SimDisk, bytes: &str) -> (String, u64) {
    let of_file = |path: String| {
        let within = disk.file(&path)?;
        let at = within.windows(bytes.len()).position(|window| window == bytes.as_bytes())?;
        Some((path, at as u64))
    };
    disk.paths().into_iter().find_map(of_file).expect("it is on the disk")
}

#[test]
fn an_extension_extends_the_handle_too() {
    let served = Served::start();
    let url = served.queue("jobs.fifo", json!({"FifoQueue": "true", "VisibilityTimeout": "10"}));
    for (at, protocol) in BOTH.into_iter().enumerate() {
        let id = at.to_string();
        let send = json!({
            "QueueUrl": url, "MessageBody": "x", "MessageGroupId": "g",
            "MessageDeduplicationId": id,
        });
        served.done(protocol, "SendMessage", send);
        let told = served.done(protocol, "ReceiveMessage", json!({"QueueUrl": url}));
        let handle = &told["Messages"][0]["ReceiptHandle"];
        let change = json!({"QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": 60});
        served.done(protocol, "ChangeMessageVisibility", change);
        served.advance(59);
        let delete = json!({"QueueUrl": url, "ReceiptHandle": handle});
        served.done(protocol, "DeleteMessage", delete);
        assert_eq!(served.done(protocol, "ReceiveMessage", json!({"QueueUrl": url})), json!({}));
    }
}

#[test]
fn an_attempt_that_is_repeated_gives_the_same_messages_and_handles() {
    let served = Served::start();
    for (at, protocol) in BOTH.into_iter().enumerate() {
        let url = served.queue(
            &format!("jobs{at}.fifo"),
            json!({"FifoQueue": "true", "ContentBasedDeduplication": "true"}),
        );
        for body in ["a", "b"] {
            let send = json!({"QueueUrl": url, "MessageBody": body, "MessageGroupId": body});
            served.done(protocol, "SendMessage", send);
        }
        let receive = |attempt: &str| {
            let given = json!({"QueueUrl": url, "ReceiveRequestAttemptId": attempt});
            served.done(protocol, "ReceiveMessage", given)
        };
        let first = receive("one");
        assert_eq!(first["Messages"][0]["Body"], "a");
        assert_eq!(receive("one"), first);
        assert_eq!(receive("two")["Messages"][0]["Body"], "b");
        assert_eq!(receive("one"), first);
    }
}

#[test]
fn a_body_is_known_by_its_content_alone() {
    let served = Served::start();
    let url = served
        .queue("jobs.fifo", json!({"FifoQueue": "true", "ContentBasedDeduplication": "true"}));
    let mut ids = Vec::new();
    for protocol in BOTH {
        for attributes in [json!({}), json!({"n": {"DataType": "String", "StringValue": "v"}})] {
            let send = json!({
                "QueueUrl": url, "MessageBody": "x", "MessageGroupId": format!("{protocol:?}"),
                "MessageAttributes": attributes,
            });
            ids.push(served.done(protocol, "SendMessage", send)["MessageId"].clone());
        }
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
}
