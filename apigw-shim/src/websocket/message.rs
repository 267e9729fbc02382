//! A message from a client: its route, and the answer that the route gives.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    access::{self, Came},
    admission::{FORBIDDEN, Refused, TOO_MANY, meter},
    compiled::{SocketRoute, SocketStage},
    connection::{Connection, new_id},
    event::{self, About, Event},
    execution_log::ExecutionLog,
    integration::Call,
    selection::{self, View},
};
use crate::{State, apis::Kind};

/// Does what a message asks for; errors are told to the client.
pub(super) async fn take(state: &State, connection: &Connection, body: &str) {
    let (request_id, message_id) = (new_id(), new_id());
    let event = Event::Message { body, id: &message_id };
    let at = state.clock.now();
    let Some(stage) = stage_of(connection) else {
        let _ = connection.send(error(FORBIDDEN.message, connection, &request_id));
        return;
    };
    let parsed: Option<Value> = serde_json::from_str(body).ok();
    let about = About::connection(connection, "$default", &request_id, at);
    let route = find(&stage, &about, &event, parsed.as_ref());
    let key = route.as_ref().map_or("$default", |route| &route.key);
    let about = About::connection(connection, key, &request_id, at);
    let log = ExecutionLog::begin(state, &stage, route.as_deref(), &about, &event);
    let taken = Taken { state, connection, stage: &stage, about: &about, event: &event, log: &log };
    let (answer, came) = match route
        .as_deref()
        .ok_or(FORBIDDEN)
        .and_then(|route| taken.admit(route, parsed.as_ref()).map(|()| route))
    {
        Ok(route) => taken.run(route).await,
        Err(Refused { status, message, .. }) => {
            log.refused(message);
            let answer = error(message, connection, &request_id);
            (Some(answer), Came { status, error: Some(message), integration: None })
        }
    };
    access::write(state, &stage, &about, &event, &came);
    if let Some(answer) = answer {
        // A client that does not read loses answers, as with AWS.
        let _ = connection.send(answer);
    }
}

/// A message on its way.
struct Taken<'a> {
    state: &'a State,
    connection: &'a Connection,
    stage: &'a SocketStage,
    about: &'a About<'a>,
    event: &'a Event<'a>,
    log: &'a ExecutionLog<'a>,
}

impl Taken<'_> {
    fn admit(&self, route: &SocketRoute, body: Option<&Value>) -> Result<(), Refused> {
        let (now, connection) = (self.about.at, self.connection);
        if route.limits.as_ref().is_some_and(|limits| !limits.take(now)) {
            return Err(TOO_MANY);
        }
        meter(self.state, self.stage, &connection.live.id, route, connection.api_key.as_deref(), now)?;
        route.models.check(body, &event::context(self.about, self.event), self.stage)
    }

    /// Calls the integration; the answer for the client, if it gets one.
    async fn run(&self, route: &SocketRoute) -> (Option<Bytes>, Came<'static>) {
        let trace_id = trace_id();
        let call = Call {
            state: self.state,
            stage: self.stage,
            route,
            about: self.about,
            event: self.event,
            trace_id: &trace_id,
            log: self.log,
        };
        let outcome = call.run().await;
        let latency = self.state.clock.now().since(self.about.at);
        match outcome {
            Ok(outcome) => {
                self.log.end(self.event, Some(outcome.status));
                let came = Came {
                    status: outcome.status,
                    error: None,
                    integration: Some((Some(outcome.status), latency)),
                };
                (outcome.body.filter(|body| route.responds && !body.is_empty()), came)
            }
            Err(failure) => {
                const MESSAGE: &str = "Internal server error";
                tracing::warn!(api = self.connection.live.id, route = route.key, "{}", failure.reason);
                let came =
                    Came { status: failure.status, error: Some(MESSAGE), integration: Some((None, latency)) };
                (Some(error(MESSAGE, self.connection, self.about.request_id)), came)
            }
        }
    }
}

/// Tells the `$disconnect` route, if there is one, that a connection has ended.
pub(super) async fn disconnected(state: &State, connection: &Connection, code: u16, reason: &str) {
    let Some(stage) = stage_of(connection) else { return };
    let request_id = new_id();
    let about = About::connection(connection, "$disconnect", &request_id, state.clock.now());
    let event = Event::Disconnect { code, reason };
    let route = stage.route("$disconnect");
    let log = ExecutionLog::begin(state, &stage, route.as_deref(), &about, &event);
    let came = match route {
        None => {
            log.end(&event, None);
            Came { status: 200, error: None, integration: None }
        }
        Some(route) => {
            let taken = Taken { state, connection, stage: &stage, about: &about, event: &event, log: &log };
            taken.run(&route).await.1
        }
    };
    access::write(state, &stage, &about, &event, &came);
}

/// The stage as it is now: one that is deployed again serves connections that are open already.
fn stage_of(connection: &Connection) -> Option<Arc<SocketStage>> {
    let Kind::Socket(stages) = &connection.live.kind else { return None };
    stages.get(&*connection.stage).map(|stage| Arc::clone(&stage))
}

fn find(
    stage: &SocketStage,
    about: &About<'_>,
    event: &Event<'_>,
    body: Option<&Value>,
) -> Option<Arc<SocketRoute>> {
    let context = event::context(about, event);
    let view = View { body, status: None, context: &context, variables: &stage.variables };
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
