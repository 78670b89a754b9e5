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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request() -> v1::ListQueuesRequest {
        v1::ListQueuesRequest::default()
    }

    #[test]
    fn a_page_has_a_hundred_queues_unless_asked_otherwise() {
        let sized = |page_size| parse(v1::ListQueuesRequest { page_size, ..request() });
        let counts = [0, 1, 1000].map(|size| sized(size).expect("it is good").count_max);
        assert_eq!(counts, [100, 1, 1000]);
        for page_size in [1001, u32::MAX] {
            assert!(sized(page_size).is_err(), "{page_size}");
        }
    }

    #[test]
    fn a_prefix_is_no_longer_than_a_name() {
        let prefixed =
            |count| parse(v1::ListQueuesRequest { prefix: "x".repeat(count), ..request() });
        assert!(prefixed(80).is_ok());
        for count in [81, 1 << 20] {
            let Err(Rejection::Malformed { field: "prefix", .. }) = prefixed(count) else {
                panic!("{count} characters were taken");
            };
        }
    }

    #[test]
    fn a_token_gives_its_queue_back() {
        let last = QueueName::parse("jobs.fifo").expect("it is a name");
        let page = parse(v1::ListQueuesRequest { page_token: token(&last), ..request() });
        assert_eq!(page.expect("it is good").after, Some(last));
    }

    proptest! {
        #[test]
        fn any_list_is_parsed_or_refused(prefix: String, page_size: u32, page_token: String) {
            let _ = parse(v1::ListQueuesRequest { prefix, page_size, page_token });
        }
    }
}
