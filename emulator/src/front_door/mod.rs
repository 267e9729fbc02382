//! The listener's one handler: checks who asks, decides where to, and answers.
//!
//! Knows HTTP and the destinations, and no service. Start at [`FrontDoor::handle`].

mod aws;
pub(crate) mod body;
mod classify;
pub(crate) mod framing;
pub(crate) mod patient;
pub(crate) mod safety;

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use apigw_shim::{Addressed, AskedUri, Opening, Truststore};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use hyper::body::Incoming;
use proxy_events::Secured;
use runtime::Body;

use crate::startup::{World, Worlds};
use body::{HttpBody, from_http, to_http};
use classify::Destination;
use patient::Patient;
use safety::{Allowed, Refusal};

/// More bytes of headers than this are refused, as AWS's front ends do.
const MOST_HEADER_BYTES: usize = 16 << 10;

/// AWS's quota for APIs: the request line and the values of all headers.
const MOST_API_HEAD: usize = 10_240;

/// The body of a request to the listener.
pub(crate) type RequestBody = Patient<Incoming>;

/// Who opened a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A client of the listener.
    Network(SocketAddr),
    /// A function, out of its container.
    Function,
}

impl Caller {
    /// The address that APIs see as the caller's.
    fn address(self) -> IpAddr {
        match self {
            Self::Network(peer) => peer.ip(),
            Self::Function => IpAddr::from([127, 0, 0, 1]),
        }
    }
}

/// What the handler needs.
pub(crate) struct FrontDoor {
    pub(crate) worlds: Arc<Worlds>,
    pub(crate) admin: axum::Router,
    pub(crate) allowed: Allowed,
    /// `--verify-signatures`.
    pub(crate) verify_signatures: bool,
    /// The region of requests that name none.
    pub(crate) region: Arc<str>,
    /// `http://127.0.0.1:4566`.
    pub(crate) endpoint: Arc<str>,
}

impl FrontDoor {
    /// Answers one request.
    pub(crate) async fn handle(
        self: Arc<Self>,
        request: Request<RequestBody>,
        caller: Caller,
    ) -> Result<Response<HttpBody>, Infallible> {
        let (parts, incoming) = request.into_parts();
        let is_head = parts.method == Method::HEAD;
        let world = self.worlds.now();
        let mut response = match self.admit(&world, &parts, caller) {
            Ok((destination, origin)) => {
                let preflight =
                    origin.is_some() && parts.method == Method::OPTIONS && destination == Destination::Aws;
                let mut response = if preflight {
                    preflight_answer(&parts.headers)
                } else {
                    self.dispatch(&world, destination, parts, incoming, caller.address()).await
                };
                if let Some(origin) = origin.and_then(|origin| HeaderValue::from_str(&origin).ok()) {
                    show_to(&mut response, origin);
                }
                response
            }
            Err(refusal) => refuse(&refusal),
        };
        if is_head {
            let length = http_body::Body::size_hint(response.body()).exact();
            if let Some(length) = length.filter(|_| !response.headers().contains_key(header::CONTENT_LENGTH))
            {
                response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
            }
            *response.body_mut() = HttpBody::Whole(None);
        }
        Ok(response)
    }

    /// Whether anything is served under a host name, in small letters: certificates are made for no others.
    pub(crate) fn answers_to(&self, name: &str) -> bool {
        safety::is_allowed(name, &self.allowed) || is_deployed(&self.worlds.now(), name)
    }

    /// Whose certificates the clients of a custom domain name must show, if any.
    pub(crate) fn truststore(&self, name: &str) -> Option<Arc<Truststore>> {
        self.worlds.now().apis.truststore(name)
    }

    /// Host first, then the destination, then (but for deployed APIs, which have their own rules) the origin.
    fn admit(
        &self,
        world: &World,
        parts: &Parts,
        caller: Caller,
    ) -> Result<(Destination, Option<String>), Refusal> {
        let size: usize = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if size > MOST_HEADER_BYTES {
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            return Err(Refusal { status, message: format!("the headers exceed {MOST_HEADER_BYTES} bytes") });
        }
        let host = safety::host(parts, &self.allowed, |name| is_deployed(world, name))?;
        let destination = classify::classify(parts, &host, |name| world.apis.has_domain(name));
        // The links to packages are given out to whoever may call GetFunction, and are signed.
        let closed =
            destination == Destination::Admin && !parts.uri.path().starts_with("/_tule/lambda/code/");
        if closed && caller == Caller::Function {
            let message = "functions have no access to Tule's own routes".to_owned();
            return Err(Refusal { status: StatusCode::FORBIDDEN, message });
        }
        // Integrations are kept from these routes by their port, and have but the one.
        if closed && parts.extensions.get::<Secured>().is_some() {
            let message = "Tule's own routes are not served over HTTPS".to_owned();
            return Err(Refusal { status: StatusCode::FORBIDDEN, message });
        }
        let origin = match destination {
            // A page's request to connect needs no preflight, and what it may read needs no CORS: any page could.
            Destination::Api { .. } | Destination::Domain(_)
                if parts.headers.contains_key(header::UPGRADE) =>
            {
                safety::origin(&parts.headers, &host, &self.allowed)?;
                None
            }
            Destination::Api { .. } | Destination::Domain(_) | Destination::FunctionUrl { .. } => None,
            Destination::Admin | Destination::Aws => safety::origin(&parts.headers, &host, &self.allowed)?,
        };
        Ok((destination, origin))
    }

