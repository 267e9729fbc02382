//! Requests to HTTP servers of the user's, through the client that all services share: its rules say where they may go.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};

use crate::State;
use proxy_events::is_framing;

/// Sends a request; what went wrong is for the log.
pub(crate) async fn send(
    state: &State,
    method: Method,
    uri: &str,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, HeaderMap, Bytes), String> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri.parse().map_err(|error| format!("{uri} is no address: {error}"))?;
    *request.headers_mut() = headers;
    let answer = state.outbound.send(request).await.map_err(|error| error.to_string())?;
    let (parts, body) = answer.into_parts();
    Ok((parts.status, parts.headers, body))
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
