//! The queues of a bench: they come before the load and go after it.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::plan::Plan;
use crate::{
    cli::Failure,
    client::Client,
    types::{QueueName, SettingsPatch},
};

/// Requests at once.
const REQUESTS: usize = 64;

/// Makes the queues of a plan.
pub(super) async fn create(plan: &Plan, client: &Client) -> Result<(), Failure> {
    let create = |queue: QueueName| async move {
        client.create_queue(&queue, &SettingsPatch::default()).await.map(drop)
    };
    Ok(stream::iter(names(plan)).map(create).buffer_unordered(REQUESTS).try_collect().await?)
}

/// Removes them with what is in them.
pub(super) async fn delete(plan: &Plan, client: &Client) -> Result<(), Failure> {
    let delete = |queue: QueueName| async move { client.delete_queue(&queue).await.map(drop) };
    Ok(stream::iter(names(plan)).map(delete).buffer_unordered(REQUESTS).try_collect().await?)
}

fn names(plan: &Plan) -> impl Iterator<Item = QueueName> {
    let name = |number| QueueName::parse(&plan.queue(number));
    (0..plan.queues).map(move |number| name(number).expect("it was made of letters and digits"))
}
