//! Request bodies that are waited for, but not for ever.

use std::{
    error::Error,
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use super::body::HttpBody;

/// How long a client may be silent between two pieces of a body: what AWS gives idle connections to APIs. A body that
/// goes on may take as long as it likes.
pub(crate) const SILENCE: Duration = Duration::from_secs(310);

/// A body that ends in an error when nothing more of it has come for too long.
pub(crate) struct Patient<B> {
    body: B,
    silence: Duration,
    /// Runs while the next piece is waited for.
    waiting: Option<Pin<Box<Sleep>>>,
    stalled: Stalled,
}

/// Says whether a body was given up.
#[derive(Clone, Default)]
pub(crate) struct Stalled(Option<Arc<AtomicBool>>);

impl Stalled {
    /// The answer, or what is told to a client whose body did not come. The connection is of no more use then: what
    /// comes next on it would be the rest of the body.
    pub(crate) fn instead(&self, response: Response<HttpBody>) -> Response<HttpBody> {
        if !self.0.as_ref().is_some_and(|stalled| stalled.load(Ordering::Relaxed)) {
            return response;
        }
        let body = Bytes::from_static(b"{\"message\":\"Request Timeout\"}");
        let mut response = Response::new(HttpBody::Whole(Some(body)));
        *response.status_mut() = StatusCode::REQUEST_TIMEOUT;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

impl<B: Body> Patient<B> {
    /// The body, and what becomes of it.
    pub(crate) fn new(body: B, silence: Duration) -> (Self, Stalled) {
        let stalled = Stalled((!body.is_end_stream()).then(Arc::default));
        (Self { body, silence, waiting: None, stalled: stalled.clone() }, stalled)
    }
}

impl<B> Body for Patient<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            this.waiting = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)));
        }
        let silence = this.silence;
        let waiting = this.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep(silence)));
        if waiting.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        if let Some(stalled) = &this.stalled.0 {
            stalled.store(true, Ordering::Relaxed);
        }
        let error = io::Error::new(io::ErrorKind::TimedOut, "nothing more of the body came");
        Poll::Ready(Some(Err(error)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::BodyExt as _;
    use hyper::{body::Incoming, server::conn::http1, service::service_fn};
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// What a server that reads bodies answers to pieces of a request that come so many seconds apart, until it closes
    /// the connection or the client does.
    async fn answered(pieces: &[&str], seconds: u64) -> String {
        let (mut client, server) = tokio::io::duplex(4096);
        let service = service_fn(|request: http::Request<Incoming>| async move {
            let (body, stalled) = Patient::new(request.into_body(), SILENCE);
            let read = body.collect().await.map(|body| body.to_bytes());
            let answer = Response::new(HttpBody::Whole(read.ok()));
            Ok::<_, Infallible>(stalled.instead(answer))
        });
        let serving = tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(server), service));
        for piece in pieces {
            client.write_all(piece.as_bytes()).await.unwrap();
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
        let mut answer = vec![0; 4096];
        let count = client.read(&mut answer).await.unwrap();
        answer.truncate(count);
        if answer.starts_with(b"HTTP/1.1 408") {
            // Whoever still has something to say finds nobody.
            client.read_to_end(&mut answer).await.unwrap();
            assert!(serving.await.unwrap().is_ok());
        }
        String::from_utf8(answer).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stalls_is_given_up_with_its_connection() {
        let began = tokio::time::Instant::now();
        let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n";
        let answer = answered(&[head, "abc"], 1).await;
        assert!(
            answer.contains("connection: close") && answer.ends_with("{\"message\":\"Request Timeout\"}"),
            "{answer}"
        );
        assert_eq!(began.elapsed().as_secs(), 1 + SILENCE.as_secs());
        let chunks = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc";
        assert!(answered(&[chunks], 0).await.starts_with("HTTP/1.1 408"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_goes_on_may_take_its_time() {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n";
        let answer = answered(&[head, "a", "b", "c", "d"], 300).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("abcd"), "{answer}");
    }
}
