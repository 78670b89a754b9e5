//! `UpdateQueue`.

use super::settings;
use crate::{
    api::grpc::{convert, parse, refusal::Refusal},
    broker::Handle,
    proto::v1,
    types::{QueueName, QueueSettings, Rejection, SettingsPatch},
};

/// The settings, as a mask names them.
const PATHS: [&str; 5] =
    ["delay", "max_message_bytes", "retention", "receive_wait", "visibility_timeout"];
/// What names all of them.
const ALL: &str = "*";

pub(super) async fn answer(
    broker: &Handle,
    request: v1::UpdateQueueRequest,
) -> Result<v1::UpdateQueueResponse, Refusal> {
    let (queue, settings) = parse(&request)?;
    let view = broker.update_queue(queue, settings).await.map_err(settings::refusal)?;
    Ok(v1::UpdateQueueResponse { queue: Some(convert::queue(&view)) })
}

fn parse(request: &v1::UpdateQueueRequest) -> Result<(QueueName, SettingsPatch), Refusal> {
    let queue = parse::queue(&request.queue)?;
    let given = settings::parse(request.settings.as_ref())?;
    let paths = request.update_mask.as_ref().map_or(&[][..], |mask| &mask.paths);
    if paths.is_empty() {
        return Ok((queue, given));
    }
    Ok((queue, masked(&given, paths).map_err(Refusal::of_request)?))
}

/// The settings that the mask names: as they are given, or else their defaults.
fn masked(given: &SettingsPatch, paths: &[String]) -> Result<SettingsPatch, Rejection> {
    if let Some(path) = paths.iter().find(|path| *path != ALL && !PATHS.contains(&path.as_str())) {
        let problem = format!("the mask can name {} and {ALL}", PATHS.join(", "));
        return Err(Rejection::malformed("update_mask", path, problem));
    }
    let full = QueueSettings::default().patched(given);
    let named = |name: &str| paths.iter().any(|path| path == ALL || path == name);
    Ok(SettingsPatch {
        delay: named("delay").then_some(full.delay),
        message_bytes_max: named("max_message_bytes").then_some(full.message_bytes_max),
        retention: named("retention").then_some(full.retention),
        receive_wait: named("receive_wait").then_some(full.receive_wait),
        visibility_timeout: named("visibility_timeout").then_some(full.visibility_timeout),
    })
}
