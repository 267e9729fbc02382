//! `EventInvokeConfig`: how a function is invoked asynchronously, and where what became of that goes.

use serde_json::{Map, Value, json};

use super::super::{
    Serverless, Work,
    intrinsic::{attribute, plain_map, reference, said, with_parameters},
    role::Role,
};

const KNOWN: &[&str] = &["DestinationConfig", "MaximumEventAgeInSeconds", "MaximumRetryAttempts"];

pub(super) fn make(
    id: &str,
    found: &Serverless,
    alias: Option<&(String, String)>,
    role: &mut Role,
    work: &mut Work<'_>,
) {
    let Some(given) = found.get("EventInvokeConfig").map(|given| with_parameters(given, work.known)) else {
        return;
    };
    let place = format!("Resources.{id}.Properties.EventInvokeConfig");
    let Some(given) = plain_map(&given) else {
        work.refusals.add(place, "this is a map");
        return;
    };
    for name in given.keys().filter(|name| !KNOWN.contains(&name.as_str())) {
        work.refusals.add(format!("{place}.{name}"), "Tule does not apply this property yet");
    }
    let config_id = format!("{id}EventInvokeConfig");
    let mut destinations = Map::new();
    for name in ["OnSuccess", "OnFailure"] {
        let place = format!("{place}.DestinationConfig.{name}");
        let Some(one) = said(given, "DestinationConfig").and_then(|it| it.get(name)) else { continue };
        if let Some(to) = destination(one, &format!("{config_id}{name}"), found, role, &place, work) {
            destinations.insert(name.to_owned(), json!({ "Destination": to }));
        }
    }
    let mut config = Map::new();
    config.insert("FunctionName".to_owned(), reference(id));
    let qualifier = alias.map_or("$LATEST", |(_, name)| name);
    config.insert("Qualifier".to_owned(), Value::from(qualifier));
    config.insert("DestinationConfig".to_owned(), Value::Object(destinations));
    for name in ["MaximumEventAgeInSeconds", "MaximumRetryAttempts"] {
        config.extend(given.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    let mut beside = found.beside.clone();
    beside.shift_remove("DependsOn");
    if let Some((alias, _)) = alias {
        beside.insert("DependsOn".to_owned(), json!([alias]));
    }
    work.made.add(&config_id, "AWS::Lambda::EventInvokeConfig", config, &beside);
}

/// Where it goes: to what the template names, or to a queue or topic made for it.
fn destination(
    given: &Value,
    id: &str,
    found: &Serverless,
    role: &mut Role,
    place: &str,
    work: &mut Work<'_>,
) -> Option<Value> {
    let kind = given.get("Type").and_then(Value::as_str).unwrap_or_default();
    let to = given.get("Destination").filter(|to| !to.is_null()).cloned();
    let object = |value: Value| value.as_object().cloned().unwrap_or_default();
    let (action, name, made) = match kind {
        "SQS" => ("sqs:SendMessage", "SQSPolicy", Some(("Queue", "AWS::SQS::Queue"))),
        "SNS" => ("sns:publish", "SNSPolicy", Some(("Topic", "AWS::SNS::Topic"))),
        "EventBridge" => ("events:PutEvents", "EventBridgePolicy", None),
        "Lambda" => ("lambda:InvokeFunction", "LambdaPolicy", None),
        _ => {
            let text = "Tule sends what became of an invocation to SQS, SNS, EventBridge and Lambda";
            work.refusals.add(format!("{place}.Type"), text);
            return None;
        }
    };
    let to = match (to, made) {
        (Some(to), _) => to,
        (None, Some((suffix, kind))) => {
            let made_id = format!("{id}{suffix}");
            work.made.add(&made_id, kind, object(json!({})), &found.derived());
            let part = if suffix == "Queue" { "DestinationQueue" } else { "DestinationTopic" };
            let function = id.split("EventInvokeConfig").next().unwrap_or(id).to_owned();
            work.made.refer(&function, part, &made_id);
            if suffix == "Queue" { attribute(&made_id, "Arn") } else { reference(&made_id) }
        }
        (None, None) => {
            work.refusals.add(place, "Destination is required if Type is neither SQS nor SNS");
            return None;
        }
    };
    let statement = json!({ "Action": action, "Effect": "Allow", "Resource": to });
    role.allow(&format!("{id}{name}"), &json!({ "Statement": [statement] }));
    Some(to)
}
