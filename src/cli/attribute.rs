//! Attributes of messages on the command line: `name=value` or `name:Type=value`.

use std::{fmt, str::FromStr};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;

use crate::types::{Attribute, AttributeValue};

/// An attribute as it was written; the type is `String` unless given, and the value of a `Binary`
/// one is base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeArg(pub Attribute);

/// Why a text is no attribute.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttributeError {
    /// It has no `=`.
    #[error("write it like name=value or name:Number=5")]
    Form,
    /// There is nothing before the `=`, or before the `:`.
    #[error("it has no name; write it like name=value or name:Number=5")]
    NoName,
    /// A type that there is not.
    #[error("{0:?} is no type; there are String, Number, Binary, and each with a .label")]
    Type(String),
    /// There is nothing behind the `=`.
    #[error("its value is empty, which an attribute's cannot be")]
    Empty,
    /// A binary value that is not base64.
    #[error("the value of a Binary attribute is written in base64, which this is not: {0}")]
    Base64(String),
}

impl FromStr for AttributeArg {
    type Err = AttributeError;

    fn from_str(text: &str) -> Result<Self, AttributeError> {
        let (left, value) = text.split_once('=').ok_or(AttributeError::Form)?;
        let (name, data_type) = left.split_once(':').unwrap_or((left, "String"));
        if name.is_empty() {
            return Err(AttributeError::NoName);
        }
        if value.is_empty() {
            return Err(AttributeError::Empty);
        }
        let base = data_type.split_once('.').map_or(data_type, |(base, _label)| base);
        let value = match base {
            "String" | "Number" => AttributeValue::Text(value.to_owned()),
            "Binary" => AttributeValue::Binary(decode(value)?),
            _ => return Err(AttributeError::Type(data_type.to_owned())),
        };
        let (name, data_type) = (name.to_owned(), data_type.to_owned());
        Ok(Self(Attribute { name, data_type, value }))
    }
}

/// As it is written, the type left out if it is `String`.
impl fmt::Display for AttributeArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Attribute { name, data_type, value } = &self.0;
        f.write_str(name)?;
        if data_type != "String" {
            write!(f, ":{data_type}")?;
        }
        match value {
            AttributeValue::Text(text) => write!(f, "={text}"),
            AttributeValue::Binary(bytes) => write!(f, "={}", BASE64_STANDARD.encode(bytes)),
        }
    }
}

fn decode(value: &str) -> Result<Bytes, AttributeError> {
    let decoded = BASE64_STANDARD.decode(value);
    decoded.map(Bytes::from).map_err(|error| AttributeError::Base64(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(String, String, AttributeValue), AttributeError> {
        let AttributeArg(attribute) = text.parse()?;
        Ok((attribute.name, attribute.data_type, attribute.value))
    }

    #[test]
    fn attributes_are_strings_unless_told() {
        let text = |value: &str| AttributeValue::Text(value.into());
        let taken = [
            ("color=red", ("color", "String", text("red"))),
            ("url=http://a?b=c:d", ("url", "String", text("http://a?b=c:d"))),
            ("count:Number=5", ("count", "Number", text("5"))),
            ("x:Number.float=1.5", ("x", "Number.float", text("1.5"))),
            ("b:Binary=aGk=", ("b", "Binary", AttributeValue::Binary("hi".into()))),
        ];
        for (raw, (name, data_type, value)) in taken {
            assert_eq!(read(raw), Ok((name.into(), data_type.into(), value)), "{raw}");
            let written: AttributeArg = raw.parse().expect("an attribute");
            assert_eq!(written.to_string(), raw);
        }
    }

    #[test]
    fn what_is_no_attribute_is_told_with_the_form() {
        let refused = [
            ("color", AttributeError::Form),
            ("=red", AttributeError::NoName),
            (":Number=5", AttributeError::NoName),
            ("color=", AttributeError::Empty),
            ("n:Float=5", AttributeError::Type("Float".into())),
            ("n:=5", AttributeError::Type(String::new())),
        ];
        for (raw, error) in refused {
            assert_eq!(read(raw), Err(error), "{raw}");
        }
        assert!(matches!(read("b:Binary=?"), Err(AttributeError::Base64(_))));
    }
}
