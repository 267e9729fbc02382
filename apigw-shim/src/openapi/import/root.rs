//! What a document says of the API as a whole: extensions at its root.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Reader, Version};
use crate::{
    openapi::{filled, flag, object, strings, text},
    operations::{
        checked_policy, compression_size, default_gateway_response, parameter_mapping::check_gateway_response,
    },
    rest_api::record::{GatewayResponse, RequestValidator},
};

/// More media types and validators than any API has.
const MOST: usize = 1_000;

/// Extensions at a document's root that mean something for REST APIs.
const EXTENSIONS: &[&str] = &[
    "api-key-source",
    "binary-media-types",
    "documentation",
    "endpoint-configuration",
    "gateway-responses",
    "importexport-version",
    "minimum-compression-size",
    "policy",
    "request-validator",
    "request-validators",
    "security-policy",
];

/// Settings of the API. `None` is what the document does not speak of.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub binary_media_types: Vec<String>,
    pub minimum_compression_size: Option<u32>,
    pub api_key_source: Option<String>,
    pub policy: Option<String>,
    pub security_policy: Option<String>,
    pub endpoint_type: Option<String>,
    pub vpc_endpoint_ids: Option<Vec<String>>,
    pub disable_execute_api_endpoint: Option<bool>,
}

impl Reader<'_> {
    pub(super) fn read_settings(&mut self) -> Settings {
        let document = self.document;
        self.bound("x-amazon-apigateway-binary-media-types");
        let extensions = document.keys().filter_map(|name| name.strip_prefix("x-amazon-apigateway-"));
        for name in extensions.filter(|name| !EXTENSIONS.contains(name)) {
            self.notes.warn(format!("Unknown extension 'x-amazon-apigateway-{name}'. Ignoring."));
        }
        let mut settings = Settings {
            binary_media_types: strings(document.get("x-amazon-apigateway-binary-media-types"))
                .into_iter()
                .take(MOST)
                .collect(),
            security_policy: filled(document, "x-amazon-apigateway-security-policy"),
            endpoint_type: self.options.endpoint_type.clone(),
            ..Settings::default()
        };
        if let Some(size) = document.get("x-amazon-apigateway-minimum-compression-size") {
            settings.minimum_compression_size = size.as_i64().and_then(compression_size);
            if settings.minimum_compression_size.is_none() {
                let text = "Invalid minimum compression size, must be between 0 and 10485760";
                self.notes.fail(text.to_owned());
            }
        }
        if let Some(source) = filled(document, "x-amazon-apigateway-api-key-source") {
            let source = source.to_uppercase();
            if !["HEADER", "AUTHORIZER"].contains(&source.as_str()) {
                let text = "Invalid API Key Source specified. Valid options are HEADER,AUTHORIZER";
                self.notes.fail(text.to_owned());
            }
            settings.api_key_source = Some(source);
        }
        match document.get("x-amazon-apigateway-policy") {
            None | Some(Value::Null) => {}
            Some(policy) => match checked_policy(&self.substituted(&policy.to_string())) {
                Ok(policy) => settings.policy = Some(policy),
                Err(error) => self.notes.fail(error.message),
            },
        }
        self.read_endpoint(&mut settings);
        settings
    }

    /// In OpenAPI 3.0 the endpoint's configuration stands with the server; older documents have it at the root.
    fn read_endpoint(&self, settings: &mut Settings) {
        const NAME: &str = "x-amazon-apigateway-endpoint-configuration";
        let servers = self.document.get("servers").and_then(Value::as_array).into_iter().flatten();
        let mut of_servers = servers.filter_map(|server| object(server.as_object()?, NAME));
        let found = match self.version {
            Version::Swagger2 => None,
            Version::OpenApi3 => of_servers.next(),
        };
        let Some(found) = found.or_else(|| object(self.document, NAME)) else { return };
        if found.contains_key("vpcEndpointIds") {
            settings.vpc_endpoint_ids = Some(strings(found.get("vpcEndpointIds")));
        }
        if found.contains_key("disableExecuteApiEndpoint") {
            settings.disable_execute_api_endpoint = Some(flag(found, "disableExecuteApiEndpoint"));
        }
        let types = strings(found.get("types"));
        if settings.endpoint_type.is_none() && types.len() == 1 {
            settings.endpoint_type = types.into_iter().next();
        }
    }

    /// Refuses a document with more of something than any API has.
    fn bound(&mut self, name: &str) {
        let count = match self.document.get(name) {
            Some(Value::Array(items)) => items.len(),
            Some(Value::Object(members)) => members.len(),
            _ => 0,
        };
        if count > MOST {
            self.notes.fail(format!("{name} has more than {MOST} entries"));
        }
    }

    pub(super) fn read_validators(&mut self) -> Vec<RequestValidator> {
        self.bound("x-amazon-apigateway-request-validators");
        let all = object(self.document, "x-amazon-apigateway-request-validators").into_iter().flatten();
        let validators = all.take(MOST).filter_map(|(name, validator)| {
            let members = validator.as_object()?;
            Some(RequestValidator {
                id: String::new(),
                name: Some(name.clone()),
                validate_request_body: flag(members, "validateRequestBody"),
                validate_request_parameters: flag(members, "validateRequestParameters"),
            })
        });
        validators.collect()
    }

    pub(super) fn read_gateway_responses(&mut self) -> BTreeMap<String, GatewayResponse> {
        let mut made = BTreeMap::new();
        let all = object(self.document, "x-amazon-apigateway-gateway-responses").into_iter().flatten();
        for (name, response) in all {
            let (Some(mut made_of), Some(given)) = (default_gateway_response(name), response.as_object())
            else {
                self.notes.fail(format!("Invalid Gateway response type specified: {name}"));
                continue;
            };
            self.customize(&mut made_of, given);
            made.insert(name.clone(), made_of);
        }
        made
    }

    fn customize(&mut self, response: &mut GatewayResponse, given: &Map<String, Value>) {
        let place = format!("of gateway response '{}'", response.response_type);
        response.default_response = false;
        if let Some(status) = text(given, "statusCode") {
            response.status_code = Some(status);
        }
        response.response_parameters =
            self.read_texts(given, "responseParameters", &place).unwrap_or_default();
        if let Err(reason) = check_gateway_response(&response.response_parameters) {
            self.notes.fail(format!("Unable to put {}: {reason}", &place[3..]));
        }
        if object(given, "responseTemplates").is_some_and(Map::is_empty) {
            response.response_templates.clear();
        }
        if let Some(templates) = self.read_texts(given, "responseTemplates", &place) {
            if let Err(error) = crate::operations::check_templates(Some(&templates)) {
                self.notes.fail(format!("Unable to put {}: {}", &place[3..], error.message));
            }
            response.response_templates = templates;
        }
    }
}
