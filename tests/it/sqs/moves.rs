//! Move tasks.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::{
    client::{BOTH, Protocol},
    served::{Served, arn},
};

/// A queue whose dead letters go to another, which has some.
fn dead_letters(served: &Served, at: usize) -> (String, String) {
    let (dead, jobs) = (format!("dead{at}"), format!("jobs{at}"));
    let url = served.queue(&dead, json!({}));
    let policy = json!({"deadLetterTargetArn": arn(&dead), "maxReceiveCount": 1}).to_string();
    served.queue(&jobs, json!({"RedrivePolicy": policy}));
    for body in ["a", "b"] {
        served.done(Protocol::Json, "SendMessage", json!({"QueueUrl": url, "MessageBody": body}));
    }
    (dead, jobs)
}

#[test]
fn a_task_is_started_listed_and_refused_a_second_time() {
    let served = Served::start();
    for (at, protocol) in BOTH.into_iter().enumerate() {
        let (dead, jobs) = dead_letters(&served, at);
        let start = json!({
            "SourceArn": arn(&dead), "DestinationArn": arn(&jobs), "MaxNumberOfMessagesPerSecond": 1,
        });
        let handle =
            served.done(protocol, "StartMessageMoveTask", start.clone())["TaskHandle"].clone();
        assert_eq!(
            served.refused(protocol, "StartMessageMoveTask", start),
            "400 InvalidParameterValue: There is already a task running. Only one active task is allowed for a source queue arn at a given time."
        );
        let list = || {
            let list = json!({"SourceArn": arn(&dead)});
            served.done(protocol, "ListMessageMoveTasks", list)["Results"][0].clone()
        };
        let task = list();
        assert_eq!(task["Status"], "RUNNING");
        assert_eq!((&task["TaskHandle"], &task["SourceArn"]), (&handle, &json!(arn(&dead))));
        assert_eq!(task["DestinationArn"], arn(&jobs));
        assert_eq!(task["MaxNumberOfMessagesPerSecond"], 1);
        assert_eq!(task["ApproximateNumberOfMessagesToMove"], 2);
        assert!(task["StartedTimestamp"].is_u64(), "{task}");
        let told = served.done(protocol, "CancelMessageMoveTask", json!({"TaskHandle": handle}));
        assert!(told["ApproximateNumberOfMessagesMoved"].is_u64(), "{told}");
        let task = list();
        assert!(["CANCELLING", "CANCELLED"].contains(&task["Status"].as_str().expect("a text")));
        assert_eq!(task.get("TaskHandle"), None);
    }
}

#[test]
fn tasks_are_listed_newest_first_and_tell_how_they_ended() {
    let served = Served::start();
    for (at, protocol) in BOTH.into_iter().enumerate() {
        let (dead, jobs) = dead_letters(&served, at);
        let start = json!({"SourceArn": arn(&dead), "DestinationArn": arn(&jobs)});
        let list = |count: u64| {
            let list = json!({"SourceArn": arn(&dead), "MaxResults": count});
            served.done(protocol, "ListMessageMoveTasks", list)["Results"].clone()
        };
        served.done(protocol, "StartMessageMoveTask", start.clone());
        let url = json!({"QueueUrl": served.queue(&jobs, json!({}))});
        for _ in 0..2 {
            let receive = json!({"QueueUrl": url["QueueUrl"], "WaitTimeSeconds": 20});
            assert_eq!(
                served.done(protocol, "ReceiveMessage", receive)["Messages"]
                    .as_array()
                    .map(Vec::len),
                Some(1)
            );
        }
        while list(1)[0]["Status"] == "RUNNING" {
            std::thread::yield_now();
        }
        let told = list(1)[0].clone();
        assert_eq!(told["Status"], "COMPLETED", "{told}");
        assert_eq!(told["ApproximateNumberOfMessagesMoved"], 2);
        for absent in ["TaskHandle", "FailureReason", "MaxNumberOfMessagesPerSecond"] {
            assert_eq!(told.get(absent), None, "{told}");
        }
        served.advance(1);
        let slow = json!({"SourceArn": arn(&dead), "MaxNumberOfMessagesPerSecond": 500});
        served.done(protocol, "StartMessageMoveTask", slow);
        let both = list(10);
        let started = |at: usize| both[at]["StartedTimestamp"].as_u64().expect("a number");
        assert_eq!(both.as_array().map(Vec::len), Some(2));
        assert!(started(0) > started(1), "{both}");
        assert_eq!(both[0].get("DestinationArn"), None, "each goes where it came from");
        let refused = |action: &str, name: &str, value: u64| {
            let given = json!({"SourceArn": arn(&dead), name: value});
            let refused = served.refused(protocol, action, given);
            let expected = format!(
                "400 InvalidParameterValue: Value {value} for parameter {name} is invalid."
            );
            assert!(refused.starts_with(&expected), "{refused}");
        };
        for value in [0, 501] {
            refused("StartMessageMoveTask", "MaxNumberOfMessagesPerSecond", value);
        }
        for value in [0, 11] {
            refused("ListMessageMoveTasks", "MaxResults", value);
        }
    }
}

#[test]
fn what_is_not_there_is_told_by_its_parameter() {
    let served = Served::start();
    for (at, protocol) in BOTH.into_iter().enumerate() {
        let (dead, jobs) = dead_letters(&served, at);
        let refused = |action: &str, given: Value| served.refused(protocol, action, given);
        let gone = |parameter: &str| {
            format!(
                "404 ResourceNotFoundException: The resource that you specified for the {parameter} parameter doesn't exist."
            )
        };
        assert_eq!(
            refused("StartMessageMoveTask", json!({"SourceArn": arn(&jobs)})),
            "400 InvalidParameterValue: Source queue must be configured as a Dead Letter Queue."
        );
        let none = json!({"SourceArn": arn("none")});
        assert_eq!(refused("StartMessageMoveTask", none.clone()), gone("SourceArn"));
        assert_eq!(refused("ListMessageMoveTasks", none), gone("SourceArn"));
        let to_none = json!({"SourceArn": arn(&dead), "DestinationArn": arn("none")});
        assert_eq!(refused("StartMessageMoveTask", to_none), gone("DestinationArn"));
        let cancel =
            |handle: String| refused("CancelMessageMoveTask", json!({"TaskHandle": handle}));
        assert_eq!(
            cancel("garbage".into()),
            "400 InvalidParameterValue: Value for parameter TaskHandle is invalid."
        );
        let handle = |source: &str| {
            let handle =
                json!({"taskId": "10f6af09-db70-4c4d-9d3f-0e0e0e0e0e0e", "sourceArn": arn(source)});
            BASE64_STANDARD.encode(handle.to_string())
        };
        assert_eq!(cancel(handle("none")), gone("SourceArn"));
        assert_eq!(cancel(handle(&dead)), "404 ResourceNotFoundException: Task does not exist.");
    }
}
