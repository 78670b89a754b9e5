//! What can go wrong with a request, each as one line for people and with fields for programs.

use std::{error::Error as StdError, fmt::Write as _, io, time::Duration};

use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::{proto::v1, types::Millis};

/// What the `ErrorInfo` of a ledgerq broker calls itself.
pub(super) const DOMAIN: &str = "ledgerq";
/// The reason of an error after which nobody knows whether the request was done.
const OUTCOME_UNKNOWN: &str = "OUTCOME_UNKNOWN";

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The server's address is none.
    #[error("{server:?} is not a server's address: {problem}; write it like http://127.0.0.1:7420")]
    Address {
        /// What was given.
        server: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A server at `https://`, and nobody to trust.
    #[error("{server} needs the certificate of an authority to trust: --ca FILE, or LEDGERQ_CA")]
    NoAuthority {
        /// The server.
        server: String,
    },
    /// There is no connection, so nothing was done.
    #[error("cannot reach {server}: {problem}; is `ledgerq serve` running?")]
    Unreachable {
        /// The server.
        server: String,
        /// Why not.
        problem: String,
    },
    /// The connection broke, or the answer did not come in time.
    #[error("{problem}; the request may or may not have been done")]
    Lost {
        /// What happened.
        problem: String,
    },
    /// The broker refused the request.
    #[error("{0}")]
    Refused(Refusal),
    /// The answer is none that this client knows.
    #[error("the server's answer lacks {0}; is it a ledgerq server of this version?")]
    Answer(&'static str),
}

/// A request or one entry of it that the broker refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code of the status.
    pub code: Code,
    /// The kind of error, for programs; empty if the server gave none.
    pub reason: String,
    /// The error in a sentence.
    pub message: String,
    /// Fields of the request that are wrong, each with what is wrong about it.
    pub violations: Vec<(String, String)>,
    /// After which time another try can succeed.
    pub retry_after: Option<Millis>,
}

impl Error {
    /// Whether it is unknown if the request was done.
    pub fn is_outcome_unknown(&self) -> bool {
        match self {
            // An answer that cannot be read is an answer: something was done.
            Self::Lost { .. } | Self::Answer(_) => true,
            Self::Refused(refusal) => refusal.is_outcome_unknown(),
            Self::Address { .. } | Self::NoAuthority { .. } | Self::Unreachable { .. } => false,
        }
    }

    /// What a failed call means. `server` is where it went.
    pub(super) fn from_status(status: &Status, server: &str) -> Self {
        let details = status.get_error_details();
        let info = details.error_info();
        if info.is_none_or(|info| info.domain != DOMAIN)
            && let Some(error) = without_server(status, server)
        {
            return error;
        }
        let violations = details.bad_request().map_or_else(Vec::new, |request| {
            let pairs = request.field_violations.iter();
            pairs.map(|each| (each.field.clone(), each.description.clone())).collect()
        });
        let delay = details.retry_info().and_then(|info| info.retry_delay);
        Self::Refused(Refusal {
            code: status.code(),
            reason: info.map_or_else(String::new, |info| info.reason.clone()),
            message: status.message().to_owned(),
            violations,
            retry_after: delay.map(whole_millis),
        })
    }
}

impl Refusal {
    /// Whether it is unknown if the request was done. A broker says so; what stands between it and
    /// this client does not, and is not trusted to know.
    fn is_outcome_unknown(&self) -> bool {
        let from_broker = !self.reason.is_empty();
        let vague = matches!(
            self.code,
            Code::Unavailable | Code::Unknown | Code::Internal | Code::ResourceExhausted
        );
        self.reason == OUTCOME_UNKNOWN || (!from_broker && vague)
    }

