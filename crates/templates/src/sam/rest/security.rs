//! Who may call a REST API: the security of its document's methods.
//!
//! Events write what they ask for themselves, before the API writes what it asks for by default. In between, `NONE` and
//! `api_key_false` mark the methods that take no default.

use serde_json::{Map, Value, json};

use super::super::{
    authorizer::{IAM, NONE, iam, scopes, wrong},
    document::{at_method, each_method},
    event::Event,
    intrinsic::{entries, is_said, plain_map, put, said},
};
use super::{authorizer, refuse};
use crate::Refusals;

const API_KEY: &str = "api_key";
const NO_API_KEY: &str = "api_key_false";

const KNOWN: &[&str] = &[
    "AddApiKeyRequiredToCorsPreflight",
    "AddDefaultAuthorizerToCorsPreflight",
    "ApiKeyRequired",
    "Authorizers",
    "DefaultAuthorizer",
    "InvokeRole",
    "ResourcePolicy",
    "UsagePlan",
];
const OF_EVENT: &[&str] = &[
    "ApiKeyRequired",
    "AuthorizationScopes",
    "Authorizer",
    "InvokeRole",
    "OverrideApiAuth",
    "ResourcePolicy",
];

/// What the API's `Auth` asks of every method.
pub(super) fn write(auth: &Map<String, Value>, document: &mut Value, place: &str, refusals: &mut Refusals) {
    auth.keys().filter(|name| !KNOWN.contains(&name.as_str())).for_each(|name| refuse(refusals, place, name));
    let default = said(auth, "DefaultAuthorizer");
    let mut schemes = Map::new();
    if default.is_some_and(|default| default == IAM) {
        schemes.insert(IAM.to_owned(), iam());
    }
    let given = said(auth, "Authorizers");
    if given.is_some_and(|given| plain_map(given).is_none()) {
        refusals.add(format!("{place}.Authorizers"), "authorizers are a map of their names");
    }
    for (name, given) in entries(given) {
        let place = format!("{place}.Authorizers.{name}");
        schemes.extend(authorizer::scheme(given, &place, refusals).map(|scheme| (name.clone(), scheme)));
    }
    let names: Vec<String> = entries(given).map(|(name, _)| name.clone()).chain([IAM.to_owned()]).collect();
    for (name, scheme) in schemes {
        put(document, &["securityDefinitions", &name], scheme);
    }
    match default.map(|default| default.as_str().filter(|name| names.iter().any(|it| it == name))) {
        None => {}
        Some(Some(default)) => {
            let in_preflights = auth.get("AddDefaultAuthorizerToCorsPreflight") != Some(&Value::Bool(false));
            let scopes = scopes(given, default).unwrap_or_else(|| json!([]));
            write_default_authorizer(document, &names, default, &scopes, in_preflights);
        }
        Some(None) => refusals.add(
            format!("{place}.DefaultAuthorizer"),
            "the default authorizer is the name of one of the API's Authorizers, or AWS_IAM",
        ),
    }
    if said(auth, "ApiKeyRequired").is_some() {
        add_api_key(document);
        let in_preflights = auth.get("AddApiKeyRequiredToCorsPreflight") != Some(&Value::Bool(false));
        write_default_api_key(document, in_preflights);
    }
}

fn write_default_authorizer(
    document: &mut Value,
    names: &[String],
    default: &str,
    scopes: &Value,
    in_preflights: bool,
) {
    let mut by_signature = false;
    each_method(document, |name, method| {
        if name == "options" && !in_preflights {
            return;
        }
        let is_authorizer = |security: &Value| names.iter().any(|name| security.get(name).is_some());
        let (mut authorizers, mut others): (Vec<_>, Vec<_>) =
            security_of(method).into_iter().partition(is_authorizer);
        match others.iter().position(|security| security.get(NONE).is_some()) {
            Some(marked) => {
                others.remove(marked);
                authorizers.clear();
            }
            None if authorizers.is_empty() => authorizers.push(json!({ default: scopes })),
            None => {}
        }
        others.extend(authorizers);
        by_signature |= others.first().is_some_and(|first| first.get(IAM).is_some());
        // Where nothing is left, the marker stays, as the real transform leaves it.
        if !others.is_empty() {
            method.insert("security".to_owned(), Value::Array(others));
        }
    });
    if by_signature {
        add_iam(document);
    }
}

fn write_default_api_key(document: &mut Value, in_preflights: bool) {
    each_method(document, |name, method| {
        let is_key = |security: &Value| security.get(API_KEY).is_some() || security.get(NO_API_KEY).is_some();
        let before = security_of(method);
        let (keys, mut security): (Vec<_>, Vec<_>) = before.clone().into_iter().partition(is_key);
        let refused = keys.iter().any(|security| security.get(NO_API_KEY).is_some());
        if !refused && (name != "options" || in_preflights) {
            security.push(json!({ API_KEY: [] }));
        }
        if security != before {
            method.insert("security".to_owned(), Value::Array(security));
        }
    });
}

