//! `AWS::Lambda::Version` and `AWS::Lambda::Alias`.

use serde_json::{Map, Value, json};

use super::{Call, Named, saved};
use crate::Refusals;

pub(super) const PROPERTIES: &[&str] = &[
    "CodeSha256",
    "Description",
    "FunctionName",
    "FunctionScalingConfig",
    "ProvisionedConcurrencyConfig",
    "RuntimePolicy",
];

pub(super) fn calls(resource: Named<'_>) -> Result<Vec<Call>, Refusals> {
    let publish = resource.members(&["CodeSha256", "Description", "FunctionName"]);
    let publish = Call::new("lambda", "PublishVersion", Value::Object(publish));
    let save = [("reference", "/FunctionArn"), ("version", "/Version")];
    let mut calls = vec![publish.saving(&save)];
    calls.extend(provisioned(resource, &saved("version"))?);
    if let Some(Value::Object(policy)) = resource.get("RuntimePolicy") {
        let mut members = policy.clone();
        members.extend(resource.members(&["FunctionName"]));
        members.insert("Qualifier".to_owned(), saved("version"));
        calls.push(Call::new("lambda", "PutRuntimeManagementConfig", Value::Object(members)));
    }
    if resource.get("FunctionScalingConfig").is_some() {
        let mut members = resource.members(&["FunctionName", "FunctionScalingConfig"]);
        members.insert("Qualifier".to_owned(), saved("version"));
        calls.push(Call::new("lambda", "PutFunctionScalingConfig", Value::Object(members)));
    }
    Ok(calls)
}

/// Environments that are kept ready.
fn provisioned(resource: Named<'_>, qualifier: &Value) -> Result<Option<Call>, Refusals> {
    let Some(config) = resource.get("ProvisionedConcurrencyConfig").filter(|config| !config.is_null()) else {
        return Ok(None);
    };
    let place = format!("Resources.{}.Properties.ProvisionedConcurrencyConfig", resource.id);
    let others = config.as_object().into_iter().flat_map(Map::keys);
    if let Some(name) = others.into_iter().find(|name| *name != "ProvisionedConcurrentExecutions") {
        return Err(Refusals::one(format!("{place}.{name}"), "Tule does not apply this property yet"));
    }
    let Some(count) = config.get("ProvisionedConcurrentExecutions") else {
        return Err(Refusals::one(place, "this is a map with ProvisionedConcurrentExecutions, a number"));
    };
    let count = count.as_str().and_then(|text| text.parse().ok()).map_or_else(|| count.clone(), number);
    let members = json!({
        "FunctionName": resource.get("FunctionName"), "Qualifier": qualifier, "ProvisionedConcurrentExecutions": count,
    });
    Ok(Some(Call::new("lambda", "PutProvisionedConcurrencyConfig", members)))
}

fn number(number: i64) -> Value {
    Value::from(number)
}

pub(super) const ALIAS: &[&str] = &[
    "Description",
    "FunctionName",
    "FunctionVersion",
    "Name",
    "ProvisionedConcurrencyConfig",
    "RoutingConfig",
];

pub(super) fn alias(resource: Named<'_>) -> Result<Vec<Call>, Refusals> {
    let mut members = resource.members(&["Description", "FunctionName", "FunctionVersion", "Name"]);
    if let Some(routing) = resource.get("RoutingConfig").filter(|routing| !routing.is_null()) {
        let weights = weights(routing, &format!("Resources.{}.Properties.RoutingConfig", resource.id))?;
        members.insert("RoutingConfig".to_owned(), json!({ "AdditionalVersionWeights": weights }));
    }
    let save = [("reference", "/AliasArn")];
    let update = Call::new("lambda", "UpdateAlias", Value::Object(members.clone())).saving(&save);
    let create = Call::new("lambda", "CreateAlias", Value::Object(members)).saving(&save);
    let mut calls = vec![create.or_if("ResourceConflictException", vec![update])];
    calls.extend(provisioned(resource, resource.get("Name").unwrap_or(&Value::Null))?);
    Ok(calls)
}

/// A list of versions and weights here, a map of them there.
fn weights(routing: &Value, place: &str) -> Result<Map<String, Value>, Refusals> {
    const LISTED: &str = "AdditionalVersionWeights";
    let mut refusals = Refusals::default();
    for name in routing.as_object().into_iter().flat_map(Map::keys).filter(|name| *name != LISTED) {
        refusals.add(format!("{place}.{name}"), "Tule does not apply this property yet");
    }
    let mut weights = Map::new();
    match routing.get(LISTED) {
        Some(Value::Array(listed)) => {
            for (at, one) in listed.iter().enumerate() {
                // Templates may write a version's number as such.
                let version = match one.get("FunctionVersion") {
                    Some(Value::String(version)) => Some(version.clone()),
                    Some(Value::Number(version)) => Some(version.to_string()),
                    _ => None,
                };
                match (version, one.get("FunctionWeight").filter(|weight| !weight.is_null())) {
                    (Some(version), Some(weight)) => {
                        weights.insert(version, weight.clone());
                    }
                    _ => refusals.add(
                        format!("{place}.{LISTED}.{at}"),
                        "each of these has a FunctionVersion and a FunctionWeight",
                    ),
                }
            }
        }
        None if routing.is_object() => {}
        _ => refusals.add(place, "this is a map with AdditionalVersionWeights, a list"),
    }
    refusals.into_result(weights)
}
