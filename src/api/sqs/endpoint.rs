//! One request from its first header to its answer.

use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use http_body::Body;

use super::{
    actions::Action,
    attention::Attention,
    error::{Fault, Kind},
    intake::{Intake, Taken},
    outgoing::Outgoing,
    query,
    request::{Answer, Answered, Call, Parameters, Protocol},
    sigv4::{KeyPair, Keys},
    xml,
};
use crate::{
    api::Gate,
    clock::{Clock, SystemClock},
    types::{quoted, uuid_text},
};

/// What the endpoint is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The account number in URLs and ARNs.
    pub account: String,
    /// The pairs of keys that may sign requests; if there are none, signatures are not looked at.
    pub keys: Vec<KeyPair>,
    /// Bytes that are kept of requests that are coming in, over all connections.
    pub incoming_bytes_max: u64,
    /// How long a client may take to send a body; [`super::BODY_TIME_MAX`] unless a test cannot
    /// wait for that.
    pub body_time_max: Duration,
    /// Whether clients speak TLS, which the URLs of queues say.
    pub is_tls: bool,
    /// The host and port in URLs of a client that sends no Host header.
    pub host: String,
}

/// What a header of the JSON protocol names its action with.
const TARGET: &str = "x-amz-target";
const TARGET_PREFIX: &str = "AmazonSQS.";
const JSON_TYPE: &str = "application/x-amz-json-1.0";
const XML_TYPE: &str = "text/xml;charset=utf-8";
const FORM_TYPE: &str = "application/x-www-form-urlencoded";

/// What answers the requests that a gate lets through, whatever their paths.
pub struct Endpoint {
    gate: Gate,
    settings: Settings,
    keys: Keys,
    intake: Intake,
    ids: RequestIds,
}

impl Endpoint {
    /// An endpoint before this gate.
    pub fn new(gate: &Gate, settings: Settings) -> Self {
        Self {
            gate: gate.clone(),
            keys: Keys::new(settings.keys.clone()),
            intake: Intake::new(settings.incoming_bytes_max, settings.body_time_max),
            ids: RequestIds::new(),
            settings,
        }
    }

    /// Answers a request that came on the connection of `attention`.
    pub async fn answer<B>(&self, attention: &Attention, request: Request<B>) -> Response<Outgoing>
    where
        B: Body<Data = Bytes>,
        B::Error: std::fmt::Display,
    {
        let (head, body) = request.into_parts();
        let protocol = protocol(&head.headers);
        let id = self.ids.next();
        match self.act(attention, protocol, &head, body).await {
            Ok((action, answer)) => answered(protocol, action, answer, &id),
            Err(fault) => refused(protocol, &fault, &id),
        }
    }

    async fn act<B>(
        &self,
        attention: &Attention,
        protocol: Protocol,
        head: &Parts,
        body: B,
    ) -> Result<(Action, Answer), Fault>
    where
        B: Body<Data = Bytes>,
        B::Error: std::fmt::Display,
    {
        if head.method != Method::POST && head.method != Method::GET {
            let message = format!("The method {} is not allowed, only GET and POST.", head.method);
            return Err(Fault::new(Kind::MalformedQuery, message));
        }
        let taken = self.intake.take(&head.headers, body).await?;
        let sender = self.verify(head, &taken)?;
        let (action, parameters) = match protocol {
            Protocol::Json => json(&head.headers, &taken)?,
            Protocol::Query => form(head, &taken)?,
        };
        let (broker, settings) = (self.gate.broker()?, &self.settings);
        let call = Call { broker, protocol, settings, head, attention, sender };
        // A receive may wait for long, and needs none of it.
        drop(taken);
        let answer = action.answer(&call, parameters).await?;
        Ok((action, answer))
    }

    /// Who signed the request, if anybody has to.
    fn verify(&self, head: &Parts, taken: &Taken<'_>) -> Result<Option<String>, Fault> {
        if self.keys.is_empty() {
            return Ok(None);
        }
        let now = SystemClock.wall();
        self.keys.verify(head, &taken.bytes, now).map(Some)
    }
}

/// How the client speaks: in JSON if it says so by type or by target.
fn protocol(headers: &HeaderMap) -> Protocol {
    let is_json = content_type(headers).is_some_and(|given| {
        given.starts_with("application/x-amz-json") || given.starts_with("application/json")
    });
    if is_json || headers.contains_key(TARGET) { Protocol::Json } else { Protocol::Query }
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::CONTENT_TYPE).and_then(|given| given.to_str().ok())
}

