//! What the execution log says of an authorizer, in AWS's words.

use serde_json::Value;

use super::CompiledAuthorizer;
use crate::{
    State,
    integrate::notes,
    rest_api::{
        exchange::Exchange,
        gateway_response::{GatewayError, ResponseType},
    },
};

fn say(state: &State, exchange: &Exchange<'_>, line: impl FnOnce() -> String) {
    exchange.trail.say(|| state.clock.now(), line);
}

pub(super) fn starting(state: &State, exchange: &Exchange<'_>, authorizer: &CompiledAuthorizer) {
    let request = &exchange.request.request_id;
    say(state, exchange, || format!("Starting authorizer: {} for request: {request}", authorizer.id));
}

/// By what the caller is known, of which nobody reads more than the end.
pub(super) fn identity(state: &State, exchange: &Exchange<'_>, shown: impl FnOnce() -> String) {
    say(state, exchange, || format!("Incoming identity: {}", shown()));
}

/// A text of which only the last six letters are shown.
pub(super) fn masked(text: &str) -> String {
    let hidden = text.chars().count().saturating_sub(6);
    text.chars().enumerate().map(|(at, letter)| if at < hidden { '*' } else { letter }).collect()
}

/// The function is about to be asked.
pub(super) fn asking(
    state: &State,
    exchange: &Exchange<'_>,
    authorizer: &CompiledAuthorizer,
    function: &str,
    event: &Value,
) {
    if exchange.trail.log.get().is_none() {
        return;
    }
    let uri = notes::function_uri(function, &exchange.stage.scope.region, false);
    let source = format!("{}/authorizers/{}", exchange.stage.api_id, authorizer.id);
    let headers = notes::function_headers(exchange, &source);
    say(state, exchange, || format!("Endpoint request URI: {uri}"));
    say(state, exchange, || format!("Endpoint request headers: {headers}"));
    say(state, exchange, || format!("Endpoint request body after transformations: {event}"));
    say(state, exchange, || format!("Sending request to {uri}"));
}

/// What the function answered.
pub(super) fn answered(state: &State, exchange: &Exchange<'_>, answer: &Value) {
    say(state, exchange, || format!("Authorizer result body before parsing: {answer}"));
}

pub(super) fn completed(state: &State, exchange: &Exchange<'_>, principal: Option<&Value>) {
    if let Some(principal) = principal {
        let principal = masked(&crate::mapping::text(principal));
        say(state, exchange, || format!("Using valid authorizer policy for principal: {principal}"));
    }
    say(state, exchange, || String::from("Successfully completed authorizer execution"));
}

/// What ends the log of a try after why it failed.
pub(crate) fn outcome(error: &GatewayError) -> &'static str {
    match error.response_type {
        ResponseType::Unauthorized => "Unauthorized",
        _ => "AuthorizerConfigurationException",
    }
}
