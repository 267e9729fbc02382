//! A request on its way through a REST API's pipeline: what was asked of which method.

use std::{
    borrow::Cow,
    cell::LazyCell,
    ops::Deref,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use aws_wire::ServiceError;
use serde_json::{Map, Value, json};

use super::{
    authorize::Admission,
    compiled::{CompiledMethod, CompiledResource, RestStage},
    gateway_response::GatewayError,
    record::Texts,
};
use crate::{
    mapping::{Overrides, parameters::View},
    metering::ApiKey,
};
use proxy_events::Incoming;
use runtime::Timestamp;

/// What becomes known of a request on its way. It outlives the request's failures: gateway responses and logs tell it.
#[derive(Default)]
pub(crate) struct Trail {
    pub resource: OnceLock<Arc<CompiledResource>>,
    pub authorizer: OnceLock<Arc<Admission>>,
    pub api_key: OnceLock<Arc<ApiKey>>,
    /// What is wrong with the request's signature, where signatures are checked.
    pub bad_signature: Option<ServiceError>,
    /// Whoever signed.
    pub access_key: OnceLock<String>,
    /// What the integration answered, and how long that took.
    pub integration: OnceLock<(Option<u16>, Duration)>,
    /// The id that Lambda, or another service behind the API, gave the integration's request.
    pub endpoint_request: OnceLock<Arc<str>>,
    /// The trace header that integrations get, where the stage traces.
    pub trace: OnceLock<String>,
    /// What tries put into `$context`: `identity.sourceIp` and its like, over what is there.
    pub additional: Texts,
    /// The execution log, where one is wanted.
    pub log: OnceLock<Mutex<Vec<(Timestamp, String)>>>,
}

impl Trail {
    /// Puts [`Trail::additional`] into a `$context`.
    pub fn add_to(&self, context: &mut Value) {
        for (name, value) in &self.additional {
            let mut path: Vec<&str> = name.split('.').collect();
            let last = path.pop().unwrap_or_default();
            let within = path.into_iter().try_fold(&mut *context, |within, name| {
                let within = within.as_object_mut()?.entry(name).or_insert_with(|| json!({}));
                within.is_object().then_some(within)
            });
            if let Some(within) = within {
                within[last] = json!(value);
            }
        }
    }

    /// Adds a line to the execution log; the line is made only if there is one.
    pub fn say(&self, now: impl FnOnce() -> Timestamp, line: impl FnOnce() -> String) {
        if let Some(log) = self.log.get() {
            log.lock().unwrap_or_else(PoisonError::into_inner).push((now(), line()));
        }
    }
}

/// A request that has found its method.
pub(crate) struct Exchange<'r> {
    pub stage: &'r RestStage,
    pub request: &'r Incoming,
    pub resource: Arc<CompiledResource>,
    pub method: Arc<CompiledMethod>,
    pub trail: &'r Trail,
    pub path_parameters: Vec<(String, String)>,
    pub query: Vec<(String, String)>,
    /// What templates have set in `$context`, from one to the next.
    pub overrides: Mutex<Overrides>,
}

impl Exchange<'_> {
    /// `$context`, made when something first asks for it.
    pub fn context(&self) -> LazyCell<Map<String, Value>, impl FnOnce() -> Map<String, Value>> {
        LazyCell::new(|| context_values(self.stage, self.request, self.trail, None))
    }

    /// The trace header that integrations get. A stage that traces asks them to, unless the client decided not to.
    pub fn trace_header(&self) -> &str {
        let given = &self.request.trace_id;
        if !self.stage.is_traced || given.split(';').any(|part| part.trim() == "Sampled=0") {
            return given;
        }
        self.trail.trace.get_or_init(|| {
            let parent: String = runtime::new_request_id().chars().filter(|letter| *letter != '-').collect();
            format!("Root={};Parent={};Sampled=1", trace_root(given), &parent[..16])
        })
    }

    /// The request's headers as functions and templates see them. A try has none but those it was given.
    pub fn header_pairs(&self) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
        let mut pairs = self.request.header_pairs();
        if self.stage.is_test() {
            pairs.retain(|(name, _)| self.request.headers.contains_key(&**name));
            for (name, _) in &mut pairs {
                if let Some(given) = self.request.names.as_ref().and_then(|names| names.get(name)) {
                    *name = Cow::Borrowed(given);
                }
            }
        }
        pairs
    }

    /// What mapping expressions see of the request.
    pub fn view<'v>(&'v self, context: &'v dyn Deref<Target = Map<String, Value>>) -> View<'v> {
        View {
            request: self.request,
            path: &self.path_parameters,
            query: &self.query,
            body: &self.request.body,
            context,
            variables: self.stage.variables.as_ref(),
            response_headers: None,
        }
    }

    /// What templates have set so far.
    pub fn overrides(&self) -> Overrides {
        self.overrides.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn keep_overrides(&self, overrides: Overrides) {
        *self.overrides.lock().unwrap_or_else(PoisonError::into_inner) = overrides;
    }
}

