//! `PauseQueue` and `ResumeQueue`.

use super::view;
use crate::{
    api::grpc::{parse, refusal::Refusal},
    broker::Handle,
    proto::v1,
};

pub(super) async fn pause(
    broker: &Handle,
    request: v1::PauseQueueRequest,
) -> Result<v1::PauseQueueResponse, Refusal> {
    let queue = parse::queue(&request.queue)?;
    let (sends, receives) = named(request.sends, request.receives, true);
    let view = broker.pause_queue(queue, sends, receives).await.map_err(Refusal::of_request)?;
    Ok(v1::PauseQueueResponse { queue: Some(view::queue(&view)) })
}

pub(super) async fn resume(
    broker: &Handle,
    request: v1::ResumeQueueRequest,
) -> Result<v1::ResumeQueueResponse, Refusal> {
    let queue = parse::queue(&request.queue)?;
    let (sends, receives) = named(request.sends, request.receives, false);
    let view = broker.pause_queue(queue, sends, receives).await.map_err(Refusal::of_request)?;
    Ok(v1::ResumeQueueResponse { queue: Some(view::queue(&view)) })
}

/// Whether sends and receives are to be paused: `pause` for what the request names, or for both if
/// it names neither; what is not named stays as it is.
fn named(sends: bool, receives: bool, pause: bool) -> (Option<bool>, Option<bool>) {
    let both = !sends && !receives;
    ((sends || both).then_some(pause), (receives || both).then_some(pause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_stays_as_it_is_unless_nothing_is() {
        assert_eq!(named(true, false, true), (Some(true), None));
        assert_eq!(named(false, true, false), (None, Some(false)));
        assert_eq!(named(true, true, true), (Some(true), Some(true)));
        assert_eq!(named(false, false, false), (Some(false), Some(false)));
    }
}
