//! `x-amazon-apigateway-integration` of HTTP APIs, and back.

use serde_json::{Map, Value, json};

use super::import::Reader;
use crate::openapi::{document, filled, reference};

const NAME: &str = "x-amazon-apigateway-integration";

/// Members of the extension that are texts, and their names in the control plane.
const TEXTS: &[(&str, &str)] = &[
    ("type", "IntegrationType"),
    ("integrationSubtype", "IntegrationSubtype"),
    ("httpMethod", "IntegrationMethod"),
    ("uri", "IntegrationUri"),
    ("credentials", "CredentialsArn"),
    ("payloadFormatVersion", "PayloadFormatVersion"),
    ("connectionType", "ConnectionType"),
    ("connectionId", "ConnectionId"),
    ("description", "Description"),
];
/// Those that are maps.
const MAPS: &[(&str, &str)] =
    &[("requestParameters", "RequestParameters"), ("responseParameters", "ResponseParameters")];
/// What only REST APIs have. Their exports have it, and may be imported here.
const UNUSED: &[&str] = &[
    "cacheKeyParameters",
    "cacheNamespace",
    "contentHandling",
    "passthroughBehavior",
    "requestTemplates",
    "responses",
];

impl<'d> Reader<'d> {
    /// The place of an operation's integration among the draft's; `None` for a route without.
    pub(super) fn read_integration(
        &mut self,
        operation: &'d Map<String, Value>,
        path: &str,
    ) -> Option<usize> {
        let own = operation.get(NAME)?;
        let found = reference::resolve(self.document, own);
        let address = found.map(|found| std::ptr::from_ref(found).addr());
        if let Some(place) = address.and_then(|address| self.places.get(&address)) {
            return Some(*place);
        }
        let members = found.and_then(Value::as_object).and_then(|found| self.integration(found, path));
        let Some(members) = members else {
            self.notes.fail(format!(
                "Unable to parse API definition because of a malformed integration at path {path}"
            ));
            return None;
        };
        self.draft.integrations.push(members);
        let place = self.draft.integrations.len() - 1;
        self.places.extend(address.map(|address| (address, place)));
        Some(place)
    }

    fn integration(&mut self, found: &Map<String, Value>, path: &str) -> Option<Map<String, Value>> {
        let mut members = Map::new();
        for (name, value) in found {
            if let Some((_, member)) = TEXTS.iter().find(|(own, _)| own == name) {
                let text = document::text(value)?;
                let text = match *member {
                    "IntegrationType" | "IntegrationMethod" | "ConnectionType" => text.to_uppercase(),
                    _ => self.substituted(&text),
                };
                members.insert((*member).to_owned(), json!(text));
            } else if let Some((_, member)) = MAPS.iter().find(|(own, _)| own == name) {
                members.insert((*member).to_owned(), Value::Object(value.as_object()?.clone()));
            } else if name == "timeoutInMillis" {
                let millis: i64 = document::text(value)?.parse().ok()?;
                members.insert(String::from("TimeoutInMillis"), json!(millis));
            } else if name == "tlsConfig" {
                members.insert(String::from("TlsConfig"), tls(value)?);
            } else if UNUSED.contains(&name.as_str()) {
                self.inform(format!(
                    "{name} of the integration at path {path} is not supported for HTTP APIs. Ignoring."
                ));
            } else {
                self.notes
                    .warn(format!("Unknown property {name} of the integration at path {path}. Ignoring."));
            }
        }
        Some(members)
    }
}

/// A `TlsConfig`, which need not name a server. What REST APIs have beyond that name, HTTP APIs could not act on.
fn tls(value: &Value) -> Option<Value> {
    let config = value.as_object()?;
    if config.keys().any(|name| name != "serverNameToVerify") {
        return None;
    }
    let server = filled(config, "serverNameToVerify");
    Some(server.map_or_else(|| json!({}), |server| json!({"ServerNameToVerify": server})))
}

/// An integration as the extension.
pub(super) fn extension(members: &Map<String, Value>) -> Value {
    let mut made = Map::new();
    for (name, member) in TEXTS.iter().chain(MAPS) {
        if let Some(value) = members.get(*member).filter(|value| !value.is_null()) {
            let value = match (*name, value) {
                ("type", Value::String(kind)) => json!(kind.to_lowercase()),
                _ => value.clone(),
            };
            made.insert((*name).to_owned(), value);
        }
    }
    if let Some(millis) = members.get("TimeoutInMillis").filter(|millis| **millis != 30_000) {
        made.insert(String::from("timeoutInMillis"), millis.clone());
    }
    if let Some(config) = members.get("TlsConfig") {
        let server = config.get("ServerNameToVerify");
        let config = server.map_or_else(|| json!({}), |server| json!({"serverNameToVerify": server}));
        made.insert(String::from("tlsConfig"), config);
    }
    made.into()
}
