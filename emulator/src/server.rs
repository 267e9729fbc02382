//! The listener: accepts connections and hands their requests to the front door.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use http::{Request, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use proxy_events::Secured;
use runtime::PolledAgain;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    front_door::{
        Caller, FrontDoor,
        framing::{Heads, Strict},
        patient::{Patient, SILENCE},
    },
    spoken::Spoken,
    tls::Tls,
};

/// How long a client may take to send its headers; slower ones are cut.
const HEADER_TIME: Duration = Duration::from_secs(30);
/// How long a client may take for the handshake of TLS.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// How long open connections are given at the end.
const GRACE: Duration = Duration::from_millis(500);

/// Serves connections, wherever they come from.
pub(crate) struct Server {
    http: http1::Builder,
    door: Arc<FrontDoor>,
    spoken: Arc<Spoken>,
    stop: CancellationToken,
    connections: TaskTracker,
}

impl Server {
    /// Nothing is served until something connects; nothing more once `stop` says so.
    pub(crate) fn new(door: Arc<FrontDoor>, stop: CancellationToken) -> Self {
        let mut http = http1::Builder::new();
        http.title_case_headers(true).timer(TokioTimer::new()).header_read_timeout(HEADER_TIME);
        Self { http, door, spoken: Arc::default(), stop, connections: TaskTracker::new() }
    }

    /// Serves one connection in the background; `secured` says how it is, where it came over TLS.
    pub(crate) fn serve<S>(&self, stream: S, caller: Caller, secured: Option<Secured>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let heads = Heads::default();
        let io = TokioIo::new(Strict::new(stream, heads.clone()));
        let (door, stop) = (Arc::clone(&self.door), self.stop.clone());
        let spoken = Arc::clone(&self.spoken);
        let service = service_fn(move |mut request: Request<Incoming>| {
            if let Some(names) = heads.next() {
                request.extensions_mut().insert(names);
            }
            if let Some(secured) = &secured {
                request.extensions_mut().insert(secured.clone());
            }
            let (door, spoken) = (Arc::clone(&door), Arc::clone(&spoken));
            let closes = request.headers().get(header::CONNECTION);
            let stays_open = closes.is_none_or(|value| !value.as_bytes().eq_ignore_ascii_case(b"close"));
            async move {
                let (parts, body) = request.into_parts();
                let (body, stalled) = Patient::new(body, SILENCE);
                let response = door.handle(Request::from_parts(parts, body), caller).await?;
                let mut response = stalled.instead(response);
                spoken.write(&mut response, stays_open);
                Ok::<_, Infallible>(response)
            }
        });
        let connection = self.http.serve_connection(io, service).with_upgrades();
        self.connections.spawn(PolledAgain::new(async move {
            tokio::pin!(connection);
            tokio::select! {
                done = connection.as_mut() => {
                    if let Err(error) = done {
                        tracing::debug!(?caller, %error, "a connection ended");
                    }
                }
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    let _ = connection.await;
                }
            }
        }));
    }

    /// Does the handshake of a connection in the background, and serves it.
    fn secure(self: &Arc<Self>, tls: &Arc<Tls>, stream: TcpStream, peer: SocketAddr) {
        let (server, tls) = (Arc::clone(self), Arc::clone(tls));
        self.connections.spawn(async move {
            let handshake = tokio::select! {
                handshake = tokio::time::timeout(HANDSHAKE_TIME, tls.accept(stream)) => handshake,
                () = server.stop.cancelled() => return,
            };
            match handshake {
                Ok(Ok((stream, secured))) => server.serve(stream, Caller::Network(peer), Some(secured)),
                Ok(Err(error)) => tracing::debug!(%peer, %error, "a handshake failed"),
                Err(_) => tracing::debug!(%peer, "a handshake took too long"),
            }
        });
    }
}

/// Listens until the server is told to stop, and lets what is open come to its end. With `tls` it speaks nothing else.
pub(crate) async fn listen(listener: TcpListener, server: Arc<Server>, tls: Option<Arc<Tls>>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = server.stop.cancelled() => break,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of descriptors, most likely: others are served while this one waits.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        // Small answers must not wait for more to send; a socket that refuses works all the same.
        let _ = stream.set_nodelay(true);
        match &tls {
            None => server.serve(stream, Caller::Network(peer), None),
            Some(tls) => server.secure(tls, stream, peer),
        }
    }
    server.connections.close();
    let _ = tokio::time::timeout(GRACE, server.connections.wait()).await;
}
