//! Messages: sent, received, deleted, given another end.

use serde_json::{Value, json};

use super::{client::BOTH, served::Served};

#[test]
fn a_message_comes_back_with_its_digests_and_with_what_was_asked_for() {
    let served = Served::start();
    for (at, protocol) in BOTH.into_iter().enumerate() {
        let url = served.queue(&format!("jobs{at}"), json!({}));
        let attributes = json!({
            "General": {"DataType": "String", "StringValue": "Kenobi"},
            "Hello": {"DataType": "String", "StringValue": "There"},
            "Help.Me": {"DataType": "String", "StringValue": "Me"},
        });
        let header = json!({"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-2-3"}});
        let sent = served.done(
            protocol,
            "SendMessage",
            json!({
                "QueueUrl": url, "MessageBody": "msg", "MessageAttributes": attributes,
                "MessageSystemAttributes": header,
            }),
        );
        assert_eq!(sent["MD5OfMessageBody"], "6e2baaf3b97dbeef01c0043275f9a0e7");
        assert_eq!(sent["MD5OfMessageAttributes"], "4c360f3fdafd970e05fae2f149d997f5");
        assert!(sent["MD5OfMessageSystemAttributes"].is_string());
        assert!(sent.get("SequenceNumber").is_none());
        let receive = |names: &[&str], system: &[&str]| {
            let told = served.done(
                protocol,
                "ReceiveMessage",
                json!({
                    "QueueUrl": url, "MessageAttributeNames": names, "AttributeNames": system,
                    "VisibilityTimeout": 0,
                }),
            );
            told["Messages"][0].clone()
        };
        let bare = receive(&[], &[]);
        let keys: Vec<&str> =
            bare.as_object().expect("a message").keys().map(|key| &**key).collect();
        assert_eq!(keys, ["Body", "MD5OfBody", "MessageId", "ReceiptHandle"], "{protocol:?}");
        assert_eq!(receive(&["All"], &[])["MessageAttributes"], attributes);
        let some = receive(&["Hello", "General", "None"], &["All"]);
        assert_eq!(some["MD5OfMessageAttributes"], "fca026605781cb4126a1e9044df24232");
        let prefixed = receive(&["Hel.*"], &["SenderId", "AWSTraceHeader"]);
        assert_eq!(prefixed["MD5OfMessageAttributes"], "83fee93c1bcd8b9a5a923ffacdc636c7");
        let system = json!({"SenderId": super::served::ACCOUNT, "AWSTraceHeader": "Root=1-2-3"});
        assert_eq!(prefixed["Attributes"], system);
        let all = some["Attributes"].as_object().expect("system attributes");
        let names: Vec<&str> = all.keys().map(|key| &**key).collect();
        let expected = [
            "AWSTraceHeader",
            "ApproximateFirstReceiveTimestamp",
            "ApproximateReceiveCount",
            "SenderId",
            "SentTimestamp",
        ];
        assert_eq!(names, expected);
        assert!(all.values().all(Value::is_string), "numbers are texts: {all:?}");
    }
}

#[test]
fn an_empty_receive_has_no_list() {
    let served = Served::start();
    let url = served.queue("jobs", json!({}));
    for protocol in BOTH {
        let told = served.done(protocol, "ReceiveMessage", json!({"QueueUrl": url}));
        assert_eq!(told, json!({}));
    }
}

