//! A client that speaks both protocols of Amazon SQS over a plain connection of its own for each
//! request. Requests and answers are the JSON protocol's trees; the query protocol's are made of
//! them and into them here.

use std::{
    fmt::Write as _,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use quick_xml::{Reader, events::Event};
use serde_json::{Map, Value};

/// An answer that does not come in this time never comes.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Json,
    Query,
}

pub(crate) const BOTH: [Protocol; 2] = [Protocol::Json, Protocol::Query];

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// What a client understands of an answer.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: u16,
    /// The error's code; empty if it is none.
    pub(crate) code: String,
    /// The result, or the error's message.
    pub(crate) body: Value,
}

impl Raw {
    pub(crate) fn header(&self, wanted: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
    }
}

/// Sends bytes and reads all that comes back.
pub(crate) fn raw(to: SocketAddr, bytes: &[u8]) -> Raw {
    let mut stream = TcpStream::connect(to).expect("the port is open");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time can be set");
    stream.write_all(bytes).expect("it is taken");
    let mut answer = Vec::new();
    // A server that refuses what is still coming may reset the connection once it has answered.
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).expect("answers are UTF-8");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Raw { status: status.expect("a status"), head: head.into(), body: body.into() }
}

/// Posts a body to a path.
pub(crate) fn post(to: SocketAddr, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Raw {
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        let _ = write!(request, "{name}: {value}\r\n");
    }
    let mut bytes = format!("{request}\r\n").into_bytes();
    bytes.extend_from_slice(body);
    raw(to, &bytes)
}

/// Asks for an action.
pub(crate) fn ask(to: SocketAddr, protocol: Protocol, action: &str, given: &Value) -> Told {
    match protocol {
        Protocol::Json => {
            let target = format!("AmazonSQS.{action}");
            let json = ("Content-Type", "application/x-amz-json-1.0");
            let headers = [json, ("X-Amz-Target", target.as_str())];
            told_json(&post(to, "/", &headers, given.to_string().as_bytes()))
        }
        Protocol::Query => {
            let form = form(action, given);
            let headers = [("Content-Type", "application/x-www-form-urlencoded")];
            told_xml(action, &post(to, "/", &headers, form.as_bytes()))
        }
    }
}

fn told_json(raw: &Raw) -> Told {
    let text = if raw.body.is_empty() { "{}" } else { &raw.body };
    let body: Value = serde_json::from_str(text).expect("the answer is JSON");
    assert_eq!(raw.header("content-type"), Some("application/x-amz-json-1.0"));
    if raw.status == 200 {
        return Told { status: 200, code: String::new(), body };
    }
    let shape = body["__type"].as_str().expect("an error has a type");
    assert!(shape.starts_with("com.amazon"), "{shape}");
    let code = raw.header("x-amzn-query-error").expect("clients take the code from here");
    let (code, side) = code.split_once(';').expect("code and side");
    assert_eq!(side, if raw.status < 500 { "Sender" } else { "Receiver" });
    Told { status: raw.status, code: code.into(), body: body["message"].clone() }
}

fn told_xml(action: &str, raw: &Raw) -> Told {
    assert_eq!(raw.header("content-type"), Some("text/xml;charset=utf-8"));
    let tree = tree(&raw.body);
    if raw.status == 200 {
        let response = &tree[format!("{action}Response")];
        assert!(response["ResponseMetadata"]["RequestId"].is_string(), "{tree}");
        let result = response.get(format!("{action}Result")).cloned();
        let mut body = result.filter(Value::is_object).unwrap_or_else(|| Map::new().into());
        let members = body.as_object_mut().expect("it is one");
        match (action, members.remove("QueueUrls")) {
            (_, None) => {}
            ("ListQueues", Some(urls)) => drop(members.insert("QueueUrls".into(), urls)),
            ("ListDeadLetterSourceQueues", Some(urls)) => {
                members.insert("queueUrls".into(), urls);
            }
            (_, Some(urls)) => drop(members.insert("QueueUrl".into(), urls[0].clone())),
        }
        return Told { status: 200, code: String::new(), body };
    }
    let error = &tree["ErrorResponse"]["Error"];
    assert_eq!(error["Type"], if raw.status < 500 { "Sender" } else { "Receiver" });
    let code = error["Code"].as_str().expect("an error has a code").to_owned();
    Told { status: raw.status, code, body: error["Message"].clone() }
}

