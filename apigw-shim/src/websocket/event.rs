//! The events that functions of WebSocket APIs get, and what templates see as `$context`.

use proxy_events::{Incoming, multi_values, single_values};
use runtime::Timestamp;
use serde_json::{Map, Value, json};

use super::connection::Connection;

/// What happens on a connection.
pub(super) enum Event<'a> {
    Connect(&'a Incoming),
    Message { body: &'a str, id: &'a str },
    Disconnect { code: u16, reason: &'a str },
}

/// Who the connection is, and where the event goes.
pub(super) struct About<'a> {
    pub connection_id: &'a str,
    pub api_id: &'a str,
    pub stage: &'a str,
    pub host: &'a str,
    pub source_ip: std::net::IpAddr,
    pub user_agent: Option<&'a str>,
    pub connected_at: Timestamp,
    pub authorizer: Option<&'a Value>,
    pub route_key: &'a str,
    pub request_id: &'a str,
    pub at: Timestamp,
}

impl<'a> About<'a> {
    pub fn connection(connection: &'a Connection, route: &'a str, request: &'a str, at: Timestamp) -> Self {
        Self {
            connection_id: &connection.id,
            api_id: &connection.live.id,
            stage: &connection.stage,
            host: &connection.host,
            source_ip: connection.source_ip,
            user_agent: connection.user_agent.as_deref(),
            connected_at: connection.connected_at,
            authorizer: connection.authorizer.as_deref(),
            route_key: route,
            request_id: request,
            at,
        }
    }
}

/// The time as events have it: `22/Nov/2026:13:05:00 +0000`.
fn time(at: Timestamp) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let text = at.rfc3339();
    let month = text.get(5..7).and_then(|month| month.parse::<usize>().ok()).unwrap_or(1);
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
    let month = MONTHS.get(month.saturating_sub(1)).copied().unwrap_or_default();
    format!("{}/{month}/{}:{} +0000", part(8..10), part(0..4), part(11..19))
}

/// `requestContext`, which is also `$context`.
pub(super) fn context(about: &About<'_>, event: &Event<'_>) -> Map<String, Value> {
    let mut identity = Map::new();
    if let Some(agent) = about.user_agent {
        identity.insert("userAgent".into(), agent.into());
    }
    identity.insert("sourceIp".into(), about.source_ip.to_string().into());
    let kind = match event {
        Event::Connect(_) => "CONNECT",
        Event::Message { .. } => "MESSAGE",
        Event::Disconnect { .. } => "DISCONNECT",
    };
    let mut context = Map::new();
    let mut add = |name: &str, value: Value| context.insert(name.to_owned(), value);
    add("routeKey", about.route_key.into());
    if let Some(authorizer) = about.authorizer {
        add("authorizer", authorizer.clone());
    }
    match event {
        Event::Message { id, .. } => drop(add("messageId", (*id).into())),
        Event::Disconnect { code, reason } => {
            add("disconnectStatusCode", (*code).into());
            add("disconnectReason", (*reason).into());
        }
        Event::Connect(_) => {}
    }
    add("eventType", kind.into());
    add("extendedRequestId", about.request_id.into());
    add("requestTime", time(about.at).into());
    add("messageDirection", "IN".into());
    add("stage", about.stage.into());
    add("connectedAt", about.connected_at.millis().into());
    add("requestTimeEpoch", about.at.millis().into());
    add("identity", identity.into());
    add("requestId", about.request_id.into());
    add("domainName", about.host.into());
    add("connectionId", about.connection_id.into());
    add("apiId", about.api_id.into());
    context
}

/// Headers and query, as `$connect` has them.
pub(super) fn request_members(request: &Incoming) -> Map<String, Value> {
    let headers = request.header_pairs();
    let query = request.query_pairs();
    let mut members = Map::new();
    members.insert("headers".into(), single_values(&headers));
    members.insert("multiValueHeaders".into(), multi_values(&headers));
    if !query.is_empty() {
        members.insert("queryStringParameters".into(), single_values(&query));
        members.insert("multiValueQueryStringParameters".into(), multi_values(&query));
    }
    members
}

/// The event of a function that is proxied to.
pub(super) fn payload(
    about: &About<'_>,
    event: &Event<'_>,
    variables: &std::collections::BTreeMap<String, String>,
) -> Vec<u8> {
    let mut members = match event {
        Event::Connect(request) => request_members(request),
        Event::Disconnect { .. } => {
            let known = [("Host", about.host), ("x-api-key", ""), ("X-Forwarded-For", ""), ("x-restapi", "")];
            let mut members = Map::new();
            members.insert("headers".into(), single_values(&known));
            members.insert("multiValueHeaders".into(), multi_values(&known));
            members
        }
        Event::Message { .. } => Map::new(),
    };
    if !variables.is_empty() {
        members.insert("stageVariables".into(), json!(variables));
    }
    members.insert("requestContext".into(), context(about, event).into());
    if let Event::Message { body, .. } = event {
        members.insert("body".into(), (*body).into());
    }
    members.insert("isBase64Encoded".into(), false.into());
    Value::Object(members).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_logs_write_them() {
        assert_eq!(time(Timestamp(1_700_000_000_120)), "14/Nov/2023:22:13:20 +0000");
    }
}
