//! The line that a stage's access log gets for a connection or a message.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    compiled::SocketStage,
    event::{self, About, Event},
};
use crate::State;

/// What came of it.
pub(super) struct Came<'a> {
    pub status: u16,
    /// What the gateway told the client, where it did not get on.
    pub error: Option<&'a str>,
    /// The integration's status, and how long it took.
    pub integration: Option<(Option<u16>, Duration)>,
}

pub(super) fn write(
    state: &State,
    stage: &SocketStage,
    about: &About<'_>,
    event: &Event<'_>,
    came: &Came<'_>,
) {
    let Some(log) = &stage.access_log else { return };
    let mut context = event::context(about, event);
    context.insert("status".into(), json!(came.status));
    if let Some((status, latency)) = came.integration {
        let latency = latency.as_millis();
        context.insert("integrationLatency".into(), json!(latency));
        context.insert("integrationStatus".into(), json!(status));
        context.insert(
            "integration".into(),
            json!({"integrationStatus": status, "latency": latency, "status": status}),
        );
    }
    if let Some(message) = came.error {
        let kind = match came.status {
            400 => "BAD_REQUEST_BODY",
            401 => "UNAUTHORIZED",
            403 => "ACCESS_DENIED",
            429 => "THROTTLED",
            504 => "INTEGRATION_TIMEOUT",
            _ => "INTEGRATION_FAILURE",
        };
        let quoted = Value::from(message).to_string();
        context.insert(
            "error".into(),
            json!({"message": message, "messageString": quoted, "responseType": kind}),
        );
    }
    log.write(state, state.clock.now(), &context);
}
