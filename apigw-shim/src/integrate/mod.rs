//! The fourth stage: sending the request, and what came of it.

pub(crate) mod address;
pub(crate) mod http_endpoint;
pub(crate) mod lambda_proxy;
pub(crate) mod notes;
pub(crate) mod service;
mod stream;
pub(crate) mod vpc_link;

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use http::HeaderMap;
use runtime::{Body, CallContext, Invocation, Scope};
use serde_json::Value;

use crate::{
    State,
    rest_api::{
        compiled::CompiledIntegration,
        gateway_response::GatewayError,
        integration_request::{Outgoing, Prepared, Sent},
        integration_response::Answer,
    },
};

use http_endpoint::Towards;
use stream::Patience;

/// What came of an integration's request.
pub(crate) enum Reply {
    /// The answer itself.
    Proxied(Answer),
    /// An answer that integration responses have to map.
    Mapped { selector: Selector, headers: HeaderMap, body: Bytes },
}

/// What selection patterns are matched with.
pub(crate) enum Selector {
    /// A status, or the message of a function's error.
    Text(String),
    /// Nothing: the default response is meant.
    Default,
}

/// A call that the gateway makes on behalf of a request.
pub(crate) fn call_context(state: &State, scope: &Scope, trace_id: &str) -> CallContext {
    let mut ctx = CallContext::internal(scope.clone(), state.options.endpoint.clone());
    ctx.trace_id = Some(trace_id.into());
    ctx
}

pub(crate) async fn send(state: &State, prepared: &Prepared<'_>) -> Result<Reply, GatewayError> {
    let Some(integration) = prepared.integration() else {
        return Err(GatewayError::configuration("no integration is defined"));
    };
    let reply = async {
        match &prepared.outgoing {
            Outgoing::Mock { status } => Ok(Reply::Mapped {
                selector: Selector::Text(status.to_string()),
                headers: HeaderMap::new(),
                body: Bytes::new(),
            }),
            Outgoing::Invoke { function, payload, .. } if integration.streams => {
                let patience = Patience::new(prepared, integration.timeout);
                let answer = stream::function(state, prepared, (function, payload.clone()), patience);
                answer.await.map(Reply::Proxied)
            }
            Outgoing::Invoke { function, payload, is_proxy } => {
                invoke(state, prepared, function, payload.clone(), *is_proxy).await
            }
            Outgoing::Service { service, region, action, request } => {
                service::call(state, prepared, service, region, action.as_deref(), request).await
            }
            Outgoing::Http { request, is_proxy } => {
                http(state, prepared, integration, request, *is_proxy).await
            }
        }
    };
    // A template has no time to wait, so a MOCK needs no timer.
    if matches!(prepared.outgoing, Outgoing::Mock { .. }) {
        return reply.await;
    }
    let trail = prepared.exchange.trail;
    notes::sending(state, prepared);
    let started = std::time::Instant::now();
    let reply = tokio::time::timeout(integration.timeout, reply).await;
    let reply = reply.unwrap_or_else(|_| Err(GatewayError::timeout()));
    let _ = trail.integration.set((notes::status(&reply), started.elapsed()));
    notes::received(state, trail, &reply);
    reply
}

/// Asks a server of the user's.
async fn http(
    state: &State,
    prepared: &Prepared<'_>,
    integration: &CompiledIntegration,
    request: &Sent,
    is_proxy: bool,
) -> Result<Reply, GatewayError> {
    let address: Option<http::Uri> = request.uri.parse().ok();
    if address.is_none_or(|address| address.host().is_none_or(str::is_empty)) {
        return Err(GatewayError::configuration("Invalid endpoint address"));
    }
    let stage = prepared.exchange.stage;
    let link = integration.link.as_ref();
    let towards = Towards {
        any_issuer: integration.any_issuer,
        certificate: stage.client_certificate.as_deref(),
        server_name: None,
        stand_in: link.and_then(|link| link.stand_in(state, &stage.scope, stage.variables.as_ref())),
    };
    let uri = match towards.stand_in {
        Some(stand_in) => Cow::Owned(vpc_link::towards(stand_in, &request.uri)),
        None => Cow::Borrowed(request.uri.as_str()),
    };
    let client = http_endpoint::client(state, &stage.scope, &towards).map_err(GatewayError::failure)?;
    let (method, headers, body) = (request.method.clone(), request.headers.clone(), request.body.clone());
    if integration.streams {
        let patience = Patience::new(prepared, integration.timeout);
        return stream::server(&client, (method, &uri, headers, body), patience).await.map(Reply::Proxied);
    }
    let answer = http_endpoint::send(&client, method, &uri, headers, body).await;
    let (status, headers, body) = answer.map_err(GatewayError::failure)?;
    Ok(if is_proxy {
        let headers = http_endpoint::forwardable(&headers);
        Reply::Proxied(Answer { status: status.as_u16(), headers, body: Body::Bytes(body), names: None })
    } else {
        Reply::Mapped { selector: Selector::Text(status.as_u16().to_string()), headers, body }
    })
}

async fn invoke(
    state: &State,
    prepared: &Prepared<'_>,
    function: &str,
    payload: Bytes,
    is_proxy: bool,
) -> Result<Reply, GatewayError> {
    let exchange = &prepared.exchange;
    let ctx = call_context(state, &exchange.stage.scope, exchange.trace_header());
    let _ = exchange.trail.endpoint_request.set(Arc::clone(&ctx.request_id));
    let payload = if payload.is_empty() { Bytes::from_static(b"{}") } else { payload };
    let outcome = state.invoker.invoke(&ctx, Invocation::request_response(function, payload)).await;
    let outcome = outcome
        .map_err(|error| GatewayError::configuration(format!("invoking {function} failed: {error}")))?;
    if is_proxy {
        if let Some(error) = &outcome.function_error {
            return Err(GatewayError::malformed(format!("{function} failed ({error})")));
        }
        return lambda_proxy::answer(exchange, &outcome.payload).map(Reply::Proxied);
    }
    let selector = match &outcome.function_error {
        None => Selector::Default,
        Some(_) => {
            let error: Option<Value> = serde_json::from_slice(&outcome.payload).ok();
            let message =
                error.as_ref().and_then(|error| error.get("errorMessage")).map(crate::mapping::text);
            Selector::Text(message.unwrap_or_default())
        }
    };
    Ok(Reply::Mapped { selector, headers: HeaderMap::new(), body: outcome.payload })
}
