//! Queues, tags, permissions.

use ledgerq::disk::SimDisk;
use serde_json::json;

use super::{
    client::{BOTH, Protocol, post},
    served::{Served, arn},
};

#[test]
fn a_queue_that_is_not_there_is_told_in_the_words_of_each_protocol() {
    let served = Served::start();
    let code = "400 AWS.SimpleQueueService.NonExistentQueue";
    for protocol in BOTH {
        let text = match protocol {
            Protocol::Json => "The specified queue does not exist.",
            Protocol::Query => "The specified queue does not exist for this wsdl version.",
        };
        let url = format!("http://{}/000000000000/none", served.address);
        for action in
            ["ReceiveMessage", "DeleteQueue", "PurgeQueue", "ListQueueTags", "GetQueueAttributes"]
        {
            let refused = served.refused(protocol, action, json!({"QueueUrl": url}));
            assert_eq!(refused, format!("{code}: {text}"), "{action}");
        }
        let refused = served.refused(protocol, "GetQueueUrl", json!({"QueueName": "none"}));
        assert_eq!(refused, format!("{code}: {text}"));
        let delete = json!({"QueueUrl": url, "ReceiptHandle": "garbage"});
        assert_eq!(served.refused(protocol, "DeleteMessage", delete), format!("{code}: {text}"));
    }
}

#[test]
fn a_queue_is_made_once_and_its_name_has_rules() {
    let served = Served::start();
    for protocol in BOTH {
        let create = |name: &str, attributes| json!({"QueueName": name, "Attributes": attributes});
        let told =
            served.done(protocol, "CreateQueue", create("jobs", json!({"DelaySeconds": "1"})));
        let url = format!("http://{}/000000000000/jobs", served.address);
        assert_eq!(told, json!({"QueueUrl": url}));
        assert_eq!(served.done(protocol, "CreateQueue", create("jobs", json!({}))), told);
        assert_eq!(served.done(protocol, "GetQueueUrl", json!({"QueueName": "jobs"})), told);
        let refused = |name: &str, attributes| {
            served.refused(protocol, "CreateQueue", create(name, attributes))
        };
        let other = "400 QueueAlreadyExists: A queue already exists with the same name and a different value for attribute";
        assert_eq!(refused("jobs", json!({"DelaySeconds": "2"})), format!("{other} DelaySeconds"));
        assert_eq!(
            refused("jobs", json!({"KmsMasterKeyId": "k"})),
            format!("{other} KmsMasterKeyId")
        );
        let rule = "400 InvalidParameterValue: Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
        assert_eq!(refused("a b", json!({})), rule);
        assert_eq!(refused("jobs.fifo", json!({})), rule);
        let fifo = "400 InvalidParameterValue: The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.";
        assert_eq!(refused("jobs", json!({"FifoQueue": "true"})), fifo);
        assert_eq!(
            refused("jobs", json!({"FifoQueue": "false"})),
            "400 InvalidAttributeName: Unknown Attribute FifoQueue."
        );
        assert_eq!(
            served.refused(protocol, "CreateQueue", json!({})),
            "400 MissingParameter: The request must contain the parameter QueueName."
        );
    }
}

#[test]
fn a_name_has_80_characters_at_most_with_its_suffix() {
    let served = Served::start();
    let (longest, fifo) = ("x".repeat(80), format!("{}.fifo", "x".repeat(75)));
    for protocol in BOTH {
        let create = |name: &str, is_fifo: bool| {
            let attributes = if is_fifo { json!({"FifoQueue": "true"}) } else { json!({}) };
            served.ask(
                protocol,
                "CreateQueue",
                json!({"QueueName": name, "Attributes": attributes}),
            )
        };
        assert_eq!(create(&longest, false).status, 200);
        assert_eq!(create(&fifo, true).status, 200);
        let told = [create(&format!("{longest}x"), false), create(&format!("x{fifo}"), true)];
        for told in told {
            assert_eq!((told.status, told.code.as_str()), (400, "InvalidParameterValue"));
        }
        assert_eq!(create("-_-", false).status, 200);
    }
}

