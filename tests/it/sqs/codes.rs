//! What a client sees of an error besides its text: shape, code, status, and where they stand.

use serde_json::{Value, json};

use super::{client::post, served::Served};

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

/// Asks in JSON; the answer's status, `__type`, and the header that clients take the code from.
fn json_error(served: &Served, action: &str, given: &Value) -> (u16, String, String) {
    let target = format!("AmazonSQS.{action}");
    let headers =
        [("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", target.as_str())];
    let told = post(served.address, "/", &headers, given.to_string().as_bytes());
    let body: Value = serde_json::from_str(&told.body).expect("it is JSON");
    let mut keys: Vec<&String> = body.as_object().expect("an object").keys().collect();
    keys.sort_unstable();
    assert_eq!(keys, ["__type", "message"]);
    let header = told.header("x-amzn-query-error").expect("it is there").to_owned();
    assert!(told.header("x-amzn-requestid").is_some_and(|id| id.len() == 36), "{told:?}");
    (told.status, body["__type"].as_str().expect("a text").to_owned(), header)
}

const QUERY: &str = "AWS.SimpleQueueService.";

/// What is asked, and its status, shape and code: one that is only begun goes on with the shape,
/// and one that is empty is the shape.
type Case = (&'static str, Value, u16, &'static str, &'static str);

fn errors_of_batches(url: &str) -> [Case; 5] {
    const ACTION: &str = "SendMessageBatch";
    let entry = |id: &str| json!({"Id": id, "MessageBody": "x"});
    let entries = |ids: &[&str]| {
        let entries: Vec<Value> = ids.iter().map(|id| entry(id)).collect();
        json!({"QueueUrl": url, "Entries": entries})
    };
    let many: Vec<String> = (0..11).map(|at| at.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let long = json!({"Id": "b", "MessageBody": "x".repeat(1 << 20)});
    let long = json!({"QueueUrl": url, "Entries": [entry("a"), long]});
    [
        (ACTION, entries(&[]), 400, "EmptyBatchRequest", QUERY),
        (ACTION, entries(&many), 400, "TooManyEntriesInBatchRequest", QUERY),
        (ACTION, entries(&["a", "a"]), 400, "BatchEntryIdsNotDistinct", QUERY),
        (ACTION, entries(&["a:"]), 400, "InvalidBatchEntryId", QUERY),
        (ACTION, long, 400, "BatchRequestTooLong", QUERY),
    ]
}

fn errors(url: &str) -> [Case; 10] {
    let none = json!({"QueueUrl": "http://h/000000000000/none"});
    let other = json!({"QueueName": "jobs", "Attributes": {"DelaySeconds": "1"}});
    let many = json!({"QueueUrl": url, "MaxNumberOfMessages": 11});
    let empty = json!({"QueueUrl": url});
    let attribute = |name: &str, value: &str| json!({"QueueUrl": url, "Attributes": {name: value}});
    let unknown = json!({"SourceArn": super::served::arn("none")});
    let (invalid, missing) =
        ("InvalidParameterValueException", "MissingRequiredParameterException");
    let garbage = json!({"QueueUrl": url, "ReceiptHandle": "x"});
    let body = json!({"QueueUrl": url, "MessageBody": "\u{1}"});
    let set = "SetQueueAttributes";
    let gone = "AWS.SimpleQueueService.NonExistentQueue";
    [
        ("ListQueueTags", none, 400, "QueueDoesNotExist", gone),
        ("CreateQueue", other, 400, "QueueNameExists", "QueueAlreadyExists"),
        ("PurgeQueue", empty.clone(), 403, "PurgeQueueInProgress", QUERY),
        ("ReceiveMessage", many, 400, invalid, "InvalidParameterValue"),
        ("SendMessage", empty, 400, missing, "MissingParameter"),
        (set, attribute("X", "1"), 400, "InvalidAttributeName", ""),
        (set, attribute("DelaySeconds", "x"), 400, "InvalidAttributeValue", ""),
        ("SendMessage", body, 400, "InvalidMessageContents", ""),
        ("DeleteMessage", garbage, 400, "ReceiptHandleIsInvalid", ""),
        ("ListMessageMoveTasks", unknown, 404, "ResourceNotFoundException", ""),
    ]
}

#[test]
fn in_json_an_error_has_its_shape_in_the_body_and_its_code_in_a_header() {
    let served = Served::start();
    let url = served.queue("jobs", json!({}));
    served.done(super::client::Protocol::Json, "PurgeQueue", json!({"QueueUrl": url}));
    for (action, given, status, shape, code) in
        errors(&url).into_iter().chain(errors_of_batches(&url))
    {
        let code =
            if code.is_empty() || code == QUERY { format!("{code}{shape}") } else { code.into() };
        let expected = (status, format!("com.amazonaws.sqs#{shape}"), format!("{code};Sender"));
        assert_eq!(json_error(&served, action, &given), expected);
    }
}

#[test]
fn in_xml_an_error_is_whole_and_names_the_request() {
    let served = Served::start();
    let form = b"Action=GetQueueUrl&Version=2012-11-05&QueueName=none";
    let told = post(served.address, "/", &[FORM], form);
    let id = told.header("x-amzn-requestid").expect("it is there");
    assert_eq!(told.status, 400);
    assert_eq!(
        told.body,
        format!(
            "<?xml version=\"1.0\"?>\
             <ErrorResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\">\
             <Error><Type>Sender</Type><Code>AWS.SimpleQueueService.NonExistentQueue</Code>\
             <Message>The specified queue does not exist for this wsdl version.</Message>\
             <Detail></Detail></Error><RequestId>{id}</RequestId></ErrorResponse>"
        )
    );
}

#[test]
fn answers_have_the_members_of_the_service_and_no_others() {
    let served = Served::start();
    let url = served.queue("jobs", json!({}));
    let keys = |told: &Value| {
        let members = told.as_object().expect("an object");
        members.keys().map(String::as_str).collect::<Vec<_>>().join(" ")
    };
    for protocol in super::client::BOTH {
        let done = |action: &str, given: Value| served.done(protocol, action, given);
        let told = done("SendMessage", json!({"QueueUrl": url, "MessageBody": "x"}));
        assert_eq!(keys(&told), "MD5OfMessageBody MessageId");
        let late = json!({"Id": "b", "MessageBody": "x", "DelaySeconds": 901});
        let entries = json!([{"Id": "a", "MessageBody": "x"}, late]);
        let told = done("SendMessageBatch", json!({"QueueUrl": url, "Entries": entries}));
        assert_eq!(keys(&told), "Failed Successful");
        assert_eq!(keys(&told["Successful"][0]), "Id MD5OfMessageBody MessageId");
        assert_eq!(keys(&told["Failed"][0]), "Code Id Message SenderFault");
        let entries = json!([{"Id": "a", "MessageBody": "x"}]);
        let told = done("SendMessageBatch", json!({"QueueUrl": url, "Entries": entries}));
        assert_eq!(keys(&told), "Successful");
        let told = done("ReceiveMessage", json!({"QueueUrl": url}));
        let handle = &told["Messages"][0]["ReceiptHandle"];
        let entry = json!({"Id": "a", "ReceiptHandle": handle, "VisibilityTimeout": 9});
        let changed =
            done("ChangeMessageVisibilityBatch", json!({"QueueUrl": url, "Entries": [entry]}));
        assert_eq!(changed, json!({"Successful": [{"Id": "a"}]}));
        let change = json!({"QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": 9});
        assert_eq!(done("ChangeMessageVisibility", change), json!({}));
    }
}

#[test]
fn the_sources_of_dead_letters_are_listed_in_lower_case_and_even_if_there_are_none() {
    let served = Served::start();
    let url = served.queue("dead", json!({}));
    let given = json!({"QueueUrl": url});
    let told = served.done(super::client::Protocol::Json, "ListDeadLetterSourceQueues", given);
    assert_eq!(told, json!({"queueUrls": []}));
    let policy = json!({"deadLetterTargetArn": super::served::arn("dead"), "maxReceiveCount": 1});
    let source = served.queue("jobs", json!({"RedrivePolicy": policy.to_string()}));
    for protocol in super::client::BOTH {
        let told = served.done(protocol, "ListDeadLetterSourceQueues", json!({"QueueUrl": url}));
        assert_eq!(told, json!({"queueUrls": [source]}), "{protocol:?}");
    }
    let form = format!("Action=ListDeadLetterSourceQueues&QueueUrl={url}");
    let told = post(served.address, "/", &[FORM], form.as_bytes());
    assert!(told.body.contains(&format!("<QueueUrl>{source}</QueueUrl>")), "{told:?}");
}
