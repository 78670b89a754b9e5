//! Move tasks: started, listed, cancelled.
//!
//! A task's handle is base64 of `{"taskId": ..., "sourceArn": ...}`, as it is in Amazon SQS.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    api::sqs::{
        error::{Fault, Kind, quoted},
        limits::MOVES_LISTED_MAX,
        refusal::{fault, not_a_dead_letter_queue},
        request::{Answer, Call},
        urls::{self, Place},
    },
    types::{
        MoveFilter, MoveOutcome, MoveSpec, MoveTaskView, QueueName, Rejection, TaskId, limits,
    },
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Start {
    source_arn: Option<String>,
    destination_arn: Option<String>,
    max_number_of_messages_per_second: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct List {
    source_arn: Option<String>,
    max_results: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Cancel {
    task_handle: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Started {
    task_handle: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    results: Vec<Told>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Cancelled {
    approximate_number_of_messages_moved: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    /// Only a task that runs can be cancelled, and has a handle.
    #[serde(skip_serializing_if = "Option::is_none")]
    task_handle: Option<String>,
    status: &'static str,
    source_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_number_of_messages_per_second: Option<u32>,
    approximate_number_of_messages_moved: u64,
    approximate_number_of_messages_to_move: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_reason: Option<String>,
    started_timestamp: u64,
}

/// What a handle says.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Handle {
    task_id: String,
    source_arn: String,
}

pub(super) async fn start(call: &Call<'_>, given: Start) -> Result<Answer, Fault> {
    let source = queue("SourceArn", given.source_arn)?;
    let target = given.destination_arn.filter(|arn| !arn.is_empty());
    let target = target.map(|arn| queue("DestinationArn", Some(arn))).transpose()?;
    let rate_max = given.max_number_of_messages_per_second.map(rate).transpose()?;
    let sources = call.broker.list_dead_letter_sources(source.clone(), None, 1).await;
    let (sources, _) = sources.map_err(|rejection| refused(rejection, "SourceArn"))?;
    if sources.is_empty() {
        return Err(not_a_dead_letter_queue());
    }
    let filter = MoveFilter::default();
    let spec = MoveSpec { source: source.clone(), target, rate_max, filter };
    let started = call.broker.start_move(spec, false).await;
    let (task, _) = started.map_err(|rejection| match rejection {
        Rejection::QueueNotFound { queue } if queue == source => gone("SourceArn"),
        other => refused(other, "DestinationArn"),
    })?;
    let task = task.expect("a move that is no dry run has a task");
    Ok(call.done(&Started { task_handle: sealed(&call.place(), task, &source) }))
}

pub(super) async fn list(call: &Call<'_>, given: List) -> Result<Answer, Fault> {
    let source = queue("SourceArn", given.source_arn)?;
    let wanted = given.max_results.unwrap_or(1);
    let count_max = usize::try_from(wanted).ok();
    let count_max = count_max.filter(|_| (1..=MOVES_LISTED_MAX).contains(&wanted));
    let count_max = count_max.ok_or_else(|| {
        let reason = format!("Must be between 1 and {MOVES_LISTED_MAX}, if provided.");
        Fault::invalid("MaxResults", wanted, &reason)
    })?;
    there(call, &source).await?;
    let tasks = call.broker.list_moves(Some(source), count_max).await.map_err(fault)?;
    let place = call.place();
    Ok(call.done(&Listed { results: tasks.iter().map(|task| told(&place, task)).collect() }))
}

pub(super) async fn cancel(call: &Call<'_>, given: Cancel) -> Result<Answer, Fault> {
    let handle = given.task_handle.filter(|handle| !handle.is_empty());
    let handle = handle.ok_or_else(|| Fault::missing("TaskHandle"))?;
    let (task, source) = opened(&handle).ok_or_else(|| {
        let message = "Value for parameter TaskHandle is invalid.";
        Fault::new(Kind::InvalidParameterValue, message)
    })?;
    there(call, &source).await?;
    // The task that runs is the newest one.
    let listed = call.broker.list_moves(Some(source), 1).await.map_err(fault)?;
    if !listed.iter().any(|listed| listed.id == task) {
        return Err(fault(Rejection::MoveTaskNotFound { task }));
    }
    let approximate_number_of_messages_moved =
        call.broker.cancel_move(task).await.map_err(fault)?;
    Ok(call.done(&Cancelled { approximate_number_of_messages_moved }))
}

fn told(place: &Place, task: &MoveTaskView) -> Told {
    let status = match &task.outcome {
        None if task.cancelling => "CANCELLING",
        None => "RUNNING",
        Some(MoveOutcome::Completed) => "COMPLETED",
        Some(MoveOutcome::Cancelled) => "CANCELLED",
        Some(MoveOutcome::Failed { .. }) => "FAILED",
    };
    let failure_reason = match &task.outcome {
        Some(MoveOutcome::Failed { reason }) => Some(reason.clone()),
        Some(MoveOutcome::Completed | MoveOutcome::Cancelled) | None => None,
    };
    let is_running = status == "RUNNING";
    Told {
        task_handle: is_running.then(|| sealed(place, task.id, &task.spec.source)),
        status,
        source_arn: place.arn(&task.spec.source),
        destination_arn: task.spec.target.as_ref().map(|target| place.arn(target)),
        max_number_of_messages_per_second: task.spec.rate_max,
        approximate_number_of_messages_moved: task.moved_count,
        approximate_number_of_messages_to_move: task.to_move_count,
        failure_reason,
        started_timestamp: task.started_at.as_millis(),
    }
}

fn queue(parameter: &str, arn: Option<String>) -> Result<QueueName, Fault> {
    let arn = arn.filter(|arn| !arn.is_empty()).ok_or_else(|| Fault::missing(parameter))?;
    urls::queue_of_arn(&arn).ok_or_else(|| {
        let message = format!(
            "You must use this format to specify the {parameter}: \
             arn:<partition>:<service>:<region>:<account-id>:<resource-id>; given: {}",
            quoted(&arn)
        );
        Fault::new(Kind::InvalidParameterValue, message)
    })
}

fn rate(given: i64) -> Result<u32, Fault> {
    let rate = u32::try_from(given).ok().filter(|rate| (1..=limits::MOVE_RATE_MAX).contains(rate));
    rate.ok_or_else(|| {
        let reason = format!("Must be between 1 and {}, if provided.", limits::MOVE_RATE_MAX);
        Fault::invalid("MaxNumberOfMessagesPerSecond", given, &reason)
    })
}

/// Refuses a source that is not there.
async fn there(call: &Call<'_>, source: &QueueName) -> Result<(), Fault> {
    let found = call.broker.get_queue(source.clone()).await;
    found.map(drop).map_err(|rejection| refused(rejection, "SourceArn"))
}

/// A refusal of which a queue that is not there is told by this parameter.
fn refused(rejection: Rejection, parameter: &str) -> Fault {
    match rejection {
        Rejection::QueueNotFound { .. } => gone(parameter),
        other => fault(other),
    }
}

fn gone(parameter: &str) -> Fault {
    let message =
        format!("The resource that you specified for the {parameter} parameter doesn't exist.");
    Fault::new(Kind::ResourceNotFound, message)
}

fn sealed(place: &Place, task: TaskId, source: &QueueName) -> String {
    let handle = json!({"taskId": task.to_string(), "sourceArn": place.arn(source)});
    BASE64_STANDARD.encode(handle.to_string())
}

fn opened(handle: &str) -> Option<(TaskId, QueueName)> {
    let bytes = BASE64_STANDARD.decode(handle).ok()?;
    let handle: Handle = serde_json::from_slice(&bytes).ok()?;
    // An id that is no number is one of no task.
    let task = TaskId::new(handle.task_id.parse().unwrap_or_default());
    Some((task, urls::queue_of_arn(&handle.source_arn)?))
}