#[test]
fn the_name_of_a_deleted_queue_is_held_for_a_minute_if_the_broker_is_set_so() {
    let state =
        ledgerq::state::Settings { deleted_names_held: true, ..crate::broker::state_settings() };
    let served = Served::with(SimDisk::new(), state, |_| ());
    for protocol in BOTH {
        let create = json!({"QueueName": "jobs"});
        let told = served.done(protocol, "CreateQueue", create.clone());
        served.done(protocol, "DeleteQueue", json!({"QueueUrl": told["QueueUrl"]}));
        assert_eq!(
            served.refused(protocol, "CreateQueue", create.clone()),
            "400 AWS.SimpleQueueService.QueueDeletedRecently: You must wait 60 seconds after deleting a queue before you can create another with the same name."
        );
        served.advance(60);
        assert_eq!(served.done(protocol, "CreateQueue", create), told);
        served.done(protocol, "DeleteQueue", json!({"QueueUrl": told["QueueUrl"]}));
        served.advance(60);
    }
}

#[test]
fn a_list_has_a_token_only_for_a_client_that_asked_for_pages() {
    let served = Served::start();
    for name in ["a1", "a2", "a3", "b1"] {
        served.queue(name, json!({}));
    }
    let urls = |names: &[&str]| {
        let url = |name: &&str| format!("http://{}/000000000000/{name}", served.address);
        names.iter().map(url).collect::<Vec<_>>()
    };
    for protocol in BOTH {
        let list = |given| served.done(protocol, "ListQueues", given);
        let all = list(json!({"QueueNamePrefix": "a"}));
        assert_eq!(all, json!({"QueueUrls": urls(&["a1", "a2", "a3"])}));
        let page = list(json!({"QueueNamePrefix": "a", "MaxResults": 2}));
        assert_eq!(page["QueueUrls"], json!(urls(&["a1", "a2"])));
        let next =
            list(json!({"QueueNamePrefix": "a", "MaxResults": 2, "NextToken": page["NextToken"]}));
        assert_eq!(next.get("NextToken"), None);
        assert!(next.to_string().contains("a3") && !next.to_string().contains("a2"), "{next}");
        assert_eq!(list(json!({"QueueNamePrefix": "none"})), json!({}));
        let refused = served.refused(protocol, "ListQueues", json!({"MaxResults": 1001}));
        assert!(
            refused.starts_with("400 InvalidParameterValue: Value 1001 for parameter MaxResults")
        );
    }
}

#[test]
fn a_queue_is_purged_once_a_minute() {
    let served = Served::start();
    for (at, protocol) in BOTH.into_iter().enumerate() {
        let name = format!("jobs{at}");
        let purge = json!({"QueueUrl": served.queue(&name, json!({}))});
        assert_eq!(served.done(protocol, "PurgeQueue", purge.clone()), json!({}));
        assert_eq!(
            served.refused(protocol, "PurgeQueue", purge),
            format!(
                "403 AWS.SimpleQueueService.PurgeQueueInProgress: Only one PurgeQueue operation on {name} is allowed every 60 seconds."
            )
        );
    }
}

#[test]
fn tags_are_put_and_taken_away() {
    let served = Served::start();
    for (at, protocol) in BOTH.into_iter().enumerate() {
        let create = json!({"QueueName": format!("jobs{at}"), "tags": {"tag1": "value1"}});
        let url = served.done(protocol, "CreateQueue", create)["QueueUrl"].clone();
        let tags = || served.done(protocol, "ListQueueTags", json!({"QueueUrl": url}));
        let tag = json!({"QueueUrl": url, "Tags": {"tag2": "value2", "tag3": ""}});
        served.done(protocol, "TagQueue", tag);
        assert_eq!(tags(), json!({"Tags": {"tag1": "value1", "tag2": "value2", "tag3": ""}}));
        served.done(protocol, "UntagQueue", json!({"QueueUrl": url, "TagKeys": ["tag1", "tag3"]}));
        assert_eq!(tags(), json!({"Tags": {"tag2": "value2"}}));
        served.done(protocol, "UntagQueue", json!({"QueueUrl": url, "TagKeys": ["tag2"]}));
        assert_eq!(tags(), json!({}));
    }
}

