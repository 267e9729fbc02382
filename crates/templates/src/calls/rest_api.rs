//! `AWS::ApiGateway::RestApi` with an OpenAPI body, `AWS::ApiGateway::Deployment`, `AWS::ApiGateway::Stage`.
//!
//! The body goes over a new API as it is: what it means is the API's to know.

use serde_json::{Map, Value, json};

use super::{Call, Named, saved, tag_map};
use crate::Refusals;

pub(super) const PROPERTIES: &[&str] =
    &["BinaryMediaTypes", "Body", "Description", "FailOnWarnings", "Name", "Parameters", "Tags"];
pub(super) const DEPLOYMENT: &[&str] = &["Description", "RestApiId", "StageName"];
pub(super) const STAGE: &[&str] = &["DeploymentId", "Description", "RestApiId", "StageName", "Variables"];

pub(super) fn calls(resource: Named<'_>) -> Result<Vec<Call>, Refusals> {
    let mut tags = tag_map(resource.get("Tags"));
    tags.entry("_custom_id_").or_insert_with(|| Value::from(resource.api_id()));
    let id = tags.get("_custom_id_").cloned().unwrap_or_default();
    let body = resource.get("Body");
    let title =
        body.and_then(|body| body.get("info")).and_then(|info| info.get("title")).and_then(Value::as_str);
    let name = resource.text("Name").or(title).map_or_else(|| resource.name("Name"), str::to_owned);
    let mut create = json!({ "name": name, "tags": tags });
    if let Some(description) = resource.get("Description") {
        create["description"] = description.clone();
    }
    if let Some(types) = resource.get("BinaryMediaTypes") {
        create["binaryMediaTypes"] = types.clone();
    }
    let save = [("id", "/id"), ("root", "/rootResourceId")];
    let create = Call::new("apigateway", "CreateRestApi", create).saving(&save);
    let gone = Call::new("apigateway", "DeleteRestApi", json!({ "restApiId": id }));
    // A stack made again replaces its API under the same id.
    let mut calls = vec![gone.or_if("NotFoundException", Vec::new()), create];
    let Some(body) = body else { return Ok(calls) };
    if !body.is_object() {
        let place = format!("Resources.{}.Properties.Body", resource.id);
        return Err(Refusals::one(place, "a body is a map"));
    }
    let mut put = json!({ "restApiId": saved("id"), "mode": "overwrite" });
    for (property, member) in [("FailOnWarnings", "failOnWarnings"), ("Parameters", "parameters")] {
        if let Some(value) = resource.get(property) {
            put[member] = value.clone();
        }
    }
    calls.push(Call::new("apigateway", "PutRestApi", put).with_body(body.to_string()));
    let patches = patches(resource, &name);
    if !patches.is_empty() {
        let update = json!({ "restApiId": saved("id"), "patchOperations": patches });
        calls.push(Call::new("apigateway", "UpdateRestApi", update));
    }
    Ok(calls)
}

/// What the resource's own properties say goes over what its body says.
fn patches(resource: Named<'_>, name: &str) -> Vec<Value> {
    let mut patches = Vec::new();
    let replace = |path: &str, value: &Value| json!({ "op": "replace", "path": path, "value": value });
    if resource.get("Name").is_some() {
        patches.push(replace("/name", &Value::from(name)));
    }
    if let Some(description) = resource.get("Description") {
        patches.push(replace("/description", description));
    }
    let types = resource.get("BinaryMediaTypes").and_then(Value::as_array).into_iter().flatten();
    for media_type in types.filter_map(Value::as_str) {
        let path = format!("/binaryMediaTypes/{}", media_type.replace('~', "~0").replace('/', "~1"));
        patches.push(json!({ "op": "add", "path": path }));
    }
    patches
}

pub(super) fn deployment(resource: Named<'_>) -> Vec<Call> {
    let mut members = json!({ "restApiId": resource.get("RestApiId") });
    for (property, member) in [("StageName", "stageName"), ("Description", "description")] {
        if let Some(value) = resource.get(property) {
            members[member] = value.clone();
        }
    }
    vec![Call::new("apigateway", "CreateDeployment", members).saving(&[("id", "/id")])]
}

pub(super) fn stage(resource: Named<'_>) -> Vec<Call> {
    let mut members = Map::new();
    let names = [
        ("RestApiId", "restApiId"),
        ("StageName", "stageName"),
        ("DeploymentId", "deploymentId"),
        ("Description", "description"),
        ("Variables", "variables"),
    ];
    for (property, member) in names {
        members.extend(resource.get(property).map(|value| (member.to_owned(), value.clone())));
    }
    vec![Call::new("apigateway", "CreateStage", Value::Object(members))]
}
