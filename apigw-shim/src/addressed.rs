//! From an address to an API's stage.

use std::{net::IpAddr, sync::Arc};

use aws_wire::{ServiceError, sigv4};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header, request::Parts};
use runtime::{Body, BodyError};

use crate::{
    State,
    apis::{Kind, Live},
    http_api,
    management::{self, Below},
    rest_api::{
        self, compression,
        gateway_response::{GatewayError, ResponseType},
    },
    websocket::handshake::{self, Opening},
};
use proxy_events::{CustomDomain, Incoming, MOST_BODY, Secured};

/// What a request's URL says of the API it is for.
#[derive(Debug, Clone)]
pub struct Addressed {
    /// The API's id.
    pub api_id: String,
    /// The stage, where the address gives it apart from the path (`/restapis/{id}/{stage}/_user_request_/…`). Else it
    /// is the path's first part, or `$default` for HTTP APIs that have it.
    pub stage: Option<String>,
}

/// The address as the client asked it, as an extension of requests: what signatures are made over. Without one it is
/// the request's own.
#[derive(Debug, Clone)]
pub struct AskedUri(pub http::Uri);

/// The secret of all local users.
const SECRET: &str = "test";

/// Why a request's signature is none, where signatures are checked.
pub(crate) fn bad_signature(state: &State, region: &str, parts: &Parts, body: &[u8]) -> Option<ServiceError> {
    if !state.options.verify_signatures {
        return None;
    }
    let wrong = aws_wire::incomplete_signature(&parts.headers);
    if let Some(error) = wrong.or_else(|| sigv4::check_scope(parts, "execute-api", region).err()) {
        return Some(error);
    }
    let mut asked = parts.clone();
    if let Some(AskedUri(uri)) = parts.extensions.get::<AskedUri>() {
        asked.uri = uri.clone();
    }
    let hash = sigv4::hex(ring::digest::digest(&ring::digest::SHA256, body).as_ref());
    // Signatures are made by clients, so they are held against the host's time.
    let now = runtime::Clock::Real.now().millis() / 1_000;
    let check = sigv4::Check { secret: SECRET, body_hash: Some(&hash), now, dialect: sigv4::Dialect::Json };
    sigv4::verify(&asked, &check).err()
}

/// Headers that AWS keeps from REST APIs: neither templates nor functions nor servers see them.
const UNSEEN: &[&str] = &[
    "connection",
    "content-length",
    "content-md5",
    "expect",
    "max-forwards",
    "proxy-authenticate",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
];

