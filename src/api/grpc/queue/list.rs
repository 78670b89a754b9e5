//! `ListQueues`.
//!
//! A page's token is the name of its last queue, in base64 for URLs without padding (RFC 4648
//! section 5), so that the broker remembers nothing between pages.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::{
    api::grpc::{convert, refusal::Refusal},
    broker::Handle,
    proto::v1,
    types::{QueueName, Rejection, Unit, in_range, limits},
};

/// A request that is within its limits.
#[derive(Debug, PartialEq, Eq)]
struct Page {
    prefix: String,
    after: Option<QueueName>,
    count_max: usize,
}

pub(super) async fn answer(
    broker: &Handle,
    request: v1::ListQueuesRequest,
) -> Result<v1::ListQueuesResponse, Refusal> {
    let Page { prefix, after, count_max } = parse(request).map_err(Refusal::of_request)?;
    let listed = broker.list_queues(prefix, after, count_max).await;
    let (queues, more) = listed.map_err(Refusal::of_request)?;
    let last = if more { queues.last() } else { None };
    let next_page_token = last.map(|view| token(&view.name)).unwrap_or_default();
    let queues = queues.iter().map(convert::queue).collect();
    Ok(v1::ListQueuesResponse { queues, next_page_token })
}

fn parse(request: v1::ListQueuesRequest) -> Result<Page, Rejection> {
    let (chars, chars_max) = (request.prefix.chars().count(), limits::QUEUE_NAME_CHARS_MAX);
    if chars > chars_max {
        let problem = format!("it has at most {chars_max} characters, this one has {chars}");
        return Err(Rejection::malformed("prefix", &request.prefix, problem));
    }
    let page_size = u64::from(request.page_size);
    in_range("page_size", page_size, 0, limits::PAGE_MAX as u64, Unit::Count)?;
    let count_max = match request.page_size {
        0 => limits::PAGE_DEFAULT,
        size => size as usize,
    };
    let after = match request.page_token.as_str() {
        "" => None,
        token => Some(open(token)?),
    };
    Ok(Page { prefix: request.prefix, after, count_max })
}

fn token(last: &QueueName) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(last.as_str())
}

fn open(token: &str) -> Result<QueueName, Rejection> {
    let refused = || {
        let problem = "it is not the next_page_token of an answer";
        Rejection::malformed("page_token", token, problem)
    };
    let name = BASE64_URL_SAFE_NO_PAD.decode(token).map_err(|_| refused())?;
    let name = String::from_utf8(name).map_err(|_| refused())?;
    QueueName::parse(&name).map_err(|_| refused())
}