#[test]
fn bad_parameters_are_refused_in_the_words_of_the_service() {
    let served = Served::start();
    let url = served.queue("jobs", json!({"MaximumMessageSize": "1024"}));
    let send = |more: Value| {
        let mut given = json!({"QueueUrl": url, "MessageBody": "x"});
        given.as_object_mut().expect("an object").extend(more.as_object().expect("one").clone());
        ("SendMessage", given)
    };
    let receive =
        |name: &str, value: Value| ("ReceiveMessage", json!({"QueueUrl": url, name: value}));
    let value = "400 InvalidParameterValue: Value";
    let empty = json!({"ErrorDetails": {"DataType": "String", "StringValue": ""}});
    let cases = [
        (receive("MaxNumberOfMessages", 11.into()), format!("{value} 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.")),
        (receive("MaxNumberOfMessages", 0.into()), format!("{value} 0 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.")),
        (receive("WaitTimeSeconds", 21.into()), format!("{value} 21 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.")),
        (receive("VisibilityTimeout", 43_201.into()), format!("{value} 43201 for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= 43200, if provided.")),
        (receive("AttributeNames", json!(["Nothing"])), "400 InvalidAttributeName: Unknown Attribute Nothing.".into()),
        (send(json!({"DelaySeconds": 901})), format!("{value} 901 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.")),
        (send(json!({"MessageBody": ""})), "400 MissingParameter: The request must contain the parameter MessageBody.".into()),
        (send(json!({"MessageBody": "a\u{1}"})), "400 InvalidMessageContents: Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF".into()),
        (send(json!({"MessageBody": "x".repeat(1025)})), "400 InvalidParameterValue: One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes.".into()),
        (send(json!({"MessageAttributes": empty})), "400 InvalidParameterValue: Message (user) attribute 'ErrorDetails' must contain a non-empty value of type 'String'.".into()),
        (send(json!({"MessageDeduplicationId": "a"})), format!("{value} a for parameter MessageDeduplicationId is invalid. Reason: The request include parameter that is not valid for this queue type.")),
        (("ReceiveMessage", json!({})), "400 MissingParameter: The request must contain the parameter QueueUrl.".into()),
        (("DeleteMessage", json!({"QueueUrl": url, "ReceiptHandle": "garbage"})), "400 ReceiptHandleIsInvalid: The input receipt handle \"garbage\" is not a valid receipt handle.".into()),
        (receive("VisibilityTimeout", (-1).into()), format!("{value} -1 for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= 43200, if provided.")),
        (("ChangeMessageVisibility", json!({"QueueUrl": url, "ReceiptHandle": "x", "VisibilityTimeout": 43_201})), format!("{value} 43201 for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= 43200, if provided.")),
        (("ChangeMessageVisibility", json!({"QueueUrl": url, "ReceiptHandle": "x"})), "400 MissingParameter: The request must contain the parameter VisibilityTimeout.".into()),
        (("DeleteMessage", json!({"QueueUrl": url})), "400 MissingParameter: The request must contain the parameter ReceiptHandle.".into()),
        (("ChangeMessageVisibility", json!({"QueueUrl": url, "ReceiptHandle": "garbage", "VisibilityTimeout": 1})), "400 ReceiptHandleIsInvalid: The input receipt handle \"garbage\" is not a valid receipt handle.".into()),
    ];
    for protocol in BOTH {
        for ((action, given), expected) in &cases {
            assert_eq!(served.refused(protocol, action, given.clone()), *expected, "{protocol:?}");
        }
    }
}

