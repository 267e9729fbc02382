//! The events that functions of HTTP APIs get, in both versions.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::compiled::{HttpStage, Matched};
use crate::{
    integrate::lambda_proxy::identity,
    request::{Incoming, decode, multi_values, path_values, single_values},
};

/// The path as clients see it, with the stage, unless that is `$default`. HTTP APIs have it without escapes.
pub(super) fn raw_path(stage: &HttpStage, request: &Incoming) -> String {
    let path = decode(&request.path);
    if stage.name == "$default" { path } else { format!("/{}{path}", stage.name) }
}

/// Whether a body goes into the event as it is. What is no text goes as base64, forms included.
fn is_text(content_type: Option<&str>) -> bool {
    let Some(content_type) = content_type else { return false };
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.starts_with("text/")
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
        || matches!(essence.as_str(), "application/json" | "application/xml" | "application/javascript")
}

/// The body as an event has it, and whether it is base64.
fn body(request: &Incoming) -> (Value, bool) {
    if request.body.is_empty() {
        return (Value::Null, false);
    }
    match std::str::from_utf8(&request.body) {
        Ok(text) if is_text(request.content_type()) => (Value::String(text.to_owned()), false),
        _ => (Value::String(request.body_base64()), true),
    }
}

fn variables(stage: &HttpStage) -> Value {
    if stage.variables.is_empty() { Value::Null } else { json!(stage.variables) }
}

/// Version 1.0: the event of REST APIs.
pub(super) fn version_1(stage: &HttpStage, request: &Incoming, matched: &Matched) -> Bytes {
    let headers = request.header_pairs();
    let query = request.query_pairs();
    let (body, is_base64) = body(request);
    let host = request.host();
    let resource = matched.route.key.split_once(' ').map_or(matched.route.key.as_str(), |(_, path)| path);
    let path = raw_path(stage, request);
    let event = json!({
        "version": "1.0",
        "resource": resource,
        "path": path,
        "httpMethod": request.method.as_str(),
        "headers": single_values(&headers),
        "multiValueHeaders": multi_values(&headers),
        "queryStringParameters": single_values(&query),
        "multiValueQueryStringParameters": multi_values(&query),
        "requestContext": {
            "accountId": &*stage.scope.account,
            "apiId": stage.api_id,
            "domainName": host,
            "domainPrefix": host.split('.').next().unwrap_or_default(),
            "extendedRequestId": request.extended_request_id,
            "httpMethod": request.method.as_str(),
            "identity": identity(request),
            "path": path,
            "protocol": request.protocol(),
            "requestId": &*request.request_id,
            "requestTime": request.time(),
            "requestTimeEpoch": request.at.millis(),
            "resourceId": matched.route.key,
            "resourcePath": resource,
            "stage": stage.name,
        },
        "pathParameters": path_values(&matched.parameters),
        "stageVariables": variables(stage),
        "body": body,
        "isBase64Encoded": is_base64,
    });
    event.to_string().into()
}

/// Version 2.0. Members without a value are left out.
pub(super) fn version_2(stage: &HttpStage, request: &Incoming, matched: &Matched) -> Bytes {
    let host = request.host();
    let mut event = json!({
        "version": "2.0",
        "routeKey": matched.route.key,
        "rawPath": raw_path(stage, request),
        "rawQueryString": request.query,
        "headers": joined_headers(request),
        "requestContext": {
            "accountId": &*stage.scope.account,
            "apiId": stage.api_id,
            "domainName": host,
            "domainPrefix": host.split('.').next().unwrap_or_default(),
            "http": {
                "method": request.method.as_str(),
                "path": raw_path(stage, request),
                "protocol": request.protocol(),
                "sourceIp": request.peer.to_string(),
                "userAgent": request.header("user-agent").unwrap_or_default(),
            },
            "requestId": &*request.request_id,
            "routeKey": matched.route.key,
            "stage": stage.name,
            "time": request.time(),
            "timeEpoch": request.at.millis(),
        },
    });
    let (body, is_base64) = body(request);
    let cookies = cookies(request);
    let query = joined(request.query_pairs());
    let mut add = |name: &str, value: Value, is_there: bool| {
        if is_there {
            event[name] = value;
        }
    };
    add("cookies", json!(cookies), !cookies.is_empty());
    add("queryStringParameters", json!(query), !query.is_empty());
    add("pathParameters", path_values(&matched.parameters), !matched.parameters.is_empty());
    add("stageVariables", variables(stage), !stage.variables.is_empty());
    let has_body = !body.is_null();
    add("body", body, has_body);
    event["isBase64Encoded"] = is_base64.into();
    event.to_string().into()
}

/// Cookies one by one: they are not among the headers.
fn cookies(request: &Incoming) -> Vec<String> {
    let values = request.headers.get_all(http::header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let cookies = values.flat_map(|value| value.split(';')).map(str::trim);
    cookies.filter(|cookie| !cookie.is_empty()).map(str::to_owned).collect()
}

/// Names in small letters, values of one name joined by commas.
fn joined_headers(request: &Incoming) -> Map<String, Value> {
    let pairs = request.header_pairs().into_iter().filter(|(name, _)| name != "Cookie");
    let mut headers = joined(pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.into_owned())));
    headers.insert(String::from("content-length"), request.body.len().to_string());
    headers.into_iter().map(|(name, value)| (name, Value::String(value))).collect()
}

fn joined(pairs: impl IntoIterator<Item = (String, String)>) -> BTreeMap<String, String> {
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in pairs {
        match joined.get_mut(&name) {
            Some(before) => {
                before.push(',');
                before.push_str(&value);
            }
            None => {
                joined.insert(name, value);
            }
        }
    }
    joined
}
