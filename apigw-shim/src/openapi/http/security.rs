//! Security schemes of HTTP APIs into authorizers, and back.

use serde_json::{Map, Value, json};

use super::import::{Reader, capitalized};
use crate::openapi::{document, filled, object, reference, strings, text};

const AUTHORIZER: &str = "x-amazon-apigateway-authorizer";
const AUTH_TYPE: &str = "x-amazon-apigateway-authtype";
const SIGNED: &str = "sigv4";

/// More security schemes than any document has.
const MOST_SCHEMES: usize = 1_000;

/// What a scheme asks of a route's callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// The authorizer of its name, by a route's authorization type.
    Authorizer(&'static str),
    Iam,
    Ignored,
}

impl Reader<'_> {
    pub(super) fn read_security(&mut self) {
        let document = self.document;
        let found = object(document, "components").and_then(|all| object(all, "securitySchemes"));
        if found.is_some_and(|found| found.len() > MOST_SCHEMES) {
            self.notes.fail(format!("The document has more than {MOST_SCHEMES} security schemes"));
            return;
        }
        for (name, scheme) in found.into_iter().flatten() {
            let scheme = reference::resolve(document, scheme).and_then(Value::as_object);
            let Some(scheme) = scheme else {
                self.notes.warn(format!("Security scheme '{name}' is malformed. Ignoring."));
                continue;
            };
            let is_iam = text(scheme, AUTH_TYPE).is_some_and(|kind| kind.eq_ignore_ascii_case("awsSigv4"));
            let kind = match object(scheme, AUTHORIZER) {
                Some(given) => self.authorizer(name, given),
                None if is_iam => Scheme::Iam,
                None => {
                    self.inform(format!("Security scheme '{name}' has no authorizer. Ignoring."));
                    Scheme::Ignored
                }
            };
            self.schemes.insert(name.clone(), kind);
        }
    }

    fn authorizer(&mut self, name: &str, given: &Map<String, Value>) -> Scheme {
        let kind = filled(given, "type").unwrap_or_default().to_uppercase();
        let scheme = match kind.as_str() {
            "JWT" => Scheme::Authorizer("JWT"),
            "REQUEST" => Scheme::Authorizer("CUSTOM"),
            _ => {
                self.notes.fail(format!("Authorizer '{name}' must be of type jwt or request"));
                return Scheme::Ignored;
            }
        };
        let mut members = Map::new();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value.filter(|value| !value.is_null()) {
                members.insert(name.to_owned(), value);
            }
        };
        set("Name", Some(json!(name)));
        set("AuthorizerType", Some(json!(kind)));
        let sources = match given.get("identitySource") {
            Some(Value::String(sources)) => sources.split(',').map(|it| it.trim().to_owned()).collect(),
            sources => strings(sources),
        };
        let sources: Vec<String> = sources.into_iter().filter(|source| !source.is_empty()).collect();
        set("IdentitySource", (!sources.is_empty()).then(|| json!(sources)));
        for name in ["authorizerUri", "authorizerPayloadFormatVersion"] {
            set(&capitalized(name), filled(given, name).map(|text| json!(self.substituted(&text))));
        }
        let credentials = filled(given, "authorizerCredentials").map(|text| json!(self.substituted(&text)));
        set("AuthorizerCredentialsArn", credentials);
        let ttl = given.get("authorizerResultTtlInSeconds").and_then(document::text);
        set("AuthorizerResultTtlInSeconds", ttl.map(|ttl| json!(ttl.parse::<i64>().unwrap_or(-1))));
        set(
            "EnableSimpleResponses",
            given.get("enableSimpleResponses").filter(|it| it.is_boolean()).cloned(),
        );
        if let Some(jwt) = object(given, "jwtConfiguration") {
            let configuration =
                json!({"Issuer": text(jwt, "issuer"), "Audience": strings(jwt.get("audience"))});
            set("JwtConfiguration", Some(configuration));
        }
        self.draft.authorizers.push(members);
        scheme
    }

    /// Sets how a route lets callers in; the name of its authorizer. Each route has one way at most.
    pub(super) fn secure(
        &mut self,
        operation: &Map<String, Value>,
        key: &str,
        members: &mut Map<String, Value>,
    ) -> Option<String> {
        let required = operation.get("security").or_else(|| self.document.get("security"));
        let required = required.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
        let mut required =
            required.flatten().filter(|(name, _)| self.schemes.get(*name) != Some(&Scheme::Ignored));
        let (name, scopes) = required.next()?;
        if required.next().is_some() {
            self.notes.fail(format!("Multiple security requirements are not supported: {key}"));
            return None;
        }
        let mut set = |name: &str, value: Value| drop(members.insert(name.to_owned(), value));
        match self.schemes.get(name) {
            Some(Scheme::Iam) => {
                set("AuthorizationType", json!("AWS_IAM"));
                None
            }
            Some(Scheme::Authorizer(kind)) => {
                set("AuthorizationType", json!(kind));
                let scopes = strings(Some(scopes));
                if !scopes.is_empty() {
                    set("AuthorizationScopes", json!(scopes));
                }
                Some(name.clone())
            }
            Some(Scheme::Ignored) => None,
            // SAM writes so where a route is to have no authorizer.
            None if name == "NONE" => None,
            None => {
                self.notes.warn(format!("Security scheme '{name}' of {key} not found. Ignoring."));
                None
            }
        }
    }
}

