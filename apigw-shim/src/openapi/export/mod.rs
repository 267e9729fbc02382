//! A deployment into a document: Swagger 2.0 or OpenAPI 3.0, plain or with API Gateway's extensions.
//!
//! Source of what stands where: answers of GetExport recorded from AWS.

pub(crate) mod documentation;
mod integration;
mod method;
mod schema;
mod security;

use serde_json::{Map, Value, json};

use super::reference;
use crate::rest_api::record::{DocumentationPart, GatewayResponse, Resource, RestApi, Snapshot, Stage};

/// Which version of OpenAPI is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Swagger2,
    OpenApi3,
}

/// What is written beside plain OpenAPI.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Extensions {
    pub integrations: bool,
    pub authorizers: bool,
    /// All of the API's own.
    pub apigateway: bool,
    pub documentation: bool,
}

/// Documentation as it was when a version of it was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Documented<'a> {
    pub version: &'a str,
    /// `2016-11-17T07:03:59Z`.
    pub created: &'a str,
    pub parts: &'a [DocumentationPart],
}

/// What is exported, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Export<'a> {
    pub api: &'a RestApi,
    pub stage: &'a Stage,
    pub snapshot: &'a Snapshot,
    pub format: Format,
    pub extensions: Extensions,
    /// What stands for an API's version that has none.
    pub date: &'a str,
    pub region: &'a str,
    pub documented: Option<Documented<'a>>,
}

