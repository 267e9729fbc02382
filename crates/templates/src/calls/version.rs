//! `AWS::Lambda::Version` and `AWS::Lambda::Alias`.

use serde_json::{Map, Value, json};

use super::{Call, Named, saved};

pub(super) const PROPERTIES: &[&str] = &[
    "CodeSha256",
    "Description",
    "FunctionName",
    "FunctionScalingConfig",
    "ProvisionedConcurrencyConfig",
    "RuntimePolicy",
];

pub(super) fn calls(resource: Named<'_>) -> Vec<Call> {
    let publish = resource.members(&["CodeSha256", "Description", "FunctionName"]);
    let publish = Call::new("lambda", "PublishVersion", Value::Object(publish));
    let save = [("reference", "/FunctionArn"), ("version", "/Version")];
    let mut calls = vec![publish.saving(&save)];
    calls.extend(provisioned(resource, &saved("version")));
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
    calls
}

/// Environments that are kept ready.
fn provisioned(resource: Named<'_>, qualifier: &Value) -> Option<Call> {
    let config = resource.get("ProvisionedConcurrencyConfig")?;
    let count = config.get("ProvisionedConcurrentExecutions")?;
    let count = count.as_str().and_then(|text| text.parse().ok()).map_or_else(|| count.clone(), number);
    let members = json!({
        "FunctionName": resource.get("FunctionName"), "Qualifier": qualifier, "ProvisionedConcurrentExecutions": count,
    });
    Some(Call::new("lambda", "PutProvisionedConcurrencyConfig", members))
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

pub(super) fn alias(resource: Named<'_>) -> Vec<Call> {
    let mut members = resource.members(&["Description", "FunctionName", "FunctionVersion", "Name"]);
    if let Some(routing) = resource.get("RoutingConfig") {
        // A list of versions and weights here, a map of them there.
        let weights = routing.get("AdditionalVersionWeights").and_then(Value::as_array).into_iter().flatten();
        let weight = |it: &Value| {
            Some((it.get("FunctionVersion")?.as_str()?.to_owned(), it.get("FunctionWeight")?.clone()))
        };
        let weights: Map<String, Value> = weights.filter_map(weight).collect();
        members.insert("RoutingConfig".to_owned(), json!({ "AdditionalVersionWeights": weights }));
    }
    let save = [("reference", "/AliasArn")];
    let update = Call::new("lambda", "UpdateAlias", Value::Object(members.clone())).saving(&save);
    let create = Call::new("lambda", "CreateAlias", Value::Object(members)).saving(&save);
    let mut calls = vec![create.or_if("ResourceConflictException", vec![update])];
    calls.extend(provisioned(resource, resource.get("Name").unwrap_or(&Value::Null)));
    calls
}
