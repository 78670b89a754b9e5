//! Settings of a queue as requests give them. The ranges are the broker's to check, since a setting
//! can depend on another one.

use crate::{
    api::grpc::{parse, refusal::Refusal},
    proto::v1,
    types::{
        Backoff, DeduplicationScope, QueueName, RedriveAllow, RedrivePolicy, Rejection,
        SettingsPatch, ThroughputLimit, limits,
    },
};

/// The field of the requests that has the settings.
const FIELD: &str = "settings";

/// The settings that are given.
pub(super) fn parse(given: Option<&v1::QueueSettings>) -> Result<SettingsPatch, Refusal> {
    given.map_or_else(|| Ok(SettingsPatch::default()), |given| patch(given).map_err(refusal))
}

/// A refusal by the broker of a request with settings: of one of them, unless it is the queue's.
pub(super) fn refusal(rejection: Rejection) -> Refusal {
    match rejection {
        Rejection::Malformed { field: "queue", .. } => Refusal::of_request(rejection),
        rejection => Refusal::within(FIELD, rejection),
    }
}

fn patch(given: &v1::QueueSettings) -> Result<SettingsPatch, Rejection> {
    let visibility_timeout = given.visibility_timeout;
    Ok(SettingsPatch {
        delay: parse::duration_if_set("delay", given.delay)?,
        message_bytes_max: given.max_message_bytes,
        retention: parse::duration_if_set("retention", given.retention)?,
        receive_wait: parse::duration_if_set("receive_wait", given.receive_wait)?,
        visibility_timeout: parse::duration_if_set("visibility_timeout", visibility_timeout)?,
        redrive: given.redrive_policy.as_ref().map(redrive).transpose()?.map(Some),
        redrive_allow: given.redrive_allow_policy.as_ref().map(redrive_allow).transpose()?,
        content_deduplication: given.content_deduplication,
        deduplication_scope: scope(given.deduplication_scope)?,
        throughput_limit: throughput_limit(given.throughput_limit)?,
        backoff: given.retry_backoff.as_ref().map(backoff).transpose()?.map(Some),
        tags: (!given.tags.is_empty()).then(|| given.tags.clone()),
        stored: given.stored.clone(),
    })
}

fn redrive(given: &v1::RedrivePolicy) -> Result<RedrivePolicy, Rejection> {
    let field = "redrive_policy.dead_letter_queue";
    let dead_letter_queue = parse::queue_in(field, &given.dead_letter_queue)?;
    Ok(RedrivePolicy { dead_letter_queue, receives_max: given.max_receives })
}

fn redrive_allow(given: &v1::RedriveAllowPolicy) -> Result<RedriveAllow, Rejection> {
    const MODE: &str = "redrive_allow_policy.mode";
    const SOURCES: &str = "redrive_allow_policy.source_queues";
    let needed = "REDRIVE_ALLOW_MODE_ALL is 1, _NONE 2 and _QUEUES 3";
    let allow = match v1::RedriveAllowMode::try_from(given.mode) {
        Ok(v1::RedriveAllowMode::Unspecified) => {
            return Err(Rejection::Missing { field: MODE, needed });
        }
        Ok(v1::RedriveAllowMode::All) => RedriveAllow::All,
        Ok(v1::RedriveAllowMode::None) => RedriveAllow::None,
        Ok(v1::RedriveAllowMode::Queues) => {
            let names = given.source_queues.iter().map(|name| parse::queue_in(SOURCES, name));
            return Ok(RedriveAllow::Queues(names.collect::<Result<Vec<QueueName>, _>>()?));
        }
        Err(_) => return Err(Rejection::malformed(MODE, &given.mode.to_string(), needed)),
    };
    match given.source_queues.first() {
        None => Ok(allow),
        Some(name) => {
            let problem = "only REDRIVE_ALLOW_MODE_QUEUES goes with names of queues";
            Err(Rejection::malformed(SOURCES, name, problem))
        }
    }
}

