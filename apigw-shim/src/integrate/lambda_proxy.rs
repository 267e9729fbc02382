//! The event that a proxied function of a REST API gets, and the answer it gives.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use proxy_events::{WrittenNames, headers, is_binary, multi_values, path_values, single_values, status};
use runtime::Body;
use serde_json::{Value, json};

use crate::rest_api::{
    exchange::{Exchange, path_with_stage},
    gateway_response::GatewayError,
    integration_response::Answer,
};

/// The members that an answer may have; any other makes it malformed.
const KNOWN: &[&str] = &["statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"];

/// An event of version 1.0.
pub(crate) fn event(exchange: &Exchange<'_>) -> Bytes {
    let request = exchange.request;
    let binary = is_binary(&exchange.stage.api.binary_media_types, request.content_type());
    let body = match (request.body.is_empty(), binary) {
        (true, _) => Value::Null,
        (false, true) => Value::String(request.body_base64()),
        (false, false) => Value::String(String::from_utf8_lossy(&request.body).into_owned()),
    };
    let mut event = members(exchange);
    event.insert(String::from("body"), body);
    event.insert(String::from("isBase64Encoded"), (binary && !request.body.is_empty()).into());
    Value::Object(event).to_string().into()
}

/// All of an event but the body, as authorizers get it too.
pub(crate) fn members(exchange: &Exchange<'_>) -> serde_json::Map<String, Value> {
    let request = exchange.request;
    let stage = exchange.stage;
    let headers = exchange.header_pairs();
    let host = request.host();
    let mut event = json!({
        "resource": exchange.resource.path,
        "path": request.asked_path(),
        "httpMethod": request.method.as_str(),
        "headers": single_values(&headers),
        "multiValueHeaders": multi_values(&headers),
        "queryStringParameters": single_values(&exchange.query),
        "multiValueQueryStringParameters": multi_values(&exchange.query),
        "pathParameters": path_values(&exchange.path_parameters),
        "stageVariables": stage.variables,
        "requestContext": {
            "resourceId": exchange.resource.id,
            "resourcePath": exchange.resource.path,
            "httpMethod": request.method.as_str(),
            "extendedRequestId": request.extended_request_id,
            "requestTime": request.time(),
            "path": path_with_stage(stage, request),
            "accountId": &*stage.scope.account,
            "protocol": request.protocol(),
            "stage": stage.name,
            "domainPrefix": host.split('.').next().unwrap_or_default(),
            "requestTimeEpoch": request.at.millis(),
            "requestId": &*request.request_id,
            "identity": identity(request),
            "domainName": host,
            "deploymentId": stage.deployment_id,
            "apiId": stage.api_id,
        },
    });
    let context = &mut event["requestContext"];
    if let Some(members) = context.as_object_mut().filter(|_| stage.is_test()) {
        members.shift_remove("deploymentId");
    }
    if let Some(admission) = exchange.trail.authorizer.get() {
        context["authorizer"] = Value::Object(admission.context.clone());
    }
    if let Some(key) = exchange.trail.api_key.get() {
        context["identity"]["apiKey"] = json!(key.value);
        context["identity"]["apiKeyId"] = json!(key.id);
    }
    if let Some(access_key) = exchange.trail.access_key.get() {
        let account = &*stage.scope.account;
        let identity = &mut context["identity"];
        identity["accessKey"] = json!(access_key);
        identity["accountId"] = json!(account);
        identity["caller"] = json!(access_key);
        identity["user"] = json!(access_key);
        identity["userArn"] = json!(format!("arn:aws:iam::{account}:root"));
    }
    if stage.is_canary {
        context["isCanaryRequest"] = json!(true);
    }
    exchange.trail.add_to(context);
    match event {
        Value::Object(members) => members,
        _ => serde_json::Map::new(),
    }
}

/// Who asks, as far as anybody knows.
pub(crate) fn identity(request: &proxy_events::Incoming) -> Value {
    let mut identity = json!({
        "cognitoIdentityPoolId": null,
        "accountId": null,
        "cognitoIdentityId": null,
        "caller": null,
        "sourceIp": request.peer.to_string(),
        "principalOrgId": null,
        "accessKey": null,
        "cognitoAuthenticationType": null,
        "cognitoAuthenticationProvider": null,
        "userArn": null,
        "userAgent": request.header("user-agent"),
        "user": null,
    });
    if let Some(certificate) = request.client_certificate() {
        identity["clientCert"] = certificate;
    }
    identity
}

/// The answer in what a function returned.
pub(crate) fn answer(exchange: &Exchange<'_>, payload: &[u8]) -> Result<Answer, GatewayError> {
    let malformed = || GatewayError::malformed("Malformed Lambda proxy response");
    let Ok(Value::Object(members)) = serde_json::from_slice::<Value>(payload) else {
        return Err(malformed());
    };
    if members.keys().any(|name| !KNOWN.contains(&name.as_str())) {
        return Err(malformed());
    }
    let status = status(members.get("statusCode")).ok_or_else(malformed)?;
    let mut headers = headers(&members).map(joined).ok_or_else(malformed)?;
    headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    if let Ok(value) = HeaderValue::from_str(exchange.trace_header()) {
        headers.insert(HeaderName::from_static("x-amzn-trace-id"), value);
    }
    let text = match members.get("body") {
        None | Some(Value::Null) => "",
        Some(Value::String(text)) => text.as_str(),
        Some(_) => return Err(malformed()),
    };
    let is_base64 = members.get("isBase64Encoded").is_some_and(|value| *value == Value::Bool(true));
    // Only a client that accepts one of the API's binary media types gets bytes.
    let accepted =
        exchange.request.header("accept").map(|accept| accept.split(',').next().unwrap_or_default());
    let body = if is_base64 && is_binary(&exchange.stage.api.binary_media_types, accepted) {
        STANDARD.decode(text).map_err(|_| malformed())?.into()
    } else {
        Bytes::copy_from_slice(text.as_bytes())
    };
    Ok(Answer { status, headers, body: Body::Bytes(body), names: written(&members) })
}

/// Many values of one header go out as one line, but for cookies, which cannot.
fn joined(headers: HeaderMap) -> HeaderMap {
    if headers.keys_len() == headers.len() {
        return headers;
    }
    let mut joined = HeaderMap::with_capacity(headers.keys_len());
    for name in headers.keys() {
        let values = headers.get_all(name).iter();
        if *name == header::SET_COOKIE {
            joined.extend(values.map(|value| (name.clone(), value.clone())));
            continue;
        }
        let values: Vec<&[u8]> = values.map(HeaderValue::as_bytes).collect();
        if let Ok(value) = HeaderValue::from_bytes(&values.join(&b", "[..])) {
            joined.insert(name, value);
        }
    }
    joined
}

/// How the function wrote the names of its headers, if otherwise than the listener would.
pub(super) fn written(members: &serde_json::Map<String, Value>) -> Option<WrittenNames> {
    let names = ["multiValueHeaders", "headers"].into_iter();
    let names = names.filter_map(|member| members.get(member)?.as_object()).flat_map(|all| all.keys());
    let mut lines = String::new();
    for name in names.filter(|name| !is_title(name)) {
        lines.push_str(name);
        lines.push('\n');
    }
    (!lines.is_empty()).then(|| WrittenNames::lines(&lines))
}

/// Whether a name is written with capitals at the beginnings of its words and nowhere else.
fn is_title(name: &str) -> bool {
    name.split('-').all(|word| {
        let mut letters = word.chars();
        letters.next().is_none_or(|first| !first.is_ascii_lowercase())
            && letters.all(|letter| !letter.is_ascii_uppercase())
    })
}
