//! Messages as people read them.

use super::output::printable;
use crate::{
    config::Size,
    types::{Attribute, AttributeValue, GroupId, limits::PRIORITY_DEFAULT},
};

/// What is about a message beside its times.
pub(super) struct About<'a> {
    pub(super) sequence_number: u64,
    pub(super) priority: u32,
    pub(super) group: Option<&'a GroupId>,
    pub(super) deduplication_id: Option<&'a str>,
    pub(super) dead_letter_source: Option<&'a str>,
}

/// `number 17, group g1`: what is special about a message, and its number; `None` if nothing is.
pub(super) fn about(message: &About<'_>) -> Option<String> {
    let mut words = vec![format!("number {}", message.sequence_number)];
    if message.priority != u32::from(PRIORITY_DEFAULT) {
        words.push(format!("priority {}", message.priority));
    }
    words.extend(message.group.map(|group| format!("group {group}")));
    let id = message.deduplication_id;
    words.extend(id.map(|id| format!("deduplication id {}", printable(id))));
    words.extend(message.dead_letter_source.map(|queue| format!("a dead letter of {queue}")));
    (words.len() > 1).then(|| words.join(", "))
}

/// `color (String) = red`
pub(super) fn attribute_line(attribute: &Attribute) -> String {
    let value = match &attribute.value {
        AttributeValue::Text(text) => printable(text),
        AttributeValue::Binary(bytes) => format!("({})", Size(bytes.len() as u64)),
    };
    format!("{} ({}) = {value}", attribute.name, attribute.data_type)
}

/// A body, if it is text.
pub(super) fn body_text(body: &[u8]) -> String {
    match std::str::from_utf8(body) {
        Ok(text) => printable(text),
        Err(_) => format!("({} that are no text; --json has them)", Size(body.len() as u64)),
    }
}
