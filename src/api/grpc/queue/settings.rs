//! Settings of a queue as requests give them. The ranges are the broker's to check, since a setting
//! can depend on another one.

use crate::{
    api::grpc::{parse, refusal::Refusal},
    proto::v1,
    types::{Rejection, SettingsPatch},
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
        ..SettingsPatch::default()
    })
}
