//! Queue URLs and ARNs: `http://<Host header>/<account>/<name>` and
//! `arn:aws:sqs:<region>:<account>:<name>`.
//!
//! Of a URL or an ARN that a client sends, only the name counts: programs come with those that they
//! had of another host, another account or another region, and there is one broker here.

use http::{HeaderMap, Uri, header};

use super::error::{Fault, Kind};
use crate::types::QueueName;

/// What a client calls this endpoint, and what goes into the names of its queues.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The scheme and the host with its port, as the client wrote it.
    pub(super) base: String,
    pub(super) region: String,
    pub(super) account: String,
}

impl Place {
    /// The URL of a queue.
    pub(super) fn url(&self, queue: &QueueName) -> String {
        format!("{}/{}/{queue}", self.base, self.account)
    }

    /// The ARN of a queue.
    pub(super) fn arn(&self, queue: &QueueName) -> String {
        format!("arn:aws:sqs:{}:{}:{queue}", self.region, self.account)
    }
}

/// The scheme and the host of a request. `fallback` is what a client without a Host header gets.
pub(super) fn base(headers: &HeaderMap, uri: &Uri, is_tls: bool, fallback: &str) -> String {
    let named = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = uri.authority().map(http::uri::Authority::as_str).or(named);
    let host = host.filter(|host| !host.is_empty() && host.parse::<http::uri::Authority>().is_ok());
    let scheme = if is_tls { "https" } else { "http" };
    format!("{scheme}://{}", host.unwrap_or(fallback))
}

/// The name in `/<account>/<name>`, if the path is of this form.
pub(super) fn queue_of_path(path: &str) -> Option<&str> {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let (_account, name) = (parts.next()?, parts.next()?);
    parts.next().is_none().then_some(name)
}

/// The queue that a URL names.
pub(super) fn queue_of_url(url: &str) -> Result<QueueName, Fault> {
    let end = url.trim_end_matches('/');
    let name = end.rsplit('/').next().unwrap_or_default();
    QueueName::parse(name).map_err(|_| not_there())
}

/// The queue that an ARN names.
pub(super) fn queue_of_arn(arn: &str) -> Option<QueueName> {
    let parts: Vec<&str> = arn.split(':').collect();
    let [arn, partition, service, _region, _account, name] = parts[..] else { return None };
    let is_ours = arn == "arn" && partition.starts_with("aws") && service == "sqs";
    is_ours.then(|| QueueName::parse(name).ok()).flatten()
}

/// A queue that is not there, however it was named.
pub(super) fn not_there() -> Fault {
    Fault::new(Kind::QueueDoesNotExist, "The specified queue does not exist.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_known_by_the_end_of_its_url() {
        let taken = [
            "http://localhost:9324/000000000000/jobs",
            "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs",
            "http://localhost:9324/queue/jobs/",
            "jobs",
        ];
        for url in taken {
            assert_eq!(queue_of_url(url).map(|name| name.to_string()), Ok("jobs".into()), "{url}");
        }
        for url in ["", "http://localhost/1/a b", "http://localhost/1/jobs?x=1"] {
            assert_eq!(
                queue_of_url(url).map_err(|f| f.kind),
                Err(Kind::QueueDoesNotExist),
                "{url}"
            );
        }
    }

    #[test]
    fn a_queue_is_known_by_the_end_of_its_arn() {
        let name = queue_of_arn("arn:aws:sqs:us-east-1:000000000000:jobs.fifo");
        assert_eq!(name.map(|name| name.to_string()).as_deref(), Some("jobs.fifo"));
        for arn in
            ["", "jobs", "arn:aws:sns:us-east-1:0:jobs", "arn:aws:sqs:x:0:a:b", "arn:aws:sqs:x:0:"]
        {
            assert_eq!(queue_of_arn(arn), None, "{arn}");
        }
    }

    #[test]
    fn a_path_names_a_queue_if_it_has_an_account() {
        assert_eq!(queue_of_path("/000000000000/jobs"), Some("jobs"));
        assert_eq!(queue_of_path("/queue/jobs/"), Some("jobs"));
        for path in ["/", "", "/jobs", "/a/b/c"] {
            assert_eq!(queue_of_path(path), None, "{path}");
        }
    }

    #[test]
    fn the_host_is_what_the_client_wrote() {
        let uri = Uri::from_static("/");
        let mut headers = HeaderMap::new();
        assert_eq!(base(&headers, &uri, false, "here:1"), "http://here:1");
        headers.insert(header::HOST, "queues.example:9324".parse().expect("a value"));
        assert_eq!(base(&headers, &uri, true, "here:1"), "https://queues.example:9324");
        headers.insert(header::HOST, "a b<c>".parse().expect("a value"));
        assert_eq!(base(&headers, &uri, false, "here:1"), "http://here:1");
    }
}
