//! `ListQueues`.

use super::page::page;
use crate::{
    api::grpc::{parse, refusal::Refusal, token},
    broker::Handle,
    proto::v1,
    types::{QueueName, Rejection, limits},
};

/// A request that is within its limits.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    prefix: String,
    after: Option<QueueName>,
    count_max: usize,
}

pub(super) async fn answer(
    broker: &Handle,
    request: v1::ListQueuesRequest,
) -> Result<v1::ListQueuesResponse, Refusal> {
    let Wanted { prefix, after, count_max } = parse(request).map_err(Refusal::of_request)?;
    let listed = broker.list_queues(prefix, after, count_max).await;
    let (views, more) = listed.map_err(Refusal::of_request)?;
    let (queues, next_page_token) = page(&views, more);
    Ok(v1::ListQueuesResponse { queues, next_page_token })
}

fn parse(request: v1::ListQueuesRequest) -> Result<Wanted, Rejection> {
    let (chars, chars_max) = (request.prefix.chars().count(), limits::QUEUE_NAME_CHARS_MAX);
    if chars > chars_max {
        let problem = format!("it has at most {chars_max} characters, this one has {chars}");
        return Err(Rejection::malformed("prefix", &request.prefix, problem));
    }
    let count_max = parse::page_size("page_size", request.page_size)?;
    let after = token::open_queue(&request.page_token)?;
    Ok(Wanted { prefix: request.prefix, after, count_max })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_prefix_is_no_longer_than_a_name() {
        let prefixed = |count| {
            let prefix = "x".repeat(count);
            parse(v1::ListQueuesRequest { prefix, ..Default::default() })
        };
        assert!(prefixed(80).is_ok());
        for count in [81, 1 << 20] {
            let Err(Rejection::Malformed { field: "prefix", .. }) = prefixed(count) else {
                panic!("{count} characters were taken");
            };
        }
    }

    proptest! {
        #[test]
        fn any_list_is_parsed_or_refused(prefix: String, page_size: u32, page_token: String) {
            let _ = parse(v1::ListQueuesRequest { prefix, page_size, page_token });
        }
    }
}
