//! The context object that a test may give in place of the execution's own.

use asl::{Pattern, Resource};
use aws_wire::ServiceError;
use serde_json::{Map, Value};

use super::definition::Tested;
use crate::members::Members;

/// What a member of the context object holds.
#[derive(Debug, Clone, Copy)]
enum Holds {
    Text,
    Whole,
    Anything,
}

/// The members of the context object's parts, as AWS documents them.
const PARTS: &[(&str, &[(&str, Holds)])] = &[
    (
        "Execution",
        &[
            ("Id", Holds::Text),
            ("Input", Holds::Anything),
            ("Name", Holds::Text),
            ("RoleArn", Holds::Text),
            ("StartTime", Holds::Text),
            ("RedriveCount", Holds::Whole),
            ("RedriveTime", Holds::Text),
        ],
    ),
    ("State", &[("EnteredTime", Holds::Text), ("Name", Holds::Text), ("RetryCount", Holds::Whole)]),
    ("StateMachine", &[("Id", Holds::Text), ("Name", Holds::Text)]),
    ("Task", &[("Token", Holds::Text)]),
];

/// Reads the context object of a request.
pub(super) fn of(members: &Members, tested: &Tested) -> Result<Option<Value>, ServiceError> {
    let Some(text) = members.optional_text("context") else { return Ok(None) };
    if members.get("mock").is_none() {
        return Err(ServiceError::validation("Context can only be specified when a mock is specified"));
    }
    let refused = |what: String| ServiceError::validation(format!("Invalid Context object provided: {what}"));
    let context: Map<String, Value> = serde_json::from_str(text)
        .map_err(|_| refused(String::from("Context object must be a valid JSON object")))?;
    check(&context).map_err(refused)?;
    let by_token = match tested.resource() {
        Some(Resource::Activity { .. }) => true,
        Some(Resource::Service { pattern, .. }) => pattern != Pattern::RequestResponse,
        Some(Resource::Lambda { .. }) | None => false,
    };
    if context.contains_key("Task") && !by_token {
        return Err(refused(String::from(
            "Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' service integration pattern",
        )));
    }
    Ok(Some(Value::Object(context)))
}

fn check(context: &Map<String, Value>) -> Result<(), String> {
    for (part, members) in context {
        if part == "Map" {
            return Err(String::from("'Map' field is not supported when mocking a Context object"));
        }
        let Some((_, known)) = PARTS.iter().find(|(name, _)| name == part) else {
            return Err(format!("Field '{part}' is not allowed"));
        };
        let Value::Object(members) = members else { return Err(format!("{part} must be a object")) };
        for (name, value) in members {
            let Some((_, holds)) = known.iter().find(|(known, _)| known == name) else {
                return Err(format!("Field '{name}' is not allowed"));
            };
            match holds {
                Holds::Text if !value.is_string() => {
                    return Err(format!("{part}.{name} must be a string"));
                }
                Holds::Whole if !value.is_u64() => return Err(format!("{part}.{name} must be a integer")),
                Holds::Text | Holds::Whole | Holds::Anything => {}
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_a_context_object_has_is_let_in() {
        let said = |context: Value| check(context.as_object().unwrap()).err().unwrap_or_default();
        assert_eq!(said(json!({ "Execution": {}, "State": {}, "StateMachine": {}, "Task": {} })), "");
        assert_eq!(said(json!({ "Execution": { "Input": [1] }, "State": { "RetryCount": 2 } })), "");
        assert_eq!(said(json!({ "Own": 1 })), "Field 'Own' is not allowed");
        assert_eq!(said(json!({ "State": { "Own": 1 } })), "Field 'Own' is not allowed");
        assert_eq!(said(json!({ "State": { "Name": 1 } })), "State.Name must be a string");
        assert!(said(json!({ "Map": {} })).starts_with("'Map' field is not supported"));
    }
}
