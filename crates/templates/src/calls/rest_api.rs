//! `AWS::ApiGateway::RestApi`, with or without an OpenAPI body, and `AWS::ApiGateway::Account`.
//!
//! The body goes over a new API as it is: what it means is the API's to know.

use serde_json::{Map, Value, json};

use super::{Call, Named, fields::members, gateway_v1, saved, tag_map};
use crate::{Refusals, document, plan::Resource};

pub(super) const PROPERTIES: &[&str] = &[
    "ApiKeySourceType",
    "BinaryMediaTypes",
    "Body",
    "CloneFrom",
    "Description",
    "DisableExecuteApiEndpoint",
    "EndpointAccessMode",
    "EndpointConfiguration",
    "FailOnWarnings",
    "MinimumCompressionSize",
    "Mode",
    "Name",
    "Parameters",
    "Policy",
    "SecurityPolicy",
    "Tags",
];
/// Those that are no settings of a new API.
const BESIDE: &[&str] = &["Body", "FailOnWarnings", "Mode", "Name", "Parameters", "Tags"];

/// A document in a file beside the template, which SAM or a CDK asset names, stands in the template's own body from here on.
pub(super) fn read_body(
    resource: &mut Resource,
    read: &dyn Fn(&str) -> Result<String, String>,
) -> Result<(), Refusals> {
    let given = resource.properties.get("BodyS3Location").and_then(Value::as_str);
    let Some(path) = given.map(str::to_owned).or_else(|| resource.asset("BodyS3Location")) else {
        return Ok(());
    };
    let place = format!("Resources.{}.Properties.BodyS3Location", resource.id);
    let text = read(&path).map_err(|error| Refusals::one(&place, error))?;
    let body = document::parse(&text).map_err(|error| Refusals::one(&place, error.to_string()))?;
    resource.properties.remove("BodyS3Location");
    resource.properties.insert("Body".to_owned(), body);
    Ok(())
}

pub(super) fn calls(resource: Named<'_>) -> Result<Vec<Call>, Refusals> {
    let mut tags = tag_map(resource.get("Tags"));
    tags.entry("_custom_id_").or_insert_with(|| Value::from(resource.api_id()));
    let id = tags.get("_custom_id_").cloned().unwrap_or_default();
    let body = resource.get("Body");
    let title =
        body.and_then(|body| body.get("info")).and_then(|info| info.get("title")).and_then(Value::as_str);
    let name = resource.text("Name").or(title).map_or_else(|| resource.name("Name"), str::to_owned);
    let place = format!("Resources.{}.Properties", resource.id);
    let mut settings = members(gateway_v1::REST_API, resource.properties, BESIDE, &place)?;
    // Templates may write them as in a patch, `image~1png`.
    for media_type in settings.get_mut("binaryMediaTypes").and_then(Value::as_array_mut).into_iter().flatten()
    {
        *media_type =
            media_type.as_str().map_or_else(|| media_type.clone(), |it| it.replace("~1", "/").into());
    }
    let patches = patches(resource, &name, &settings);
    let mut create = settings;
    create.insert("name".to_owned(), Value::from(name));
    create.insert("tags".to_owned(), Value::Object(tags));
    let save = [("id", "/id"), ("root", "/rootResourceId")];
    let create = Call::new("apigateway", "CreateRestApi", Value::Object(create)).saving(&save);
    let gone = Call::new("apigateway", "DeleteRestApi", json!({ "restApiId": id }));
    // A stack made again replaces its API under the same id.
    let mut calls = vec![gone.or_if("NotFoundException", Vec::new()), create];
    let Some(body) = body else { return Ok(calls) };
    if !body.is_object() {
        return Err(Refusals::one(format!("{place}.Body"), "a body is a map"));
    }
    let mode = resource.text("Mode").unwrap_or("overwrite");
    let mut put = json!({ "restApiId": saved("id"), "mode": mode });
    for (property, member) in [("FailOnWarnings", "failOnWarnings"), ("Parameters", "parameters")] {
        if let Some(value) = resource.get(property) {
            put[member] = value.clone();
        }
    }
    calls.push(Call::new("apigateway", "PutRestApi", put).with_body(body.to_string()));
    if !patches.is_empty() {
        let update = json!({ "restApiId": saved("id"), "patchOperations": patches });
        calls.push(Call::new("apigateway", "UpdateRestApi", update));
    }
    Ok(calls)
}

/// What the resource's own properties say goes over what its body says.
fn patches(resource: Named<'_>, name: &str, settings: &Map<String, Value>) -> Vec<Value> {
    let text = |value: &Value| Value::from(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    let replace = |path: &str, value: &Value| json!({ "op": "replace", "path": path, "value": text(value) });
    let mut patches = Vec::new();
    if resource.get("Name").is_some() {
        patches.push(replace("/name", &Value::from(name)));
    }
    for (member, value) in settings {
        match member.as_str() {
            "binaryMediaTypes" => {
                for media_type in value.as_array().into_iter().flatten().filter_map(Value::as_str) {
                    let path =
                        format!("/binaryMediaTypes/{}", media_type.replace('~', "~0").replace('/', "~1"));
                    patches.push(json!({ "op": "add", "path": path }));
                }
            }
            "endpointConfiguration" => {
                if let Some(kind) = value.get("types").and_then(|types| types.get(0)) {
                    patches.push(replace("/endpointConfiguration/types/0", kind));
                }
                if let Some(addresses) = value.get("ipAddressType") {
                    patches.push(replace("/endpointConfiguration/ipAddressType", addresses));
                }
            }
            "cloneFrom" => {}
            member => patches.push(replace(&format!("/{member}"), value)),
        }
    }
    patches
}

/// The role that writes logs is of the whole account.
pub(super) fn account(resource: Named<'_>) -> Vec<Call> {
    let role = resource.text("CloudWatchRoleArn").unwrap_or_default();
    let patch = json!({ "op": "replace", "path": "/cloudwatchRoleArn", "value": role });
    vec![Call::new("apigateway", "UpdateAccount", json!({ "patchOperations": [patch] }))]
}
