//! `StartMove`.

use crate::{
    api::grpc::{filter, parse, refusal::Refusal},
    broker::Handle,
    proto::v1,
    types::{MoveFilter, MoveSpec, Rejection, TaskId, Unit, in_range, limits},
};

pub(super) async fn answer(
    broker: &Handle,
    request: v1::StartMoveRequest,
) -> Result<v1::StartMoveResponse, Refusal> {
    let dry_run = request.dry_run;
    let spec = parse(&request)?;
    let started = broker.start_move(spec, dry_run).await;
    let (task, to_move_count) = started.map_err(Refusal::of_request)?;
    let task_id = task.map(TaskId::get).unwrap_or_default();
    Ok(v1::StartMoveResponse { task_id, to_move_count })
}

fn parse(request: &v1::StartMoveRequest) -> Result<MoveSpec, Refusal> {
    let filter = filter::parse(request.filter.clone())?;
    spec(request, filter).map_err(Refusal::of_request)
}

fn spec(request: &v1::StartMoveRequest, filter: MoveFilter) -> Result<MoveSpec, Rejection> {
    let source = parse::queue_in("source_queue", &request.source_queue)?;
    let target = match request.target_queue.as_str() {
        "" => None,
        name => Some(parse::queue_in("target_queue", name)?),
    };
    let rate_max = request.max_per_second;
    if let Some(rate) = rate_max {
        in_range("max_per_second", rate.into(), 1, limits::MOVE_RATE_MAX.into(), Unit::Count)?;
    }
    Ok(MoveSpec { source, target, rate_max, filter })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;

    use super::*;

    fn request() -> v1::StartMoveRequest {
        v1::StartMoveRequest { source_queue: "dead".into(), ..Default::default() }
    }

    fn refused_field(request: &v1::StartMoveRequest) -> Option<String> {
        parse(request).err().map(|refusal| refusal.field().expect("a field is wrong"))
    }

    #[test]
    fn a_task_moves_1_to_500_messages_a_second_or_as_many_as_it_can() {
        let with = |max_per_second| v1::StartMoveRequest { max_per_second, ..request() };
        for rate in [None, Some(1), Some(500)] {
            assert_eq!(refused_field(&with(rate)), None, "{rate:?}");
        }
        for rate in [0, 501, u32::MAX].map(Some) {
            assert_eq!(refused_field(&with(rate)).as_deref(), Some("max_per_second"), "{rate:?}");
        }
    }

    #[test]
    fn a_source_is_needed_and_a_target_is_not() {
        let spec = parse(&request()).expect("it is good");
        assert_eq!((spec.source.as_str(), spec.target), ("dead", None));
        let source = v1::StartMoveRequest { source_queue: String::new(), ..request() };
        assert_eq!(refused_field(&source).as_deref(), Some("source_queue"));
        let target = v1::StartMoveRequest { target_queue: "no name".into(), ..request() };
        assert_eq!(refused_field(&target).as_deref(), Some("target_queue"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(bytes: Vec<u8>) {
            if let Ok(request) = v1::StartMoveRequest::decode(&bytes[..]) {
                let _ = parse(&request);
            }
        }
    }
}
