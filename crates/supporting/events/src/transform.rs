//! What a target gets of an event: all of it, a part, a constant, or a text made of parts.

use aws_wire::ServiceError;
use serde_json::{Map, Value, json};

use crate::{Members, rule::Rule, target::Target, text};

/// Checks what a target says of its input.
pub(crate) fn check(target: &Members) -> Result<(), ServiceError> {
    let id = text(target, "Id");
    let input = text(target, "Input");
    if !input.is_empty() && serde_json::from_str::<Value>(input).is_err() {
        return Err(ServiceError::validation(format!("Input for target {id} is not valid JSON text.")));
    }
    let path = text(target, "InputPath");
    if !path.is_empty() && jsonpath::JsonPath::parse(path).is_err() {
        return Err(ServiceError::validation(format!("InputPath for target {id} is invalid.")));
    }
    let Some(transformer) = target.get("InputTransformer") else { return Ok(()) };
    for (name, path) in transformer.get("InputPathsMap").and_then(Value::as_object).into_iter().flatten() {
        if name.starts_with("AWS") || jsonpath::JsonPath::parse(path.as_str().unwrap_or_default()).is_err() {
            return Err(ServiceError::validation(format!("InputPath for target {id} is invalid.")));
        }
    }
    Ok(())
}

/// The input that a target gets.
pub(crate) fn input(rule: &Rule, target: &Target, event: &Value) -> String {
    let constant = text(&target.0, "Input");
    if !constant.is_empty() {
        return constant.to_owned();
    }
    let path = text(&target.0, "InputPath");
    if !path.is_empty() {
        return value_at(path, event).unwrap_or_else(|| json!({})).to_string();
    }
    match target.0.get("InputTransformer").and_then(Value::as_object) {
        Some(transformer) => transformed(rule, transformer, event),
        None => event.to_string(),
    }
}

fn value_at(path: &str, event: &Value) -> Option<Value> {
    let path = jsonpath::JsonPath::parse(path).ok()?;
    path.evaluate(event).ok().map(std::borrow::Cow::into_owned)
}

/// Fills the placeholders `<name>` of a template. Within a JSON text a value is put as text, elsewhere as JSON.
fn transformed(rule: &Rule, transformer: &Map<String, Value>, event: &Value) -> String {
    let paths = transformer.get("InputPathsMap").and_then(Value::as_object);
    let template = transformer.get("InputTemplate").and_then(Value::as_str).unwrap_or_default();
    let lookup = |name: &str| -> Option<Value> {
        match name {
            "aws.events.event" => {
                let mut event = event.clone();
                if let Some(event) = event.as_object_mut() {
                    event.remove("detail");
                }
                Some(event)
            }
            "aws.events.event.json" => Some(event.clone()),
            "aws.events.event.ingestion-time" => event.get("time").cloned(),
            "aws.events.rule-arn" => Some(json!(rule.arn())),
            "aws.events.rule-name" => Some(json!(rule.name)),
            name => {
                let path = paths?.get(name)?.as_str()?;
                Some(value_at(path, event).unwrap_or(Value::Null))
            }
        }
    };
    let mut made = String::with_capacity(template.len());
    let mut quoted = false;
    let mut rest = template;
    while let Some(character) = rest.chars().next() {
        if character == '<'
            && let Some(end) = rest.find('>')
            && let Some(value) = lookup(&rest[1..end])
        {
            put(&mut made, &value, quoted, template);
            rest = &rest[end + 1..];
            continue;
        }
        if character == '\\' && quoted {
            let length = rest.chars().take(2).map(char::len_utf8).sum();
            made.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        if character == '"' {
            quoted = !quoted;
        }
        made.push(character);
        rest = &rest[character.len_utf8()..];
    }
    made
}

fn put(made: &mut String, value: &Value, quoted: bool, template: &str) {
    let is_json = matches!(template.trim_start().chars().next(), Some('{' | '[' | '"'));
    let plain = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if quoted {
        // As text within a text: escaped, without the quotes around it.
        let escaped = Value::String(plain).to_string();
        made.push_str(&escaped[1..escaped.len() - 1]);
    } else if is_json {
        made.push_str(&value.to_string());
    } else {
        made.push_str(&plain);
    }
}