/// The trace's id in a trace header: `1-5759e988-bd862e3fe1be46a994272793`.
pub(crate) fn trace_root(header: &str) -> &str {
    header.split(';').find_map(|part| part.trim().strip_prefix("Root=")).unwrap_or(header)
}

/// The values of `$context` that are the same for all templates of a request.
pub(crate) fn context_values(
    stage: &RestStage,
    request: &Incoming,
    trail: &Trail,
    error: Option<&GatewayError>,
) -> Map<String, Value> {
    let host = request.host();
    let key = trail.api_key.get();
    let access_key = trail.access_key.get().map_or("", String::as_str);
    let account = if access_key.is_empty() { "" } else { &*stage.scope.account };
    let mut values = json!({
        "accountId": &*stage.scope.account,
        "apiId": stage.api_id,
        "deploymentId": stage.deployment_id,
        "domainName": host,
        "domainPrefix": host.split('.').next().unwrap_or_default(),
        "extendedRequestId": request.extended_request_id,
        "httpMethod": request.method.as_str(),
        "identity": {
            "accessKey": access_key,
            "accountId": account,
            "caller": access_key,
            "cognitoAuthenticationProvider": "",
            "cognitoAuthenticationType": "",
            "cognitoIdentityId": "",
            "cognitoIdentityPoolId": "",
            "principalOrgId": "",
            "sourceIp": request.peer.to_string(),
            "user": access_key,
            "userAgent": request.header("user-agent").unwrap_or_default(),
            "userArn": if account.is_empty() { String::new() } else { format!("arn:aws:iam::{account}:root") },
        },
        "path": path_with_stage(stage, request),
        "protocol": request.protocol(),
        "requestId": &*request.request_id,
        "requestTime": request.time(),
        "requestTimeEpoch": request.at.millis(),
        "stage": stage.name,
    });
    if let Some(certificate) = request.client_certificate() {
        values["identity"]["clientCert"] = certificate;
    }
    if let Some(key) = key {
        values["identity"]["apiKey"] = json!(key.value);
        values["identity"]["apiKeyId"] = json!(key.id);
    }
    if let Some(admission) = trail.authorizer.get() {
        values["authorizer"] = Value::Object(admission.context.clone());
    }
    if let Some(domain) = &request.custom_domain {
        values["customDomain"] =
            json!({"basePathMatched": domain.base_path, "routingRuleIdMatched": domain.rule});
    }
    if stage.is_canary {
        values["isCanaryRequest"] = json!(true);
    }
    if let Some(resource) = trail.resource.get() {
        values["resourceId"] = json!(resource.id);
        values["resourcePath"] = json!(resource.path);
    }
    if let Some(error) = error {
        values["error"] = json!({
            "message": error.message,
            "messageString": Value::from(&*error.message).to_string(),
            "responseType": error.response_type.name(),
            "validationErrorString": error.validation,
        });
    }
    trail.add_to(&mut values);
    match values {
        Value::Object(values) => values,
        _ => Map::new(),
    }
}

/// The path as clients see it: `/{stage}/…`, or what they asked of a custom domain name.
pub(crate) fn path_with_stage(stage: &RestStage, request: &Incoming) -> String {
    match &request.custom_domain {
        Some(domain) => domain.path.clone(),
        None => format!("/{}{}", stage.name, request.path),
    }
}
