//! `AWS::ApiGatewayV2::Api`, with or without an OpenAPI body.

use serde_json::{Value, json};

use super::{Call, Named, fields::members, gateway_v2, saved, tag_map};
use crate::Refusals;

pub(super) const PROPERTIES: &[&str] = &[
    "ApiKeySelectionExpression",
    "Body",
    "CorsConfiguration",
    "CredentialsArn",
    "Description",
    "DisableExecuteApiEndpoint",
    "DisableSchemaValidation",
    "FailOnWarnings",
    "IpAddressType",
    "Name",
    "ProtocolType",
    "RouteKey",
    "RouteSelectionExpression",
    "Tags",
    "Target",
    "Version",
];
/// Those that are no settings of the API.
const BESIDE: &[&str] = &["Body", "FailOnWarnings", "Name", "ProtocolType", "Tags"];

pub(super) fn calls(resource: Named<'_>) -> Result<Vec<Call>, Refusals> {
    let mut tags = match resource.get("Tags") {
        Some(Value::Object(tags)) => tags.clone(),
        tags => tag_map(tags),
    };
    tags.entry("_custom_id_").or_insert_with(|| Value::from(resource.api_id()));
    let id = tags.get("_custom_id_").cloned().unwrap_or_default();
    let body = resource.get("Body");
    let title =
        body.and_then(|body| body.get("info")).and_then(|info| info.get("title")).and_then(Value::as_str);
    let name = resource.text("Name").or(title).map_or_else(|| resource.name("Name"), str::to_owned);
    let place = format!("Resources.{}.Properties", resource.id);
    let mut create = members(gateway_v2::HTTP_API, resource.properties, BESIDE, &place)?;
    create.insert("Name".to_owned(), Value::from(name));
    let mut own = create.clone();
    create.insert("ProtocolType".to_owned(), Value::from(resource.text("ProtocolType").unwrap_or("HTTP")));
    create.insert("Tags".to_owned(), Value::Object(tags));
    let create = Call::new("apigatewayv2", "CreateApi", Value::Object(create));
    let gone = Call::new("apigatewayv2", "DeleteApi", json!({ "ApiId": id }));
    // A stack made again replaces its API under the same id.
    let mut calls = vec![
        gone.or_if("NotFoundException", Vec::new()),
        create.saving(&[("id", "/ApiId"), ("endpoint", "/ApiEndpoint")]),
    ];
    let Some(body) = body else { return Ok(calls) };
    if !body.is_object() {
        return Err(Refusals::one(format!("{place}.Body"), "a body is a map"));
    }
    let mut again = json!({ "ApiId": saved("id"), "Body": body.to_string() });
    if let Some(fail) = resource.get("FailOnWarnings") {
        again["FailOnWarnings"] = fail.clone();
    }
    calls.push(Call::new("apigatewayv2", "ReimportApi", again));
    // What the resource's own properties say goes over what its body says.
    own.insert("ApiId".to_owned(), saved("id"));
    calls.push(Call::new("apigatewayv2", "UpdateApi", Value::Object(own)));
    Ok(calls)
}
