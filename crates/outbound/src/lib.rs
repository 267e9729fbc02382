//! The way out: requests to HTTP servers of the user's, for API Gateway's HTTP integrations, `http:invoke`, API
//! destinations and subscriptions.
//!
//! An address is data, so it could name what only this machine may reach. The rules are in [`address`]: link-local
//! addresses (the instance metadata of clouds) and Tule's own admin routes are refused; a name is resolved once, all its
//! addresses are checked, and the connection goes to what was checked; redirects are handed back, never followed.
//! Knows no service. Start at [`Outbound::send`]; [`connection`] is how requests are authorised.

mod address;
pub mod connection;
mod tls;

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

/// The most that an answer may have.
const MOST_ANSWER: usize = 10 * 1024 * 1024;

/// The client that all services share. Cheap to clone.
#[derive(Clone)]
pub struct Outbound(Arc<Inner>);

struct Inner {
    /// The port that Tule itself listens on.
    own_port: u16,
    /// Made when it is first needed: reading the platform's certificates takes some milliseconds.
    tls: OnceLock<TlsConnector>,
}

/// Why a request got no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// It is no address of a server.
    #[error("{0} is no http:// or https:// address")]
    NoAddress(String),
    /// It is one that requests may not go to.
    #[error("{0}")]
    Refused(String),
    /// No connection came about.
    #[error("{0}")]
    Unreachable(String),
    /// The server's certificate is not trusted, or TLS failed otherwise.
    #[error("{0}")]
    Tls(String),
    /// The connection broke, or what came was no HTTP, or too much.
    #[error("{0}")]
    Broken(String),
}

impl Outbound {
    /// A client that keeps off the admin routes of the Tule at `own_endpoint` (`http://127.0.0.1:4566`).
    pub fn new(own_endpoint: &str) -> Self {
        let own: Option<Uri> = own_endpoint.parse().ok();
        let own_port = own.as_ref().and_then(Uri::port_u16).unwrap_or(80);
        Self(Arc::new(Inner { own_port, tls: OnceLock::new() }))
    }

    /// The same, trusting only the given certificates (DER); for tests.
    pub fn trusting(own_endpoint: &str, roots: Vec<Vec<u8>>) -> Self {
        let made = Self::new(own_endpoint);
        // It is new: nobody has set it.
        let _ = made.0.tls.set(tls::connector(roots.into_iter().map(Into::into)));
        made
    }

    /// Sends a request to the absolute address in it.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, OutboundError> {
        let (mut parts, body) = request.into_parts();
        let uri = std::mem::take(&mut parts.uri);
        let secure = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(OutboundError::NoAddress(uri.to_string())),
        };
        let host = uri.host().ok_or_else(|| OutboundError::NoAddress(uri.to_string()))?;
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let address = address::resolve(host, port).await?;
        address::refuse_own_admin(self.0.own_port, address, &uri)?;
        let authority = uri.authority().map_or(host, |authority| authority.as_str());
        if let Ok(value) = HeaderValue::from_str(authority.rsplit('@').next().unwrap_or_default()) {
            parts.headers.insert(header::HOST, value);
        }
        let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        parts.uri = path.parse().map_err(|_| OutboundError::NoAddress(uri.to_string()))?;
        let request = Request::from_parts(parts, Full::new(body));
        let stream = TcpStream::connect(address).await.map_err(|error| {
            OutboundError::Unreachable(format!("{host}:{port} cannot be reached: {error}"))
        })?;
        let at = format!("{host}:{port}");
        if !secure {
            return exchange(stream, request, &at).await;
        }
        let connector = self.0.tls.get_or_init(tls::platform);
        let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = tokio_rustls::rustls::pki_types::ServerName::try_from(name)
            .map_err(|_| OutboundError::NoAddress(uri.to_string()))?;
        let stream = connector
            .connect(name, stream)
            .await
            .map_err(|error| OutboundError::Tls(format!("TLS with {at} failed: {error}")))?;
        exchange(stream, request, &at).await
    }
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbound").field("own_port", &self.0.own_port).finish_non_exhaustive()
    }
}

/// One request and its answer over a connection that ends with them.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    request: Request<Full<Bytes>>,
    at: &str,
) -> Result<Response<Bytes>, OutboundError> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake::<_, Full<Bytes>>(TokioIo::new(stream))
            .await
            .map_err(|error| OutboundError::Broken(format!("{at} does not speak HTTP: {error}")))?;
    // Nothing waits for this task but the answer.
    tokio::spawn(connection);
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| OutboundError::Broken(format!("{at} gave no answer: {error}")))?;
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, MOST_ANSWER).collect().await;
    let body = body
        .map_err(|error| OutboundError::Broken(format!("the answer of {at} broke off: {error}")))?
        .to_bytes();
    Ok(Response::from_parts(parts, body))
}
