//! A message to send, as a request or an entry of a batch gives it. Its checksum and the digests of
//! its ids are computed here, on the thread of its connection.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::Deserialize;

use crate::{
    api::sqs::{
        error::{Fault, Kind, quoted},
        limits::DELAY_S_MAX,
        md5,
        refusal::NOT_FOR_THIS_KIND,
    },
    broker::{Handle, digest},
    types::{
        Attribute, AttributeValue, Deduplication, Delay, Envelope, GroupId, Millis, QueueName,
        Rejection, SendEntry, check_id, limits,
    },
};

/// The system attribute that can be sent.
pub(super) const TRACE_HEADER: &str = "AWSTraceHeader";

/// What a request says of one message.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Given {
    /// Only of a message that is alone in its request.
    pub(super) queue_url: Option<String>,
    /// Only of an entry of a batch.
    pub(super) id: Option<String>,
    pub(super) message_body: Option<String>,
    pub(super) delay_seconds: Option<i64>,
    message_attributes: Option<BTreeMap<String, GivenValue>>,
    message_system_attributes: Option<BTreeMap<String, GivenValue>>,
    message_deduplication_id: Option<String>,
    pub(super) message_group_id: Option<String>,
}

/// The value of an attribute.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GivenValue {
    data_type: Option<String>,
    string_value: Option<String>,
    binary_value: Option<String>,
}

/// A message that can be sent, and the digests that its sender is told.
pub(super) struct Ready {
    pub(super) entry: SendEntry,
    pub(super) md5_of_body: String,
    pub(super) md5_of_attributes: Option<String>,
    pub(super) md5_of_system_attributes: Option<String>,
}

impl Given {
    /// Body and attributes together, in bytes, before they are checked.
    pub(super) fn bytes(&self) -> u64 {
        let attributes = self.message_attributes.iter().flatten();
        let attributes: usize = attributes.map(|(name, value)| name.len() + value.bytes()).sum();
        (self.message_body.as_ref().map_or(0, String::len) + attributes) as u64
    }

    /// The message to `queue` of this sender.
    pub(super) fn parse(self, queue: &QueueName, sender: Option<String>) -> Result<Ready, Fault> {
        let body = self.message_body.filter(|body| !body.is_empty());
        let body = body.ok_or_else(|| Fault::missing("MessageBody"))?;
        check_text(&body)?;
        let delay = delay(self.delay_seconds)?;
        let group = self.message_group_id.filter(|id| !id.is_empty());
        let group = group.map(|id| group_id(&id)).transpose()?;
        let given = self.message_deduplication_id.filter(|id| !id.is_empty());
        let (deduplication_id, deduplication) =
            duplicates(queue, group.as_ref(), given, body.as_bytes())?.unzip();
        let attributes = attributes(self.message_attributes)?;
        let trace_header = trace_header(self.message_system_attributes)?;
        let md5_of_attributes = md5::of_attributes(&attributes);
        let md5_of_system_attributes = md5::of_attributes(&trace_header);
        let trace_header = trace_header.and_then(|attribute| match attribute.value {
            AttributeValue::Text(text) => Some(text),
            AttributeValue::Binary(_) => None,
        });
        let envelope =
            Envelope { attributes, group: group.clone(), deduplication_id, trace_header, sender };
        let md5_of_body = md5::of_body(body.as_bytes());
        let payload = Handle::payload(&envelope, Bytes::from(body));
        let entry = SendEntry { payload, delay, group, deduplication, ..SendEntry::default() };
        Ok(Ready { entry, md5_of_body, md5_of_attributes, md5_of_system_attributes })
    }
}

impl GivenValue {
    fn bytes(&self) -> usize {
        let data_type = self.data_type.as_ref().map_or(0, String::len);
        let text = self.string_value.as_ref().map_or(0, String::len);
        let binary = self.binary_value.as_ref().map_or(0, |text| text.trim_end_matches('=').len());
        data_type + text + binary * 3 / 4
    }
}

/// Refuses characters that no XML has.
fn check_text(text: &str) -> Result<(), Fault> {
    // Most texts have nothing but ASCII, whose bytes are looked at many at a time.
    let is_control = |b: u8| b < b' ' && !matches!(b, b'\t' | b'\n' | b'\r');
    let has_control = text.bytes().fold(false, |found, b| found | is_control(b));
    if !has_control && (text.is_ascii() || text.chars().all(is_allowed)) {
        return Ok(());
    }
    let message = "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 \
                   to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF";
    Err(Fault::new(Kind::InvalidMessageContents, message))
}

/// Whether a message can have the character.
pub(super) fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

fn delay(given: Option<i64>) -> Result<Option<Delay>, Fault> {
    let Some(seconds) = given else { return Ok(None) };
    if !(0..=DELAY_S_MAX).contains(&seconds) {
        let reason = format!("DelaySeconds must be >= 0 and <= {DELAY_S_MAX}.");
        return Err(Fault::invalid("DelaySeconds", seconds, &reason));
    }
    Ok(Some(Delay::For(Millis::from_secs(seconds.unsigned_abs()))))
}

fn group_id(id: &str) -> Result<GroupId, Fault> {
    GroupId::parse("group_id", id).map_err(|_| bad_id("MessageGroupId", id))
}

/// An id of a client's choosing that breaks their rule.
pub(super) fn bad_id(parameter: &str, id: &str) -> Fault {
    let reason = format!(
        "{parameter} can only include alphanumeric and punctuation characters. 1 to {} in length.",
        limits::ID_CHARS_MAX
    );
    Fault::invalid(parameter, quoted(id), &reason)
}

