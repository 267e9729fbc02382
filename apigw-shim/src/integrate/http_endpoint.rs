//! Requests to HTTP servers of the user's, through the client that all services share: its rules say where they may go.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri, header};
use outbound::{Outbound, Special};
use runtime::Scope;

use super::vpc_link;
use crate::{State, apis::scope_key};
use proxy_events::is_framing;

/// The most clients that are kept for integrations whose connections are special.
const MOST_CLIENTS: usize = 256;

/// What an integration and its stage say of connections to its server.
#[derive(Default)]
pub(crate) struct Towards<'a> {
    /// Whether any issuer of the server's certificate is good enough.
    pub any_issuer: bool,
    /// The client certificate that the server is shown.
    pub certificate: Option<&'a str>,
    /// The name that the server's certificate must have, where it is not the address's.
    pub server_name: Option<&'a str>,
    /// What stands for what a VPC link leads to: requests go there, whatever their addresses say.
    pub stand_in: Option<&'a Uri>,
}

impl Towards<'_> {
    fn is_usual(&self) -> bool {
        !self.any_issuer
            && self.certificate.is_none()
            && self.server_name.is_none()
            && self.stand_in.is_none()
    }
}

/// The client that speaks to a server as an integration and its stage say.
pub(crate) fn client(state: &State, scope: &Scope, towards: &Towards<'_>) -> Result<Outbound, String> {
    if towards.is_usual() {
        return Ok(state.outbound.clone());
    }
    let identity = match towards.certificate {
        None => None,
        Some(id) => {
            let found = state.apis.client_certificates.get(&scope_key(scope).text(id));
            Some(found.and_then(|found| found.identity()).ok_or("the client certificate is gone")?)
        }
    };
    let server_name = towards.server_name.map(str::to_owned);
    let at = towards.stand_in.and_then(vpc_link::host_and_port);
    let special = Special { any_issuer: towards.any_issuer, identity, server_name, at };
    if let Some(known) = state.special_outbound.get(&special) {
        return Ok(known.clone());
    }
    let made = state.outbound.special(&special).map_err(|error| error.to_string())?;
    // What no integration speaks through any more goes with the rest: a client is soon made again.
    if state.special_outbound.len() >= MOST_CLIENTS {
        state.special_outbound.clear();
    }
    state.special_outbound.insert(special, made.clone());
    Ok(made)
}

/// Sends a request; what went wrong is for the log.
pub(crate) async fn send(
    client: &Outbound,
    method: Method,
    uri: &str,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, HeaderMap, Bytes), String> {
    let request = request(method, uri, headers, body)?;
    let answer = client.send(request).await.map_err(|error| error.to_string())?;
    let (parts, body) = answer.into_parts();
    Ok((parts.status, parts.headers, body))
}

/// A request of its parts; an address that is none is for the log.
pub(super) fn request(
    method: Method,
    uri: &str,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Request<Bytes>, String> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri.parse().map_err(|error| format!("{uri} is no address: {error}"))?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// The headers of an answer that a client gets: all but those of the connection.
pub(crate) fn forwardable(headers: &HeaderMap) -> HeaderMap {
    let mut forwarded = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        if !is_framing(name) && *name != header::DATE && *name != header::SERVER {
            forwarded.append(name, value.clone());
        }
    }
    forwarded
}
