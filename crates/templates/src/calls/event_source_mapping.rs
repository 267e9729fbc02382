//! `AWS::Lambda::EventSourceMapping`.

use serde_json::{Value, json};

use super::{Call, Named, saved};

pub(super) const PROPERTIES: &[&str] = &[
    "BatchSize",
    "BisectBatchOnFunctionError",
    "DestinationConfig",
    "Enabled",
    "EventSourceArn",
    "FilterCriteria",
    "FunctionName",
    "FunctionResponseTypes",
    "MaximumBatchingWindowInSeconds",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "ParallelizationFactor",
    "ScalingConfig",
    "StartingPosition",
    "StartingPositionTimestamp",
    "TumblingWindowInSeconds",
];

/// What only a new mapping is told.
const OF_CREATION: &[&str] = &["EventSourceArn", "StartingPosition", "StartingPositionTimestamp"];

/// Properties whose members are numbers, which templates may write as texts.
fn typed(name: &str, value: Value) -> Value {
    let is_text = |name: &str| matches!(name, "EventSourceArn" | "FunctionName" | "StartingPosition");
    match &value {
        Value::String(text) if !is_text(name) => match text.as_str() {
            "true" | "false" => Value::Bool(text == "true"),
            _ => text.parse::<i64>().map_or(value, Value::from),
        },
        _ => value,
    }
}

pub(super) fn calls(resource: Named<'_>) -> Vec<Call> {
    let mut create = resource.members(PROPERTIES);
    for (name, value) in &mut create {
        *value = typed(name, value.take());
    }
    let mut update = create.clone();
    update.retain(|name, _| !OF_CREATION.contains(&name.as_str()));
    update.insert("UUID".to_owned(), saved("id"));
    let named =
        json!({"EventSourceArn": create.get("EventSourceArn"), "FunctionName": create.get("FunctionName")});
    let found = [("id", "/EventSourceMappings/0/UUID")];
    let instead = vec![
        Call::new("lambda", "ListEventSourceMappings", named).saving(&found),
        Call::new("lambda", "UpdateEventSourceMapping", Value::Object(update)),
    ];
    vec![
        Call::new("lambda", "CreateEventSourceMapping", Value::Object(create))
            .saving(&[("id", "/UUID")])
            .or_if("ResourceConflictException", instead),
    ]
}