    async fn dispatch(
        &self,
        world: &World,
        destination: Destination,
        mut parts: Parts,
        incoming: RequestBody,
        peer: IpAddr,
    ) -> Response<HttpBody> {
        if matches!(destination, Destination::Api { .. } | Destination::Domain(_)) && is_too_long(&parts) {
            let message = format!("HTTP header is larger than {MOST_API_HEAD} bytes.");
            return refuse(&Refusal { status: StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, message });
        }
        match destination {
            Destination::Aws => aws::serve(self, world, parts, incoming).await,
            Destination::Admin => {
                let request = Request::from_parts(parts, axum::body::Body::new(incoming));
                let answered = tower_service::Service::call(&mut self.admin.clone(), request).await;
                let response = answered.unwrap_or_else(|never| match never {});
                response.map(|body| {
                    let chunks = http_body_util::BodyDataStream::new(body);
                    HttpBody::Stream(Box::pin(futures::StreamExt::map(chunks, |it| {
                        it.map_err(std::io::Error::other)
                    })))
                })
            }
            Destination::Api { id, stage, path_and_query } => {
                Secured::forget_client(&mut parts);
                let Ok(uri) = path_and_query.parse() else { return malformed_path() };
                let asked = std::mem::replace(&mut parts.uri, uri);
                if self.verify_signatures {
                    parts.extensions.insert(AskedUri(asked));
                }
                ask_api(world, Addressed { api_id: id, stage }, parts, incoming, peer).await
            }
            Destination::Domain(name) => {
                let asked = parts.uri.clone();
                let Some(addressed) = world.apis.at_domain(&name, &mut parts, peer) else {
                    return world.apis.forbidden().map(to_http);
                };
                if self.verify_signatures {
                    parts.extensions.insert(AskedUri(asked));
                }
                ask_api(world, addressed, parts, incoming, peer).await
            }
            Destination::FunctionUrl { id, path_and_query } => {
                Secured::forget_client(&mut parts);
                let Ok(uri) = path_and_query.parse() else { return malformed_path() };
                parts.uri = uri;
                let request = Request::from_parts(parts, from_http(incoming, None));
                world.lambda.serve_url(&id, request, peer).await.map(to_http)
            }
        }
    }
}

/// Whether a request has a longer head than APIs take.
fn is_too_long(parts: &Parts) -> bool {
    let asked = parts.uri.path_and_query().map_or(1, |asked| asked.as_str().len());
    let line = parts.method.as_str().len() + asked + " HTTP/1.1 ".len();
    line + parts.headers.values().map(HeaderValue::len).sum::<usize>() > MOST_API_HEAD
}

/// Whether a name is an API's, a function URL's or a custom domain name.
fn is_deployed(world: &World, name: &str) -> bool {
    let api = name.split_once(".execute-api.").map_or("", |(id, _)| id);
    let url = name.split_once(".lambda-url.").map_or("", |(id, _)| id);
    world.apis.has_api(api.split_once("-vpce-").map_or(api, |(id, _)| id))
        || world.lambda.has_url(url)
        || world.apis.has_domain(name)
}

/// Connects to an API, or asks it.
async fn ask_api(
    world: &World,
    addressed: Addressed,
    parts: Parts,
    incoming: RequestBody,
    peer: IpAddr,
) -> Response<HttpBody> {
    if let Some(opening) = world.apis.connect(&addressed, &parts, peer).await {
        return open(opening, parts);
    }
    let request = Request::from_parts(parts, from_http(incoming, None));
    world.apis.execute(addressed, request, peer).await.map(to_http)
}

/// Changes the protocol and serves the connection, or refuses it.
fn open(opening: Opening, mut parts: Parts) -> Response<HttpBody> {
    let (response, session) = match opening {
        Opening::Refused(response) => return response.map(to_http),
        Opening::Accepted(response, session) => (response, session),
    };
    if let Some(upgrade) = parts.extensions.remove::<hyper::upgrade::OnUpgrade>() {
        tokio::spawn(async move {
            match upgrade.await {
                Ok(stream) => session.serve(hyper_util::rt::TokioIo::new(stream)).await,
                Err(error) => tracing::debug!(%error, "a client left before it was connected"),
            }
        });
    }
    response.map(to_http)
}

fn malformed_path() -> Response<HttpBody> {
    refuse(&Refusal { status: StatusCode::BAD_REQUEST, message: "the path is malformed".into() })
}

/// A refusal before any protocol is known.
fn refuse(refusal: &Refusal) -> Response<HttpBody> {
    let body = serde_json::json!({ "message": refusal.message }).to_string();
    let mut response = Response::new(to_http(Body::Bytes(body.into())));
    *response.status_mut() = refusal.status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if refusal.status == StatusCode::BAD_REQUEST {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// What a browser asks before an own page calls an SDK. Access from public networks to this one is not granted.
fn preflight_answer(asked: &HeaderMap) -> Response<HttpBody> {
    let mut response = Response::new(HttpBody::Whole(None));
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
    );
    if let Some(wanted) = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    response
}

fn show_to(response: &mut Response<HttpBody>, origin: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_has_as_much_as_apis_take() {
        let with = |header: usize, path: usize| {
            let request = Request::get(format!("/{}", "p".repeat(path))).header("x-a", "v".repeat(header));
            is_too_long(&request.body(()).unwrap().into_parts().0)
        };
        // `GET / HTTP/1.1` has fourteen bytes.
        assert!(!with(MOST_API_HEAD - 14, 0));
        assert!(with(MOST_API_HEAD - 13, 0));
        assert!(with(MOST_API_HEAD - 14, 1));
    }
}
