//! An integration into `x-amazon-apigateway-integration`.

use serde_json::{Map, Value, json};

use crate::rest_api::record::{Integration, IntegrationResponse, Resource};

/// The time that integrations have unless they say so.
const TIMEOUT: u64 = 29_000;

pub(super) fn extension(resource: &Resource, integration: &Integration) -> Value {
    let mut members = Map::new();
    let mut set = |name: &str, value: Value| {
        if !value.is_null() {
            members.insert(name.to_owned(), value);
        }
    };
    set("type", json!(integration.kind.to_lowercase()));
    set("httpMethod", json!(integration.http_method));
    set("uri", json!(integration.uri));
    set("credentials", json!(integration.credentials));
    // Records may know more of an integration than is named here.
    let all = serde_json::to_value(integration).unwrap_or_default();
    for name in ["tlsConfig", "responseTransferMode", "integrationTarget"] {
        let value = all.get(name).cloned().unwrap_or_default();
        if value != "BUFFERED" {
            set(name, value);
        }
    }
    if !integration.integration_responses.is_empty() {
        let responses = integration.integration_responses.values();
        let responses = responses.map(|response| {
            let pattern = response.selection_pattern.as_deref().filter(|pattern| !pattern.is_empty());
            (pattern.unwrap_or("default").to_owned(), of_response(response))
        });
        set("responses", Value::Object(responses.collect()));
    }
    set("requestParameters", json!(integration.request_parameters));
    set("requestTemplates", json!(integration.request_templates));
    set("passthroughBehavior", json!(integration.passthrough_behavior.to_lowercase()));
    set("contentHandling", json!(integration.content_handling));
    // HTTP integrations have it unless they have another.
    let usual = integration.kind.starts_with("HTTP").then_some("INTERNET");
    if integration.connection_type.as_deref() != usual {
        set("connectionType", json!(integration.connection_type));
    }
    set("connectionId", json!(integration.connection_id));
    if integration.timeout_in_millis != TIMEOUT {
        set("timeoutInMillis", json!(integration.timeout_in_millis));
    }
    if integration.cache_namespace != resource.id {
        set("cacheNamespace", json!(integration.cache_namespace));
    }
    if !integration.cache_key_parameters.is_empty() {
        set("cacheKeyParameters", json!(integration.cache_key_parameters));
    }
    members.into()
}

fn of_response(response: &IntegrationResponse) -> Value {
    let mut members = Map::from_iter([(String::from("statusCode"), json!(response.status_code))]);
    let parts = [
        ("responseParameters", json!(response.response_parameters)),
        ("responseTemplates", json!(response.response_templates)),
        ("contentHandling", json!(response.content_handling)),
    ];
    for (name, value) in parts {
        if !value.is_null() {
            members.insert(name.to_owned(), value);
        }
    }
    members.into()
}
