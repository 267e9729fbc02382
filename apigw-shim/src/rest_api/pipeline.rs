//! The way of a request through a REST API, on one screen.

use http::{HeaderName, HeaderValue, Response};
use runtime::Body;

use super::{
    authorize,
    compiled::RestStage,
    exchange,
    gateway_response::{self, GatewayError},
    integration_request, integration_response, method_response, route, validate,
};
use crate::{State, integrate, mapping};
use proxy_events::Incoming;

async fn run(state: &State, stage: &RestStage, request: &Incoming) -> Result<Response<Body>, GatewayError> {
    let matched = route::resolve(stage, request)?;
    let admitted = authorize::check(matched)?;
    let admitted = validate::check(admitted)?;
    let prepared = integration_request::map(admitted)?;
    let reply = integrate::send(state, &prepared).await?;
    let response = integration_response::map(&prepared, reply)?;
    Ok(method_response::finish(&prepared, response))
}

/// Answers a request at a stage; `refused` says why it is not looked at.
pub(crate) async fn answer(
    state: &State,
    stage: &RestStage,
    request: &Incoming,
    refused: Option<GatewayError>,
) -> Response<Body> {
    let result = match refused {
        Some(error) => Err(error),
        None => run(state, stage, request).await,
    };
    let mut response = match result {
        Ok(response) => response,
        Err(error) => render_error(stage, request, &error),
    };
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&request.request_id) {
        headers.insert(HeaderName::from_static("x-amzn-requestid"), value);
    }
    if let Ok(value) = HeaderValue::from_str(&request.extended_request_id) {
        headers.insert(HeaderName::from_static("x-amz-apigw-id"), value);
    }
    response
}

fn render_error(stage: &RestStage, request: &Incoming, error: &GatewayError) -> Response<Body> {
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
    let resource =
        stage.api.routes.find(&request.path, |_| true).map(|found| std::sync::Arc::clone(found.value));
    let context = exchange::context_values(stage, request, resource.as_deref(), Some(error));
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
