//! `AWS::Events::Rule` and `AWS::Events::EventBus`.

use serde_json::{Value, json};

use super::{Call, Named};

pub(super) const PROPERTIES: &[&str] = &[
    "Description",
    "EventBusName",
    "EventPattern",
    "Name",
    "RoleArn",
    "ScheduleExpression",
    "State",
    "Tags",
    "Targets",
];

pub(super) fn calls(resource: Named<'_>) -> Vec<Call> {
    let name = resource.name("Name");
    let mut rule =
        resource.members(&["Description", "EventBusName", "RoleArn", "ScheduleExpression", "State", "Tags"]);
    rule.insert("Name".to_owned(), Value::from(name.as_str()));
    if let Some(pattern) = resource.get("EventPattern") {
        let text = pattern.as_str().map_or_else(|| pattern.to_string(), str::to_owned);
        rule.insert("EventPattern".to_owned(), Value::from(text));
    }
    let mut calls = vec![Call::new("events", "PutRule", Value::Object(rule)).saving(&[("arn", "/RuleArn")])];
    if let Some(targets) = resource.get("Targets") {
        let mut put = resource.members(&["EventBusName"]);
        put.insert("Rule".to_owned(), Value::from(name));
        put.insert("Targets".to_owned(), targets.clone());
        calls.push(Call::new("events", "PutTargets", Value::Object(put)));
    }
    calls
}

pub(super) const EVENT_BUS: &[&str] = &["Description", "Name", "Tags"];

pub(super) fn event_bus(resource: Named<'_>) -> Vec<Call> {
    let name = resource.name("Name");
    let mut create = resource.members(&["Description", "Tags"]);
    create.insert("Name".to_owned(), Value::from(name.as_str()));
    let find = Call::new("events", "DescribeEventBus", json!({ "Name": name })).saving(&[("arn", "/Arn")]);
    let create =
        Call::new("events", "CreateEventBus", Value::Object(create)).saving(&[("arn", "/EventBusArn")]);
    vec![create.or_if("ResourceAlreadyExistsException", vec![find])]
}
