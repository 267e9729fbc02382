//! Events of functions that are read from queues and streams: each is an `AWS::Lambda::EventSourceMapping`, and what the
//! function's role needs for it.

use serde_json::{Map, Value, json};

use super::{
    Work,
    role::{Role, managed_arn},
};

/// What events of every kind may say.
const COMMON: &[&str] = &[
    "BatchSize",
    "Enabled",
    "FilterCriteria",
    "FunctionResponseTypes",
    "KmsKeyArn",
    "MaximumBatchingWindowInSeconds",
    "MetricsConfig",
];
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

/// What the mapping is made of, beside the event.
pub(super) struct Reader<'r> {
    /// The mapping's id.
    pub(super) id: String,
    /// The function, or its alias.
    pub(super) function: Value,
    pub(super) role: &'r mut Role,
    pub(super) beside: &'r Map<String, Value>,
}

/// Adds the mapping of a function's event; `false` where the event is of another kind.
pub(super) fn transform(event: &Value, reader: Reader<'_>, place: &str, work: &mut Work<'_>) -> bool {
    let kind = event.get("Type").and_then(Value::as_str).unwrap_or_default();
    let (source, own, policy) = match kind {
        "SQS" => ("Queue", QUEUE, "AWSLambdaSQSQueueExecutionRole"),
        "Kinesis" => ("Stream", STREAM, "AWSLambdaKinesisExecutionRole"),
        "DynamoDB" => ("Stream", STREAM, "AWSLambdaDynamoDBExecutionRole"),
        _ => return false,
    };
    reader.role.attach(managed_arn(&format!("service-role/{policy}")));
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
        let kind = failure.shift_remove("Type");
        let to = failure.get("Destination").cloned().unwrap_or_default();
        destination(kind.as_ref(), &to, &reader.id, reader.role, place, work);
    }
    properties.insert("FunctionName".to_owned(), reader.function);
    work.made.add(&reader.id, "AWS::Lambda::EventSourceMapping", properties, reader.beside);
    true
}

/// What the role needs to send what failed to a destination.
fn destination(
    kind: Option<&Value>,
    to: &Value,
    id: &str,
    role: &mut Role,
    place: &str,
    work: &mut Work<'_>,
) {
    let statement = |action: &str| {
        let statement = json!({ "Action": action, "Effect": "Allow", "Resource": to });
        json!({ "Statement": [statement] })
    };
    match kind.map(|kind| kind.as_str().unwrap_or_default()) {
        None => {}
        Some("SQS") => role.allow_once(&format!("{id}SQSPolicy"), &statement("sqs:SendMessage")),
        Some("SNS") => role.allow_once(&format!("{id}SNSPolicy"), &statement("sns:publish")),
        Some(_) => work.refusals.add(
            format!("{place}.Properties.DestinationConfig.OnFailure.Type"),
            "Tule sends what failed to SQS and SNS only",
        ),
    }
}
