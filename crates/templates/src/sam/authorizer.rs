//! What authorizers of REST, HTTP and WebSocket APIs have in common.

use serde_json::{Map, Value, json};

use super::{
    Made,
    intrinsic::{is_said, reference, substituted},
};
use crate::Refusals;

/// Where a document has an authorizer.
pub(super) const OF_DOCUMENT: &str = "x-amazon-apigateway-authorizer";
/// The name of signature version 4.
pub(super) const IAM: &str = "AWS_IAM";
/// The name of no authorizer at all.
pub(super) const NONE: &str = "NONE";

/// Signature version 4 as a security scheme.
pub(super) fn iam() -> Value {
    json!({
        "type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4",
    })
}

/// The function that decides, as an authorizer calls it.
pub(super) fn invocation(function: &Value) -> Value {
    let uri =
        "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${__FunctionArn__}/invocations";
    substituted(uri, &json!({ "__FunctionArn__": function }))
}

/// An authorizer's own scopes.
pub(super) fn scopes(authorizers: Option<&Value>, name: &str) -> Option<Value> {
    authorizers?.get(name)?.get("AuthorizationScopes").filter(|scopes| !scopes.is_null()).cloned()
}

/// Where a request's identity is. `kinds` are the lists of an identity, and how a document begins what is in them.
pub(super) fn sources(
    identity: &Map<String, Value>,
    kinds: &[(&str, &str)],
    place: &str,
    refusals: &mut Refusals,
) -> Vec<String> {
    let mut sources = Vec::new();
    for (name, prefix) in kinds {
        let place = format!("{place}.{name}");
        match identity.get(*name).filter(|listed| is_said(listed)) {
            None => {}
            Some(Value::Array(listed)) => {
                for item in listed {
                    match item.as_str() {
                        Some(item) => sources.push(format!("{prefix}{item}")),
                        None => refusals.add(&place, "this is a list of texts"),
                    }
                }
            }
            Some(_) => refusals.add(place, "this is a list of texts"),
        }
    }
    sources
}

/// What is wrong with an event's authorizer of this name. `auth` is the API's.
pub(super) fn wrong(name: &str, auth: Option<&Value>, by_signature: bool) -> Option<&'static str> {
    let has_default = auth.and_then(|auth| auth.get("DefaultAuthorizer")).is_some_and(is_said);
    let is_there = auth.and_then(|auth| auth.get("Authorizers")?.get(name)).is_some_and(is_said);
    match name {
        NONE if !has_default => {
            Some("'NONE' is only a valid value when a DefaultAuthorizer on the API is specified")
        }
        NONE => None,
        IAM if by_signature => None,
        _ if !is_there => Some("the API's Authorizers have none of this name"),
        _ => None,
    }
}

/// Lets an API invoke a function that authorizes for it.
pub(super) fn permit(
    api: &str,
    id: &str,
    partition: &str,
    function: &Value,
    beside: &Map<String, Value>,
    made: &mut Made,
) {
    let arn = format!(
        "arn:{partition}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{__ApiId__}}/authorizers/*"
    );
    let source = Some(substituted(&arn, &json!({ "__ApiId__": reference(api) })));
    made.add_permission(id, function.clone(), "apigateway.amazonaws.com", source, beside);
}
