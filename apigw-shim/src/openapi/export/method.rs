//! A method into an operation.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Export, Format, in_aws_order, integration};
use crate::rest_api::record::{Method, MethodResponse, Resource, Texts};

impl Export<'_> {
    pub(super) fn operation(&self, resource: &Resource, method: &Method) -> Value {
        let mut operation = Map::new();
        let mut set = |name: &str, value: Value| {
            let is_empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
            if !is_empty {
                operation.insert(name.to_owned(), value);
            }
        };
        set("operationId", json!(method.operation_name));
        if self.format == Format::Swagger2 {
            set("consumes", json!(consumed(method)));
            set("produces", json!(produced(method)));
        }
        set("parameters", self.parameters(method).into());
        if self.format == Format::OpenApi3 {
            set("requestBody", self.request_body(method));
        }
        set("responses", self.responses(resource, method));
        set("security", self.requirements(method).into());
        let mut validators = self.snapshot.request_validators.iter();
        let validator = validators.find(|one| method.request_validator_id.as_ref() == Some(&one.id));
        if let Some(validator) = validator.filter(|_| self.extensions.apigateway) {
            let name = validator.name.as_ref().unwrap_or(&validator.id);
            set("x-amazon-apigateway-request-validator", json!(name));
        }
        let integrations = self.extensions.integrations || self.extensions.apigateway;
        if let Some(own) = method.method_integration.as_ref().filter(|_| integrations) {
            set("x-amazon-apigateway-integration", integration::extension(resource, own));
        }
        Value::Object(operation)
    }

    fn parameters(&self, method: &Method) -> Vec<Value> {
        let flags = method.request_parameters.as_ref();
        let names = in_aws_order(flags.into_iter().flatten().map(|(name, _)| name.as_str()).collect());
        let mut all: Vec<Value> = names
            .into_iter()
            .filter_map(|whole| {
                let (location, name) = whole.strip_prefix("method.request.")?.split_once('.')?;
                let required = flags?.get(whole).copied().unwrap_or_default();
                let location = if location == "querystring" { "query" } else { location };
                let mut parameter = json!({"name": name, "in": location});
                match self.format {
                    Format::Swagger2 => {
                        parameter["required"] = json!(required);
                        parameter["type"] = json!("string");
                    }
                    Format::OpenApi3 => {
                        if required {
                            parameter["required"] = json!(true);
                        }
                        parameter["schema"] = json!({"type": "string"});
                    }
                }
                Some(parameter)
            })
            .collect();
        if self.format == Format::Swagger2
            && let Some(model) = first(method.request_models.as_ref())
        {
            all.push(json!({"in": "body", "name": model, "required": true, "schema": self.reference(model)}));
        }
        all
    }

    fn request_body(&self, method: &Method) -> Value {
        match &method.request_models {
            None => Value::Null,
            Some(models) => json!({"content": self.content(Some(models)), "required": true}),
        }
    }

    fn content(&self, models: Option<&Texts>) -> Value {
        let all = models.into_iter().flatten();
        let all =
            all.map(|(content_type, model)| (content_type.clone(), json!({"schema": self.reference(model)})));
        Value::Object(all.collect())
    }

    fn responses(&self, resource: &Resource, method: &Method) -> Value {
        if method.method_responses.is_empty() {
            return match self.format {
                Format::Swagger2 => json!({}),
                // OpenAPI 3.0 wants at least one.
                Format::OpenApi3 => {
                    let description =
                        format!("Default response for {} {}", method.http_method, resource.path);
                    json!({"default": {"description": description}})
                }
            };
        }
        let all = method.method_responses.values();
        Value::Object(all.map(|response| (response.status_code.clone(), self.response(response))).collect())
    }

    fn response(&self, response: &MethodResponse) -> Value {
        let mut members = json!({"description": format!("{} response", response.status_code)});
        let names = response.response_parameters.iter().flatten().map(|(name, _)| name);
        let headers: Map<String, Value> = names
            .filter_map(|name| name.strip_prefix("method.response.header."))
            .map(|name| {
                let header = match self.format {
                    Format::Swagger2 => json!({"type": "string"}),
                    Format::OpenApi3 => json!({"schema": {"type": "string"}}),
                };
                (name.to_owned(), header)
            })
            .collect();
        if !headers.is_empty() {
            members["headers"] = headers.into();
        }
        match self.format {
            Format::Swagger2 => {
                if let Some(model) = first(response.response_models.as_ref()) {
                    members["schema"] = self.reference(model);
                }
            }
            Format::OpenApi3 => members["content"] = self.content(response.response_models.as_ref()),
        }
        members
    }
}

/// The model for JSON, or else the first: Swagger 2.0 has one for all.
fn first(models: Option<&Texts>) -> Option<&String> {
    let models = models?;
    models.get("application/json").or_else(|| models.values().next())
}

/// Media types of which a method knows what to do with bodies.
fn consumed(method: &Method) -> BTreeSet<&str> {
    let models = method.request_models.iter().flatten();
    let templates = method.method_integration.iter().flat_map(|it| it.request_templates.iter().flatten());
    models.chain(templates).map(|(content_type, _)| content_type.as_str()).collect()
}

/// Media types that a method is known to answer.
fn produced(method: &Method) -> BTreeSet<&str> {
    let models =
        method.method_responses.values().flat_map(|response| response.response_models.iter().flatten());
    let responses = method.method_integration.iter().flat_map(|it| it.integration_responses.values());
    let templates = responses.flat_map(|response| response.response_templates.iter().flatten());
    models.chain(templates).map(|(content_type, _)| content_type.as_str()).collect()
}
