//! `AWS::ApiGateway::Deployment` and `AWS::ApiGateway::Stage`.

use serde_json::{Value, json};

use super::{Call, Named, fields::members, gateway_v1};
use crate::Refusals;

pub(super) const DEPLOYMENT: &[&str] =
    &["DeploymentCanarySettings", "Description", "RestApiId", "StageDescription", "StageName"];
pub(super) const PROPERTIES: &[&str] = &[
    "AccessLogSetting",
    "CacheClusterEnabled",
    "CacheClusterSize",
    "CanarySetting",
    "ClientCertificateId",
    "DeploymentId",
    "Description",
    "DocumentationVersion",
    "MethodSettings",
    "RestApiId",
    "StageName",
    "Tags",
    "TracingEnabled",
    "Variables",
];
/// What CreateStage does not take; the stage is changed behind it.
const BEHIND: &[&str] = &["AccessLogSetting", "ClientCertificateId", "MethodSettings"];
/// What CreateDeployment does not take of a `StageDescription`.
const BEHIND_DEPLOYMENT: &[&str] = &[
    "AccessLogSetting",
    "CacheDataEncrypted",
    "CacheTtlInSeconds",
    "CachingEnabled",
    "ClientCertificateId",
    "DataTraceEnabled",
    "DocumentationVersion",
    "LoggingLevel",
    "MethodSettings",
    "MetricsEnabled",
    "ThrottlingBurstLimit",
    "ThrottlingRateLimit",
];

/// Settings of methods, and their paths behind the method's.
const SETTINGS: &[(&str, &str)] = &[
    ("CacheDataEncrypted", "caching/dataEncrypted"),
    ("CacheTtlInSeconds", "caching/ttlInSeconds"),
    ("CachingEnabled", "caching/enabled"),
    ("DataTraceEnabled", "logging/dataTrace"),
    ("LoggingLevel", "logging/loglevel"),
    ("MetricsEnabled", "metrics/enabled"),
    ("ThrottlingBurstLimit", "throttling/burstLimit"),
    ("ThrottlingRateLimit", "throttling/rateLimit"),
];

pub(super) fn deployment(resource: Named<'_>) -> Result<Vec<Call>, Refusals> {
    let place = format!("Resources.{}.Properties", resource.id);
    let mut create = members(gateway_v1::DEPLOYMENT, resource.properties, &["StageDescription"], &place)?;
    if let Some(stage) = resource.get("StageDescription") {
        let place = format!("{place}.StageDescription");
        create.extend(members(gateway_v1::STAGE_DESCRIPTION, stage, BEHIND_DEPLOYMENT, &place)?);
    }
    let create = Call::new("apigateway", "CreateDeployment", Value::Object(create));
    let mut calls = vec![create.saving(&[("id", "/id")])];
    if let Some(stage) = resource.get("StageDescription") {
        let patches = described(stage, &format!("{place}.StageDescription"))?;
        let stage = json!({ "restApiId": resource.get("RestApiId"), "stageName": resource.get("StageName"), "patchOperations": patches });
        calls.extend((!patches.is_empty()).then(|| Call::new("apigateway", "UpdateStage", stage)));
    }
    Ok(calls)
}

/// What a deployment says of its stage and CreateDeployment does not take. Settings of methods without a path are of all.
fn described(stage: &Value, place: &str) -> Result<Vec<Value>, Refusals> {
    let of_all = SETTINGS.iter().filter_map(|(name, path)| Some((format!("/*/*/{path}"), stage.get(*name)?)));
    let mut patches: Vec<Value> = of_all.map(|(path, value)| replace(&path, value)).collect();
    patches.extend(self::patches(stage, place)?);
    Ok(patches)
}

fn replace(path: &str, value: &Value) -> Value {
    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    json!({ "op": "replace", "path": path, "value": value })
}

pub(super) fn calls(resource: Named<'_>) -> Result<Vec<Call>, Refusals> {
    let place = format!("Resources.{}.Properties", resource.id);
    let create = members(gateway_v1::STAGE, resource.properties, BEHIND, &place)?;
    let patches = patches(resource.properties, &place)?;
    let stage = json!({ "restApiId": resource.get("RestApiId"), "stageName": resource.get("StageName"), "patchOperations": patches });
    let mut calls = vec![Call::new("apigateway", "CreateStage", Value::Object(create))];
    if !patches.is_empty() {
        calls.push(Call::new("apigateway", "UpdateStage", stage));
    }
    Ok(calls)
}

fn patches(stage: &Value, place: &str) -> Result<Vec<Value>, Refusals> {
    let mut patches = Vec::new();
    let mut replace = |path: String, value: &Value| patches.push(replace(&path, value));
    for (name, path) in
        [("ClientCertificateId", "/clientCertificateId"), ("DocumentationVersion", "/documentationVersion")]
    {
        // CreateStage takes the second of them itself.
        let is_told = name == "DocumentationVersion" && stage.get("StageName").is_some();
        if let Some(value) = stage.get(name).filter(|_| !is_told) {
            replace(path.to_owned(), value);
        }
    }
    let mut refusals = Refusals::default();
    for (name, value) in stage.get("AccessLogSetting").and_then(Value::as_object).into_iter().flatten() {
        match name.as_str() {
            "DestinationArn" => {
                // A log group's own ARN ends in a star for what is in it.
                let arn = value.as_str().map(|arn| Value::from(arn.trim_end_matches(":*")));
                replace("/accessLogSettings/destinationArn".to_owned(), arn.as_ref().unwrap_or(value));
            }
            "Format" => replace("/accessLogSettings/format".to_owned(), value),
            other => refusals
                .add(format!("{place}.AccessLogSetting.{other}"), "Tule does not apply this property yet"),
        }
    }
    let methods = stage.get("MethodSettings").and_then(Value::as_array).into_iter().flatten();
    for (at, settings) in methods.enumerate() {
        let part = |name: &str| settings.get(name).and_then(Value::as_str).unwrap_or("*").to_owned();
        let method = format!("/{}/{}", part("ResourcePath").trim_start_matches('/'), part("HttpMethod"));
        for (name, value) in settings.as_object().into_iter().flatten() {
            match SETTINGS.iter().find(|(known, _)| known == name) {
                Some((_, path)) => replace(format!("{method}/{path}"), value),
                None if matches!(name.as_str(), "HttpMethod" | "ResourcePath") => {}
                None => refusals.add(
                    format!("{place}.MethodSettings.{at}.{name}"),
                    "Tule does not apply this property yet",
                ),
            }
        }
    }
    refusals.into_result(patches)
}
