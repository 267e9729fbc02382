//! What a function of an HTTP API answers, in both versions.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use runtime::Body;
use serde_json::{Map, Value};

use super::compiled::PayloadVersion;
use crate::{integrate::lambda_proxy, request::is_framing};

/// The answer in what a function returned; `None` if it is malformed.
pub(super) fn read(payload: &Bytes, version: PayloadVersion) -> Option<Response<Body>> {
    let value: Value = serde_json::from_slice(payload).ok()?;
    match (value, version) {
        (Value::Object(members), _) if members.contains_key("statusCode") => structured(&members, version),
        // Without a status the whole value is the body, of a successful answer in JSON.
        (value, PayloadVersion::V2) => Some(inferred(value, payload)),
        (_, PayloadVersion::V1) => None,
    }
}

fn inferred(value: Value, payload: &Bytes) -> Response<Body> {
    let body = match value {
        Value::String(text) => Bytes::from(text),
        _ => payload.clone(),
    };
    let mut response = Response::new(Body::Bytes(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn structured(members: &Map<String, Value>, version: PayloadVersion) -> Option<Response<Body>> {
    let status = lambda_proxy::status(members.get("statusCode"))?;
    let mut headers = match version {
        PayloadVersion::V1 => lambda_proxy::headers(members)?,
        PayloadVersion::V2 => {
            let only: Map<String, Value> = members
                .iter()
                .filter(|(name, _)| *name == "headers")
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            lambda_proxy::headers(&only)?
        }
    };
    if version == PayloadVersion::V2 {
        add_cookies(members.get("cookies"), &mut headers)?;
    }
    let default = match version {
        PayloadVersion::V1 => "text/plain;charset=UTF-8",
        PayloadVersion::V2 => "text/plain; charset=utf-8",
    };
    headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static(default));
    let framing: Vec<HeaderName> = headers.keys().filter(|name| is_framing(name)).cloned().collect();
    for name in framing {
        headers.remove(name);
    }
    let is_base64 = members.get("isBase64Encoded") == Some(&Value::Bool(true));
    let body = match members.get("body") {
        None | Some(Value::Null) => Bytes::new(),
        Some(Value::String(text)) if is_base64 => STANDARD.decode(text).ok()?.into(),
        Some(Value::String(text)) => Bytes::copy_from_slice(text.as_bytes()),
        Some(other) if version == PayloadVersion::V2 => other.to_string().into(),
        Some(_) => return None,
    };
    let mut response = Response::new(Body::Bytes(body));
    *response.status_mut() = StatusCode::from_u16(status).ok()?;
    *response.headers_mut() = headers;
    Some(response)
}

fn add_cookies(cookies: Option<&Value>, headers: &mut HeaderMap) -> Option<()> {
    match cookies {
        None | Some(Value::Null) => Some(()),
        Some(Value::Array(cookies)) => {
            for cookie in cookies {
                let value = HeaderValue::from_str(cookie.as_str()?).ok()?;
                headers.append(header::SET_COOKIE, value);
            }
            Some(())
        }
        Some(_) => None,
    }
}
