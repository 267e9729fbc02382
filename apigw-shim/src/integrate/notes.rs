//! What the execution log says of the integration.

use super::{Reply, Selector};
use crate::{
    State,
    rest_api::{
        exchange::{Exchange, Trail},
        execution_log::{body_text, headers, pairs, text},
        gateway_response::GatewayError,
        integration_request::{Outgoing, Prepared},
    },
};

/// The address of a function, in its own region if its ARN names one.
pub(crate) fn function_uri(function: &str, region: &str, streams: bool) -> String {
    let region = function.strip_prefix("arn:").and_then(|arn| arn.split(':').nth(2)).unwrap_or(region);
    let (version, what) = if streams {
        ("2021-11-15", "response-streaming-invocations")
    } else {
        ("2015-03-31", "invocations")
    };
    format!("https://lambda.{region}.amazonaws.com/{version}/functions/{function}/{what}")
}

/// The headers that a function is invoked with; `source` is what invokes it, below `execute-api`. On AWS a signature is
/// among them, for which there is no need here.
pub(crate) fn function_headers(exchange: &Exchange<'_>, source: &str) -> String {
    let (stage, request) = (exchange.stage, exchange.request);
    let at = jiff::Timestamp::from_millisecond(request.at.millis()).unwrap_or_default();
    let headers = [
        ("x-amzn-lambda-integration-tag", request.request_id.to_string()),
        ("X-Amz-Date", at.strftime("%Y%m%dT%H%M%SZ").to_string()),
        ("x-amzn-apigateway-api-id", stage.api_id.clone()),
        ("Accept", String::from("application/json")),
        ("User-Agent", format!("AmazonAPIGateway_{}", stage.api_id)),
        ("X-Amz-Source-Arn", stage.scope.arn("execute-api", source)),
        ("X-Amzn-Trace-Id", exchange.trace_header().to_owned()),
    ];
    pairs(headers.into_iter())
}

/// The address of a service's request.
pub(crate) fn service_uri(service: &str, region: &str, action: Option<&str>, uri: &str) -> String {
    let host = format!("https://{service}.{region}.amazonaws.com");
    match (action, uri.split_once('?')) {
        (None, _) => format!("{host}{uri}"),
        (Some(action), None) => format!("{host}{uri}?Action={action}"),
        (Some(action), Some((path, query))) => format!("{host}{path}?Action={action}&{query}"),
    }
}

/// The request as it goes out.
pub(super) fn sending(state: &State, prepared: &Prepared<'_>) {
    let exchange = &prepared.exchange;
    let trail = exchange.trail;
    if trail.log.get().is_none() {
        return;
    }
    let say = |line: String| trail.say(|| state.clock.now(), || line);
    let (uri, head, body) = match &prepared.outgoing {
        Outgoing::Mock { .. } => return,
        Outgoing::Invoke { function, payload, .. } => {
            let stage = exchange.stage;
            let streams = prepared.integration().is_some_and(|integration| integration.streams);
            let (path, method) = exchange.method.key.rsplit_once('/').unwrap_or_default();
            let source = format!("{}/{}/{method}{path}", stage.api_id, stage.name);
            let uri = function_uri(function, &stage.scope.region, streams);
            (uri, function_headers(exchange, &source), payload)
        }
        Outgoing::Service { service, region, action, request } => {
            let uri = service_uri(service, region, action.as_deref(), &request.uri);
            (uri, headers(&request.headers), &request.body)
        }
        Outgoing::Http { request, .. } => (request.uri.clone(), headers(&request.headers), &request.body),
    };
    say(format!("Endpoint request URI: {uri}"));
    say(format!("Endpoint request headers: {head}"));
    say(format!("Endpoint request body after transformations: {}", text(body)));
    say(format!("Sending request to {uri}"));
}

/// The status of the integration, where it has one.
pub(super) fn status(reply: &Result<Reply, GatewayError>) -> Option<u16> {
    match reply {
        Ok(Reply::Proxied(answer)) => Some(answer.status),
        Ok(Reply::Mapped { selector: Selector::Text(text), .. }) => text.parse().ok(),
        Ok(Reply::Mapped { selector: Selector::Default, .. }) => Some(200),
        Err(_) => None,
    }
}

/// The integration's answer.
pub(super) fn received(state: &State, trail: &Trail, reply: &Result<Reply, GatewayError>) {
    let (head, body) = match reply {
        _ if trail.log.get().is_none() => return,
        Ok(Reply::Proxied(answer)) => (headers(&answer.headers), body_text(&answer.body)),
        Ok(Reply::Mapped { headers: head, body, .. }) => (headers(head), text(body)),
        Err(_) => return,
    };
    let say = |line: String| trail.say(|| state.clock.now(), || line);
    if let Some((status, latency)) = trail.integration.get() {
        let status = status.map_or_else(|| String::from("null"), |status| status.to_string());
        let latency = latency.as_millis();
        say(format!("Received response. Status: {status}, Integration latency: {latency} ms"));
    }
    say(format!("Endpoint response headers: {head}"));
    say(format!("Endpoint response body before transformations: {body}"));
}