/// By what duplicates of the message are known: whether an id made of its body counts, the queue
/// says. Standard queues of this protocol know no duplicates.
fn duplicates(
    queue: &QueueName,
    group: Option<&GroupId>,
    given: Option<String>,
    body: &[u8],
) -> Result<Option<(String, Deduplication)>, Fault> {
    const NAME: &str = "MessageDeduplicationId";
    if let Some(id) = &given {
        check_id("deduplication_id", id).map_err(|_: Rejection| bad_id(NAME, id))?;
        if !queue.is_fifo() {
            return Err(Fault::invalid(NAME, quoted(id), NOT_FOR_THIS_KIND));
        }
    }
    if !queue.is_fifo() {
        return Ok(None);
    }
    let from_content = given.is_none();
    let id = given.unwrap_or_else(|| digest::content_id(body));
    let deduplication = digest::deduplication(&id, group, from_content);
    Ok(Some((id, deduplication)))
}

/// The message attributes, by ascending name.
fn attributes(given: Option<BTreeMap<String, GivenValue>>) -> Result<Vec<Attribute>, Fault> {
    let given = given.unwrap_or_default();
    let (count, max) = (given.len(), limits::ATTRIBUTES_MAX);
    if count > max {
        let message =
            format!("Number of message attributes [{count}] exceeds the allowed maximum [{max}].");
        return Err(Fault::new(Kind::InvalidParameterValue, message));
    }
    given.into_iter().map(|(name, value)| attribute(name, value)).collect()
}

fn attribute(name: String, given: GivenValue) -> Result<Attribute, Fault> {
    let refused = |message: String| Fault::new(Kind::InvalidParameterValue, message);
    let shown = quoted(&name);
    let data_type = given.data_type.filter(|data_type| !data_type.is_empty());
    let data_type = data_type.ok_or_else(|| {
        refused(format!(
            "The message attribute '{shown}' must contain non-empty message attribute type."
        ))
    })?;
    let kind = data_type.split('.').next().unwrap_or_default().to_owned();
    let empty = || {
        let message = format!(
            "Message (user) attribute '{shown}' must contain a non-empty value of type '{kind}'."
        );
        refused(message)
    };
    let value = match kind.as_str() {
        "String" | "Number" => {
            let text = given.string_value.filter(|text| !text.is_empty()).ok_or_else(empty)?;
            check_text(&text)?;
            if kind == "Number" {
                check_number(&text, &shown)?;
            }
            AttributeValue::Text(text)
        }
        "Binary" => {
            let text = given.binary_value.filter(|text| !text.is_empty()).ok_or_else(empty)?;
            let bytes = BASE64_STANDARD.decode(text.as_bytes()).map_err(|_| {
                refused(format!("The value of message attribute '{shown}' is no base64."))
            })?;
            AttributeValue::Binary(bytes.into())
        }
        _ => {
            return Err(refused(format!(
                "The message attribute '{shown}' has an invalid message attribute type, the set of \
                 supported type prefixes is Binary, Number, and String."
            )));
        }
    };
    let attribute = Attribute { name, data_type, value };
    match attribute.check() {
        Ok(()) => Ok(attribute),
        Err(Rejection::Malformed { field: "attributes", problem, .. }) => Err(refused(format!(
            "Message (user) attribute name '{shown}' is invalid. Reason: {problem}"
        ))),
        Err(rejection) => {
            Err(refused(format!("Message (user) attribute '{shown}' is invalid: {rejection}")))
        }
    }
}

/// A number is any text that reads as one.
fn check_number(text: &str, name: &str) -> Result<(), Fault> {
    let is_number = text.trim().parse::<f64>().is_ok_and(f64::is_finite);
    if is_number {
        return Ok(());
    }
    let value = quoted(text);
    let message = format!("Could not cast message attribute '{name}' value to number: {value}");
    Err(Fault::new(Kind::InvalidParameterValue, message))
}

/// The one system attribute that can be sent.
fn trace_header(given: Option<BTreeMap<String, GivenValue>>) -> Result<Option<Attribute>, Fault> {
    let refused = |message: String| Fault::new(Kind::InvalidParameterValue, message);
    let mut header = None;
    for (name, value) in given.unwrap_or_default() {
        if name != TRACE_HEADER {
            let name = quoted(&name);
            return Err(refused(format!("Message system attribute name '{name}' is invalid.")));
        }
        let text = value.string_value.filter(|text| !text.is_empty());
        let (Some("String"), Some(text)) = (value.data_type.as_deref(), text) else {
            let message = format!(
                "Message (system) attribute '{name}' must contain a non-empty value of type 'String'."
            );
            return Err(refused(message));
        };
        let chars = text.chars().count();
        let is_ascii = text.chars().all(|c| c.is_ascii_graphic() || c == ' ');
        if chars > limits::TRACE_HEADER_CHARS_MAX || !is_ascii {
            return Err(refused(format!(
                "Message (system) attribute '{name}' is no trace header."
            )));
        }
        let value = AttributeValue::Text(text);
        header = Some(Attribute { name, data_type: "String".to_owned(), value });
    }
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_the_characters_of_xml_alone() {
        let is_taken = |text: &str| check_text(text).is_ok();
        for good in ["a\t\n\r \u{7f}", "\u{80}\u{fffd}\u{10000}", "\u{e000}\u{1f980}"] {
            assert!(is_taken(good), "{good:?}");
        }
        for bad in ["\0", "a\u{1f}", "\u{b}\u{e4}", "\u{fffe}", "a\u{ffff}"] {
            assert!(!is_taken(bad), "{bad:?}");
        }
    }
}
