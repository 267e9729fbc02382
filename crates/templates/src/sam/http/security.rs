//! Who may call an HTTP API: the security of its document's methods.

use serde_json::{Map, Value, json};

use super::super::{
    authorizer::{IAM, NONE, iam, scopes, wrong},
    document::{INTEGRATION, at_method, contents, paths},
    event::Event,
    intrinsic::{entries, is_said, plain_map, put, said},
};
use super::{authorizer, refuse};
use crate::Refusals;

const KNOWN: &[&str] = &["Authorizers", "DefaultAuthorizer", "EnableIamAuthorizer"];
const OF_EVENT: &[&str] = &["AuthorizationScopes", "Authorizer"];

/// What the API's `Auth` asks of every method.
pub(super) fn write(auth: &Map<String, Value>, document: &mut Value, place: &str, refusals: &mut Refusals) {
    auth.keys().filter(|name| !KNOWN.contains(&name.as_str())).for_each(|name| refuse(refusals, place, name));
    let given = said(auth, "Authorizers");
    if given.is_some_and(|given| plain_map(given).is_none()) {
        refusals.add(format!("{place}.Authorizers"), "authorizers are a map of their names");
    }
    let mut schemes = Map::new();
    if auth.get("EnableIamAuthorizer") == Some(&Value::Bool(true)) {
        schemes.insert(IAM.to_owned(), iam());
    }
    for (name, given) in entries(given) {
        let place = format!("{place}.Authorizers.{name}");
        schemes.extend(authorizer::scheme(given, &place, refusals).map(|scheme| (name.clone(), scheme)));
    }
    let names: Vec<String> = schemes.keys().cloned().collect();
    for (name, scheme) in schemes {
        put(document, &["components", "securitySchemes", &name], scheme);
    }
    let default =
        said(auth, "DefaultAuthorizer").filter(|default| *default != &json!({ "Ref": "AWS::NoValue" }));
    match default.map(|default| default.as_str().filter(|name| names.iter().any(|it| it == name))) {
        None => {}
        Some(Some(default)) => {
            let scopes = scopes(given, default).unwrap_or_else(|| json!([]));
            write_default(document, default, &scopes);
        }
        Some(None) => refusals.add(
            format!("{place}.DefaultAuthorizer"),
            "the default authorizer is the name of one of the API's Authorizers, or AWS_IAM where that is enabled",
        ),
    }
}

fn write_default(document: &mut Value, default: &str, scopes: &Value) {
    for (_, item) in paths(document) {
        let methods = item.iter_mut().filter(|(name, _)| !matches!(name.as_str(), "parameters" | "options"));
        for method in methods.flat_map(|(_, method)| contents(method)).filter_map(Value::as_object_mut) {
            let is_answered = method.get(INTEGRATION).is_some_and(is_said);
            if is_answered && !method.get("security").is_some_and(is_said) {
                method.insert("security".to_owned(), json!([{ default: scopes }]));
            }
        }
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
    let default = api.and_then(|api| api.get("DefaultAuthorizer")).filter(|default| is_said(default));
    let Some(name) = said(auth, "Authorizer").or(default).map(|name| name.as_str().unwrap_or_default())
    else {
        refusals.add(
            place,
            "'Auth' section requires either an explicit 'Authorizer' set or a 'DefaultAuthorizer' configured on the \
             HttpApi.",
        );
        return;
    };
    let authorizers = api.and_then(|api| api.get("Authorizers"));
    let by_signature = api.and_then(|api| api.get("EnableIamAuthorizer")) == Some(&Value::Bool(true));
    if let Some(wrong) = wrong(name, api, by_signature) {
        refusals.add(format!("{place}.Authorizer"), wrong);
    }
    let own = said(auth, "AuthorizationScopes");
    if own.is_some_and(|scopes| !scopes.is_array()) {
        refusals
            .add(format!("{place}.AuthorizationScopes"), "'AuthorizationScopes' must be a list of strings.");
    }
    let takes_scopes = !matches!(name, NONE | IAM);
    let scopes = own.cloned().or_else(|| scopes(authorizers, name)).filter(|_| takes_scopes);
    let security = json!({ name: scopes.unwrap_or_else(|| json!([])) });
    at_method(document, &event.path, &event.method, |method| {
        let listed = method.entry("security").or_insert_with(|| json!([]));
        if let Some(listed) = listed.as_array_mut() {
            listed.push(security.clone());
        }
    });
}
