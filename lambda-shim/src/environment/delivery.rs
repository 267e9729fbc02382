//! The way of one subscription's events into the sandbox: HTTP requests, or lines over one TCP connection.

use std::{io, sync::Arc, time::Duration};

use bytes::{BufMut, Bytes, BytesMut};
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;

use super::telemetry::Connect;
use crate::{options::Connection, runtime_api::subscription::Destination};

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(5);
/// Waits between attempts.
const WAITS: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(250)];

/// See the module.
pub(super) struct Delivery {
    connect: Option<Arc<dyn Connect>>,
    destination: Destination,
    open: Open,
}

enum Open {
    Nothing,
    Http(SendRequest<Full<Bytes>>),
    Tcp(Box<dyn Connection>),
}

impl Delivery {
    pub(super) fn new(connect: Option<Arc<dyn Connect>>, destination: Destination) -> Self {
        Self { connect, destination, open: Open::Nothing }
    }

    /// Delivers events; `false` if that was not possible after some attempts.
    pub(super) async fn deliver(&mut self, events: &[Bytes]) -> bool {
        let mut waits = WAITS.iter();
        loop {
            match tokio::time::timeout(ATTEMPT, self.attempt(events)).await {
                Ok(Ok(())) => return true,
                Ok(Err(error)) => tracing::debug!(%error, "telemetry could not be delivered"),
                Err(_) => tracing::debug!("telemetry was not taken in time"),
            }
            self.open = Open::Nothing;
            let Some(wait) = waits.next() else { return false };
            tokio::time::sleep(*wait).await;
        }
    }

    async fn attempt(&mut self, events: &[Bytes]) -> io::Result<()> {
        self.make_open().await?;
        match (&mut self.open, &self.destination) {
            (Open::Http(sender), Destination::Http { method, authority, path, .. }) => {
                let request = Request::builder()
                    .method(method)
                    .uri(path)
                    .header(header::HOST, authority)
                    .header(header::CONTENT_TYPE, "application/json")
                    .body(Full::new(joined(events, b"[", b",", b"]")))
                    .map_err(io::Error::other)?;
                let answer = sender.send_request(request).await.map_err(io::Error::other)?;
                let status = answer.status();
                // Read to its end, so that the connection can be used again.
                answer.into_body().collect().await.map_err(io::Error::other)?;
                if status.is_success() { Ok(()) } else { Err(refused(status)) }
            }
            (Open::Tcp(stream), Destination::Tcp { .. }) => {
                stream.write_all(&joined(events, b"", b"\n", b"\n")).await?;
                stream.flush().await
            }
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    async fn make_open(&mut self) -> io::Result<()> {
        match &self.open {
            Open::Http(sender) if !sender.is_closed() => return Ok(()),
            Open::Tcp(_) => return Ok(()),
            Open::Http(_) | Open::Nothing => {}
        }
        let connect = self.connect.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        let stream = connect.connect(self.destination.port()).await?;
        self.open = match &self.destination {
            Destination::Tcp { .. } => Open::Tcp(stream),
            Destination::Http { .. } => {
                let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
                    .await
                    .map_err(io::Error::other)?;
                // It ends when the sender is dropped.
                tokio::spawn(async move { drop(connection.await) });
                Open::Http(sender)
            }
        };
        Ok(())
    }
}

fn refused(status: StatusCode) -> io::Error {
    io::Error::other(format!("the extension answered {status}"))
}

fn joined(events: &[Bytes], before: &[u8], between: &[u8], behind: &[u8]) -> Bytes {
    let size = events.iter().map(|event| event.len() + 1).sum::<usize>() + 2;
    let mut whole = BytesMut::with_capacity(size);
    whole.put_slice(before);
    for (number, event) in events.iter().enumerate() {
        if number > 0 {
            whole.put_slice(between);
        }
        whole.put_slice(event);
    }
    whole.put_slice(behind);
    whole.freeze()
}
