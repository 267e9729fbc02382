//! The execution log of a WebSocket API's stage: what happens to connections and messages, in AWS's words, in the group
//! `/aws/apigateway/{api}/{stage}`.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Map, Value};

use super::{
    compiled::{SocketRoute, SocketStage},
    event::{About, Event},
};
use crate::{
    State,
    rest_api::{
        access_log::stream_name,
        execution_log::{headers, text},
        settings::Logging,
    },
};

/// What is logged of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RouteLogging {
    level: Logging,
    /// Whether bodies and headers are logged too.
    data_trace: bool,
}

impl RouteLogging {
    /// By a stage's settings: each of a route's own goes before that of all routes.
    pub fn of(stage: &Map<String, Value>, route_key: &str) -> Self {
        let own = stage.get("RouteSettings").and_then(|settings| settings.get(route_key));
        let all = stage.get("DefaultRouteSettings");
        let set = |name: &str| {
            let of = |settings: Option<&'_ Value>| settings.and_then(|it| it.get(name).cloned());
            of(own).or_else(|| of(all)).filter(|value| !value.is_null())
        };
        let level = match set("LoggingLevel").as_ref().and_then(Value::as_str) {
            Some("INFO") => Logging::All,
            Some("ERROR") => Logging::Errors,
            _ => Logging::Off,
        };
        Self { level, data_trace: set("DataTraceEnabled") == Some(Value::Bool(true)) }
    }
}

/// The log of one event on a connection. Lines are made only where somebody wants them.
pub(super) struct ExecutionLog<'a> {
    state: &'a State,
    stage: &'a SocketStage,
    about: &'a About<'a>,
    logging: RouteLogging,
}

impl<'a> ExecutionLog<'a> {
    /// Begins the log of an event; one that has no route is logged as routes are that have no settings of their own.
    pub fn begin(
        state: &'a State,
        stage: &'a SocketStage,
        route: Option<&SocketRoute>,
        about: &'a About<'a>,
        event: &Event<'_>,
    ) -> Self {
        let logging = route.map_or(stage.logging, |route| route.logging);
        let log = Self { state, stage, about, logging };
        log.say(|| format!("Extended Request Id: {}", about.request_id));
        log.say(|| format!("Starting execution for request: {}", about.request_id));
        log.say(|| format!("WebSocket Request Route: [{}]", about.route_key));
        match event {
            Event::Connect(_) => log.say(|| {
                let agent = about.user_agent.unwrap_or("null");
                format!(
                    "Client [UserAgent: {agent}, SourceIp: {}] is connecting to WebSocket API [{}].",
                    about.source_ip, about.api_id
                )
            }),
            Event::Message { .. } => log.say(|| {
                format!(
                    "WebSocket API [{}] received message from client [Connection Id: {}].",
                    about.api_id, about.connection_id
                )
            }),
            Event::Disconnect { .. } => {}
        }
        log
    }

    /// What an integration is asked.
    pub fn sending(&self, uri: impl FnOnce() -> String, head: &HeaderMap, body: &Bytes) {
        if self.logging.level != Logging::All {
            return;
        }
        let uri = uri();
        self.data(|| format!("Endpoint request URI: {uri}"));
        self.data(|| format!("Endpoint request headers: {}", headers(head)));
        self.data(|| format!("Endpoint request body after transformations: {}", text(body)));
        self.say(|| format!("Sending request to {uri}"));
    }

    /// What it answered, after that many milliseconds.
    pub fn received(&self, status: u16, latency: u128, head: &HeaderMap, body: &Bytes) {
        self.say(|| format!("Received response. Status: {status}, Integration latency: {latency} ms"));
        self.data(|| format!("Endpoint response headers: {}", headers(head)));
        self.data(|| format!("Endpoint response body before transformations: {}", text(body)));
    }

    /// How the event ended: with the integration's status, where one was asked.
    pub fn end(&self, event: &Event<'_>, status: Option<u16>) {
        let About { connection_id, api_id, .. } = self.about;
        match (event, status) {
            (Event::Connect(_), _) => {
                self.say(|| format!("Client [Connection Id: {connection_id}] connected to API [{api_id}] successfully."));
            }
            (Event::Message { .. }, Some(status)) => self.say(|| {
                format!(
                    "Message from client [Connection Id: {connection_id}] sent to API [{api_id}] with response status \
                     code [{status}]."
                )
            }),
            (Event::Message { .. }, None) => {}
            (Event::Disconnect { code, reason }, status) => self.say(|| {
                let with = status
                    .map(|status| format!(" with integration response status code [{status}]"))
                    .unwrap_or_default();
                format!(
                    "Client [Connection Id: {connection_id}] disconnected from API [{api_id}]{with}. Close reason: \
                     [{code}: {reason}]"
                )
            }),
        }
    }

    /// Why the integration gave no answer.
    pub fn failed(&self, status: u16, reason: &str) {
        self.error(|| match status {
            504 => String::from("Execution failed due to a timeout error"),
            502 => format!(
                "Execution failed due to configuration error: Malformed Lambda proxy response: {reason}"
            ),
            _ => format!("Execution failed due to configuration error: {reason}"),
        });
    }

    /// Why the route was not to be used.
    pub fn refused(&self, message: &str) {
        self.error(|| format!("Execution failed: {message}"));
    }

    fn say(&self, line: impl FnOnce() -> String) {
        if self.logging.level == Logging::All {
            self.write(&line());
        }
    }

    fn data(&self, line: impl FnOnce() -> String) {
        if self.logging.data_trace {
            self.say(line);
        }
    }

    fn error(&self, line: impl FnOnce() -> String) {
        if self.logging.level != Logging::Off {
            self.write(&line());
        }
    }

    fn write(&self, line: &str) {
        let stream = self.stage.execution_log.get_or_init(|| {
            let group = format!("/aws/apigateway/{}/{}", self.about.api_id, self.stage.name);
            self.state.logs.stream(&self.stage.scope, &group, &stream_name())
        });
        stream.write(self.state.clock.now(), format!("({}) {line}", self.about.request_id));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_route_s_own_settings_go_first() {
        let stage = json!({
            "DefaultRouteSettings": {"LoggingLevel": "INFO", "DataTraceEnabled": true},
            "RouteSettings": {"join": {"LoggingLevel": "ERROR"}, "quiet": {"LoggingLevel": "OFF"}},
        });
        let of = |key: &str| RouteLogging::of(stage.as_object().unwrap(), key);
        assert_eq!(of("$connect"), RouteLogging { level: Logging::All, data_trace: true });
        assert_eq!(of("join"), RouteLogging { level: Logging::Errors, data_trace: true });
        assert_eq!(of("quiet").level, Logging::Off);
        assert_eq!(RouteLogging::of(&Map::new(), "join").level, Logging::Off);
    }
}
