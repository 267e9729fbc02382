//! `Globals`: properties that every resource of a kind has.

use serde_json::{Map, Value};

use super::intrinsic::is_function;
use crate::Refusals;

/// The section of each resource type.
const SECTIONS: &[(&str, &str)] = &[
    ("Api", "AWS::Serverless::Api"),
    ("CapacityProvider", "AWS::Serverless::CapacityProvider"),
    ("Function", "AWS::Serverless::Function"),
    ("HttpApi", "AWS::Serverless::HttpApi"),
    ("LayerVersion", "AWS::Serverless::LayerVersion"),
    ("SimpleTable", "AWS::Serverless::SimpleTable"),
    ("StateMachine", "AWS::Serverless::StateMachine"),
    ("WebSocketApi", "AWS::Serverless::WebSocketApi"),
];

/// The section of a resource type.
pub(super) fn section_of(kind: &str) -> Option<&'static str> {
    SECTIONS.iter().find(|(_, known)| *known == kind).map(|(section, _)| *section)
}

pub(super) fn check(globals: Option<&Map<String, Value>>, refusals: &mut Refusals) {
    for (section, given) in globals.into_iter().flatten() {
        let place = format!("Globals.{section}");
        if !SECTIONS.iter().any(|(known, _)| known == section) {
            refusals.add(place, "Tule does not apply this section of Globals yet");
        } else if !given.is_object() {
            refusals.add(place, format!("Value of {section} must be a dictionary"));
        }
    }
}

/// A resource's own properties over the global ones: maps merge, lists join, plain values give way.
pub(super) fn merged(
    globals: Option<&Map<String, Value>>,
    kind: &str,
    own: Map<String, Value>,
) -> Map<String, Value> {
    let global = section_of(kind).and_then(|section| globals?.get(section)?.as_object());
    match merge(Value::Object(global.cloned().unwrap_or_default()), Value::Object(own)) {
        Value::Object(merged) => merged,
        _ => Map::new(),
    }
}

fn merge(global: Value, own: Value) -> Value {
    match (global, own) {
        (Value::Object(global), Value::Object(own)) if is_function(&global) || is_function(&own) => {
            Value::Object(own)
        }
        (Value::Object(mut global), Value::Object(own)) => {
            for (name, value) in own {
                let value = match global.remove(&name) {
                    Some(inherited) => merge(inherited, value),
                    None => value,
                };
                global.insert(name, value);
            }
            Value::Object(global)
        }
        (Value::Array(mut global), Value::Array(own)) => {
            global.extend(own);
            Value::Array(global)
        }
        (_, own) => own,
    }
}
