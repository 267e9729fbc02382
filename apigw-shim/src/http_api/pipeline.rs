//! The way of a request through an HTTP API, on one screen.

use std::sync::{Arc, LazyLock};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use outbound::Outbound;
use runtime::{Body, Invocation};

use super::{
    access::{self, Trail},
    authorize::{self, Caller},
    compiled::{CompiledIntegration, HttpStage, Kind, Matched, Target},
    event,
    parameters::{self, View},
};
use crate::{
    State,
    addressed::{not_found, of_http_api},
    integrate::{
        address::{fill, push_query},
        call_context,
        http_endpoint::{self, Towards},
        vpc_link,
    },
    mapping::interpolate,
};
use proxy_events::{Cors, Incoming, MOST_BODY, PayloadVersion, encode_path, is_framing};

/// Answers a request at a stage; `is_forged` where its signature is not right, if signatures are checked.
pub(crate) async fn answer(
    state: &State,
    stage: &HttpStage,
    request: &Incoming,
    is_forged: bool,
) -> Response<Body> {
    let mut trail = Trail::default();
    let mut response = match &stage.cors {
        Some(cors) if Cors::is_preflight(request) => cors.preflight(request),
        cors => {
            let mut response = run(state, stage, request, is_forged, &mut trail).await;
            if let Some(cors) = cors {
                cors.apply(request, response.headers_mut());
            }
            response
        }
    };
    if let Ok(value) = HeaderValue::from_str(&request.extended_request_id) {
        response.headers_mut().insert(HeaderName::from_static("apigw-requestid"), value);
    }
    access::write(state, stage, request, &trail, &response);
    response
}

