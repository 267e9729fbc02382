//! The event of version 2.0, and what of it version 1.0 has alike.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::{Incoming, path_values};

/// What the event says of the way to the function.
#[derive(Debug)]
pub struct Route<'r> {
    /// The account of the API or function.
    pub account: &'r str,
    /// The API's or the URL's id.
    pub api_id: &'r str,
    /// `$default` or `GET /items/{id}`.
    pub key: &'r str,
    /// `$default` or a stage's name.
    pub stage: &'r str,
    /// The path with the stage, without escapes.
    pub path: &'r str,
    /// Of the path.
    pub parameters: &'r [(String, String)],
    /// Of the stage.
    pub variables: Value,
    /// Who asks, where that is known.
    pub authorizer: Value,
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
pub fn body(request: &Incoming) -> (Value, bool) {
    if request.body.is_empty() {
        return (Value::Null, false);
    }
    match std::str::from_utf8(&request.body) {
        Ok(text) if is_text(request.content_type()) => (Value::String(text.to_owned()), false),
        _ => (Value::String(request.body_base64()), true),
    }
}

/// Version 2.0. Members without a value are left out.
pub fn version_2(route: &Route<'_>, request: &Incoming) -> Bytes {
    let host = request.host();
    let mut event = json!({
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": route.path,
        "rawQueryString": request.query,
        "headers": joined_headers(request),
        "requestContext": {
            "accountId": route.account,
            "apiId": route.api_id,
            "domainName": host,
            "domainPrefix": host.split('.').next().unwrap_or_default(),
            "http": {
                "method": request.method.as_str(),
                "path": route.path,
                "protocol": request.protocol(),
                "sourceIp": request.peer.to_string(),
                "userAgent": request.header("user-agent").unwrap_or_default(),
            },
            "requestId": &*request.request_id,
            "routeKey": route.key,
            "stage": route.stage,
            "time": request.time(),
            "timeEpoch": request.at.millis(),
        },
    });
    if let Some(certificate) = request.client_certificate() {
        event["requestContext"]["authentication"] = json!({"clientCert": certificate});
    }
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
    add("pathParameters", path_values(route.parameters), !route.parameters.is_empty());
    add("stageVariables", route.variables.clone(), !route.variables.is_null());
    let has_body = !body.is_null();
    add("body", body, has_body);
    if !route.authorizer.is_null() {
        event["requestContext"]["authorizer"] = route.authorizer.clone();
    }
    event["isBase64Encoded"] = is_base64.into();
    event.to_string().into()
}

/// Cookies one by one: they are not among the headers.
fn cookies(request: &Incoming) -> Vec<String> {
    let values = request.headers.get_all(http::header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let cookies = values.flat_map(|value| value.split(';')).map(str::trim);
    cookies.filter(|cookie| !cookie.is_empty()).map(str::to_owned).collect()
}

/// Names in small letters, values of one name joined by commas; of media types only the first counts.
fn joined_headers(request: &Incoming) -> Map<String, Value> {
    let pairs = request.header_pairs().into_iter().filter(|(name, _)| name != "Cookie");
    let mut headers = joined(pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.into_owned())));
    if let Some(content_type) = request.content_type() {
        headers.insert(String::from("content-type"), content_type.to_owned());
    }
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
