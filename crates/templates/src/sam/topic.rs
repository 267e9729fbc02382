//! Events of SNS topics: the function subscribes to a topic, or reads a queue that does.

use serde_json::{Map, Value, json};

use super::{
    Work,
    event_source::{self, Reader},
    intrinsic::{attribute, map_entries, reference, said},
};
use crate::Refusals;

const KNOWN: &[&str] =
    &["FilterPolicy", "FilterPolicyScope", "RedrivePolicy", "Region", "SqsSubscription", "Topic"];
/// What `SqsSubscription` may say of a queue that is there.
const OF_QUEUE: &[&str] = &["BatchSize", "Enabled", "QueueArn", "QueuePolicyLogicalId", "QueueUrl"];

pub(super) fn is_topic(event: &Value) -> bool {
    event.get("Type").is_some_and(|kind| kind == "SNS")
}

/// Adds the subscription with the id of the event. `arn` is the function's.
pub(super) fn make(event: &Value, arn: Value, mut reader: Reader<'_>, place: &str, work: &mut Work<'_>) {
    let place = format!("{place}.Properties");
    let given: Map<String, Value> =
        map_entries(event.get("Properties"), &place, &mut work.refusals).map(super::cloned).collect();
    for name in given.keys().filter(|name| !KNOWN.contains(&name.as_str())) {
        work.refusals.add(format!("{place}.{name}"), "Tule does not apply this property of SNS events yet");
    }
    let Some(topic) = said(&given, "Topic") else {
        work.refusals.add(place, "Missing required property 'Topic'.");
        return;
    };
    let (id, beside) = (reader.id.clone(), reader.beside);
    let subscribe = |protocol: &str, endpoint: Value, work: &mut Work<'_>| {
        let mut made = Map::new();
        made.insert("Protocol".to_owned(), Value::from(protocol));
        made.insert("Endpoint".to_owned(), endpoint);
        made.insert("TopicArn".to_owned(), topic.clone());
        for name in ["FilterPolicy", "FilterPolicyScope", "RedrivePolicy", "Region"] {
            made.extend(given.get(name).map(|value| (name.to_owned(), value.clone())));
        }
        work.made.add(&id, "AWS::SNS::Subscription", made, beside);
    };
    let mut read = json!({ "BatchSize": 10, "Enabled": true });
    let (queue, url, policy) = match said(&given, "SqsSubscription") {
        None => {
            subscribe("lambda", arn, work);
            let permission = format!("{id}Permission");
            let source = Some(topic.clone());
            work.made.add_permission(&permission, reader.function, "sns.amazonaws.com", source, beside);
            return;
        }
        Some(Value::Object(queue)) => {
            check(queue, &place, &mut work.refusals);
            let (Some(arn), Some(url)) = (said(queue, "QueueArn"), said(queue, "QueueUrl")) else {
                work.refusals.add(place, "No QueueARN or QueueURL provided.");
                return;
            };
            let policy = queue.get("QueuePolicyLogicalId").and_then(Value::as_str).map(str::to_owned);
            if let Some(size) = said(queue, "BatchSize") {
                read["BatchSize"] = size.clone();
            }
            if let Some(enabled) = queue.get("Enabled").filter(|enabled| !enabled.is_null()) {
                read["Enabled"] = enabled.clone();
            }
            (arn.clone(), url.clone(), policy)
        }
        Some(_) => {
            let queue = add_queue(&id, topic, beside, work);
            (attribute(&queue, "Arn"), reference(&queue), None)
        }
    };
    let policy = policy.unwrap_or_else(|| format!("{id}QueuePolicy"));
    let allowed = allowed(topic, &queue, &url);
    work.made.add(&policy, "AWS::SQS::QueuePolicy", allowed, beside);
    subscribe("sqs", queue.clone(), work);
    read["Queue"] = queue;
    let read = json!({ "Type": "SQS", "Properties": read });
    reader.id = format!("{id}EventSourceMapping");
    event_source::transform(&read, reader, &place, work);
}

/// The policy that lets a topic send to a queue.
fn allowed(topic: &Value, queue: &Value, url: &Value) -> Map<String, Value> {
    let statement = json!({
        "Action": "sqs:SendMessage", "Effect": "Allow", "Principal": "*", "Resource": queue,
        "Condition": { "ArnEquals": { "aws:SourceArn": topic } },
    });
    let document = json!({ "Version": "2012-10-17", "Statement": [statement] });
    Map::from_iter([("PolicyDocument".to_owned(), document), ("Queues".to_owned(), json!([url]))])
}

/// Refuses what `SqsSubscription` does not know of a queue.
fn check(queue: &Map<String, Value>, place: &str, refusals: &mut Refusals) {
    for name in queue.keys().filter(|name| !OF_QUEUE.contains(&name.as_str())) {
        let text = "Tule does not apply this property of SNS events yet";
        refusals.add(format!("{place}.SqsSubscription.{name}"), text);
    }
}

/// Adds a queue for a topic, which keeps its order where that does. Gives the queue's id.
fn add_queue(id: &str, topic: &Value, beside: &Map<String, Value>, work: &mut Work<'_>) -> String {
    let queue = format!("{id}Queue");
    let resource = topic.get("Ref").and_then(|topic| work.made.get(topic.as_str()?));
    let fifo = resource.and_then(|it| it.pointer("/Properties/FifoTopic")).cloned();
    let mut properties = Map::new();
    properties.extend(fifo.map(|fifo| ("FifoQueue".to_owned(), fifo)));
    work.made.add(&queue, "AWS::SQS::Queue", properties, beside);
    queue
}