#[test]
fn a_bad_entry_fails_alone_and_a_bad_batch_as_a_whole() {
    let served = Served::start();
    let url = served.queue("jobs", json!({"MaximumMessageSize": "1024"}));
    let batch = |entries: Value| json!({"QueueUrl": url, "Entries": entries});
    let entry = |id: &str| json!({"Id": id, "MessageBody": "x"});
    for protocol in BOTH {
        // The size that the queue allows does not count for the messages of a batch.
        let large = json!({"Id": "b", "MessageBody": "x".repeat(2000)});
        let late = json!({"Id": "c", "MessageBody": "x", "DelaySeconds": 901});
        let told =
            served.done(protocol, "SendMessageBatch", batch(json!([entry("a"), large, late])));
        let ids = |list: &str| {
            let entries = told[list].as_array().expect("a list").iter();
            entries.map(|entry| entry["Id"].as_str().expect("an id").to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(
            (ids("Successful"), ids("Failed")),
            (vec!["a".into(), "b".into()], vec!["c".into()])
        );
        assert_eq!(told["Failed"][0]["SenderFault"], true);
        assert_eq!(told["Failed"][0]["Code"], "InvalidParameterValue");
        let refused =
            |action: &str, entries: Value| served.refused(protocol, action, batch(entries));
        let code = "400 AWS.SimpleQueueService";
        assert_eq!(
            refused("SendMessageBatch", json!([])),
            format!(
                "{code}.EmptyBatchRequest: There should be at least one SendMessageBatchRequestEntry in the request."
            )
        );
        let twenty: Vec<Value> = (0..20).map(|at| entry(&at.to_string())).collect();
        assert_eq!(
            refused("SendMessageBatch", twenty.into()),
            format!(
                "{code}.TooManyEntriesInBatchRequest: Maximum number of entries per request are 10. You have sent 20."
            )
        );
        assert_eq!(
            refused("SendMessageBatch", json!([entry("a"), entry("a")])),
            format!("{code}.BatchEntryIdsNotDistinct: Id a repeated.")
        );
        for action in ["DeleteMessageBatch", "ChangeMessageVisibilityBatch", "SendMessageBatch"] {
            for id in ["invalid:id", &"x".repeat(81)] {
                assert_eq!(
                    refused(action, json!([{"Id": id, "ReceiptHandle": "x"}])),
                    format!(
                        "{code}.InvalidBatchEntryId: A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long."
                    )
                );
            }
        }
        let half = |id: &str, bytes: usize| json!({"Id": id, "MessageBody": "x".repeat(bytes)});
        assert_eq!(
            refused("SendMessageBatch", json!([half("a", 1 << 19), half("b", (1 << 19) + 1)])),
            format!(
                "{code}.BatchRequestTooLong: Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes."
            )
        );
    }
}

#[test]
fn a_standard_queue_deletes_by_an_old_handle_and_again() {
    let served = Served::start();
    for (at, protocol) in BOTH.into_iter().enumerate() {
        let url = served.queue(&format!("jobs{at}"), json!({"VisibilityTimeout": "10"}));
        served.done(protocol, "SendMessage", json!({"QueueUrl": url, "MessageBody": "x"}));
        let receive = || {
            let told = served.done(protocol, "ReceiveMessage", json!({"QueueUrl": url}));
            told["Messages"][0]["ReceiptHandle"].clone()
        };
        let old = receive();
        served.advance(11);
        let change = json!({"QueueUrl": url, "ReceiptHandle": old, "VisibilityTimeout": 1});
        let refused = served.refused(protocol, "ChangeMessageVisibility", change.clone());
        assert!(
            refused.starts_with("400 AWS.SimpleQueueService.MessageNotInflight: "),
            "{refused}"
        );
        assert!(receive().is_string());
        let delete = json!({"QueueUrl": url, "ReceiptHandle": old});
        assert_eq!(served.done(protocol, "DeleteMessage", delete.clone()), json!({}));
        assert_eq!(served.done(protocol, "DeleteMessage", delete), json!({}));
        let handle = old.as_str().expect("a text");
        assert_eq!(
            served.refused(protocol, "ChangeMessageVisibility", change),
            format!(
                "400 InvalidParameterValue: Value {handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change."
            )
        );
        let entries =
            json!([{"Id": "a", "ReceiptHandle": old}, {"Id": "b", "ReceiptHandle": "garbage"}]);
        let told = served.done(
            protocol,
            "DeleteMessageBatch",
            json!({"QueueUrl": url, "Entries": entries}),
        );
        assert_eq!(told["Successful"], json!([{"Id": "a"}]));
        assert_eq!(told["Failed"][0]["Code"], "ReceiptHandleIsInvalid");
    }
}

#[test]
fn a_lease_lasts_twelve_hours_at_most() {
    let served = Served::start();
    let url = served.queue("jobs", json!({}));
    for protocol in BOTH {
        served.done(protocol, "SendMessage", json!({"QueueUrl": url, "MessageBody": "x"}));
        let told = served.done(protocol, "ReceiveMessage", json!({"QueueUrl": url}));
        let handle = &told["Messages"][0]["ReceiptHandle"];
        served.advance(1);
        let change = json!({"QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": 43_200});
        assert_eq!(
            served.refused(protocol, "ChangeMessageVisibility", change),
            "400 InvalidParameterValue: Value 43200 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds]"
        );
    }
}
