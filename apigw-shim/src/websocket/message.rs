//! A message from a client: its route, and the answer that the route gives.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    compiled::{SocketRoute, SocketStage},
    connection::{Connection, new_id},
    event::{self, About, Event},
    integration::Call,
    selection::{self, View},
};
use crate::{State, apis::Kind};

/// Does what a message asks for; errors are told to the client.
pub(super) async fn take(state: &State, connection: &Connection, body: &str) {
    let (request_id, message_id) = (new_id(), new_id());
    let now = state.clock.now();
    let event = Event::Message { body, id: &message_id };
    let route = stage_of(connection).and_then(|stage| {
        let about = About::connection(connection, "$default", &request_id, now);
        find(&stage, &about, &event, body).map(|route| (stage, route))
    });
    let answer = match route {
        None => Some(error("Forbidden", connection, &request_id)),
        Some((_, route)) if route.limits.as_ref().is_some_and(|limits| !limits.take(now)) => {
            Some(error("Too Many Requests", connection, &request_id))
        }
        Some((stage, route)) => {
            let about = About::connection(connection, &route.key, &request_id, now);
            let trace_id = trace_id();
            let call = Call {
                state,
                stage: &stage,
                route: &route,
                about: &about,
                event: &event,
                trace_id: &trace_id,
            };
            match call.run().await {
                Ok(outcome) => outcome.body.filter(|body| route.responds && !body.is_empty()),
                Err(failure) => {
                    tracing::warn!(api = connection.live.id, route = route.key, "{}", failure.reason);
                    Some(error("Internal server error", connection, &request_id))
                }
            }
        }
    };
    if let Some(answer) = answer {
        // A client that does not read loses answers, as with AWS.
        let _ = connection.send(answer);
    }
}

/// Tells the `$disconnect` route, if there is one, that a connection has ended.
pub(super) async fn disconnected(state: &State, connection: &Connection, code: u16, reason: &str) {
    let Some(stage) = stage_of(connection) else { return };
    let Some(route) = stage.route("$disconnect") else { return };
    let request_id = new_id();
    let about = About::connection(connection, &route.key, &request_id, state.clock.now());
    let event = Event::Disconnect { code, reason };
    let trace_id = trace_id();
    let call =
        Call { state, stage: &stage, route: &route, about: &about, event: &event, trace_id: &trace_id };
    if let Err(failure) = call.run().await {
        tracing::warn!(api = connection.live.id, "the $disconnect route failed: {}", failure.reason);
    }
}

/// The stage as it is now: one that is deployed again serves connections that are open already.
fn stage_of(connection: &Connection) -> Option<Arc<SocketStage>> {
    let Kind::Socket(stages) = &connection.live.kind else { return None };
    stages.get(&*connection.stage).map(|stage| Arc::clone(&stage))
}

fn find(stage: &SocketStage, about: &About<'_>, event: &Event<'_>, body: &str) -> Option<Arc<SocketRoute>> {
    let parsed: Option<Value> = serde_json::from_str(body).ok();
    let context = event::context(about, event);
    let view = View { body: parsed.as_ref(), status: None, context: &context, variables: &stage.variables };
    let key = selection::evaluate(&stage.selection, &view);
    // Routes of the connection's own life are not for messages.
    let key = key.filter(|key| !matches!(key.as_str(), "$connect" | "$disconnect"));
    key.and_then(|key| stage.route(&key)).or_else(|| stage.route("$default"))
}

fn error(message: &str, connection: &Connection, request_id: &str) -> Bytes {
    let error = json!({"message": message, "connectionId": &*connection.id, "requestId": request_id});
    error.to_string().into()
}

fn trace_id() -> String {
    let unique = runtime::new_request_id().replace('-', "");
    format!("Root=1-{}-{}", &unique[..8], &unique[8..])
}
