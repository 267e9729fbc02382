//! The way of a request through a REST API, on one screen.

use std::sync::LazyLock;

use aws_wire::ServiceError;
use http::{HeaderName, HeaderValue, Response};
use runtime::Body;
use serde_json::json;

use super::{
    authorize,
    cache::{self, Lookup},
    compiled::RestStage,
    exchange::{self, Exchange, Trail},
    execution_log,
    gateway_response::{self, GatewayError},
    integration_request, integration_response, method_response, route, validate,
};
use crate::{State, integrate, mapping};
use proxy_events::{Incoming, WrittenNames};

/// The headers that AWS writes otherwise than others do.
static OWN_NAMES: LazyLock<WrittenNames> =
    LazyLock::new(|| WrittenNames::lines("x-amzn-RequestId\nx-amz-apigw-id\nx-amzn-ErrorType\n"));

async fn run(
    state: &State,
    stage: &RestStage,
    request: &Incoming,
    trail: &Trail,
) -> Result<Response<Body>, GatewayError> {
    let matched = route::resolve(stage, request, trail)?;
    execution_log::open(state, &matched);
    let admitted = authorize::check(state, matched).await?;
    execution_log::begin(state, &admitted, &admitted.resource.path);
    through(state, admitted).await
}

/// What is left of the way for a request that may go it.
pub(crate) async fn through(state: &State, admitted: Exchange<'_>) -> Result<Response<Body>, GatewayError> {
    let admitted = validate::check(admitted)?;
    let lookup = match cache::look(state, &admitted)? {
        Lookup::Hit(answer) => {
            execution_log::answered(state, &admitted, &answer);
            return Ok(method_response::finish(&admitted, answer));
        }
        other => other,
    };
    let prepared = integration_request::map(admitted)?;
    let reply = integrate::send(state, &prepared).await?;
    let mut answer = integration_response::map(&prepared, reply)?;
    cache::keep(state, lookup, &mut answer);
    execution_log::answered(state, &prepared.exchange, &answer);
    Ok(method_response::finish(&prepared.exchange, answer))
}

/// Answers a request at a stage; `refused` says why it is not looked at, `bad_signature`
/// what is wrong with its signature, for methods that want one.
pub(crate) async fn answer(
    state: &State,
    stage: &RestStage,
    request: &Incoming,
    refused: Option<GatewayError>,
    bad_signature: Option<ServiceError>,
) -> Response<Body> {
    let trail = Trail { bad_signature, ..Trail::default() };
    let result = match refused {
        Some(error) => Err(error),
        None => run(state, stage, request, &trail).await,
    };
    let (mut response, error) = match result {
        Ok(response) => (response, None),
        Err(error) => (render_error(state, stage, request, &trail, &error), Some(error)),
    };
    let names = match response.extensions_mut().remove::<WrittenNames>() {
        None => OWN_NAMES.clone(),
        Some(names) => names.and(&OWN_NAMES),
    };
    response.extensions_mut().insert(names);
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&request.request_id) {
        headers.insert(HeaderName::from_static("x-amzn-requestid"), value);
    }
    if let Ok(value) = HeaderValue::from_str(&request.extended_request_id) {
        headers.insert(HeaderName::from_static("x-amz-apigw-id"), value);
    }
    execution_log::close(state, stage, request, &trail, response.status(), error.is_some());
    if stage.access_log.is_some() {
        write_access(state, stage, request, &trail, error.as_ref(), &response);
    }
    response
}

/// The line of the access log.
fn write_access(
    state: &State,
    stage: &RestStage,
    request: &Incoming,
    trail: &Trail,
    error: Option<&GatewayError>,
    response: &Response<Body>,
) {
    let Some(log) = &stage.access_log else { return };
    let now = state.clock.now();
    let mut context = exchange::context_values(stage, request, trail, error);
    let mut put = |name: &str, value: serde_json::Value| context.insert(name.to_owned(), value);
    put("status", json!(response.status().as_u16()));
    put("responseLength", json!(if let Body::Bytes(body) = response.body() { body.len() } else { 0 }));
    put("responseLatency", json!(now.since(request.at).as_millis()));
    let endpoint_request = trail.endpoint_request.get();
    put("awsEndpointRequestId", json!(endpoint_request));
    if stage.is_traced {
        put("xrayTraceId", json!(exchange::trace_root(&request.trace_id)));
    }
    if let Some((status, latency)) = trail.integration.get() {
        let latency = latency.as_millis();
        put("integrationLatency", json!(latency));
        put("integrationStatus", json!(status));
        put(
            "integration",
            json!({
                "status": status, "integrationStatus": status, "latency": latency, "requestId": endpoint_request,
            }),
        );
    }
    log.write(state, now, &context);
}

/// What a client reads of an error.
pub(crate) fn render_error(
    state: &State,
    stage: &RestStage,
    request: &Incoming,
    trail: &Trail,
    error: &GatewayError,
) -> Response<Body> {
    tracing::debug!(
        api = stage.api_id,
        stage = stage.name,
        method = %request.method,
        path = request.path,
        response = error.response_type.name(),
        reason = error.reason.as_deref().unwrap_or_default(),
        "API Gateway answers for the integration"
    );
    if let Some(reason) = error.reason.as_deref() {
        tracing::warn!(api = stage.api_id, path = request.path, "{reason}");
    }
    trail.say(|| state.clock.now(), || execution_log::failed(error, &request.request_id));
    // A request that was refused unread still has a resource for templates.
    let resource = stage.api.routes.find(&request.path, |_| true);
    if let Some(resource) = resource {
        let _ = trail.resource.set(std::sync::Arc::clone(resource.value));
    }
    let context = exchange::context_values(stage, request, trail, Some(error));
    let accept = request.header("accept");
    let source = mapping::ErrorSource { stage, request, context };
    gateway_response::render(
        error,
        &stage.api.gateway_responses,
        accept,
        |template| source.render(template),
        |expression| source.parameter(expression),
    )
}
