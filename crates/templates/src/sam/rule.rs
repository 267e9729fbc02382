//! Events of schedules and of EventBridge: each is an `AWS::Events::Rule` that a function or a state machine is the
//! target of.

use serde_json::{Map, Value, json};

use super::{
    Made,
    intrinsic::{attribute, map_entries, reference},
};
use crate::Refusals;

const OF_SCHEDULE: &[&str] = &[
    "DeadLetterConfig",
    "Description",
    "Enabled",
    "Input",
    "Name",
    "RetryPolicy",
    "Schedule",
    "State",
    "Target",
];
const OF_PATTERN: &[&str] = &[
    "DeadLetterConfig",
    "Enabled",
    "EventBusName",
    "Input",
    "InputPath",
    "InputTransformer",
    "Pattern",
    "RetryPolicy",
    "RuleName",
    "State",
    "Target",
];
/// Properties of a rule, under the names that the two kinds of events have for them.
const RENAMED: &[(&str, &str)] = &[
    ("Description", "Description"),
    ("EventBusName", "EventBusName"),
    ("Name", "Name"),
    ("Pattern", "EventPattern"),
    ("RuleName", "Name"),
    ("Schedule", "ScheduleExpression"),
];
const OF_TARGET: &[&str] = &["Input", "InputPath", "InputTransformer", "RetryPolicy"];
/// EventBridge's limit of a target's id.
const LONGEST_ID: usize = 64;

/// Who is told of an event.
pub(super) struct Target {
    pub(super) arn: Value,
    /// Of state machines: EventBridge starts them in a role.
    pub(super) role: Option<Value>,
    /// The end of the target's id.
    pub(super) suffix: &'static str,
}

/// Whether events of this type are rules.
pub(super) fn is_rule(event: &Value) -> bool {
    let kind = event.get("Type").and_then(Value::as_str);
    matches!(kind, Some("Schedule" | "CloudWatchEvent" | "EventBridgeRule"))
}

/// Adds the rule of an event, with the queue for what cannot be delivered, if one is to be made.
pub(super) fn make(
    id: &str,
    event: &Value,
    target: Target,
    made: &mut Made,
    beside: &Map<String, Value>,
    place: &str,
    refusals: &mut Refusals,
) {
    let kind = event.get("Type").and_then(Value::as_str).unwrap_or_default();
    let known = if kind == "Schedule" { OF_SCHEDULE } else { OF_PATTERN };
    let place = format!("{place}.Properties");
    let given: Map<String, Value> =
        map_entries(event.get("Properties"), &place, refusals).map(super::cloned).collect();
    // The role of a state machine's event is read with the target.
    let is_known = |name: &str| known.contains(&name) || (name == "RoleArn" && target.role.is_some());
    for name in given.keys().filter(|name| !is_known(name)) {
        let text = format!("Tule does not apply this property of {kind} events yet");
        refusals.add(format!("{place}.{name}"), text);
    }
    if kind == "Schedule" && !given.contains_key("Schedule") {
        refusals.add(&place, "Missing required property 'Schedule'.");
    }
    let mut rule: Map<String, Value> =
        RENAMED.iter().filter_map(|(from, to)| Some(((*to).to_owned(), given.get(*from)?.clone()))).collect();
    rule.extend(state(&given, &place, refusals).map(|state| ("State".to_owned(), state)));
    for (name, _) in map_entries(given.get("Target"), &format!("{place}.Target"), refusals) {
        if name != "Id" {
            refusals.add(
                format!("{place}.Target.{name}"),
                format!("Tule does not apply this property of {kind} events yet"),
            );
        }
    }
    let own_id = given.get("Target").and_then(|target| target.get("Id")).cloned();
    let made_id = || {
        let end = LONGEST_ID - target.suffix.len();
        let short: String = id.chars().take(end).collect();
        Value::from(format!("{short}{}", target.suffix))
    };
    let mut one = Map::new();
    one.insert("Arn".to_owned(), target.arn);
    one.insert("Id".to_owned(), own_id.unwrap_or_else(made_id));
    one.extend(target.role.map(|role| ("RoleArn".to_owned(), role)));
    for name in OF_TARGET {
        one.extend(given.get(*name).map(|value| ((*name).to_owned(), value.clone())));
    }
    if let Some(given) = given.get("DeadLetterConfig") {
        let place = format!("{place}.DeadLetterConfig");
        if let Some(arn) = undelivered(id, given, made, beside, &place, refusals) {
            one.insert("DeadLetterConfig".to_owned(), json!({ "Arn": arn }));
        }
    }
    rule.insert("Targets".to_owned(), json!([one]));
    made.add(id, "AWS::Events::Rule", rule, beside);
}

/// Whether the rule is on, if the event says so.
fn state(given: &Map<String, Value>, place: &str, refusals: &mut Refusals) -> Option<Value> {
    match (given.get("State"), given.get("Enabled")) {
        (Some(_), Some(_)) => {
            refusals.add(place, "State and Enabled Properties cannot both be specified.");
            None
        }
        (Some(state), None) => Some(state.clone()),
        (None, Some(enabled)) => {
            let state = if super::intrinsic::is_said(enabled) { "ENABLED" } else { "DISABLED" };
            Some(Value::from(state))
        }
        (None, None) => None,
    }
}

/// The ARN of the queue for what cannot be delivered.
fn undelivered(
    id: &str,
    given: &Value,
    made: &mut Made,
    beside: &Map<String, Value>,
    place: &str,
    refusals: &mut Refusals,
) -> Option<Value> {
    match (given.get("Arn"), given.get("Type").map(|kind| kind == "SQS")) {
        (Some(arn), None) => return Some(arn.clone()),
        (None, Some(true)) => {}
        (Some(_), Some(_)) => {
            refusals.add(place, "You can either define 'Arn' or 'Type' property of DeadLetterConfig.");
            return None;
        }
        (None, Some(false)) => {
            refusals.add(place, "The only valid value for 'Type' property of DeadLetterConfig is 'SQS'.");
            return None;
        }
        (None, None) => {
            refusals.add(place, "No 'Arn' or 'Type' property provided for DeadLetterConfig.");
            return None;
        }
    }
    let queue = match given.get("QueueLogicalId") {
        None => format!("{id}Queue"),
        Some(Value::String(queue)) => queue.clone(),
        Some(_) => {
            refusals.add(place, "QueueLogicalId must be a string");
            return None;
        }
    };
    let statement = json!({
        "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" }, "Action": "sqs:SendMessage",
        "Resource": attribute(&queue, "Arn"), "Condition": { "ArnEquals": { "aws:SourceArn": attribute(id, "Arn") } },
    });
    let mut policy = Map::new();
    let document = json!({ "Version": "2012-10-17", "Statement": [statement] });
    policy.insert("PolicyDocument".to_owned(), document);
    policy.insert("Queues".to_owned(), json!([reference(&queue)]));
    made.add(&queue, "AWS::SQS::Queue", Map::new(), beside);
    made.add(&format!("{id}QueuePolicy"), "AWS::SQS::QueuePolicy", policy, beside);
    Some(attribute(&queue, "Arn"))
}
