//! Requests to HTTP servers of the user's.
//!
//! An integration's address is data, so it could name what only this machine may reach. The rules: link-local addresses
//! (the instance metadata of clouds) and Tule's own admin routes are refused; a name is resolved once, all its
//! addresses are checked, and the connection goes to what was checked; redirects are handed back, never followed.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::State;
use proxy_events::is_framing;

/// The most that an answer may have.
const MOST_ANSWER: usize = 10 * 1024 * 1024;
/// Where AWS's instances find their metadata over IPv6.
const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// Sends a request; what went wrong is for the log.
pub(crate) async fn send(
    state: &State,
    method: Method,
    uri: &str,
    mut headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, HeaderMap, Bytes), String> {
    let uri: Uri = uri.parse().map_err(|error| format!("{uri} is no address: {error}"))?;
    if uri.scheme_str() != Some("http") {
        return Err(format!("{uri} is no http:// address; others are not implemented yet"));
    }
    let host = uri.host().ok_or_else(|| format!("{uri} names no host"))?;
    let port = uri.port_u16().unwrap_or(80);
    let address = resolve(host, port).await?;
    refuse_own_admin(state, address, &uri)?;
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| format!("{host}:{port} cannot be reached: {error}"))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake::<_, Full<Bytes>>(TokioIo::new(stream))
            .await
            .map_err(|error| format!("{host}:{port} does not speak HTTP: {error}"))?;
    // The connection ends with its one request; nothing waits for this task but the answer.
    tokio::spawn(connection);
    let authority =
        uri.authority().map_or_else(|| host.to_owned(), |authority| authority.as_str().to_owned());
    if let Ok(value) = HeaderValue::from_str(authority.rsplit('@').next().unwrap_or_default()) {
        headers.insert(header::HOST, value);
    }
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().map_err(|error| format!("{path} is no path: {error}"))?;
    *request.headers_mut() = headers;
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| format!("{host}:{port} gave no answer: {error}"))?;
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, MOST_ANSWER).collect().await;
    let body = body.map_err(|error| format!("the answer of {host}:{port} broke off: {error}"))?.to_bytes();
    Ok((parts.status, parts.headers, body))
}

async fn resolve(host: &str, port: u16) -> Result<SocketAddr, String> {
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let found = tokio::net::lookup_host((name, port)).await;
    let addresses: Vec<SocketAddr> =
        found.map_err(|error| format!("{host} cannot be resolved: {error}"))?.collect();
    if let Some(refused) = addresses.iter().find(|address| is_refused(address.ip())) {
        return Err(format!("{host} leads to {}, which integrations may not reach", refused.ip()));
    }
    // IPv4 first: local servers often listen there alone.
    let first = addresses.iter().find(|address| address.is_ipv4()).or_else(|| addresses.first());
    first.copied().ok_or_else(|| format!("{host} has no address"))
}

fn is_refused(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast(),
        IpAddr::V6(ip) => {
            ip == METADATA || ip.is_unicast_link_local() || ip.is_unspecified() || ip.is_multicast()
        }
    }
}

/// Tule's own admin routes take orders from this machine; an integration must not give them.
fn refuse_own_admin(state: &State, address: SocketAddr, uri: &Uri) -> Result<(), String> {
    let own: Option<Uri> = state.options.endpoint.parse().ok();
    let own_port = own.as_ref().and_then(Uri::port_u16).unwrap_or(80);
    let is_own = address.port() == own_port && address.ip().to_canonical().is_loopback();
    let path = proxy_events::decode(uri.path());
    let is_admin = ["/_tule", "/_localstack"]
        .iter()
        .any(|prefix| path.trim_start_matches('/').starts_with(&prefix[1..]));
    if is_own && is_admin {
        return Err(format!("{uri} is an admin route of Tule, which integrations may not reach"));
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_and_the_like_are_refused() {
        let refused = |ip: &str| is_refused(ip.parse().unwrap());
        for ip in [
            "169.254.169.254",
            "169.254.0.1",
            "fd00:ec2::254",
            "fe80::1",
            "::ffff:169.254.169.254",
            "0.0.0.0",
            "::",
        ] {
            assert!(refused(ip), "{ip}");
        }
        for ip in ["127.0.0.1", "::1", "10.0.0.1", "93.184.216.34", "fd00::1"] {
            assert!(!refused(ip), "{ip}");
        }
    }
}