/// The lists of requests: in JSON, and in a form.
const LISTS: [(&str, &str); 10] = [
    ("AttributeNames", "AttributeName"),
    ("MessageSystemAttributeNames", "MessageSystemAttributeName"),
    ("MessageAttributeNames", "MessageAttributeName"),
    ("TagKeys", "TagKey"),
    ("AWSAccountIds", "AWSAccountId"),
    ("Actions", "ActionName"),
    ("Attributes", "Attribute"),
    ("Tags", "Tag"),
    ("MessageAttributes", "MessageAttribute"),
    ("MessageSystemAttributes", "MessageSystemAttribute"),
];

fn form(action: &str, given: &Value) -> String {
    let mut pairs = vec![("Action".to_owned(), action.to_owned())];
    pairs.push(("Version".to_owned(), "2012-11-05".to_owned()));
    flatten(action, "", given, &mut pairs);
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn flatten(action: &str, prefix: &str, given: &Value, pairs: &mut Vec<(String, String)>) {
    for (name, value) in given.as_object().expect("a request is an object") {
        let entries = format!("{action}RequestEntry");
        let name = if name == "tags" { "Tags" } else { name };
        let listed = LISTS.iter().find(|(json, _)| *json == name).map(|(_, form)| *form);
        let listed = listed.or((name == "Entries").then_some(&*entries)).unwrap_or(name);
        match value {
            Value::Array(values) => {
                for (at, value) in values.iter().enumerate() {
                    let name = format!("{prefix}{listed}.{}", at + 1);
                    if value.is_object() {
                        flatten(action, &format!("{name}."), value, pairs);
                    } else {
                        pairs.push((name, text(value)));
                    }
                }
            }
            Value::Object(members) => {
                for (at, (key, value)) in members.iter().enumerate() {
                    let name = format!("{prefix}{listed}.{}", at + 1);
                    let of = if listed == "Tag" { "Key" } else { "Name" };
                    pairs.push((format!("{name}.{of}"), key.clone()));
                    if value.is_object() {
                        flatten(action, &format!("{name}.Value."), value, pairs);
                    } else {
                        pairs.push((format!("{name}.Value"), text(value)));
                    }
                }
            }
            scalar => pairs.push((format!("{prefix}{listed}"), text(scalar))),
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The XML's elements as the JSON protocol would have them.
fn tree(xml: &str) -> Value {
    let mut reader = Reader::from_str(xml);
    let mut open: Vec<(String, Map<String, Value>, String)> = vec![Default::default()];
    loop {
        match reader.read_event().expect("the answer is XML") {
            Event::Start(start) => {
                let name = start.name().as_ref().to_owned();
                open.push((name, Map::new(), String::new()));
            }
            Event::Text(text) => {
                let text = text.xml10_content();
                open.last_mut().expect("the root").2.push_str(&text);
            }
            Event::GeneralRef(reference) => {
                let name = reference.to_string();
                let text =
                    quick_xml::escape::unescape(&format!("&{name};")).expect("known").into_owned();
                open.last_mut().expect("the root").2.push_str(&text);
            }
            Event::End(_) => {
                let (name, members, text) = open.pop().expect("it is open");
                let value = if members.is_empty() { text.into() } else { members.into() };
                put(&mut open.last_mut().expect("the root").1, name, value);
            }
            Event::Eof => return open.remove(0).1.into(),
            _ => {}
        }
    }
}

/// Numbers and booleans of answers, which XML knows as texts.
const TYPED: [&str; 5] = [
    "SenderFault",
    "ApproximateNumberOfMessagesMoved",
    "ApproximateNumberOfMessagesToMove",
    "MaxNumberOfMessagesPerSecond",
    "StartedTimestamp",
];

fn put(into: &mut Map<String, Value>, name: String, value: Value) {
    let (list, key) = match name.as_str() {
        "QueueUrl" => ("QueueUrls", None),
        "Message" if value.is_object() => ("Messages", None),
        "ListMessageMoveTasksResultEntry" => ("Results", None),
        "BatchResultErrorEntry" => ("Failed", None),
        "Attribute" => ("Attributes", Some("Name")),
        "MessageAttribute" => ("MessageAttributes", Some("Name")),
        "Tag" => ("Tags", Some("Key")),
        other if other.ends_with("ResultEntry") => ("Successful", None),
        other if TYPED.contains(&other) => {
            let typed = value.as_str().and_then(|text| serde_json::from_str(text).ok());
            into.insert(name, typed.unwrap_or(value));
            return;
        }
        _ => {
            into.insert(name, value);
            return;
        }
    };
    match key {
        None => {
            let values = into.entry(list).or_insert_with(|| Value::Array(Vec::new()));
            values.as_array_mut().expect("a list").push(value);
        }
        Some(key) => {
            let values = into.entry(list).or_insert_with(|| Map::new().into());
            let name = value[key].as_str().expect("a name").to_owned();
            values.as_object_mut().expect("a map").insert(name, value["Value"].clone());
        }
    }
}