/// The schemes of an API's authorizers, and the one of signatures where a route asks for them.
pub(super) fn schemes<'m>(
    authorizers: impl Iterator<Item = &'m Map<String, Value>>,
    with_extensions: bool,
    signed: bool,
) -> Map<String, Value> {
    let mut schemes = Map::new();
    for authorizer in authorizers {
        let name = text(authorizer, "Name").unwrap_or_default();
        let is_jwt = authorizer.get("AuthorizerType") == Some(&json!("JWT"));
        let mut scheme = if is_jwt {
            json!({"type": "oauth2", "flows": {}})
        } else {
            json!({"type": "apiKey", "name": header(authorizer), "in": "header"})
        };
        if with_extensions {
            scheme[AUTHORIZER] = extension(authorizer);
        }
        schemes.insert(name, scheme);
    }
    if signed {
        let scheme =
            json!({"type": "apiKey", "name": "Authorization", "in": "header", AUTH_TYPE: "awsSigv4"});
        schemes.insert(SIGNED.to_owned(), scheme);
    }
    schemes
}

fn header(authorizer: &Map<String, Value>) -> String {
    let sources = strings(authorizer.get("IdentitySource"));
    let mut headers = sources.iter().filter_map(|source| source.strip_prefix("$request.header."));
    headers.next().unwrap_or("Unused").to_owned()
}

fn extension(authorizer: &Map<String, Value>) -> Value {
    let mut made = Map::new();
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value.filter(|value| !value.is_null()) {
            made.insert(name.to_owned(), value);
        }
    };
    set("type", text(authorizer, "AuthorizerType").map(|kind| json!(kind.to_lowercase())));
    let sources = strings(authorizer.get("IdentitySource"));
    set("identitySource", (!sources.is_empty()).then(|| json!(sources.join(", "))));
    for (name, member) in [
        ("authorizerUri", "AuthorizerUri"),
        ("authorizerCredentials", "AuthorizerCredentialsArn"),
        ("authorizerPayloadFormatVersion", "AuthorizerPayloadFormatVersion"),
        ("authorizerResultTtlInSeconds", "AuthorizerResultTtlInSeconds"),
        ("enableSimpleResponses", "EnableSimpleResponses"),
    ] {
        set(name, authorizer.get(member).cloned());
    }
    if let Some(jwt) = object(authorizer, "JwtConfiguration") {
        set("jwtConfiguration", Some(json!({"issuer": jwt.get("Issuer"), "audience": jwt.get("Audience")})));
    }
    made.into()
}

/// What a route requires, by the name that its authorizer has.
pub(super) fn requirement(route: &Map<String, Value>, authorizer: Option<String>) -> Value {
    match (text(route, "AuthorizationType").as_deref(), authorizer) {
        (Some("AWS_IAM"), _) => json!([{ SIGNED: [] }]),
        (Some("JWT" | "CUSTOM"), Some(name)) => {
            let scopes = strings(route.get("AuthorizationScopes"));
            json!([Map::from_iter([(name, json!(scopes))])])
        }
        _ => Value::Null,
    }
}
