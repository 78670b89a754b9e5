//! Permissions: statements of the queue's policy, which is stored and returned and grants nothing.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    api::sqs::{
        error::{Fault, Kind, quoted},
        limits::PERMISSION_ACTIONS_MAX,
        refusal::fault,
        request::{Answer, Call},
    },
    types::{QueueName, Rejection, SettingsEdit},
};

/// The attribute that has the policy.
pub(super) const POLICY: &str = "Policy";
const LABEL_CHARS_MAX: usize = 80;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Add {
    queue_url: Option<String>,
    label: Option<String>,
    #[serde(rename = "AWSAccountIds")]
    account_ids: Option<Vec<String>>,
    actions: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Remove {
    queue_url: Option<String>,
    label: Option<String>,
}

pub(super) async fn add(call: &Call<'_>, given: Add) -> Result<Answer, Fault> {
    let queue = call.queue(given.queue_url.as_deref())?;
    let label = label(given.label)?;
    let accounts = needed("AWSAccountIds", given.account_ids)?;
    let actions = needed("Actions", given.actions)?;
    if actions.len() > PERMISSION_ACTIONS_MAX {
        let message = format!(
            "{} Actions were found, maximum allowed is {PERMISSION_ACTIONS_MAX}.",
            actions.len()
        );
        return Err(Fault::new(Kind::OverLimit, message));
    }
    let arn = call.place().arn(&queue);
    edit(call, queue, |policy| {
        let policy = policy.get_or_insert_with(|| {
            let mut policy = Map::new();
            policy.insert("Version".to_owned(), "2008-10-17".into());
            policy.insert("Id".to_owned(), format!("{arn}/SQSDefaultPolicy").into());
            policy
        });
        let mut statements = statements(policy);
        if statements.iter().any(|statement| is_labelled(statement, &label)) {
            return Err(Fault::invalid("Label", &label, "Already exists."));
        }
        let principals = accounts.iter().map(|id| format!("arn:aws:iam::{id}:root"));
        let actions = actions.iter().map(|action| format!("SQS:{action}"));
        statements.push(json!({
            "Sid": label,
            "Effect": "Allow",
            "Principal": {"AWS": one_or_many(principals.collect())},
            "Action": one_or_many(actions.collect()),
            "Resource": arn,
        }));
        policy.insert("Statement".to_owned(), Value::Array(statements));
        Ok(())
    })
    .await
}

pub(super) async fn remove(call: &Call<'_>, given: Remove) -> Result<Answer, Fault> {
    let queue = call.queue(given.queue_url.as_deref())?;
    let label = label(given.label)?;
    edit(call, queue, |policy| {
        let not_found = || Fault::invalid("Label", &label, "can't find label.");
        let inner = policy.as_mut().ok_or_else(not_found)?;
        let mut statements = statements(inner);
        let before = statements.len();
        statements.retain(|statement| !is_labelled(statement, &label));
        if statements.len() == before {
            return Err(not_found());
        }
        if statements.is_empty() {
            *policy = None;
        } else {
            inner.insert("Statement".to_owned(), Value::Array(statements));
        }
        Ok(())
    })
    .await
}

/// Reads the queue's policy, changes it and stores it, or takes it away if nothing is left. If
/// somebody else has changed it meanwhile, again: one of them always gets on.
async fn edit(
    call: &Call<'_>,
    queue: QueueName,
    change: impl Fn(&mut Option<Map<String, Value>>) -> Result<(), Fault>,
) -> Result<Answer, Fault> {
    loop {
        let view = call.broker.get_queue(queue.clone()).await.map_err(fault)?;
        let before = view.settings.stored.get(POLICY).cloned().unwrap_or_default();
        let mut policy = serde_json::from_str(&before).ok();
        change(&mut policy)?;
        let text = policy.map(|policy| Value::Object(policy).to_string()).unwrap_or_default();
        let edit = SettingsEdit::Stored { name: POLICY.to_owned(), before, after: text };
        match call.broker.edit_queue(queue.clone(), edit).await {
            Ok(_) => return Ok(Answer::nothing()),
            Err(Rejection::SettingsChanged { .. }) => {}
            Err(rejection) => return Err(fault(rejection)),
        }
    }
}

/// The statements of a policy, which can be one alone.
fn statements(policy: &Map<String, Value>) -> Vec<Value> {
    match policy.get("Statement") {
        None => Vec::new(),
        Some(Value::Array(statements)) => statements.clone(),
        Some(one) => vec![one.clone()],
    }
}

fn is_labelled(statement: &Value, label: &str) -> bool {
    statement.get("Sid").and_then(Value::as_str) == Some(label)
}

fn one_or_many(mut texts: Vec<String>) -> Value {
    if texts.len() == 1 { texts.remove(0).into() } else { texts.into() }
}

fn needed(parameter: &str, given: Option<Vec<String>>) -> Result<Vec<String>, Fault> {
    given.filter(|values| !values.is_empty()).ok_or_else(|| Fault::missing(parameter))
}

fn label(given: Option<String>) -> Result<String, Fault> {
    let label = given.filter(|label| !label.is_empty()).ok_or_else(|| Fault::missing("Label"))?;
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if label.len() > LABEL_CHARS_MAX || !label.chars().all(is_allowed) {
        let reason = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 \
                      in length";
        return Err(Fault::invalid("Label", quoted(&label), reason));
    }
    Ok(label)
}
