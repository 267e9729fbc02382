//! Values between the language and the services' models.
//!
//! In the language all members begin with a capital, as in the SDK for Java, moments are texts and blobs are what they
//! hold; the models have names, numbers and Base64 of their own. The model's shapes say which is which, so that the
//! names within maps and documents, which are the user's, stay as they are.

use aws_model::{Location, Operation, ServiceModel, ShapeKind, ShapeRef};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use runtime::Timestamp;
use serde_json::{Map, Value, json};

/// The model that an SDK's name for a service stands for.
pub(crate) fn model_name(service: &str) -> &str {
    match service {
        "sfn" | "states" => "stepfunctions",
        "cloudwatchlogs" => "logs",
        "eventbridge" => "events",
        other => other,
    }
}

/// The model's name of an operation: `sendMessage` is `SendMessage`.
pub(crate) fn operation(action: &str) -> String {
    change_first(action, char::to_ascii_uppercase)
}

/// A service's model and one of its operations, where they are known.
pub(crate) fn find(model: &str, operation: &str) -> Option<(&'static ServiceModel, &'static Operation)> {
    let model = aws_model::service(model)?;
    Some((model, model.operation(operation)?))
}

/// The member that is the HTTP payload, of an input or output structure.
pub(super) fn payload(model: &'static ServiceModel, structure: Option<ShapeRef>) -> Option<&'static str> {
    let ShapeKind::Structure(structure) = &model.shape(structure?).kind else { return None };
    let field = &structure.fields[structure.payload?];
    matches!(model.shape(field.shape).kind, ShapeKind::Blob { .. }).then_some(field.name.as_str())
}

/// Parameters as a model names them.
pub(super) fn to_model(
    model: &ServiceModel,
    input: Option<ShapeRef>,
    parameters: Value,
) -> Map<String, Value> {
    let value = match input {
        Some(input) => request(model, input, parameters),
        None => parameters,
    };
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn request(model: &ServiceModel, shape: ShapeRef, value: Value) -> Value {
    match (&model.shape(shape).kind, value) {
        (_, Value::Null) => Value::Null,
        (ShapeKind::Structure(structure), value) if structure.document => value,
        (ShapeKind::Structure(structure), Value::Object(members)) => {
            let renamed = members.into_iter().map(|(name, value)| {
                let small = change_first(&name, char::to_ascii_lowercase);
                match structure.field(&name).or_else(|| structure.field(&small)) {
                    Some(field) => (field.name.clone(), request(model, field.shape, value)),
                    None => (name, value),
                }
            });
            Value::Object(renamed.collect())
        }
        (ShapeKind::List { item, .. }, Value::Array(items)) => {
            items.into_iter().map(|value| request(model, *item, value)).collect()
        }
        (ShapeKind::Map { value: shape, .. }, Value::Object(entries)) => Value::Object(
            entries.into_iter().map(|(key, value)| (key, request(model, *shape, value))).collect(),
        ),
        (ShapeKind::Text { .. }, Value::String(text)) => Value::String(text),
        // A text may be written as JSON, as messages often are.
        (ShapeKind::Text { .. }, value) => Value::String(value.to_string()),
        (ShapeKind::Blob { .. }, Value::String(text)) => Value::String(STANDARD.encode(text)),
        (ShapeKind::Blob { .. }, value) => Value::String(STANDARD.encode(value.to_string())),
        #[expect(clippy::cast_precision_loss, reason = "milliseconds fit a double until the year 287396")]
        (ShapeKind::Timestamp(_), Value::String(text)) => match asl::Timestamp::parse(&text) {
            Some(at) => json!(at.0 as f64 / 1000.0),
            None => Value::String(text),
        },
        (_, value) => value,
    }
}

/// An answer as the language names it.
pub(super) fn from_model(
    model: &ServiceModel,
    output: Option<ShapeRef>,
    answer: Map<String, Value>,
) -> Map<String, Value> {
    let answer = Value::Object(answer);
    let value = match output {
        Some(output) => response(model, output, answer),
        None => answer,
    };
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn response(model: &ServiceModel, shape: ShapeRef, value: Value) -> Value {
    match (&model.shape(shape).kind, value) {
        (ShapeKind::Structure(structure), value) if structure.document => value,
        (ShapeKind::Structure(structure), Value::Object(members)) => {
            let given = members.into_iter().filter(|(_, value)| !value.is_null());
            let renamed = given.map(|(name, value)| {
                let shown = change_first(&name, char::to_ascii_uppercase);
                match structure.field(&name) {
                    Some(field) => (shown, response(model, field.shape, value)),
                    None => (shown, value),
                }
            });
            let mut shown: Map<String, Value> = renamed.collect();
            // The SDK shows a map that is carried in headers also where there are none.
            for field in structure.fields.iter().filter(|field| field.location == Location::Headers) {
                shown.entry(change_first(&field.name, char::to_ascii_uppercase)).or_insert_with(|| json!({}));
            }
            Value::Object(shown)
        }
        (ShapeKind::List { item, .. }, Value::Array(items)) => {
            items.into_iter().map(|value| response(model, *item, value)).collect()
        }
        (ShapeKind::Map { value: shape, .. }, Value::Object(entries)) => Value::Object(
            entries.into_iter().map(|(key, value)| (key, response(model, *shape, value))).collect(),
        ),
        (ShapeKind::Blob { .. }, Value::String(text)) => match STANDARD.decode(&text) {
            Ok(bytes) => Value::String(String::from_utf8_lossy(&bytes).into_owned()),
            Err(_) => Value::String(text),
        },
        (ShapeKind::Timestamp(_), value) => moment(&value).map_or(value, Value::String),
        (_, value) => value,
    }
}

/// Seconds since the epoch as the text the language shows.
pub(super) fn moment(seconds: &Value) -> Option<String> {
    #[expect(clippy::cast_possible_truncation, reason = "seconds since the epoch, with milliseconds")]
    seconds.as_f64().map(|at| Timestamp((at * 1000.0).round() as i64).rfc3339())
}

fn change_first(name: &str, change: fn(&char) -> char) -> String {
    let mut characters = name.chars();
    characters.next().map(|first| change(&first)).into_iter().chain(characters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_model_change_and_names_of_the_user_stay() {
        let (model, operation) = find("stepfunctions", "StartExecution").expect("it is in the model");
        let parameters = json!({ "StateMachineArn": "a", "Input": { "Some": { "name": 1 } } });
        let members = to_model(model, operation.input, parameters);
        assert_eq!(
            Value::Object(members),
            json!({ "stateMachineArn": "a", "input": r#"{"Some":{"name":1}}"# })
        );
        let Value::Object(answer) = json!({ "executionArn": "a", "startDate": 1.5, "x": null }) else {
            return;
        };
        let shown = from_model(model, operation.output, answer);
        assert_eq!(
            Value::Object(shown),
            json!({ "ExecutionArn": "a", "StartDate": "1970-01-01T00:00:01.500Z" })
        );
    }
}
