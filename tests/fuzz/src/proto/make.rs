//! Requests that are shaped as the API's descriptors say, with values that are often good ones: so
//! that what lies behind the first refusal is reached.

use std::collections::BTreeMap;

use arbitrary::{Result, Unstructured};
use ledgerq::{
    broker::Receipts,
    proto::DESCRIPTOR_SET,
    types::{LeaseRef, Nonce, QueueId, Seq},
};
use prost::{
    Message,
    encoding::{WireType, encode_key, encode_varint},
};
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorSet, ServiceDescriptorProto,
    field_descriptor_proto::{Label, Type},
};

use super::{KEY, Method};

const PACKAGE: &str = "ledgerq.v1";
/// How deep messages lie in each other at most; those of the API do not go so deep.
const DEPTH_MAX: usize = 6;
const REPEATED_MAX: usize = 3;
const TEXTS: [&str; 14] = [
    "jobs",
    "jobs.fifo",
    "dead",
    "",
    "g",
    "String",
    "Number",
    "Binary.png",
    "1",
    "0123abcd-0123-8abc-8000-00000000000f",
    "00000000-0000-8000-8000-000000000001",
    "Root=1-2-3",
    "\u{e9}",
    "a.b",
];
const NUMBERS: [u64; 14] = [0, 1, 2, 3, 4, 9, 10, 20, 60, 500, 1000, 43_200, 999_999_999, u64::MAX];

/// The messages of the API by their full names, and its services.
pub(super) struct Schema {
    messages: BTreeMap<String, DescriptorProto>,
    services: Vec<ServiceDescriptorProto>,
    receipt_handle: String,
}

impl Schema {
    /// What the build made of the `.proto` files.
    pub(super) fn of_build() -> Self {
        let set = FileDescriptorSet::decode(DESCRIPTOR_SET).expect("the build made it");
        let (mut messages, mut services) = (BTreeMap::new(), Vec::new());
        for file in set.file {
            let package = format!(".{}", file.package());
            file.message_type.into_iter().for_each(|message| add(&package, message, &mut messages));
            if package.ends_with(PACKAGE) {
                services.extend(file.service);
            }
        }
        let (queue, seq, nonce) = (QueueId::new(1), Seq::new(2), Nonce::new(3));
        let receipt_handle = Receipts::new(&KEY).seal(&LeaseRef { queue, seq, nonce });
        Self { messages, services, receipt_handle }
    }

    /// Every method, in the order of its name.
    pub(super) fn methods(&self) -> Vec<Method> {
        let methods = self.services.iter().flat_map(|service| {
            service.method.iter().map(|method| Method {
                path: format!("/{PACKAGE}.{}/{}", service.name(), method.name()),
                input: method.input_type().to_owned(),
            })
        });
        let mut methods: Vec<Method> = methods.collect();
        methods.sort_by(|a, b| a.path.cmp(&b.path));
        methods
    }

    /// A message of this name, encoded.
    pub(super) fn message(&self, name: &str, input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.put_message(name, 0, input, &mut bytes)?;
        Ok(bytes)
    }

    fn put_message(
        &self,
        name: &str,
        depth: usize,
        input: &mut Unstructured<'_>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        if depth == DEPTH_MAX {
            return Ok(());
        }
        for field in &self.messages[name].field {
            let is_repeated = field.label() == Label::Repeated;
            // Once the input is used up, nothing more is there.
            let count = input.int_in_range(0..=if is_repeated { REPEATED_MAX } else { 2 })?;
            for _ in 0..if is_repeated { count } else { count.min(1) } {
                self.put_field(field, depth, input, out)?;
            }
        }
        Ok(())
    }

    fn put_field(
        &self,
        field: &FieldDescriptorProto,
        depth: usize,
        input: &mut Unstructured<'_>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let tag = u32::try_from(field.number()).expect("tags are positive");
        match field.r#type() {
            Type::Message => {
                let mut inner = Vec::new();
                self.put_message(field.type_name(), depth + 1, input, &mut inner)?;
                put_bytes(tag, &inner, out);
            }
            Type::String => put_bytes(tag, self.text(input)?.as_bytes(), out),
            Type::Bytes => {
                let length = input.int_in_range(0..=40)?;
                let length = length.min(input.len());
                put_bytes(tag, input.bytes(length)?, out);
            }
            Type::Fixed64 | Type::Sfixed64 | Type::Double => {
                encode_key(tag, WireType::SixtyFourBit, out);
                out.extend_from_slice(&number(input)?.to_le_bytes());
            }
            Type::Fixed32 | Type::Sfixed32 | Type::Float => {
                encode_key(tag, WireType::ThirtyTwoBit, out);
                out.extend_from_slice(&number(input)?.to_le_bytes()[..4]);
            }
            _ => {
                encode_key(tag, WireType::Varint, out);
                encode_varint(number(input)?, out);
            }
        }
        Ok(())
    }

    fn text(&self, input: &mut Unstructured<'_>) -> Result<String> {
        Ok(match input.int_in_range(0..=9)? {
            0..=6 => (*input.choose(&TEXTS)?).to_owned(),
            7 => self.receipt_handle.clone(),
            8 => "x".repeat(input.int_in_range(0..=300)?),
            _ => {
                let length = input.int_in_range(0..=40)?.min(input.len());
                String::from_utf8_lossy(input.bytes(length)?).into_owned()
            }
        })
    }
}

/// A message and those within it.
fn add(scope: &str, message: DescriptorProto, messages: &mut BTreeMap<String, DescriptorProto>) {
    let name = format!("{scope}.{}", message.name());
    message.nested_type.iter().for_each(|nested| add(&name, nested.clone(), messages));
    messages.insert(name, message);
}

fn number(input: &mut Unstructured<'_>) -> Result<u64> {
    Ok(match input.int_in_range(0..=3)? {
        0..=2 => *input.choose(&NUMBERS)?,
        _ => input.arbitrary()?,
    })
}

fn put_bytes(tag: u32, bytes: &[u8], out: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}
