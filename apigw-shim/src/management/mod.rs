//! `@connections`: what backends call to reach the clients of WebSocket APIs. The service `apigatewaymanagementapi`.
//!
//! Clients find it below a stage's URL, so operations come in over [`over_http`]; other services call them as any.

use aws_wire::{BodyNeed, ServiceError, sigv4};
use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header, request::Parts};
use runtime::{Body, Input, Output};
use serde_json::json;

use crate::{
    State,
    addressed::{bad_signature, plain},
    error::bad_request,
    websocket::{connection::SendError, session::DELETED},
};

/// All operations there are.
pub(crate) const NAMES: &[&str] = &["DeleteConnection", "GetConnection", "PostToConnection"];

/// The most that a message may have.
const MOST_DATA: usize = 128 << 10;

/// Where a request came in, which is what it may reach.
pub(crate) struct Below<'a> {
    pub api_id: &'a str,
    pub stage: &'a str,
    pub region: &'a str,
}

/// Does one of [`NAMES`]. A connection of another API than the one asked is gone, as is one that never was.
pub(crate) async fn call(
    state: &State,
    below: Option<Below<'_>>,
    operation: &str,
    input: Input,
) -> Result<Output, ServiceError> {
    let id = input.members.get("ConnectionId").and_then(serde_json::Value::as_str).unwrap_or_default();
    if !URL_SAFE.decode(id).is_ok_and(|bytes| !bytes.is_empty()) {
        return Err(bad_request(format!("Invalid connectionId: {id}")));
    }
    let gone = || ServiceError::new("GoneException", 410, "");
    let connection = state.connections.get(id).filter(|connection| {
        below.is_none_or(|below| connection.live.id == below.api_id && *connection.stage == *below.stage)
    });
    match operation {
        "PostToConnection" => {
            let data = input.body.read(MOST_DATA).await.map_err(|_| too_long())?;
            connection.ok_or_else(gone)?.send(data).map_err(|error| match error {
                SendError::Gone => gone(),
                SendError::Full => {
                    ServiceError::new("LimitExceededException", 429, "The client does not read its messages")
                }
            })?;
            Ok(Output::empty())
        }
        "GetConnection" => {
            let connection = connection.ok_or_else(gone)?;
            Ok(Output::of(json!({
                "ConnectedAt": connection.connected_at.epoch_seconds(),
                "Identity": {
                    "SourceIp": connection.source_ip.to_string(),
                    "UserAgent": connection.user_agent.as_deref().unwrap_or_default(),
                },
                "LastActiveAt": connection.active_at().epoch_seconds(),
            })))
        }
        "DeleteConnection" => {
            let connection = connection.ok_or_else(gone)?;
            state.connections.remove(&connection.id);
            connection.end(DELETED);
            Ok(Output::empty())
        }
        other => Err(ServiceError::not_implemented(format!(
            "Tule does not implement {other} of apigatewaymanagementapi yet"
        ))),
    }
}

fn too_long() -> ServiceError {
    ServiceError::new("PayloadTooLargeException", 413, "Message too long")
}

/// Whether a path below a stage is `@connections`'.
pub(crate) fn is_path(path: &str) -> bool {
    path.starts_with("/@connections/") || path.starts_with("/%40connections/")
}

/// Answers a request below a stage's URL. It must be signed; whether rightly is checked where signatures are.
pub(crate) async fn over_http(
    state: &State,
    below: Below<'_>,
    mut parts: Parts,
    path: &str,
    body: Body,
) -> Response<Body> {
    let authorization = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if !authorization.is_some_and(|value| value.starts_with("AWS4-")) {
        if let Some(incomplete) = aws_wire::incomplete_signature(&parts.headers) {
            return plain(StatusCode::FORBIDDEN, &incomplete.message, Some("IncompleteSignatureException"));
        }
        let error_type = Some("MissingAuthenticationTokenException");
        return plain(StatusCode::FORBIDDEN, "Missing Authentication Token", error_type);
    }
    let Some(model) = aws_model::service("apigatewaymanagementapi") else {
        return plain(StatusCode::NOT_FOUND, "Not Found", None);
    };
    let Ok(uri) = path.replacen("%40", "@", 1).parse() else {
        return plain(StatusCode::BAD_REQUEST, "Bad Request", None);
    };
    let request_id = runtime::new_request_id();
    let answered = match verified(state, &below, &parts, body).await {
        Ok(body) => {
            parts.uri = uri;
            answer(state, below, &parts, body).await
        }
        Err(error) => Err(error),
    };
    let encoded = match answered {
        Ok((operation, output)) => {
            aws_wire::encode_output(model, operation, &output.members, output.status, &request_id)
        }
        Err(error) => aws_wire::encode_error(model, &error, &request_id),
    };
    let mut response = Response::new(Body::Bytes(encoded.body.unwrap_or_else(Bytes::new)));
    *response.status_mut() =
        StatusCode::from_u16(encoded.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = encoded.headers;
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(HeaderName::from_static("x-amzn-requestid"), value);
    }
    response
}

/// The body of a request that nobody has forged, as far as that is checked.
async fn verified(state: &State, below: &Below<'_>, parts: &Parts, body: Body) -> Result<Body, ServiceError> {
    if !state.options.verify_signatures {
        return Ok(body);
    }
    let body = body.read(MOST_DATA).await.map_err(|_| too_long())?;
    match bad_signature(state, below.region, parts, &body) {
        Some(error) => Err(error),
        None => Ok(Body::Bytes(body)),
    }
}

async fn answer(
    state: &State,
    below: Below<'_>,
    parts: &Parts,
    body: Body,
) -> Result<(&'static aws_model::Operation, Output), ServiceError> {
    let target = aws_wire::identify(parts).target(parts, None)?;
    if target.model.name != "apigatewaymanagementapi" {
        // What is signed for another service is taken for one of its requests.
        sigv4::check_scope(parts, "execute-api", below.region)?;
        return Err(ServiceError::new("NotFoundException", 404, ""));
    }
    let input = if aws_wire::body_need(&target) == BodyNeed::Payload {
        Input { members: aws_wire::decode(&target, parts, &[])?, body }
    } else {
        Input { members: aws_wire::decode(&target, parts, &[])?, body: Body::Empty }
    };
    let output = call(state, Some(below), &target.operation.name, input).await?;
    Ok((target.operation, output))
}
