//! `AWS::SNS::Topic` and `AWS::SNS::Subscription`.

use serde_json::{Map, Value, json};

use super::{Call, Named, saved};

/// Properties that are attributes of a topic.
const ATTRIBUTES: &[&str] = &["ContentBasedDeduplication", "DisplayName", "FifoTopic", "KmsMasterKeyId"];

pub(super) const PROPERTIES: &[&str] = &[
    "ContentBasedDeduplication",
    "DisplayName",
    "FifoTopic",
    "KmsMasterKeyId",
    "Subscription",
    "Tags",
    "TopicName",
];

fn text(value: &Value) -> Value {
    Value::from(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

fn attributes(resource: Named<'_>, names: &[&str]) -> Map<String, Value> {
    let given = names.iter().filter_map(|name| Some(((*name).to_owned(), text(resource.get(name)?))));
    given.collect()
}

/// The name of a topic of the kind that keeps its order ends in `.fifo`.
pub(super) fn name(resource: Named<'_>) -> String {
    let is_fifo = resource.get("FifoTopic").is_some_and(|it| *it == true || *it == "true");
    match resource.text("TopicName") {
        None if is_fifo => format!("{}.fifo", resource.name("TopicName")),
        _ => resource.name("TopicName"),
    }
}

pub(super) fn calls(resource: Named<'_>) -> Vec<Call> {
    let mut create = json!({ "Name": name(resource), "Attributes": attributes(resource, ATTRIBUTES) });
    if let Some(tags) = resource.get("Tags") {
        create["Tags"] = tags.clone();
    }
    let mut calls = vec![Call::new("sns", "CreateTopic", create).saving(&[("arn", "/TopicArn")])];
    for one in resource.get("Subscription").and_then(Value::as_array).into_iter().flatten() {
        let members = json!({
            "TopicArn": saved("arn"), "Protocol": one.get("Protocol"), "Endpoint": one.get("Endpoint"),
        });
        calls.push(Call::new("sns", "Subscribe", members));
    }
    calls
}

pub(super) const POLICY: &[&str] = &["PolicyDocument", "Topics"];

/// The policy is kept and shown, as other policies are.
pub(super) fn policy(resource: Named<'_>) -> Vec<Call> {
    let document = resource.get("PolicyDocument").map(text);
    let put = |topic: &Value| {
        let members = json!({ "TopicArn": topic, "AttributeName": "Policy", "AttributeValue": document });
        Call::new("sns", "SetTopicAttributes", members)
    };
    resource.get("Topics").and_then(Value::as_array).into_iter().flatten().map(put).collect()
}

/// Properties that are attributes of a subscription.
const OF_SUBSCRIPTION: &[&str] = &[
    "DeliveryPolicy",
    "FilterPolicy",
    "FilterPolicyScope",
    "RawMessageDelivery",
    "RedrivePolicy",
    "SubscriptionRoleArn",
];

pub(super) const SUBSCRIPTION: &[&str] = &[
    "DeliveryPolicy",
    "Endpoint",
    "FilterPolicy",
    "FilterPolicyScope",
    "Protocol",
    "RawMessageDelivery",
    "RedrivePolicy",
    "SubscriptionRoleArn",
    "TopicArn",
];

pub(super) fn subscription(resource: Named<'_>) -> Vec<Call> {
    let mut members = resource.members(&["Endpoint", "Protocol", "TopicArn"]);
    members.insert("Attributes".to_owned(), Value::Object(attributes(resource, OF_SUBSCRIPTION)));
    members.insert("ReturnSubscriptionArn".to_owned(), Value::Bool(true));
    let subscribe = Call::new("sns", "Subscribe", Value::Object(members));
    vec![subscribe.saving(&[("reference", "/SubscriptionArn")])]
}
