//! Which messages of a queue a request is about.

use super::{convert, parse, refusal::Refusal};
use crate::{
    proto::v1,
    types::{
        Attribute, AttributeValue, MoveFilter, Rejection, Unit, in_range,
        limits::FILTER_VALUE_BYTES_MAX,
    },
};

/// The filter in the field `filter` of a request; one that lets everything through if not set.
pub(super) fn parse(given: Option<v1::MessageFilter>) -> Result<MoveFilter, Refusal> {
    let Some(v1::MessageFilter { group_id, min_age, attribute: wanted }) = given else {
        return Ok(MoveFilter::default());
    };
    let within = |rejection| Refusal::within("filter", rejection);
    Ok(MoveFilter {
        group: parse::group_if_set("group_id", &group_id).map_err(within)?,
        age_min: parse::duration_if_set("min_age", min_age).map_err(within)?,
        attribute: wanted.map(attribute).transpose()?,
    })
}

/// The filter as it was given; `None` if it lets everything through.
pub(super) fn told(filter: &MoveFilter) -> Option<v1::MessageFilter> {
    if *filter == MoveFilter::default() {
        return None;
    }
    let attribute = filter.attribute.clone().map(convert::attribute);
    Some(v1::MessageFilter {
        group_id: filter.group.as_ref().map(ToString::to_string).unwrap_or_default(),
        min_age: filter.age_min.map(convert::duration),
        attribute: attribute.map(|(name, value)| v1::AttributeFilter { name, value: Some(value) }),
    })
}

fn attribute(given: v1::AttributeFilter) -> Result<Attribute, Refusal> {
    const PATH: &str = "filter.attribute";
    const VALUE: &str = "filter.attribute.value";
    let needed = "type and value of the attribute that messages must have";
    let missing = Rejection::Missing { field: "value", needed };
    let value = given.value.ok_or_else(|| Refusal::within(PATH, missing))?;
    let attribute = convert::from_attribute(given.name, value);
    let bytes = match &attribute.value {
        AttributeValue::Text(text) => text.len(),
        AttributeValue::Binary(bytes) => bytes.len(),
    };
    let (bytes, max) = (bytes as u64, FILTER_VALUE_BYTES_MAX as u64);
    attribute.check().and_then(|()| in_range("value", bytes, 1, max, Unit::Bytes)).map_err(
        |rejection| match rejection {
            // The rules of attributes call the name by the map that it is a key of.
            Rejection::Malformed { field: "attributes", value, problem } => {
                Refusal::within(PATH, Rejection::Malformed { field: "name", value, problem })
            }
            rejection => Refusal::within(VALUE, rejection),
        },
    )?;
    Ok(attribute)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;
    use prost_types::Duration;

    use super::*;
    use crate::proto::v1::attribute_value::Value;

    fn attribute(name: &str, data_type: &str, text: &str) -> v1::MessageFilter {
        let value = Some(Value::Text(text.into()));
        let value = Some(v1::AttributeValue { data_type: data_type.into(), value });
        let attribute = Some(v1::AttributeFilter { name: name.into(), value });
        v1::MessageFilter { attribute, ..Default::default() }
    }

    fn refused_field(filter: v1::MessageFilter) -> Option<String> {
        parse(Some(filter)).err().map(|refusal| refusal.field().expect("a field is wrong"))
    }

    #[test]
    fn a_filter_comes_back_as_it_was_given() {
        assert_eq!(parse(None).ok(), Some(MoveFilter::default()));
        assert_eq!(told(&MoveFilter::default()), None);
        let given = v1::MessageFilter {
            group_id: "g1".into(),
            min_age: Some(Duration { seconds: 60, nanos: 0 }),
            ..attribute("color", "String", &"x".repeat(1024))
        };
        let parsed = parse(Some(given.clone())).expect("it is good");
        assert_eq!(told(&parsed), Some(given));
    }

    #[test]
    fn a_filter_is_refused_by_the_field_that_is_wrong() {
        let group = v1::MessageFilter { group_id: "x".repeat(129), ..Default::default() };
        assert_eq!(refused_field(group).as_deref(), Some("filter.group_id"));
        let min_age = Some(Duration { seconds: -1, nanos: 0 });
        let age = v1::MessageFilter { min_age, ..Default::default() };
        assert_eq!(refused_field(age).as_deref(), Some("filter.min_age"));
        let unset = Some(v1::AttributeFilter { name: "a".into(), value: None });
        let unset = v1::MessageFilter { attribute: unset, ..Default::default() };
        assert_eq!(refused_field(unset).as_deref(), Some("filter.attribute.value"));
        let cases = [
            (attribute("", "String", "x"), "filter.attribute.name"),
            (attribute(&"n".repeat(257), "String", "x"), "filter.attribute.name"),
            (attribute("a", "Text", "x"), "filter.attribute.value.data_type"),
            (attribute("a", "String", ""), "filter.attribute.value.value"),
            (attribute("a", "String", &"x".repeat(1025)), "filter.attribute.value.value"),
            (attribute("a", "String", &"x".repeat(1 << 20)), "filter.attribute.value.value"),
        ];
        for (filter, field) in cases {
            assert_eq!(refused_field(filter).as_deref(), Some(field));
        }
    }

    proptest! {
        #[test]
        fn any_filter_is_parsed_or_refused(name: String, text: String, bytes: Vec<u8>) {
            let _ = parse(Some(attribute(&name, &text, &text)));
            if let Ok(filter) = v1::MessageFilter::decode(&bytes[..]) {
                let _ = parse(Some(filter));
            }
        }
    }
}
