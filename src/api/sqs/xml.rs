//! The query protocol's way out: the tree that the JSON protocol would be answered becomes XML.
//! Lists and maps are flat: each value is an element of its own beside the others.

use quick_xml::{
    Writer,
    escape::escape,
    events::{BytesText, Event},
};
use serde_json::{Map, Value};

use super::error::{Fault, Kind};

const NAMESPACE: &str = "http://queue.amazonaws.com/doc/2012-11-05/";
const DECLARATION: &str = "<?xml version=\"1.0\"?>";

/// An answer; `result` is none for an action that has none.
pub(super) fn answer(action: &str, result: Option<&Value>, request_id: &str) -> Vec<u8> {
    document(&format!("{action}Response"), |out| {
        if let Some(result) = result {
            out.nested(&format!("{action}Result"), |out| {
                if let Value::Object(members) = result {
                    out.members(action, members);
                }
            });
        }
        out.nested("ResponseMetadata", |out| out.text("RequestId", request_id));
    })
}

/// A refusal.
pub(super) fn fault(fault: &Fault, request_id: &str) -> Vec<u8> {
    document("ErrorResponse", |out| {
        out.nested("Error", |out| {
            out.text("Type", if fault.kind.is_senders() { "Sender" } else { "Receiver" });
            out.text("Code", &fault.kind.code());
            out.text("Message", message(fault));
            out.text("Detail", "");
        });
        out.text("RequestId", request_id);
    })
}

/// The same sentence as in JSON, but for the one that differs.
fn message(fault: &Fault) -> &str {
    if fault.kind == Kind::QueueDoesNotExist {
        return "The specified queue does not exist for this wsdl version.";
    }
    &fault.message
}

struct Out {
    writer: Writer<Vec<u8>>,
}

fn document(root: &str, inside: impl FnOnce(&mut Out)) -> Vec<u8> {
    let mut out = Out { writer: Writer::new(DECLARATION.as_bytes().to_vec()) };
    let root = quick_xml::events::BytesStart::new(root);
    let end = root.to_end().into_owned();
    out.write(Event::Start(root.clone().with_attributes([("xmlns", NAMESPACE)])));
    inside(&mut out);
    out.write(Event::End(end));
    out.writer.into_inner()
}

impl Out {
    fn write(&mut self, event: Event<'_>) {
        self.writer.write_event(event).expect("a vector takes what is written");
    }

    fn nested(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        let start = quick_xml::events::BytesStart::new(name);
        self.write(Event::Start(start.borrow()));
        inside(self);
        self.write(Event::End(start.to_end()));
    }

    fn text(&mut self, name: &str, text: &str) {
        self.nested(name, |out| {
            // A reader makes a line feed of a bare carriage return.
            let escaped = escape(text).replace('\r', "&#13;");
            out.write(Event::Text(BytesText::from_escaped(escaped)));
        });
    }

    fn members(&mut self, action: &str, members: &Map<String, Value>) {
        for (name, value) in members {
            match value {
                Value::Array(values) => {
                    let name = element(action, name);
                    for value in values {
                        self.value(action, &name, value);
                    }
                }
                Value::Object(entries) => self.entries(action, name, entries),
                Value::Null => {}
                Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                    self.value(action, name, value);
                }
            }
        }
    }

    fn value(&mut self, action: &str, name: &str, value: &Value) {
        match value {
            Value::String(text) => self.text(name, text),
            Value::Object(members) => self.nested(name, |out| out.members(action, members)),
            Value::Null => {}
            Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
                self.text(name, &value.to_string());
            }
        }
    }

    /// A map: one element for each entry.
    fn entries(&mut self, action: &str, name: &str, entries: &Map<String, Value>) {
        let key = if name == "Tags" { "Key" } else { "Name" };
        let name = name.strip_suffix('s').unwrap_or(name);
        for (entry, value) in entries {
            self.nested(name, |out| {
                out.text(key, entry);
                out.value(action, "Value", value);
            });
        }
    }
}

/// What each value of a list is called.
fn element(action: &str, list: &str) -> String {
    match list {
        "queueUrls" => "QueueUrl".to_owned(),
        "Successful" => format!("{action}ResultEntry"),
        "Failed" => "BatchResultErrorEntry".to_owned(),
        "Results" => "ListMessageMoveTasksResultEntry".to_owned(),
        other => other.strip_suffix('s').unwrap_or(other).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "as expect-test is used everywhere")]
    fn check(action: &str, result: Option<&Value>, expected: Expect) {
        let text = String::from_utf8(answer(action, result, "id")).expect("it is UTF-8");
        expected.assert_eq(&text.replace("><", ">\n<"));
    }

    #[test]
    fn lists_and_maps_are_flat() {
        let color = json!({"DataType": "String", "StringValue": "red"});
        let message = json!({
            "Body": "a<b>\r\n&\"'",
            "Attributes": {"SenderId": "me"},
            "MessageAttributes": {"color": color},
        });
        check(
            "ReceiveMessage",
            Some(&json!({"Messages": [message]})),
            expect![[r#"
                <?xml version="1.0"?>
                <ReceiveMessageResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/">
                <ReceiveMessageResult>
                <Message>
                <Attribute>
                <Name>SenderId</Name>
                <Value>me</Value>
                </Attribute>
                <Body>a&lt;b&gt;&#13;
                &amp;&quot;&apos;</Body>
                <MessageAttribute>
                <Name>color</Name>
                <Value>
                <DataType>String</DataType>
                <StringValue>red</StringValue>
                </Value>
                </MessageAttribute>
                </Message>
                </ReceiveMessageResult>
                <ResponseMetadata>
                <RequestId>id</RequestId>
                </ResponseMetadata>
                </ReceiveMessageResponse>"#]],
        );
    }

    #[test]
    fn an_action_without_a_result_has_no_element_for_it() {
        check(
            "PurgeQueue",
            None,
            expect![[r#"
                <?xml version="1.0"?>
                <PurgeQueueResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/">
                <ResponseMetadata>
                <RequestId>id</RequestId>
                </ResponseMetadata>
                </PurgeQueueResponse>"#]],
        );
    }

    #[test]
    fn a_refusal_says_whose_fault_it_is() {
        let refused = Fault::new(Kind::QueueDoesNotExist, "The specified queue does not exist.");
        let text = String::from_utf8(fault(&refused, "id")).expect("it is UTF-8");
        expect![[r#"
            <?xml version="1.0"?>
            <ErrorResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/">
            <Error>
            <Type>Sender</Type>
            <Code>AWS.SimpleQueueService.NonExistentQueue</Code>
            <Message>The specified queue does not exist for this wsdl version.</Message>
            <Detail>
            </Detail>
            </Error>
            <RequestId>id</RequestId>
            </ErrorResponse>"#]]
        .assert_eq(&text.replace("><", ">\n<"));
    }
}
