//! The execution log: what happens to a request, in AWS's words. TestInvokeMethod answers with it, and stages that ask
//! for it have it in CloudWatch Logs.

use std::{
    fmt::Display,
    sync::{Mutex, PoisonError},
};

use http::{HeaderMap, StatusCode};
use proxy_events::Incoming;
use runtime::Body;

use super::{
    compiled::RestStage,
    exchange::{Exchange, Trail},
    gateway_response::{GatewayError, ResponseType},
    integration_response::Answer,
    settings::Logging,
};
use crate::State;

/// Begins the log of a request whose method is known, if its stage wants one.
pub(crate) fn open(state: &State, exchange: &Exchange<'_>) {
    let setting = exchange.stage.settings.of(&exchange.method.key);
    if setting.is_none_or(|setting| setting.logging == Logging::Off) {
        return;
    }
    let _ = exchange.trail.log.set(Mutex::default());
    let id = &exchange.request.extended_request_id;
    exchange.trail.say(|| state.clock.now(), || format!("Extended Request Id: {id}"));
}

/// The request that is let in, before anything is done for it.
pub(crate) fn begin(state: &State, exchange: &Exchange<'_>, path: &str) {
    let (trail, request) = (exchange.trail, exchange.request);
    if trail.log.get().is_none() {
        return;
    }
    let say = |line: String| trail.say(|| state.clock.now(), || line);
    say(format!("Starting execution for request: {}", request.request_id));
    say(format!("HTTP Method: {}, Resource Path: {path}", request.method));
    say(format!("Method request path: {}", pairs(exchange.path_parameters.iter().map(|(n, v)| (n, v)))));
    say(format!("Method request query string: {}", pairs(exchange.query.iter().map(|(n, v)| (n, v)))));
    let shown = match exchange.stage.is_test() {
        true => pairs(exchange.header_pairs().into_iter()),
        false => headers(&request.headers),
    };
    say(format!("Method request headers: {shown}"));
    say(format!("Method request body before transformations: {}", text(&request.body)));
}

/// The mapped answer.
pub(crate) fn answered(state: &State, exchange: &Exchange<'_>, answer: &Answer) {
    let say = |line: &dyn Fn() -> String| exchange.trail.say(|| state.clock.now(), line);
    say(&|| format!("Method response body after transformations: {}", body_text(&answer.body)));
    say(&|| format!("Method response headers: {}", headers(&answer.headers)));
    say(&|| String::from("Successfully completed execution"));
}

/// Why a request failed. Who is not let in is told no more than that, and neither is the log.
pub(crate) fn failed(error: &GatewayError, request_id: &str) -> String {
    let reason = error.reason.as_deref().unwrap_or(&error.message);
    match error.response_type {
        ResponseType::ApiConfigurationError
        | ResponseType::AuthorizerConfigurationError
        | ResponseType::AuthorizerFailure => {
            format!("Execution failed due to configuration error: {reason}")
        }
        ResponseType::IntegrationTimeout => String::from("Execution failed due to a timeout error"),
        ResponseType::IntegrationFailure => {
            format!("Execution failed due to an internal error: {reason}")
        }
        ResponseType::Unauthorized => format!("Unauthorized request: {request_id}"),
        _ => reason.to_owned(),
    }
}

/// Ends the log, and writes it to CloudWatch Logs.
pub(crate) fn close(
    state: &State,
    stage: &RestStage,
    request: &Incoming,
    trail: &Trail,
    status: StatusCode,
    is_error: bool,
) {
    let Some(log) = trail.log.get() else { return };
    if stage.is_traced {
        let root = super::exchange::trace_root(&request.trace_id);
        trail.say(|| state.clock.now(), || format!("X-ray Tracing ID : Root={root}"));
    }
    trail.say(|| state.clock.now(), || format!("Method completed with status: {}", status.as_u16()));
    let method = trail.resource.get().and_then(|resource| resource.method(request.method.as_str()));
    let Some(setting) = method.and_then(|method| stage.settings.of(&method.key)) else { return };
    if setting.logging == Logging::Errors && !is_error {
        return;
    }
    let stream = stage.execution_log.get_or_init(|| {
        let group = format!("API-Gateway-Execution-Logs_{}/{}", stage.api_id, stage.name);
        state.logs.stream(&stage.scope, &group, &super::access_log::stream_name())
    });
    for (at, line) in log.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        let is_data = line.split(':').next().is_some_and(|what| {
            what.contains(" body ") || what.ends_with(" headers") || what.ends_with("query string")
        });
        if setting.data_trace || !is_data {
            stream.write(at, format!("({}) {line}", request.request_id));
        }
    }
}

/// `{a=1, b=2}`.
pub(crate) fn pairs<N: Display, V: Display>(all: impl Iterator<Item = (N, V)>) -> String {
    let all: Vec<String> = all.map(|(name, value)| format!("{name}={value}")).collect();
    format!("{{{}}}", all.join(", "))
}

/// Headers with the names that people write.
pub(crate) fn headers(all: &HeaderMap) -> String {
    pairs(all.iter().map(|(name, value)| (title(name.as_str()), text(value.as_bytes()))))
}

/// A body as the log has it; one that is yet to come is not shown.
pub(crate) fn body_text(body: &Body) -> String {
    if let Body::Bytes(bytes) = body { text(bytes) } else { String::from("[stream]") }
}

pub(crate) fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

/// `content-type` as `Content-Type`.
pub(crate) fn title(name: &str) -> String {
    match name {
        "x-amzn-errortype" => return String::from("x-amzn-ErrorType"),
        "x-amzn-apigateway-api-id" => return name.to_owned(),
        _ => {}
    }
    let part = |part: &str| {
        let mut letters = part.chars();
        letters
            .next()
            .map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
    };
    name.split('-').map(part).collect::<Vec<_>>().join("-")
}
