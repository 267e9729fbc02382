//! Connections: to what was checked, over TLS where the address says so.

use std::{
    error::Error,
    io,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{self, Poll},
};

use futures::future::BoxFuture;
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{
    client::legacy::{
        self,
        connect::{Connected, Connection},
    },
    rt::TokioIo,
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream, rustls::pki_types::ServerName};

use crate::{OutboundError, address, tls};

/// Opens connections.
#[derive(Clone)]
pub(crate) struct Connect {
    tls: Arc<OnceLock<TlsConnector>>,
    /// The name of every server, where it is not the address's.
    server_name: Option<ServerName<'static>>,
    /// Where every connection goes, where that is not what the address says.
    at: Option<(String, u16)>,
}

/// An open connection.
pub(crate) enum Stream {
    Plain(TokioIo<TcpStream>),
    Tls(Box<TokioIo<TlsStream<TcpStream>>>),
}

impl Connect {
    pub fn new(
        tls: Arc<OnceLock<TlsConnector>>,
        server_name: Option<ServerName<'static>>,
        at: Option<(String, u16)>,
    ) -> Self {
        Self { tls, server_name, at }
    }

    async fn open(self, uri: Uri) -> Result<Stream, OutboundError> {
        let asked = uri.host().ok_or_else(|| OutboundError::NoAddress(uri.to_string()))?;
        let is_secure = uri.scheme_str() == Some("https");
        let (host, port) = match &self.at {
            Some((host, port)) => (host.as_str(), *port),
            None => (asked, uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 })),
        };
        let address = address::resolve(host, port).await?;
        let stream = TcpStream::connect(address).await.map_err(|error| {
            OutboundError::Unreachable(format!("{host}:{port} cannot be reached: {error}"))
        })?;
        // Waiting for more to send is for servers far away; where it cannot be turned off, it is only slower.
        let _ = stream.set_nodelay(true);
        if !is_secure {
            return Ok(Stream::Plain(TokioIo::new(stream)));
        }
        let connector = self.tls.get_or_init(tls::platform);
        let name = self
            .server_name
            .or_else(|| tls::server_name(asked.trim_start_matches('[').trim_end_matches(']')))
            .ok_or_else(|| OutboundError::NoAddress(uri.to_string()))?;
        let stream = connector.connect(name, stream).await;
        let stream =
            stream.map_err(|error| OutboundError::Tls(format!("TLS with {host}:{port} failed: {error}")))?;
        Ok(Stream::Tls(Box::new(TokioIo::new(stream))))
    }
}

impl tower_service::Service<Uri> for Connect {
    type Response = Stream;
    type Error = OutboundError;
    type Future = BoxFuture<'static, Result<Stream, OutboundError>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<(), OutboundError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().open(uri))
    }
}

/// What a failure of the client was.
pub(crate) fn failed(error: &legacy::Error, at: &str) -> OutboundError {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    let mut text = error.to_string();
    while let Some(found) = cause {
        if let Some(known) = found.downcast_ref::<OutboundError>() {
            return known.clone();
        }
        text = found.to_string();
        cause = found.source();
    }
    OutboundError::Broken(format!("{at} gave no answer: {text}"))
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl Write for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut task::Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