    /// Of one entry of a request.
    pub(super) fn of_entry(error: v1::EntryError) -> Self {
        let violation = (!error.field.is_empty()).then(|| (error.field, error.message.clone()));
        Self {
            code: Code::from_i32(error.code),
            reason: error.reason,
            message: error.message,
            violations: violation.into_iter().collect(),
            retry_after: error
                .retry_delay
                .and_then(|delay| Duration::try_from(delay).ok())
                .map(whole_millis),
        }
    }

    /// After which time the request can be sent again without a risk; `None` if it cannot.
    /// `repeatable` tells that it does no harm if it is done twice.
    pub(super) fn retry_delay(&self, repeatable: bool) -> Option<Millis> {
        // Of a broker, these two codes say that nothing of the request was done.
        let transient = matches!(self.code, Code::Unavailable | Code::ResourceExhausted);
        let from_broker = !self.reason.is_empty();
        let safe = repeatable || !self.is_outcome_unknown();
        self.retry_after.filter(|_| transient && from_broker && safe)
    }
}

/// The sentence, what it does not say itself of a field, and when to try again.
impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut line = self.message.replace(['\n', '\r'], " ");
        if line.is_empty() {
            line = format!("the server refused: {}", self.code.description());
        }
        for (field, description) in &self.violations {
            // A ledgerq server says it all in the sentence already.
            if !line.contains(description.as_str()) {
                write!(line, "; {field}: {}", description.replace(['\n', '\r'], " "))?;
            }
        }
        if let Some(after) = self.retry_after {
            write!(line, "; try again in {after}")?;
        }
        f.write_str(&line)
    }
}

impl std::error::Error for Refusal {}

/// The meaning of a status that the client's own side made, not the broker.
fn without_server(status: &Status, server: &str) -> Option<Error> {
    let source = StdError::source(status);
    match (status.code(), source) {
        (Code::DeadlineExceeded, _) | (Code::Cancelled, Some(_)) => {
            let problem = format!("{server} did not answer in time");
            Some(Error::Lost { problem })
        }
        (Code::Unimplemented, _) => Some(Error::Refused(Refusal {
            code: status.code(),
            reason: String::new(),
            message: format!("{server} is no ledgerq server, or one of an older version"),
            violations: Vec::new(),
            retry_after: None,
        })),
        (_, Some(source)) if is_connect_error(source) => Some(unreachable(server, source)),
        (_, Some(source)) => {
            let mut problem = format!("the connection to {server} broke: {}", root_cause(source));
            if problem.contains("frame with invalid size") {
                // What a TLS server's answer looks like to a client without TLS.
                problem.push_str(" (does the server want https://?)");
            }
            Some(Error::Lost { problem })
        }
        (_, None) => None,
    }
}

/// That no connection could be made.
pub(super) fn unreachable(server: &str, error: &(dyn StdError + 'static)) -> Error {
    Error::Unreachable { server: server.to_owned(), problem: root_cause(error) }
}

/// Whether a connection failed before anything was sent.
fn is_connect_error(error: &(dyn StdError + 'static)) -> bool {
    chain(error).into_iter().any(|cause| {
        let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        kind == Some(io::ErrorKind::ConnectionRefused)
            || cause.to_string().contains("connect error")
    })
}

/// The innermost cause, as people say it.
fn root_cause(error: &(dyn StdError + 'static)) -> String {
    let last = chain(error).pop().unwrap_or(error);
    match last.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => "connection refused".into(),
        Some(io::ErrorKind::TimedOut) => "timed out".into(),
        Some(io::ErrorKind::ConnectionReset) => "connection reset".into(),
        _ => last.to_string(),
    }
}

/// The error and what caused it, down to the innermost.
fn chain<'a>(error: &'a (dyn StdError + 'static)) -> Vec<&'a (dyn StdError + 'static)> {
    let (mut causes, mut next) = (Vec::new(), Some(error));
    while let Some(cause) = next {
        causes.push(cause);
        next = cause.source();
    }
    causes
}

fn whole_millis(duration: Duration) -> Millis {
    Millis::new(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}