fn json(headers: &HeaderMap, taken: &Taken<'_>) -> Result<(Action, Parameters), Fault> {
    let target = headers.get(TARGET).ok_or_else(|| {
        Fault::new(Kind::MissingAction, "The request has no header X-Amz-Target.")
    })?;
    let target = target.to_str().unwrap_or_default();
    if headers.get_all(TARGET).iter().count() > 1 {
        let message = "The request has more than one header X-Amz-Target.";
        return Err(Fault::new(Kind::Serialization, message));
    }
    let unknown = || {
        let message = format!("The operation {} is not known.", quoted(target));
        Fault::new(Kind::UnknownOperation, message)
    };
    let action = target.strip_prefix(TARGET_PREFIX).ok_or_else(unknown)?;
    let given = content_type(headers).unwrap_or(JSON_TYPE);
    if !given.starts_with("application/") || !given.contains("json") {
        let message = format!("The content type is {}, not {JSON_TYPE}.", quoted(given));
        return Err(Fault::new(Kind::Serialization, message));
    }
    Ok((Action::parse(action)?, Parameters::Json(taken.bytes.clone())))
}

fn form(head: &Parts, taken: &Taken<'_>) -> Result<(Action, Parameters), Fault> {
    let mut parameters = query::Parameters::new();
    query::read(head.uri.query().unwrap_or_default().as_bytes(), &mut parameters)?;
    let given = content_type(&head.headers).unwrap_or(FORM_TYPE);
    if !taken.bytes.is_empty() && !given.starts_with(FORM_TYPE) {
        let message = format!("The content type is {}, not {FORM_TYPE}.", quoted(given));
        return Err(Fault::new(Kind::MalformedQuery, message));
    }
    query::read(&taken.bytes, &mut parameters)?;
    let action = parameters.get("Action").ok_or_else(|| {
        Fault::new(Kind::MissingAction, "The request must contain the parameter Action.")
    })?;
    Ok((Action::parse(action)?, Parameters::Query(query::tree(&parameters)?)))
}

fn answered(protocol: Protocol, action: Action, answer: Answer, id: &str) -> Response<Outgoing> {
    let bytes = match answer.result {
        Answered::Json(bytes) => bytes,
        Answered::Tree(tree) => xml::answer(action.name(), Some(&tree), id),
        Answered::Nothing => match protocol {
            Protocol::Json => Vec::new(),
            Protocol::Query => xml::answer(action.name(), None, id),
        },
    };
    respond(protocol, StatusCode::OK, Outgoing::new(bytes, answer.handover), id)
}

fn refused(protocol: Protocol, fault: &Fault, id: &str) -> Response<Outgoing> {
    let bytes = match protocol {
        Protocol::Json => {
            let said = serde_json::json!({
                "__type": fault.kind.json_type(),
                "message": fault.message,
            });
            said.to_string().into_bytes()
        }
        Protocol::Query => xml::fault(fault, id),
    };
    let mut response = respond(protocol, fault.kind.status(), Outgoing::new(bytes, None), id);
    if protocol == Protocol::Json {
        // Clients take the error's code from here, as it was before there was JSON.
        let side = if fault.kind.is_senders() { "Sender" } else { "Receiver" };
        let code = HeaderValue::from_str(&format!("{};{side}", fault.kind.code()));
        response.headers_mut().extend(code.ok().map(|code| (QUERY_ERROR, code)));
    }
    response
}

const QUERY_ERROR: http::HeaderName = http::HeaderName::from_static("x-amzn-query-error");
const REQUEST_ID: http::HeaderName = http::HeaderName::from_static("x-amzn-requestid");

fn respond(protocol: Protocol, status: StatusCode, body: Outgoing, id: &str) -> Response<Outgoing> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let content_type = match protocol {
        Protocol::Json => JSON_TYPE,
        Protocol::Query => XML_TYPE,
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.extend(HeaderValue::from_str(id).ok().map(|id| (REQUEST_ID, id)));
    response
}

/// Ids of requests, different from one another and from those of another start.
struct RequestIds {
    first: u128,
    count: AtomicU64,
}

/// The golden ratio's fraction in 128 bits, which is odd: its multiples are all different, and no
/// two in a row look alike.
const STRIDE: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

impl RequestIds {
    fn new() -> Self {
        let seed = RandomState::new();
        let (high, low) = (seed.hash_one(0), seed.hash_one(1));
        Self { first: u128::from(high) << 64 | u128::from(low), count: AtomicU64::new(0) }
    }

    /// In the form of a UUID.
    fn next(&self) -> String {
        let count = u128::from(self.count.fetch_add(1, Ordering::Relaxed));
        uuid_text(self.first.wrapping_add(count.wrapping_mul(STRIDE)))
    }
}
