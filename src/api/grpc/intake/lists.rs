//! Which fields of requests can have many values, from the descriptors of the build.

use std::{collections::HashMap, sync::LazyLock};

use prost::Message;
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};

use crate::{proto, types::limits};

/// Every list of a request, with how many values it has at least and at most. A list that is not
/// here is held to the most entries of any request; a test says that there is none.
const LISTS: [(&str, &str, usize, usize); 10] = [
    ("SendRequest", "entries", 1, limits::ENTRIES_MAX),
    ("SendStreamRequest", "entries", 1, limits::ENTRIES_MAX),
    ("ReceiveStreamRequest", "acks", 0, limits::ENTRIES_MAX),
    ("ReceiveStreamRequest", "nacks", 0, limits::ENTRIES_MAX),
    ("ReceiveStreamRequest", "extensions", 0, limits::ENTRIES_MAX),
    ("DeleteRequest", "receipt_handles", 1, limits::ENTRIES_MAX),
    ("ChangeVisibilityRequest", "entries", 1, limits::ENTRIES_MAX),
    ("CancelScheduledRequest", "message_ids", 1, limits::ENTRIES_MAX),
    ("TransactRequest", "steps", 1, limits::TRANSACT_STEPS_MAX),
    // There are three states; naming one again says nothing more.
    ("PeekRequest", "states", 0, limits::ENTRIES_MAX),
];

/// The shapes of messages, by number.
pub(super) struct Lists {
    messages: Vec<Vec<Field>>,
    /// What each method takes, by its path.
    requests: HashMap<String, Taken>,
}

/// What a method takes.
#[derive(Clone, Copy)]
pub(super) struct Taken {
    /// The number of the message.
    pub(super) message: usize,
    /// Whether one call has many of them.
    pub(super) is_stream: bool,
}

/// A field that has values of its own memory: a list, a message, or both.
pub(super) struct Field {
    number: u32,
    pub(super) name: String,
    pub(super) is_list: bool,
    /// Its values can stand in one piece, without a key before each.
    pub(super) is_packed: bool,
    /// The shape of its values, if they are messages.
    pub(super) message: Option<usize>,
    pub(super) min: u64,
    pub(super) max: u64,
}

impl Lists {
    /// Those of the API that was built.
    pub(super) fn of_build() -> &'static Self {
        static LISTS: LazyLock<Lists> = LazyLock::new(|| {
            let set = FileDescriptorSet::decode(proto::DESCRIPTOR_SET);
            Lists::of(&set.expect("the build made the descriptors"))
        });
        &LISTS
    }

    fn of(set: &FileDescriptorSet) -> Self {
        let mut all: Vec<(String, &DescriptorProto)> = Vec::new();
        for file in &set.file {
            for message in &file.message_type {
                collect(&format!(".{}", file.package()), message, &mut all);
            }
        }
        let numbers: HashMap<&str, usize> =
            all.iter().enumerate().map(|(number, (name, _))| (name.as_str(), number)).collect();
        let fields = |(_, message): &(String, &DescriptorProto)| -> Vec<Field> {
            let field = |field| Field::of(message, field, &numbers);
            message.field.iter().filter_map(field).collect()
        };
        let messages = all.iter().map(fields).collect();
        let mut requests = HashMap::new();
        for file in &set.file {
            for service in &file.service {
                for method in &service.method {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    let is_stream = method.client_streaming();
                    let taken = |message: &usize| Taken { message: *message, is_stream };
                    requests.extend(numbers.get(method.input_type()).map(|at| (path, taken(at))));
                }
            }
        }
        Self { messages, requests }
    }

    /// What a path's method takes.
    pub(super) fn request(&self, path: &str) -> Option<Taken> {
        self.requests.get(path).copied()
    }

    /// The field of a number, if it has values of its own memory.
    pub(super) fn field(&self, message: usize, number: u64) -> Option<&Field> {
        self.messages[message].iter().find(|field| u64::from(field.number) == number)
    }
}

impl Field {
    fn of(
        message: &DescriptorProto,
        field: &FieldDescriptorProto,
        numbers: &HashMap<&str, usize>,
    ) -> Option<Self> {
        let is_list = field.label() == Label::Repeated;
        let is_message = field.r#type() == Type::Message;
        if !is_list && !is_message {
            return None;
        }
        let named = |(request, list, ..): &&(&str, &str, usize, usize)| {
            *request == message.name() && *list == field.name()
        };
        let (min, max) = LISTS
            .iter()
            .find(named)
            .map_or((0, limits::ENTRIES_MAX), |(_, _, min, max)| (*min, *max));
        Some(Self {
            number: u32::try_from(field.number()).ok()?,
            name: field.name().to_owned(),
            is_list,
            is_packed: is_list
                && !matches!(field.r#type(), Type::String | Type::Bytes | Type::Message),
            message: numbers.get(field.type_name()).copied().filter(|_| is_message),
            min: min as u64,
            max: max as u64,
        })
    }
}

/// A message and those within it, under their full names.
fn collect<'a>(
    within: &str,
    message: &'a DescriptorProto,
    all: &mut Vec<(String, &'a DescriptorProto)>,
) {
    let name = format!("{within}.{}", message.name());
    for nested in &message.nested_type {
        collect(&name, nested, all);
    }
    all.push((name, message));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_of_a_request_has_a_limit_of_its_own() {
        let set = FileDescriptorSet::decode(proto::DESCRIPTOR_SET).expect("the build made it");
        let mut found = Vec::new();
        for file in set.file.iter().filter(|file| file.package() == "ledgerq.v1") {
            let methods = file.service.iter().flat_map(|service| &service.method);
            for method in methods {
                let messages = set.file.iter().flat_map(|file| &file.message_type);
                let short = method.input_type().trim_start_matches(".ledgerq.v1.");
                let request = messages.clone().find(|message| message.name() == short);
                let request = request.unwrap_or_else(|| panic!("{short} is there"));
                let lists = request.field.iter().filter(|f| f.label() == Label::Repeated);
                found.extend(lists.map(|list| (short.to_owned(), list.name().to_owned())));
            }
        }
        let mut known: Vec<_> =
            LISTS.iter().map(|(request, list, ..)| ((*request).into(), (*list).into())).collect();
        found.sort();
        known.sort();
        assert_eq!(found, known);
    }

    #[test]
    fn every_method_has_its_request() {
        let lists = Lists::of_build();
        assert_eq!(lists.requests.len(), 29);
        let of_messages = |method: &str| {
            let taken = lists.request(&format!("/ledgerq.v1.MessageService/{method}"));
            taken.expect("it is there")
        };
        let streams = ["SendStream", "ReceiveStream", "Send"].map(|of| of_messages(of).is_stream);
        assert_eq!(streams, [true, true, false]);
        let send = of_messages("Send").message;
        let entries = lists.field(send, 2).expect("it is a list");
        assert_eq!((entries.name.as_str(), entries.min, entries.max), ("entries", 1, 1000));
        let entry = entries.message.expect("entries are messages");
        let attributes = lists.field(entry, 2).expect("a map is a list");
        assert!(attributes.is_list && attributes.message.is_some());
    }
}