fn security_of(method: &Map<String, Value>) -> Vec<Value> {
    method.get("security").and_then(Value::as_array).cloned().unwrap_or_default()
}

fn add_iam(document: &mut Value) {
    if document.pointer("/securityDefinitions/AWS_IAM").is_none() {
        put(document, &["securityDefinitions", IAM], iam());
    }
}

fn add_api_key(document: &mut Value) {
    if document.pointer("/securityDefinitions/api_key").is_none() {
        let scheme = json!({ "type": "apiKey", "name": "x-api-key", "in": "header" });
        put(document, &["securityDefinitions", API_KEY], scheme);
    }
}

/// What an event's `Auth` asks of its own method.
pub(super) fn write_event(
    event: &Event,
    api: Option<&Value>,
    document: &mut Value,
    place: &str,
    refusals: &mut Refusals,
) {
    let place = format!("{place}.Properties.Auth");
    let Some(auth) = event.auth(&place, refusals) else { return };
    let unknown = auth.keys().filter(|name| !OF_EVENT.contains(&name.as_str()));
    unknown.for_each(|name| refuse(refusals, &place, name));
    let mut security = Vec::new();
    security.extend(authorizer_of_event(auth, api, &place, refusals));
    security.extend(key_of_event(auth, api, document, &place, refusals));
    if security.is_empty() {
        return;
    }
    let mut by_signature = false;
    at_method(document, &event.path, &event.method, |method| {
        let mut all = security_of(method);
        all.extend(security.iter().cloned());
        by_signature |= all[0].get(IAM).is_some();
        method.insert("security".to_owned(), Value::Array(all));
    });
    if by_signature {
        add_iam(document);
    }
}

fn authorizer_of_event(
    auth: &Map<String, Value>,
    api: Option<&Value>,
    place: &str,
    refusals: &mut Refusals,
) -> Option<Value> {
    let Some(name) = said(auth, "Authorizer").map(|name| name.as_str().unwrap_or_default()) else {
        if said(auth, "AuthorizationScopes").is_some() {
            let place = format!("{place}.AuthorizationScopes");
            refusals.add(place, "AuthorizationScopes works only when Authorizer is set");
        }
        return None;
    };
    if let Some(wrong) = wrong(name, api, true) {
        refusals.add(format!("{place}.Authorizer"), wrong);
    }
    let authorizers = api.and_then(|api| api.get("Authorizers"));
    let is_there = authorizers.and_then(|all| all.get(name)).is_some_and(is_said);
    let own = auth.get("AuthorizationScopes").filter(|scopes| !scopes.is_null());
    let scopes = own.filter(|_| is_there).cloned().or_else(|| scopes(authorizers, name));
    Some(json!({ name: scopes.unwrap_or_else(|| json!([])) }))
}

fn key_of_event(
    auth: &Map<String, Value>,
    api: Option<&Value>,
    document: &mut Value,
    place: &str,
    refusals: &mut Refusals,
) -> Option<Value> {
    let required = auth.get("ApiKeyRequired").filter(|required| !required.is_null())?;
    if is_said(required) {
        add_api_key(document);
        return Some(json!({ API_KEY: [] }));
    }
    if !api.and_then(|api| api.get("ApiKeyRequired")).is_some_and(is_said) {
        let text = "a method is without a key only where the API asks for one (Auth.ApiKeyRequired)";
        refusals.add(format!("{place}.ApiKeyRequired"), text);
    }
    Some(json!({ NO_API_KEY: [] }))
}

/// The credentials with which a method that is called by signature calls its integration: the caller's own, unless a
/// role is named.
pub(super) fn credentials(event: &Event, api: Option<&Value>) -> Option<Value> {
    let auth = event.get("Auth");
    let is_iam = |value: Option<&Value>| value.is_some_and(|name| name == IAM);
    let by_default = auth.is_none() && is_iam(api.and_then(|api| api.get("DefaultAuthorizer")));
    if !is_iam(auth.and_then(|auth| auth.get("Authorizer"))) && !by_default {
        return None;
    }
    let role = |auth: Option<&Value>| match auth.and_then(|auth| auth.get("InvokeRole")) {
        Some(role) if is_said(role) => Some(role.clone()),
        Some(_) => Some(Value::from(NONE)),
        None => None,
    };
    match role(auth).or_else(|| role(api)) {
        Some(role) if role == NONE => None,
        Some(role) if role != "CALLER_CREDENTIALS" => Some(role),
        _ => Some(Value::from("arn:aws:iam::*:user/*")),
    }
}
