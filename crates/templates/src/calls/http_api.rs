//! `AWS::ApiGatewayV2::Api` with an OpenAPI body, and `AWS::ApiGatewayV2::Stage`.

use serde_json::{Map, Value, json};

use super::{Call, Named, saved, tag_map};
use crate::Refusals;

pub(super) const PROPERTIES: &[&str] = &["Body", "CorsConfiguration", "Description", "Name", "Tags"];
pub(super) const STAGE: &[&str] =
    &["ApiId", "AutoDeploy", "Description", "StageName", "StageVariables", "Tags"];

const INTEGRATION: &str = "x-amazon-apigateway-integration";

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
    let mut create = resource.members(&["CorsConfiguration", "Description"]);
    create.insert("Name".to_owned(), Value::from(name));
    create.insert("ProtocolType".to_owned(), Value::from("HTTP"));
    create.insert("Tags".to_owned(), Value::Object(tags));
    let create = Call::new("apigatewayv2", "CreateApi", Value::Object(create));
    let gone = Call::new("apigatewayv2", "DeleteApi", json!({ "ApiId": id }));
    // A stack made again replaces its API under the same id.
    let mut calls = vec![
        gone.or_if("NotFoundException", Vec::new()),
        create.saving(&[("id", "/ApiId"), ("endpoint", "/ApiEndpoint")]),
    ];
    let paths = body.and_then(|body| body.get("paths")).and_then(Value::as_object);
    for (path, item) in paths.into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let place = format!("Resources.{}.Properties.Body.paths.{path}.{method}", resource.id);
            calls.extend(route(path, method, operation, &place)?);
        }
    }
    Ok(calls)
}

fn route(path: &str, method: &str, operation: &Value, place: &str) -> Result<Vec<Call>, Refusals> {
    let key = match (path, method) {
        ("$default" | "/$default", _) => "$default".to_owned(),
        (path, "x-amazon-apigateway-any-method") => format!("ANY {path}"),
        (path, method) => format!("{} {path}", method.to_uppercase()),
    };
    let integration = operation.get(INTEGRATION).and_then(Value::as_object);
    let integration = integration.ok_or_else(|| Refusals::one(place, "a route has an integration"))?;
    let mut create = Map::new();
    create.insert("ApiId".to_owned(), saved("id"));
    for (name, value) in integration {
        let member = match name.as_str() {
            "uri" => "IntegrationUri",
            "httpMethod" => "IntegrationMethod",
            "payloadFormatVersion" => "PayloadFormatVersion",
            "timeoutInMillis" => "TimeoutInMillis",
            "credentials" => "CredentialsArn",
            "type" => {
                let kind = value.as_str().unwrap_or_default().to_uppercase();
                create.insert("IntegrationType".to_owned(), Value::from(kind));
                continue;
            }
            other => {
                return Err(Refusals::one(
                    format!("{place}.{INTEGRATION}.{other}"),
                    "Tule does not read this yet",
                ));
            }
        };
        create.insert(member.to_owned(), value.clone());
    }
    let integration = Call::new("apigatewayv2", "CreateIntegration", Value::Object(create));
    let target = json!({ "$joined": ["integrations/", saved("integration")] });
    let route = json!({ "ApiId": saved("id"), "RouteKey": key, "Target": target });
    Ok(vec![
        integration.saving(&[("integration", "/IntegrationId")]),
        Call::new("apigatewayv2", "CreateRoute", route),
    ])
}

pub(super) fn stage(resource: Named<'_>) -> Vec<Call> {
    let mut members =
        resource.members(&["ApiId", "AutoDeploy", "Description", "StageName", "StageVariables"]);
    if let Some(Value::Object(tags)) = resource.get("Tags") {
        members.insert("Tags".to_owned(), Value::Object(tags.clone()));
    }
    vec![Call::new("apigatewayv2", "CreateStage", Value::Object(members))]
}
