//! The query protocol's way in: a form or a URL's query becomes the tree that the JSON protocol
//! would have sent, so that one set of requests serves both.
//!
//! Lists are flat there: `AttributeName.1`, `Attribute.1.Name` with `Attribute.1.Value`, and within
//! an entry of a batch once more. Nothing is deeper.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    error::{Fault, Kind},
    limits::PARAMETERS_MAX,
};

/// Every parameter, by its name; none has two values.
pub(super) type Parameters = BTreeMap<String, String>;

/// What the values of a list are.
#[derive(Clone, Copy)]
enum Form {
    /// Plain strings.
    Strings,
    /// Pairs of strings, under these names.
    Pairs(&'static str, &'static str),
    /// Message attributes: a name, and a value of several members.
    Attributes,
    /// Entries of a batch.
    Entries,
}

/// The lists: what each is called here and in the tree.
const LISTS: [(&str, &str, Form); 13] = [
    ("AttributeName", "AttributeNames", Form::Strings),
    ("MessageSystemAttributeName", "MessageSystemAttributeNames", Form::Strings),
    ("MessageAttributeName", "MessageAttributeNames", Form::Strings),
    ("TagKey", "TagKeys", Form::Strings),
    ("AWSAccountId", "AWSAccountIds", Form::Strings),
    ("ActionName", "Actions", Form::Strings),
    ("Attribute", "Attributes", Form::Pairs("Name", "Value")),
    ("Tag", "Tags", Form::Pairs("Key", "Value")),
    ("MessageAttribute", "MessageAttributes", Form::Attributes),
    ("MessageSystemAttribute", "MessageSystemAttributes", Form::Attributes),
    ("SendMessageBatchRequestEntry", "Entries", Form::Entries),
    ("DeleteMessageBatchRequestEntry", "Entries", Form::Entries),
    ("ChangeMessageVisibilityBatchRequestEntry", "Entries", Form::Entries),
];

/// The parameters that are numbers.
const NUMBERS: [&str; 6] = [
    "DelaySeconds",
    "VisibilityTimeout",
    "MaxNumberOfMessages",
    "WaitTimeSeconds",
    "MaxResults",
    "MaxNumberOfMessagesPerSecond",
];

/// Puts the parameters of a form to those that there are.
pub(super) fn read(form: &[u8], into: &mut Parameters) -> Result<(), Fault> {
    for (name, value) in form_urlencoded::parse(form) {
        if into.len() >= PARAMETERS_MAX {
            let message = format!("A request has at most {PARAMETERS_MAX} parameters.");
            return Err(Fault::new(Kind::MalformedQuery, message));
        }
        let name = name.into_owned();
        if into.contains_key(&name) {
            let message = format!("The parameter {} has more than one value.", shown(&name));
            return Err(Fault::new(Kind::MalformedQuery, message));
        }
        into.insert(name, value.into_owned());
    }
    Ok(())
}

/// The tree that the JSON protocol would have sent.
pub(super) fn tree(parameters: &Parameters) -> Result<Value, Fault> {
    let flat = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    object(flat, true).map(Value::Object)
}

/// The values of one list, by their numbers, each with what stands behind the number.
type Numbered<'a> = BTreeMap<u32, Vec<(&'a str, &'a str)>>;

