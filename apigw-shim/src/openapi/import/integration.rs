//! `x-amazon-apigateway-integration`: what stands behind a method.

use serde_json::{Map, Value, json};

use super::{Reader, operation::Given, responses::is_status};
use crate::{
    openapi::{document, filled, object, strings},
    operations::{
        check_cache_key, check_content_handling, check_credentials, check_integration_uri, check_pattern,
        check_templates, checked_passthrough, checked_timeout,
        parameter_mapping::{Declared, check_integration, check_integration_response, entries},
    },
    rest_api::record::{Integration, IntegrationResponse, Method},
};

const NAME: &str = "x-amazon-apigateway-integration";
const KINDS: &[&str] = &["AWS", "AWS_PROXY", "HTTP", "HTTP_PROXY", "MOCK"];
/// Members of the extension that records may be without.
const OPTIONAL: &[&str] = &["tlsConfig", "responseTransferMode", "integrationTarget"];

impl<'d> Reader<'d> {
    pub(super) fn read_integration(&mut self, given: &Given<'d, '_>, method: &Method) -> Option<Integration> {
        let own = given.operation.get(NAME)?;
        let place = format!("'{}' for resource at path '{}'", given.verb, given.path);
        let Some(found) = self.follow(own) else {
            self.notes.fail(format!("Unable to put integration on {place}: Invalid integration"));
            return None;
        };
        let mut integration = match self.integration(given, method, found) {
            Ok(integration) => integration,
            Err(reason) => {
                self.notes.fail(format!("Unable to put integration on {place}: {reason}"));
                return None;
            }
        };
        for (pattern, response) in object(found, "responses").into_iter().flatten() {
            match self.integration_response(given, method, pattern, response) {
                Ok(response) => {
                    integration.integration_responses.insert(response.status_code.clone(), response);
                }
                Err(reason) => {
                    self.notes.fail(format!("Unable to put integration response on {place}: {reason}"));
                }
            }
        }
        Some(integration)
    }

    fn integration(
        &mut self,
        given: &Given<'d, '_>,
        method: &Method,
        found: &Map<String, Value>,
    ) -> Result<Integration, String> {
        let place = format!("of resource '{}' and method '{}'", given.path, given.verb);
        let upper = |name: &str| filled(found, name).map(|text| text.to_uppercase());
        let kind = upper("type").ok_or("Enumeration value for IntegrationType must be non-empty")?;
        if !KINDS.contains(&kind.as_str()) {
            return Err(format!(
                "Invalid integration type specified: {kind}. Valid options are {}",
                KINDS.join(",")
            ));
        }
        let is_mock = kind == "MOCK";
        let http_method = upper("httpMethod").filter(|_| !is_mock);
        if !is_mock && http_method.is_none() {
            return Err(String::from("Enumeration value for HttpMethod must be non-empty"));
        }
        let uri = filled(found, "uri").map(|uri| self.substituted(&uri));
        let streams = upper("responseTransferMode").as_deref() == Some("STREAM");
        check_integration_uri(&kind, uri.as_deref(), streams).map_err(|error| error.message)?;
        let templates = self.read_texts(found, "requestTemplates", &place);
        check_templates(templates.as_ref()).map_err(|error| error.message)?;
        let parameters = self.read_texts(found, "requestParameters", &place);
        let declared = Declared::of(method.request_parameters.as_ref());
        check_integration(entries(parameters.as_ref()), &declared)?;
        let content_handling = upper("contentHandling");
        check_content_handling(content_handling.as_deref()).map_err(|error| error.message)?;
        let credentials = filled(found, "credentials").map(|arn| self.substituted(&arn));
        check_credentials(credentials.as_deref()).map_err(|error| error.message)?;
        let passthrough = checked_passthrough(upper("passthroughBehavior")).map_err(|error| error.message)?;
        let timeout = match found.get("timeoutInMillis") {
            None | Some(Value::Null) => None,
            Some(value) => Some(document::text(value).and_then(|text| text.parse().ok()).unwrap_or(-1)),
        };
        let is_http = kind.starts_with("HTTP");
        let connection_type = upper("connectionType").or_else(|| is_http.then(|| String::from("INTERNET")));
        let connection_id = filled(found, "connectionId");
        if connection_type.as_deref() == Some("VPC_LINK") && connection_id.is_none() {
            return Err(String::from(
                "ConnectionId should be set to the vpcLinkId or stage variable on connection type VPC_LINK",
            ));
        }
        let mut record = json!({
            "type": kind,
            "httpMethod": http_method,
            "uri": uri.filter(|_| !is_mock),
            "connectionType": connection_type,
            "connectionId": connection_id,
            "credentials": credentials,
            "requestParameters": parameters,
            "requestTemplates": templates,
            "passthroughBehavior": passthrough,
            "contentHandling": content_handling,
            "timeoutInMillis": checked_timeout(timeout, streams).map_err(|error| error.message)?,
            "cacheNamespace": filled(found, "cacheNamespace").unwrap_or_default(),
            "cacheKeyParameters": strings(found.get("cacheKeyParameters")),
        });
        for name in OPTIONAL {
            if let Some(value) = found.get(*name).filter(|value| !value.is_null()) {
                record[*name] = value.clone();
            }
        }
        let integration = self.record(&record)?;
        check_cache_key(&integration, &declared).map_err(|error| error.message)?;
        Ok(integration)
    }

    /// The record of an integration. What records cannot keep is not passed over.
    fn record(&mut self, wanted: &Value) -> Result<Integration, String> {
        let integration: Integration =
            serde_json::from_value(wanted.clone()).map_err(|error| error.to_string())?;
        let kept = serde_json::to_value(&integration).map_err(|error| error.to_string())?;
        for name in OPTIONAL {
            if wanted.get(*name).is_some() && kept.get(*name).is_none() {
                self.notes.missing.push(format!("{name} of {NAME}"));
            }
        }
        Ok(integration)
    }

    fn integration_response(
        &mut self,
        given: &Given<'d, '_>,
        method: &Method,
        pattern: &str,
        response: &Value,
    ) -> Result<IntegrationResponse, String> {
        let found = response.as_object().ok_or("Invalid integration response")?;
        let place = format!("of resource '{}' and method '{}'", given.path, given.verb);
        let status_code = filled(found, "statusCode").unwrap_or_default();
        if !is_status(&status_code) {
            return Err(String::from("Invalid response status code specified"));
        }
        let selection_pattern = (pattern != "default").then(|| pattern.to_owned());
        check_pattern(selection_pattern.as_deref()).map_err(|error| error.message)?;
        let templates = self.read_texts(found, "responseTemplates", &place);
        check_templates(templates.as_ref()).map_err(|error| error.message)?;
        let parameters = self.read_texts(found, "responseParameters", &place);
        let declares = method.method_responses.get(&status_code);
        check_integration_response(entries(parameters.as_ref()), declares)?;
        let content_handling = filled(found, "contentHandling").map(|text| text.to_uppercase());
        check_content_handling(content_handling.as_deref()).map_err(|error| error.message)?;
        Ok(IntegrationResponse {
            status_code,
            selection_pattern,
            response_parameters: parameters,
            response_templates: templates,
            content_handling,
        })
    }
}