fn scope(given: i32) -> Result<Option<DeduplicationScope>, Rejection> {
    match v1::DeduplicationScope::try_from(given) {
        Ok(v1::DeduplicationScope::Unspecified) => Ok(None),
        Ok(v1::DeduplicationScope::Queue) => Ok(Some(DeduplicationScope::Queue)),
        Ok(v1::DeduplicationScope::MessageGroup) => Ok(Some(DeduplicationScope::MessageGroup)),
        Err(_) => {
            let problem = "DEDUPLICATION_SCOPE_QUEUE is 1 and _MESSAGE_GROUP 2";
            Err(Rejection::malformed("deduplication_scope", &given.to_string(), problem))
        }
    }
}

fn throughput_limit(given: i32) -> Result<Option<ThroughputLimit>, Rejection> {
    match v1::ThroughputLimit::try_from(given) {
        Ok(v1::ThroughputLimit::Unspecified) => Ok(None),
        Ok(v1::ThroughputLimit::PerQueue) => Ok(Some(ThroughputLimit::PerQueue)),
        Ok(v1::ThroughputLimit::PerMessageGroup) => Ok(Some(ThroughputLimit::PerMessageGroup)),
        Err(_) => {
            let problem = "THROUGHPUT_LIMIT_PER_QUEUE is 1 and _PER_MESSAGE_GROUP 2";
            Err(Rejection::malformed("throughput_limit", &given.to_string(), problem))
        }
    }
}

