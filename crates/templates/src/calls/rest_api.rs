//! `AWS::ApiGateway::RestApi` with an OpenAPI body, `AWS::ApiGateway::Deployment`, `AWS::ApiGateway::Stage`.
//!
//! The body becomes the calls that make its resources, methods and integrations one by one.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Call, Named, saved, tag_map};
use crate::Refusals;

pub(super) const PROPERTIES: &[&str] =
    &["BinaryMediaTypes", "Body", "Description", "Name", "Parameters", "Tags"];
pub(super) const DEPLOYMENT: &[&str] = &["Description", "RestApiId", "StageName"];
pub(super) const STAGE: &[&str] = &["DeploymentId", "Description", "RestApiId", "StageName", "Variables"];

const METHODS: &[&str] = &["delete", "get", "head", "options", "patch", "post", "put"];
/// API Gateway's quota of an API's resources, each of which is a part of a path.
const MOST_RESOURCES: usize = 300;
const ANY: &str = "x-amazon-apigateway-any-method";
const INTEGRATION: &str = "x-amazon-apigateway-integration";

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
    let mut resources = BTreeSet::new();
    let place = format!("Resources.{}.Properties.Body", resource.id);
    let paths = body.and_then(|body| body.get("paths")).and_then(Value::as_object);
    for (path, item) in paths.into_iter().flatten() {
        if path.split('/').count() > MOST_RESOURCES {
            return Err(Refusals::one(
                format!("{place}.paths"),
                "a path has more parts than an API may have",
            ));
        }
        let variable = make_path(path, &mut resources, &mut calls);
        for (method, operation) in item.as_object().into_iter().flatten() {
            let place = format!("{place}.paths.{path}.{method}");
            let verb = match method.as_str() {
                ANY => "ANY".to_owned(),
                method if METHODS.contains(&method) => method.to_uppercase(),
                _ => return Err(Refusals::one(place, "Tule does not read this part of a path yet")),
            };
            calls.extend(make_method(&variable, &verb, operation, &place)?);
        }
    }
    Ok(calls)
}

/// The call's saved name of a path's resource, with the calls that make it and what lies above it.
fn make_path(path: &str, made: &mut BTreeSet<String>, calls: &mut Vec<Call>) -> String {
    let mut parent = "root".to_owned();
    let mut whole = String::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        whole = format!("{whole}/{part}");
        if made.insert(whole.clone()) {
            let members = json!({ "restApiId": saved("id"), "parentId": saved(&parent), "pathPart": part });
            calls.push(Call::new("apigateway", "CreateResource", members).saving(&[(&whole, "/id")]));
        }
        parent.clone_from(&whole);
    }
    parent
}

fn make_method(resource: &str, verb: &str, operation: &Value, place: &str) -> Result<Vec<Call>, Refusals> {
    let mut refusals = Refusals::default();
    let known = [INTEGRATION, "responses", "operationId", "summary", "description", "produces", "consumes"];
    for key in
        operation.as_object().into_iter().flat_map(Map::keys).filter(|key| !known.contains(&key.as_str()))
    {
        refusals.add(format!("{place}.{key}"), "Tule does not read this part of an operation yet");
    }
    refusals.into_result(())?;
    let members = |further: Value| {
        let mut members =
            json!({ "restApiId": saved("id"), "resourceId": saved(resource), "httpMethod": verb });
        if let (Value::Object(members), Value::Object(further)) = (&mut members, further) {
            members.extend(further);
        }
        members
    };
    let mut calls =
        vec![Call::new("apigateway", "PutMethod", members(json!({ "authorizationType": "NONE" })))];
    for status in operation.get("responses").and_then(Value::as_object).into_iter().flat_map(Map::keys) {
        calls.push(Call::new("apigateway", "PutMethodResponse", members(json!({ "statusCode": status }))));
    }
    let integration = operation.get(INTEGRATION).and_then(Value::as_object);
    let integration = integration.ok_or_else(|| Refusals::one(place, "a method has an integration"))?;
    let mut put = Map::new();
    for (name, value) in integration {
        let name = match name.as_str() {
            "httpMethod" => "integrationHttpMethod",
            "responses" => continue,
            same @ ("uri"
            | "credentials"
            | "requestTemplates"
            | "requestParameters"
            | "passthroughBehavior"
            | "timeoutInMillis"
            | "contentHandling"
            | "connectionType") => same,
            "type" => {
                put.insert("type".to_owned(), Value::from(value.as_str().unwrap_or_default().to_uppercase()));
                continue;
            }
            other => {
                return Err(Refusals::one(
                    format!("{place}.{INTEGRATION}.{other}"),
                    "Tule does not read this yet",
                ));
            }
        };
        put.insert(name.to_owned(), value.clone());
    }
    calls.push(Call::new("apigateway", "PutIntegration", members(Value::Object(put))));
    let responses = integration.get("responses").and_then(Value::as_object);
    for (pattern, response) in responses.into_iter().flatten() {
        let Some(mut put) = response.as_object().cloned() else {
            let place = format!("{place}.{INTEGRATION}.responses.{pattern}");
            return Err(Refusals::one(place, "a response of an integration is a map"));
        };
        if pattern != "default" {
            put.insert("selectionPattern".to_owned(), Value::from(pattern.as_str()));
        }
        calls.push(Call::new("apigateway", "PutIntegrationResponse", members(Value::Object(put))));
    }
    Ok(calls)
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
