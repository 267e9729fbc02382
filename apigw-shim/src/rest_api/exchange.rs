//! A request on its way through a REST API's pipeline: what was asked of which method.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};

use super::{
    compiled::{CompiledMethod, CompiledResource, RestStage},
    gateway_response::GatewayError,
};
use crate::mapping::Overrides;
use proxy_events::Incoming;

/// A request that has found its method.
pub(crate) struct Exchange<'r> {
    pub stage: &'r RestStage,
    pub request: &'r Incoming,
    pub resource: Arc<CompiledResource>,
    pub method: Arc<CompiledMethod>,
    pub path_parameters: Vec<(String, String)>,
    pub query: Vec<(String, String)>,
    /// What templates have set in `$context`, from one to the next.
    pub overrides: Mutex<Overrides>,
}

impl Exchange<'_> {
    /// What templates have set so far.
    pub fn overrides(&self) -> Overrides {
        self.overrides.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn keep_overrides(&self, overrides: Overrides) {
        *self.overrides.lock().unwrap_or_else(PoisonError::into_inner) = overrides;
    }
}

/// The values of `$context` that are the same for all templates of a request.
pub(crate) fn context_values(
    stage: &RestStage,
    request: &Incoming,
    resource: Option<&CompiledResource>,
    error: Option<&GatewayError>,
) -> Map<String, Value> {
    let host = request.host();
    let mut values = json!({
        "accountId": &*stage.scope.account,
        "apiId": stage.api_id,
        "deploymentId": stage.deployment_id,
        "domainName": host,
        "domainPrefix": host.split('.').next().unwrap_or_default(),
        "extendedRequestId": request.extended_request_id,
        "httpMethod": request.method.as_str(),
        "identity": {
            "accessKey": "",
            "accountId": "",
            "caller": "",
            "cognitoAuthenticationProvider": "",
            "cognitoAuthenticationType": "",
            "cognitoIdentityId": "",
            "cognitoIdentityPoolId": "",
            "principalOrgId": "",
            "sourceIp": request.peer.to_string(),
            "user": "",
            "userAgent": request.header("user-agent").unwrap_or_default(),
            "userArn": "",
        },
        "path": path_with_stage(stage, request),
        "protocol": request.protocol(),
        "requestId": &*request.request_id,
        "requestTime": request.time(),
        "requestTimeEpoch": request.at.millis(),
        "stage": stage.name,
    });
    if let Some(resource) = resource {
        values["resourceId"] = json!(resource.id);
        values["resourcePath"] = json!(resource.path);
    }
    if let Some(error) = error {
        values["error"] = json!({
            "message": error.message,
            "messageString": Value::from(&*error.message).to_string(),
            "responseType": error.response_type.name(),
        });
    }
    match values {
        Value::Object(values) => values,
        _ => Map::new(),
    }
}

/// The path as clients see it: `/{stage}/…`.
pub(crate) fn path_with_stage(stage: &RestStage, request: &Incoming) -> String {
    format!("/{}{}", stage.name, request.path)
}
