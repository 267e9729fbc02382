//! Filter policies: which messages a subscription takes, by their attributes or by their body.

use aws_wire::ServiceError;
use event_pattern::Pattern;
use serde_json::{Map, Value};

use crate::{Members, invalid};

/// Checks a policy's text.
pub(crate) fn parse(policy: &str) -> Result<Pattern, ServiceError> {
    let wrong = |error: event_pattern::PatternError| {
        let text = error.0.trim_start_matches("Event pattern is not valid. Reason: ").to_owned();
        invalid(format!("FilterPolicy: {text}"))
    };
    Pattern::parse(policy).map_err(wrong)
}

/// Whether a policy takes a message.
pub(crate) fn takes(pattern: &Pattern, by_body: bool, message: &str, attributes: &Members) -> bool {
    if by_body {
        return serde_json::from_str(message)
            .is_ok_and(|body: Value| body.is_object() && pattern.matches(&body));
    }
    pattern.matches(&Value::Object(
        attributes.iter().map(|(name, value)| (name.clone(), plain(value))).collect::<Map<_, _>>(),
    ))
}

/// An attribute as a policy sees it: numbers are numbers, lists their items.
fn plain(attribute: &Value) -> Value {
    let member = |name: &str| attribute.get(name).and_then(Value::as_str).unwrap_or_default();
    let (kind, value) = (member("DataType"), member("StringValue"));
    let parsed = || serde_json::from_str::<Value>(value).ok();
    match kind.split('.').next().unwrap_or_default() {
        "Number" => parsed().filter(Value::is_number).unwrap_or_else(|| value.into()),
        "String" if kind == "String.Array" => {
            parsed().filter(Value::is_array).unwrap_or_else(|| value.into())
        }
        _ => value.into(),
    }
}
