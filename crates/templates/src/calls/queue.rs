//! `AWS::SQS::Queue`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Call, Named, Reply, pseudo, tag_map};
use crate::Known;

const ATTRIBUTES: &[&str] = &[
    "DelaySeconds",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
    "VisibilityTimeout",
];

pub(super) const PROPERTIES: &[&str] = &[
    "DelaySeconds",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "QueueName",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
    "Tags",
    "VisibilityTimeout",
];

pub(super) fn calls(resource: Named<'_>) -> Vec<Call> {
    let given = ATTRIBUTES.iter().filter_map(|name| Some((*name, resource.get(name)?)));
    let text = |value: &Value| Value::from(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    let attributes: Map<String, Value> = given.map(|(name, value)| (name.to_owned(), text(value))).collect();
    let name = resource.name("QueueName");
    let create =
        json!({ "QueueName": name, "Attributes": attributes, "tags": tag_map(resource.get("Tags")) });
    let find = Call::new("sqs", "GetQueueUrl", json!({ "QueueName": name })).saving(&[("url", "/QueueUrl")]);
    let change = json!({ "QueueUrl": super::saved("url"), "Attributes": attributes });
    let instead = vec![find, Call::new("sqs", "SetQueueAttributes", change)];
    vec![
        Call::new("sqs", "CreateQueue", create)
            .saving(&[("url", "/QueueUrl")])
            .or_if("QueueNameExists", instead),
    ]
}

pub(super) fn reply(resource: Named<'_>, saved: &BTreeMap<String, Value>, known: &Known) -> Reply {
    let name = resource.name("QueueName");
    let arn =
        format!("arn:aws:sqs:{}:{}:{name}", pseudo(known, "AWS::Region"), pseudo(known, "AWS::AccountId"));
    let url = saved.get("url").cloned().unwrap_or_default();
    Reply {
        reference: url.clone(),
        attributes: vec![("Arn", Value::from(arn)), ("QueueName", Value::from(name)), ("QueueUrl", url)],
    }
}
