//! The listener: accepts connections and hands their requests to the front door.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::front_door::{FrontDoor, framing::Strict};

/// How long a client may take to send its headers; slower ones are cut.
const HEADER_TIME: Duration = Duration::from_secs(30);
/// How long open connections are given at the end.
const GRACE: Duration = Duration::from_millis(500);

/// Serves until `stop` says so.
pub(crate) async fn serve(listener: TcpListener, door: Arc<FrontDoor>, stop: CancellationToken) {
    let mut http = http1::Builder::new();
    http.title_case_headers(true).timer(TokioTimer::new()).header_read_timeout(HEADER_TIME);
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of descriptors, most likely: others are served while this one waits.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        // Small answers must not wait for more to send; a socket that refuses works all the same.
        let _ = stream.set_nodelay(true);
        connections.spawn(connection(
            http.clone(),
            TokioIo::new(Strict::new(stream)),
            peer,
            Arc::clone(&door),
            stop.clone(),
        ));
    }
    connections.close();
    let _ = tokio::time::timeout(GRACE, connections.wait()).await;
}

async fn connection(
    http: http1::Builder,
    io: TokioIo<Strict<tokio::net::TcpStream>>,
    peer: SocketAddr,
    door: Arc<FrontDoor>,
    stop: CancellationToken,
) {
    let service = service_fn(move |request| Arc::clone(&door).handle(request, peer));
    let connection = http.serve_connection(io, service).with_upgrades();
    tokio::pin!(connection);
    tokio::select! {
        done = connection.as_mut() => {
            if let Err(error) = done {
                tracing::debug!(%peer, %error, "a connection ended");
            }
        }
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}
