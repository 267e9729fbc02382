//! Names between the language and the services' models.
//!
//! In the language all members begin with a capital, as in the SDK for Java; some models begin theirs with a small
//! letter.

use serde_json::{Map, Value};

/// The model that an SDK's name for a service stands for.
pub(super) fn model_name(service: &str) -> &str {
    match service {
        "sfn" | "states" => "stepfunctions",
        "cloudwatchlogs" => "logs",
        "eventbridge" => "events",
        other => other,
    }
}

/// Whether a model's members begin with a small letter.
fn begins_small(model: &str) -> bool {
    matches!(model, "stepfunctions" | "logs" | "apigateway" | "ecs" | "eks" | "batch" | "codebuild")
}

/// The model's name of an operation: `sendMessage` is `SendMessage`.
pub(super) fn operation(action: &str) -> String {
    change_first(action, char::to_ascii_uppercase)
}

/// Parameters as a model names them.
pub(super) fn to_model(model: &str, parameters: Map<String, Value>) -> Map<String, Value> {
    if begins_small(model) { rename(parameters, char::to_ascii_lowercase) } else { parameters }
}

/// An answer as the language names it.
pub(super) fn from_model(model: &str, answer: Map<String, Value>) -> Map<String, Value> {
    let answer = without_nulls(answer);
    if begins_small(model) { rename(answer, char::to_ascii_uppercase) } else { answer }
}

fn without_nulls(members: Map<String, Value>) -> Map<String, Value> {
    members.into_iter().filter(|(_, value)| !value.is_null()).collect()
}

fn rename(members: Map<String, Value>, change: fn(&char) -> char) -> Map<String, Value> {
    members
        .into_iter()
        .map(|(name, value)| (change_first(&name, change), rename_within(value, change)))
        .collect()
}

fn rename_within(value: Value, change: fn(&char) -> char) -> Value {
    match value {
        Value::Object(members) => Value::Object(rename(members, change)),
        Value::Array(items) => items.into_iter().map(|item| rename_within(item, change)).collect(),
        other => other,
    }
}

fn change_first(name: &str, change: fn(&char) -> char) -> String {
    let mut characters = name.chars();
    characters.next().map(|first| change(&first)).into_iter().chain(characters).collect()
}
