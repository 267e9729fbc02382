//! What an `http:invoke` task sends and receives, as TestState shows it. Knows nothing of how requests are made.

use std::sync::OnceLock;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use outbound::connection::Connection;
use serde_json::{Value, json};

use super::http_answer;

/// Where a request and its response are noted. It outlives an exchange that takes too long.
#[derive(Debug, Default)]
pub(crate) struct Sight {
    /// Whether what a connection adds to a request is shown.
    reveal: bool,
    request: OnceLock<Value>,
    response: OnceLock<Value>,
}

impl Sight {
    pub(crate) fn new(reveal: bool) -> Self {
        Self { reveal, ..Self::default() }
    }

    pub(super) fn reveals(&self) -> bool {
        self.reveal
    }

    pub(super) fn see_request(&self, shown: Value) {
        // A task sends one request.
        let _ = self.request.set(shown);
    }

    pub(super) fn see_response(&self, response: &Response<Bytes>) {
        let names = response.headers().keys().map(|name| name.as_str());
        let status = response.status();
        let shown = json!({
            "protocol": self.request.get().and_then(|request| request.get("protocol")),
            "statusCode": status.as_str(),
            "statusMessage": http_answer::reason(status),
            "headers": headers(response.headers(), names),
            "body": String::from_utf8_lossy(response.body()),
        });
        let _ = self.response.set(shown);
    }

    /// The request that was sent, if one was.
    pub(crate) fn request(&self) -> Option<&Value> {
        self.request.get()
    }

    /// The response, if there was one.
    pub(crate) fn response(&self) -> Option<&Value> {
        self.response.get()
    }
}

/// A request as it is shown: headers in the order and the spelling of who gave them.
pub(super) fn request(
    request: &Request<Bytes>,
    parameters: &Value,
    connection: Option<&Connection>,
) -> Value {
    let own = parameters.get("Headers").and_then(Value::as_object);
    let mut names: Vec<&str> = own.into_iter().flat_map(|own| own.keys()).map(String::as_str).collect();
    if let Some(connection) = connection {
        names.push(connection.header_name());
        names.extend(connection.parameters().headers.iter().map(|(name, _)| name.as_str()));
    }
    names.extend(["Content-Type", "User-Agent", "Range"]);
    json!({
        "protocol": request.uri().scheme_str(),
        "method": request.method().as_str(),
        "url": request.uri().to_string(),
        "headers": headers(request.headers(), names.into_iter()),
        "body": String::from_utf8_lossy(request.body()),
    })
}

/// `[name: value, name: value]`, each name once for each of its values.
fn headers<'n>(headers: &HeaderMap, names: impl Iterator<Item = &'n str>) -> String {
    let mut seen: Vec<&str> = Vec::new();
    let mut shown = Vec::new();
    for name in names {
        if seen.iter().any(|other| other.eq_ignore_ascii_case(name)) {
            continue;
        }
        seen.push(name);
        let values = headers.get_all(name).iter();
        shown.extend(values.map(|value| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))));
    }
    format!("[{}]", shown.join(", "))
}
