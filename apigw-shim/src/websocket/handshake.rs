//! The opening of a connection: the request is checked, the authorizer and the `$connect` route are asked, and only then
//! the client hears that it is connected.

use std::{net::IpAddr, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header, request::Parts};
use proxy_events::{CustomDomain, Incoming};
use runtime::Body;
use serde_json::{Map, Value, json};
use sha1::{Digest as _, Sha1};

use super::{
    access::{self, Came},
    admission,
    compiled::{Authorization, SocketRoute, SocketStage},
    connection::{Opened, new_id},
    event::{self, About, Event},
    execution_log::ExecutionLog,
    integration::Call,
    session::Session,
};
use crate::{
    State,
    addressed::plain,
    apis::Live,
    authorizer::{Asked, Authorizer, Decision, is_signed},
};

/// What makes the answer to a key one that only a WebSocket server gives (RFC 6455, section 1.3).
const PROOF: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What came of a request to connect.
pub enum Opening {
    /// No connection, and this answer.
    Refused(Response<Body>),
    /// Once this answer is sent and the protocol is changed, the session is to be served.
    Accepted(Response<Body>, Session),
}

/// Whether a request asks for the WebSocket protocol.
pub(crate) fn is_upgrade(parts: &Parts) -> bool {
    let names = |name: header::HeaderName, wanted: &str| {
        let values = parts.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|value| value.trim().eq_ignore_ascii_case(wanted))
    };
    parts.method == Method::GET && names(header::UPGRADE, "websocket") && names(header::CONNECTION, "upgrade")
}

/// The proof for a key, if the request is one that can be answered.
fn accept_key(headers: &HeaderMap) -> Result<String, Response<Body>> {
    let bad = || plain(StatusCode::BAD_REQUEST, "Bad Request", None);
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        let mut response = plain(StatusCode::UPGRADE_REQUIRED, "Upgrade Required", None);
        response.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return Err(response);
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).ok_or_else(bad)?;
    if STANDARD.decode(key).map_or(0, |nonce| nonce.len()) != 16 {
        return Err(bad());
    }
    let mut hash = Sha1::new();
    hash.update(key.as_bytes());
    hash.update(PROOF);
    Ok(STANDARD.encode(hash.finalize()))
}

/// One request to connect.
struct Attempt<'a> {
    state: &'a State,
    live: &'a Arc<Live>,
    stage: &'a SocketStage,
    request: &'a Incoming,
    connection_id: &'a str,
    request_id: &'a str,
}

