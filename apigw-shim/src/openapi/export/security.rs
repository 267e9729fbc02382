//! How methods let callers in, into security schemes and requirements.

use serde_json::{Map, Value, json};

use super::Export;
use crate::rest_api::record::{Authorizer, Method};

const API_KEY: &str = "api_key";
const SIGNED: &str = "sigv4";

impl Export<'_> {
    pub(super) fn schemes(&self) -> Map<String, Value> {
        let mut schemes = Map::new();
        for authorizer in &self.snapshot.authorizers {
            schemes.insert(authorizer.name.clone(), self.scheme(authorizer));
        }
        let resources = self.snapshot.resources.iter();
        let methods: Vec<&Method> =
            resources.flat_map(|resource| resource.resource_methods.values()).collect();
        if methods.iter().any(|method| method.authorization_type == "AWS_IAM") {
            let scheme = json!({
                "type": "apiKey", "name": "Authorization", "in": "header",
                "x-amazon-apigateway-authtype": "awsSigv4",
            });
            schemes.insert(SIGNED.to_owned(), scheme);
        }
        if methods.iter().any(|method| method.api_key_required) {
            let scheme = json!({"type": "apiKey", "name": "x-api-key", "in": "header"});
            schemes.insert(API_KEY.to_owned(), scheme);
        }
        schemes
    }

    fn scheme(&self, authorizer: &Authorizer) -> Value {
        let source = authorizer.identity_source.as_deref().unwrap_or_default();
        let is_request = authorizer.kind == "REQUEST";
        let header = source.strip_prefix("method.request.header.").filter(|name| !name.contains(','));
        let header = header.filter(|_| !is_request);
        let mut scheme = json!({"type": "apiKey", "name": header.unwrap_or("Unused"), "in": "header"});
        if let Some(auth_type) = &authorizer.auth_type {
            scheme["x-amazon-apigateway-authtype"] = json!(auth_type);
        }
        if !(self.extensions.authorizers || self.extensions.apigateway) {
            return scheme;
        }
        let mut given = Map::new();
        let mut set = |name: &str, value: Value| {
            if !value.is_null() {
                given.insert(name.to_owned(), value);
            }
        };
        set("type", json!(authorizer.kind.to_lowercase()));
        set("authorizerUri", json!(authorizer.authorizer_uri));
        set("authorizerCredentials", json!(authorizer.authorizer_credentials));
        set("identityValidationExpression", json!(authorizer.identity_validation_expression));
        set("authorizerResultTtlInSeconds", json!(authorizer.authorizer_result_ttl_in_seconds));
        if !authorizer.provider_arns.is_empty() {
            set("providerARNs", json!(authorizer.provider_arns));
        }
        if header.is_none() && !source.is_empty() {
            set("identitySource", json!(source));
        }
        set("jwtConfiguration", json!(authorizer.jwt_configuration));
        scheme["x-amazon-apigateway-authorizer"] = given.into();
        scheme
    }

    /// What a method's callers need.
    pub(super) fn requirements(&self, method: &Method) -> Vec<Value> {
        let mut all = Vec::new();
        if method.authorization_type == "AWS_IAM" {
            all.push(json!({ SIGNED: [] }));
        }
        let mut authorizers = self.snapshot.authorizers.iter();
        if let Some(authorizer) = authorizers.find(|one| method.authorizer_id.as_ref() == Some(&one.id)) {
            let scopes = &method.authorization_scopes;
            all.push(Value::Object(Map::from_iter([(authorizer.name.clone(), json!(scopes))])));
        }
        if method.api_key_required {
            all.push(json!({ API_KEY: [] }));
        }
        all
    }
}
