//! `AWS::Lambda::EventSourceMapping`.

use serde_json::{Value, json};

use super::{Call, Named, saved, tag_map};

pub(super) const PROPERTIES: &[&str] = &[
    "AmazonManagedKafkaEventSourceConfig",
    "BatchSize",
    "BisectBatchOnFunctionError",
    "DestinationConfig",
    "DocumentDBEventSourceConfig",
    "Enabled",
    "EventSourceArn",
    "FilterCriteria",
    "FunctionName",
    "FunctionResponseTypes",
    "KmsKeyArn",
    "LoggingConfig",
    "MaximumBatchingWindowInSeconds",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "MetricsConfig",
    "ParallelizationFactor",
    "ProvisionedPollerConfig",
    "Queues",
    "ScalingConfig",
    "SelfManagedEventSource",
    "SelfManagedKafkaEventSourceConfig",
    "SourceAccessConfigurations",
    "StartingPosition",
    "StartingPositionTimestamp",
    "Tags",
    "Topics",
    "TumblingWindowInSeconds",
];

/// What only a new mapping is told.
const OF_CREATION: &[&str] = &[
    "EventSourceArn",
    "Queues",
    "SelfManagedEventSource",
    "StartingPosition",
    "StartingPositionTimestamp",
    "Tags",
    "Topics",
];

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
    if let Some(key) = create.shift_remove("KmsKeyArn") {
        create.insert("KMSKeyArn".to_owned(), key);
    }
    if let Some(tags) = create.get_mut("Tags") {
        *tags = Value::Object(tag_map(Some(tags)));
    }
    if let Some(Value::Object(points)) =
        create.get_mut("SelfManagedEventSource").and_then(|it| it.get_mut("Endpoints"))
        && let Some(servers) = points.shift_remove("KafkaBootstrapServers")
    {
        points.insert("KAFKA_BOOTSTRAP_SERVERS".to_owned(), servers);
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
