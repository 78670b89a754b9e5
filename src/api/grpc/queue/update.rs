//! `UpdateQueue`.

use std::collections::BTreeMap;

use super::{settings, view};
use crate::{
    api::grpc::{parse, refusal::Refusal},
    broker::Handle,
    proto::v1,
    types::{QueueName, QueueSettings, Rejection, SettingsPatch},
};

/// The settings, as a mask names them.
const PATHS: [&str; 13] = [
    "delay",
    "max_message_bytes",
    "retention",
    "receive_wait",
    "visibility_timeout",
    "redrive_policy",
    "redrive_allow_policy",
    "content_deduplication",
    "deduplication_scope",
    "throughput_limit",
    "retry_backoff",
    "tags",
    "stored",
];
/// What names all of them.
const ALL: &str = "*";

pub(super) async fn answer(
    broker: &Handle,
    request: v1::UpdateQueueRequest,
) -> Result<v1::UpdateQueueResponse, Refusal> {
    let (queue, settings) = parse(&request)?;
    let view = broker.update_queue(queue, settings).await.map_err(settings::refusal)?;
    Ok(v1::UpdateQueueResponse { queue: Some(view::queue(&view)) })
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

/// The settings that the mask names: as they are given, or else their defaults. Stored settings are
/// the broker's to add to those that it has.
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
        redrive: named("redrive_policy").then_some(full.redrive),
        redrive_allow: named("redrive_allow_policy").then_some(full.redrive_allow),
        content_deduplication: named("content_deduplication").then_some(full.content_deduplication),
        deduplication_scope: named("deduplication_scope").then_some(full.deduplication_scope),
        throughput_limit: named("throughput_limit").then_some(full.throughput_limit),
        backoff: named("retry_backoff").then_some(full.backoff),
        tags: named("tags").then_some(full.tags),
        stored: if named("stored") { given.stored.clone() } else { BTreeMap::new() },
    })
}

#[cfg(test)]
mod tests {
    use prost_types::{Duration, FieldMask};

    use super::*;
    use crate::types::{Millis, limits};

    /// What becomes of a new delay and a new size under a mask.
    fn patch(paths: &[&str]) -> Result<SettingsPatch, String> {
        let settings = Some(v1::QueueSettings {
            delay: Some(Duration { seconds: 5, nanos: 0 }),
            max_message_bytes: Some(2000),
            ..Default::default()
        });
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        let update_mask = Some(FieldMask { paths });
        let request = v1::UpdateQueueRequest { queue: "jobs".into(), settings, update_mask };
        parse(&request).map(|(_, patch)| patch).map_err(|refusal| refusal.message())
    }

    #[test]
    fn without_a_mask_what_is_set_is_changed() {
        let given = SettingsPatch {
            delay: Some(Millis::new(5000)),
            message_bytes_max: Some(2000),
            ..SettingsPatch::default()
        };
        assert_eq!(patch(&[]), Ok(given));
    }

    #[test]
    fn a_mask_says_what_is_changed_and_what_is_not_set_goes_back_to_its_default() {
        let masked = SettingsPatch {
            delay: Some(Millis::new(5000)),
            retention: Some(limits::RETENTION_DEFAULT),
            ..SettingsPatch::default()
        };
        assert_eq!(patch(&["retention", "delay"]), Ok(masked));
        let all = patch(&["*"]).expect("it is a mask");
        assert_eq!(all.message_bytes_max, Some(2000));
        assert_eq!(all.visibility_timeout, Some(limits::VISIBILITY_DEFAULT));
    }

    #[test]
    fn a_policy_that_is_named_and_not_set_is_taken_away() {
        let patch = patch(&["redrive_policy", "retry_backoff", "tags"]).expect("it is a mask");
        assert_eq!((patch.redrive, patch.backoff), (Some(None), Some(None)));
        assert_eq!(patch.tags, Some(BTreeMap::new()));
    }

    #[test]
    fn a_mask_names_settings_only() {
        for path in ["name", "settings.delay", "", &"x".repeat(1 << 20)] {
            let message = patch(&["delay", path]).expect_err("it is no setting");
            assert!(message.starts_with("update_mask is "), "{message}");
            assert!(message.len() < 400, "{message}");
        }
    }

    #[test]
    fn each_setting_can_be_named() {
        for path in PATHS {
            let patch = patch(&[path]).expect("it is a setting");
            // Stored settings are added to, so that a mask alone changes none of them.
            assert_eq!(patch == SettingsPatch::default(), path == "stored", "{path}");
        }
    }
}
