//! Functions that decide who is let in to REST APIs: what they are shown, and what their answers mean. Their answers are
//! always policies and may name API keys; those of HTTP APIs are in `authorizer`.

use serde_json::{Map, Value, json};

use super::{Admission, CompiledAuthorizer, Kind, log, unauthorized};
use crate::{
    State,
    authorizer::function::{self, NoAnswer},
    integrate,
    mapping::{interpolate, text},
    policy::Policy,
    rest_api::{
        exchange::Exchange,
        execution_log,
        gateway_response::{GatewayError, ResponseType},
    },
};

/// By what the caller is known; `Unauthorized` where any of it is missing. Nobody is asked then.
pub(super) fn identity(
    exchange: &Exchange<'_>,
    authorizer: &CompiledAuthorizer,
) -> Result<String, GatewayError> {
    match &authorizer.kind {
        Kind::Token { header, validation, .. } => {
            let token = exchange.request.header(header).filter(|token| !token.is_empty());
            let token = token.ok_or_else(unauthorized)?;
            // A pattern that gives up has not matched.
            if validation.as_ref().is_some_and(|pattern| !pattern.is_match(token).unwrap_or(false)) {
                return Err(unauthorized());
            }
            Ok(token.to_owned())
        }
        Kind::Jwt { header, .. } => {
            let token = exchange.request.header(header).filter(|token| !token.is_empty());
            let token = token.ok_or_else(unauthorized)?;
            let bare = token.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("bearer "));
            Ok(bare.map_or(token, |_| token[7..].trim()).to_owned())
        }
        Kind::Request { sources, .. } => {
            let context = exchange.context();
            let view = exchange.view(&context);
            let values =
                sources.iter().map(|(_, source)| source.value(&view).filter(|value| !value.is_empty()));
            let values: Option<Vec<String>> = values.collect();
            values.map(|values| values.join("\u{1f}")).ok_or_else(unauthorized)
        }
    }
}

/// The identity as the log shows it.
pub(super) fn shown_identity(identity: &str, authorizer: &CompiledAuthorizer) -> String {
    match &authorizer.kind {
        Kind::Token { .. } | Kind::Jwt { .. } => log::masked(identity),
        Kind::Request { sources, .. } => {
            let values = identity.split('\u{1f}').map(log::masked);
            execution_log::pairs(sources.iter().map(|(name, _)| name).zip(values))
        }
    }
}

pub(super) fn token_event(token: &str, arn: &str) -> Value {
    json!({"type": "TOKEN", "methodArn": arn, "authorizationToken": token})
}

pub(super) fn request_event(exchange: &Exchange<'_>, arn: &str) -> Value {
    let mut event = integrate::lambda_proxy::members(exchange);
    event.insert(String::from("type"), "REQUEST".into());
    event.insert(String::from("methodArn"), arn.into());
    // Here nothing is an empty object.
    for (_, value) in event.iter_mut().filter(|(_, value)| value.is_null()) {
        *value = json!({});
    }
    Value::Object(event)
}

fn failure(response_type: ResponseType, reason: impl Into<String>) -> GatewayError {
    let mut error = GatewayError::new(response_type, "");
    error.reason = Some(reason.into());
    error
}

/// Asks a function.
pub(super) async fn ask(
    state: &State,
    exchange: &Exchange<'_>,
    authorizer: &CompiledAuthorizer,
    function: &str,
    event: Value,
) -> Result<Admission, GatewayError> {
    let function = interpolate(function, exchange.stage.variables.as_ref());
    log::asking(state, exchange, authorizer, &function, &event);
    let started = state.clock.now();
    let (scope, trace_id) = (&exchange.stage.scope, exchange.trace_header());
    let asked = function::ask(state, scope, trace_id, &function, event.to_string().into_bytes()).await;
    let answer = asked.map_err(|refused| match refused {
        NoAnswer::Unauthorized => unauthorized(),
        NoAnswer::Unreachable(reason) => failure(ResponseType::AuthorizerConfigurationError, reason),
        NoAnswer::Failed { reason, answer } => {
            log::answered(state, exchange, &answer);
            tracing::warn!(api = exchange.stage.api_id, "{reason}");
            // An error is a JSON object as well, and no policy.
            failure(ResponseType::AuthorizerFailure, unrecognized(&answer).unwrap_or(reason))
        }
    })?;
    log::answered(state, exchange, &answer);
    let latency = state.clock.now().since(started).as_millis();
    read(&answer, u64::try_from(latency).unwrap_or(u64::MAX))
        .map_err(|reason| failure(ResponseType::AuthorizerConfigurationError, reason))
}

/// What is wrong with an answer that has more than answers have, as AWS's parser puts it.
fn unrecognized(answer: &Value) -> Option<String> {
    const KNOWN: [&str; 4] = ["principalId", "policyDocument", "context", "usageIdentifierKey"];
    let other = answer.as_object()?.keys().find(|name| !KNOWN.contains(&name.as_str()))?;
    Some(format!("Invalid JSON in response: Unrecognized field \"{other}\" , not marked as ignorable"))
}

/// The answer of a function: `{principalId, policyDocument, context, usageIdentifierKey}`.
fn read(answer: &Value, latency: u64) -> Result<Admission, String> {
    if let Some(reason) = unrecognized(answer) {
        return Err(reason);
    }
    let principal = answer.get("principalId").filter(|value| value.is_string() || value.is_number());
    let principal = principal.ok_or("the authorizer's answer has no principalId")?;
    let document = answer.get("policyDocument").ok_or("the authorizer's answer has no policyDocument")?;
    let policy = Policy::of(document).map_err(|reason| format!("the authorizer's policy: {reason}"))?;
    let mut context = Map::new();
    match answer.get("context") {
        None | Some(Value::Null) => {}
        Some(Value::Object(members)) => {
            for (name, value) in members {
                if value.is_object() || value.is_array() {
                    return Err(format!(
                        "the authorizer's context has {name}, which is no text, number or boolean"
                    ));
                }
                if !value.is_null() {
                    context.insert(name.clone(), text(value).into());
                }
            }
        }
        Some(_) => return Err(String::from("the authorizer's context is no object")),
    }
    context.insert(String::from("principalId"), text(principal).into());
    context.insert(String::from("integrationLatency"), latency.into());
    let usage_key = answer.get("usageIdentifierKey").and_then(Value::as_str).map(str::to_owned);
    Ok(Admission { context, policy: Some(policy), usage_key, ..Admission::default() })
}