/// Opens a connection at a stage, or says why not.
pub(crate) async fn open(
    state: &Arc<State>,
    live: &Arc<Live>,
    stage: &SocketStage,
    parts: Parts,
    peer: IpAddr,
) -> Opening {
    if stage.is_disabled && parts.extensions.get::<CustomDomain>().is_none() {
        return Opening::Refused(plain(StatusCode::FORBIDDEN, "Forbidden", Some("ForbiddenException")));
    }
    let accept = match accept_key(&parts.headers) {
        Ok(accept) => accept,
        Err(refusal) => return Opening::Refused(refusal),
    };
    let request = Incoming::new(state.clock.now(), parts, String::from("/"), Bytes::new(), peer);
    let (connection_id, request_id) = (new_id(), new_id());
    let attempt = Attempt {
        state,
        live,
        stage,
        request: &request,
        connection_id: &connection_id,
        request_id: &request_id,
    };
    let admitted = attempt.admit().await;
    attempt.write_access(&admitted);
    let authorizer = match admitted {
        Ok(authorizer) => authorizer,
        Err(refusal) => return Opening::Refused(refusal),
    };
    let opened = Opened {
        live: Arc::clone(live),
        stage: Arc::clone(&stage.name),
        connected_at: request.at,
        source_ip: peer,
        user_agent: request.header("user-agent").map(Box::from),
        host: request.host().into(),
        api_key: admission::api_key(stage, &request, authorizer.as_ref()).map(Box::from),
        authorizer: authorizer.map(|context| Box::new(Value::Object(context))),
    };
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::try_from(accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    // Whoever asks for a protocol gets the first: functions cannot choose, since a proxied answer's headers are not
    // passed on to the client unless they name one.
    if let Some(protocol) = request.header("sec-websocket-protocol").and_then(|all| all.split(',').next())
        && let Ok(protocol) = HeaderValue::from_str(protocol.trim())
    {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    Opening::Accepted(response, Session::new(state, connection_id, opened))
}

/// What a refusal tells the client; none where it is not the gateway's own.
fn message(refusal: &Response<Body>) -> Option<String> {
    let Body::Bytes(body) = refusal.body() else { return None };
    let body: Option<Value> = serde_json::from_slice(body).ok();
    Some(body.and_then(|body| Some(body.get("message")?.as_str()?.to_owned())).unwrap_or_default())
}

impl Attempt<'_> {
    /// Asks everybody who may refuse; what the authorizer said, if there is one.
    async fn admit(&self) -> Result<Option<Map<String, Value>>, Response<Body>> {
        let route = self.stage.route("$connect");
        let (about, event) = (self.about(None), Event::Connect(self.request));
        let log = ExecutionLog::begin(self.state, self.stage, route.as_deref(), &about, &event);
        let admitted = match route {
            None => Ok(None),
            Some(route) => self.admit_by(&route, &log).await,
        };
        match &admitted {
            Ok(_) => log.end(&event, None),
            Err(refusal) => log.refused(&message(refusal).unwrap_or_default()),
        }
        admitted
    }

    async fn admit_by(
        &self,
        route: &SocketRoute,
        log: &ExecutionLog<'_>,
    ) -> Result<Option<Map<String, Value>>, Response<Body>> {
        if route.limits.as_ref().is_some_and(|limits| !limits.take(self.request.at)) {
            return Err(plain(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests", None));
        }
        let authorizer = match &route.authorization {
            Authorization::Anybody => None,
            Authorization::Signed if is_signed(self.request) => None,
            Authorization::Signed => {
                return Err(plain(
                    StatusCode::FORBIDDEN,
                    "Missing Authentication Token",
                    Some("MissingAuthenticationTokenException"),
                ));
            }
            Authorization::Custom(Ok(authorizer)) => Some(self.authorize(authorizer).await?),
            Authorization::Custom(Err(reason)) => return Err(self.internal(reason, 500)),
        };
        let key = admission::api_key(self.stage, self.request, authorizer.as_ref());
        admission::meter(self.state, self.stage, &self.live.id, route, key.as_deref(), self.request.at)
            .map_err(|refused| {
                let status = StatusCode::from_u16(refused.status).unwrap_or(StatusCode::FORBIDDEN);
                plain(status, refused.message, Some(refused.error_type))
            })?;
        let missing = admission::missing(route, self.request);
        if !missing.is_empty() {
            let message = format!("Missing required request parameters: [{}]", missing.join(", "));
            return Err(plain(StatusCode::BAD_REQUEST, &message, Some("BadRequestException")));
        }
        self.connect(route, authorizer.as_ref(), log).await?;
        Ok(authorizer)
    }

    fn write_access(&self, admitted: &Result<Option<Map<String, Value>>, Response<Body>>) {
        if self.stage.access_log.is_none() {
            return;
        }
        let (status, authorizer, message) = match admitted {
            Ok(authorizer) => (200, authorizer.clone().map(Value::Object), None),
            Err(refusal) => {
                let Some(message) = message(refusal) else { return };
                (refusal.status().as_u16(), None, Some(message))
            }
        };
        let about = self.about(authorizer.as_ref());
        let came = Came { status, error: message.as_deref(), integration: None };
        access::write(self.state, self.stage, &about, &Event::Connect(self.request), &came);
    }

    fn about<'s>(&'s self, authorizer: Option<&'s Value>) -> About<'s> {
        About {
            connection_id: self.connection_id,
            api_id: &self.live.id,
            stage: &self.stage.name,
            host: self.request.host(),
            source_ip: self.request.peer,
            user_agent: self.request.header("user-agent"),
            connected_at: self.request.at,
            authorizer,
            route_key: "$connect",
            request_id: self.request_id,
            at: self.request.at,
        }
    }

    async fn authorize(&self, authorizer: &Authorizer) -> Result<Map<String, Value>, Response<Body>> {
        let event = Event::Connect(self.request);
        let context = event::context(&self.about(None), &event);
        let from_context = |path: &str| crate::mapping::parameters::context_text(&context, path);
        let unauthorized = || plain(StatusCode::UNAUTHORIZED, "Unauthorized", Some("UnauthorizedException"));
        let identity = authorizer
            .identity(self.request, from_context, &self.stage.variables)
            .ok_or_else(unauthorized)?;
        let scope = &self.stage.scope;
        let arn = scope.arn("execute-api", &format!("{}/{}/$connect", self.live.id, self.stage.name));
        let asked = Asked {
            identity: &identity,
            request: crate::policy::Ask::of(self.request, &arn),
            trace_id: &self.request.trace_id,
            variables: &self.stage.variables,
        };
        let make = || {
            let mut members = Map::new();
            members.insert("type".into(), "REQUEST".into());
            members.insert("methodArn".into(), arn.as_str().into());
            members.extend(event::request_members(self.request));
            members.insert("stageVariables".into(), json!(self.stage.variables));
            members.insert("requestContext".into(), context.clone().into());
            Value::Object(members).to_string().into_bytes()
        };
        match authorizer.ask(self.state, scope, asked, make).await {
            Decision::Allowed(context) => Ok(context),
            Decision::Denied => {
                let message = "User is not authorized to access this resource";
                Err(plain(StatusCode::FORBIDDEN, message, Some("AccessDeniedException")))
            }
            Decision::Unauthorized => Err(unauthorized()),
            Decision::Failed(reason) => Err(self.internal(&reason, 500)),
        }
    }

    async fn connect(
        &self,
        route: &SocketRoute,
        authorizer: Option<&Map<String, Value>>,
        log: &ExecutionLog<'_>,
    ) -> Result<(), Response<Body>> {
        let authorizer = authorizer.map(|context| Value::Object(context.clone()));
        let about = self.about(authorizer.as_ref());
        let event = Event::Connect(self.request);
        let call = Call {
            state: self.state,
            stage: self.stage,
            route,
            about: &about,
            event: &event,
            trace_id: &self.request.trace_id,
            log,
        };
        match call.run().await {
            Ok(outcome) if (200..300).contains(&outcome.status) => Ok(()),
            Ok(outcome) => {
                let status =
                    StatusCode::from_u16(outcome.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let mut response = Response::new(outcome.body.map_or(Body::Empty, Body::Bytes));
                *response.status_mut() = status;
                Err(response)
            }
            Err(failure) => Err(self.internal(&failure.reason, failure.status)),
        }
    }

    fn internal(&self, reason: &str, status: u16) -> Response<Body> {
        tracing::warn!(api = self.live.id, "a connection was refused: {reason}");
        let body = json!({
            "message": "Internal server error",
            "connectionId": self.connection_id,
            "requestId": self.request_id,
        });
        let mut response = Response::new(Body::Bytes(body.to_string().into()));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proof_is_the_one_of_the_rfc() {
        let mut headers = HeaderMap::new();
        headers.insert("sec-websocket-version", HeaderValue::from_static("13"));
        headers.insert("sec-websocket-key", HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="));
        assert_eq!(accept_key(&headers).unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        headers.insert("sec-websocket-key", HeaderValue::from_static("short"));
        assert_eq!(accept_key(&headers).unwrap_err().status(), 400);
        headers.remove("sec-websocket-version");
        assert_eq!(accept_key(&headers).unwrap_err().status(), 426);
    }
}
