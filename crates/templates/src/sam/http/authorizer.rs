//! Authorizers of `AWS::Serverless::HttpApi` as security schemes of its document.

use serde_json::{Map, Value, json};

use super::super::{
    authorizer::{OF_DOCUMENT, invocation, sources},
    intrinsic::{plain_map, said},
};
use super::refuse;
use crate::Refusals;

const OF_TOKENS: &[&str] = &["AuthorizationScopes", "IdentitySource", "JwtConfiguration"];
const OF_FUNCTION: &[&str] = &[
    "AuthorizerPayloadFormatVersion",
    "EnableFunctionDefaultPermissions",
    "EnableSimpleResponses",
    "FunctionArn",
    "FunctionInvokeRole",
    "Identity",
];
const IDENTITY: &[&str] = &["Context", "Headers", "QueryStrings", "ReauthorizeEvery", "StageVariables"];
/// Where a request's identity may be, and how a document says so.
const SOURCES: [(&str, &str); 4] = [
    ("Headers", "$request.header."),
    ("QueryStrings", "$request.querystring."),
    ("StageVariables", "$stageVariables."),
    ("Context", "$context."),
];

/// One authorizer's scheme, or what is wrong with it.
pub(super) fn scheme(given: &Value, place: &str, refusals: &mut Refusals) -> Option<Value> {
    let Some(given) = plain_map(given) else {
        refusals.add(place, "an authorizer is a map");
        return None;
    };
    let tokens = said(given, "JwtConfiguration");
    let known = if tokens.is_some() { OF_TOKENS } else { OF_FUNCTION };
    for (name, _) in given.iter().filter(|(name, value)| !known.contains(&name.as_str()) && !value.is_null())
    {
        match OF_TOKENS.contains(&name.as_str()) || OF_FUNCTION.contains(&name.as_str()) {
            true => {
                refusals.add(format!("{place}.{name}"), "this does not go with an authorizer of this kind");
            }
            false => refuse(refusals, place, name),
        }
    }
    match tokens {
        Some(tokens) => of_tokens(given, tokens, place, refusals),
        None => of_function(given, place, refusals),
    }
}

fn of_tokens(
    given: &Map<String, Value>,
    tokens: &Value,
    place: &str,
    refusals: &mut Refusals,
) -> Option<Value> {
    let (Some(tokens), Some(source)) = (tokens.as_object(), said(given, "IdentitySource")) else {
        refusals.add(place, "an authorizer of tokens has a JwtConfiguration, a map, and an IdentitySource");
        return None;
    };
    if given.get("AuthorizationScopes").is_some_and(|scopes| !scopes.is_array() && !scopes.is_null()) {
        refusals.add(format!("{place}.AuthorizationScopes"), "AuthorizationScopes must be a list.");
    }
    // The document has these in small letters; templates have both.
    let tokens: Map<String, Value> =
        tokens.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
    let authorizer = json!({ "jwtConfiguration": tokens, "identitySource": source, "type": "jwt" });
    Some(json!({ "type": "oauth2", OF_DOCUMENT: authorizer }))
}

fn of_function(given: &Map<String, Value>, place: &str, refusals: &mut Refusals) -> Option<Value> {
    let (Some(function), Some(format)) =
        (said(given, "FunctionArn"), said(given, "AuthorizerPayloadFormatVersion"))
    else {
        refusals.add(
            place,
            "an authorizer has a JwtConfiguration, or a FunctionArn and an AuthorizerPayloadFormatVersion",
        );
        return None;
    };
    let mut made = json!({
        "type": "request", "authorizerUri": invocation(function),
        "authorizerPayloadFormatVersion": format,
    });
    if let Some(role) = said(given, "FunctionInvokeRole").filter(|role| *role != "NONE") {
        made["authorizerCredentials"] = role.clone();
    }
    if let Some(simple) = said(given, "EnableSimpleResponses") {
        made["enableSimpleResponses"] = simple.clone();
    }
    if let Some(identity) = said(given, "Identity") {
        let place = format!("{place}.Identity");
        let Some(identity) = identity.as_object() else {
            refusals.add(place, "an identity is a map");
            return None;
        };
        let unknown = identity.keys().filter(|name| !IDENTITY.contains(&name.as_str()));
        unknown.for_each(|name| refuse(refusals, &place, name));
        if let Some(seconds) = identity.get("ReauthorizeEvery").filter(|seconds| !seconds.is_null()) {
            made["authorizerResultTtlInSeconds"] = seconds.clone();
        }
        made["identitySource"] = Value::from(sources(identity, &SOURCES, &place, refusals));
    }
    Some(json!({ "type": "apiKey", "name": "Unused", "in": "header", OF_DOCUMENT: made }))
}