pub(crate) async fn execute(
    state: &State,
    addressed: Addressed,
    request: Request<Body>,
    peer: IpAddr,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Some(live) = state.apis.live(&addressed.api_id) else { return forbidden() };
    if matches!(live.kind, Kind::Socket(_)) {
        return about_connections(state, &live, addressed, parts, body).await;
    }
    let path = parts.uri.path().to_owned();
    let read = body.read(MOST_BODY).await;
    match &live.kind {
        Kind::Rest(stages) => {
            let (stage, path) = match addressed.stage {
                Some(stage) => (stage, path),
                None => first_part(&path),
            };
            let Some(stage) = stages.get(&stage).map(|stage| stage.part()) else {
                return forbidden();
            };
            let (body, too_large) = match read {
                Ok(body) => (body, false),
                Err(BodyError::TooLarge { .. }) => (bytes::Bytes::new(), true),
                Err(BodyError::Io(_) | BodyError::Events) => {
                    return plain(StatusCode::BAD_REQUEST, "Bad Request", None);
                }
            };
            let signature = bad_signature(state, &live.scope.region, &parts, &body);
            let mut incoming = Incoming::new(state.clock.now(), parts, path, body, peer);
            let unseen = incoming.headers.keys().filter(|name| UNSEEN.contains(&name.as_str()));
            for name in unseen.cloned().collect::<Vec<HeaderName>>() {
                incoming.headers.remove(name);
            }
            let refused = if too_large {
                Some(GatewayError::new(ResponseType::RequestTooLarge, "Request Too Long"))
            } else {
                compression::decode(&stage, &mut incoming).err()
            };
            rest_api::pipeline::answer(state, &stage, &incoming, refused, signature).await
        }
        Kind::Http(stages) => {
            let found = |name: &str| stages.get(name).map(|stage| std::sync::Arc::clone(&stage));
            let (stage, path) = match &addressed.stage {
                Some(name) => (found(name), path),
                None => {
                    let (name, below) = first_part(&path);
                    match found(&name) {
                        Some(stage) if name != "$default" => (Some(stage), below),
                        _ => (found("$default"), path),
                    }
                }
            };
            let Some(stage) = stage else { return not_found() };
            let body = match read {
                Ok(body) => body,
                Err(BodyError::TooLarge { .. }) => {
                    return of_http_api(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
                }
                Err(BodyError::Io(_) | BodyError::Events) => {
                    return of_http_api(StatusCode::BAD_REQUEST, "Bad Request");
                }
            };
            let is_forged = bad_signature(state, &live.scope.region, &parts, &body).is_some();
            let incoming = Incoming::new(state.clock.now(), parts, path, body, peer);
            http_api::pipeline::answer(state, &stage, &incoming, is_forged).await
        }
        Kind::Socket(_) => forbidden(),
    }
}

/// The API for a request to a custom domain name, whose parts are changed to what the API is to see.
pub(crate) fn at_domain(state: &State, host: &str, parts: &mut Parts, peer: IpAddr) -> Option<Addressed> {
    let routes = state
        .domains
        .at(host)
        .filter(|routes| state.domains.admits(routes, parts, peer, state.clock.now()))?;
    match &routes.truststore {
        Some(truststore) if !truststore.admits(host, parts) => return None,
        Some(_) => {}
        // What another domain asked for is not this one's to tell.
        None => Secured::forget_client(parts),
    }
    let target = routes.find(parts.uri.path(), &parts.headers)?;
    // Another account's API of that id is none of the domain's.
    state.apis.live_in(&routes.scope, target.api_id)?;
    let query = parts.uri.query();
    let below = query.map_or_else(|| target.path.clone(), |query| format!("{}?{query}", target.path));
    parts.uri = below.parse().ok()?;
    parts.extensions.insert(target.found);
    Some(Addressed { api_id: target.api_id.to_owned(), stage: target.stage.map(str::to_owned) })
}

/// Opens a connection, if the request asks for one and the API is one that has connections.
pub(crate) async fn connect(
    state: &Arc<State>,
    addressed: &Addressed,
    parts: &Parts,
    peer: IpAddr,
) -> Option<Opening> {
    if !handshake::is_upgrade(parts) {
        return None;
    }
    let live = state.apis.live(&addressed.api_id)?;
    let Kind::Socket(stages) = &live.kind else { return None };
    let path = parts.uri.path();
    let (stage, path) = match &addressed.stage {
        Some(stage) => (stage.clone(), path.to_owned()),
        None => first_part(path),
    };
    let stage = stages.get(&stage).map(|stage| Arc::clone(&stage));
    let Some(stage) = stage.filter(|_| path == "/") else { return Some(Opening::Refused(forbidden())) };
    let mut request = Request::new(());
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = parts.uri.clone();
    *request.version_mut() = parts.version;
    *request.headers_mut() = parts.headers.clone();
    if let Some(domain) = parts.extensions.get::<CustomDomain>() {
        request.extensions_mut().insert(domain.clone());
    }
    let (parts, ()) = request.into_parts();
    Some(handshake::open(state, &live, &stage, parts, peer).await)
}

/// A request to a WebSocket API that asks for no connection: one about connections, or a mistake.
async fn about_connections(
    state: &State,
    live: &Live,
    addressed: Addressed,
    parts: Parts,
    body: Body,
) -> Response<Body> {
    let Kind::Socket(stages) = &live.kind else { return forbidden() };
    let (stage, path) = match addressed.stage {
        Some(stage) => (stage, parts.uri.path().to_owned()),
        None => first_part(parts.uri.path()),
    };
    if !stages.contains_key(&stage) {
        return forbidden();
    }
    if management::is_path(&path) {
        let below = Below { api_id: &live.id, stage: &stage, region: &live.scope.region };
        return management::over_http(state, below, parts, &path, body).await;
    }
    plain(StatusCode::UPGRADE_REQUIRED, "Upgrade Required", None)
}

/// The first part of a path, decoded, and the rest.
fn first_part(path: &str) -> (String, String) {
    let path = path.strip_prefix('/').unwrap_or(path);
    match path.split_once('/') {
        Some((first, rest)) => (proxy_events::decode(first), format!("/{rest}")),
        None => (proxy_events::decode(path), String::from("/")),
    }
}

pub(crate) fn forbidden() -> Response<Body> {
    plain(StatusCode::FORBIDDEN, "Forbidden", Some("ForbiddenException"))
}

pub(crate) fn not_found() -> Response<Body> {
    of_http_api(StatusCode::NOT_FOUND, "Not Found")
}

/// An answer of an HTTP API itself: such have the one id in the one header.
pub(crate) fn of_http_api(status: StatusCode, message: &str) -> Response<Body> {
    let mut response = bare(status, message);
    if let Ok(id) = HeaderValue::from_str(&format!("{}=", proxy_events::random_id(15))) {
        response.headers_mut().insert(HeaderName::from_static("apigw-requestid"), id);
    }
    response
}

fn bare(status: StatusCode, message: &str) -> Response<Body> {
    let message = serde_json::Value::from(message);
    let mut response = Response::new(Body::from(format!("{{\"message\":{message}}}").into_bytes()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// An answer in the words that AWS has for what belongs to no stage.
pub(crate) fn plain(status: StatusCode, message: &str, error_type: Option<&'static str>) -> Response<Body> {
    let mut response = bare(status, message);
    let headers = response.headers_mut();
    if let Some(error_type) = error_type {
        headers.insert(HeaderName::from_static("x-amzn-errortype"), HeaderValue::from_static(error_type));
    }
    headers.insert(
        HeaderName::from_static("x-amzn-requestid"),
        HeaderValue::from_str(&runtime::new_request_id()).unwrap_or(HeaderValue::from_static("")),
    );
    response
}