fn backoff(given: &v1::RetryBackoff) -> Result<Backoff, Rejection> {
    let field = "retry_backoff.first";
    let needed = "how long a message waits that came back";
    let first = given.first.ok_or(Rejection::Missing { field, needed })?;
    let max = parse::duration_if_set("retry_backoff.max", given.max)?;
    Ok(Backoff {
        first: parse::duration(field, first)?,
        doubles: given.doubles,
        max: max.unwrap_or(limits::BACKOFF_MAX),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;
    use prost_types::Duration;

    use super::*;
    use crate::types::{Millis, QueueSettings};

    fn seconds(seconds: i64) -> Duration {
        Duration { seconds, nanos: 0 }
    }

    /// What becomes of the settings of a queue of this name, and of which field it is refused.
    fn check(queue: &str, given: &v1::QueueSettings) -> Result<QueueSettings, String> {
        let refused = |refusal: Refusal| refusal.field().expect("a field is wrong");
        let patch = parse(Some(given)).map_err(refused)?;
        let settings = QueueSettings::default().patched(&patch);
        let queue = QueueName::parse(queue).expect("it is a name");
        settings.check(&queue).map(|()| settings).map_err(|rejection| refused(refusal(rejection)))
    }

    fn refused(field: &str) -> Result<QueueSettings, String> {
        Err(format!("settings.{field}"))
    }

    #[test]
    fn a_redrive_policy_names_a_queue_of_its_kind_and_a_count() {
        let policy = |queue: &str, max_receives| v1::QueueSettings {
            redrive_policy: Some(v1::RedrivePolicy {
                dead_letter_queue: queue.into(),
                max_receives,
            }),
            ..Default::default()
        };
        for count in [1, 1000] {
            assert!(check("jobs", &policy("dead", count)).is_ok(), "{count}");
        }
        for count in [0, 1001, u32::MAX] {
            let max_receives = refused("redrive_policy.max_receives");
            assert_eq!(check("jobs", &policy("dead", count)), max_receives, "{count}");
        }
        for queue in ["", "no name", "jobs", "dead.fifo", &"x".repeat(1 << 20)] {
            let dead_letter_queue = refused("redrive_policy.dead_letter_queue");
            assert_eq!(check("jobs", &policy(queue, 1)), dead_letter_queue, "{queue:.20}");
        }
    }

    #[test]
    fn a_redrive_allow_policy_has_a_mode_and_names_only_with_one_of_them() {
        let policy = |mode, sources: &[&str]| v1::QueueSettings {
            redrive_allow_policy: Some(v1::RedriveAllowPolicy {
                mode,
                source_queues: sources.iter().map(|name| (*name).to_owned()).collect(),
            }),
            ..Default::default()
        };
        let ten = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
        for (mode, sources) in [(1, &[][..]), (2, &[]), (3, &ten[..1]), (3, &ten)] {
            assert!(check("jobs", &policy(mode, sources)).is_ok(), "{mode} {sources:?}");
        }
        for mode in [0, 4, -1, i32::MAX] {
            let refused = refused("redrive_allow_policy.mode");
            assert_eq!(check("jobs", &policy(mode, &[])), refused, "{mode}");
        }
        let eleven = [&ten[..], &["k"]].concat();
        let many = vec!["a"; 100_000];
        let wrong =
            [(1, &ten[..1]), (2, &ten[..1]), (3, &[]), (3, &eleven), (3, &many), (3, &["a b"])];
        for (mode, sources) in wrong {
            let refused = refused("redrive_allow_policy.source_queues");
            assert_eq!(check("jobs", &policy(mode, sources)), refused, "{mode} {}", sources.len());
        }
    }

    #[test]
    fn only_fifo_queues_have_content_deduplication_and_scopes() {
        let by_content =
            || v1::QueueSettings { content_deduplication: Some(true), ..Default::default() };
        let enums = |deduplication_scope, throughput_limit| v1::QueueSettings {
            deduplication_scope,
            throughput_limit,
            ..Default::default()
        };
        assert!(check("jobs.fifo", &by_content()).is_ok());
        assert_eq!(check("jobs", &by_content()), refused("content_deduplication"));
        assert!(check("jobs.fifo", &enums(2, 2)).is_ok());
        assert!(check("jobs", &enums(1, 1)).is_ok());
        assert_eq!(check("jobs", &enums(2, 0)), refused("deduplication_scope"));
        assert_eq!(check("jobs.fifo", &enums(0, 2)), refused("throughput_limit"));
        for absurd in [3, -1, i32::MIN] {
            assert_eq!(check("jobs.fifo", &enums(absurd, 0)), refused("deduplication_scope"));
            assert_eq!(check("jobs.fifo", &enums(0, absurd)), refused("throughput_limit"));
        }
    }

    #[test]
    fn a_backoff_is_held_to_twelve_hours_which_are_its_longest_wait_unless_set() {
        let backoff = |first, max| v1::QueueSettings {
            retry_backoff: Some(v1::RetryBackoff { first, doubles: true, max }),
            ..Default::default()
        };
        let longest = check("jobs", &backoff(Some(seconds(1)), None)).expect("it is good").backoff;
        assert_eq!(longest.map(|backoff| backoff.max), Some(Millis::from_secs(43_200)));
        assert!(check("jobs", &backoff(Some(seconds(43_200)), Some(seconds(43_200)))).is_ok());
        for first in [0, -1, 43_201, i64::MAX].map(|first| Some(seconds(first))) {
            assert_eq!(check("jobs", &backoff(first, None)), refused("retry_backoff.first"));
        }
        assert_eq!(check("jobs", &backoff(None, None)), refused("retry_backoff.first"));
        for max in [4, -1, 43_201, i64::MAX].map(|max| Some(seconds(max))) {
            assert_eq!(
                check("jobs", &backoff(Some(seconds(5)), max)),
                refused("retry_backoff.max")
            );
        }
    }

    #[test]
    fn a_map_without_entries_is_not_given() {
        let patch = parse(Some(&v1::QueueSettings::default())).expect("it is good");
        assert_eq!(patch, SettingsPatch::default());
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(bytes: Vec<u8>) {
            if let Ok(given) = v1::QueueSettings::decode(&bytes[..]) {
                let _ = check("jobs", &given);
            }
        }

        #[test]
        fn any_policies_are_parsed_or_refused(name: String, count: u32, mode: i32, scope: i32) {
            let source_queues = vec![name.clone()];
            let given = v1::QueueSettings {
                redrive_policy: Some(v1::RedrivePolicy {
                    dead_letter_queue: name.clone(),
                    max_receives: count,
                }),
                redrive_allow_policy: Some(v1::RedriveAllowPolicy { mode, source_queues }),
                deduplication_scope: scope,
                throughput_limit: mode,
                tags: [(name.clone(), name)].into(),
                ..Default::default()
            };
            let _ = check("jobs.fifo", &given);
        }
    }
}
