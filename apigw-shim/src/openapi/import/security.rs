//! Security schemes into authorizers, and what operations require into how methods let callers in.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Reader, Version};
use crate::{
    openapi::{filled, object, reference, strings, text},
    operations::check_authorizer,
    rest_api::record::{Authorizer, Method},
};

const AUTHORIZER: &str = "x-amazon-apigateway-authorizer";
const AUTH_TYPE: &str = "x-amazon-apigateway-authtype";
const AUTH: &str = "x-amazon-apigateway-auth";

/// More security definitions than any document has.
const MOST_SCHEMES: usize = 1_000;

/// What a security scheme asks of a method's callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scheme {
    /// The authorizer of the scheme's name, by the authorization type that methods have with it.
    Authorizer(&'static str),
    Iam,
    ApiKey,
    /// Nothing that API Gateway looks at.
    Ignored,
}

impl Reader<'_> {
    /// Reads all schemes; gives the authorizers among them, without ids.
    pub(super) fn read_security(&mut self) -> Vec<Authorizer> {
        let document = self.document;
        let found = match self.version {
            Version::Swagger2 => object(document, "securityDefinitions"),
            Version::OpenApi3 => {
                object(document, "components").and_then(|all| object(all, "securitySchemes"))
            }
        };
        if found.is_some_and(|found| found.len() > MOST_SCHEMES) {
            self.notes.fail(format!("The document has more than {MOST_SCHEMES} security definitions"));
            return Vec::new();
        }
        let mut authorizers = Vec::new();
        let mut schemes = BTreeMap::new();
        for (name, scheme) in found.into_iter().flatten() {
            let scheme = reference::resolve(document, scheme).and_then(Value::as_object);
            let Some(scheme) = scheme else {
                self.notes.warn(format!("Security definition '{name}' is malformed. Ignoring."));
                continue;
            };
            let kind = match object(scheme, AUTHORIZER) {
                Some(given) => match self.authorizer(name, scheme, given) {
                    Ok((authorizer, kind)) => {
                        authorizers.push(authorizer);
                        kind
                    }
                    Err(reason) => {
                        self.notes.fail(format!("Unable to create authorizer '{name}': {reason}"));
                        Scheme::Ignored
                    }
                },
                None => self.without_authorizer(name, scheme),
            };
            schemes.insert(name.clone(), kind);
        }
        self.schemes = schemes;
        authorizers
    }

    fn without_authorizer(&mut self, name: &str, scheme: &Map<String, Value>) -> Scheme {
        let kind = text(scheme, "type").unwrap_or_default();
        let is_iam = text(scheme, AUTH_TYPE).is_some_and(|kind| kind.eq_ignore_ascii_case("awsSigv4"));
        let header = text(scheme, "name").unwrap_or_default();
        match kind.as_str() {
            "apiKey" if is_iam => Scheme::Iam,
            "apiKey" if header.eq_ignore_ascii_case("x-api-key") => Scheme::ApiKey,
            "apiKey" => Scheme::Ignored,
            kind => {
                let text = format!("Unsupported security definition type '{kind}' for '{name}'. Ignoring.");
                self.notes.warn(text);
                Scheme::Ignored
            }
        }
    }

    fn authorizer(
        &self,
        name: &str,
        scheme: &Map<String, Value>,
        given: &Map<String, Value>,
    ) -> Result<(Authorizer, Scheme), String> {
        let kind = filled(given, "type").unwrap_or_default().to_uppercase();
        let (authorization, auth_type) = match kind.as_str() {
            "TOKEN" | "REQUEST" => ("CUSTOM", "custom"),
            "COGNITO_USER_POOLS" => ("COGNITO_USER_POOLS", "cognito_user_pools"),
            "JWT" => ("JWT", "jwt"),
            _ => {
                return Err(String::from(
                    "Authorizer type must be token, request, cognito_user_pools or jwt",
                ));
            }
        };
        // The header of tokens is the scheme's; authorizers that look at the request say where.
        let is_header = text(scheme, "in").as_deref() == Some("header") && kind != "REQUEST";
        let header = filled(scheme, "name").filter(|_| is_header);
        let header = header.map(|name| format!("method.request.header.{name}"));
        let jwt_configuration = match given.get("jwtConfiguration") {
            None => None,
            Some(value) => Some(serde_json::from_value(value.clone()).map_err(|error| error.to_string())?),
        };
        let ttl = match given.get("authorizerResultTtlInSeconds") {
            None | Some(Value::Null) => None,
            Some(value) => {
                let text = crate::openapi::document::text(value).and_then(|text| text.parse().ok());
                Some(text.ok_or("Invalid authorizer result TTL specified")?)
            }
        };
        let authorizer = Authorizer {
            id: String::new(),
            name: name.to_owned(),
            kind,
            provider_arns: strings(given.get("providerARNs"))
                .iter()
                .map(|arn| self.substituted(arn))
                .collect(),
            auth_type: filled(scheme, AUTH_TYPE).or_else(|| Some(auth_type.to_owned())),
            authorizer_uri: filled(given, "authorizerUri").map(|uri| self.substituted(&uri)),
            authorizer_credentials: filled(given, "authorizerCredentials").map(|arn| self.substituted(&arn)),
            identity_source: filled(given, "identitySource").or(header),
            identity_validation_expression: filled(given, "identityValidationExpression"),
            authorizer_result_ttl_in_seconds: ttl,
            jwt_configuration,
        };
        check_authorizer(&authorizer).map_err(|error| error.message)?;
        Ok((authorizer, Scheme::Authorizer(authorization)))
    }

    /// What AWS's variables in a document stand for.
    pub(super) fn substituted(&self, text: &str) -> String {
        crate::openapi::substituted(text, &self.options.region, &self.options.account)
    }

    /// Sets how a method lets callers in. What an operation requires stands for what the document requires.
    pub(super) fn secure(&mut self, operation: &Map<String, Value>, method: &mut Method, place: &str) {
        let required = match operation.get("security") {
            Some(own) => Some(own),
            None => self.document.get("security").filter(|all| self.charge(all).is_some()),
        };
        let required = required.and_then(Value::as_array).into_iter().flatten();
        for (name, scopes) in required.filter_map(Value::as_object).flatten() {
            match self.schemes.get(name) {
                Some(Scheme::ApiKey) => method.api_key_required = true,
                Some(Scheme::Iam) => method.authorization_type = String::from("AWS_IAM"),
                Some(Scheme::Authorizer(authorization)) => {
                    (*authorization).clone_into(&mut method.authorization_type);
                    method.authorizer_id = Some(name.clone());
                    method.authorization_scopes = strings(Some(scopes));
                }
                Some(Scheme::Ignored) => {}
                // SAM writes so where an operation is to have no authorizer.
                None if name == "NONE" => {}
                None => {
                    let text = format!("Security definition '{name}' not found for {place}. Ignoring.");
                    self.notes.warn(text);
                }
            }
        }
        if let Some(kind) = object(operation, AUTH).and_then(|auth| filled(auth, "type")) {
            match kind.to_uppercase().as_str() {
                "NONE" => {}
                "AWS_IAM" => {
                    method.authorization_type = String::from("AWS_IAM");
                    method.authorizer_id = None;
                    method.authorization_scopes.clear();
                }
                _ => self.notes.fail(format!("Invalid authorization type specified for {place}: {kind}")),
            }
        }
    }
}
