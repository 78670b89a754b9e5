//! Attributes of queues, and what is stored of them.

use serde_json::{Value, json};

use super::{
    client::BOTH,
    served::{Served, arn},
};

fn names(told: &Value) -> Vec<&str> {
    told["Attributes"].as_object().expect("attributes").keys().map(|key| &**key).collect()
}

#[test]
fn all_attributes_that_have_a_value_are_told_as_texts() {
    let served = Served::start();
    for protocol in BOTH {
        let url = served.queue("jobs", json!({}));
        let get = json!({"QueueUrl": url, "AttributeNames": ["All"]});
        let told = served.done(protocol, "GetQueueAttributes", get);
        let expected = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesDelayed",
            "ApproximateNumberOfMessagesNotVisible",
            "CreatedTimestamp",
            "DelaySeconds",
            "LastModifiedTimestamp",
            "MaximumMessageSize",
            "MessageRetentionPeriod",
            "QueueArn",
            "ReceiveMessageWaitTimeSeconds",
            "SqsManagedSseEnabled",
            "VisibilityTimeout",
        ];
        assert_eq!(names(&told), expected, "{protocol:?}");
        assert_eq!(told["Attributes"]["QueueArn"], arn("jobs"));
        assert_eq!(told["Attributes"]["MaximumMessageSize"], "1048576");
        let nothing = served.done(protocol, "GetQueueAttributes", json!({"QueueUrl": url}));
        assert_eq!(nothing, json!({}));
        let unknown = json!({"QueueUrl": url, "AttributeNames": ["QueueArn", "Nothing"]});
        assert_eq!(
            served.refused(protocol, "GetQueueAttributes", unknown),
            "400 InvalidAttributeName: Unknown Attribute Nothing."
        );
    }
}

#[test]
fn what_is_set_is_told_and_what_cannot_be_is_refused() {
    let served = Served::start();
    served.queue("dead", json!({}));
    for (at, protocol) in BOTH.into_iter().enumerate() {
        let url = served.queue(&format!("jobs{at}"), json!({}));
        let set = |name: &str, value: &str| json!({"QueueUrl": url, "Attributes": {name: value}});
        let get = |name: &str| {
            let get = json!({"QueueUrl": url, "AttributeNames": [name]});
            served.done(protocol, "GetQueueAttributes", get)["Attributes"][name].clone()
        };
        let redrive =
            json!({"deadLetterTargetArn": arn("dead"), "maxReceiveCount": "5"}).to_string();
        let taken = [
            ("DelaySeconds", "900"),
            ("MaximumMessageSize", "1024"),
            ("MessageRetentionPeriod", "60"),
            ("ReceiveMessageWaitTimeSeconds", "20"),
            ("VisibilityTimeout", "43200"),
            ("Policy", "{\"Version\":\"2012-10-17\"}"),
            ("KmsDataKeyReusePeriodSeconds", "300"),
        ];
        for (name, value) in taken {
            if name != "DelaySeconds" || at == 0 {
                served.done(protocol, "SetQueueAttributes", set("DelaySeconds", "0"));
            }
            let value = if name == "DelaySeconds" { "60" } else { value };
            served.done(protocol, "SetQueueAttributes", set(name, value));
            assert_eq!(get(name), value, "{name}");
        }
        served.done(protocol, "SetQueueAttributes", set("RedrivePolicy", &redrive));
        let told = json!({"deadLetterTargetArn": arn("dead"), "maxReceiveCount": 5}).to_string();
        assert_eq!(get("RedrivePolicy"), told);
        let sources = json!({"QueueUrl": served.queue("dead", json!({}))});
        let sources = served.done(protocol, "ListDeadLetterSourceQueues", sources);
        assert!(sources.to_string().contains(&url), "{sources}");
        served.done(protocol, "SetQueueAttributes", set("RedrivePolicy", ""));
        assert_eq!(get("RedrivePolicy"), Value::Null);
        let refused = |name: &str, value: &str| {
            served.refused(protocol, "SetQueueAttributes", set(name, value))
        };
        for (name, value) in [
            ("DelaySeconds", "901"),
            ("MaximumMessageSize", "1023"),
            ("MessageRetentionPeriod", "59"),
            ("ReceiveMessageWaitTimeSeconds", "21"),
            ("VisibilityTimeout", "43201"),
            ("VisibilityTimeout", "soon"),
            ("Policy", "[]"),
        ] {
            let expected =
                format!("400 InvalidAttributeValue: Invalid value for the parameter {name}.");
            assert_eq!(refused(name, value), expected);
        }
        for name in ["Nothing", "QueueArn", "FifoQueue", "ContentBasedDeduplication"] {
            let expected = format!("400 InvalidAttributeName: Unknown Attribute {name}.");
            assert_eq!(refused(name, "true"), expected);
        }
        let policy = "{\"deadLetterTargetArn\": \"dummy\", \"maxReceiveCount\": 42}";
        assert_eq!(
            refused("RedrivePolicy", policy),
            format!(
                "400 InvalidParameterValue: Value {policy} for parameter RedrivePolicy is invalid. Reason: Invalid value for deadLetterTargetArn."
            )
        );
        let gone = json!({"deadLetterTargetArn": arn("none"), "maxReceiveCount": 1}).to_string();
        assert!(
            refused("RedrivePolicy", &gone).ends_with("Reason: Dead letter target does not exist.")
        );
    }
}

