//! Invocations whose response is handed on as it comes.

use std::sync::Arc;

use aws_wire::ServiceError;
use bytes::Bytes;
use runtime::InvocationOutcome;
use tokio::{sync::mpsc, task::JoinHandle};

use super::{
    synchronous::{self, Request},
    target::Target,
};
use crate::{environment::running::Streamed, error, service::Inner};

/// As much waits for a slow reader before the function has to.
const PIECES: usize = 16;

/// An invocation that has begun to answer, or has ended.
pub(crate) enum Response {
    /// The function answers in pieces.
    Stream(Pieces),
    /// It did not: all of the answer, or its failure.
    Whole(InvocationOutcome),
}

/// A response under way.
pub(crate) struct Pieces {
    /// The media type that the function gave.
    pub(crate) content_type: Option<String>,
    received: mpsc::Receiver<Streamed>,
    running: JoinHandle<Result<InvocationOutcome, ServiceError>>,
}

impl Pieces {
    /// The next piece; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        loop {
            match self.received.recv().await? {
                Streamed::Bytes(bytes) => return Some(bytes),
                Streamed::Began(_) => {}
            }
        }
    }

    /// What came of the invocation, after the last piece.
    pub(crate) async fn outcome(self) -> Result<InvocationOutcome, ServiceError> {
        ended(self.running.await)
    }
}

fn ended(
    joined: Result<Result<InvocationOutcome, ServiceError>, tokio::task::JoinError>,
) -> Result<InvocationOutcome, ServiceError> {
    joined.unwrap_or_else(|failure| Err(error::service(format!("The invocation was broken off: {failure}"))))
}

/// Runs `request`, and answers as soon as the function begins to, or has ended.
pub(crate) async fn run(
    inner: &Arc<Inner>,
    target: Target,
    mut request: Request,
) -> Result<Response, ServiceError> {
    let (sink, mut received) = mpsc::channel(PIECES);
    request.sink = Some(sink);
    let inner = Arc::clone(inner);
    let mut running = tokio::spawn(async move { synchronous::run(&inner, target, request).await });
    tokio::select! {
        biased;
        Some(streamed) = received.recv() => {
            let content_type = match streamed {
                Streamed::Began(content_type) => content_type,
                Streamed::Bytes(_) => None,
            };
            Ok(Response::Stream(Pieces { content_type, received, running }))
        }
        joined = &mut running => ended(joined).map(Response::Whole),
    }
}
