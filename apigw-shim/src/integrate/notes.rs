//! What the execution log says of the integration.

use super::{Reply, Selector};
use crate::{
    State,
    rest_api::{
        exchange::Trail,
        execution_log::{body_text, headers, text},
        gateway_response::GatewayError,
        integration_request::Outgoing,
    },
};

/// The request as it goes out.
pub(super) fn sending(state: &State, trail: &Trail, outgoing: &Outgoing) {
    if trail.log.get().is_none() {
        return;
    }
    let say = |line: String| trail.say(|| state.clock.now(), || line);
    let (uri, head, body) = match outgoing {
        Outgoing::Mock { .. } => return,
        Outgoing::Invoke { function, payload, .. } => {
            (format!("2015-03-31/functions/{function}/invocations"), String::from("{}"), payload)
        }
        Outgoing::Service { request, .. } | Outgoing::Http { request, .. } => {
            (request.uri.clone(), headers(&request.headers), &request.body)
        }
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