#[test]
fn one_kind_of_encryption_takes_the_place_of_the_other() {
    let served = Served::start();
    for (at, protocol) in BOTH.into_iter().enumerate() {
        let url = served.queue(&format!("jobs{at}"), json!({}));
        let set = |attributes: Value| json!({"QueueUrl": url, "Attributes": attributes});
        let get = || {
            let wanted = ["KmsMasterKeyId", "SqsManagedSseEnabled"];
            let get = json!({"QueueUrl": url, "AttributeNames": wanted});
            served.done(protocol, "GetQueueAttributes", get)["Attributes"].clone()
        };
        served.done(protocol, "SetQueueAttributes", set(json!({"KmsMasterKeyId": "testKeyId"})));
        assert_eq!(get(), json!({"KmsMasterKeyId": "testKeyId", "SqsManagedSseEnabled": "false"}));
        served.done(protocol, "SetQueueAttributes", set(json!({"SqsManagedSseEnabled": "true"})));
        assert_eq!(get(), json!({"SqsManagedSseEnabled": "true"}));
        let both = set(json!({"KmsMasterKeyId": "k", "SqsManagedSseEnabled": "true"}));
        assert_eq!(
            served.refused(protocol, "SetQueueAttributes", both),
            "400 InvalidAttributeName: You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE."
        );
    }
}

#[test]
fn a_fifo_queue_stays_one() {
    let served = Served::start();
    let url = served.queue("jobs.fifo", json!({"FifoQueue": "true"}));
    for protocol in BOTH {
        let set = json!({"QueueUrl": url, "Attributes": {"FifoQueue": "false"}});
        assert_eq!(
            served.refused(protocol, "SetQueueAttributes", set),
            "400 InvalidAttributeValue: Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported."
        );
        let get = json!({"QueueUrl": url, "AttributeNames": ["All"]});
        let told = served.done(protocol, "GetQueueAttributes", get);
        assert_eq!(told["Attributes"]["FifoQueue"], "true");
        assert_eq!(told["Attributes"]["DeduplicationScope"], "queue");
        assert_eq!(told["Attributes"]["FifoThroughputLimit"], "perQueue");
        assert_eq!(told["Attributes"]["ContentBasedDeduplication"], "false");
    }
}

#[test]
fn a_queue_has_the_defaults_of_the_service() {
    let served = Served::start();
    let url = served.queue("jobs", json!({}));
    for protocol in BOTH {
        let get = json!({"QueueUrl": url, "AttributeNames": ["All"]});
        let told = served.done(protocol, "GetQueueAttributes", get)["Attributes"].clone();
        for (name, value) in [
            ("DelaySeconds", "0"),
            ("MaximumMessageSize", "1048576"),
            ("MessageRetentionPeriod", "345600"),
            ("ReceiveMessageWaitTimeSeconds", "0"),
            ("VisibilityTimeout", "30"),
        ] {
            assert_eq!(told[name], value, "{name}");
        }
    }
}

#[test]
fn a_redrive_policy_has_both_of_its_members() {
    let served = Served::start();
    let url = served.queue("jobs", json!({}));
    served.queue("dead.fifo", json!({"FifoQueue": "true"}));
    served.queue("dead", json!({}));
    let (dead, fifo, own) = (arn("dead"), arn("dead.fifo"), arn("jobs"));
    let lacks = "Redrive policy does not contain mandatory attribute:";
    let count = |count: &str| {
        format!(
            "Invalid value for maxReceiveCount: {count}, valid values are from 1 to 1000 both inclusive."
        )
    };
    let kind = "Dead-letter queue must be same type of queue as the source.".to_owned();
    let cases = [
        ("[]".to_owned(), "Redrive policy is not a valid JSON map.".to_owned()),
        ("soon".to_owned(), "Redrive policy is not a valid JSON map.".to_owned()),
        (json!({"deadLetterTargetArn": dead}).to_string(), format!("{lacks} maxReceiveCount.")),
        (json!({"maxReceiveCount": 1}).to_string(), format!("{lacks} deadLetterTargetArn.")),
        (json!({"deadLetterTargetArn": dead, "maxReceiveCount": 0}).to_string(), count("0")),
        (json!({"deadLetterTargetArn": dead, "maxReceiveCount": 1001}).to_string(), count("1001")),
        (json!({"deadLetterTargetArn": fifo, "maxReceiveCount": 1}).to_string(), kind.clone()),
    ];
    for protocol in BOTH {
        let refused = |policy: &str| {
            let set = json!({"QueueUrl": url, "Attributes": {"RedrivePolicy": policy}});
            served.refused(protocol, "SetQueueAttributes", set)
        };
        for (policy, reason) in &cases {
            assert_eq!(
                refused(policy),
                format!(
                    "400 InvalidParameterValue: Value {policy} for parameter RedrivePolicy is invalid. Reason: {reason}"
                )
            );
        }
        let own = json!({"deadLetterTargetArn": own, "maxReceiveCount": 1}).to_string();
        assert!(refused(&own).starts_with("400 InvalidParameterValue: "), "{}", refused(&own));
    }
}

