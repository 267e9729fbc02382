//! What a function behind HTTP answers: versions 1.0 and 2.0 of the payload.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use runtime::Body;
use serde_json::{Map, Value};

use crate::is_framing;

/// The version of event and answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadVersion {
    /// 1.0: that of REST APIs.
    V1,
    /// 2.0.
    V2,
}

/// The answer in what a function returned; `None` if it is malformed.
pub fn read(payload: &Bytes, version: PayloadVersion) -> Option<Response<Body>> {
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
    let status = status(members.get("statusCode"))?;
    let mut headers = match version {
        PayloadVersion::V1 => headers(members)?,
        PayloadVersion::V2 => {
            let only: Map<String, Value> = members
                .iter()
                .filter(|(name, _)| *name == "headers")
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            headers(&only)?
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
    drop_framing(&mut headers);
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

/// Takes away what is a connection's own.
pub(crate) fn drop_framing(headers: &mut HeaderMap) {
    let framing: Vec<HeaderName> = headers.keys().filter(|name| is_framing(name)).cloned().collect();
    for name in framing {
        headers.remove(name);
    }
}

/// Adds a cookie for each text of a list; `None` if it is none.
pub(crate) fn add_cookies(cookies: Option<&Value>, headers: &mut HeaderMap) -> Option<()> {
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

/// A status: a number, or the text of one; 200 if there is none.
pub fn status(value: Option<&Value>) -> Option<u16> {
    let status = match value {
        None | Some(Value::Null) => 200,
        Some(Value::Number(number)) => u16::try_from(number.as_u64()?).ok()?,
        Some(Value::String(text)) => text.parse().ok()?,
        Some(_) => return None,
    };
    (100..=999).contains(&status).then_some(status)
}

/// Headers of both members: those with many values first, those with one behind them. `None` if one is malformed.
pub fn headers(members: &Map<String, Value>) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    let mut add = |name: &str, value: &Value| {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Null => return Some(()),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Array(_) | Value::Object(_) => return None,
        };
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(&text)) {
            headers.append(name, value);
        }
        Some(())
    };
    match members.get("multiValueHeaders") {
        None | Some(Value::Null) => {}
        Some(Value::Object(all)) => {
            for (name, values) in all {
                values.as_array()?.iter().try_for_each(|value| add(name, value))?;
            }
        }
        Some(_) => return None,
    }
    match members.get("headers") {
        None | Some(Value::Null) => {}
        Some(Value::Object(all)) => all.iter().try_for_each(|(name, value)| add(name, value))?,
        Some(_) => return None,
    }
    Some(headers)
}