impl Export<'_> {
    /// The API's version, which names the file too.
    pub fn version(&self) -> &str {
        self.api.version.as_deref().filter(|version| !version.is_empty()).unwrap_or(self.date)
    }

    /// Writes the document.
    pub fn write(&self) -> Value {
        let mut document = Map::new();
        let mut info = Map::from_iter([(String::from("title"), json!(self.api.name))]);
        if let Some(description) = &self.api.description {
            info.insert(String::from("description"), json!(description));
        }
        info.insert(String::from("version"), json!(self.version()));
        let host = format!("{}.execute-api.{}.amazonaws.com", self.api.id, self.region);
        let stage = &self.stage.stage_name;
        match self.format {
            Format::Swagger2 => {
                document.insert(String::from("swagger"), json!("2.0"));
                document.insert(String::from("info"), info.into());
                document.insert(String::from("host"), json!(host));
                document.insert(String::from("basePath"), json!(format!("/{stage}")));
                document.insert(String::from("schemes"), json!(["https"]));
            }
            Format::OpenApi3 => {
                document.insert(String::from("openapi"), json!("3.0.1"));
                document.insert(String::from("info"), info.into());
                let mut server = json!({
                    "url": format!("https://{host}/{{basePath}}"), "variables": {"basePath": {"default": stage}},
                });
                if let Some(endpoint) = self.endpoint() {
                    server[ENDPOINT] = endpoint;
                }
                document.insert(String::from("servers"), json!([server]));
            }
        }
        document.insert(String::from("paths"), self.paths());
        self.components(&mut document);
        if self.extensions.apigateway {
            self.settings(&mut document);
        }
        if let Some(documented) = self.documented {
            if self.extensions.documentation {
                document.insert(documentation::NAME.to_owned(), documentation::extension(&documented));
            } else {
                documentation::weave(&mut document, documented.parts, self.format);
            }
        }
        Value::Object(document)
    }

    fn paths(&self) -> Value {
        let mut paths = Map::new();
        let mut resources: Vec<&Resource> =
            self.snapshot.resources.iter().map(|resource| &**resource).collect();
        resources.sort_by(|left, right| left.path.cmp(&right.path));
        for resource in resources.into_iter().filter(|resource| !resource.resource_methods.is_empty()) {
            let operations = resource.resource_methods.iter().map(|(verb, method)| {
                let name = match verb.as_str() {
                    "ANY" => String::from("x-amazon-apigateway-any-method"),
                    verb => verb.to_lowercase(),
                };
                (name, self.operation(resource, method))
            });
            paths.insert(resource.path.clone(), Value::Object(operations.collect()));
        }
        Value::Object(paths)
    }

    fn components(&self, document: &mut Map<String, Value>) {
        let schemas = self.schemas();
        let schemes = self.schemes();
        match self.format {
            Format::Swagger2 => {
                if !schemes.is_empty() {
                    document.insert(String::from("securityDefinitions"), schemes.into());
                }
                if !schemas.is_empty() {
                    document.insert(String::from("definitions"), schemas.into());
                }
            }
            Format::OpenApi3 => {
                let mut components = Map::new();
                if !schemas.is_empty() {
                    components.insert(String::from("schemas"), schemas.into());
                }
                if !schemes.is_empty() {
                    components.insert(String::from("securitySchemes"), schemes.into());
                }
                document.insert(String::from("components"), components.into());
            }
        }
    }

    fn endpoint(&self) -> Option<Value> {
        let mut endpoint = Map::new();
        if self.api.disable_execute_api_endpoint {
            endpoint.insert(String::from("disableExecuteApiEndpoint"), json!(true));
        }
        if !self.api.vpc_endpoint_ids.is_empty() {
            endpoint.insert(String::from("vpcEndpointIds"), json!(self.api.vpc_endpoint_ids));
        }
        (self.extensions.apigateway && !endpoint.is_empty()).then(|| endpoint.into())
    }

    /// Extensions at the root.
    fn settings(&self, document: &mut Map<String, Value>) {
        let snapshot = self.snapshot;
        let mut set = |name: &str, value: Value| {
            document.insert(format!("x-amazon-apigateway-{name}"), value);
        };
        if !snapshot.gateway_responses.is_empty() {
            let all = snapshot.gateway_responses.iter();
            let all: Map<String, Value> =
                all.map(|(name, response)| (name.clone(), gateway_response(response))).collect();
            set("gateway-responses", all.into());
        }
        if !snapshot.request_validators.is_empty() {
            let all = snapshot.request_validators.iter().map(|validator| {
                let name = validator.name.clone().unwrap_or_else(|| validator.id.clone());
                let flags = json!({
                    "validateRequestParameters": validator.validate_request_parameters,
                    "validateRequestBody": validator.validate_request_body,
                });
                (name, flags)
            });
            set("request-validators", Value::Object(all.collect()));
        }
        if let Some(policy) = snapshot.policy.as_ref().and_then(|policy| serde_json::from_str(policy).ok()) {
            set("policy", policy);
        }
        if !["", "HEADER"].contains(&snapshot.api_key_source.as_str()) {
            set("api-key-source", json!(snapshot.api_key_source));
        }
        if !snapshot.binary_media_types.is_empty() {
            set("binary-media-types", json!(snapshot.binary_media_types));
        }
        if let Some(size) = self.api.minimum_compression_size {
            set("minimum-compression-size", json!(size));
        }
        if let Some(policy) = &self.api.security_policy {
            set("security-policy", json!(policy));
        }
        if let Some(endpoint) = self.endpoint().filter(|_| self.format == Format::Swagger2) {
            set("endpoint-configuration", endpoint);
        }
    }

    /// The form in which this document's parts refer to a model.
    fn reference(&self, model: &str) -> Value {
        json!({ "$ref": self.place(model) })
    }

    fn place(&self, model: &str) -> String {
        match self.format {
            Format::Swagger2 => format!("#/definitions/{model}"),
            Format::OpenApi3 => format!("#/components/schemas/{model}"),
        }
    }
}

const ENDPOINT: &str = "x-amazon-apigateway-endpoint-configuration";

fn gateway_response(response: &GatewayResponse) -> Value {
    let mut members = Map::new();
    if let Some(status) = &response.status_code {
        members.insert(String::from("statusCode"), json!(status));
    }
    if !response.response_parameters.is_empty() {
        members.insert(String::from("responseParameters"), json!(response.response_parameters));
    }
    members.insert(String::from("responseTemplates"), json!(response.response_templates));
    members.into()
}

/// The order in which AWS lists parameters: that of its maps, which are Java's.
fn in_aws_order(names: Vec<&str>) -> Vec<&str> {
    let hash = |name: &str| {
        let units = name.encode_utf16();
        let hash = units.fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
        hash ^ (hash >> 16)
    };
    // A map has twice the room once three quarters of it are taken.
    let mut room = 16;
    while names.len() * 4 > room * 3 {
        room *= 2;
    }
    let mask = u32::try_from(room - 1).unwrap_or(u32::MAX);
    let mut names = names;
    names.sort_by_key(|name| hash(name) & mask);
    names
}
