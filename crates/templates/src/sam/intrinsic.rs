//! Intrinsic functions that the transform writes, looks for, or sees through.

use serde_json::{Map, Value, json};

use crate::{Known, Refusals};

pub(super) fn reference(id: &str) -> Value {
    json!({ "Ref": id })
}

pub(super) fn attribute(id: &str, name: &str) -> Value {
    json!({ "Fn::GetAtt": [id, name] })
}

/// A text with values for the names in it.
pub(super) fn substituted(text: &str, values: &Value) -> Value {
    json!({ "Fn::Sub": [text, values] })
}

pub(super) fn is_function(map: &Map<String, Value>) -> bool {
    map.len() == 1 && map.keys().all(|key| key == "Ref" || key == "Condition" || key.starts_with("Fn::"))
}

/// A value that a function gives.
pub(super) fn is_intrinsic(value: &Value) -> bool {
    value.as_object().is_some_and(is_function)
}

/// A map that is no function.
pub(super) fn plain_map(value: &Value) -> Option<&Map<String, Value>> {
    value.as_object().filter(|map| !is_function(map))
}

/// The entries of a map, or none.
pub(super) fn entries(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flatten()
}

/// The entries of what has to be a map, which anything else is refused for not being.
pub(super) fn map_entries<'v>(
    value: Option<&'v Value>,
    place: &str,
    refusals: &mut Refusals,
) -> impl Iterator<Item = (&'v String, &'v Value)> + use<'v> {
    if value.is_some_and(|value| !value.is_object() && !value.is_null()) {
        refusals.add(place, "this should be a map");
    }
    entries(value)
}

/// A value that says something: neither null nor `false`, and no empty text, list or map.
pub(super) fn is_said(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

/// A property that says something.
pub(super) fn said<'m>(map: &'m Map<String, Value>, name: &str) -> Option<&'m Value> {
    map.get(name).filter(|value| is_said(value))
}

/// A value with references to parameters replaced by the parameters' values: the transform looks into some properties.
pub(super) fn with_parameters(value: &Value, known: &Known) -> Value {
    match value {
        Value::Object(map) => {
            if let (1, Some(Value::String(name))) = (map.len(), map.get("Ref"))
                && !name.starts_with("AWS::")
                && let Some(found) = known.values.get(name)
            {
                return found.clone();
            }
            map.iter().map(|(key, value)| (key.clone(), with_parameters(value, known))).collect()
        }
        Value::Array(items) => items.iter().map(|item| with_parameters(item, known)).collect(),
        plain => plain.clone(),
    }
}

/// Puts a value into nested maps, which are made where there are none.
pub(super) fn put(document: &mut Value, path: &[&str], value: Value) {
    *slot(document, path) = value;
}

/// The place in nested maps, which are made where there are none.
pub(super) fn slot<'d>(document: &'d mut Value, path: &[&str]) -> &'d mut Value {
    let mut at = document;
    for name in path {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        at = &mut at[*name];
    }
    at
}

/// `{"Key": …, "Value": …}` of each entry.
pub(super) fn tag_list(tags: Option<&Value>) -> Vec<Value> {
    entries(tags).map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}
