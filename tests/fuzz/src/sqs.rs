//! Any bytes as a request of the SQS-compatible endpoint: in both protocols, for every action. The
//! broker behind it has ended, so that a request which could be read is answered with that.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use ledgerq::{
    api::{
        Gate,
        sqs::{self, Attention, Endpoint, Settings},
    },
    broker::{
        Handle, Receipts,
        mailbox::{Limits, Mailbox},
    },
    types::Lineage,
};

/// The actions, which the first byte chooses from.
const ACTIONS: [&str; 24] = [
    "AddPermission",
    "CancelMessageMoveTask",
    "ChangeMessageVisibility",
    "ChangeMessageVisibilityBatch",
    "CreateQueue",
    "DeleteMessage",
    "DeleteMessageBatch",
    "DeleteQueue",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "ListMessageMoveTasks",
    "ListQueueTags",
    "ListQueues",
    "PurgeQueue",
    "ReceiveMessage",
    "RemovePermission",
    "SendMessage",
    "SendMessageBatch",
    "SetQueueAttributes",
    "StartMessageMoveTask",
    "TagQueue",
    "UntagQueue",
    "Nothing",
];

/// A body in JSON.
pub fn check_json(input: &[u8]) {
    let Some((first, body)) = input.split_first() else { return };
    let action = ACTIONS[usize::from(*first) % ACTIONS.len()];
    let request = Request::post("/")
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", format!("AmazonSQS.{action}"));
    let request = request.body(Full::new(Bytes::copy_from_slice(body)));
    let answer = answer(request.expect("it is a request"));
    if !answer.is_empty() {
        let told = serde_json::from_slice::<serde_json::Value>(&answer);
        told.expect("an answer is JSON");
    }
}

/// A form.
pub fn check_query(input: &[u8]) {
    let Some((first, form)) = input.split_first() else { return };
    let action = ACTIONS[usize::from(*first) % ACTIONS.len()];
    let mut body = format!("Action={action}&").into_bytes();
    body.extend_from_slice(form);
    let request = Request::post("/0/jobs")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from(body)));
    let answer = answer(request.expect("it is a request"));
    let text = std::str::from_utf8(&answer).expect("an answer is UTF-8");
    let mut reader = quick_xml::Reader::from_str(text);
    while reader.read_event().expect("an answer is XML") != quick_xml::events::Event::Eof {}
}

/// The bytes of the answer, whose status is one that clients know what to do about.
fn answer(request: Request<Full<Bytes>>) -> Bytes {
    let limits = Limits { requests_max: 10, polls_max: 10, bytes_max: 1 << 20 };
    let (mailbox, ended) = Mailbox::new(limits);
    drop(ended);
    let gate = Gate::new();
    gate.open(Handle::new(mailbox, Receipts::new(&[7; 32]), Lineage::default()));
    let settings = Settings {
        account: "000000000000".into(),
        keys: Vec::new(),
        incoming_bytes_max: 1 << 20,
        body_time_max: sqs::BODY_TIME_MAX,
        is_tls: false,
        host: "localhost".into(),
    };
    let endpoint = Endpoint::new(&gate, settings);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime can be had").block_on(async {
        let response = endpoint.answer(&Attention::default(), request).await;
        let status = response.status().as_u16();
        assert!([200, 400, 403, 404, 413, 503].contains(&status), "{status}");
        response.into_body().collect().await.expect("it is there").to_bytes()
    })
}
