//! `EventInvokeConfig`: how a function is invoked asynchronously, and where what became of that goes.

use serde_json::{Map, Value, json};

use super::super::{
    Serverless, Work,
    intrinsic::{attribute, entries, plain_map, reference, with_parameters},
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
    let destinations = destinations(id, given, found, role, &format!("{place}.DestinationConfig"), work);
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

/// Where what became of an invocation goes, by whether it succeeded.
fn destinations(
    id: &str,
    given: &Map<String, Value>,
    found: &Serverless,
    role: &mut Role,
    place: &str,
    work: &mut Work<'_>,
) -> Map<String, Value> {
    let mut destinations = Map::new();
    let Some(given) = given.get("DestinationConfig").filter(|given| !given.is_null()) else {
        return destinations;
    };
    let Some(given) = plain_map(given) else {
        work.refusals.add(place, "Property 'EventInvokeConfig.DestinationConfig' should be a map.");
        return destinations;
    };
    for (name, one) in given {
        let place = format!("{place}.{name}");
        if !["OnSuccess", "OnFailure"].contains(&name.as_str()) {
            work.refusals.add(place, "Tule does not apply this property yet");
            continue;
        }
        if one.is_null() {
            continue;
        }
        if plain_map(one).is_none() {
            let text = format!("Property 'EventInvokeConfig.DestinationConfig.{name}' should be a map.");
            work.refusals.add(place, text);
            continue;
        }
        if let Some(to) = destination(id, name, one, found, role, &place, work) {
            destinations.insert(name.clone(), json!({ "Destination": to }));
        }
    }
    destinations
}

/// Where it goes: to what the template names, or to a queue or topic made for it.
fn destination(
    function: &str,
    name: &str,
    given: &Value,
    found: &Serverless,
    role: &mut Role,
    place: &str,
    work: &mut Work<'_>,
) -> Option<Value> {
    let id = format!("{function}EventInvokeConfig{name}");
    for (name, _) in
        entries(Some(given)).filter(|(name, _)| !["Destination", "Type"].contains(&name.as_str()))
    {
        work.refusals.add(format!("{place}.{name}"), "Tule does not apply this property yet");
    }
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
            work.made.refer(function, part, &made_id);
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