#[test]
fn a_queue_has_50_tags_at_most() {
    let served = Served::start();
    let url = served.queue("jobs", json!({}));
    for protocol in BOTH {
        let tags: serde_json::Map<_, _> =
            (0..51).map(|at| (format!("{protocol:?}{at}"), json!(""))).collect();
        let some = tags.iter().take(50).map(|(key, value)| (key.clone(), value.clone()));
        let some = json!({"QueueUrl": url, "Tags": some.collect::<serde_json::Map<_, _>>()});
        served.done(protocol, "TagQueue", some);
        let all = json!({"QueueUrl": url, "Tags": tags});
        let refused = served.refused(protocol, "TagQueue", all);
        assert!(refused.starts_with("400 InvalidParameterValue: "), "{refused}");
        let told = served.done(protocol, "ListQueueTags", json!({"QueueUrl": url}));
        assert_eq!(told["Tags"].as_object().map(serde_json::Map::len), Some(50));
        let keys: Vec<&String> = tags.keys().collect();
        served.done(protocol, "UntagQueue", json!({"QueueUrl": url, "TagKeys": keys}));
    }
}

#[test]
fn permissions_are_statements_of_the_stored_policy() {
    let served = Served::start();
    for (at, protocol) in BOTH.into_iter().enumerate() {
        let name = format!("jobs{at}");
        let url = served.queue(&name, json!({}));
        let add = |label: &str, ids: &[&str]| json!({"QueueUrl": url, "Label": label, "AWSAccountIds": ids, "Actions": ["ReceiveMessage"]});
        let policy = || {
            let get = json!({"QueueUrl": url, "AttributeNames": ["Policy"]});
            let told = served.done(protocol, "GetQueueAttributes", get);
            let text = told["Attributes"]["Policy"].as_str()?.to_owned();
            Some(serde_json::from_str::<serde_json::Value>(&text).expect("a policy is JSON"))
        };
        served.done(protocol, "AddPermission", add("one", &["111111111111", "222222222222"]));
        let principals = ["arn:aws:iam::111111111111:root", "arn:aws:iam::222222222222:root"];
        let expected = json!({
            "Version": "2008-10-17",
            "Id": format!("{}/SQSDefaultPolicy", arn(&name)),
            "Statement": [{
                "Sid": "one", "Effect": "Allow", "Principal": {"AWS": principals},
                "Action": "SQS:ReceiveMessage", "Resource": arn(&name),
            }],
        });
        assert_eq!(policy(), Some(expected));
        assert_eq!(
            served.refused(protocol, "AddPermission", add("one", &["1"])),
            "400 InvalidParameterValue: Value one for parameter Label is invalid. Reason: Already exists."
        );
        let remove = json!({"QueueUrl": url, "Label": "one"});
        served.done(protocol, "RemovePermission", remove.clone());
        assert_eq!(policy(), None);
        assert_eq!(
            served.refused(protocol, "RemovePermission", remove),
            "400 InvalidParameterValue: Value one for parameter Label is invalid. Reason: can't find label."
        );
    }
}

#[test]
fn a_queues_path_names_it_and_a_url_can_be_got() {
    let served = Served::start();
    served.queue("jobs", json!({}));
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let told =
        post(served.address, "/000000000000/jobs", &form, b"Action=SendMessage&MessageBody=x");
    assert_eq!(told.status, 200, "{told:?}");
    let host = served.address;
    let get = "/000000000000/jobs?Action=ReceiveMessage&AttributeName.1=All";
    let request = format!("GET {get} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let told = super::client::raw(served.address, request.as_bytes());
    assert!(told.status == 200 && told.body.contains("<Body>x</Body>"), "{told:?}");
    let headers =
        [("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", "AmazonSQS.SendMessage")];
    let told = post(served.address, "/000000000000/jobs", &headers, b"{\"MessageBody\": \"y\"}");
    assert_eq!(told.status, 200, "{told:?}");
}
