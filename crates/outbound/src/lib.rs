//! The way out: requests to HTTP servers of the user's, for API Gateway's HTTP integrations, `http:invoke`, API
//! destinations and subscriptions.
//!
//! An address is data, so it could name what only this machine may reach. The rules are in [`address`]: link-local
//! addresses (the instance metadata of clouds) and Tule's own admin routes are refused; a name is resolved once, all its
//! addresses are checked, and the connection goes to what was checked; redirects are handed back, never followed.
//! Connections wait a moment for the next request to the same server. Knows no service. Start at [`Outbound::send`];
//! [`connection`] is how requests are authorised.

mod address;
mod connect;
pub mod connection;
mod tls;

use std::{
    io,
    pin::Pin,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use http::{HeaderValue, Request, Response, Uri, header, uri::PathAndQuery};
use http_body_util::{BodyExt as _, BodyStream, Full, Limited};
use hyper::body::Incoming;
use hyper_util::{client::legacy::Client, rt::TokioTimer};
use runtime::PolledAgain;
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use connect::Connect;
pub use tls::{Special, is_server_name};

/// The most that an answer read whole may have.
const MOST_ANSWER: usize = 10 * 1024 * 1024;
/// How long a connection waits for its next request. Servers cut theirs after seconds; a request must not meet that.
const IDLE: Duration = Duration::from_secs(1);
/// How many connections to a server may wait.
const MOST_IDLE: usize = 64;

/// The client that all services share, with its connections. Cheap to clone.
#[derive(Clone)]
pub struct Outbound(Arc<Inner>);

struct Inner {
    /// The port that Tule itself listens on.
    own_port: u16,
    /// The port that all connections go to, where that is not what addresses say.
    port: Option<u16>,
    /// Made when it is first needed: reading the platform's certificates takes some milliseconds.
    tls: Arc<OnceLock<TlsConnector>>,
    client: Client<Connect, Full<Bytes>>,
}

/// Where connections run.
#[derive(Clone)]
struct Tasks;

impl<F: Future<Output: Send> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, connection: F) {
        tokio::spawn(PolledAgain::new(connection));
    }
}

/// A body as it comes.
pub type Streamed = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

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
        Self::of_port(own.as_ref().and_then(Uri::port_u16).unwrap_or(80), Arc::default(), None, None)
    }

    fn of_port(
        own_port: u16,
        tls: Arc<OnceLock<TlsConnector>>,
        server_name: Option<ServerName<'static>>,
        at: Option<(String, u16)>,
    ) -> Self {
        let port = at.as_ref().map(|(_, port)| *port);
        let client = Client::builder(Tasks)
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MOST_IDLE)
            .build(Connect::new(Arc::clone(&tls), server_name, at));
        Self(Arc::new(Inner { own_port, port, tls, client }))
    }

    /// The same, trusting only the given certificates (DER); for tests.
    pub fn trusting(own_endpoint: &str, roots: Vec<Vec<u8>>) -> Self {
        let made = Self::new(own_endpoint);
        // It is new: nobody has set it.
        let _ = made.0.tls.set(tls::connector(roots.into_iter().map(Into::into)));
        made
    }

    /// A client of its own, whose connections are as `special` says.
    pub fn special(&self, special: &Special) -> Result<Self, OutboundError> {
        let name = special.server_name.as_deref().map(|name| {
            let no_name = || OutboundError::Tls(format!("{name} is no name that a certificate can have"));
            tls::server_name(name).ok_or_else(no_name)
        });
        // Where only the name is special, the same issuers are trusted.
        let connector = if special.any_issuer || special.identity.is_some() {
            let made = tls::special(special).map_err(|error| OutboundError::Tls(error.to_string()))?;
            Arc::new(OnceLock::from(made))
        } else {
            Arc::clone(&self.0.tls)
        };
        Ok(Self::of_port(self.0.own_port, connector, name.transpose()?, special.at.clone()))
    }

    /// Sends a request to the absolute address in it; the answer is read whole.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, OutboundError> {
        let (at, response) = self.open(request).await?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, MOST_ANSWER).collect().await;
        let body = body
            .map_err(|error| OutboundError::Broken(format!("the answer of {at} broke off: {error}")))?
            .to_bytes();
        Ok(Response::from_parts(parts, body))
    }

    /// Sends a request to the absolute address in it; the answer's body is read as it comes, however long it is.
    pub async fn stream(&self, request: Request<Bytes>) -> Result<Response<Streamed>, OutboundError> {
        let (at, response) = self.open(request).await?;
        Ok(response.map(|body| -> Streamed {
            Box::pin(BodyStream::new(body).filter_map(move |frame| {
                let read = match frame {
                    Ok(frame) => frame.into_data().ok().map(Ok),
                    Err(error) => {
                        Some(Err(io::Error::other(format!("the answer of {at} broke off: {error}"))))
                    }
                };
                std::future::ready(read)
            }))
        }))
    }

    /// The server that answers, for texts, and the beginning of its answer.
    async fn open(&self, request: Request<Bytes>) -> Result<(String, Response<Incoming>), OutboundError> {
        let (mut parts, body) = request.into_parts();
        let uri = &parts.uri;
        let no_address = || OutboundError::NoAddress(uri.to_string());
        let default_port = match uri.scheme_str() {
            Some("http") => 80,
            Some("https") => 443,
            _ => return Err(no_address()),
        };
        let authority = uri.authority().filter(|authority| !authority.host().is_empty());
        let authority = authority.ok_or_else(no_address)?;
        let port = self.0.port.or(authority.port_u16()).unwrap_or(default_port);
        let at = format!("{}:{port}", authority.host());
        address::refuse_own_admin(self.0.own_port, port, uri)?;
        if let Ok(value) = HeaderValue::from_str(authority.as_str().rsplit('@').next().unwrap_or_default()) {
            parts.headers.insert(header::HOST, value);
        }
        if uri.path().is_empty() {
            let mut whole = std::mem::take(&mut parts.uri).into_parts();
            whole.path_and_query = Some(PathAndQuery::from_static("/"));
            parts.uri = Uri::from_parts(whole).expect("an address is one with a path too");
        }
        let request = Request::from_parts(parts, Full::new(body));
        let response = self.0.client.request(request).await.map_err(|error| connect::failed(&error, &at))?;
        Ok((at, response))
    }
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbound").field("own_port", &self.0.own_port).finish_non_exhaustive()
    }
}
