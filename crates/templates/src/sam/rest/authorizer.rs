//! Authorizers of `AWS::Serverless::Api` as security schemes of its document.

use serde_json::{Map, Value, json};

use super::super::{
    authorizer::{OF_DOCUMENT, invocation, sources},
    intrinsic::{plain_map, said},
};
use super::refuse;
use crate::Refusals;

/// The first and the fourth mean something for HTTP APIs only; the real transform takes them here as well.
const KNOWN: &[&str] = &[
    "AuthorizerPayloadFormatVersion",
    "AuthorizationScopes",
    "DisableFunctionDefaultPermissions",
    "EnableSimpleResponses",
    "FunctionArn",
    "FunctionInvokeRole",
    "FunctionPayloadType",
    "Identity",
    "UserPoolArn",
];
const IDENTITY: &[&str] = &[
    "Context",
    "Header",
    "Headers",
    "QueryStrings",
    "ReauthorizeEvery",
    "StageVariables",
    "ValidationExpression",
];
/// Where a request's identity may be, and how a document says so.
const SOURCES: [(&str, &str); 4] = [
    ("Headers", "method.request.header."),
    ("QueryStrings", "method.request.querystring."),
    ("StageVariables", "stageVariables."),
    ("Context", "context."),
];

/// One authorizer's scheme, or what is wrong with it.
pub(super) fn scheme(given: &Value, place: &str, refusals: &mut Refusals) -> Option<Value> {
    let Some(given) = plain_map(given) else {
        refusals.add(place, "an authorizer is a map");
        return None;
    };
    given
        .keys()
        .filter(|name| !KNOWN.contains(&name.as_str()))
        .for_each(|name| refuse(refusals, place, name));
    let empty = Map::new();
    let identity = match said(given, "Identity") {
        None => &empty,
        Some(Value::Object(identity)) => identity,
        Some(_) => {
            refusals.add(format!("{place}.Identity"), "an identity is a map");
            return None;
        }
    };
    let unknown = identity.keys().filter(|name| !IDENTITY.contains(&name.as_str()));
    unknown.for_each(|name| refuse(refusals, &format!("{place}.Identity"), name));
    if given.get("AuthorizationScopes").is_some_and(|scopes| !scopes.is_array() && !scopes.is_null()) {
        refusals.add(format!("{place}.AuthorizationScopes"), "scopes are a list");
    }
    let header = said(identity, "Header").cloned().unwrap_or_else(|| Value::from("Authorization"));
    let scheme = |name: Value, kind: &str, authorizer: Value| {
        json!({
            "type": "apiKey", "name": name, "in": "header", "x-amazon-apigateway-authtype": kind, OF_DOCUMENT: authorizer,
        })
    };
    let validation = said(identity, "ValidationExpression");
    if let Some(pools) = said(given, "UserPoolArn") {
        let pools = if pools.is_array() { pools.clone() } else { json!([pools]) };
        let mut authorizer = json!({ "type": "cognito_user_pools", "providerARNs": pools });
        if let Some(validation) = validation {
            authorizer["identityValidationExpression"] = validation.clone();
        }
        return Some(scheme(header, "cognito_user_pools", authorizer));
    }
    let mut authorizer = function(given, identity, place, refusals)?;
    if authorizer["type"] == "token" {
        if let Some(validation) = validation {
            authorizer["identityValidationExpression"] = validation.clone();
        }
        return Some(scheme(header, "custom", authorizer));
    }
    Some(scheme(Value::from("Unused"), "custom", authorizer))
}

/// A function that decides.
fn function(
    given: &Map<String, Value>,
    identity: &Map<String, Value>,
    place: &str,
    refusals: &mut Refusals,
) -> Option<Value> {
    let Some(function) = said(given, "FunctionArn") else {
        refusals.add(place, "an authorizer has a UserPoolArn or a FunctionArn");
        return None;
    };
    let mut made = json!({ "authorizerUri": invocation(function) });
    if let Some(seconds) = identity.get("ReauthorizeEvery").filter(|seconds| !seconds.is_null()) {
        made["authorizerResultTtlInSeconds"] = seconds.clone();
    }
    if let Some(role) = said(given, "FunctionInvokeRole").filter(|role| *role != "NONE") {
        made["authorizerCredentials"] = role.clone();
    }
    match said(given, "FunctionPayloadType").map_or(Some("TOKEN"), Value::as_str) {
        Some("TOKEN") => made["type"] = Value::from("token"),
        Some("REQUEST") => {
            made["type"] = Value::from("request");
            let sources = sources(identity, &SOURCES, &format!("{place}.Identity"), refusals);
            let forgets = identity.get("ReauthorizeEvery").and_then(seconds).is_some_and(|it| it <= 0);
            match sources.is_empty() {
                false => made["identitySource"] = Value::from(sources.join(", ")),
                true if forgets => {}
                true => refusals.add(
                    place,
                    "a REQUEST authorizer must specify Identity with at least one of Headers, QueryStrings, \
                     StageVariables, or Context",
                ),
            }
        }
        _ => {
            refusals
                .add(format!("{place}.FunctionPayloadType"), "an authorizer's payload is TOKEN or REQUEST");
        }
    }
    Some(made)
}

fn seconds(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}
