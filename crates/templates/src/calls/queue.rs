//! `AWS::SQS::Queue` and `AWS::SQS::QueuePolicy`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Call, Named, Reply, pseudo, tag_map};
use crate::Known;

const ATTRIBUTES: &[&str] = &[
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoQueue",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
];

pub(super) const PROPERTIES: &[&str] = &[
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoQueue",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "QueueName",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "Tags",
    "VisibilityTimeout",
];

fn is_true(value: &Value) -> bool {
    *value == true || value.as_str().is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// The name of a queue that keeps its order ends in `.fifo`.
fn name(resource: Named<'_>) -> String {
    match resource.text("QueueName") {
        None if resource.get("FifoQueue").is_some_and(is_true) => {
            format!("{}.fifo", resource.name("QueueName"))
        }
        _ => resource.name("QueueName"),
    }
}

pub(super) fn calls(resource: Named<'_>) -> Vec<Call> {
    // `false` is what CloudFormation takes and the API does not: a queue that is none says nothing of it.
    let says = |name: &str, value: &Value| name != "FifoQueue" || is_true(value);
    let given = ATTRIBUTES.iter().filter_map(|name| Some((*name, resource.get(name)?)));
    let given = given.filter(|(name, value)| says(name, value));
    let text = |value: &Value| Value::from(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    let attributes: Map<String, Value> = given.map(|(name, value)| (name.to_owned(), text(value))).collect();
    let name = name(resource);
    let create =
        json!({ "QueueName": name, "Attributes": attributes, "tags": tag_map(resource.get("Tags")) });
    let find = Call::new("sqs", "GetQueueUrl", json!({ "QueueName": name })).saving(&[("url", "/QueueUrl")]);
    let mut changed = attributes;
    changed.shift_remove("FifoQueue");
    let change = json!({ "QueueUrl": super::saved("url"), "Attributes": changed });
    let instead = vec![find, Call::new("sqs", "SetQueueAttributes", change)];
    vec![
        Call::new("sqs", "CreateQueue", create)
            .saving(&[("url", "/QueueUrl")])
            .or_if("QueueNameExists", instead),
    ]
}

pub(super) fn reply(resource: Named<'_>, saved: &BTreeMap<String, Value>, known: &Known) -> Reply {
    let name = name(resource);
    let arn =
        format!("arn:aws:sqs:{}:{}:{name}", pseudo(known, "AWS::Region"), pseudo(known, "AWS::AccountId"));
    let url = saved.get("url").cloned().unwrap_or_default();
    Reply {
        reference: url.clone(),
        attributes: vec![("Arn", Value::from(arn)), ("QueueName", Value::from(name)), ("QueueUrl", url)],
    }
}

pub(super) const POLICY: &[&str] = &["PolicyDocument", "Queues"];

/// The policy is kept and shown, as other policies are.
pub(super) fn policy(resource: Named<'_>) -> Vec<Call> {
    let document =
        resource.get("PolicyDocument").map(|it| it.as_str().map_or_else(|| it.to_string(), str::to_owned));
    let put = |queue: &Value| {
        let members = json!({ "QueueUrl": queue, "Attributes": { "Policy": document } });
        Call::new("sqs", "SetQueueAttributes", members)
    };
    resource.get("Queues").and_then(Value::as_array).into_iter().flatten().map(put).collect()
}
