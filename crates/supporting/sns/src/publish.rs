//! Publish and PublishBatch: a message is checked, then given to every subscription that takes it.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Output};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{Answer, Members, State, delivery, invalid, not_yet, text, topic, topic::Topic};

/// The most that a message, or a batch of them, may have.
const MOST_BYTES: usize = 262_144;

/// A message, checked.
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) subject: Option<String>,
    /// The text, where protocols have none of their own.
    pub(crate) text: String,
    /// With `MessageStructure: json`, texts by protocol.
    pub(crate) by_protocol: Map<String, Value>,
    pub(crate) attributes: Members,
}

impl Message {
    /// What a protocol's subscriptions get.
    pub(crate) fn for_protocol(&self, protocol: &str) -> &str {
        self.by_protocol.get(protocol).and_then(Value::as_str).unwrap_or(&self.text)
    }

    fn of(members: &Members) -> Result<Self, ServiceError> {
        for name in ["MessageDeduplicationId", "MessageGroupId"] {
            if !text(members, name).is_empty() {
                return Err(invalid(format!(
                    "{name} Reason: The request includes {name} parameter that is not valid for this topic type"
                )));
            }
        }
        let subject = members.get("Subject").and_then(Value::as_str).map(str::to_owned);
        if let Some(subject) = &subject {
            let fits = (1..=100).contains(&subject.chars().count()) && !subject.contains(['\n', '\r']);
            if !fits {
                return Err(invalid("Subject"));
            }
        }
        let given = text(members, "Message");
        if given.is_empty() {
            return Err(invalid("Empty message"));
        }
        if given.len() > MOST_BYTES {
            return Err(invalid("Message too long"));
        }
        let attributes =
            members.get("MessageAttributes").and_then(Value::as_object).cloned().unwrap_or_default();
        check_attributes(&attributes)?;
        let by_protocol = match text(members, "MessageStructure") {
            "" => Map::new(),
            "json" => structure(given)?,
            _ => return Err(invalid("MessageStructure")),
        };
        let text = by_protocol.get("default").and_then(Value::as_str).unwrap_or(given).to_owned();
        Ok(Self { id: Uuid::new_v4().to_string(), subject, text, by_protocol, attributes })
    }
}

/// `{"default": …, "sqs": …}`.
fn structure(text: &str) -> Result<Map<String, Value>, ServiceError> {
    let parsed: Result<Value, _> = serde_json::from_str(text);
    let Ok(Value::Object(texts)) = parsed else {
        return Err(invalid("Message Structure - JSON message body failed to parse"));
    };
    match texts.get("default") {
        Some(Value::String(_)) => Ok(texts),
        _ => Err(invalid("Message Structure - No default entry in JSON message body")),
    }
}

fn check_attributes(attributes: &Members) -> Result<(), ServiceError> {
    for (name, attribute) in attributes {
        let kind = attribute.get("DataType").and_then(Value::as_str).unwrap_or_default();
        let has =
            |member: &str| attribute.get(member).and_then(Value::as_str).is_some_and(|it| !it.is_empty());
        let complete = match kind.split('.').next().unwrap_or_default() {
            "String" => has("StringValue"),
            "Number" => attribute
                .get("StringValue")
                .and_then(Value::as_str)
                .is_some_and(|it| it.parse::<f64>().is_ok()),
            "Binary" => has("BinaryValue"),
            _ => {
                let text = format!(
                    "The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."
                );
                return Err(ServiceError::bad_request("ParameterValueInvalid", text));
            }
        };
        if !complete {
            let text = format!(
                "The message attribute '{name}' must contain non-empty message attribute value for message attribute type '{kind}'."
            );
            return Err(ServiceError::bad_request("ParameterValueInvalid", text));
        }
    }
    Ok(())
}

fn topic_of(state: &State, members: &Members) -> Result<Arc<Topic>, ServiceError> {
    if !text(members, "PhoneNumber").is_empty() {
        return Err(not_yet("text messages (PhoneNumber)"));
    }
    let (topic, target) = (text(members, "TopicArn"), text(members, "TargetArn"));
    match (topic, target) {
        ("", "") => Err(invalid("TopicArn or TargetArn Reason: no value for required parameter")),
        ("", target) if target.contains(":endpoint/") => Err(not_yet("mobile push (TargetArn)")),
        ("", target) => topic::by_arn(state, target, "TargetArn"),
        (topic, _) => topic::by_arn(state, topic, "TopicArn"),
    }
}

pub(crate) async fn one(state: &Arc<State>, ctx: &CallContext, members: &Members) -> Answer {
    let topic = topic_of(state, members)?;
    let message = Message::of(members)?;
    delivery::deliver(state, ctx, &topic, &message).await;
    Ok(Output::of(json!({ "MessageId": message.id })))
}

pub(crate) async fn batch(state: &Arc<State>, ctx: &CallContext, members: &Members) -> Answer {
    let topic = topic::by_arn(state, text(members, "TopicArn"), "TopicArn")?;
    let entries =
        members.get("PublishBatchRequestEntries").and_then(Value::as_array).cloned().unwrap_or_default();
    check_batch(&entries)?;
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for entry in entries.iter().filter_map(Value::as_object) {
        let id = text(entry, "Id");
        match Message::of(entry) {
            Ok(message) => {
                delivery::deliver(state, ctx, &topic, &message).await;
                done.push(json!({ "Id": id, "MessageId": message.id }));
            }
            Err(error) => failed.push(json!({
                "Id": id, "Code": error.code, "Message": error.message, "SenderFault": error.status < 500,
            })),
        }
    }
    Ok(Output::of(json!({ "Successful": done, "Failed": failed })))
}

fn check_batch(entries: &[Value]) -> Result<(), ServiceError> {
    if entries.is_empty() {
        let text = "The batch request doesn't contain any entries.";
        return Err(ServiceError::bad_request("EmptyBatchRequest", text));
    }
    if entries.len() > 10 {
        let text = "The batch request contains more entries than permissible.";
        return Err(ServiceError::bad_request("TooManyEntriesInBatchRequest", text));
    }
    let id = |entry: &Value| entry.get("Id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let ids: std::collections::BTreeSet<String> = entries.iter().map(id).collect();
    if ids.len() < entries.len() {
        let text = "Two or more batch entries in the request have the same Id.";
        return Err(ServiceError::bad_request("BatchEntryIdsNotDistinct", text));
    }
    let size: usize = entries.iter().map(|entry| entry["Message"].as_str().map_or(0, str::len)).sum();
    if size > MOST_BYTES {
        let text = "The length of all the batch messages put together is more than the limit.";
        return Err(ServiceError::bad_request("BatchRequestTooLong", text));
    }
    Ok(())
}
