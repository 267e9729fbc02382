//! Events of functions that are read from queues and streams: each is an `AWS::Lambda::EventSourceMapping`.

use serde_json::{Map, Value, json};

use super::Work;

/// What events of every kind may say.
const COMMON: &[&str] =
    &["BatchSize", "Enabled", "FilterCriteria", "FunctionResponseTypes", "MaximumBatchingWindowInSeconds"];
const QUEUE: &[&str] = &["ScalingConfig"];
const STREAM: &[&str] = &[
    "BisectBatchOnFunctionError",
    "DestinationConfig",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "ParallelizationFactor",
    "StartingPosition",
    "StartingPositionTimestamp",
    "TumblingWindowInSeconds",
];

/// Adds the mapping of a function's event; `false` where the event is of another kind.
pub(super) fn transform(function: &str, name: &str, event: &Value, place: &str, work: &mut Work<'_>) -> bool {
    let kind = event.get("Type").and_then(Value::as_str).unwrap_or_default();
    let (source, own) = match kind {
        "SQS" => ("Queue", QUEUE),
        "Kinesis" | "DynamoDB" => ("Stream", STREAM),
        _ => return false,
    };
    let empty = Map::new();
    let given = event.get("Properties").and_then(Value::as_object).unwrap_or(&empty);
    let mut properties = Map::new();
    for (property, value) in given {
        let known =
            property == source || COMMON.contains(&property.as_str()) || own.contains(&property.as_str());
        if !known {
            let text = format!("Tule does not apply this property of {kind} events yet");
            work.refusals.add(format!("{place}.Properties.{property}"), text);
        } else if property == source {
            properties.insert("EventSourceArn".to_owned(), value.clone());
        } else {
            properties.insert(property.clone(), value.clone());
        }
    }
    if !properties.contains_key("EventSourceArn") {
        work.refusals.add(format!("{place}.Properties"), format!("an event of type {kind} has a {source}"));
        return true;
    }
    // SAM's destinations say what they are; the mapping's only where they are.
    if let Some(failure) =
        properties.get_mut("DestinationConfig").and_then(|config| config.get_mut("OnFailure"))
        && let Some(failure) = failure.as_object_mut()
    {
        failure.remove("Type");
    }
    properties.insert("FunctionName".to_owned(), json!({ "Ref": function }));
    work.add(&format!("{function}{name}"), "AWS::Lambda::EventSourceMapping", properties, &Map::new());
    true
}
