//! What becomes known of a request on its way through an HTTP API, and the line that its stage's access log gets.

use std::time::Duration;

use http::{Response, StatusCode};
use proxy_events::Incoming;
use runtime::{Body, Timestamp};
use serde_json::{Value, json};

use super::{
    authorize::{self, Caller},
    compiled::{HttpStage, Kind, Matched},
};
use crate::State;

/// What is known of a request by the time it is answered.
#[derive(Default)]
pub(super) struct Trail {
    pub matched: Option<Matched>,
    pub caller: Option<Caller>,
    /// What the integration's answer became, and how long that took.
    pub integrated: Option<(StatusCode, Duration)>,
}

/// Writes the line for a request.
pub(super) fn write(
    state: &State,
    stage: &HttpStage,
    request: &Incoming,
    trail: &Trail,
    response: &Response<Body>,
) {
    let Some(log) = &stage.access_log else { return };
    let now = state.clock.now();
    log.write(state, now, &context(stage, request, trail, response, now));
}

fn context(
    stage: &HttpStage,
    request: &Incoming,
    trail: &Trail,
    response: &Response<Body>,
    now: Timestamp,
) -> serde_json::Map<String, Value> {
    let route = trail.matched.as_ref().map_or("", |matched| matched.route.key.as_str());
    let mut context =
        authorize::context(stage, request, route, trail.caller.as_ref().unwrap_or(&Caller::Anybody));
    let mut put = |name: &str, value: Value| context.insert(name.to_owned(), value);
    let length = if let Body::Bytes(body) = response.body() { body.len() } else { 0 };
    put("status", json!(response.status().as_u16()));
    put("responseLength", json!(length));
    put("dataProcessed", json!(length + request.body.len()));
    put("responseLatency", json!(now.since(request.at).as_millis()));
    let failure = trail.matched.as_ref().and_then(|matched| matched.failure.get());
    // Nobody was let through, since nobody could say whether to.
    if let (None, Some(reason)) = (&trail.caller, failure) {
        put("authorizer", json!({"error": reason}));
    }
    let endpoint_request = trail.matched.as_ref().and_then(|matched| matched.endpoint_request.get());
    put("awsEndpointRequestId", json!(endpoint_request));
    if let Some((status, latency)) = trail.integrated {
        let is_function = trail.matched.as_ref().is_some_and(
            |matched| matches!(&matched.route.integration, Ok(it) if matches!(it.kind, Kind::Lambda { .. })),
        );
        // What Lambda itself answers is another thing than what the function does.
        let own = failure.is_none().then_some(status.as_u16());
        let service = if is_function { own.map(|_| 200) } else { own };
        put("integrationLatency", json!(latency.as_millis()));
        put("integrationStatus", json!(service));
        put("integrationErrorMessage", json!(failure));
        put(
            "integration",
            json!({
                "error": failure,
                "integrationStatus": service,
                "latency": latency.as_millis(),
                "requestId": endpoint_request,
                "status": own,
            }),
        );
    }
    if (trail.integrated.is_none() || failure.is_some()) && !response.status().is_success() {
        let message = message(response);
        put(
            "error",
            json!({
                "message": message,
                "messageString": Value::from(message.as_str()).to_string(),
                "responseType": response_type(response.status()),
            }),
        );
    }
    context
}

/// What the gateway told the client.
fn message(response: &Response<Body>) -> String {
    let Body::Bytes(body) = response.body() else { return String::new() };
    let body: Option<Value> = serde_json::from_slice(body).ok();
    body.and_then(|body| Some(body.get("message")?.as_str()?.to_owned())).unwrap_or_default()
}

fn response_type(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "UNAUTHORIZED",
        StatusCode::FORBIDDEN => "ACCESS_DENIED",
        StatusCode::NOT_FOUND => "RESOURCE_NOT_FOUND",
        StatusCode::TOO_MANY_REQUESTS => "THROTTLED",
        StatusCode::SERVICE_UNAVAILABLE => "INTEGRATION_TIMEOUT",
        status if status.is_server_error() => "INTEGRATION_FAILURE",
        _ => "DEFAULT_4XX",
    }
}