#[test]
fn a_redrive_allow_policy_names_up_to_ten_queues_all_or_none() {
    let served = Served::start();
    let url = served.queue("dead", json!({}));
    let many = |count: usize| (0..count).map(|at| arn(&format!("q{at}"))).collect::<Vec<_>>();
    let by_queue =
        |arns: Vec<String>| json!({"redrivePermission": "byQueue", "sourceQueueArns": arns});
    for protocol in BOTH {
        let set =
            |policy: &str| json!({"QueueUrl": url, "Attributes": {"RedriveAllowPolicy": policy}});
        let get = || {
            let get = json!({"QueueUrl": url, "AttributeNames": ["RedriveAllowPolicy"]});
            let told = served.done(protocol, "GetQueueAttributes", get);
            let text = told["Attributes"]["RedriveAllowPolicy"].as_str()?.to_owned();
            Some(serde_json::from_str::<Value>(&text).expect("it is JSON"))
        };
        for policy in [json!({"redrivePermission": "denyAll"}), by_queue(many(10))] {
            served.done(protocol, "SetQueueAttributes", set(&policy.to_string()));
            assert_eq!(get(), Some(policy));
        }
        for all in ["{\"redrivePermission\": \"allowAll\"}", ""] {
            served.done(protocol, "SetQueueAttributes", set(all));
            assert_eq!(get(), None);
        }
        for policy in [
            json!([]),
            json!({}),
            json!({"redrivePermission": "some"}),
            json!({"redrivePermission": "byQueue"}),
            json!({"redrivePermission": "denyAll", "sourceQueueArns": many(1)}),
            by_queue(Vec::new()),
            by_queue(many(11)),
            by_queue(vec!["dummy".to_owned()]),
        ] {
            let refused = served.refused(protocol, "SetQueueAttributes", set(&policy.to_string()));
            let value = format!(
                "400 InvalidParameterValue: Value {policy} for parameter RedriveAllowPolicy is invalid."
            );
            assert!(refused.starts_with(&value), "{refused}");
        }
        // A queue that takes no dead letters is no target.
        let none = json!({"redrivePermission": "denyAll"}).to_string();
        served.done(protocol, "SetQueueAttributes", set(&none));
        let jobs = served.queue("jobs", json!({}));
        let policy = json!({"deadLetterTargetArn": arn("dead"), "maxReceiveCount": 1}).to_string();
        let given = json!({"QueueUrl": jobs, "Attributes": {"RedrivePolicy": policy}});
        let refused = served.refused(protocol, "SetQueueAttributes", given);
        assert!(refused.starts_with("400 InvalidParameterValue: "), "{refused}");
    }
}

#[test]
fn a_limit_for_groups_needs_duplicates_by_group() {
    let served = Served::start();
    for (at, protocol) in BOTH.into_iter().enumerate() {
        let url = served.queue(&format!("jobs{at}.fifo"), json!({"FifoQueue": "true"}));
        let set = |attributes: Value| json!({"QueueUrl": url, "Attributes": attributes});
        let alone = set(json!({"FifoThroughputLimit": "perMessageGroupId"}));
        let refused = served.refused(protocol, "SetQueueAttributes", alone);
        assert!(refused.starts_with("400 InvalidAttributeValue: "), "{refused}");
        let both = json!({
            "FifoThroughputLimit": "perMessageGroupId", "DeduplicationScope": "messageGroup",
        });
        served.done(protocol, "SetQueueAttributes", set(both.clone()));
        let names = ["FifoThroughputLimit", "DeduplicationScope"];
        let get = json!({"QueueUrl": url, "AttributeNames": names});
        assert_eq!(served.done(protocol, "GetQueueAttributes", get)["Attributes"], both);
        for (name, value) in [
            ("FifoThroughputLimit", "perHour"),
            ("DeduplicationScope", "message"),
            ("ContentBasedDeduplication", "yes"),
            ("KmsDataKeyReusePeriodSeconds", "59"),
            ("KmsDataKeyReusePeriodSeconds", "86401"),
            ("SqsManagedSseEnabled", "yes"),
        ] {
            let refused = served.refused(protocol, "SetQueueAttributes", set(json!({name: value})));
            let expected =
                format!("400 InvalidAttributeValue: Invalid value for the parameter {name}.");
            assert_eq!(refused, expected);
        }
    }
}
