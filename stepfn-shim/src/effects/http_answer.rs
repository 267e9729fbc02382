//! HTTP answers as tasks show them: for `apigateway:invoke` and `http:invoke`.

use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

/// Names that AWS writes in its own way.
const SPELLED: &[(&str, &str)] =
    &[("x-amzn-requestid", "x-amzn-RequestId"), ("x-amz-apigw-id", "x-amz-apigw-id"), ("etag", "ETag")];

/// Headers by their usual names, each with the list of its values.
pub(super) fn headers(headers: &HeaderMap) -> Map<String, Value> {
    let mut shown = Map::new();
    for name in headers.keys() {
        let values: Vec<Value> = headers
            .get_all(name)
            .iter()
            .map(|value| json!(String::from_utf8_lossy(value.as_bytes())))
            .collect();
        let spelled = SPELLED.iter().find(|(small, _)| small == name);
        let name = spelled.map_or_else(|| capitals(name.as_str()), |(_, name)| (*name).to_owned());
        shown.insert(name, Value::Array(values));
    }
    shown
}

/// `content-type` is `Content-Type`.
fn capitals(name: &str) -> String {
    let mut up = true;
    let changed = name.chars().map(|character| {
        let shown = if up { character.to_ascii_uppercase() } else { character };
        up = character == '-';
        shown
    });
    changed.collect()
}

/// The body: JSON where it is JSON, else text.
pub(super) fn body(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| json!(String::from_utf8_lossy(body)))
}

/// `OK`.
pub(super) fn reason(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or_default()
}