async fn run(
    state: &State,
    stage: &HttpStage,
    request: &Incoming,
    is_forged: bool,
    trail: &mut Trail,
) -> Response<Body> {
    if stage.is_disabled && request.custom_domain.is_none() {
        return of_http_api(StatusCode::FORBIDDEN, "Forbidden");
    }
    let Some(matched) = stage.find(request.method.as_str(), &request.path) else { return not_found() };
    let matched = trail.matched.insert(matched);
    if matched.route.limits.as_ref().is_some_and(|limits| !limits.take(state.clock.now())) {
        return of_http_api(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests");
    }
    let caller = match authorize::check(state, stage, request, matched, is_forged).await {
        Ok(caller) => trail.caller.insert(caller),
        Err(refusal) => return refusal,
    };
    let integration = match &matched.route.integration {
        Ok(integration) => integration,
        Err(reason) => return internal(stage, request, matched, reason),
    };
    let started = state.clock.now();
    let sent = send(state, stage, request, matched, caller, integration);
    let response = tokio::time::timeout(integration.timeout, sent).await.unwrap_or_else(|_| {
        unavailable(matched, format!("no answer within {} ms", integration.timeout.as_millis()))
    });
    trail.integrated = Some((response.status(), state.clock.now().since(started)));
    response
}

fn unavailable(matched: &Matched, reason: String) -> Response<Body> {
    let _ = matched.failure.set(reason);
    of_http_api(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
}

/// The one text that HTTP APIs have for whatever is wrong behind them.
fn internal(stage: &HttpStage, request: &Incoming, matched: &Matched, reason: &str) -> Response<Body> {
    let _ = matched.failure.set(reason.to_owned());
    tracing::warn!(api = stage.api_id, path = request.path, "{reason}");
    of_http_api(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
}

async fn send(
    state: &State,
    stage: &HttpStage,
    request: &Incoming,
    matched: &Matched,
    caller: &Caller,
    integration: &CompiledIntegration,
) -> Response<Body> {
    let variables = Some(&stage.variables);
    let context = LazyLock::new(|| authorize::context(stage, request, &matched.route.key, caller));
    let mut view =
        View { stage, request, parameters: &matched.parameters, context: &context, response: None };
    let (changed, path) = if integration.request.is_empty() {
        (None, None)
    } else {
        let (changed, path) = parameters::change_request(&integration.request, &view);
        (Some(changed), path)
    };
    let request = changed.as_ref().unwrap_or(request);
    let response = match &integration.kind {
        Kind::Service { subtype, parameters } => {
            match subtype.call(state, parameters, &view, &matched.endpoint_request).await {
                Ok(response) => response,
                Err(reason) => internal(stage, request, matched, &reason),
            }
        }
        Kind::Lambda { function, payload } => {
            let function = interpolate(function, variables);
            invoke(state, stage, request, matched, caller, &function, *payload).await
        }
        Kind::Http(target) => {
            let sent = address(state, stage, request, matched, target, path.as_deref());
            let towards = Towards { server_name: target.server_name.as_deref(), ..Towards::default() };
            let sent = sent.and_then(|uri| Ok((uri, http_endpoint::client(state, &stage.scope, &towards)?)));
            match sent {
                Ok((uri, client)) => proxy(&client, stage, request, matched, target, &uri).await,
                Err(reason) => internal(stage, request, matched, &reason),
            }
        }
    };
    let Some(changes) = integration.response.get(&response.status().as_u16()) else { return response };
    let (parts, body) = response.into_parts();
    let Ok(body) = body.read(MOST_BODY).await else {
        return internal(stage, request, matched, "the answer could not be read");
    };
    view.response = Some((&parts.headers, &body));
    let mut response = Response::from_parts(parts.clone(), Body::Bytes(body.clone()));
    parameters::change_response(changes, &view, &mut response);
    response
}

/// Where a request to a server goes; why nowhere, if it cannot.
fn address(
    state: &State,
    stage: &HttpStage,
    request: &Incoming,
    matched: &Matched,
    target: &Target,
    path: Option<&str>,
) -> Result<String, String> {
    let mut uri = interpolate(&target.uri, Some(&stage.variables));
    if uri.starts_with("arn:") {
        let stand_in = vpc_link::of_target(state, &uri)
            .ok_or_else(|| format!("nothing stands for {uri}; {}", vpc_link::how_to_say(&uri)))?;
        // What is behind a link is asked the path as the client asked it: a stage's name is part of that.
        let stage = if stage.name == "$default" { String::new() } else { format!("/{}", stage.name) };
        let base = stand_in.to_string();
        uri = format!("{}{stage}{}", base.trim_end_matches('/'), request.path);
    } else {
        for (name, value) in &matched.parameters {
            fill(&mut uri, name, value);
        }
    }
    if let Some(path) = path {
        uri = with_path(&uri, path);
    }
    push_query(&mut uri, &request.query);
    if target.is_secure && !uri.starts_with("https://") {
        return Err(format!("the integration has a TlsConfig, so {uri} must begin with https://"));
    }
    Ok(uri)
}

/// An address with another path.
fn with_path(uri: &str, path: &str) -> String {
    let start = uri.find("://").map_or(0, |at| at + 3);
    let end = uri[start..].find(['/', '?']).map_or(uri.len(), |at| start + at);
    let path = encode_path(&proxy_events::decode(path));
    let slash = if path.starts_with('/') { "" } else { "/" };
    format!("{}{slash}{path}", &uri[..end])
}

async fn invoke(
    state: &State,
    stage: &HttpStage,
    request: &Incoming,
    matched: &Matched,
    caller: &Caller,
    function: &str,
    version: PayloadVersion,
) -> Response<Body> {
    let payload = match version {
        PayloadVersion::V1 => event::version_1(stage, request, matched, caller),
        PayloadVersion::V2 => event::version_2(stage, request, matched, caller.version_2()),
    };
    let ctx = call_context(state, &stage.scope, &request.trace_id);
    let _ = matched.endpoint_request.set(Arc::clone(&ctx.request_id));
    let outcome = match state.invoker.invoke(&ctx, Invocation::request_response(function, payload)).await {
        Ok(outcome) => outcome,
        Err(error) => {
            return internal(stage, request, matched, &format!("invoking {function} failed: {error}"));
        }
    };
    if let Some(error) = &outcome.function_error {
        return internal(stage, request, matched, &format!("{function} failed ({error})"));
    }
    proxy_events::read(&outcome.payload, version).unwrap_or_else(|| {
        internal(stage, request, matched, &format!("{function} gave no answer that could be read"))
    })
}

async fn proxy(
    client: &Outbound,
    stage: &HttpStage,
    request: &Incoming,
    matched: &Matched,
    target: &Target,
    uri: &str,
) -> Response<Body> {
    let method = match target.method.as_str() {
        "ANY" => request.method.clone(),
        name => Method::from_bytes(name.as_bytes()).unwrap_or_else(|_| request.method.clone()),
    };
    let mut headers = HeaderMap::with_capacity(request.headers.len() + 2);
    for (name, value) in &request.headers {
        if !is_framing(name) && *name != header::HOST {
            headers.append(name, value.clone());
        }
    }
    let host = request.header("host").unwrap_or_default();
    let forwarded = format!("by={host};for={};host={host};proto=http", request.peer);
    for (name, value) in [("forwarded", forwarded.as_str()), ("x-amzn-trace-id", request.trace_id.as_str())] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    match http_endpoint::send(client, method, uri, headers, request.body.clone()).await {
        Ok((status, headers, body)) => {
            let mut response = Response::new(Body::Bytes(body));
            *response.status_mut() = status;
            *response.headers_mut() = http_endpoint::forwardable(&headers);
            response
        }
        Err(reason) => {
            tracing::warn!(api = stage.api_id, path = request.path, "{reason}");
            unavailable(matched, reason)
        }
    }
}