fn object<'a>(
    parameters: impl Iterator<Item = (&'a str, &'a str)>,
    has_entries: bool,
) -> Result<Map<String, Value>, Fault> {
    let mut members = Map::new();
    let mut lists: BTreeMap<&str, (Form, Numbered<'_>)> = BTreeMap::new();
    for (name, value) in parameters {
        let (head, rest) = name.split_once('.').unwrap_or((name, ""));
        let list = LISTS.iter().find(|(listed, ..)| *listed == head);
        // An empty list is written as a name without a number, of either protocol.
        let of_field = || LISTS.iter().find(|(_, field, _)| *field == head);
        let empty = list.or_else(of_field).filter(|_| rest.is_empty() && value.is_empty());
        if let Some((_, field, form)) = empty {
            lists.entry(field).or_insert_with(|| (*form, Numbered::new()));
            continue;
        }
        let Some((_, field, form)) = list.filter(|_| !rest.is_empty()) else {
            members.insert(name.to_owned(), scalar(name, value)?);
            continue;
        };
        if matches!(form, Form::Entries) && !has_entries {
            return Err(malformed(name));
        }
        let (number, rest) = rest.split_once('.').unwrap_or((rest, ""));
        let number = number.parse().map_err(|_| malformed(name))?;
        let (_, values) = lists.entry(field).or_insert_with(|| (*form, Numbered::new()));
        values.entry(number).or_default().push((rest, value));
    }
    for (field, (form, values)) in lists {
        members.insert(field.to_owned(), list(form, values)?);
    }
    Ok(members)
}

fn list(form: Form, values: Numbered<'_>) -> Result<Value, Fault> {
    let values = values.into_values();
    match form {
        Form::Strings => values.map(|members| member(&members, "").map(Value::from)).collect(),
        Form::Pairs(name, value) => {
            let pair = |members: Vec<_>| {
                let value = member(&members, value).unwrap_or_default();
                Ok((member(&members, name)?, Value::from(value)))
            };
            named(values.map(pair))
        }
        Form::Attributes => named(values.map(|members| {
            let inner = members.iter().filter_map(|(name, value)| {
                name.strip_prefix("Value.").map(|name| (name.to_owned(), Value::from(*value)))
            });
            Ok((member(&members, "Name")?, Value::Object(inner.collect())))
        })),
        Form::Entries => {
            values.map(|members| object(members.into_iter(), false).map(Value::Object)).collect()
        }
    }
}

/// An object of members whose names are all different.
fn named(members: impl Iterator<Item = Result<(String, Value), Fault>>) -> Result<Value, Fault> {
    let mut object = Map::new();
    for member in members {
        let (name, value) = member?;
        if object.contains_key(&name) {
            let message = format!("The name {} is there more than once.", shown(&name));
            return Err(Fault::new(Kind::InvalidParameterValue, message));
        }
        object.insert(name, value);
    }
    Ok(Value::Object(object))
}

fn member(members: &[(&str, &str)], wanted: &str) -> Result<String, Fault> {
    let found = members.iter().find(|(name, _)| *name == wanted);
    let missing = if wanted.is_empty() { "of each number of a list" } else { wanted };
    found.map(|(_, value)| (*value).to_owned()).ok_or_else(|| Fault::missing(missing))
}

fn scalar(name: &str, value: &str) -> Result<Value, Fault> {
    if !NUMBERS.contains(&name) {
        return Ok(value.into());
    }
    let number: Result<i64, _> = value.trim().parse();
    number.map(Value::from).map_err(|_| Fault::invalid(name, shown(value), "Must be an integer."))
}

fn malformed(name: &str) -> Fault {
    let message = format!("The parameter {} is not known.", shown(name));
    Fault::new(Kind::MalformedQuery, message)
}

/// The beginning of what a client sent.
fn shown(text: &str) -> String {
    crate::types::quoted(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn told(form: &str) -> Result<Value, Fault> {
        let mut parameters = Parameters::new();
        read(form.as_bytes(), &mut parameters)?;
        tree(&parameters)
    }

    #[test]
    fn flat_lists_become_a_tree() {
        let form = "Action=SendMessageBatch&QueueUrl=http%3A%2F%2Fh%2F0%2Fjobs\
                    &SendMessageBatchRequestEntry.1.Id=a\
                    &SendMessageBatchRequestEntry.1.MessageBody=a+b%26c\
                    &SendMessageBatchRequestEntry.1.DelaySeconds=5\
                    &SendMessageBatchRequestEntry.1.MessageAttribute.1.Name=color\
                    &SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.DataType=String\
                    &SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.StringValue=red\
                    &SendMessageBatchRequestEntry.10.Id=c&SendMessageBatchRequestEntry.2.Id=b";
        let color = json!({"color": {"DataType": "String", "StringValue": "red"}});
        let first = json!({
            "Id": "a", "MessageBody": "a b&c", "DelaySeconds": 5, "MessageAttributes": color,
        });
        let expected = json!({
            "Action": "SendMessageBatch",
            "QueueUrl": "http://h/0/jobs",
            "Entries": [first, {"Id": "b"}, {"Id": "c"}],
        });
        assert_eq!(told(form), Ok(expected));
        let form = "Attribute.1.Name=DelaySeconds&Attribute.1.Value=5&Tag.1.Key=a&Tag.1.Value=\
                    &AttributeName.2=B&AttributeName.1=A&TagKey.1=k";
        let expected = json!({
            "Attributes": {"DelaySeconds": "5"}, "Tags": {"a": ""},
            "AttributeNames": ["A", "B"], "TagKeys": ["k"],
        });
        assert_eq!(told(form), Ok(expected));
    }

    #[test]
    fn an_empty_list_has_no_number() {
        let expected = json!({"Entries": [], "AttributeNames": [], "Tags": {}});
        assert_eq!(told("Entries=&AttributeName=&Tag="), Ok(expected));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let entries = "SendMessageBatchRequestEntry";
        let nested = format!("{entries}.1.{entries}.1.Id=a");
        let many: Vec<String> = (0..3000).map(|number| format!("a{number}=1")).collect();
        let refused = [
            ("a=1&a=1", Kind::MalformedQuery),
            ("AttributeName.x=1", Kind::MalformedQuery),
            ("AttributeName.-1=1", Kind::MalformedQuery),
            ("AttributeName.1.x=1", Kind::MissingParameter),
            ("Attribute.1.Value=1", Kind::MissingParameter),
            ("Tag.1.Key=a&Tag.2.Key=a", Kind::InvalidParameterValue),
            ("DelaySeconds=soon", Kind::InvalidParameterValue),
            ("DelaySeconds=99999999999999999999", Kind::InvalidParameterValue),
            (&nested, Kind::MalformedQuery),
            (&many.join("&"), Kind::MalformedQuery),
        ];
        for (form, kind) in refused {
            assert_eq!(told(form).map_err(|fault| fault.kind), Err(kind), "{form:.60}");
        }
    }

    proptest! {
        #[test]
        fn any_form_is_a_tree_or_refused(
            form in "([A-Za-z]{0,9}|Attribute|AttributeName|Tag|SendMessageBatchRequestEntry)\
                     (\\.[0-9]{0,3}(\\.(Name|Key|Value|MessageAttribute))?){0,3}=.{0,5}",
        ) {
            let _ = told(&form);
        }
    }
}
